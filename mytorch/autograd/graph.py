"""`autograd.graph`: the graph's own names, for programs that look at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.node import Node

__all__ = ["Node", "increment_version"]


def increment_version(tensor: Any) -> None:
    """Note that a tensor's memory (or that of each of several) was changed behind the engine's back.

    >>> import mytorch
    >>> x = mytorch.ones(2)
    >>> x.numpy()[0] = 5
    >>> increment_version(x)
    >>> x._version
    1
    """
    tensors: Iterable[Any] = (tensor,) if isinstance(tensor, DifferentiableArray) else tensor
    for each in tensors:
        each.changed()
