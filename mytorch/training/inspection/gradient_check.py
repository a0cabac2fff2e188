"""Are the gradients of a model right? Finite differences against autograd, of the whole and of each layer alone.

The model, its loss and a batch are computed in float64. A wrong backward in the middle of a network makes the gradients
of all layers before it wrong, so each call of a layer is checked on its own as well, which tells whose fault it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import mytorch
from mytorch import nn
from mytorch.backend.dtypes import get_default_dtype, set_default_dtype
from mytorch.tensor import Tensor
from mytorch.training.errors import RunFailed
from mytorch.training.inspection.differences import DOUBLE, SINGLE, ArrayCheck, Function, Precision, check
from mytorch.training.inspection.layer_calls import (
    Call,
    Surroundings,
    checkable,
    gradients_of,
    recording_calls,
    tensors_in,
    title_of,
)
from mytorch.training.inspection.recorded_step import LOSS, record_step
from mytorch.training.inspection.target import Target, told_what_fails
from mytorch.training.loop.diagnosis import first_bad_layer
from mytorch.training.own_code import is_of_a_layer, told

SAMPLES = 20
Look = Callable[[int, int], None]


@dataclass
class LayerCheck:
    """A layer of which the derivatives are not right although it was checked alone, and which ones they are."""

    call: Call
    array: ArrayCheck
    functions: list[str]  # the user's own that it applies
    cuts: list[str]  # operations in it that use something detached


@dataclass
class GradientCheck:
    """All that was found.

    - `arrays`: of each parameter, and of the inputs.
    - `not_checked`: why an array was not, by its name.
    - `layers`: those that are wrong on their own.
    - `layer_calls`: how many calls of layers were checked on their own.
    - `refusal`: what a layer or the loss says that cannot compute in float64, so that all was computed in float32.
    - `single`: the layers that compute in float32 although their inputs are float64.
    """

    loss: float
    samples: int
    precision: Precision
    arrays: list[ArrayCheck] = field(default_factory=list)
    not_checked: dict[str, str] = field(default_factory=dict)
    layers: list[LayerCheck] = field(default_factory=list)
    layer_calls: int = 0
    refusal: str | None = None
    single: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[ArrayCheck]:
        """The arrays with a wrong gradient, or with none although the loss depends on them."""
        return [one for one in self.arrays if one.is_wrong]

    @property
    def passed(self) -> bool:
        return not self.wrong and not self.layers


def check_gradients(
    target: Target, samples: int = SAMPLES, seed: int = 0, look: Look = lambda _done, _total: None
) -> GradientCheck:
    """Check the gradients of the loss by all parameters and inputs, and of each layer; the target is another one then.

    Args:
        samples: how many elements of an array are compared one by one, at most.
        seed: of the choice among them.
        look: is called with how many arrays are done, and of how many, which grow as layers come to it.

    Raises:
        RunFailed: a layer or the loss cannot take the batch, gives other results when it is called again, or its
            backward pass fails; or the loss is not finite.
    """
    with _default_dtype_kept():
        refusal = _computed_in_double(target)
        with told_what_fails(target):
            calls, loss = _deterministic_calls(target)
        whole = _Whole(target)
        try:
            whole.function.gradients()
        except Exception as error:
            if not is_of_a_layer(error):
                raise
            raise RunFailed(f"{target.about}: {_whose_backward_fails(calls, error)}") from error
        single = [] if refusal else _layers_in_single_precision(whole)
        precision = SINGLE if refusal or single else DOUBLE
        found = GradientCheck(loss, samples, precision, refusal=refusal, single=single)
        found.not_checked = whole.not_checked
        innermost = [(call, call.as_function()) for call in calls if call.is_innermost]
        total = len(whole.function.arrays) + sum(len(function.arrays) for _, function in innermost)
        done = 0
        for array in check(whole.function, samples, seed, precision):
            found.arrays.append(array)
            look(done := done + 1, total)
        for call, function in innermost:
            _check_alone(found, call, function, seed)
            look(done := done + len(function.arrays), total)
        if found.wrong and not found.layers:  # then it is what a layer does around those that it calls
            outer = [call for call in calls if not call.is_innermost and not isinstance(call.module, nn.Sequential)]
            for call in sorted(outer, key=lambda call: -call.name.count(".") - bool(call.name)):
                _check_alone(found, call, call.as_function(), seed)
                if found.layers:
                    break
    return found


def _check_alone(found: GradientCheck, call: Call, function: Function, seed: int) -> None:
    found.layer_calls += 1
    if any(one.call.module is call.module for one in found.layers):
        return
    for array in check(function, found.samples, seed, found.precision):
        if array.is_wrong:
            found.layers.append(LayerCheck(call, array, call.functions(), call.cuts()))
            return


# --- the model in double precision ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _default_dtype_kept() -> Iterator[None]:
    before = get_default_dtype()
    try:
        yield
    finally:
        set_default_dtype(before)


def _computed_in_double(target: Target) -> str | None:
    """Let the target be computed in float64, and the tensors that its layers make; why not, if it cannot be."""
    _convert(target, mytorch.float64)
    surroundings = _surroundings(target)
    try:
        for inputs, *targets in target.batches:
            target.loss(target.model(inputs.clone()), *targets)
    except Exception as error:
        if not is_of_a_layer(error):
            raise
        surroundings.restore()
        _convert(target, mytorch.float32)
        return told(error)
    surroundings.restore()
    return None


def _convert(target: Target, dtype: Any) -> None:
    """All floating point numbers of a target in another type; back from float64 they have the bits that they had."""
    for root in (target.model, target.loss):
        root.to(dtype)
        for module in root.modules():
            for value in vars(module).values():
                if isinstance(value, Tensor) and value.is_floating_point():  # a constant that is no buffer
                    value.array = value.to(dtype).array
    target.batches = [
        [part.to(dtype) if part.is_floating_point() else part for part in batch] for batch in target.batches
    ]
    set_default_dtype(dtype)


class _Whole:
    """The loss of all batches as a function of the parameters and the inputs, every time with the same surroundings."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.surroundings = _surroundings(target)
        self.not_checked: dict[str, str] = {}
        self.leaves: dict[str, Tensor] = {}
        for name, parameter in target.model.named_parameters():
            if parameter.requires_grad:
                self.leaves[name] = parameter
            else:
                self.not_checked[name] = "frozen"
        self.inputs = []
        for number, (inputs, *_) in enumerate(target.batches):
            name = "inputs" if len(target.batches) == 1 else f"inputs of batch {number + 1}"
            leaf = inputs.detach().clone()
            self.inputs.append(leaf)
            if leaf.is_floating_point():
                leaf.requires_grad = True
                self.leaves[name] = leaf
            else:
                self.not_checked[name] = "whole numbers"
        arrays = {name: leaf.array for name, leaf in self.leaves.items()}
        chosen = checkable(target.model)
        self.function = Function(arrays, lambda: float(self.loss().item()), self.gradients, chosen)

    def loss(self) -> Tensor:
        """The loss at the parameters and inputs as they are now."""
        self.surroundings.restore()
        total: Tensor | None = None
        for inputs, (_, *targets) in zip(self.inputs, self.target.batches, strict=True):
            value = self.target.loss(self.target.model(inputs.clone()), *targets) * (len(inputs) / self.target.rows)
            total = value if total is None else total + value
        assert total is not None
        return total

    def gradients(self) -> dict[str, Any]:
        return gradients_of(self.loss(), self.leaves)


def _surroundings(target: Target) -> Surroundings:
    return Surroundings(nn.ModuleList([target.model, target.loss]))


def _deterministic_calls(target: Target) -> tuple[list[Call], float]:
    """The calls of all layers and the loss, and its value, which must be the same when it is computed again."""
    surroundings = _surroundings(target)
    passes = []
    for _ in range(2):
        surroundings.restore()
        with recording_calls(target.model) as calls, recording_calls(target.loss) as calls_of_loss:
            total = 0.0
            for inputs, *targets in target.batches:
                loss = target.loss(target.model(inputs.clone()), *targets)
                if loss.array.size != 1:
                    raise RuntimeError(f"the loss is to be one number, and has the shape {tuple(loss.shape)}")
                total += float(loss.item()) * len(inputs) / target.rows
        for call in calls_of_loss:
            call.name = f"{LOSS}.{call.name}" if call.name else LOSS
        passes.append((calls + calls_of_loss, total))
    surroundings.restore()
    (calls, loss_value), (again, other) = passes
    for one, two in zip(calls, again, strict=False):
        if one.is_innermost and not _same(one.outputs, two.outputs) and _same(_floats(one.inputs), _floats(two.inputs)):
            raise RunFailed(_not_repeatable(target, one.title))
    if loss_value != other and not np.isnan(loss_value):
        raise RunFailed(_not_repeatable(target, "the model"))
    if not np.isfinite(loss_value):
        first = first_bad_layer(target.model, target.batches[0][0])
        raise RunFailed(f"{target.about}: the loss is {loss_value}, so there is nothing to be checked: {first}")
    return calls, loss_value


def _not_repeatable(target: Target, who: str) -> str:
    return (
        f"{target.about}: {who} gives other results when it is called again with the same inputs, weights and random "
        "numbers, so differences tell nothing. Does it draw from a generator of its own, or keep something from call "
        "to call? Draw from mytorch's, NumPy's or Python's global stream, which can be put back"
    )


def _floats(value: Any) -> list[Any]:
    return [tensor.array for tensor in tensors_in(value)]


def _same(some: list[Any], others: list[Any]) -> bool:
    if len(some) != len(others):
        return False
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(some, others, strict=True))


def _layers_in_single_precision(whole: _Whole) -> list[str]:
    """The layers that make float32 of float64, by themselves; what they are called in a sentence."""
    target = whole.target
    whole.surroundings.restore()
    step = record_step(target)
    target.model.zero_grad()
    places = {
        operation.place: None
        for operation in step.operations
        if any(output.dtype.kind == "f" and output.dtype.itemsize < 8 for output in operation.outputs)
    }
    modules = {LOSS: target.loss, **dict(target.model.named_modules())}
    return [title_of(place, modules[place]) for place in places]


def _whose_backward_fails(calls: list[Call], error: Exception) -> str:
    """What is told of an error in the backward pass."""
    for call in calls:
        if not call.is_innermost:
            continue
        try:
            call.as_function().gradients()
        except Exception as own:
            if not is_of_a_layer(own):
                raise
            return f"the backward pass of {call.title} fails: {told(own)}"
    return f"the backward pass fails: {told(error)}"
