"""Layers that add a border: `mytorch.ops.padding.pad` as modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mytorch.nn.module import Module
from mytorch.ops.padding import pad
from mytorch.tensor import Tensor

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d",
    "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip

Numbers = int | Sequence[int]


class _Pad(Module):
    """A border of the given width: one number for all sides, or two for each dimension from the last one on."""

    dims: ClassVar[int]
    mode: ClassVar[str] = "constant"
    value: float | None = None

    def __init__(self, padding: Numbers) -> None:
        self.padding = tuple(padding) if isinstance(padding, Sequence) else (padding,) * (2 * self.dims)
        if len(self.padding) != 2 * self.dims:
            raise ValueError(f"Expected padding to have {2 * self.dims} elements, but got {len(self.padding)}")

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """A border of `value`."""

    def __init__(self, padding: Numbers, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(_Pad):
    """A border around sequences: zeros. `padding` is a number or (left, right).

    >>> import mytorch
    >>> ZeroPad1d(1)(mytorch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 1., 2., 3., 0.]])
    """

    dims = 1


class ZeroPad2d(_Pad):
    """A border around images: zeros. `padding` is a number or (left, right, top, bottom).

    >>> import mytorch
    >>> ZeroPad2d(1)(mytorch.zeros(1, 3, 3)).shape
    torch.Size([1, 5, 5])
    """

    dims = 2


class ZeroPad3d(_Pad):
    """A border around volumes: zeros. `padding`: one number, or two for each dimension.

    >>> import mytorch
    >>> ZeroPad3d(1)(mytorch.zeros(1, 3, 3, 3)).shape
    torch.Size([1, 5, 5, 5])
    """

    dims = 3


class ConstantPad1d(_ConstantPad):
    """A border around sequences: one value. `padding` is a number or (left, right).

    >>> import mytorch
    >>> ConstantPad1d(1, 9.0)(mytorch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[9., 1., 2., 3., 9.]])
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """A border around images: one value. `padding` is a number or (left, right, top, bottom).

    >>> import mytorch
    >>> ConstantPad2d(1, 9.0)(mytorch.zeros(1, 3, 3)).shape
    torch.Size([1, 5, 5])
    """

    dims = 2


class ConstantPad3d(_ConstantPad):
    """A border around volumes: one value. `padding`: one number, or two for each dimension.

    >>> import mytorch
    >>> ConstantPad3d(1, 9.0)(mytorch.zeros(1, 3, 3, 3)).shape
    torch.Size([1, 5, 5, 5])
    """

    dims = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """A border around sequences: mirrored. `padding` is a number or (left, right).

    >>> import mytorch
    >>> ReflectionPad1d(1)(mytorch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[2., 1., 2., 3., 2.]])
    """

    dims = 1


class ReflectionPad2d(_ReflectionPad):
    """A border around images: mirrored. `padding` is a number or (left, right, top, bottom).

    >>> import mytorch
    >>> ReflectionPad2d(1)(mytorch.zeros(1, 3, 3)).shape
    torch.Size([1, 5, 5])
    """

    dims = 2


class ReflectionPad3d(_ReflectionPad):
    """A border around volumes: mirrored. `padding`: one number, or two for each dimension.

    >>> import mytorch
    >>> ReflectionPad3d(1)(mytorch.zeros(1, 3, 3, 3)).shape
    torch.Size([1, 5, 5, 5])
    """

    dims = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """A border around sequences: the outermost repeated. `padding` is a number or (left, right).

    >>> import mytorch
    >>> ReplicationPad1d(1)(mytorch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[1., 1., 2., 3., 3.]])
    """

    dims = 1


class ReplicationPad2d(_ReplicationPad):
    """A border around images: the outermost repeated. `padding` is a number or (left, right, top, bottom).

    >>> import mytorch
    >>> ReplicationPad2d(1)(mytorch.zeros(1, 3, 3)).shape
    torch.Size([1, 5, 5])
    """

    dims = 2


class ReplicationPad3d(_ReplicationPad):
    """A border around volumes: the outermost repeated. `padding`: one number, or two for each dimension.

    >>> import mytorch
    >>> ReplicationPad3d(1)(mytorch.zeros(1, 3, 3, 3)).shape
    torch.Size([1, 5, 5, 5])
    """

    dims = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """A border around sequences: from the other end. `padding` is a number or (left, right).

    >>> import mytorch
    >>> CircularPad1d(1)(mytorch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[3., 1., 2., 3., 1.]])
    """

    dims = 1


class CircularPad2d(_CircularPad):
    """A border around images: from the other end. `padding` is a number or (left, right, top, bottom).

    >>> import mytorch
    >>> CircularPad2d(1)(mytorch.zeros(1, 3, 3)).shape
    torch.Size([1, 5, 5])
    """

    dims = 2


class CircularPad3d(_CircularPad):
    """A border around volumes: from the other end. `padding`: one number, or two for each dimension.

    >>> import mytorch
    >>> CircularPad3d(1)(mytorch.zeros(1, 3, 3, 3)).shape
    torch.Size([1, 5, 5, 5])
    """

    dims = 3
