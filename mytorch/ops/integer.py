"""Elementwise functions of integers: divisors, multiples and shifts of bits. They have no derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply2
from mytorch.autograd.primitive import Primitive
from mytorch.ops.arguments import check_kind, check_one_tensor, check_tensors

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_gcd = Primitive("gcd", "gcd")
_lcm = Primitive("lcm", "lcm")
_left_shift = Primitive("bitwise_left_shift", "left_shift")
_right_shift = Primitive("bitwise_right_shift", "right_shift")


def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor; gcd(0, 0) is 0.

    >>> import mytorch
    >>> gcd(mytorch.tensor([5, 10, 15]), mytorch.tensor([3, 4, -10]))
    tensor([1, 2, 5])
    """
    check_tensors("gcd", input, other)
    check_kind("gcd", "iu", input, other)
    return apply2(_gcd, input, other)


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple; 0 if one of them is 0.

    >>> import mytorch
    >>> lcm(mytorch.tensor([5, 10, 15]), mytorch.tensor([3, 4, -10]))
    tensor([15, 20, 30])
    """
    check_tensors("lcm", input, other)
    check_kind("lcm", "iu", input, other)
    return apply2(_lcm, input, other)


def bitwise_left_shift(input: Any, other: Any) -> Tensor:
    """The bits of input moved up by other places: input * 2^other; 0 if all are moved out. One may be a number.

    >>> import mytorch
    >>> bitwise_left_shift(mytorch.tensor([-1, 3]), 2)
    tensor([-4, 12])
    """
    check_one_tensor("bitwise_left_shift", input, other)
    check_kind("bitwise_left_shift", "iu", input, other)
    return apply2(_left_shift, input, other)


def bitwise_right_shift(input: Any, other: Any) -> Tensor:
    """The bits of input moved down by other places, the sign kept: floor(input / 2^other). One may be a number.

    >>> import mytorch
    >>> bitwise_right_shift(mytorch.tensor([-8, 7]), 1)
    tensor([-4,  3])
    """
    check_one_tensor("bitwise_right_shift", input, other)
    check_kind("bitwise_right_shift", "iu", input, other)
    return apply2(_right_shift, input, other)
