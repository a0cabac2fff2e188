"""Rounding: to integers downwards, upwards, towards zero and to the nearest, and to decimals. The derivative is 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.autograd.application import apply, apply1
from mytorch.autograd.primitive import Primitive
from mytorch.ops.elementwise import refuse_bool

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_floor = Primitive("floor", "floor", [lambda xp, g, _out, _x: xp.zeros_like(g)])
_ceil = Primitive("ceil", "ceil", [lambda xp, g, _out, _x: xp.zeros_like(g)])
_trunc = Primitive("trunc", "trunc", [lambda xp, g, _out, _x: xp.zeros_like(g)])
_round = Primitive("round", "rint", [lambda xp, g, _out, _x: xp.zeros_like(g)])
_round_decimals = Primitive(
    "round_decimals",
    lambda xp, x, decimals: xp.rint(x * 10.0**decimals) / 10.0**decimals,
    [lambda xp, g, _out, _x, decimals: xp.zeros_like(g)],
    grad_name="RoundBackward1",
)


def floor(input: Tensor) -> Tensor:
    """The largest integer not above each element. The gradient is 0.

    >>> import mytorch
    >>> mytorch.floor(mytorch.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    return _to_integer("floor", _floor, input)


def ceil(input: Tensor) -> Tensor:
    """The smallest integer not below each element. The gradient is 0.

    >>> import mytorch
    >>> mytorch.ceil(mytorch.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    return _to_integer("ceil", _ceil, input)


def trunc(input: Tensor) -> Tensor:
    """Each element without its fraction. The gradient is 0.

    >>> import mytorch
    >>> mytorch.trunc(mytorch.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    return _to_integer("trunc", _trunc, input)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Each element rounded to `decimals` places, halves to even. The gradient is 0.

    >>> import mytorch
    >>> mytorch.round(mytorch.tensor([0.5, 1.5, 2.567])), mytorch.round(mytorch.tensor([2.567]), decimals=2)
    (tensor([0., 2., 3.]), tensor([2.5700]))
    """
    if decimals == 0:
        return _to_integer("round", _round, input)
    if input.array.dtype.kind != "f":
        raise NotImplementedError(f"round() to decimals is not implemented for {input.dtype}")
    return apply(_round_decimals, input, decimals=decimals)


def _to_integer(name: str, primitive: Primitive, x: Tensor) -> Tensor:
    """Integers are whole already; booleans are refused."""
    refuse_bool(name, x)
    return x.clone() if x.array.dtype.kind in "iu" else apply1(primitive, x)
