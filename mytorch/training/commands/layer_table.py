"""What each layer of a model does in one training step: the shape that comes out, parameters, operations, memory.

All of it is seen, not guessed: hooks on the modules see shapes as a real batch goes through, and the graph that the
forward pass leaves behind says what is kept for the backward pass. A kept array belongs to the first layer that keeps
it; weights, buffers and the batch itself do not count, since they are there anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mytorch import nn
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.kept import flat, kept_arrays, memory_of, nodes_behind
from mytorch.training.commands.flops import Shape, flops

LOSS = "(loss)"  # the name of the line for what the loss function keeps; no module can be called so


@dataclass
class Layer:
    """A line of the table: a module, by its name in the model. What stands below it is counted in."""

    name: str  # such as "3.layers.0"; empty for a model as a whole
    type: str
    output: tuple[Shape, ...] = ()  # of what came out last: one shape, but for modules with several results
    calls: int = 0
    parameters: int = 0
    trainable: int = 0
    flops: int | None = 0  # of a whole batch; None if they are not known, or in part
    kept_bytes: int = 0
    without_gradient: list[str] = field(default_factory=list)  # own trainable parameters that got none

    @property
    def depth(self) -> int:
        """How deep in the model it stands; a model as a whole has 0, its layers 1."""
        return self.name.count(".") + 1 if self.name else 0


@dataclass
class Step:
    """One forward and backward pass, as it was seen."""

    rows: int  # of the batch
    layers: list[Layer]  # in the order of the model, which comes first unless it is a plain list of layers
    total: Layer  # of the whole model
    kept_by_loss: int
    loss: float
    unknown: list[str]  # the types whose own operations are not known


def measure(model: nn.Module, loss: nn.Module, inputs: Any, targets: Iterable[Any]) -> Step:
    """Send a batch through the model and the loss, and back. The gradients stay in the parameters.

    >>> import mytorch
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    >>> step = measure(model, nn.MSELoss(), mytorch.zeros(5, 3), [mytorch.ones(5, 4)])
    >>> [(layer.type, layer.output, layer.parameters, layer.flops, layer.kept_bytes) for layer in step.layers]
    [('Linear', ((5, 4),), 16, 120, 0), ('Tanh', ((5, 4),), 0, 20, 80)]
    """
    targets = tuple(targets)
    watch = _Watch(model)
    with watch:
        output = model(inputs)
        watch.stack.append(LOSS)
        value = loss(output, *targets)
    there_anyway = [inputs, *targets, *model.parameters(), *model.buffers(), *loss.parameters(), *loss.buffers()]
    kept = _kept_bytes(value, watch.made_in, there_anyway)
    value.backward()
    layers = list(watch.layers.values())
    for layer in layers:
        layer.kept_bytes = sum(size for name, size in kept.items() if _is_within(name, layer.name))
        layer.flops = _sum_known(watch.operations, layer.name)
    for name, parameter in model.named_parameters():
        owner, _, own = name.rpartition(".")
        if parameter.requires_grad and parameter.grad is None:
            watch.layers[owner].without_gradient.append(own)
    whole = watch.layers[""]
    if type(model) is nn.Sequential:  # the list of layers of a config, in which nothing happens but in the layers
        del watch.layers[""]
    return Step(
        rows=len(inputs),
        layers=list(watch.layers.values()),
        total=whole,
        kept_by_loss=kept.get(LOSS, 0),
        loss=value.item(),
        unknown=sorted({watch.types[name] for name, count in watch.operations.items() if count is None}),
    )


def _is_within(name: str, layer: str) -> bool:
    return name != LOSS and (not layer or name == layer or name.startswith(f"{layer}."))


def _sum_known(operations: dict[str, int | None], layer: str) -> int | None:
    """The operations of a layer and of those in it; None if none of them is known."""
    counts = [count for name, count in operations.items() if _is_within(name, layer)]
    known = [count for count in counts if count is not None]
    return sum(known) if known or not counts else None


class _Watch:
    """While its `with` block runs: who is at work, what each module gives, and which module made which node."""

    def __init__(self, model: nn.Module) -> None:
        self.modules = dict(model.named_modules())
        self.types = {name: type(module).__name__ for name, module in self.modules.items()}
        self.layers = {name: _layer(name, module) for name, module in self.modules.items()}
        self.operations: dict[str, int | None] = {}
        self.made_in: dict[int, str] = {}  # the number of a node -> the name of the module
        self.stack = [""]
        self.handles: list[Any] = []

    def __enter__(self) -> None:
        for name, module in self.modules.items():
            self.handles.append(module.register_forward_pre_hook(self._entering(name)))
            self.handles.append(module.register_forward_hook(self._leaving(name)))
        self.observe_before, mode.observe = mode.observe, self._made

    def __exit__(self, *_: object) -> None:
        mode.observe = self.observe_before
        for handle in self.handles:
            handle.remove()

    def _made(self, node: Any) -> None:
        if self.observe_before is not None:
            self.observe_before(node)
        self.made_in[node.number] = self.stack[-1]

    def _entering(self, name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any) -> None:
            self.stack.append(name)

        return hook

    def _leaving(self, name: str) -> Callable[..., None]:
        layer = self.layers[name]

        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            self.stack.pop()
            results = [item for item in flat(output) if isinstance(item, DifferentiableArray)]
            layer.calls += 1
            layer.output = tuple(tuple(result.array.shape) for result in results)
            count = None
            given = [item for item in flat(inputs) if isinstance(item, DifferentiableArray)]
            if results and given:
                shapes = [tuple(one.array.shape) for one in given[:2]]
                count = flops(module, shapes[0], layer.output[0], *shapes[1:])
            before = self.operations.get(name, 0)
            self.operations[name] = None if count is None or before is None else before + count

        return hook


def _layer(name: str, module: nn.Module) -> Layer:
    parameters = list(module.parameters())
    return Layer(
        name,
        type(module).__name__,
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
    )


# --- what the graph keeps -------------------------------------------------------------------------------------------


def _kept_bytes(result: Any, made_in: dict[int, str], there_anyway: Iterable[Any]) -> dict[str, int]:
    """The bytes that the graph behind `result` keeps, by the name of the module that made the node."""
    seen = {id(memory_of(tensor.array)) for tensor in there_anyway}
    kept: dict[str, int] = {}
    for node in sorted(nodes_behind(result.node), key=lambda node: node.number):
        for array in kept_arrays(node):
            memory = memory_of(array)
            if memory.ndim and id(memory) not in seen:  # numbers are shared, and too small to count
                seen.add(id(memory))
                name = made_in.get(node.number, "")
                kept[name] = kept.get(name, 0) + memory.nbytes
    return kept
