"""Layers that only move elements: shapes, patches, pixels and channels, and images in another size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints
from mytorch.interop.onnx_layers.conv import bordered
from mytorch.interop.onnx_layers.pooling import adaptive_average
from mytorch.ops.interpolation import nearest_places, target_sizes
from mytorch.ops.pooling import as_numbers


def _to_out_shape(layer: Layer, _module: nn.Module, x: str) -> str:
    return layer.reshape(x, layer.out_shape)


# --- channels and pixels --------------------------------------------------------------------------------------------


def _shuffled(layer: Layer, x: str, apart: tuple[int, ...], order: list[int]) -> str:
    """Split dimensions (the shape `apart`), put them in another order, join them to the result's shape."""
    moved = layer.node("Transpose", layer.reshape(x, apart), perm=order)
    return layer.reshape(moved, layer.out_shape)


def _pixel_shuffle(layer: Layer, module: nn.PixelShuffle, x: str) -> str:
    *lead, channels, height, width = layer.shape
    r, n = module.upscale_factor, len(lead)
    order = [*range(n), n, n + 3, n + 1, n + 4, n + 2]
    return _shuffled(layer, x, (*lead, channels // r**2, r, r, height, width), order)


def _pixel_unshuffle(layer: Layer, module: nn.PixelUnshuffle, x: str) -> str:
    *lead, channels, height, width = layer.shape
    r, n = module.downscale_factor, len(lead)
    order = [*range(n), n, n + 2, n + 4, n + 1, n + 3]
    return _shuffled(layer, x, (*lead, channels, height // r, r, width // r, r), order)


def _channel_shuffle(layer: Layer, module: nn.ChannelShuffle, x: str) -> str:
    batch, channels, *space = layer.shape
    apart = (batch, module.groups, channels // module.groups, *space)
    return _shuffled(layer, x, apart, [0, 2, 1, *range(3, len(apart))])


# --- patches --------------------------------------------------------------------------------------------------------


def _patch_arguments(module: Any) -> tuple[tuple[int, ...], ...]:
    names = ("kernel_size", "dilation", "padding", "stride")
    return tuple(as_numbers(type(module).__name__, name, getattr(module, name), 2) for name in names)


def _unfold(layer: Layer, module: nn.Unfold, x: str) -> str:
    """Each element of the result by its number in the image, with its border."""
    layer.check_batched(4)
    kernel, dilation, padding, stride = _patch_arguments(module)
    x = bordered(layer, x, [padding[1], padding[1], padding[0], padding[0]], "constant")
    sizes = [n + 2 * p for n, p in zip(layer.shape[2:], padding, strict=True)]
    places = []
    for n, k, d, s in zip(sizes, kernel, dilation, stride, strict=True):
        starts = np.arange(0, n - d * (k - 1), s)
        places.append(d * np.arange(k)[:, None] + starts)  # (kernel, windows) along one axis
    rows, columns = places
    numbers = rows[:, None, :, None] * sizes[1] + columns[None, :, None, :]
    pixels = layer.reshape(x, (0, layer.shape[1], math.prod(sizes)))
    return layer.reshape(layer.node("Gather", pixels, numbers.reshape(-1), axis=2), layer.out_shape)


def _fold(layer: Layer, module: nn.Fold, x: str) -> str:
    layer.check_batched(3)
    kernel, dilation, padding, stride = _patch_arguments(module)
    size = as_numbers("Fold", "output_size", module.output_size, 2)
    return layer.node(
        "Col2Im", x, ints(*size), ints(*kernel), dilations=dilation, pads=[*padding, *padding], strides=stride
    )


# --- images in another size -----------------------------------------------------------------------------------------


def _upsample(layer: Layer, module: nn.Upsample, x: str) -> str:
    space, size = layer.shape[2:], layer.out_shape[2:]
    if module.mode == "area":
        return adaptive_average(layer, x, size)
    _, factors = target_sizes(space, module.size, module.scale_factor, bool(module.recompute_scale_factor))
    if module.mode.startswith("nearest"):
        return _nearest(layer, x, module.mode == "nearest-exact", factors)
    axes = list(range(2, len(layer.shape)))
    given = [None, ints(*size)]
    if any(f is not None and n * f != m for n, f, m in zip(space, factors, size, strict=True)):
        given = [np.array(factors, np.float32), None]
    return layer.node(
        "Resize", x, None, *given, axes=axes, mode="cubic" if module.mode == "bicubic" else "linear",
        coordinate_transformation_mode="align_corners" if module.align_corners else "half_pixel",
        cubic_coeff_a=-0.75,
    )  # fmt: skip


def _nearest(layer: Layer, x: str, exact: bool, factors: tuple[float | None, ...]) -> str:
    """A `Resize` where sizes are multiplied by whole numbers, elsewhere each element by its number.

    There runtimes differ from PyTorch, and from each other, in how they round.
    """
    space, size = layer.shape[2:], layer.out_shape[2:]
    if all(m % n == 0 and f in (None, m // n) for n, m, f in zip(space, size, factors, strict=True)):
        return layer.node(
            "Resize", x, None, None, ints(*size), axes=list(range(2, len(layer.shape))), mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
    for axis, (n, m, factor) in enumerate(zip(space, size, factors, strict=True), start=2):
        x = layer.node("Gather", x, nearest_places(n, m, factor, exact), axis=axis)
    return x


EMITTERS: dict[type[nn.Module], Emitter] = {
    nn.ChannelShuffle: _channel_shuffle,
    nn.Flatten: _to_out_shape,
    nn.Fold: _fold,
    nn.PixelShuffle: _pixel_shuffle,
    nn.PixelUnshuffle: _pixel_unshuffle,
    nn.Unflatten: _to_out_shape,
    nn.Unfold: _unfold,
    **dict.fromkeys((nn.Upsample, nn.UpsamplingBilinear2d, nn.UpsamplingNearest2d), _upsample),
}
