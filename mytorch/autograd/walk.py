"""The walk through the graph: from a result to everything that it was made from, in one walk.

`pending` holds the gradients that have arrived so far, by node number. The walk always takes the highest number: since
a node is newer than all that it points to, no gradient for it can arrive later, and its gradient is complete. A
gradient is dropped as soon as it has been passed on, and what a node kept is freed behind the walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from mytorch.autograd.application import TENSORS, apply, as_raw, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.node import Node, Pick
from mytorch.autograd.primitive import NUMPY, TABLE, namespace_of

ndarray = np.ndarray


def walk(
    roots: Sequence[Any],
    gradients: Sequence[Any],
    *,
    keep_graph: bool,
    create_graph: bool,
    targets: Sequence[DifferentiableArray] | None = None,
    watch: Any = None,
) -> dict[int, list[Any]]:
    """Carry gradients from `roots` down the graph.

    Returns what arrived at the leaves, or at `targets` if given: by the tensor's id, `[tensor, gradient, owned]`, where
    `owned` says that nobody else sees the gradient's memory. With `create_graph`, gradients are tensors and every step
    is recorded; without, they are raw arrays. `watch` follows the walk (see `grad_mode`).
    """
    heap: list[int] = []  # the numbers of the nodes in `pending`, negated: the highest comes first
    pending: dict[int, list[Any]] = {}  # by number: node, gradient so far, whether its memory is ours
    arrived: dict[int, list[Any]] = {}
    useful = None if targets is None else _leads_to(roots, targets)
    wanted = None if targets is None else {id(t) for t in targets if t.node is None}
    captured = {id(t.node): t for t in targets or () if t.node is not None}

    for root, gradient in zip(roots, gradients, strict=True):
        if root.node is None:
            if wanted is None or id(root) in wanted:
                _add(arrived, id(root), root, gradient, False)
        elif _add(pending, root.node.number, root.node, gradient, False):
            heappush(heap, -root.node.number)

    node: Any = None
    g: Any = None
    while True:
        if node is None:
            if not heap:
                return arrived
            node, g, _ = pending.pop(-heappop(heap))
        special = node.special
        if special and (node.hooks is not None or node.captured_by is not None):
            g = _show_to_observers(node, g)
        if useful is not None:
            if id(node) in captured:
                target = captured[id(node)]
                _add(arrived, id(target), target, g, False)
            if node.number not in useful:
                node = None
                continue
            edges = tuple([edge if _is_asked_for(edge, useful, wanted, captured) else None for edge in node.edges])
        else:
            edges = node.edges
        if watch is not None:
            watch.entering(node, g)
        if special or create_graph:
            if isinstance(node, Pick):
                _deliver_to_output(pending, heap, node, g)
                node = None
                continue
            check_kept(node)
            results = derivatives(node, edges, g, create_graph)
            if node.shapes is not None:
                results = _undo_broadcasting(node.shapes, results, create_graph)
        else:
            results = _plain_derivatives(node, edges, g)
        if watch is not None:
            watch.leaving(node, results)
        if special and node.post_hooks is not None:
            results = _run_post_hooks(node, results, g)

        # The newest of the nodes that were reached comes next if nothing newer is pending: chains need no heap.
        newest: Any = None
        g_newest: Any = None
        for edge, gi in zip(edges, results):  # noqa: B905 - the keyword `strict` costs 0.2 us
            if edge is None or gi is None:
                continue
            if not create_graph and type(gi) is not ndarray:
                gi = as_raw(gi)
            if isinstance(edge, Node):
                number = edge.number
                if number in pending:
                    _add(pending, number, edge, gi, False)
                elif newest is None:
                    newest, g_newest = edge, gi
                elif newest is edge:
                    g_newest = as_raw(g_newest + gi)
                else:
                    if newest.number < number:
                        newest, g_newest, edge, gi = edge, gi, newest, g_newest
                    pending[edge.number] = [edge, gi, False]
                    heappush(heap, -edge.number)
            else:
                ours = node.primitive is not None and node.post_hooks is None
                owned = ours and not create_graph and gi is not g and gi.base is None
                _add(arrived, id(edge), edge, gi, owned)
        if not keep_graph and (node.tensors or node.out is not None or node.primitive is None):
            node.release()
        if heap and newest is not None and newest.number < -heap[0]:
            pending[newest.number] = [newest, g_newest, False]
            heappush(heap, -newest.number)
            newest = None
        node, g = newest, g_newest


def _is_asked_for(edge: Any, useful: set[int], wanted: Any, captured: dict[int, Any]) -> bool:
    """Whether somebody wants the gradient that would go along an edge: no other is computed."""
    if isinstance(edge, Node):
        return edge.number in useful or id(edge) in captured
    return id(edge) in wanted


def _plain_derivatives(node: Any, edges: tuple[Any, ...], g: Any) -> tuple[Any, ...]:
    """The gradients for the inputs of an operation of one or two inputs that has no options and no broadcasting."""
    arrays, out = node.arrays, node.out
    if arrays is None or (out is not None and node.out_version[0]):
        check_kept(node)
        arrays, out = node.arrays, node.out
    for tensor in node.tensors:
        if tensor is not None and tensor.version is not None:
            check_kept(node)
            break
    xp = NUMPY if type(g) is ndarray else namespace_of(g)
    vjps = node.primitive.vjps
    if len(vjps) == 1:
        return (vjps[0](xp, g, out, arrays[0]),)
    x, y = arrays
    edge_x, edge_y = edges
    return (
        None if edge_x is None or vjps[0] is None else vjps[0](xp, g, out, x, y),
        None if edge_y is None or vjps[1] is None else vjps[1](xp, g, out, x, y),
    )


def _add(entries: dict[int, list[Any]], key: int, target: Any, gradient: Any, owned: bool) -> bool:
    """Add a gradient to what has arrived at a place; True if it is the first. In place once the memory is our own."""
    entry = entries.get(key)
    if entry is None:
        entries[key] = [target, gradient, owned]
        return True
    held = entry[1]
    if entry[2] and type(held) is ndarray and held.dtype == gradient.dtype:
        np.add(held, gradient, out=held)
    else:
        entry[1] = as_raw(held + gradient)
        entry[2] = not isinstance(held, DifferentiableArray)
    return False


def check_kept(node: Any) -> None:
    """Refuse to go on with values that were freed, or overwritten since the operation used them."""
    while node.arrays is None and node.recompute is not None:  # more than once where checkpoints are nested
        node.recompute(node)
    if node.arrays is None:
        raise RuntimeError(
            f"Trying to backward through the graph a second time: what {node.name()} had kept for its derivative "
            "was freed by the first backward(). Pass retain_graph=True to the first backward() or grad() if you "
            "need to go through the graph again."
        )
    for position, tensor in enumerate(node.tensors):
        if tensor is not None and tensor.version is not None:
            expected = 0 if node.versions is None else node.versions[position]
            if tensor.version[0] != expected:
                raise overwritten(node, tensor.array, expected, tensor.version[0], f"input {position} of")
    if node.out is not None:
        found, expected = node.out_version[0], node.out_expected
        if found != expected:
            raise overwritten(node, node.out, expected, found, "output 0 of")


def _undo_broadcasting(shapes: Sequence[Any], results: Sequence[Any], create_graph: bool) -> list[Any]:
    """Sum each gradient over the dimensions in which its input had been stretched."""
    return [
        g
        if g is None or shape is None or g.shape == shape
        else apply(TABLE["sum_to"], g, shape=shape)
        if create_graph
        else namespace_of(g).sum_to(g, shape)
        for g, shape in zip(results, shapes, strict=True)
    ]


def _show_to_observers(node: Any, g: Any) -> Any:
    """Hooks on a gradient may replace it; `retain_grad` keeps it."""
    if node.hooks is not None:
        g = run_hooks(node.hooks, g)
    if node.captured_by is not None:
        _capture(node.captured_by, g)
    return g


def derivatives(node: Any, edges: Sequence[Any], g: Any, create_graph: bool) -> Sequence[Any]:
    """The gradients for a node's inputs, from its primitive's vjps or its own `backward`."""
    primitive = node.primitive
    xp = TENSORS if create_graph else NUMPY if type(g) in (ndarray, tuple) else namespace_of(g)
    if primitive is None:
        return node.backward(xp, g, create_graph)
    options = node.options
    out = node.out
    if create_graph:
        inputs = _inputs_as_tensors(node)
        if out is not None:
            out = _result_as_tensor(node)
        if primitive.aux:
            options = {**(options or {}), "aux": None}
    else:
        inputs = node.arrays
        if primitive.aux:
            options = {**(options or {}), "aux": node.aux}
    if primitive.joint is not None:
        needs = tuple([edge is not None for edge in edges])
        return primitive.joint(xp, g, out, *inputs, needs=needs, **(options or {}))
    results: list[Any] = []
    for edge, vjp in zip(edges, primitive.vjps, strict=True):
        if edge is None or vjp is None:
            results.append(None)
        elif options is None:
            results.append(vjp(xp, g, out, *inputs))
        else:
            results.append(vjp(xp, g, out, *inputs, **options))
    return results


def _inputs_as_tensors(node: Any) -> tuple[Any, ...]:
    if not node.tensors:
        return node.arrays
    return tuple([a if t is None else t for a, t in zip(node.arrays, node.tensors, strict=True)])


def _result_as_tensor(node: Any) -> Any:
    """The node's result as a tensor that still knows where it came from."""
    out = wrap(node.out)
    out.node, out.needs_grad = node, True
    return out


def _deliver_to_output(pending: dict[int, list[Any]], heap: list[int], pick: Any, g: Any) -> None:
    """Collect the gradients of the outputs of one operation in a tuple, a place for each."""
    node = pick.edges[0]
    entry = pending.get(node.number)
    if entry is None:
        entry = pending[node.number] = [node, (None,) * node.outputs, False]
        heappush(heap, -node.number)
    entry[1] = (*entry[1][: pick.index], g, *entry[1][pick.index + 1 :])


def overwritten(node: Any, array: Any, expected: int, found: int, what: str) -> RuntimeError:
    from mytorch.backend.dtypes import of

    kind = {"float32": "FloatTensor", "float64": "DoubleTensor"}.get(of(array.dtype).name, "Tensor")
    shape = list(array.shape)
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{kind} {shape}], which is {what} {node.name()}, is at version {found}; expected version {expected} "
        "instead. Hint: clone() the tensor before changing it in place, or use the out-of-place operation."
    )


def run_hooks(hooks: dict[int, Any], g: Any) -> Any:
    """Let each hook look at the gradient and replace it. Hooks see tensors."""
    raw = not isinstance(g, DifferentiableArray) and not isinstance(g, tuple)
    value = wrap(g) if raw else g
    for hook in list(hooks.values()):
        changed = hook(value)
        if changed is not None:
            if not isinstance(changed, type(value)):
                raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
            if raw and changed.array.shape != value.array.shape:
                name = getattr(hook, "__name__", type(hook).__name__)
                raise RuntimeError(f"hook '{name}' has changed the size of value")
            value = changed
    return value.array if raw else value


def _run_post_hooks(node: Any, results: Sequence[Any], g: Any) -> Sequence[Any]:
    """Show a node's derivatives to the hooks on it, which may replace them. Hooks see tensors."""

    def shown(values: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([v if v is None or isinstance(v, DifferentiableArray) else wrap(v) for v in values])

    raw = not any(isinstance(r, DifferentiableArray) for r in results)
    incoming = shown(g if isinstance(g, tuple) else (g,))
    outgoing = shown(results)
    for hook in list(node.post_hooks.values()):
        changed = hook(outgoing, incoming)
        if changed is not None:
            outgoing = changed if isinstance(changed, tuple) else (changed,)
            if len(outgoing) != len(results):
                raise RuntimeError(
                    f"a hook on {node.name()} has returned {len(outgoing)} gradients, expected {len(results)}"
                )
    return tuple([None if v is None else v.array for v in outgoing]) if raw else outgoing


def _capture(reference: Any, g: Any) -> None:
    """Keep the gradient of a tensor that asked for it with `retain_grad`."""
    tensor = reference()
    if tensor is not None:
        value = g if isinstance(g, DifferentiableArray) else wrap(g.copy())
        tensor._grad = value if tensor._grad is None else tensor._grad + value


def _leads_to(roots: Sequence[Any], targets: Sequence[DifferentiableArray]) -> set[int]:
    """The numbers of the nodes from which some target can be reached: no other derivative need be computed."""
    ends = {id(t) for t in targets if t.node is None}
    made = {id(t.node) for t in targets if t.node is not None}
    seen: dict[int, Node] = {}
    stack = [r.node for r in roots if r.node is not None]
    while stack:
        node = stack.pop()
        if node.number not in seen:
            seen[node.number] = node
            stack.extend(e for e in node.edges if isinstance(e, Node))
    useful: set[int] = set()
    for number in sorted(seen):  # from the oldest, so that a node's inputs are decided before it
        for edge in seen[number].edges:
            if edge is not None and (
                id(edge) in ends or id(edge) in made or (isinstance(edge, Node) and edge.number in useful)
            ):
                useful.add(number)
                break
    return useful


def reached(roots: Sequence[Any], targets: Sequence[Any] | None) -> tuple[set[int], set[int]]:
    """What a backward pass will come to: the ids of leaves and the numbers of nodes."""
    leaves: set[int] = set()
    nodes: set[int] = set()
    stack = [root if root.node is None else root.node for root in roots]
    while stack:
        place = stack.pop()
        if not isinstance(place, Node):
            leaves.add(id(place))
        elif place.number not in nodes:
            nodes.add(place.number)
            stack.extend([edge for edge in place.edges if edge is not None])
    if targets is not None:
        leaves &= {id(target) for target in targets}
        nodes &= _leads_to(roots, targets) | {target.node.number for target in targets if target.node is not None}
    return leaves, nodes
