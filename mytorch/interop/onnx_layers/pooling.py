"""Pooling layers.

The sizes of a `ceil_mode` pooling are known when the nodes are written, so the places that its last windows lack are
added as a border: runtimes have disagreed on what that mode means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints
from mytorch.interop.onnx_layers.conv import bordered
from mytorch.ops.adaptive_pooling import averaging_matrix, window_bounds
from mytorch.ops.pooling import as_numbers

Sizes = tuple[int, ...]


def _per_channel(dims: Callable[[Any], int], emit: Callable[..., str]) -> Emitter:
    """For layers that treat all channels alike: rows without a channel get one meanwhile."""

    def written(layer: Layer, module: Any, x: str) -> str:
        if len(layer.shape) == dims(module) + 2:
            return emit(layer, module, x)
        inner = _WithChannel(layer)
        return layer.node("Squeeze", emit(inner, module, layer.node("Unsqueeze", x, ints(1))), ints(1))

    return written


class _WithChannel:
    """A layer whose shapes have a channel of size 1 behind the batch."""

    def __init__(self, layer: Layer) -> None:
        self.shape = (layer.shape[0], 1, *layer.shape[1:])
        self.out_shape = (layer.out_shape[0], 1, *layer.out_shape[1:])
        self.dtype = layer.dtype
        self.node = layer.node
        self.reshape = layer.reshape


class _Windows:
    """Where the windows of a pooling lie."""

    def __init__(self, layer: Layer, module: Any, dims: int, padding: Any = 0, dilation: Any = 1) -> None:
        def numbers(name: str, value: Any) -> Sizes:
            return tuple(as_numbers(type(module).__name__, name, value, dims))

        self.kernel = numbers("kernel_size", module.kernel_size)
        self.stride = self.kernel if module.stride is None else numbers("stride", module.stride)
        self.padding = numbers("padding", padding)
        self.dilation = numbers("dilation", dilation)
        self.space, self.size = layer.shape[-dims:], layer.out_shape[-dims:]
        reach = [
            (m - 1) * s + d * (k - 1) + 1 - (n + 2 * p)
            for n, m, k, s, p, d in zip(
                self.space, self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        ]
        self.overhang = tuple(max(0, n) for n in reach)  # places that the last windows lack

    @property
    def border(self) -> list[int]:
        """Padding and overhang as `bordered` takes them."""
        pairs = [(p, p + over) for p, over in zip(self.padding, self.overhang, strict=True)]
        return [side for pair in reversed(pairs) for side in pair]

    @property
    def pads(self) -> list[int]:
        """The same as an attribute of a node."""
        return [*self.padding, *(p + over for p, over in zip(self.padding, self.overhang, strict=True))]


def _max_pool(layer: Layer, module: Any, x: str) -> str:
    windows = _Windows(layer, module, module.dims, module.padding, module.dilation)
    pads = windows.pads
    if any(p >= k for p, k in zip(pads, windows.kernel * 2, strict=True)):  # more than a node takes
        x, pads = bordered(layer, x, windows.border, "constant", -math.inf), [0] * len(pads)
    return layer.node(
        "MaxPool", x, kernel_shape=windows.kernel, strides=windows.stride, dilations=windows.dilation, pads=pads
    )


def _average(layer: Layer, x: str, windows: _Windows, count_pad: bool = True, divisor: int | None = None) -> str:
    arguments = {"kernel_shape": windows.kernel, "strides": windows.stride}
    if divisor is None and not any(windows.overhang):
        return layer.node("AveragePool", x, **arguments, pads=windows.pads, count_include_pad=int(count_pad))
    mean = layer.node("AveragePool", bordered(layer, x, windows.border, "constant"), **arguments)
    counts = np.ones((), np.float64)
    for n, m, k, s, p in zip(windows.space, windows.size, windows.kernel, windows.stride, windows.padding, strict=True):
        first, last = (0, n + 2 * p) if count_pad else (p, p + n)
        starts = s * np.arange(m)
        along = np.minimum(starts + k, last) - np.maximum(starts, first)
        counts = np.multiply.outer(counts, along if divisor is None else np.ones(m))
    total = math.prod(windows.kernel)
    return layer.node("Mul", mean, (total / (counts * (divisor or 1))).astype(layer.dtype))


def _avg_pool(layer: Layer, module: Any, x: str) -> str:
    windows = _Windows(layer, module, _avg_dims(module), module.padding)
    return _average(layer, x, windows, module.count_include_pad, getattr(module, "divisor_override", None))


def _avg_dims(module: Any) -> int:
    return getattr(module, "dims", 1)


def _lp_pool(layer: Layer, module: Any, x: str) -> str:
    """As PyTorch has it: no absolute values are taken first."""
    windows = _Windows(layer, module, module.dims)
    p = float(module.norm_type)
    mean = _average(layer, layer.node("Pow", x, p), windows)
    return layer.node("Pow", layer.node("Mul", mean, math.prod(windows.kernel)), 1 / p)


# --- adaptive -------------------------------------------------------------------------------------------------------


def _even(space: Sequence[int], size: Sequence[int]) -> dict[str, Sequence[int]] | None:
    """The windows of an ordinary pooling that does the same, if there is one."""
    if any(n % m for n, m in zip(space, size, strict=True)):
        return None
    kernel = [n // m for n, m in zip(space, size, strict=True)]
    return {"kernel_shape": kernel, "strides": kernel}


def adaptive_average(layer: Layer, x: str, size: Sequence[int]) -> str:
    """Averages over windows spread over the space: where they differ in size, a matrix product for each axis."""
    space = layer.shape[2:]
    if all(m == 1 for m in size):
        return layer.node("GlobalAveragePool", x)
    if even := _even(space, size):
        return layer.node("AveragePool", x, **even)
    shape = list(layer.shape)
    for axis, (n, m) in enumerate(zip(space, size, strict=True), start=2):
        rest = math.prod(shape[axis + 1 :])
        rows = layer.reshape(x, (0, math.prod(shape[1:axis]), n, rest))
        shape[axis] = m
        x = layer.reshape(layer.node("MatMul", averaging_matrix(n, m).astype(layer.dtype), rows), shape)
    return x


def _adaptive_avg_pool(layer: Layer, module: Any, x: str) -> str:
    return adaptive_average(layer, x, layer.out_shape[2:])


def _adaptive_max_pool(layer: Layer, module: Any, x: str) -> str:
    space, size = layer.shape[2:], layer.out_shape[2:]
    if all(m == 1 for m in size):
        return layer.node("GlobalMaxPool", x)
    if even := _even(space, size):
        return layer.node("MaxPool", x, **even)
    for axis, (n, m) in enumerate(zip(space, size, strict=True), start=2):
        bounds = window_bounds(n, m)
        longest = max(end - start for start, end in bounds)
        # Each window by the numbers of its places; a short one names its last place again, which changes no maximum.
        places = np.array([[min(start + k, end - 1) for k in range(longest)] for start, end in bounds])
        x = layer.node("ReduceMax", layer.node("Gather", x, places, axis=axis), ints(axis + 1), keepdims=0)
    return x


# --- unpooling ------------------------------------------------------------------------------------------------------


def _max_unpool(layer: Layer, module: Any, x: str, indices: str) -> str:
    """Zeros, over which the maxima are written at their numbers in a channel's space."""
    layer.check_batched(module.dims + 2)
    channels, places = layer.shape[1], math.prod(layer.out_shape[2:])
    maxima, numbers = (layer.reshape(value, (0, channels, -1)) for value in (x, indices))
    batch = layer.node("Shape", x, start=0, end=1)
    zeros = layer.node("Expand", 0, layer.node("Concat", batch, ints(channels, places), axis=0))
    return layer.reshape(layer.node("ScatterElements", zeros, numbers, maxima, axis=2), layer.out_shape)


def _dims(module: Any) -> int:
    return module.dims


EMITTERS: dict[type[nn.Module], Emitter] = {
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), _per_channel(_dims, _max_pool)),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _per_channel(_avg_dims, _avg_pool)),
    **dict.fromkeys((nn.LPPool1d, nn.LPPool2d), _per_channel(_dims, _lp_pool)),
    **dict.fromkeys(
        (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _per_channel(_dims, _adaptive_avg_pool)
    ),
    **dict.fromkeys(
        (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d), _per_channel(_dims, _adaptive_max_pool)
    ),
    **dict.fromkeys((nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d), _max_unpool),
}
