"""Arithmetic and comparison of two operands, with broadcasting and type promotion: the table, then what users call.

In the table, `g` is the gradient of the result, `x` and `y` the operands. The two operands may be tensors, NumPy
arrays or numbers; at least one must be a tensor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from mytorch.autograd.application import apply, apply2, convert, misfit, operand, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_add = Primitive("add", "add", [lambda xp, g, _out, _x, _y: g, lambda xp, g, _out, _x, _y: g])
_sub = Primitive("sub", "subtract", [lambda xp, g, _out, _x, _y: g, lambda xp, g, _out, _x, _y: -g])
_rsub = Primitive(
    "rsub",
    lambda xp, x, y: xp.subtract(y, x),
    [lambda xp, g, _out, _x, _y: -g, lambda xp, g, _out, _x, _y: g],
)
_rsub_number = variant(_rsub, "rsub_number", "RsubBackward1")
_mul = Primitive("mul", "multiply", [lambda xp, g, _out, _x, y: g * y, lambda xp, g, _out, x, _y: g * x])
_div = Primitive(
    "div",
    "divide",
    [lambda xp, g, _out, _x, y: g / y, lambda xp, g, out, _x, y: -g * out / y],
    to_float=True,
)
_div_floor = Primitive(
    "div_floor",
    lambda xp, x, y: xp.floor_divide(x, y),
    [lambda xp, g, _out, _x, _y: xp.zeros_like(g)] * 2,
    grad_name="DivBackward2",
)
_div_trunc = Primitive(
    "div_trunc",
    lambda xp, x, y: xp.trunc(xp.divide(x, y)),
    [lambda xp, g, _out, _x, _y: xp.zeros_like(g)] * 2,
    grad_name="DivBackward2",
)
_pow = Primitive(
    "pow",
    "power",
    [lambda xp, g, _out, x, y: _base_vjp(xp, g, x, y), lambda xp, g, out, x, y: _exponent_vjp(xp, g, out, x, y)],
    grad_name="PowBackward1",
    math={
        "x1": "g * x2 * x1 ** (x2 - 1)",
        "x2": "g * y * log(x1)",
    },
)
_pow_number = Primitive(
    "pow_number",
    "power",
    [_pow.vjps[0], None],
    grad_name="PowBackward0",
    numpy_name="pow_number",
    plain_numbers=True,
)
_number_pow = Primitive(
    "number_pow",
    lambda xp, x, y: xp.power(y, x),
    [lambda xp, g, out, x, y: _exponent_vjp(xp, g, out, y, x), None],
    grad_name="PowBackward2",
    plain_numbers=True,
    math={
        "x1": "g * y * log(x2)",
    },
)
_maximum = Primitive(
    "maximum",
    "maximum",
    [lambda xp, g, _out, x, y: _share(xp, g, x < y, x == y), lambda xp, g, _out, x, y: _share(xp, g, y < x, x == y)],
)
_minimum = Primitive(
    "minimum",
    "minimum",
    [lambda xp, g, _out, x, y: _share(xp, g, x > y, x == y), lambda xp, g, _out, x, y: _share(xp, g, y > x, x == y)],
)
_atan2 = Primitive(
    "atan2",
    "arctan2",
    [lambda xp, g, _out, x, y: g * (y / (x * x + y * y)), lambda xp, g, _out, x, y: -g * (x / (x * x + y * y))],
    to_float=True,
)
_remainder = Primitive(
    "remainder",
    "remainder",
    [lambda xp, g, _out, _x, _y: g, lambda xp, g, _out, x, y: -g * xp.floor(x / y)],
    grad_name="RemainderBackward1",
)
_fmod = Primitive(
    "fmod",
    "fmod",
    [lambda xp, g, _out, _x, _y: g, lambda xp, g, _out, x, y: -g * xp.trunc(x / y)],
    grad_name="FmodBackward1",
)
_remainder_number = variant(_remainder, "remainder_number", "RemainderBackward0")
_fmod_number = variant(_fmod, "fmod_number", "FmodBackward0")
_floor_divide = Primitive("floor_divide", "floor_divide")


_where = Primitive(
    "where",
    lambda xp, condition, x, y: xp.where(condition, x, y),
    [
        None,
        lambda xp, g, _out, condition, _x, _y: xp.where(condition, g, 0),
        lambda xp, g, _out, condition, _x, _y: xp.where(condition, 0, g),
    ],
)


def _share(xp: Any, g: Any, loses: Any, ties: Any) -> Any:
    """The gradient for an operand that loses (nothing), ties (half of it, PyTorch's rule) or wins (all of it)."""
    return xp.where(loses, 0, xp.where(ties, 0.5 * g, g))


def _base_vjp(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """g * y * x^(y-1), which is 0 (not NaN) where y is 0."""
    if isinstance(y, (int, float)):
        return xp.zeros_like(g) if y == 0 else 2 * g * x if y == 2 else g * (y * x ** (y - 1))
    return g * xp.where(y == 0, 0, y * x ** xp.where(y == 0, 1, y - 1))


def _exponent_vjp(xp: Any, g: Any, out: Any, x: Any, y: Any) -> Any:
    """g * x^y * log x, which is 0 (not NaN) where x is 0 and y is not negative."""
    if isinstance(x, (int, float)):
        log = math.log(x) if x > 0 else -math.inf if x == 0 else math.nan
        return xp.where(y >= 0, 0, g * (out * log)) if x == 0 else g * (out * log)
    settled = (x == 0) * (y >= 0)
    return g * xp.where(settled, 0, out * xp.log(xp.where(settled, 1, x)))


def add(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input + alpha * other.

    >>> import mytorch
    >>> mytorch.add(mytorch.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    return apply2(_add, input, other if alpha == 1 else other * alpha)


def sub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input - alpha * other.

    Raises:
        RuntimeError: one of them is boolean, for which no subtraction is defined.

    >>> import mytorch
    >>> mytorch.sub(mytorch.tensor([1.0, 2.0]), 1)
    tensor([0., 1.])
    """
    if input.array.dtype.kind == "b" or _is_bool(other):
        _refuse_subtraction(input, other)
    return apply2(_sub, input, other if alpha == 1 else other * alpha)


def _is_bool(operand: Any) -> bool:
    array = getattr(operand, "array", operand)
    return isinstance(array, bool) or getattr(getattr(array, "dtype", None), "kind", "") == "b"


def _refuse_subtraction(x: Any, y: Any) -> NoReturn:
    if _is_bool(x) and _is_bool(y):
        what, instead = "two bool tensors", "Use the `^` or `logical_xor()` operator instead."
    else:
        what = "a bool tensor"
        instead = "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
    raise RuntimeError(f"Subtraction, the `-` operator, with {what} is not supported. {instead}")


def rsub(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """other - alpha * input.

    >>> import mytorch
    >>> mytorch.rsub(mytorch.tensor([1.0, 2.0]), 1)
    tensor([ 0., -1.])
    """
    both_tensors("rsub", input)
    if input.array.dtype.kind == "b" or _is_bool(other):
        _refuse_subtraction(input, other)
    return apply2(_rsub_number if _is_number(other) else _rsub, input if alpha == 1 else input * alpha, other)


def _is_number(operand: Any) -> bool:
    return isinstance(operand, (int, float, np.generic))


def mul(input: Tensor, other: Any) -> Tensor:
    """input * other, element by element.

    >>> import mytorch
    >>> mytorch.mul(mytorch.tensor([1.0, 2.0]), mytorch.tensor([[10.0], [100.0]]))
    tensor([[ 10.,  20.],
            [100., 200.]])
    """
    return apply2(_mul, input, other)


def div(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other, element by element; integers give floats.

    Args:
        rounding_mode: None, "trunc" (towards zero, as in C) or "floor" (as Python's //); with these, integers stay
            integers.

    >>> import mytorch
    >>> mytorch.div(mytorch.tensor([7, -7]), 2), mytorch.div(mytorch.tensor([7, -7]), 2, rounding_mode="trunc")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -3]))
    """
    if rounding_mode is None:
        return apply2(_div, input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    _refuse_integer_zero(input, other)
    _refuse_two_bools("div", input, other)
    if rounding_mode == "floor":
        return apply2(_div_floor, input, other)
    if common_dtype(input.array, getattr(other, "array", other)).kind in "iu":
        return apply2(_floor_divide, input - apply2(_fmod, input, other), other)
    return apply2(_div_trunc, input, other)


def floor_divide(input: Tensor, other: Any) -> Tensor:
    """The quotient rounded down, as Python's //. It has no gradient.

    Raises:
        RuntimeError: an integer is divided by zero.

    >>> import mytorch
    >>> mytorch.floor_divide(mytorch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    _refuse_integer_zero(input, other)
    _refuse_two_bools("floor_divide", input, other)
    return apply2(_floor_divide, input, other)


def remainder(input: Tensor, other: Any) -> Tensor:
    """What is left after `floor_divide`: it has the divisor's sign, as Python's %.

    Raises:
        RuntimeError: an integer is divided by zero.

    >>> import mytorch
    >>> mytorch.remainder(mytorch.tensor([-3.0, 3.0]), 2)
    tensor([1., 1.])
    """
    _refuse_integer_zero(input, other)
    _refuse_two_bools("remainder", input, other)
    return apply2(_remainder_number if _is_number(other) else _remainder, input, other)


def fmod(input: Tensor, other: Any) -> Tensor:
    """The remainder with the dividend's sign, as C's fmod.

    Raises:
        RuntimeError: an integer is divided by zero.

    >>> import mytorch
    >>> mytorch.fmod(mytorch.tensor([-3.0, 3.0]), 2)
    tensor([-1.,  1.])
    """
    both_tensors("fmod", input)
    _refuse_integer_zero(input, other)
    _refuse_two_bools("fmod", input, other)
    return apply2(_fmod_number if _is_number(other) else _fmod, input, other)


def _refuse_integer_zero(input: Any, other: Any) -> None:
    divisor = getattr(other, "array", other)
    if common_dtype(getattr(input, "array", input), divisor).kind in "iu" and not np.all(divisor):
        raise RuntimeError("ZeroDivisionError")


def _refuse_two_bools(name: str, x: Any, y: Any) -> None:
    if _is_bool(x) and _is_bool(y):
        raise NotImplementedError(f"{name}() is not implemented for two bool operands")


def pow(input: Any, exponent: Any) -> Tensor:
    """input to the power of exponent; either may be a number.

    Raises:
        RuntimeError: an integer tensor and a negative integer number as exponent.

    >>> import mytorch
    >>> mytorch.pow(mytorch.tensor([1.0, 2.0]), 3), mytorch.pow(2, mytorch.tensor([1.0, 2.0]))
    (tensor([1., 8.]), tensor([2., 4.]))
    """
    if not isinstance(input, DifferentiableArray) and not isinstance(exponent, DifferentiableArray):
        raise wrong_argument("pow", input)
    if type(exponent) in (float, int) and input.array.dtype.kind == "f":
        return apply2(_pow_number, input, exponent)
    if isinstance(exponent, bool) and _is_bool(input):
        return pow(input.long(), int(exponent)).bool()
    _refuse_two_bools("pow", input, exponent)
    if _is_number(input):
        return apply2(_number_pow, exponent, input)
    x, y = operand("pow", input), operand("pow", exponent)
    common = common_dtype(getattr(x, "array", x), getattr(y, "array", y))
    if common.kind in "iu":
        if _is_number(y) and y < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if _is_number(y) and y > np.iinfo(common).max:
            raise RuntimeError(f"value cannot be converted to type {common} without overflow")
        y = convert(y, common)
        if (y.array < 0).any():
            return _integer_power(convert(x, common), y)
    return apply2(_pow_number if _is_number(y) else _pow, x, y)


def _integer_power(x: Any, y: Any) -> Tensor:
    """With negative exponents among them: 1 and -1 have inverses among the integers; all others give 0."""
    inverse = where(x == 1, 1, where(x == -1, 1 - 2 * (y & 1), 0)).to(x.dtype)
    return where(y < 0, inverse, apply2(_pow, x, where(y < 0, 0, y)))


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; NaN if either is. Equal ones share the gradient.

    >>> import mytorch
    >>> mytorch.maximum(mytorch.tensor([1.0, 4.0]), mytorch.tensor([3.0, 2.0]))
    tensor([3., 4.])
    """
    both_tensors("maximum", input, other)
    return apply2(_maximum, input, other)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; NaN if either is. Equal ones share the gradient.

    >>> import mytorch
    >>> mytorch.minimum(mytorch.tensor([1.0, 4.0]), mytorch.tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    both_tensors("minimum", input, other)
    return apply2(_minimum, input, other)


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point (other, input), in radians from -pi to pi.

    >>> import mytorch
    >>> mytorch.atan2(mytorch.tensor([1.0]), mytorch.tensor([1.0]))
    tensor([0.7854])
    """
    both_tensors("atan2", input, other)
    return apply2(_atan2, input, other)


def both_tensors(name: str, *values: Any) -> None:
    for value in values:
        if not isinstance(value, DifferentiableArray):
            raise wrong_argument(name, value)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where condition is true, else other; with the condition alone, the indices where it is true.

    >>> import mytorch
    >>> x = mytorch.tensor([-1.0, 2.0])
    >>> mytorch.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    both_tensors("where", condition)
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.array.dtype == np.uint8:
        condition = condition.bool()
    if condition.array.dtype.kind != "b":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
        )
    x, y = operand("where", input), operand("where", other)
    common = common_dtype(getattr(x, "array", x), getattr(y, "array", y))
    try:
        return apply(_where, condition, convert(x, common), convert(y, common))
    except ValueError as error:
        raise misfit("where", error, condition.array, getattr(x, "array", x), getattr(y, "array", y)) from None
