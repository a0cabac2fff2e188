"""The methods of `Tensor` that make new tensors of its type: `new_zeros` and its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.ops.dims import as_shape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


class NewMethods(DifferentiableArray):
    """Tensors made after the type of this one. Users meet it as `mytorch.Tensor`."""

    __slots__ = ()

    def _new(self: Any, array: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
        devices.require(device)
        out: Tensor = wrap(array.astype(self.array.dtype if dtype is None else dtypes.to_numpy(dtype), copy=False))
        return out.requires_grad_(requires_grad)

    def new_tensor(
        self: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        """A tensor of this one's type with a copy of `data`."""
        return self._new(np.array(data), dtype, device, requires_grad)

    def new_empty(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        """A tensor of this one's type with whatever was in memory."""
        return self._new(np.empty(as_shape(size), self.array.dtype), dtype, device, requires_grad)

    def new_zeros(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        """Zeros of this tensor's type.

        >>> import mytorch
        >>> mytorch.tensor([1, 2]).new_zeros(3)
        tensor([0, 0, 0])
        """
        return self._new(np.zeros(as_shape(size), self.array.dtype), dtype, device, requires_grad)

    def new_ones(self: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        """Ones of this tensor's type."""
        return self._new(np.ones(as_shape(size), self.array.dtype), dtype, device, requires_grad)

    def new_full(
        self: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
    ) -> Tensor:
        """A tensor of this one's type filled with one value."""
        return self._new(np.full(as_shape((size,)), fill_value), dtype, device, requires_grad)
