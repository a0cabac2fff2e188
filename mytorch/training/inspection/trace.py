"""A recorded step as plain rows of numbers: what `mytorch trace` prints, and what it gives to programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mytorch.autograd.recording import Derivative, Input, Operation
from mytorch.training.errors import UserError, suggest
from mytorch.training.inspection.recorded_step import LOSS, RecordedStep, norm_of
from mytorch.training.inspection.target import Target

Array = np.ndarray[Any, Any]


@dataclass(eq=False)
class Part:
    """An array that goes into an operation or comes out of it, or a gradient.

    - `name`: what it is: `inputs`, a parameter's name, `#3` for what operation 3 gave, `constant` for another array or
      number. Of a gradient: what it is the gradient of.
    - `is_detached`: no gradient goes back along it, though one could.
    """

    name: str
    value: Any
    is_detached: bool = False

    @property
    def is_array(self) -> bool:
        return isinstance(self.value, np.ndarray)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self.value))

    @property
    def is_constant_number(self) -> bool:
        """Whether it is one number that no operation made, such as the 2 in `2 * x`."""
        return self.name == "constant" and self.shape == ()

    @property
    def norm(self) -> float:
        return norm_of([self.value])


@dataclass
class Statistics:
    """Of all numbers of some arrays: their mean, their standard deviation, shares in [0, 1]. NaN if there is none."""

    mean: float
    std: float
    zeros: float
    not_finite: float


@dataclass(eq=False)
class Forward:
    """An operation.

    - `number`: counts from 1.
    - `options`: the arrays among its options by their names there, such as the classes that `cross_entropy` is given.
    - `note`: why it has no gradient, or which input has none.
    """

    number: int
    operation: Operation
    inputs: list[Part]
    outputs: list[Part]
    options: dict[str, Part]
    note: str = ""

    @property
    def statistics(self) -> Statistics:
        return statistics([one.value for one in self.outputs])


@dataclass(eq=False)
class Backward:
    """The derivatives of an operation: the gradients that arrive at its results, and those that leave by its inputs.

    `by_input` has a place for each of the `inputs`, None where no gradient leaves.
    """

    number: int
    operation: Operation
    inputs: list[Part]
    arriving: list[Part]
    by_input: list[Part | None]
    seconds: float

    @property
    def leaving(self) -> list[Part]:
        return [one for one in self.by_input if one is not None]

    @property
    def norm_in(self) -> float:
        return norm_of([one.value for one in self.arriving])

    @property
    def statistics(self) -> Statistics:
        return statistics([one.value for one in self.arriving])


@dataclass
class Pass:
    """One batch, forward and back, and the loss that it had."""

    forward: list[Forward]
    backward: list[Backward]
    loss: float


@dataclass
class Trace:
    """All of a step.

    - `remarks`: what is to be known about the step, in sentences.
    - `passes`: one for each batch, in their order.
    - `layers`: the type of each layer by its name, the loss among them.
    - `gradients`: of each parameter its gradient, summed over the batches; None for one that got none.
    - `frozen`: the parameters that shall not have a gradient.
    """

    about: str
    remarks: list[str]
    rows: int
    loss: float
    passes: list[Pass]
    layers: dict[str, str]
    gradients: dict[str, Array | None]
    frozen: list[str] = field(default_factory=list)

    @property
    def without_gradient(self) -> list[str]:
        """The parameters that should have got a gradient, and did not."""
        return [name for name, value in self.gradients.items() if value is None and name not in self.frozen]

    @property
    def gradient_norm(self) -> float:
        return norm_of(self.gradients.values())

    @property
    def forward_seconds(self) -> float:
        return sum(row.operation.seconds for one in self.passes for row in one.forward if is_timed(row.operation))

    @property
    def backward_seconds(self) -> float:
        return sum(row.seconds for one in self.passes for row in one.backward)

    @property
    def kept_bytes(self) -> int:
        """For the backward pass of the batch that needs most."""
        return max(sum(row.operation.kept_bytes for row in one.forward) for one in self.passes)

    def within(self, layer: str) -> Trace:
        """The same with only the operations of a layer and of the layers in it.

        Raises:
            UserError: the model has no such layer.
        """
        if layer not in self.layers:
            names = [name for name in self.layers if name]
            raise UserError(
                f"--layer: there is no layer {layer!r}{suggest(layer, names)}; mytorch check lists them all"
            )

        def is_within(row: Forward | Backward) -> bool:
            place = row.operation.place
            return place == layer or place.startswith(f"{layer}.") or (not layer and place != LOSS)

        passes = []
        for one in self.passes:
            forward, backward = filter(is_within, one.forward), filter(is_within, one.backward)
            passes.append(Pass(list(forward), list(backward), one.loss))
        own = {name: value for name, value in self.gradients.items() if not layer or name.startswith(f"{layer}.")}
        return Trace(self.about, self.remarks, self.rows, self.loss, passes, self.layers, own, self.frozen)

    def to_data(self, values: bool = False) -> dict[str, Any]:
        """For JSON; with `values`, whole arrays too."""
        return {
            "about": self.about,
            "remarks": self.remarks,
            "rows": self.rows,
            "loss": self.loss,
            "batches": [
                {
                    "loss": one.loss,
                    "forward": [_forward_data(row, self.layers, values) for row in one.forward],
                    "backward": [_backward_data(row, self.layers, values) for row in one.backward],
                }
                for one in self.passes
            ],
            "parameters": {
                name: {"gradient_norm": None if value is None else norm_of([value]), "frozen": name in self.frozen}
                for name, value in self.gradients.items()
            },
            "without_gradient": self.without_gradient,
            "gradient_norm": self.gradient_norm,
            "forward_seconds": self.forward_seconds,
            "backward_seconds": self.backward_seconds,
            "kept_bytes": self.kept_bytes,
        }


def trace_of(target: Target, recorded: RecordedStep) -> Trace:
    """The rows of a recorded step."""
    passes = []
    first_operation = first_derivative = 0
    for loss, (operations, derivatives) in zip(recorded.losses, recorded.ends, strict=True):
        forward = [_forward(one, recorded) for one in recorded.operations[first_operation:operations]]
        backward = [_backward(one, recorded) for one in recorded.derivatives[first_derivative:derivatives]]
        passes.append(Pass(forward, backward, loss))
        first_operation, first_derivative = operations, derivatives
    sizes = [len(inputs) for inputs, *_ in target.batches]
    mean = sum(loss * size for loss, size in zip(recorded.losses, sizes, strict=True)) / target.rows
    parameters = recorded.parameters
    return Trace(
        target.about,
        target.remarks(),
        target.rows,
        mean,
        passes,
        {**recorded.layers, LOSS: type(target.loss).__name__},
        {name: None if p.grad is None else p.grad.array for name, p in parameters.items()},
        [name for name, p in parameters.items() if not p.requires_grad],
    )


def _forward(operation: Operation, recorded: RecordedStep) -> Forward:
    inputs = _inputs(operation, recorded)
    outputs = [Part(f"#{operation.index + 1}", value) for value in operation.outputs]
    options = {
        name: Part(recorded.leaf_name(Input(value, value)) or "constant", value)
        for name, value in operation.options.items()
        if isinstance(value, np.ndarray)
    }
    return Forward(operation.index + 1, operation, inputs, outputs, options, _note(operation, recorded))


def _backward(derivative: Derivative, recorded: RecordedStep) -> Backward:
    operation = derivative.operation
    inputs = _inputs(operation, recorded)
    by_input = [
        None if gradient is None else Part(one.name, gradient)
        for one, gradient in zip(inputs, derivative.leaving, strict=False)
    ]
    arriving = [Part(f"#{operation.index + 1}", one) for one in derivative.arriving if one is not None]
    return Backward(operation.index + 1, operation, inputs, arriving, by_input, derivative.seconds)


def _inputs(operation: Operation, recorded: RecordedStep) -> list[Part]:
    return [Part(_name(one, recorded), one.value, one.is_detached) for one in operation.inputs]


def _name(one: Input, recorded: RecordedStep) -> str:
    if one.source is not None:
        return f"#{one.source.index + 1}"
    return recorded.leaf_name(one) or "constant"


def _note(operation: Operation, recorded: RecordedStep) -> str:
    """Why there is no gradient, as far as it is not the way of things: the batch has none, nor has a comparison."""
    cut = [_name(one, recorded) for one in operation.inputs if one.is_detached]
    if operation.node is None:
        if operation.primitive is None or operation.primitive.differentiates:
            names = [recorded.leaf_name(one) for one in operation.inputs]
            cut += [name for name in names if name in recorded.parameters and recorded.parameters[name].requires_grad]
        return f"no gradient: cut off from {_listed(cut)}" if cut else ""
    if recorded.derivative_of(operation) is None:
        users = [one for one in recorded.operations if any(given.source is operation for given in one.inputs)]
        cutting = [one for one in users if any(g.source is operation and g.is_detached for g in one.inputs)]
        if cutting:
            return f"no gradient: cut off before {_listed(f'#{one.index + 1}' for one in cutting)}"
        if users:
            return f"no gradient: none comes back from {_listed(f'#{one.index + 1}' for one in users)}"
        return "no gradient: its result does not lead to the loss"
    return f"no gradient goes back to {_listed(cut)}: cut off" if cut else ""


def _listed(names: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(names))


# --- numbers --------------------------------------------------------------------------------------------------------


def is_timed(operation: Operation) -> bool:
    """Whether it computes something; a bookkeeping step does not."""
    return not math.isnan(operation.seconds)


def statistics(arrays: Sequence[Array]) -> Statistics:
    """Of all numbers together, computed in float64. The mean and deviation of complex numbers are those of their size.

    >>> statistics([np.float32([0.0, 2.0])])
    Statistics(mean=1.0, std=1.0, zeros=0.5, not_finite=0.0)
    """
    numbers = np.concatenate([np.ravel(one) for one in arrays]) if arrays else np.empty(0)
    if not numbers.size:
        return Statistics(math.nan, math.nan, math.nan, math.nan)
    sizes = (np.abs(numbers) if numbers.dtype.kind == "c" else numbers).astype(np.float64)
    not_finite = float(np.mean(~np.isfinite(sizes)))
    return Statistics(float(sizes.mean()), float(sizes.std()), float(np.mean(sizes == 0)), not_finite)


# --- for JSON -------------------------------------------------------------------------------------------------------


def _forward_data(row: Forward, layers: dict[str, str], values: bool) -> dict[str, Any]:
    operation = row.operation
    return {
        **_head(row.number, operation, layers),
        "inputs": [
            {**_part_data(one, values), "gradient": given.gradient_flows, "detached": one.is_detached}
            for one, given in zip(row.inputs, operation.inputs, strict=True)
        ],
        "options": {
            name: _part_data(row.options[name], values) if name in row.options else _plain(value)
            for name, value in operation.options.items()
        },
        "outputs": [{**_part_data(one, values), **vars(statistics([one.value]))} for one in row.outputs],
        "gradient": operation.node is not None,
        "note": row.note,
        "seconds": operation.seconds if is_timed(operation) else None,
        "kept_bytes": operation.kept_bytes,
    }


def _backward_data(row: Backward, layers: dict[str, str], values: bool) -> dict[str, Any]:
    def data(one: Part) -> dict[str, Any]:
        return {**_part_data(one, values), "norm": one.norm, **vars(statistics([one.value]))}

    return {
        **_head(row.number, row.operation, layers),
        "arriving": [data(one) for one in row.arriving],
        "leaving": [data(one) for one in row.leaving],
        "seconds": row.seconds,
    }


def _head(number: int, operation: Operation, layers: dict[str, str]) -> dict[str, Any]:
    layer = operation.place
    return {"number": number, "op": operation.name, "layer": layer, "type": layers[layer]}


def _part_data(one: Part, values: bool) -> dict[str, Any]:
    if not one.is_array:
        return {"name": one.name, "value": _plain(one.value)}
    data = {"name": one.name, "shape": list(one.shape), "dtype": str(one.value.dtype)}
    return {**data, "values": _plain(one.value)} if values else data


def _plain(value: Any) -> Any:
    """What JSON can hold; a complex number as a pair, anything else that it cannot as text."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "c":
            value = np.stack([value.real, value.imag], -1)
        return value.tolist()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
