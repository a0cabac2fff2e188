"""`my.layers`: everything in `mytorch.nn` under the first MyTorch's name; only its `Linear` takes more than tensors."""

from __future__ import annotations

from typing import Any

from mytorch import nn
from mytorch.backend.dtypes import get_default_dtype
from mytorch.creation.from_data import tensor
from mytorch.nn import Module, ReLU
from mytorch.ops.shape import stack
from mytorch.tensor import Tensor

__all__ = ["Linear", "Module", "ReLU"]


class Linear(nn.Linear):
    """`nn.Linear` whose input may also be a list, of numbers and tensors mixed, or a NumPy array.

    >>> import mytorch as my
    >>> layer = my.layers.Linear(2, 1)
    >>> layer([1000, my.Param(0)]).shape
    torch.Size([1])
    """

    def forward(self, input: Any) -> Tensor:
        return super().forward(_joined(input))


def _joined(values: Any) -> Tensor:
    """One tensor from numbers, arrays, tensors and lists of them; gradients flow on to the tensors."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, (list, tuple)) and any(isinstance(v, (list, tuple, Tensor)) for v in values):
        return stack([_joined(v) for v in values])
    return tensor(values, dtype=get_default_dtype())


def __getattr__(name: str) -> Any:
    """All other layers are `mytorch.nn`'s as they are."""
    try:
        return getattr(nn, name)
    except AttributeError:
        raise AttributeError(f"mytorch.layers offers what mytorch.nn does, and that has no {name!r}") from None
