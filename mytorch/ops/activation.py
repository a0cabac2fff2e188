"""Activation functions: the table of their derivatives, then what users call (`mytorch.nn.functional` hands these on).

In the table, `g` is the gradient of the result, `out` the result and `x` the input. `relu`, `tanh` and `sigmoid`
stand with the elementary functions in `elementwise`, `softmax` and its like in `dimension_activation`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import finfo, type_name
from mytorch.ops import elementwise, smooth_kernels
from mytorch.ops.elementwise import sigmoid, tanh
from mytorch.ops.inplace import become
from mytorch.ops.special import erf as erf_of_array

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
    "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink",
    "threshold",
]  # fmt: skip

# G. Klambauer and others, "Self-Normalizing Neural Networks", 2017.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
_ROOT_HALF = math.sqrt(0.5)
_ROOT_2_BY_PI = math.sqrt(2 / math.pi)

# --- piecewise linear -----------------------------------------------------------------------------------------------

_leaky_relu = Primitive(
    "leaky_relu",
    lambda xp, x, slope: xp.where(x > 0, x, x * slope),
    [lambda xp, g, _out, x, slope: xp.where(x > 0, g, g * slope)],
)
_prelu = Primitive(
    "prelu",
    lambda xp, x, weight: xp.where(x > 0, x, x * weight),
    [
        lambda xp, g, _out, x, weight: xp.where(x > 0, g, g * weight),
        lambda xp, g, _out, x, _weight: xp.where(x > 0, 0, g * x),
    ],
    grad_name="PreluKernelBackward0",
)
_hardtanh = Primitive(
    "hardtanh",
    lambda xp, x, low, high: xp.clip(x, low, high),
    [lambda xp, g, _out, x, low, high: xp.where((x <= low) | (x >= high), 0, g)],
)
_threshold = Primitive(
    "threshold",
    lambda xp, x, threshold, value: xp.where(x <= threshold, value, x),
    [lambda xp, g, _out, x, threshold, value: xp.where(x <= threshold, 0, g)],
)
_softshrink = Primitive(
    "softshrink",
    lambda xp, x, lambd: x - xp.clip(x, -lambd, lambd),
    [lambda xp, g, _out, x, lambd: xp.where(xp.abs(x) <= lambd, 0, g)],
)
_hardshrink = Primitive(
    "hardshrink",
    lambda xp, x, lambd: xp.where(xp.abs(x) <= lambd, 0, x),
    [lambda xp, g, _out, x, lambd: xp.where(xp.abs(x) <= lambd, 0, g)],
)
_hardsigmoid = Primitive(
    "hardsigmoid",
    lambda xp, x: xp.clip(x + 3, 0, 6) / 6,
    [lambda xp, g, _out, x: xp.where((x <= -3) | (x >= 3), 0, g / 6)],
)
_hardswish = Primitive(
    "hardswish",
    lambda xp, x: x * xp.clip(x + 3, 0, 6) / 6,
    [lambda xp, g, _out, x: xp.where(x <= -3, 0, xp.where(x < 3, g * (x / 3 + 0.5), g))],
)

# --- smooth ---------------------------------------------------------------------------------------------------------


def _below(xp: Any, x: Any) -> Any:
    """min(x, 0) with derivative 0 above 0, so that e^x can neither overflow nor spoil a second derivative there."""
    return xp.where(x <= 0, x, 0)


# scale * x above 0, and below it scale * alpha * (e^(x * rate) - 1)
_elu = Primitive(
    "elu",
    lambda xp, x, alpha, scale, rate: xp.where(x <= 0, xp.expm1(x * rate) * (alpha * scale), x * scale),
    [
        lambda xp, g, _out, x, alpha, scale, rate: (
            g * xp.where(x <= 0, xp.exp(_below(xp, x) * rate) * (alpha * scale * rate), scale)
        )
    ],
    math={
        "y": "where(x <= 0, alpha * scale * (exp(rate * x) - 1), scale * x)",
        "x": "where(x <= 0, g * alpha * scale * rate * exp(rate * x), g * scale)",
    },
)
_softplus = Primitive(
    "softplus",
    lambda xp, x, beta, threshold: xp.where(x * beta > threshold, x, xp.log1p(xp.exp(x * beta)) / beta),
    [lambda xp, g, _out, x, beta, threshold: xp.where(x * beta > threshold, g, g * xp.sigmoid(x * beta))],
)
_logsigmoid = Primitive(
    "log_sigmoid",
    lambda xp, x: xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x))),
    [lambda xp, g, _out, x: g * xp.sigmoid(-x)],
)
_silu = Primitive(
    "silu",
    lambda xp, x: smooth_kernels.silu(x) if smooth_kernels.handles(x) else (x * xp.sigmoid(x), None),
    [lambda xp, g, _out, x, aux: _silu_vjp(xp, g, x, aux)],
    aux=True,
    math={
        "y": "x * sigmoid(x)",
        "s": "sigmoid(x)",
        "x": "g * (s + x * s * (1 - s))",
    },
)
_mish = Primitive(
    "mish",
    lambda xp, x: x * xp.tanh(xp.softplus(x, 1, 20)),
    [lambda xp, g, _out, x: _mish_vjp(xp, g, x)],
    math={
        "s": "tanh(log(1 + exp(x)))",
        "y": "x * s",
        "x": "g * (s + x * (1 - s ** 2) * sigmoid(x))",
    },
)
_gelu = Primitive(
    "gelu",
    lambda xp, x: _gelu_forward(xp, x),
    [lambda xp, g, _out, x, aux: _gelu_vjp(xp, g, x, aux)],
    aux=True,
    math={
        "p": "(1 + erf(x / sqrt(2))) / 2",
        "y": "x * p",
        "x": "g * (p + x * exp(-x ** 2 / 2) / sqrt(2 * pi))",
    },
)
_gelu_tanh = Primitive(
    "gelu_tanh",
    lambda xp, x: _gelu_tanh_forward(xp, x),
    [lambda xp, g, _out, x, aux: _gelu_tanh_vjp(xp, g, x, aux)],
    grad_name="GeluBackward0",
    aux=True,
    math={
        "s": "tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))",
        "y": "x * (1 + s) / 2",
        "x": "g * ((1 + s) / 2 + x * (1 - s ** 2) * (1 + 0.134145 * x ** 2) / sqrt(2 * pi))",
    },
)


def _silu_vjp(xp: Any, g: Any, x: Any, share: Any) -> Any:
    if share is not None:
        return smooth_kernels.silu_vjp(g, x, share)
    s = xp.sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


def _mish_vjp(xp: Any, g: Any, x: Any) -> Any:
    t = xp.tanh(xp.softplus(x, 1, 20))
    return g * (t + x * (1 - t * t) * xp.sigmoid(x))


def _gelu_forward(xp: Any, x: Any) -> Any:
    """x times the normal distribution function, which is kept for the derivative."""
    if smooth_kernels.handles(x) and x.dtype.char == "f":
        return smooth_kernels.gelu(x)
    share = 0.5 * (1 + erf_of_array(xp, x * _ROOT_HALF + 0))
    return x * share, share


def _gelu_vjp(xp: Any, g: Any, x: Any, share: Any) -> Any:
    if share is None:
        share = 0.5 * (1 + xp.erf(x * _ROOT_HALF))
    elif smooth_kernels.handles(x):
        return smooth_kernels.gelu_vjp(g, x, share)
    return g * (share + x * xp.exp(-0.5 * (x * x)) * (0.5 * _ROOT_2_BY_PI))


def _gelu_inner(x: Any) -> Any:
    return _ROOT_2_BY_PI * (x + 0.044715 * (x * x * x))


def _gelu_tanh_forward(xp: Any, x: Any) -> Any:
    if smooth_kernels.handles(x):
        return smooth_kernels.gelu_tanh(x)
    t = xp.tanh(_gelu_inner(x))
    return 0.5 * x * (1 + t), t


def _gelu_tanh_vjp(xp: Any, g: Any, x: Any, t: Any) -> Any:
    if t is None:
        t = xp.tanh(_gelu_inner(x))
    elif smooth_kernels.handles(x):
        return smooth_kernels.gelu_tanh_vjp(g, x, t)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (_ROOT_2_BY_PI * (1 + 3 * 0.044715 * (x * x))))


# --- what users call ------------------------------------------------------------------------------------------------


def activate(primitive: Primitive, x: Any, inplace: bool = False, kinds: str = "fc", **options: Any) -> Any:
    """Apply a primitive to a tensor of one of these kinds of numbers; in place, write the result to the tensor."""
    if x.array.dtype.kind not in kinds:
        raise RuntimeError(f"\"{primitive.name}_cpu\" not implemented for '{type_name(x.array.dtype)}'")
    out = apply(primitive, x, **options)
    return become(x, out) if inplace else out


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0) of each element. The gradient at 0 is 0.

    >>> import mytorch
    >>> relu(mytorch.tensor([1.0, -2.0]))
    tensor([1., 0.])
    """
    out = elementwise.relu(input)
    return become(input, out) if inplace else out


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else negative_slope * x.

    >>> import mytorch
    >>> leaky_relu(mytorch.tensor([1.0, -2.0]), 0.1)
    tensor([ 1.0000, -0.2000])
    """
    return activate(_leaky_relu, input, inplace, slope=negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, else weight * x; one weight, or one for each channel (dimension 1).

    Raises:
        RuntimeError: there are several weights, but not as many as channels.

    >>> import mytorch
    >>> prelu(mytorch.tensor([1.0, -2.0]), mytorch.tensor([0.25]))
    tensor([ 1.0000, -0.5000])
    """
    x, count = input.array, weight.array.size
    if weight.array.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.array.ndim}")
    if count == 1:
        return apply(_prelu, input, weight.reshape(()) if x.ndim == 0 else weight)
    if x.ndim == 0:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = x.shape[1] if x.ndim > 1 else 1
    if channels != count:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. "
            f"Found parameter numbers = {count} and channel size = {channels}."
        )
    return apply(_prelu, input, weight.reshape((count,) + (1,) * (x.ndim - 2)))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Each element cut off at min_val and max_val, where the gradient is 0.

    >>> import mytorch
    >>> hardtanh(mytorch.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    kind = input.array.dtype.kind
    if kind == "u" and min_val < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    if kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
    return activate(_hardtanh, input, inplace, "iuf", low=min_val, high=max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Each element cut off at 0 and 6.

    >>> import mytorch
    >>> relu6(mytorch.tensor([-1.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above threshold, else value.

    >>> import mytorch
    >>> threshold_ = mytorch.nn.functional.threshold
    >>> threshold_(mytorch.tensor([0.5, 2.0]), 1.0, -7.0)
    tensor([-7.,  2.])
    """
    if input.array.dtype.kind in "iu":
        threshold, value = int(threshold), int(value)
    return activate(_threshold, input, inplace, "iuf", threshold=threshold, value=value)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Each element moved towards 0 by lambd, and 0 if it is closer than that.

    >>> import mytorch
    >>> softshrink(mytorch.tensor([-2.0, 0.25, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """
    largest = finfo(input.dtype).max
    if not 0 <= lambd <= largest:
        raise RuntimeError(
            f"lambda must be in range [0, {largest:g}] for input dtype {type_name(input.array.dtype)}, "
            f"but found {lambd:g}"
        )
    return activate(_softshrink, input, lambd=lambd)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, and 0 where it is not farther from 0 than lambd.

    >>> import mytorch
    >>> hardshrink(mytorch.tensor([-2.0, 0.25, 2.0]))
    tensor([-2.,  0.,  2.])
    """
    return activate(_hardshrink, input, lambd=lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x) of each element.

    >>> import mytorch
    >>> tanhshrink(mytorch.tensor([0.0, 2.0]))
    tensor([0.0000, 1.0360])
    """
    return input - tanh(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6 of each element, cut off at 0 and 1: a sigmoid of three straight lines.

    >>> import mytorch
    >>> hardsigmoid(mytorch.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return activate(_hardsigmoid, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x) of each element (A. Howard and others, "Searching for MobileNetV3", 2019).

    >>> import mytorch
    >>> hardswish(mytorch.tensor([-4.0, 1.0, 4.0]))
    tensor([-0.0000, 0.6667, 4.0000])
    """
    return activate(_hardswish, input, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha * (e^x - 1).

    >>> import mytorch
    >>> elu(mytorch.tensor([1.0, -1.0]))
    tensor([ 1.0000, -0.6321])
    """
    return activate(_elu, input, inplace, alpha=alpha, scale=1, rate=1)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` with the two constants for which activations keep mean 0 and variance 1 (Klambauer and others, 2017).

    >>> import mytorch
    >>> selu(mytorch.tensor([1.0, -1.0]))
    tensor([ 1.0507, -1.1113])
    """
    return activate(_elu, input, inplace, alpha=SELU_ALPHA, scale=SELU_SCALE, rate=1)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha * (e^(x / alpha) - 1): an `elu` with slope 1 at 0 for every alpha.

    Raises:
        RuntimeError: alpha is 0.

    >>> import mytorch
    >>> celu(mytorch.tensor([1.0, -1.0]), alpha=2.0)
    tensor([ 1.0000, -0.7869])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return activate(_elu, input, inplace, alpha=alpha, scale=1, rate=1 / alpha)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta * x)) / beta, a smooth relu; x itself where beta * x is above threshold.

    >>> import mytorch
    >>> softplus(mytorch.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return activate(_softplus, input, beta=beta, threshold=threshold)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|) of each element.

    >>> import mytorch
    >>> softsign(mytorch.tensor([1.0, -3.0]))
    tensor([ 0.5000, -0.7500])
    """
    return input / (abs(input) + 1)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)) of each element, without overflow.

    >>> import mytorch
    >>> logsigmoid(mytorch.tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """
    return activate(_logsigmoid, input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x) of each element, also called swish.

    >>> import mytorch
    >>> silu(mytorch.tensor([1.0, -1.0]))
    tensor([ 0.7311, -0.2689])
    """
    return activate(_silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)) of each element (D. Misra, "Mish", 2019).

    >>> import mytorch
    >>> mish(mytorch.tensor([1.0, -1.0]))
    tensor([ 0.8651, -0.3034])
    """
    return activate(_mish, input, inplace)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x times the normal distribution function at x (D. Hendrycks and K. Gimpel, 2016); "tanh" approximates it.

    Raises:
        RuntimeError: approximate is neither "none" nor "tanh".

    >>> import mytorch
    >>> gelu(mytorch.tensor([1.0, -1.0])), gelu(mytorch.tensor([1.0, -1.0]), approximate="tanh")
    (tensor([ 0.8413, -0.1587]), tensor([ 0.8412, -0.1588]))
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return activate(_gelu if approximate == "none" else _gelu_tanh, input)
