"""A recorded step as a graph of plain data: what stands in a picture of it, before places and colours.

By default a layer is one node, with its parameters as one more beside it; a layer that holds layers is a group, and
what it computes itself (the sum of a `Residual`) stands in it as operations. In full every operation is a node, in the
group of its layer. Either way a layer that is called again, after others, is there again: so arrows never lead back.

Left out is what the loss does not depend on and no gradient could go through, such as the counting of batches.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from mytorch.autograd.recording import Input, Operation
from mytorch.training.inspection.recorded_step import LOSS, RecordedStep, behind, norm_of

Kind = Literal["layer", "operation", "loss", "inputs", "targets", "weights", "parameter", "buffer", "constant"]
State = Literal["flows", "zero", "not finite", "detached", "unreached", "none"]

STATES: dict[State, str] = {
    "flows": "gradient flows",
    "zero": "gradient is zero",
    "not finite": "gradient is not finite",
    "detached": "detached: the gradient is cut off",
    "unreached": "no gradient arrives",
    "none": "takes no gradient",
}
_LEAVES: dict[str, Kind] = {"inputs": "inputs", "targets": "targets", "weights": "weights"}
_LISTS = ("ModuleDict", "ModuleList")  # hold layers, but compute nothing and are no layer
_FEW = 8  # operations of a loss, that are then shown one by one
_MANY = 3  # what more nodes use than these stands beside each of them: arrows from one place would cover the picture


@dataclass(eq=False)
class Node:
    """A thing that is drawn as a box.

    - `lines`: what stands in it, the title first.
    - `details`: all that is known of it, in lines.
    - `beside`: the id of the only node that uses it, if it is drawn beside that.
    """

    id: str
    kind: Kind
    lines: list[str]
    details: list[str]
    layer: str = ""
    beside: str | None = None


@dataclass(eq=False)
class Group:
    """A layer with what is in it, in the order in which it was computed."""

    layer: str
    title: str
    members: list[Node | Group] = field(default_factory=list)
    id: str = ""


@dataclass(eq=False)
class Edge:
    """From what made an array to what uses it.

    - `norm`: the 2-norm of the gradient that flows back along it, against the arrow; None where none does.
    - `shape`: None where several arrays are one edge, as a layer's parameters.
    """

    source: str
    target: str
    shape: tuple[int, ...] | None
    state: State
    norm: float | None = None

    @property
    def gradient(self) -> str:
        """What flows back, in a few letters; empty where none is expected."""
        if self.norm is not None:
            return f"∇ {self.norm:.3g}"
        return {"detached": "✂ detached", "unreached": "no gradient"}.get(self.state, "")


@dataclass
class Graph:
    """All of it; `root` is the model with the loss, `title` and `about` are its heading."""

    root: Group
    edges: list[Edge]
    title: str
    about: str

    def groups(self) -> Iterator[Group]:
        """All groups but the root, outer ones first."""
        ahead = [self.root]
        while ahead:
            inner = [one for one in ahead.pop(0).members if isinstance(one, Group)]
            yield from inner
            ahead += inner

    def nodes(self) -> Iterator[Node]:
        for group in (self.root, *self.groups()):
            yield from (one for one in group.members if isinstance(one, Node))


def graph_of(
    step: RecordedStep, *, full: bool = False, title: str = "", about: str = "", loss_name: str = "loss"
) -> Graph:
    """The graph of a step.

    Args:
        full: a node for every operation and every parameter.
        title: its heading; `about` is the line below.
        loss_name: what the loss is called, such as `MSELoss`.
    """
    return _Builder(step, full, loss_name).build(title, about)


def part_of(graph: Graph, layer: str) -> Graph | None:
    """A layer with all that is in it, and the nodes that it is joined to; None if the graph has no such layer."""

    def is_in(one: Node | Group) -> bool:
        return one.layer == layer or one.layer.startswith(f"{layer}.")

    inside = {node.id for node in graph.nodes() if is_in(node)}
    inside |= {node.id for node in graph.nodes() if node.beside in inside}
    if not inside:
        return None
    edges = [edge for edge in graph.edges if edge.source in inside or edge.target in inside]
    kept = inside | {end for edge in edges for end in (edge.source, edge.target)}

    def copied(group: Group) -> list[Node | Group]:
        members: list[Node | Group] = []
        for one in group.members:
            if isinstance(one, Node):
                if one.id in kept:
                    lines = [one.details[0], *one.lines[1:]]  # an operation outside says of which layer it is
                    members.append(one if one.id in inside else dataclasses.replace(one, lines=lines, beside=None))
            elif inner := copied(one):
                members += [Group(one.layer, one.title, inner, one.id)] if is_in(one) else inner
        return members

    return Graph(Group("", "", copied(graph.root)), edges, f"{graph.title}, layer {layer}", graph.about)


def state_of(norm: float | None) -> State:
    """What is to be said of a gradient that has come, by its norm."""
    if norm is None:
        return "unreached"
    return "not finite" if not math.isfinite(norm) else "flows" if norm else "zero"


@dataclass
class _Use:
    """An array as a node uses it, perhaps in several of its operations."""

    one: Input
    state: State
    gradient: Any = None

    def add(self, other: _Use) -> None:
        """The same array once more: its gradients add up."""
        if other.gradient is not None:
            self.gradient = other.gradient if self.gradient is None else self.gradient + other.gradient
        ranking: list[State] = ["detached", "unreached", "none"]
        self.state = min(self.state, other.state, key=lambda state: ranking.index(state) if state in ranking else -1)

    @property
    def norm(self) -> float | None:
        return None if self.gradient is None else norm_of([self.gradient])


class _Builder:
    def __init__(self, step: RecordedStep, full: bool, loss_name: str) -> None:
        self.step, self.full, self.loss_name = step, full, loss_name
        self.last = step.derivatives[0].operation if step.derivatives else step.operations[-1]
        self.operations = self._needed()
        self.root = Group("", "")
        self.owner: dict[int, Node] = {}  # the node that an operation is in, by its index
        self.inside: dict[str, list[Operation]] = {}  # the operations of a node, by its id
        self.home: dict[str, Group] = {}  # the group that a node is in, by its id
        self.leaves: dict[tuple[Any, ...], Node] = {}
        self.users: dict[int, set[str]] = {}  # the nodes that use a leaf, by the id of its array
        self.edges: list[Edge] = []

    def _needed(self) -> list[Operation]:
        """What the loss depends on or a gradient could go through, and what that depends on."""
        return behind([self.last, *(one for one in self.step.operations if one.node is not None)])

    def build(self, title: str, about: str) -> Graph:
        self._place_operations()
        for node in self.inside:
            self._join(node)
        _simplify(self.root)
        graph = Graph(self.root, self.edges, title, about)
        for number, group in enumerate(graph.groups()):
            group.id = f"g{number}"
        return graph

    # --- nodes and groups -------------------------------------------------------------------------------------------

    def _place_operations(self) -> None:
        """Each operation into the group of its layer, or into the one node that the layer is."""
        whole = set() if self.full else self._shown_whole()
        path: list[Group] = [self.root]
        at: Node | None = None  # the layer shown as one node that is at work
        seen: dict[str, int] = {}
        for operation in self.operations:
            place = operation.place
            if at is not None and at.layer == place:
                self._put(operation, at)
                continue
            outer = self._outer(place) if place in whole else [*self._outer(place), *([place] if place else [])]
            same = 0
            while same < min(len(outer), len(path) - 1) and path[same + 1].layer == outer[same]:
                same += 1
            del path[same + 1 :]
            for layer in outer[same:]:
                group = Group(layer, self._title(layer, seen))
                path[-1].members.append(group)
                path.append(group)
            at = None
            if place in whole:
                node = Node(f"n{operation.index}", "loss" if place == LOSS else "layer", [self._title(place, seen)], [])
                at = node
            else:
                node = Node(f"n{operation.index}", "loss" if operation is self.last else "operation",
                            [operation.name], [])  # fmt: skip
            node.layer = place
            path[-1].members.append(node)
            self.home[node.id] = path[-1]
            self._put(operation, node)
        for group_node in self.owner.values():
            group_node.details = self._details(group_node)
        if self.last.index in self.owner:
            values = ", ".join(f"{value:.6g}" for value in self.step.losses)
            self.owner[self.last.index].lines.append(f"= {values}")

    def _put(self, operation: Operation, node: Node) -> None:
        self.owner[operation.index] = node
        self.inside.setdefault(node.id, []).append(operation)

    def _outer(self, place: str) -> list[str]:
        """The layers that a layer is in, the outermost first; lists of layers are none."""
        parts = place.split(".")
        names = [".".join(parts[:count]) for count in range(1, len(parts))]
        return [name for name in names if self.step.layers.get(name, "") not in _LISTS]

    def _shown_whole(self) -> set[str]:
        """The layers that are one node: those that hold no others, and cut off no gradient within."""
        places = {one.place for one in self.operations}
        holding = {name for place in places for name in self._outer(place)}
        if places - {"", LOSS}:
            holding.add("")
        cut = {
            one.place
            for one in self.operations
            if any(i.is_detached and i.source is not None and i.source.place == one.place for i in one.inputs)
        }
        few = {LOSS} if 1 < sum(one.place == LOSS for one in self.operations) <= _FEW else set()
        return places - holding - cut - few

    def _title(self, layer: str, seen: dict[str, int]) -> str:
        name = f"loss: {self.loss_name}" if layer == LOSS else f"{layer} {self.step.layers.get(layer, '')}".strip()
        seen[layer] = seen.get(layer, 0) + 1
        return name if seen[layer] == 1 else f"{name} (call {seen[layer]})"

    def _details(self, node: Node) -> list[str]:
        operations = self.inside[node.id]
        lines = [f"{node.lines[0]}{f', of layer {node.layer}' if node.kind == 'operation' and node.layer else ''}"]
        if node.kind == "layer" or len(operations) > 1:
            lines.append("operations: " + ", ".join(one.name for one in operations))
        shapes = [_shape(np.shape(output)) for output in operations[-1].outputs]
        lines.append("output " + ", ".join(shapes))
        derivative = self.step.derivative_of(operations[-1])
        arriving = [] if derivative is None else [norm_of([g]) for g in derivative.arriving if g is not None]
        if arriving:
            lines.append("gradient that arrives: " + ", ".join(f"{norm:.4g}" for norm in arriving))
        elif operations[-1].node is not None:
            lines.append("no gradient arrives")
        return lines

    # --- edges and leaves -------------------------------------------------------------------------------------------

    def _join(self, target: str) -> None:
        """The edges to a node, and the leaves that it is the first to use."""
        uses: dict[tuple[Any, ...], _Use] = {}
        for operation in self.inside[target]:
            for position, one in enumerate(self._inputs(operation)):
                if isinstance(one.value, np.ndarray) and not self._is_within(one, target):
                    apart = (operation.index, position) if self.full else ()
                    key = (id(one.source), id(one.array) if one.source is None else 0, one.value.shape, *apart)
                    use = self._use(operation, position)
                    if key in uses:
                        uses[key].add(use)
                    else:
                        uses[key] = use
        own: list[tuple[str, _Use]] = []
        for use in uses.values():
            if use.one.source is not None:
                self._connect(self.owner[use.one.source.index].id, target, use)
                continue
            name = self.step.leaf_name(use.one)
            if name in self.step.parameters and not self.full and self._is_beside(use.one, target):
                own.append((name, use))
            elif self.full or name in _LEAVES or name in self.step.parameters:
                self._connect(self._leaf(name, use, target).id, target, use)
        if own:
            self._connect_own_parameters(own, target)

    def _inputs(self, operation: Operation) -> list[Input]:
        """Its inputs, and what of the batch it has as an option: the classes of a `cross_entropy`."""
        arrays = [Input(value, value) for value in operation.options.values() if isinstance(value, np.ndarray)]
        return [*operation.inputs, *(one for one in arrays if self.step.leaf_name(one) in _LEAVES)]

    def _is_within(self, one: Input, node: str) -> bool:
        return one.source is not None and self.owner[one.source.index].id == node

    def _use(self, operation: Operation, position: int) -> _Use:
        one = self._inputs(operation)[position]
        derivative = self.step.derivative_of(operation)
        leaving = derivative.leaving if derivative is not None else []
        gradient = leaving[position] if position < len(leaving) else None
        if gradient is not None:
            return _Use(one, "flows", np.asarray(gradient, np.result_type(gradient, np.float64)))
        return _Use(one, "detached" if one.is_detached else "unreached" if one.gradient_flows else "none")

    def _connect(self, source: str, target: str, use: _Use) -> None:
        norm = use.norm
        state = use.state if norm is None else state_of(norm)
        self.edges.append(Edge(source, target, tuple(use.one.value.shape), state, norm))

    def _users(self, leaf: Input) -> set[str]:
        """The nodes that use a leaf."""
        if not self.users:
            for operation in self.operations:
                for one in self._inputs(operation):
                    if one.source is None and one.array is not None:
                        self.users.setdefault(id(one.array), set()).add(self.owner[operation.index].id)
        return self.users[id(leaf.array)]

    def _is_beside(self, leaf: Input, target: str) -> bool:
        users = self._users(leaf)
        return users == {target} or len(users) > _MANY

    def _leaf(self, name: str | None, use: _Use, target: str) -> Node:
        """The node of an array that no operation made; of those used once beside the user, but for the inputs."""
        one = use.one
        users = self._users(one)
        kind: Kind = _LEAVES.get(name or "", "constant")
        if name in self.step.parameters:
            kind = "parameter"
        elif name is not None and name not in _LEAVES:
            kind = "buffer"
        beside = self._is_beside(one, target) and (kind != "inputs" or len(users) > _MANY)
        key = (id(one.array), one.value.shape, target if beside else "")
        if key in self.leaves:
            return self.leaves[key]
        shape = _shape(one.value.shape)
        lines = [f"{name or 'constant'} {shape}"]
        layer = self.home[target].layer
        if name is not None and beside and layer and name.startswith(f"{layer}."):
            lines[0] = f"{name[len(layer) + 1 :]} {shape}"
        if one.value.ndim == 0 and kind == "constant":
            lines[0] = f"{one.value.item():.6g}"
        details = [f"{kind} {name}" if kind in ("parameter", "buffer") else kind, f"shape {shape}, {one.value.dtype}"]
        node = Node(f"a{len(self.leaves)}", kind, lines, details)
        if beside:
            node.beside = target
            self.home[target].members.append(node)
        else:
            self.root.members.append(node)
        self.leaves[key] = node
        self._say_gradient(node, [name] if name is not None else [], use.norm if len(users) > _MANY else None)
        return node

    def _connect_own_parameters(self, own: list[tuple[str, _Use]], target: str) -> None:
        """All parameters that only one layer uses as one node beside it."""
        count = sum(use.one.value.size for _, use in own)
        names = [name.rpartition(".")[2] for name, _ in own]
        shown = ", ".join(names) if len(names) < 4 else f"{len(names)} parameters"
        details = [f"parameter {name} {_shape(use.one.value.shape)}" for name, use in own]
        node = Node(f"w{target[1:]}", "parameter", [f"{shown}: {count:,}"], details, beside=target)
        self.home[target].members.append(node)
        norms = [norm for _, use in own if (norm := use.norm) is not None]
        edge = Edge(node.id, target, own[0][1].one.value.shape if len(own) == 1 else None, own[0][1].state)
        if norms:
            edge.norm = math.hypot(*norms)
            edge.state = state_of(edge.norm)
        self.edges.append(edge)
        shared = any(len(self._users(use.one)) > _MANY for _, use in own)
        self._say_gradient(node, [name for name, _ in own], edge.norm if shared else None)

    def _say_gradient(self, node: Node, names: list[str], part: float | None) -> None:
        """The norm of the gradient that a parameter has in the end, in its node; `part`: of that from this use."""
        parameters = [self.step.parameters[name] for name in names if name in self.step.parameters]
        if not parameters:
            return
        gradients = [one.grad.array for one in parameters if one.grad is not None]
        if gradients:
            shown = f"{norm_of(gradients):.3g}"
            node.lines.append(f"∇ {shown}" if part is None else f"∇ {part:.3g}, in all {shown}")
        elif not any(one.requires_grad for one in parameters):
            node.lines.append("frozen")
        else:
            node.lines.append("no gradient")


def _shape(shape: tuple[int, ...]) -> str:
    return str(tuple(map(int, shape)))


def _simplify(group: Group) -> None:
    """A group that holds a single layer and nothing else is replaced by that layer."""
    for index, member in enumerate(group.members):
        if isinstance(member, Group):
            _simplify(member)
            only = [one for one in member.members if isinstance(one, Group) or one.beside is None]
            if len(only) == 1 and (isinstance(only[0], Group) or only[0].kind == "layer"):
                group.members[index : index + 1] = member.members
