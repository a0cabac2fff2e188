"""The way back from `max_pool` with indices: maxima at the places that they were taken from, zeros elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import TABLE
from mytorch.ops import shape
from mytorch.ops.adaptive_pooling import adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d
from mytorch.ops.pooling import as_numbers, max_pool

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d_with_indices",
    "max_pool1d_with_indices", "max_pool2d_with_indices", "max_pool3d_with_indices", "max_unpool1d", "max_unpool2d",
    "max_unpool3d",
]  # fmt: skip

Numbers = int | Sequence[int]


def _sizes(input: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any, dims: int) -> tuple[int, ...]:
    """The sizes before pooling: as given, if pooling them could have made this input; else the smallest ones."""
    name = f"max_unpool{dims}d"
    kernel = as_numbers(name, "kernel_size", kernel_size, dims)
    step = kernel if stride is None else as_numbers(name, "stride", stride, dims)
    pads = as_numbers(name, "padding", padding, dims)
    usual = [(n - 1) * s + k - 2 * p for n, s, k, p in zip(input.array.shape[-dims:], step, kernel, pads, strict=True)]
    if output_size is None:
        return _not_negative(tuple(usual))
    given = tuple(output_size)
    if len(given) == dims + 2:
        given = given[2:]
    if len(given) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of "
            f"'{len(given)}'"
        )
    for d, (n, middle, s) in enumerate(zip(given, usual, step, strict=True)):
        if not middle - s < n < middle + s:
            raise ValueError(
                f'invalid output_size "{output_size}" (dim {d} must be between {middle - s} and {middle + s})'
            )
    return _not_negative(given)


def _not_negative(sizes: tuple[int, ...]) -> tuple[int, ...]:
    for d, n in enumerate(sizes):
        if n < 0:
            raise ValueError(
                f"max_unpooling: output_size must contain non-negative spatial dimensions, but got output_size[{d}]={n}"
            )
    return sizes


def _unpool(dims: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    sizes = _sizes(input, kernel_size, stride, padding, output_size, dims)
    x, places = input.array, indices.array
    if places.dtype != np.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {indices.dtype}")
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to max_unpooling{dims}d should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with dim "
            f"{x.ndim}"
        )
    if x.shape != places.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) but got indices "
            f"tensor with shape: {list(places.shape)}"
        )
    if 0 in x.shape[x.ndim - dims - 1 :]:
        raise RuntimeError(
            f"max_unpooling{dims}d(): Expected input to have non-zero size for non-batch dimensions, but got "
            f"{list(x.shape)}"
        )
    count = math.prod(sizes)
    if places.size and not 0 <= places.min() <= places.max() < count:
        bad = places[(places < 0) | (places >= count)].flat[0]
        raise RuntimeError(f"Found an invalid max index: {bad} (output volumes are of size {'x'.join(map(str, sizes))}")
    lead = x.shape[: x.ndim - dims]
    flat = shape.reshape(input, *lead, math.prod(x.shape[-dims:]))
    empty = wrap(np.zeros((*lead, count), x.dtype))
    index = wrap(places.reshape(flat.array.shape))
    return shape.reshape(apply(TABLE["scatter"], empty, index, flat, axis=len(lead)), *lead, *sizes)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool1d`; see `max_unpool2d`.

    >>> import mytorch
    >>> pooled = mytorch.nn.functional.max_pool1d(mytorch.tensor([[1.0, 3.0, 4.0, 2.0]]), 2, return_indices=True)
    >>> mytorch.nn.functional.max_unpool1d(*pooled, 2)
    tensor([[0., 3., 4., 0.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool2d`: maxima go back to where `indices` says, all else is 0.

    Args:
        input, indices: what `max_pool2d(..., return_indices=True)` gave.
        kernel_size, stride, padding: as they were given there.
        output_size: the sizes before pooling, where several are possible.

    Raises:
        RuntimeError: shapes that do not fit, or an index outside of the result.
        ValueError: an impossible `output_size`.

    >>> import mytorch
    >>> pooled = mytorch.nn.functional.max_pool2d(mytorch.arange(4.0).reshape(1, 2, 2), 2, return_indices=True)
    >>> mytorch.nn.functional.max_unpool2d(*pooled, 2)
    tensor([[[0., 0.],
             [0., 3.]]])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The partial inverse of `max_pool3d`; see `max_unpool2d`.

    >>> import mytorch
    >>> pooled = mytorch.nn.functional.max_pool3d(mytorch.arange(8.0).reshape(1, 2, 2, 2), 2, return_indices=True)
    >>> mytorch.nn.functional.max_unpool3d(*pooled, 2).flatten()
    tensor([0., 0., 0., 0., 0., 0., 0., 7.])
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# --- pooling that returns indices in any case -----------------------------------------------------------------------


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d` with `return_indices`, whatever that argument says.

    >>> import mytorch
    >>> mytorch.nn.functional.max_pool1d_with_indices(mytorch.tensor([[1.0, 3.0]]), 2)
    (tensor([[3.]]), tensor([[1]]))
    """
    return max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` with `return_indices`, whatever that argument says."""
    return max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d` with `return_indices`, whatever that argument says."""
    return max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` with `return_indices`, whatever that argument says."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d` with `return_indices`, whatever that argument says."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d` with `return_indices`, whatever that argument says."""
    return adaptive_max_pool3d(input, output_size, True)
