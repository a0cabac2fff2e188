"""`autograd.graph`: the graph's own names, for programs that look at it or decide what becomes of what it keeps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mytorch.autograd import walk
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.edges import GradientEdge, get_gradient_edge
from mytorch.autograd.grad_mode import mode as state
from mytorch.autograd.node import Node
from mytorch.autograd.saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


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


class _MultiHook:
    """A hook on several tensors: what has arrived in the current backward pass, and how much is to come."""

    def __init__(self, tensors: Sequence[Any], function: Callable[[Any], Any], only_first: bool) -> None:
        self.tensors, self.function, self.only_first = tensors, function, only_first
        self.waiting = 0
        self.arrived: list[Any] = []
        self.handles = [t.register_hook(functools.partial(self._arrive, i)) for i, t in enumerate(tensors)]
        state.multi_hooks = (*state.multi_hooks, self)

    def begin(self, roots: Sequence[Any], targets: Sequence[Any] | None) -> None:
        """A backward pass starts: find out which of the tensors it will reach."""
        self.arrived = [None] * len(self.tensors)
        leaves, nodes = walk.reached(roots, targets)
        self.waiting = sum(id(t) in leaves if t.node is None else t.node.number in nodes for t in self.tensors)
        if self.only_first:
            self.waiting = min(self.waiting, 1)

    def _arrive(self, position: int, gradient: Any) -> None:
        self.arrived[position] = gradient
        self.waiting -= 1
        if self.waiting == 0:
            arrived, self.arrived = self.arrived, [None] * len(self.tensors)
            self.function(gradient if self.only_first else arrived)

    def remove(self) -> None:
        """Take the hook away."""
        for handle in self.handles:
            handle.remove()
        state.multi_hooks = tuple([hook for hook in state.multi_hooks if hook is not self])

    def __enter__(self) -> _MultiHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Any], fn: Callable[[Any], Any], *, mode: str = "all") -> _MultiHook:
    """Call `fn` once in a backward pass that computes gradients of these tensors.

    Args:
        mode: "all" calls `fn(gradients)` when the last of them has arrived, with None for those that the pass does not
            reach; "any" calls `fn(gradient)` with the first.

    Returns:
        A handle whose `remove()` takes the hook away. The hook belongs to the thread in which it was registered.

    >>> import mytorch
    >>> a, b = mytorch.ones(1, requires_grad=True), mytorch.ones(1, requires_grad=True)
    >>> with register_multi_grad_hook([a, b], lambda grads: print(grads)):
    ...     (a * 2 + b * 3).backward()
    ...     (a * 5).backward()
    [tensor([2.]), tensor([3.])]
    [tensor([5.]), None]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    return _MultiHook([t for t in tensors if mode == "all" or t.requires_grad], fn, mode == "any")
