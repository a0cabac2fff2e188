"""A computation written down as it happens: every operation on its way forward, every derivative on its way back.

While a `Recording` runs, the kernels of all primitives are wrapped; when it does not, nothing is any slower. What is
written down are copies, so that a change in place later on does not change the story; as long as an array stays as it
is, all who use it share one copy.

>>> import mytorch
>>> x = mytorch.tensor([1.0, 2.0], requires_grad=True)
>>> with Recording() as recording:
...     (x * x).sum().backward()
>>> [(operation.name, operation.outputs[0].tolist()) for operation in recording.operations]
[('mul', [1.0, 4.0]), ('sum', 5.0)]
>>> [(derivative.operation.name, derivative.leaving[0].tolist()) for derivative in recording.derivatives]
[('sum', [1.0, 1.0]), ('mul', [1.0, 2.0])]
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mytorch.autograd.application import as_raw
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.function import Function
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.kept import kept_arrays, memory_of, nodes_behind
from mytorch.autograd.node import Node, Pick
from mytorch.autograd.primitive import TABLE, Primitive

Array = np.ndarray[Any, Any]

_lock = threading.Lock()  # kernels are wrapped as long as a recording is running in any thread
_kernels: dict[Primitive, Callable[..., Any]] = {}
_running = 0


@dataclass(eq=False)
class Input:
    """One input of an operation.

    - `value`: the raw array, as it was then; or a number, or None.
    - `source`: the operation that it is a result of; None for what was there before (`array` is that very array then).
      Both are None for an array that was overwritten with constants.
    - `gradient_flows`: whether a gradient goes back along it.
    - `is_detached`: a gradient could go back along it, had it not been cut off: its source has one.
    """

    value: Any
    array: Any = None
    source: Operation | None = None
    gradient_flows: bool = False
    is_detached: bool = False


@dataclass(eq=False)
class Operation:
    """An operation that was applied.

    - `name`: the primitive's, or the class's of a user's own `Function`, whose `primitive` is None.
    - `outputs`: copies of the results; one, but for a few operations.
    - `options`: what it was called with besides its inputs, such as `dim`.
    - `seconds`: what its forward took; NaN for a bookkeeping step of a write to a view, which computes nothing.
    - `place`: what the recording's `place` was; the caller's to set, such as the layer at work.
    - `node`: its place in the graph; None if no gradient is recorded for it.
    - `kept_bytes`: the memory that is kept for its derivative when the backward pass begins, but for what an operation
      before it keeps too, and for what is there anyway; 0 if no backward pass comes to it.
    """

    index: int
    name: str
    primitive: Primitive | None
    inputs: list[Input]
    outputs: list[Array]
    options: dict[str, Any]
    seconds: float
    place: str
    node: Any = None
    kept_bytes: int = 0


@dataclass(eq=False)
class Derivative:
    """A step of the backward pass: the derivatives of one operation.

    - `arriving`: the gradients of its results as the derivative gets them: hooks have changed them already. None for a
      result that has none.
    - `leaving`: for each input its gradient as it was computed, before any hook; None where none flows.
    """

    operation: Operation
    arriving: list[Array | None]
    leaving: list[Array | None] = field(default_factory=list)
    seconds: float = 0.0


class Recording:
    """Writes down what the present thread computes in the `with` block.

    Args:
        there_anyway: arrays whose memory does not count as kept, such as weights and the batch.

    Raises:
        RuntimeError: on entering, if another recording runs in this thread.
    """

    def __init__(self, there_anyway: Any = ()) -> None:
        self.operations: list[Operation] = []
        self.derivatives: list[Derivative] = []
        self.place = ""
        self._of_node: dict[int, Operation] = {}  # by the node's number
        # By the id of an array: what it is a result of. It is held here, so that ids stay unique.
        self._made: dict[int, tuple[Array, Operation | None]] = {}
        self._copies: dict[int, tuple[Array, Array]] = {}  # by the id of an array: that array and its latest copy
        self._function_node: Any = None  # the latest of a user's own function
        self._counted = {id(memory_of(array)) for array in there_anyway}
        self._kept: list[Array] = list(there_anyway)  # held for the same reason
        self._inside = 0  # an operation or a backward pass is at work, whose parts are not told of

    def __enter__(self) -> Recording:
        if mode.recording is not None:
            raise RuntimeError("another recording is running in this thread")
        _wrap_kernels()
        self._outer = mode.observe
        mode.observe, mode.recording = self._observe, self
        return self

    def __exit__(self, *_: object) -> None:
        mode.recording = None
        if mode.observe == self._observe:  # else an observer that came later still passes on to it
            mode.observe = self._outer
        _unwrap_kernels()

    # --- forward ----------------------------------------------------------------------------------------------------

    @property
    def listens(self) -> bool:
        """False within an operation or a backward pass, whose parts are not told of."""
        return not self._inside

    def apply_kernel(self, primitive: Primitive, kernel: Callable[..., Any], raw: Any, options: dict[str, Any]) -> Any:
        """Apply a primitive to raw arrays and write it down."""
        if not self.listens:
            return kernel(*raw, **options)
        inputs = [self._input(value) for value in raw]
        with self._unseen():
            began = time.perf_counter()
            result = kernel(*raw, **options)
            seconds = time.perf_counter() - began
        results, aux = result if primitive.aux else (result, None)
        several = primitive.outputs > 1
        # A scalar becomes an array here rather than later, so that the result is known again when it is an input.
        arrays = [as_raw(one) for one in (results if several else [results])]
        self._add(primitive.name, primitive, inputs, arrays, options, seconds)
        whole = tuple(arrays) if several else arrays[0]
        return (whole, aux) if primitive.aux else whole

    def apply_function(self, kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Apply a user's own `Function` and write it down."""
        given = (*args, *kwargs.values())
        inputs = [self._input(x.array if isinstance(x, DifferentiableArray) else x) for x in given]
        self._function_node = None
        ordinary: Any = Function.apply  # not the one of `kind`, which may have led here
        with self._unseen():
            began = time.perf_counter()
            result = ordinary.__func__(kind, *args, **kwargs)
            seconds = time.perf_counter() - began
        results = result if isinstance(result, tuple) else (result,)
        arrays = [one.array for one in results if isinstance(one, DifferentiableArray)]
        operation = self._add(kind.__name__, None, inputs, arrays, {}, seconds)
        if isinstance(self._function_node, kind._node_type):
            self._tie(operation, self._function_node)
        return result

    def written(self, array: Array, values: Any) -> None:
        """Something was written to an array that was there before: an operation's result, or constants."""
        if self.listens:
            _, operation = self._made.get(id(values), (None, None))
            self._made[id(array)] = array, operation

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def _add(
        self,
        name: str,
        primitive: Primitive | None,
        inputs: list[Input],
        arrays: list[Any],
        options: dict[str, Any],
        seconds: float,
    ) -> Operation:
        copies = [self._copy(array) for array in arrays]
        operation = Operation(len(self.operations), name, primitive, inputs, copies, dict(options), seconds, self.place)
        self.operations.append(operation)
        for index, one in enumerate(inputs):
            had_gradient = one.source is not None and one.source.node is not None
            one.is_detached = had_gradient and _differentiates(primitive, index)
        for array in arrays:
            if isinstance(array, np.ndarray):
                self._made[id(array)] = array, operation
        return operation

    def _input(self, value: Any) -> Input:
        if not isinstance(value, np.ndarray):
            return Input(value)
        for known in (value, memory_of(value)):  # a view of a result that was made by no operation is known by that
            if id(known) in self._made:
                operation = self._made[id(known)][1]
                return Input(self._copy(value), None if operation is None else value, operation)
        return Input(self._copy(value), value)

    def _copy(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        _, copy = self._copies.get(id(value), (None, None))
        # Bytes are compared, as NaN is not equal to itself and -0 is equal to 0.
        if copy is None or copy.shape != value.shape or copy.tobytes() != value.tobytes():
            copy = np.array(value)
            self._copies[id(value)] = value, copy
        return copy

    def _observe(self, node: Any) -> None:
        if self._outer is not None:
            self._outer(node)
        if mode.recording is not self:
            return
        if not self.listens:
            if node.primitive is None:
                self._function_node = node
            return
        operation = self.operations[-1] if self.operations else None
        if operation is None or operation.node is not None or operation.primitive is not node.primitive:
            # A write to a view, or a draw: the result is there already.
            inputs = [self._input(array) for array in node.arrays]
            results = [] if node.out is None else [node.out]
            operation = self._add(node.primitive.name, node.primitive, inputs, results, {}, float("nan"))
        self._tie(operation, node)

    def _tie(self, operation: Operation, node: Any) -> None:
        """An operation is recorded in the graph: so it is known where its gradients go."""
        operation.node = node
        operation.options = operation.options or dict(node.options or {})
        self._of_node[node.number] = operation
        for one, edge in zip(operation.inputs, _by_input(node, node.edges), strict=False):
            if edge is not None:
                one.gradient_flows, one.is_detached = True, False
                if isinstance(edge, Node):
                    one.source = self._of_node.get(_origin(edge).number, one.source)

    # --- backward ---------------------------------------------------------------------------------------------------

    def begin_walk(self, roots: Any) -> _Walk:
        """A backward pass begins: what is kept for it is all there now. Returns what follows the walk."""
        nodes = {node.number: node for root in roots for node in nodes_behind(root.node)}
        for number in sorted(nodes.keys() & self._of_node.keys()):
            for array in kept_arrays(nodes[number]):
                memory = memory_of(array)
                if memory.ndim and id(memory) not in self._counted:  # numbers are shared, and too small to count
                    self._counted.add(id(memory))
                    self._kept.append(memory)
                    self._of_node[number].kept_bytes += memory.nbytes
        self._inside += 1
        return _Walk(self, mode.watch)

    def end_walk(self) -> None:
        """It has ended, well or with an error."""
        self._inside -= 1


class _Walk:
    """Follows one walk through the graph, and lets `outer` (anomaly detection) follow it too."""

    def __init__(self, recording: Recording, outer: Any) -> None:
        self.recording, self.outer = recording, outer

    def entering(self, node: Any, gradient: Any) -> None:
        """Before a node's derivatives are computed."""
        if self.outer is not None:
            self.outer.entering(node, gradient)
        self.derivative: Derivative | None = None
        operation = None if isinstance(node, Pick) else self.recording._of_node.get(node.number)
        if operation is not None:
            arriving = [_raw_copy(g) for g in (gradient if isinstance(gradient, tuple) else (gradient,))]
            self.derivative = Derivative(operation, arriving)
            self.recording.derivatives.append(self.derivative)
        self.began = time.perf_counter()

    def leaving(self, node: Any, gradients: Any) -> None:
        """With a node's derivatives."""
        seconds = time.perf_counter() - self.began
        if self.derivative is not None:
            self.derivative.seconds = seconds
            flowing = [None if edge is None else g for edge, g in zip(node.edges, gradients, strict=False)]
            self.derivative.leaving = [_raw_copy(g) for g in _by_input(node, flowing)]
        if self.outer is not None:
            self.outer.leaving(node, gradients)


def _wrap_kernels() -> None:
    """Let every primitive ask whether a recording is running in the thread that applies it."""
    global _running
    with _lock:
        _running += 1
        if _running == 1:
            _kernels.update({primitive: primitive.kernel for primitive in TABLE.values()})
            for primitive, kernel in _kernels.items():
                primitive.kernel = functools.partial(_apply_kernel, primitive, kernel)


def _unwrap_kernels() -> None:
    global _running
    with _lock:
        _running -= 1
        if not _running:
            for primitive, kernel in _kernels.items():
                primitive.kernel = kernel
            _kernels.clear()


def _apply_kernel(primitive: Primitive, kernel: Callable[..., Any], /, *raw: Any, **options: Any) -> Any:
    if mode.recording is None:
        return kernel(*raw, **options)
    return mode.recording.apply_kernel(primitive, kernel, raw, options)


def _differentiates(primitive: Primitive | None, index: int) -> bool:
    """Whether an operation has a derivative by one of its inputs."""
    if primitive is None or primitive.joint is not None:
        return True
    return index < len(primitive.vjps) and primitive.vjps[index] is not None


def _origin(edge: Node) -> Node:
    """The operation's node, for an edge that leads to one of its several results."""
    origin: Node = edge.edges[0] if isinstance(edge, Pick) else edge
    return origin


def _by_input(node: Any, values: Sequence[Any]) -> Sequence[Any]:
    """What a node has for each of its edges, put to its inputs: a user's `Function` has edges for tensors alone."""
    if node.primitive is not None:
        return values
    remaining = iter(values)
    return [None if accepted is None else next(remaining) for accepted in node.accepts]


def _raw_copy(gradient: Any) -> Array | None:
    """A copy of a gradient, which is a tensor where the backward pass is itself recorded."""
    if gradient is None:
        return None
    return np.array(gradient.array if isinstance(gradient, DifferentiableArray) else gradient)
