"""More elementwise formulas with powers, logarithms and sines: `xlogy`, `logaddexp`, `logit`, `hypot`, `sinc` ...

In the table, `g` is the gradient of the result, `out` the result, `x` and `y` the operands. Where a formula has a
limit at a point at which it divides by zero, the divisor is made 1 there first, or a second derivative would be NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, apply1, apply2, convert, operand
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype, default_float
from mytorch.ops import arithmetic
from mytorch.ops.arguments import check_kind, check_one_tensor, check_tensors
from mytorch.ops.inplace import become

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_LN_2 = math.log(2)

_xlogy = Primitive(
    "xlogy",
    lambda xp, x, y: _times_log(xp, x, y, xp.log(y)),
    [
        lambda xp, g, _out, x, y: xp.where((x == 0) & (y <= 0), 0, xp.xlogy(g, y)),
        lambda xp, g, _out, x, y: g * x / y,
    ],
    to_float=True,
    math={
        "y": "x1 * log(x2)",
    },
)
_xlog1py = Primitive(
    "xlog1py",
    lambda xp, x, y: _times_log(xp, x, y, xp.log1p(y)),
    [
        lambda xp, g, _out, x, y: xp.where((x == 0) & (y <= -1), 0, xp.xlog1py(g, y)),
        lambda xp, g, _out, x, y: g * x / (y + 1),
    ],
    grad_name="SpecialXlog1PyBackward0",
    to_float=True,
    math={
        "y": "x1 * log(1 + x2)",
    },
)
_entr = Primitive(
    "entr",
    lambda xp, x: xp.where(x < 0, -math.inf, xp.where(x == 0, 0, -x * xp.log(x))),
    [lambda xp, g, _out, x: -g * (xp.log(x) + 1)],
    grad_name="SpecialEntrBackward0",
    to_float=True,
)
_logaddexp = Primitive(
    "logaddexp",
    "logaddexp",
    [
        lambda xp, g, _out, x, y: g / (1 + xp.exp(y - x)),
        lambda xp, g, _out, x, y: g / (1 + xp.exp(x - y)),
    ],
    math={
        "y": "log(exp(x1) + exp(x2))",
    },
)
_logaddexp2 = Primitive(
    "logaddexp2",
    "logaddexp2",
    [
        lambda xp, g, _out, x, y: g / (1 + xp.exp2(y - x)),
        lambda xp, g, _out, x, y: g / (1 + xp.exp2(x - y)),
    ],
)
_hypot = Primitive(
    "hypot",
    "hypot",
    [lambda xp, g, out, x, _y: g * (x / out), lambda xp, g, out, _x, y: g * (y / out)],
)
_logit = Primitive(
    "logit",
    lambda xp, x, low, high: _logit_forward(xp, x, low, high),
    [lambda xp, g, _out, x, low, high: _logit_vjp(xp, g, x, low, high)],
    math={
        "y": "log(x / (1 - x))",
    },
)
_sinc = Primitive(
    "sinc",
    "sinc",
    [lambda xp, g, _out, x: g * _sinc_slope(xp, x)],
    to_float=True,
    math={
        "y": "sin(pi * x) / (pi * x)",
        "x": "g * (cos(pi * x) - y) / x",
    },
)


def _times_log(xp: Any, x: Any, y: Any, log: Any) -> Any:
    """x log y, and 0 where x is 0. (The logarithm of a Python number is float64, whatever the type of x.)"""
    return xp.where((x == 0) & ~xp.isnan(y), 0, x * log).astype(x.dtype, copy=False)


def _logit_forward(xp: Any, x: Any, low: float | None, high: float | None) -> Any:
    z = x if low is None else xp.minimum(xp.maximum(x, low), high)
    return xp.log(z / (1 - z))


def _logit_vjp(xp: Any, g: Any, x: Any, low: float | None, high: float | None) -> Any:
    """g / (x (1 - x)); 0 where x was cut off, and NaN beyond 0 and 1 where there is no cutting off."""
    below, above, outside = (0.0, 1.0, math.nan) if low is None else (low, high, 0.0)
    return xp.where((x < below) | (x > above), outside, g / (x * (1 - x)))


def _sinc_slope(xp: Any, x: Any) -> Any:
    """(cos(pi x) - sinc(x)) / x, which is 0 at 0."""
    divisor = xp.where(x == 0, 1, x)
    return xp.where(x == 0, 0, (xp.cos(math.pi * x) - xp.sin(math.pi * x) / (math.pi * divisor)) / divisor)


def float_power(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent in float64, whatever the types are; one of them may be a number.

    >>> import mytorch
    >>> float_power(mytorch.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=torch.float64)
    """
    check_one_tensor("float_power", input, exponent)
    x, y = operand("float_power", input), operand("float_power", exponent)
    common = common_dtype(getattr(x, "array", x), getattr(y, "array", y))
    double = np.dtype(np.complex128 if common.kind == "c" else np.float64)
    return arithmetic.pow(*[v if isinstance(v, (int, float, complex)) else convert(v, double) for v in (x, y)])


def float_power_(input: Tensor, exponent: Any) -> Tensor:
    """`float_power`, written to the tensor's own memory.

    Raises:
        RuntimeError: the tensor is not float64.

    >>> import mytorch
    >>> float_power_(mytorch.tensor([2.0], dtype=mytorch.float64), 3)
    tensor([8.], dtype=torch.float64)
    """
    result = float_power(input, exponent)
    if input.array.dtype != result.array.dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {input.dtype} but the operation's result requires dtype "
            f"{result.dtype}"
        )
    return become(input, result)


def xlogy(input: Any, other: Any) -> Tensor:
    """input * log(other), and 0 where input is 0 (unless other is NaN); one of them may be a number.

    >>> import mytorch
    >>> xlogy(mytorch.tensor([0.0, 2.0]), mytorch.tensor([0.0, 3.0]))
    tensor([0.0000, 2.1972])
    """
    check_one_tensor("xlogy", input, other)
    check_kind("xlogy", "biuf", input, other)
    return apply2(_xlogy, input, other)


def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log(1 + other), and 0 where input is 0 (unless other is NaN); one of them may be a number.

    >>> import mytorch
    >>> xlog1py(mytorch.tensor([0.0, 2.0]), mytorch.tensor([-1.0, 2.0]))
    tensor([0.0000, 2.1972])
    """
    check_one_tensor("xlog1py", input, other)
    check_kind("xlog1py", "biuf", input, other)
    return apply2(_xlog1py, input, other)


def entr(input: Tensor) -> Tensor:
    """-x log(x) of each element: 0 at 0, minus infinity below.

    >>> import mytorch
    >>> entr(mytorch.tensor([-1.0, 0.0, 0.5]))
    tensor([  -inf, 0.0000, 0.3466])
    """
    check_tensors("entr", input)
    check_kind("entr", "biuf", input)
    return apply1(_entr, input)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """log(e^input + e^other), without overflow.

    >>> import mytorch
    >>> logaddexp(mytorch.tensor([1000.0]), mytorch.tensor([1000.0]))
    tensor([1000.6932])
    """
    check_tensors("logaddexp", input, other)
    check_kind("logaddexp", "f", input, other)
    return apply2(_logaddexp, input, other)


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other), without overflow.

    >>> import mytorch
    >>> logaddexp2(mytorch.tensor([1000.0]), mytorch.tensor([1000.0]))
    tensor([1001.])
    """
    check_tensors("logaddexp2", input, other)
    check_kind("logaddexp2", "f", input, other)
    return apply2(_logaddexp2, input, other)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """sqrt(input^2 + other^2), without overflow on the way.

    >>> import mytorch
    >>> hypot(mytorch.tensor([3.0]), mytorch.tensor([4.0]))
    tensor([5.])
    """
    check_tensors("hypot", input, other)
    check_kind("hypot", "f", input, other)
    return apply2(_hypot, input, other)


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of `sigmoid`; with `eps`, x is first limited to [eps, 1 - eps].

    >>> import mytorch
    >>> logit(mytorch.tensor([0.25, 0.5])), logit(mytorch.tensor([0.0]), eps=0.25)
    (tensor([-1.0986,  0.0000]), tensor([-1.0986]))
    """
    check_tensors("logit", input)
    check_kind("logit", "biuf", input)
    x = convert(input, default_float()) if input.array.dtype.kind in "biu" else input
    return apply(_logit, x, low=eps, high=None if eps is None else 1 - eps)


def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0.

    >>> import mytorch
    >>> sinc(mytorch.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    return apply1(_sinc, input)


def deg2rad(input: Tensor) -> Tensor:
    """Degrees to radians.

    >>> import mytorch
    >>> deg2rad(mytorch.tensor([180.0, 90.0]))
    tensor([3.1416, 1.5708])
    """
    check_tensors("deg2rad", input)
    return arithmetic.mul(input, math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians to degrees.

    >>> import mytorch
    >>> rad2deg(mytorch.tensor([3.14159265]))
    tensor([180.])
    """
    check_tensors("rad2deg", input)
    return arithmetic.mul(input, 180 / math.pi)
