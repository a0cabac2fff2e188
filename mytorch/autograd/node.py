"""Nodes of the autograd graph: one for every recorded operation, a class for every primitive.

A node points to the nodes (or leaf tensors) that its inputs came from, and keeps what its derivatives need. Nodes are
numbered as they are made. An operation's inputs exist before it does, so a node's number is higher than those of all
the nodes that it points to: walking from high numbers to low is a topological order, and needs no search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from mytorch.autograd.array import DifferentiableArray

next_number = count(1).__next__
new_object = object.__new__


class Node:
    """A recorded operation.

    Attributes that most nodes do not need have class-wide defaults and cost nothing until they are set.

    - `number`: the position in the order of creation.
    - `edges`: for each input, the node or leaf tensor that its gradient goes to, or None.
    - `arrays`: for each input, the raw array kept for the derivatives (or a number, a shape, or None); the whole is
      None once it has been freed.
    - `tensors`: the tensors that those arrays came from, for version checks and higher derivatives.
    - `out`: the raw result, where a derivative uses it.
    - `shapes`: the inputs' shapes, if broadcasting has to be undone.
    """

    __slots__ = ("__dict__", "__weakref__", "arrays", "edges", "number", "out", "tensors")

    primitive: Any = None
    number: int
    edges: tuple[Any, ...]
    arrays: tuple[Any, ...] | None
    tensors: tuple[Any, ...]
    out: Any

    options: dict[str, Any] | None = None
    shapes: tuple[Any, ...] | None = None
    versions: tuple[int, ...] | None = None  # of `tensors` when they were kept; None means that all were 0
    out_expected: int = 0  # the result's change counter when it was kept
    aux: Any = None  # what the forward computed on the way and a derivative can use again
    hooks: dict[int, Callable[..., Any]] | None = None  # on the gradient that arrives
    post_hooks: dict[int, Callable[..., Any]] | None = None
    captured_by: Any = None  # a tensor that wants this gradient in its `.grad` (retain_grad)
    special: bool = True  # the walk must look for hooks, options, shapes and the like
    outputs: int = 1
    forward_stack: Any = None  # where the operation was called (a `traceback.StackSummary`), under anomaly detection
    recompute: Callable[[Node], None] | None = None  # brings back what a checkpoint has dropped

    def name(self) -> str:
        """PyTorch's name of the derivative, e.g. `MulBackward0`."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def shown(self) -> Node:
        """This node as users see it: of the class that is named for its derivative."""
        return self

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that the inputs came from, as PyTorch gives them: pairs of node and output number."""
        return tuple(_as_function(edge) for edge in self.edges)

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for the user's own notes on this node."""
        held: dict[str, Any] = self.__dict__.setdefault("_metadata", {})
        return held

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(grad_inputs, grad_outputs)` after this node's derivatives have been computed."""
        if self.post_hooks is None:
            self.post_hooks = {}
        self.special = True
        return Handle.add(self.post_hooks, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(grad_outputs)` before this node's derivatives are computed."""
        if self.hooks is None:
            self.hooks = {}
        self.special = True
        return Handle.add(self.hooks, lambda g: _first(hook((g,))))

    def backward(self, xp: Any, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """The gradients for all edges; only nodes that are not made from a primitive define it."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget what was kept for the derivatives."""
        self.arrays = self.out = None
        self.tensors = ()
        if self.aux is not None:
            self.aux = None

    def keeps_anything(self) -> bool:
        """Whether `release` would free something."""
        kept = self.out is not None or self.aux is not None or bool(self.tensors)
        return kept or any(hasattr(a, "dtype") for a in self.arrays or ())

    def reload(self, twin: Any) -> None:
        """Take over what the same operation keeps that was recorded again."""
        self.arrays, self.tensors, self.versions = twin.arrays, twin.tensors, twin.versions
        self.out, self.aux, self.out_expected = twin.out, twin.aux, twin.out_expected
        if self.out is not None:
            self.out_version = twin.out_version

    def __call__(self, gradient: Any) -> Any:
        """Apply the derivative to a gradient by hand, as PyTorch's nodes allow."""
        from mytorch.autograd.engine import apply_node

        return apply_node(self, gradient)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


class PrimitiveNode(Node):
    """An application of a primitive.

    - `special` is False for the plain ones, which the walk deals with on a short road.
    - `out_version` is the result's change counter, where `out` is kept.

    Every primitive has a class of its own by which `grad_fn` shows itself (`MulBackward0`). A node takes it on only
    when somebody looks at it: as long as all nodes are of one class, Python finds their attributes five times as fast.
    """

    __slots__ = ("out_version", "primitive", "special")
    primitive: Any
    special: bool
    out_version: list[int]

    def name(self) -> str:
        return self.primitive.node_type.__name__

    def shown(self) -> PrimitiveNode:
        self.__class__ = self.primitive.node_type
        return self


class Pick(Node):
    """One output of an operation that has several: hands its gradient to the operation's node as output `index`."""

    __slots__ = ("index",)
    index: int


class AccumulateGrad(Node):
    """Where the graph ends at a leaf, as `next_functions` shows it; the engine itself deals with leaves directly."""

    __slots__ = ("variable",)
    variable: DifferentiableArray


def _as_function(edge: Any) -> tuple[Node | None, int]:
    if edge is None:
        return None, 0
    if isinstance(edge, Pick):
        return edge.edges[0].shown(), edge.index
    if isinstance(edge, Node):
        return edge.shown(), 0
    leaf = new_object(AccumulateGrad)
    leaf.variable, leaf.edges, leaf.arrays, leaf.tensors, leaf.out, leaf.number = edge, (), (), (), None, 0
    return leaf, 0


class Handle:
    """Returned when a hook is registered; `remove()` takes the hook away again, and so does leaving a `with` block."""

    _numbers = count()

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self._hooks = hooks
        self.id = key

    @classmethod
    def add(cls, hooks: dict[int, Any], hook: Any, *, first: bool = False) -> Handle:
        key = next(cls._numbers)
        if first:
            others = dict(hooks)
            hooks.clear()
            hooks[key] = hook
            hooks.update(others)
        else:
            hooks[key] = hook
        return cls(hooks, key)

    def remove(self) -> None:
        """Take the hook away; doing it twice is no error."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
