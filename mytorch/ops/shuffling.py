"""Moving elements between channels and space, and channels among each other: reshapes and permutations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.ops import shape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _check(name: str, input: Any, least: int, factor: int, what: str) -> None:
    if input.array.ndim < least:
        raise RuntimeError(
            f"{name} expects input to have at least {least} dimensions, but got input with {input.array.ndim} "
            "dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} expects {what}, but got {factor}")


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Images r times as high and wide from r² as many channels: (..., C r², H, W) to (..., C, H r, W r).

    Source: W. Shi and others, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", 2016.

    Raises:
        RuntimeError: fewer than three dimensions, or channels that r² does not divide.

    >>> import mytorch
    >>> mytorch.pixel_shuffle(mytorch.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    r = upscale_factor
    _check("pixel_shuffle", input, 3, r, "a positive upscale_factor")
    *lead, channels, height, width = input.array.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    apart = shape.reshape(input, *lead, channels // (r * r), r, r, height, width)
    moved = shape.permute(apart, *range(n), n, n + 3, n + 1, n + 4, n + 2)
    return shape.reshape(moved, *lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The reverse of `pixel_shuffle`: (..., C, H r, W r) to (..., C r², H, W).

    Raises:
        RuntimeError: fewer than three dimensions, or a height or width that r does not divide.

    >>> import mytorch
    >>> mytorch.pixel_unshuffle(mytorch.arange(4).reshape(1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    r = downscale_factor
    _check("pixel_unshuffle", input, 3, r, "a positive downscale_factor")
    *lead, channels, height, width = input.array.shape
    for side, size, where in (("height", height, -2), ("width", width, -1)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {side} to be divisible by downscale_factor, but input.size({where})={size} "
                f"is not divisible by {r}"
            )
    n = len(lead)
    apart = shape.reshape(input, *lead, channels, height // r, r, width // r, r)
    moved = shape.permute(apart, *range(n), n, n + 2, n + 4, n + 1, n + 3)
    return shape.reshape(moved, *lead, channels * r * r, height // r, width // r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels (dimension 1) in another order: the first of every group, then the second of every group, and so on.

    Source: X. Zhang and others, "ShuffleNet", 2017.

    Raises:
        RuntimeError: fewer than three dimensions, or channels that cannot be divided into that many groups.

    >>> import mytorch
    >>> mytorch.channel_shuffle(mytorch.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    _check("channel_shuffle", input, 3, groups, "number of groups to divide channels in to be positive")
    batch, channels, *space = input.array.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )
    apart = shape.reshape(input, batch, groups, channels // groups, *space)
    return shape.reshape(shape.transpose(apart, 1, 2), input.array.shape)


native_channel_shuffle = channel_shuffle
