"""What a differentiable array carries. `mytorch.Tensor` (two floors up) adds everything that users call."""

from __future__ import annotations

import weakref
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.real import require_real

if TYPE_CHECKING:
    from mytorch.autograd.node import Node


PRUNE_AT = 32  # with this many views noted, those that are gone are looked for


class DifferentiableArray:
    """An array and what the engine must know to differentiate through it.

    - `array`: the raw NumPy array (any shape and type).
    - `needs_grad`: whether gradients flow to or through it. Users see it as `requires_grad`, which is checked when it
      is set; the hot paths read the slot, which costs 2 ns instead of 24.
    - `node`: the operation that made it, or None for a leaf.
    - `_grad`: for a leaf, the sum of the gradients that reached it, or None.
    - `version`: None until somebody has to know whether it is changed in place; then a one-element list that
      counts the changes, shared by all views of the same memory.
    - `base`: for a view, the array whose memory it shows.
    """

    __slots__ = ("__dict__", "__weakref__", "_grad", "array", "base", "needs_grad", "node", "version")

    array: np.ndarray[Any, Any]
    needs_grad: bool
    node: Node | None
    _grad: Any
    version: list[int] | None
    base: Any

    views: list[weakref.ref[Any]] | None = None  # of a tensor that is shown by others: who shows it

    def _set_requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if value:
            if self.array.dtype.kind not in "fc":
                raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
            require_real(self.array.dtype)
        elif self.node is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        self.needs_grad = value

    requires_grad = property(attrgetter("needs_grad"), _set_requires_grad, doc="Whether gradients flow through it.")

    def add_view(self, view: Any) -> None:
        """Note a view of this array, weakly, so that it can be told when this array's history changes."""
        if self.views is None:
            self.views = []
        elif len(self.views) >= PRUNE_AT:
            self.views[:] = [reference for reference in self.views if reference() is not None]
        self.views.append(weakref.ref(view))

    def counter(self) -> list[int]:
        """The change counter, made on first use."""
        if self.version is None:
            self.version = [0]
        return self.version

    def changed(self) -> None:
        """Note that the memory was written to."""
        self.counter()[0] += 1
