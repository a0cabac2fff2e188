"""Convolutions, their transposed counterparts, and the layers that add a border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.creation.from_data import from_numpy
from mytorch.interop.onnx_graph import Emitter, Layer, ints
from mytorch.nn.conv import PADDING_MODES, border_of
from mytorch.ops.padding import pad

MODES = {"reflect": "reflect", "replicate": "edge"}  # by their names in ONNX, which has no circular one in this opset


def bordered(layer: Layer, x: str, border: Sequence[int], mode: str, value: Any = None) -> str:
    """A border around `x`: before and after, the last dimension first, as `mytorch.nn.functional.pad` takes it."""
    if not any(border):
        return x
    ndim, dims = len(layer.shape), len(border) // 2
    before, after = [0] * ndim, [0] * ndim
    for k in range(dims):
        before[ndim - 1 - k], after[ndim - 1 - k] = border[2 * k : 2 * k + 2]
    if mode == "constant":
        return layer.node("Pad", x, ints(*before, *after), value or 0.0, mode="constant")
    if mode in MODES and min(border) >= 0:
        return layer.node("Pad", x, ints(*before, *after), mode=MODES[mode])
    for axis in range(ndim - dims, ndim):  # a border is elements of the inside, by their numbers
        inside = from_numpy(np.arange(layer.shape[axis])[None, None])
        x = layer.node("Gather", x, pad(inside, [before[axis], after[axis]], mode).array.ravel(), axis=axis)
    return x


def _conv(layer: Layer, module: Any, x: str) -> str:
    layer.check_batched(module.dims + 2)
    border = border_of(module)
    if module.padding_mode != "zeros":
        x, border = bordered(layer, x, border, PADDING_MODES[module.padding_mode]), [0] * len(border)
    return layer.node(
        "Conv", x, module.weight, module.bias, kernel_shape=module.kernel_size, strides=module.stride,
        dilations=module.dilation, group=module.groups, pads=[*border[-2::-2], *border[::-2]],
    )  # fmt: skip


def _conv_transpose(layer: Layer, module: Any, x: str) -> str:
    layer.check_batched(module.dims + 2)
    arguments = {
        "kernel_shape": module.kernel_size, "strides": module.stride, "dilations": module.dilation,
        "group": module.groups,
    }  # fmt: skip
    if all(extra < step for extra, step in zip(module.output_padding, module.stride, strict=True)):
        pads = [*module.padding, *module.padding]
        return layer.node(
            "ConvTranspose", x, module.weight, module.bias, **arguments, pads=pads,
            output_padding=module.output_padding,
        )  # fmt: skip
    # Runtimes refuse such an output padding: so everything is computed, then cut off and filled up.
    whole = layer.node("ConvTranspose", x, module.weight, **arguments)
    border: list[int] = []
    for n, m, k, s, p, d in reversed(list(zip(
        layer.shape[2:], layer.out_shape[2:], module.kernel_size, module.stride, module.padding, module.dilation,
        strict=True,
    ))):  # fmt: skip
        border += [-p, m + p - ((n - 1) * s + d * (k - 1) + 1)]
    result = bordered(layer, whole, border, "constant")
    if module.bias is None:
        return result
    return layer.node("Add", result, layer.node("Reshape", module.bias, ints(-1, *[1] * module.dims)))


def _pad(layer: Layer, module: Any, x: str) -> str:
    return bordered(layer, x, module.padding, module.mode, module.value)


EMITTERS: dict[type[nn.Module], Emitter] = {
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _conv),
    **dict.fromkeys((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _conv_transpose),
    **dict.fromkeys((nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d), _pad),
    **dict.fromkeys((nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d), _pad),
    **dict.fromkeys((nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d), _pad),
    **dict.fromkeys((nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d), _pad),
    **dict.fromkeys((nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d), _pad),
}
