"""One forward and backward pass of a model and its loss, written down op by op, with the layer that each op is of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd.kept import memory_of
from mytorch.autograd.recording import Derivative, Input, Operation, Recording
from mytorch.training.inspection.target import Target, told_what_fails

LOSS = "(loss)"  # the place of the loss's operations; no module can be called so


@dataclass
class RecordedStep:
    """All that happened.

    - `operations`: forward, in their order; `place` is the dotted name of the innermost module at work, "" for the
      model itself, `LOSS` for the loss.
    - `derivatives`: backward, in their order.
    - `layers`: the type of each module by its name, in the model's order.
    - `losses`: the value of each batch's loss.
    - `parameters`: by name; their gradients are in `.grad`.
    - `ends`: how many operations and derivatives there were after each batch.
    """

    operations: list[Operation]
    derivatives: list[Derivative]
    layers: dict[str, str]
    losses: list[float]
    parameters: dict[str, Any]
    ends: list[tuple[int, int]]
    _leaves: dict[int, tuple[Any, str]]  # by the id of an array: that array, held so that ids stay unique, and its name

    def leaf_name(self, one: Input) -> str | None:
        """What an input is that no operation made: `inputs`, `targets`, `weights`, a parameter or buffer by its name.

        None for another array (a constant of the model's own code), and for what is no array.
        """
        if one.source is not None or one.array is None:
            return None
        for array in (one.array, memory_of(one.array)):
            if id(array) in self._leaves:
                return self._leaves[id(array)][1]
        return None

    def derivative_of(self, operation: Operation) -> Derivative | None:
        """The step of the backward pass that belongs to an operation; None if no gradient came to it."""
        return self._by_operation.get(id(operation))

    def __post_init__(self) -> None:
        self._by_operation = {id(one.operation): one for one in self.derivatives}


def record_step(target: Target) -> RecordedStep:
    """Send the target's batches through the model and the loss, and back; the gradients stay in the parameters.

    Raises:
        RunFailed: a layer or the loss cannot take the batch.
    """
    model, loss = target.model, target.loss
    # Copies, each with memory of its own: by that a view of it is known, as a loss makes of its targets.
    batches = [[part.clone() for part in batch] for batch in target.batches]
    parameters = dict(model.named_parameters())
    leaves = {f"loss.{name}": tensor for name, tensor in loss.state_dict().items()}
    leaves |= dict(model.named_buffers()) | parameters
    there_anyway = [*leaves.values(), *(part for batch in batches for part in batch)]
    recording = Recording([tensor.array for tensor in there_anyway])
    names = {id(tensor.array): (tensor.array, name) for name, tensor in leaves.items()}
    for batch in batches:
        parts = zip(("inputs", "targets", "weights"), batch, strict=False)
        names |= {id(part.array): (part.array, name) for name, part in parts}
    losses, ends = [], []
    with told_what_fails(target), _places(model, recording), recording:
        for inputs, *targets in batches:
            recording.place = ""
            output = model(inputs)
            recording.place = LOSS
            value = loss(output, *targets)
            losses.append(float(value.item()))
            share = len(inputs) / target.rows
            if value.requires_grad:
                (value if share == 1 else value * share).backward()
            ends.append((len(recording.operations), len(recording.derivatives)))
    layers = {name: type(module).__name__ for name, module in model.named_modules()}
    return RecordedStep(recording.operations, recording.derivatives, layers, losses, parameters, ends, names)


def behind(operations: Iterable[Operation]) -> list[Operation]:
    """These operations and all that their inputs come from, in the order in which they happened."""
    found: dict[int, Operation] = {}
    ahead = list(operations)
    while ahead:
        operation = ahead.pop()
        if operation.index not in found:
            found[operation.index] = operation
            ahead += [one.source for one in operation.inputs if one.source is not None]
    return [found[index] for index in sorted(found)]


def norm_of(arrays: Iterable[Any]) -> float:
    """The 2-norm of all numbers together, of None none.

    >>> norm_of([np.float32([3.0]), None, np.float32([4.0])])
    5.0
    """
    sizes = [np.abs(one).astype(np.float64) for one in arrays if one is not None]
    return math.sqrt(sum(float(np.square(size).sum()) for size in sizes))


class _places:  # noqa: N801 - a context manager, used like a function
    """Hooks that let a recording know which module is at work."""

    def __init__(self, model: nn.Module, recording: Recording) -> None:
        self.model, self.recording = model, recording

    def __enter__(self) -> None:
        self.handles: list[Any] = []
        self.outer: list[str] = []
        for name, module in self.model.named_modules():
            self.handles.append(module.register_forward_pre_hook(self._entering(name)))
            self.handles.append(module.register_forward_hook(self._left))

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _entering(self, name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any) -> None:
            self.outer.append(self.recording.place)
            self.recording.place = name

        return hook

    def _left(self, *_: Any) -> None:
        self.recording.place = self.outer.pop()
