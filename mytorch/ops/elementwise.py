"""Functions of one number, applied to every element: the table of their derivatives, then what users call.

In the table, `g` is the gradient of the result, `out` the result and `x` the input (an underscore before a name says
that the derivative does not use it). The formulas hold for real numbers.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply1, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend import extremes
from mytorch.backend.scalars import as_operand
from mytorch.ops import special

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_TWO_BY_ROOT_PI = 2 / math.sqrt(math.pi)
_LN_2, _LN_10 = math.log(2), math.log(10)

_real = functools.partial(Primitive, to_float=True)

# Real functions: an integer tensor is first converted to the default floating type.
_exp = _real("exp", "exp", [lambda xp, g, out, _x: g * out])
_expm1 = _real("expm1", "expm1", [lambda xp, g, out, _x: g * (out + 1)])
_exp2 = _real("exp2", "exp2", [lambda xp, g, out, _x: g * out * _LN_2])
_log = _real("log", "log", [lambda xp, g, _out, x: g / x])
_log1p = _real("log1p", "log1p", [lambda xp, g, _out, x: g / (x + 1)], grad_name="Log1PBackward0")
_log2 = _real("log2", "log2", [lambda xp, g, _out, x: g / (x * _LN_2)])
_log10 = _real("log10", lambda xp, x: _log10_forward(xp, x), [lambda xp, g, _out, x: g / (x * _LN_10)])
_sqrt = _real("sqrt", "sqrt", [lambda xp, g, out, _x: g / (2 * out)])
_rsqrt = _real(
    "rsqrt",
    lambda xp, x: 1 / xp.sqrt(x),
    [lambda xp, g, out, _x: -0.5 * g * out**3],
    math={"y": "1 / sqrt(x)"},
)
_reciprocal = _real("reciprocal", lambda xp, x: 1 / x, [lambda xp, g, out, _x: -g * (out * out)])
_sin = _real("sin", "sin", [lambda xp, g, _out, x: g * xp.cos(x)])
_cos = _real("cos", "cos", [lambda xp, g, _out, x: -g * xp.sin(x)])
_tan = _real("tan", "tan", [lambda xp, g, out, _x: g * (1 + out * out)])
_asin = _real("asin", "arcsin", [lambda xp, g, _out, x: g * xp.rsqrt(1 - x * x)])
_acos = _real("acos", "arccos", [lambda xp, g, _out, x: -g * xp.rsqrt(1 - x * x)])
_atan = _real("atan", "arctan", [lambda xp, g, _out, x: g / (x * x + 1)])
_sinh = _real("sinh", "sinh", [lambda xp, g, _out, x: g * xp.cosh(x)])
_cosh = _real("cosh", "cosh", [lambda xp, g, _out, x: g * xp.sinh(x)])
_tanh = _real("tanh", "tanh", [lambda xp, g, out, _x: xp.tanh_backward(g, out)])
_asinh = _real("asinh", "arcsinh", [lambda xp, g, _out, x: g * xp.rsqrt(x * x + 1)])
_acosh = _real("acosh", "arccosh", [lambda xp, g, _out, x: g * xp.rsqrt(x * x - 1)])
_atanh = _real("atanh", "arctanh", [lambda xp, g, _out, x: g / (1 - x * x)])
_erf = _real("erf", special.erf, [lambda xp, g, _out, x: g * _TWO_BY_ROOT_PI * xp.exp(-x * x)])
_sigmoid = _real(
    "sigmoid",
    lambda xp, x: _sigmoid_forward(xp, x),
    [lambda xp, g, out, _x: xp.sigmoid_backward(g, out)],
    math={"y": "1 / (1 + exp(-x))"},
)

# The derivatives that networks use most have entries of their own: in one buffer they take half the time.
_tanh_backward = Primitive(
    "tanh_backward",
    lambda xp, g, out: _tanh_backward_forward(xp, g, out),
    [
        lambda xp, gg, _out, _g, out: xp.tanh_backward(gg, out),
        lambda xp, gg, _out, g, out: gg * g * (-2 * out),
    ],
    math={
        "y": "x1 * (1 - x2 ** 2)",
    },
)
_sigmoid_backward = Primitive(
    "sigmoid_backward",
    lambda xp, g, out: _sigmoid_backward_forward(xp, g, out),
    [
        lambda xp, gg, _out, _g, out: xp.sigmoid_backward(gg, out),
        lambda xp, gg, _out, g, out: gg * g * (1 - 2 * out),
    ],
    math={
        "y": "x1 * x2 * (1 - x2)",
    },
)
_threshold_backward = Primitive(
    "threshold_backward",
    lambda xp, g, out: _threshold_backward_forward(xp, g, out),
    [lambda xp, gg, _out, _g, out: xp.threshold_backward(gg, out), None],
    math={
        "y": "where(x2 > 0, x1, 0)",
    },
)

# Functions that keep the input's type.
_neg = Primitive("neg", "negative", [lambda xp, g, _out, _x: -g])
_abs = Primitive("abs", "absolute", [lambda xp, g, _out, x: xp.where(x == x, g * xp.sign(x), 0)])
_square = Primitive("square", "square", [lambda xp, g, _out, x: g * (2 * x)], grad_name="PowBackward0")
_relu = Primitive(
    "relu",
    lambda xp, x: extremes.maximum(x, 0) if x.size >= extremes.FEW else xp.maximum(x, as_operand(0, x)),
    [lambda xp, g, out, _x: xp.threshold_backward(g, out)],
    math={
        "y": "maximum(x, 0)",
    },
)
_sign = Primitive("sign", lambda xp, x: _sign_forward(xp, x), [lambda xp, g, _out, _x: xp.zeros_like(g)])

# The same values in another element type. The gradient returns to the first type.
_to_copy = Primitive(
    "to_copy",
    lambda xp, x, dtype, back: x.astype(dtype),
    [lambda xp, g, _out, _x, dtype, back: xp.to_copy(g, back, dtype)],
)


def _log10_forward(xp: Any, x: Any) -> Any:
    """NumPy's log10 of the float32 number 100 is not 2, so float32 goes through float64."""
    return xp.log10(x.astype("float64")).astype(x.dtype) if x.dtype.char == "f" else xp.log10(x)


def _sign_forward(xp: Any, x: Any) -> Any:
    """-1, 0 or 1, and 0 for NaN, where NumPy's sign would be NaN."""
    return x.copy() if x.dtype.kind == "b" else (x > 0).astype(x.dtype) - (x < 0)


def _sigmoid_forward(xp: Any, x: Any) -> Any:
    """1 / (1 + e^-x), in one buffer. For large negative x, e^-x overflows to infinity, and the result is 0, as due."""
    if not x.ndim:
        return 1 / (1 + xp.exp(-x))
    out = xp.negative(x)
    xp.exp(out, out)
    xp.add(out, as_operand(1, out), out)
    return xp.reciprocal(out, out)


def _tanh_backward_forward(xp: Any, g: Any, out: Any) -> Any:
    """g * (1 - out^2), in one buffer."""
    if not out.ndim:
        return g * (1 - out * out)
    slope = xp.multiply(out, out)
    xp.subtract(as_operand(1, out), slope, slope)
    return xp.multiply(g, slope, slope)


def _sigmoid_backward_forward(xp: Any, g: Any, out: Any) -> Any:
    """g * (1 - out) * out, in one buffer."""
    if not out.ndim:
        return g * ((1 - out) * out)
    slope = xp.subtract(as_operand(1, out), out)
    xp.multiply(slope, out, slope)
    return xp.multiply(g, slope, slope)


def _threshold_backward_forward(xp: Any, g: Any, out: Any) -> Any:
    """g where a ReLU let its input pass: where the result is above 0, or NaN."""
    if not out.ndim:
        return g * ~(out <= 0)
    passed = xp.less_equal(out, as_operand(0, out))
    xp.logical_not(passed, passed)
    return xp.multiply(g, passed)


def exp(input: Tensor) -> Tensor:
    """e^x of each element.

    >>> import mytorch
    >>> mytorch.exp(mytorch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """
    return apply1(_exp, input)


def expm1(input: Tensor) -> Tensor:
    """e^x - 1 of each element, exact also near 0.

    >>> import mytorch
    >>> mytorch.expm1(mytorch.tensor([0., 1.]))
    tensor([0.0000, 1.7183])
    """
    return apply1(_expm1, input)


def exp2(input: Tensor) -> Tensor:
    """2^x of each element.

    >>> import mytorch
    >>> mytorch.exp2(mytorch.tensor([0., 3.]))
    tensor([1., 8.])
    """
    return apply1(_exp2, input)


def log(input: Tensor) -> Tensor:
    """Natural logarithm of each element: -inf at 0, NaN below.

    >>> import mytorch
    >>> mytorch.log(mytorch.tensor([1., 10.]))
    tensor([0.0000, 2.3026])
    """
    return apply1(_log, input)


def log1p(input: Tensor) -> Tensor:
    """log(1 + x) of each element, exact also near 0.

    >>> import mytorch
    >>> mytorch.log1p(mytorch.tensor([0., 1.]))
    tensor([0.0000, 0.6931])
    """
    return apply1(_log1p, input)


def log2(input: Tensor) -> Tensor:
    """Logarithm to base 2 of each element.

    >>> import mytorch
    >>> mytorch.log2(mytorch.tensor([1., 8.]))
    tensor([0., 3.])
    """
    return apply1(_log2, input)


def log10(input: Tensor) -> Tensor:
    """Logarithm to base 10 of each element.

    >>> import mytorch
    >>> mytorch.log10(mytorch.tensor([1., 100.]))
    tensor([0., 2.])
    """
    return apply1(_log10, input)


def sqrt(input: Tensor) -> Tensor:
    """Square root of each element; NaN below 0.

    >>> import mytorch
    >>> mytorch.sqrt(mytorch.tensor([4., 9.]))
    tensor([2., 3.])
    """
    return apply1(_sqrt, input)


def rsqrt(input: Tensor) -> Tensor:
    """1 / sqrt(x) of each element.

    >>> import mytorch
    >>> mytorch.rsqrt(mytorch.tensor([4., 16.]))
    tensor([0.5000, 0.2500])
    """
    return apply1(_rsqrt, input)


def reciprocal(input: Tensor) -> Tensor:
    """1 / x of each element.

    >>> import mytorch
    >>> mytorch.reciprocal(mytorch.tensor([4., -2.]))
    tensor([ 0.2500, -0.5000])
    """
    return apply1(_reciprocal, input)


def square(input: Tensor) -> Tensor:
    """x^2 of each element.

    >>> import mytorch
    >>> mytorch.square(mytorch.tensor([3., -2.]))
    tensor([9., 4.])
    """
    return apply1(_square, input if input.array.dtype.kind != "b" else convert(input, np.dtype(np.int64)))


def sin(input: Tensor) -> Tensor:
    """Sine of each element (radians).

    >>> import mytorch
    >>> mytorch.sin(mytorch.tensor([0., 1.]))
    tensor([0.0000, 0.8415])
    """
    return apply1(_sin, input)


def cos(input: Tensor) -> Tensor:
    """Cosine of each element (radians).

    >>> import mytorch
    >>> mytorch.cos(mytorch.tensor([0., 1.]))
    tensor([1.0000, 0.5403])
    """
    return apply1(_cos, input)


def tan(input: Tensor) -> Tensor:
    """Tangent of each element (radians).

    >>> import mytorch
    >>> mytorch.tan(mytorch.tensor([0., 1.]))
    tensor([0.0000, 1.5574])
    """
    return apply1(_tan, input)


def asin(input: Tensor) -> Tensor:
    """Inverse sine of each element, in radians.

    >>> import mytorch
    >>> mytorch.asin(mytorch.tensor([0., 1.]))
    tensor([0.0000, 1.5708])
    """
    return apply1(_asin, input)


def acos(input: Tensor) -> Tensor:
    """Inverse cosine of each element, in radians.

    >>> import mytorch
    >>> mytorch.acos(mytorch.tensor([1., 0.]))
    tensor([0.0000, 1.5708])
    """
    return apply1(_acos, input)


def atan(input: Tensor) -> Tensor:
    """Inverse tangent of each element, in radians.

    >>> import mytorch
    >>> mytorch.atan(mytorch.tensor([0., 1.]))
    tensor([0.0000, 0.7854])
    """
    return apply1(_atan, input)


def sinh(input: Tensor) -> Tensor:
    """Hyperbolic sine of each element.

    >>> import mytorch
    >>> mytorch.sinh(mytorch.tensor([0., 1.]))
    tensor([0.0000, 1.1752])
    """
    return apply1(_sinh, input)


def cosh(input: Tensor) -> Tensor:
    """Hyperbolic cosine of each element.

    >>> import mytorch
    >>> mytorch.cosh(mytorch.tensor([0., 1.]))
    tensor([1.0000, 1.5431])
    """
    return apply1(_cosh, input)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent of each element.

    >>> import mytorch
    >>> mytorch.tanh(mytorch.tensor([0., 1.]))
    tensor([0.0000, 0.7616])
    """
    return apply1(_tanh, input)


def asinh(input: Tensor) -> Tensor:
    """Inverse hyperbolic sine of each element.

    >>> import mytorch
    >>> mytorch.asinh(mytorch.tensor([0., 1.]))
    tensor([0.0000, 0.8814])
    """
    return apply1(_asinh, input)


def acosh(input: Tensor) -> Tensor:
    """Inverse hyperbolic cosine of each element; NaN below 1.

    >>> import mytorch
    >>> mytorch.acosh(mytorch.tensor([1., 2.]))
    tensor([0.0000, 1.3170])
    """
    return apply1(_acosh, input)


def atanh(input: Tensor) -> Tensor:
    """Inverse hyperbolic tangent of each element.

    >>> import mytorch
    >>> mytorch.atanh(mytorch.tensor([0., 0.5]))
    tensor([0.0000, 0.5493])
    """
    return apply1(_atanh, input)


def erf(input: Tensor) -> Tensor:
    """The error function 2/sqrt(pi) * integral from 0 to x of e^(-t^2) dt, of each element.

    >>> import mytorch
    >>> mytorch.erf(mytorch.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """
    return apply1(_erf, input)


def sigmoid(input: Tensor) -> Tensor:
    """The logistic function 1 / (1 + e^-x) of each element.

    >>> import mytorch
    >>> mytorch.sigmoid(mytorch.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """
    return apply1(_sigmoid, input)


def neg(input: Tensor) -> Tensor:
    """-x of each element.

    Raises:
        RuntimeError: the tensor is boolean.

    >>> import mytorch
    >>> mytorch.neg(mytorch.tensor([1., -2.]))
    tensor([-1.,  2.])
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return apply1(_neg, input)


def abs(input: Tensor) -> Tensor:
    """Absolute value of each element. The gradient at 0 is 0.

    >>> import mytorch
    >>> mytorch.abs(mytorch.tensor([1., -2.]))
    tensor([1., 2.])
    """
    refuse_bool("abs", input)
    return apply1(_abs, input)


def relu(input: Tensor) -> Tensor:
    """max(x, 0) of each element. The gradient at 0 is 0.

    >>> import mytorch
    >>> mytorch.relu(mytorch.tensor([1., -2.]))
    tensor([1., 0.])
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return apply1(_relu, input)


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1 by the sign of each element. The gradient is 0.

    >>> import mytorch
    >>> mytorch.sign(mytorch.tensor([3., 0., -2.]))
    tensor([ 1.,  0., -1.])
    """
    return apply1(_sign, input)


def refuse_bool(name: str, x: Tensor) -> None:
    if x.array.dtype.kind == "b":
        raise NotImplementedError(f"{name}() is not implemented for bool tensors")


def positive(input: Tensor) -> Tensor:
    """The tensor itself.

    >>> import mytorch
    >>> mytorch.positive(mytorch.tensor([1.0]))
    tensor([1.])
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input
