"""Activations and dropout as ONNX nodes."""

from __future__ import annotations

import math

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints


def _one(op: str) -> Emitter:
    """A layer that is one node without attributes."""
    return lambda layer, _module, x: layer.node(op, x)


def identity(_layer: Layer, _module: nn.Module, x: str) -> str:
    return x


def _elu(layer: Layer, module: nn.ELU, x: str) -> str:
    return layer.node("Elu", x, alpha=float(module.alpha))


def _celu(layer: Layer, module: nn.CELU, x: str) -> str:
    return layer.node("Celu", x, alpha=float(module.alpha))


def _gelu(layer: Layer, module: nn.GELU, x: str) -> str:
    if module.approximate == "tanh":
        cube = layer.node("Mul", layer.node("Mul", x, x), x)
        inner = layer.node("Add", x, layer.node("Mul", cube, 0.044715))
        bell = layer.node("Tanh", layer.node("Mul", inner, math.sqrt(2 / math.pi)))
    else:
        bell = layer.node("Erf", layer.node("Mul", x, math.sqrt(0.5)))
    return layer.node("Mul", layer.node("Mul", x, 0.5), layer.node("Add", bell, 1))


def _glu(layer: Layer, module: nn.GLU, x: str) -> str:
    axis = module.dim % len(layer.shape)
    half = layer.shape[axis] // 2
    first, second = (
        layer.node("Slice", x, ints(start), ints(start + half), ints(axis)) for start in (0, half)
    )  # fmt: skip
    return layer.node("Mul", first, layer.node("Sigmoid", second))


def _hardshrink(layer: Layer, module: nn.Hardshrink, x: str) -> str:
    return layer.node("Shrink", x, lambd=float(module.lambd), bias=0.0)


def _softshrink(layer: Layer, module: nn.Softshrink, x: str) -> str:
    return layer.node("Shrink", x, lambd=float(module.lambd), bias=float(module.lambd))


def _hardsigmoid(layer: Layer, _module: nn.Module, x: str) -> str:
    return layer.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)


def _hardtanh(layer: Layer, module: nn.Hardtanh, x: str) -> str:
    return layer.node("Clip", x, module.min_val, module.max_val)


def _leaky_relu(layer: Layer, module: nn.LeakyReLU, x: str) -> str:
    return layer.node("LeakyRelu", x, alpha=float(module.negative_slope))


def _rrelu(layer: Layer, module: nn.RReLU, x: str) -> str:
    return layer.node("LeakyRelu", x, alpha=(module.lower + module.upper) / 2)


def _log_sigmoid(layer: Layer, _module: nn.Module, x: str) -> str:
    return layer.node("Neg", layer.node("Softplus", layer.node("Neg", x)))


def _prelu(layer: Layer, module: nn.PReLU, x: str) -> str:
    space = (1,) * (len(layer.shape) - 2)
    weight = layer.node("Reshape", module.weight, ints(-1, *space)) if space else module.weight
    return layer.node("PRelu", x, weight)


def _silu(layer: Layer, _module: nn.Module, x: str) -> str:
    return layer.node("Mul", x, layer.node("Sigmoid", x))


def _softplus(layer: Layer, module: nn.Softplus, x: str) -> str:
    if module.beta == 1 and module.threshold >= 20:  # beyond 20 the two differ by less than 1e-8
        return layer.node("Softplus", x)
    scaled = layer.node("Mul", x, module.beta)
    smooth = layer.node("Div", layer.node("Softplus", scaled), module.beta)
    return layer.node("Where", layer.node("Greater", scaled, module.threshold), x, smooth)


def _tanhshrink(layer: Layer, _module: nn.Module, x: str) -> str:
    return layer.node("Sub", x, layer.node("Tanh", x))


def _threshold(layer: Layer, module: nn.Threshold, x: str) -> str:
    return layer.node("Where", layer.node("Greater", x, module.threshold), x, module.value)


def _over_dim(op: str) -> Emitter:
    """Softmax and its kind. PyTorch's choice for a `dim` that was left out is kept."""

    def emit(layer: Layer, module: nn.Softmax, x: str) -> str:
        ndim = len(layer.shape)
        dim = (0 if ndim in (0, 1, 3) else 1) if module.dim is None else module.dim % ndim
        return layer.node(op, x, axis=dim)

    return emit


def _softmin(layer: Layer, module: nn.Softmin, x: str) -> str:
    return _over_dim("Softmax")(layer, module, layer.node("Neg", x))


def _softmax2d(layer: Layer, _module: nn.Softmax2d, x: str) -> str:
    return layer.node("Softmax", x, axis=len(layer.shape) - 3)


EMITTERS: dict[type[nn.Module], Emitter] = {
    nn.AlphaDropout: identity,
    nn.CELU: _celu,
    nn.Dropout: identity,
    nn.Dropout1d: identity,
    nn.Dropout2d: identity,
    nn.Dropout3d: identity,
    nn.ELU: _elu,
    nn.FeatureAlphaDropout: identity,
    nn.GELU: _gelu,
    nn.GLU: _glu,
    nn.Hardshrink: _hardshrink,
    nn.Hardsigmoid: _hardsigmoid,
    nn.Hardswish: _one("HardSwish"),
    nn.Hardtanh: _hardtanh,
    nn.LeakyReLU: _leaky_relu,
    nn.LogSigmoid: _log_sigmoid,
    nn.LogSoftmax: _over_dim("LogSoftmax"),
    nn.Mish: _one("Mish"),
    nn.PReLU: _prelu,
    nn.RReLU: _rrelu,
    nn.ReLU: _one("Relu"),
    nn.ReLU6: _hardtanh,
    nn.SELU: _one("Selu"),
    nn.SiLU: _silu,
    nn.Sigmoid: _one("Sigmoid"),
    nn.Softmax: _over_dim("Softmax"),
    nn.Softmax2d: _softmax2d,
    nn.Softmin: _softmin,
    nn.Softplus: _softplus,
    nn.Softshrink: _softshrink,
    nn.Softsign: _one("Softsign"),
    nn.Tanh: _one("Tanh"),
    nn.Tanhshrink: _tanhshrink,
    nn.Threshold: _threshold,
}
