"""Questions with the answers True and False, and logic: comparisons, `isnan`, `logical_and`, and the bitwise operators.

None of them has a derivative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply1, apply2, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.ops.arithmetic import both_tensors

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_eq = Primitive("eq", "equal")
_ne = Primitive("ne", "not_equal")
_lt = Primitive("lt", "less")
_le = Primitive("le", "less_equal")
_gt = Primitive("gt", "greater")
_ge = Primitive("ge", "greater_equal")
_logical_and = Primitive("logical_and", "logical_and")
_logical_or = Primitive("logical_or", "logical_or")
_logical_xor = Primitive("logical_xor", "logical_xor")
_bitwise_and = Primitive("bitwise_and", "bitwise_and")
_bitwise_or = Primitive("bitwise_or", "bitwise_or")
_bitwise_xor = Primitive("bitwise_xor", "bitwise_xor")
_isnan = Primitive("isnan", "isnan")
_isinf = Primitive("isinf", "isinf")
_isfinite = Primitive("isfinite", "isfinite")
_logical_not = Primitive("logical_not", "logical_not")
_bitwise_not = Primitive("bitwise_not", "invert")


def _compare(primitive: Primitive, x: Any, y: Any) -> Any:
    """Unlike a sum, a comparison does not take a number first."""
    if not isinstance(x, DifferentiableArray):
        raise wrong_argument(primitive.name, x)
    return apply2(primitive, x, y)


def eq(input: Tensor, other: Any) -> Tensor:
    """True where input is equal to other.

    >>> import mytorch
    >>> mytorch.eq(mytorch.tensor([1, 2, 3]), 2)
    tensor([False,  True, False])
    """
    return _compare(_eq, input, other)


def ne(input: Tensor, other: Any) -> Tensor:
    """True where input is different from other.

    >>> import mytorch
    >>> mytorch.ne(mytorch.tensor([1, 2, 3]), 2)
    tensor([ True, False,  True])
    """
    return _compare(_ne, input, other)


def lt(input: Tensor, other: Any) -> Tensor:
    """True where input is less than other.

    >>> import mytorch
    >>> mytorch.lt(mytorch.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return _compare(_lt, input, other)


def le(input: Tensor, other: Any) -> Tensor:
    """True where input is less than or equal to other.

    >>> import mytorch
    >>> mytorch.le(mytorch.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return _compare(_le, input, other)


def gt(input: Tensor, other: Any) -> Tensor:
    """True where input is greater than other.

    >>> import mytorch
    >>> mytorch.gt(mytorch.tensor([1, 2, 3]), 2)
    tensor([False, False,  True])
    """
    return _compare(_gt, input, other)


def ge(input: Tensor, other: Any) -> Tensor:
    """True where input is greater than or equal to other.

    >>> import mytorch
    >>> mytorch.ge(mytorch.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return _compare(_ge, input, other)


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """True where both operands are nonzero.

    >>> import mytorch
    >>> mytorch.logical_and(mytorch.tensor([True, True, False]), mytorch.tensor([True, False, False]))
    tensor([ True, False, False])
    """
    both_tensors("logical_and", input, other)
    return apply2(_logical_and, input, other)


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """True where an operand is nonzero.

    >>> import mytorch
    >>> mytorch.logical_or(mytorch.tensor([True, True, False]), mytorch.tensor([True, False, False]))
    tensor([ True,  True, False])
    """
    both_tensors("logical_or", input, other)
    return apply2(_logical_or, input, other)


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """True where exactly one operand is nonzero.

    >>> import mytorch
    >>> mytorch.logical_xor(mytorch.tensor([True, True, False]), mytorch.tensor([True, False, False]))
    tensor([False,  True, False])
    """
    both_tensors("logical_xor", input, other)
    return apply2(_logical_xor, input, other)


def bitwise_and(input: Tensor, other: Any) -> Tensor:
    """The bits that are set in both operands (integers or booleans).

    >>> import mytorch
    >>> mytorch.bitwise_and(mytorch.tensor([6, 5]), 3)
    tensor([2, 1])
    """
    return apply2(_bitwise_and, input, other)


def bitwise_or(input: Tensor, other: Any) -> Tensor:
    """The bits that are set in at least one operand (integers or booleans).

    >>> import mytorch
    >>> mytorch.bitwise_or(mytorch.tensor([6, 5]), 3)
    tensor([7, 7])
    """
    return apply2(_bitwise_or, input, other)


def bitwise_xor(input: Tensor, other: Any) -> Tensor:
    """The bits that are set in exactly one operand (integers or booleans).

    >>> import mytorch
    >>> mytorch.bitwise_xor(mytorch.tensor([6, 5]), 3)
    tensor([5, 6])
    """
    return apply2(_bitwise_xor, input, other)


def isnan(input: Tensor) -> Tensor:
    """True where an element is NaN.

    >>> import mytorch
    >>> mytorch.isnan(mytorch.tensor([1., float('nan')]))
    tensor([False,  True])
    """
    return apply1(_isnan, input)


def isinf(input: Tensor) -> Tensor:
    """True where an element is infinite.

    >>> import mytorch
    >>> mytorch.isinf(mytorch.tensor([1., float('inf')]))
    tensor([False,  True])
    """
    return apply1(_isinf, input)


def isfinite(input: Tensor) -> Tensor:
    """True where an element is neither infinite nor NaN.

    >>> import mytorch
    >>> mytorch.isfinite(mytorch.tensor([1., float('inf')]))
    tensor([ True, False])
    """
    return apply1(_isfinite, input)


def logical_not(input: Tensor) -> Tensor:
    """True where an element is zero or False.

    >>> import mytorch
    >>> mytorch.logical_not(mytorch.tensor([1., 0.]))
    tensor([False,  True])
    """
    return apply1(_logical_not, input)


def bitwise_not(input: Tensor) -> Tensor:
    """Each integer with its bits inverted; each boolean negated.

    >>> import mytorch
    >>> mytorch.bitwise_not(mytorch.tensor([1, 0]))
    tensor([-2, -1])
    """
    if input.array.dtype.kind not in "biu":
        raise NotImplementedError(f"bitwise_not() is not implemented for {input.dtype}")
    return apply1(_bitwise_not, input)
