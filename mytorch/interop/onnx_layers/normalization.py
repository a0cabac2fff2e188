"""Normalization layers as they are in evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints


def _by_channel(layer: Layer, values: Any, ndim: int) -> Any:
    """A vector with a number for each channel so that it broadcasts over what comes behind the channels."""
    return layer.node("Reshape", values, ints(-1, *[1] * (ndim - 2))) if ndim > 2 else values


def _affine(layer: Layer, x: str, weight: Any, bias: Any) -> str:
    """x * weight + bias, of which each may be None."""
    if weight is not None:
        x = layer.node("Mul", x, weight)
    return x if bias is None else layer.node("Add", x, bias)


def _or_constant(layer: Layer, tensor: Any, value: float, shape: int | Sequence[int]) -> Any:
    return np.full(shape, value, layer.dtype) if tensor is None else tensor


def _batch_norm(layer: Layer, module: Any, x: str) -> str:
    ndim, channels = len(layer.shape), module.num_features
    weight, bias = _or_constant(layer, module.weight, 1, channels), _or_constant(layer, module.bias, 0, channels)
    if module.running_mean is not None:
        return layer.node(
            "BatchNormalization", x, weight, bias, module.running_mean, module.running_var, epsilon=module.eps
        )
    axes = ints(0, *range(2, ndim))  # without running statistics those of the batch count, in evaluation too
    centred = layer.node("Sub", x, layer.node("ReduceMean", x, axes))
    variance = layer.node("ReduceMean", layer.node("Mul", centred, centred), axes)
    scaled = layer.node("Div", centred, layer.node("Sqrt", layer.node("Add", variance, module.eps)))
    return _affine(layer, scaled, _by_channel(layer, weight, ndim), _by_channel(layer, bias, ndim))


def _instance_norm(layer: Layer, module: Any, x: str) -> str:
    layer.check_batched(module.dims[1])
    if module.running_mean is not None:
        return _batch_norm(layer, module, x)
    channels = layer.shape[1]
    weight, bias = _or_constant(layer, module.weight, 1, channels), _or_constant(layer, module.bias, 0, channels)
    return layer.node("InstanceNormalization", x, weight, bias, epsilon=module.eps)


def _group_norm(layer: Layer, module: nn.GroupNorm, x: str) -> str:
    """Each group as one channel of an instance norm."""
    groups, ndim = module.num_groups, len(layer.shape)
    joined = layer.reshape(x, (0, groups, -1))
    ones, zeros = np.ones(groups, layer.dtype), np.zeros(groups, layer.dtype)
    normed = layer.node("InstanceNormalization", joined, ones, zeros, epsilon=module.eps)
    apart = layer.reshape(normed, layer.shape)
    weight, bias = (None if p is None else _by_channel(layer, p, ndim) for p in (module.weight, module.bias))
    return _affine(layer, apart, weight, bias)


def _layer_norm(layer: Layer, module: nn.LayerNorm, x: str) -> str:
    weight = _or_constant(layer, module.weight, 1, module.normalized_shape)
    axis = len(layer.shape) - len(module.normalized_shape)
    return layer.node("LayerNormalization", x, weight, module.bias, axis=axis, epsilon=module.eps)


def _rms_norm(layer: Layer, module: nn.RMSNorm, x: str) -> str:
    eps = float(np.finfo(layer.dtype).eps) if module.eps is None else module.eps
    axes = ints(*range(len(layer.shape) - len(module.normalized_shape), len(layer.shape)))
    mean_square = layer.node("ReduceMean", layer.node("Mul", x, x), axes)
    return _affine(
        layer, layer.node("Div", x, layer.node("Sqrt", layer.node("Add", mean_square, eps))), module.weight, None
    )


def _local_response_norm(layer: Layer, module: nn.LocalResponseNorm, x: str) -> str:
    size, channels, ndim = module.size, layer.shape[1], len(layer.shape)
    if size % 2 and ndim == 4:
        return layer.node("LRN", x, size=size, alpha=module.alpha, beta=module.beta, bias=module.k)
    # ONNX counts an even number of neighbours from the other side: so the mean over them as a matrix product.
    distance = np.arange(channels)[None] - np.arange(channels)[:, None]
    means = ((distance >= -(size // 2)) & (distance <= (size - 1) // 2)).astype(layer.dtype) / size
    squares = layer.reshape(layer.node("Mul", x, x), (0, channels, -1))
    total = layer.reshape(layer.node("MatMul", means.astype(layer.dtype), squares), layer.shape)
    divisor = layer.node("Pow", layer.node("Add", layer.node("Mul", total, module.alpha), module.k), module.beta)
    return layer.node("Div", x, divisor)


EMITTERS: dict[type[nn.Module], Emitter] = {
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm),
    **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), _instance_norm),
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.LocalResponseNorm: _local_response_norm,
    nn.RMSNorm: _rms_norm,
}
