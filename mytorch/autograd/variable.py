"""`Variable`, which old programs wrap around tensors: since PyTorch 0.4 it is only another name for a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend.dtypes import default_float

__all__ = ["Variable"]


class _AnyTensor(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, DifferentiableArray)


class Variable(metaclass=_AnyTensor):
    """`Variable(tensor)` is a new leaf with the same memory; every tensor is an instance of it.

    >>> import mytorch
    >>> Variable(mytorch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False) -> Any:
        if data is None:
            data = wrap(np.empty(0, default_float()))
        if not isinstance(data, DifferentiableArray):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        leaf = wrap(data.array)
        leaf.version = data.counter()
        return leaf.requires_grad_(requires_grad)
