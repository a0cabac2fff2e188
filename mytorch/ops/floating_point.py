"""Elementwise functions that look at how a number is written: its sign, fraction, exponent, infinities and NaNs.

In the table, `g` is the gradient of the result, `x` and `y` the operands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, apply1, apply2, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops import arithmetic, elementwise
from mytorch.ops.arguments import check_kind, check_tensors
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_copysign = Primitive(
    "copysign",
    "copysign",
    [
        lambda xp, g, out, x, _y: g * (xp.sign(x) * xp.sign(out)),
        lambda xp, g, _out, _x, _y: xp.zeros_like(g),
    ],
    to_float=True,
)
_nextafter = Primitive(
    "nextafter",
    "nextafter",
    [
        lambda xp, g, _out, x, y: xp.where(x == y, 0, g),
        lambda xp, g, _out, x, y: xp.where(x == y, g, 0),
    ],
)
_fmax = Primitive(
    "fmax",
    "fmax",
    [
        lambda xp, g, _out, x, y: xp.where((x >= y) | xp.isnan(y), g, 0),
        lambda xp, g, _out, x, y: xp.where((x >= y) | xp.isnan(y), 0, g),
    ],
)
_fmin = Primitive(
    "fmin",
    "fmin",
    [
        lambda xp, g, _out, x, y: xp.where((x <= y) | xp.isnan(y), g, 0),
        lambda xp, g, _out, x, y: xp.where((x <= y) | xp.isnan(y), 0, g),
    ],
)
_frac = Primitive("frac", lambda xp, x: x - xp.trunc(x), [lambda xp, g, _out, _x: g])
_ldexp = Primitive(  # with a raw array of integers; NumPy has an ldexp, so the entry has another name
    "times_power_of_2",
    lambda xp, x, exponent: xp.ldexp(x, exponent),
    [lambda xp, g, _out, _x, exponent: xp.times_power_of_2(g, exponent)],
    grad_name="LdexpBackward0",
)
_mantissa = variant(_ldexp, "mantissa", "FrexpBackward0")
_nan_to_num = Primitive(
    "nan_to_num",
    lambda xp, x, nan, high, low: xp.nan_to_num(x, nan=nan, posinf=high, neginf=low),
    [lambda xp, g, _out, x, nan, high, low: g * xp.isfinite(x)],
)
_sgn_of_complex = Primitive("sgn", lambda xp, x: _sgn_forward(xp, x))
_signbit = Primitive("signbit", lambda xp, x: xp.signbit(x) if x.dtype.kind == "f" else xp.less(x, 0))
_heaviside = Primitive("heaviside", lambda xp, x, y: xp.where(x == 0, y, (x > 0).astype(x.dtype)))


def _sgn_forward(xp: Any, x: Any) -> Any:
    """x / |x|, and 0 at 0."""
    size = xp.abs(x)
    return x / xp.where(size == 0, 1, size)


# --- signs ----------------------------------------------------------------------------------------------------------


def copysign(input: Tensor, other: Any) -> Tensor:
    """The size of each element with the sign of another: that of -0.0 is minus. Integers give floats.

    >>> import mytorch
    >>> copysign(mytorch.tensor([1.0, -2.0]), mytorch.tensor([-0.0, 3.0]))
    tensor([-1.,  2.])
    """
    check_tensors("copysign", input)
    return apply2(_copysign, input, other)


def signbit(input: Tensor) -> Tensor:
    """Where the sign is minus, that of -0.0 included.

    >>> import mytorch
    >>> signbit(mytorch.tensor([1.0, -0.0, -2.0]))
    tensor([False,  True,  True])
    """
    check_tensors("signbit", input)
    if input.array.dtype.kind == "b":
        return wrap(np.zeros_like(input.array))
    check_kind("signbit", "iuf", input)
    return apply1(_signbit, input)


def sgn(input: Tensor) -> Tensor:
    """The sign of each element; of a complex number, the number of size 1 with its angle. The gradient is 0.

    >>> import mytorch
    >>> sgn(mytorch.tensor([-2.0, 0.0])), sgn(mytorch.tensor([3 + 4j]))
    (tensor([-1.,  0.]), tensor([0.6000+0.8000j]))
    """
    check_tensors("sgn", input)
    return apply1(_sgn_of_complex, input) if input.array.dtype.kind == "c" else elementwise.sign(input)


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 for negative elements, 1 for positive ones, and for zeros what `values` says. It has no derivative.

    Raises:
        RuntimeError: the tensors differ in type.

    >>> import mytorch
    >>> heaviside(mytorch.tensor([-1.5, 0.0, 2.0]), mytorch.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    check_tensors("heaviside", input, values)
    if input.array.dtype != values.array.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    check_kind("heaviside", "biuf", input)
    return apply2(_heaviside, input, values)


# --- neighbours, fractions and exponents ----------------------------------------------------------------------------


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number that the type can hold after each element, on the way to another.

    >>> import mytorch
    >>> nextafter(mytorch.tensor([1.0]), mytorch.tensor([2.0])) - 1 == mytorch.finfo(mytorch.float32).eps
    tensor([True])
    """
    check_tensors("nextafter", input, other)
    check_kind("nextafter", "f", input, other)
    return apply2(_nextafter, input, other)


def frac(input: Tensor) -> Tensor:
    """What is behind the point: x - trunc(x), with the sign of x.

    >>> import mytorch
    >>> frac(mytorch.tensor([1.5, -1.25]))
    tensor([ 0.5000, -0.2500])
    """
    check_tensors("frac", input)
    check_kind("frac", "f", input)
    return apply1(_frac, input)


class Frexp(NamedTuple):
    """What `frexp` returns: input = mantissa * 2^exponent."""

    mantissa: Any
    exponent: Any

    def __repr__(self) -> str:
        return f"torch.return_types.frexp(\nmantissa={self.mantissa!r},\nexponent={self.exponent!r})"


def frexp(input: Tensor) -> Frexp:
    """Each element as mantissa * 2^exponent, with 1/2 <= |mantissa| < 1 and an int32 exponent; 0 has exponent 0.

    Raises:
        RuntimeError: the tensor is not floating point.

    >>> import mytorch
    >>> frexp(mytorch.tensor([3.0, 0.5]))
    torch.return_types.frexp(
    mantissa=tensor([0.7500, 0.5000]),
    exponent=tensor([2, 0], dtype=torch.int32))
    """
    check_tensors("frexp", input)
    if input.array.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    exponent = np.asarray(np.frexp(input.array)[1], np.int32)
    return Frexp(apply(_mantissa, input, exponent=-exponent), wrap(exponent))


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2^other. Integers give floats. With integers as exponents, 2^other itself may overflow.

    >>> import mytorch
    >>> ldexp(mytorch.tensor([1.0, 3.0]), mytorch.tensor([2, -1]))
    tensor([4.0000, 1.5000])
    """
    check_tensors("ldexp", input, other)
    if input.array.dtype.kind == "f" and other.array.dtype.kind in "biu":
        check_kind("ldexp", "iu", other)
        return apply(_ldexp, input, exponent=other.array)
    return arithmetic.mul(input, arithmetic.pow(2.0, other))


# --- infinities and NaNs --------------------------------------------------------------------------------------------


def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN replaced by `nan` (0 if None), the infinities by `posinf` and `neginf` (the type's largest numbers if None).

    >>> import mytorch
    >>> nan_to_num(mytorch.tensor([float("nan"), -float("inf"), 1.0]), neginf=-9.0)
    tensor([ 0., -9.,  1.])
    """
    check_tensors("nan_to_num", input)
    if input.array.dtype.kind not in "fc":
        return input.clone()
    return apply(_nan_to_num, input, nan=0.0 if nan is None else nan, high=posinf, low=neginf)


def isposinf(input: Tensor) -> Tensor:
    """Where an element is positive infinity.

    >>> import mytorch
    >>> isposinf(mytorch.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False,  True, False])
    """
    return _is_infinity("isposinf", input, np.inf)


def isneginf(input: Tensor) -> Tensor:
    """Where an element is negative infinity.

    >>> import mytorch
    >>> isneginf(mytorch.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False, False,  True])
    """
    return _is_infinity("isneginf", input, -np.inf)


def _is_infinity(name: str, x: Tensor, infinity: float) -> Tensor:
    check_tensors(name, x)
    if x.array.dtype.kind == "c":
        raise RuntimeError(f"{name} does not support complex inputs.")
    return wrap(x.array == infinity)


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; where one is NaN, the other.

    >>> import mytorch
    >>> fmax(mytorch.tensor([1.0, float("nan")]), mytorch.tensor([2.0, 3.0]))
    tensor([2., 3.])
    """
    check_tensors("fmax", input, other)
    check_kind("fmax", "biuf", input, other)
    return apply2(_fmax, input, other)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; where one is NaN, the other.

    >>> import mytorch
    >>> fmin(mytorch.tensor([1.0, float("nan")]), mytorch.tensor([2.0, 3.0]))
    tensor([1., 3.])
    """
    check_tensors("fmin", input, other)
    check_kind("fmin", "biuf", input, other)
    return apply2(_fmin, input, other)
