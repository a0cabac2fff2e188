"""`Parameter` and `Buffer`: tensors that register themselves with the module to which they are assigned."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.backend import dtypes
from mytorch.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


def _share(target: Tensor, data: Any) -> None:
    """Make `target` a leaf on the memory of `data`."""
    if data is None:
        target.array = np.empty((0,), dtypes.default_float())
    elif isinstance(data, Tensor):
        target.array = data.array
    else:
        raise TypeError(f"expected a Tensor or None, not {type(data).__name__}; make one with mytorch.tensor(...)")
    target._grad = target.node = target.version = target.base = None
    target.needs_grad = False


class Parameter(Tensor):
    """A tensor that a module learns: assigned as an attribute it appears in `Module.parameters()`.

    Args:
        data: the tensor whose memory it takes; empty if None.
        requires_grad: whether gradients are computed for it.

    Raises:
        RuntimeError: gradients are wanted for something that is not floating point.

    >>> import mytorch
    >>> Parameter(mytorch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        _share(self, data)
        if requires_grad and self.array.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        self.requires_grad = requires_grad

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that belongs to a module's state but is not learned: assigned as an attribute it is registered.

    Args:
        persistent: whether it is part of `state_dict()`.

    >>> import mytorch
    >>> Buffer(mytorch.zeros(2))
    Buffer containing:
    tensor([0., 0.])
    """

    __slots__ = ()

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        _share(self, data)
        self.persistent = persistent

    def __repr__(self) -> str:
        return "Buffer containing:\n" + super().__repr__()
