"""The methods of `Tensor` that make new tensors of its type: `new_zeros` and its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.autograd.array import DifferentiableArray
from mytorch.creation import filled, from_data

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


class NewMethods(DifferentiableArray):
    """Tensors made after the type of this one, by the functions of that name in `mytorch`, which take the same options:
    dtype, layout, device, pin_memory and requires_grad. Users meet it as `mytorch.Tensor`.
    """

    __slots__ = ()

    def _options(self: Any, options: dict[str, Any]) -> dict[str, Any]:
        return options | {"dtype": self.dtype if options.get("dtype") is None else options["dtype"]}

    def new_tensor(self: Any, data: Any, **options: Any) -> Tensor:
        """A tensor of this one's type with a copy of `data`.

        >>> import mytorch
        >>> mytorch.tensor([1, 2]).new_tensor([1.5])
        tensor([1])
        """
        return from_data.tensor(data, **self._options(options))

    def new_empty(self: Any, *sizes: Any, **options: Any) -> Tensor:
        """A tensor of this one's type with whatever was in memory."""
        return filled.empty(*sizes, **self._options(options))

    def new_empty_strided(self: Any, size: Any, stride: Any, **options: Any) -> Tensor:
        """A tensor of this one's type with given strides and whatever was in memory."""
        return filled.empty_strided(size, stride, **self._options(options))

    def new_zeros(self: Any, *sizes: Any, **options: Any) -> Tensor:
        """Zeros of this tensor's type.

        >>> import mytorch
        >>> mytorch.tensor([1, 2]).new_zeros(3)
        tensor([0, 0, 0])
        """
        return filled.zeros(*sizes, **self._options(options))

    def new_ones(self: Any, *sizes: Any, **options: Any) -> Tensor:
        """Ones of this tensor's type."""
        return filled.ones(*sizes, **self._options(options))

    def new_full(self: Any, size: Any, fill_value: Any, **options: Any) -> Tensor:
        """A tensor of this one's type filled with one value."""
        return filled.full(size, fill_value, **self._options(options))
