"""Checks of the arguments of functions, with PyTorch's kinds of errors."""

from __future__ import annotations

from typing import Any

from mytorch.autograd.application import wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend.dtypes import common_dtype, of


def check_tensors(name: str, *values: Any) -> None:
    """Raise TypeError unless all are tensors."""
    for value in values:
        if not isinstance(value, DifferentiableArray):
            raise wrong_argument(name, value)


def check_one_tensor(name: str, *values: Any) -> None:
    """Raise TypeError unless one of them is a tensor; the others may be numbers."""
    if not any(isinstance(value, DifferentiableArray) for value in values):
        types = ", ".join(type(value).__name__ for value in values)
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({types}): one must be a Tensor")


def check_kind(name: str, kinds: str, *operands: Any) -> None:
    """Raise NotImplementedError unless the operands' common type is of one of these kinds, in NumPy's letters.

    The kinds are b (bool), i and u (integers), f (floating point) and c (complex).

    >>> import mytorch
    >>> check_kind("gcd", "iu", mytorch.tensor(2.0), 3)
    Traceback (most recent call last):
    NotImplementedError: gcd() is not implemented for torch.float32
    """
    common = common_dtype(*[getattr(operand, "array", operand) for operand in operands])
    if common.kind not in kinds:
        raise NotImplementedError(f"{name}() is not implemented for {of(common)}")
