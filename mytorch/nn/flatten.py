"""Layers that only change the shape."""

from __future__ import annotations

from collections.abc import Sequence

from mytorch.nn.module import Module
from mytorch.ops import shape
from mytorch.ops.dims import normalize_dim
from mytorch.tensor import Tensor

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins the dimensions from `start_dim` to `end_dim`; by default all but the first, the batch.

    >>> import mytorch
    >>> Flatten()(mytorch.zeros(5, 2, 3)).shape
    torch.Size([5, 6])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return shape.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits one dimension into several, of which one size may be -1.

    >>> import mytorch
    >>> Unflatten(1, (2, -1))(mytorch.zeros(5, 6)).shape
    torch.Size([5, 2, 3])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        if isinstance(unflattened_size, str) or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(f"unflattened_size must be a tuple of ints, but found {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        old = input.array.shape
        axis = normalize_dim(self.dim, len(old))
        new = shape.resolve_shape(tuple(self.unflattened_size), old[axis])
        return shape.reshape(input, (*old[:axis], *new, *old[axis + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
