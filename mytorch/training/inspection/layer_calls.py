"""The calls of a model's layers in a forward pass, each of which can be made again, alone, as a function of arrays."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd import grad
from mytorch.autograd.recording import Recording
from mytorch.creation.from_data import from_numpy
from mytorch.tensor import Tensor
from mytorch.training.inspection.differences import Array, Function
from mytorch.training.inspection.recorded_step import LOSS, behind
from mytorch.training.random_streams import get_streams, set_streams

CALLS_KEPT = 2  # of each layer, the first ones: a recurrent model of one's own calls its cells a hundred times


@dataclass(eq=False)
class Call:
    """A call of a layer: what went in, where its buffers and the random streams stood, and what came out."""

    name: str
    module: nn.Module
    inputs: Any  # (args, kwargs), with copies of the tensors
    surroundings: Surroundings
    outputs: list[Array] = field(default_factory=list)
    is_innermost: bool = True

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return title_of(self.name, self.module)

    def as_function(self) -> Function:
        """A sum of its outputs, each times a random number, as a function of its inputs and parameters.

        Inputs are named `input`, or `input 1`, `input 2`, ... where there are several.
        """
        floats = [tensor for tensor in tensors_in(self.inputs) if tensor.is_floating_point()]
        names = ["input"] if len(floats) == 1 else [f"input {number + 1}" for number in range(len(floats))]
        arrays: dict[str, Array] = {name: tensor.array for name, tensor in zip(names, floats, strict=True)}
        parameters = {name: p for name, p in self.module.named_parameters() if p.requires_grad}
        arrays |= {name: p.array for name, p in parameters.items()}
        random = np.random.default_rng(0)
        factors = [
            np.asarray(random.uniform(0.5, 1.5, o.shape) * random.choice([-1, 1], o.shape)) for o in self.outputs
        ]

        def value_and_leaves() -> tuple[Tensor | None, dict[str, Tensor]]:
            leaves: dict[int, Tensor] = {}

            def fresh(tensor: Tensor) -> Tensor:
                if not tensor.is_floating_point():
                    return tensor.clone()
                leaf = leaves[id(tensor)] = from_numpy(tensor.array)
                leaf.requires_grad = True
                return leaf.clone()  # a leaf must not be changed in place, as some layers do with their inputs

            self.surroundings.restore()
            args, kwargs = with_tensors(self.inputs, fresh)
            total: Tensor | None = None
            results = [one for one in tensors_in(self.module(*args, **kwargs)) if one.is_floating_point()]
            for result, factor in zip(results, factors, strict=True):
                part = (result * from_numpy(factor)).sum()
                total = part if total is None else total + part
            inputs = {name: leaves[id(tensor)] for name, tensor in zip(names, floats, strict=True)}
            return total, inputs | parameters

        def value() -> float:
            total, _ = value_and_leaves()
            return 0.0 if total is None else float(total.item())

        return Function(arrays, value, lambda: gradients_of(*value_and_leaves()), checkable(self.module))

    def functions(self) -> list[str]:
        """A user's own autograd functions that it applies, as `Square (backward: own.py:12)`."""
        found: dict[str, None] = {}
        seen: set[int] = set()
        left = [one.grad_fn for one in tensors_in(self._made_again()) if one.grad_fn is not None]
        while left:
            node = left.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if (function := getattr(type(node), "function", None)) is not None:
                code = inspect.unwrap(function._derivative()).__code__
                found[f"{function.__name__} (backward: {Path(code.co_filename).name}:{code.co_firstlineno})"] = None
            left += [following for following, _ in node.next_functions if following is not None]
        return list(found)

    def cuts(self) -> list[str]:
        """The operations in it that use something detached, by name, and that its results depend on."""
        with Recording() as recording:
            results = tensors_in(self._made_again())
            own = len(recording.operations)
            for result in results:
                result.clone()  # an operation that uses a result leads back to what made it
        needed = behind(recording.operations[own:])
        cut = [one for one in needed if one.index < own and any(given.is_detached for given in one.inputs)]
        return list(dict.fromkeys(one.name for one in cut))

    def _made_again(self) -> Any:
        """What it gives, called once more."""
        self.surroundings.restore()
        args, kwargs = with_tensors(self.inputs, _requiring)
        return self.module(*args, **kwargs)


def title_of(name: str, module: nn.Module) -> str:
    """What a layer, or the loss or a part of it, is called in a sentence."""
    if name.startswith(LOSS):
        return f"the loss ({type(module).__name__})"
    return f"layer {name} ({type(module).__name__})" if name else f"the model ({type(module).__name__})"


def _requiring(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    leaf = tensor.detach()
    leaf.requires_grad = True
    return leaf.clone()


def gradients_of(value: Tensor | None, leaves: dict[str, Any]) -> dict[str, Array | None]:
    """The gradients of a number, by the leaves' names; None where none arrives."""
    if value is None or not value.requires_grad:
        return dict.fromkeys(leaves)
    found = grad(value, list(leaves.values()), allow_unused=True)
    return {name: None if one is None else one.array.copy() for name, one in zip(leaves, found, strict=True)}


def checkable(module: nn.Module, prefix: str = "") -> dict[str, Array]:
    """The elements whose gradient is meant to be the derivative, of the parameters with which it is not so for all.

    An embedding gives no gradient to its row `padding_idx`; with `scale_grad_by_freq` none of its gradients is the
    derivative, and with `max_norm` it changes its weights as they are read.
    """
    chosen: dict[str, Array] = {}
    for name, one in module.named_modules(prefix=prefix):
        if isinstance(one, (nn.Embedding, nn.EmbeddingBag)):
            numbers = np.arange(one.weight.array.size).reshape(one.weight.array.shape)
            if one.max_norm is not None or one.scale_grad_by_freq:
                numbers = numbers[:0]
            elif one.padding_idx is not None:
                numbers = np.delete(numbers, one.padding_idx, axis=0)
            else:
                continue
            chosen[f"{name}.weight" if name else "weight"] = numbers.ravel()
    return chosen


class Surroundings:
    """What a forward pass depends on besides inputs and parameters: buffers and random streams, which it may change."""

    def __init__(self, module: nn.Module) -> None:
        self._streams = get_streams()
        self._buffers = [
            (owner, name, buffer, buffer.array.copy())
            for owner in module.modules()
            for name, buffer in owner._buffers.items()
            if buffer is not None
        ]

    def restore(self) -> None:
        """Put them back."""
        set_streams(self._streams)
        for owner, name, buffer, array in self._buffers:
            owner._buffers[name] = buffer
            buffer.array = array.astype(buffer.array.dtype)


@contextlib.contextmanager
def recording_calls(model: nn.Module) -> Iterator[list[Call]]:
    """Calls of all modules in the `with` block, in the order in which they begin."""
    calls: list[Call] = []
    counts: dict[int, int] = {}
    at_work: list[Call | None] = []

    def before(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            for outer in at_work:
                if outer is not None:
                    outer.is_innermost = False
            counts[id(module)] = counts.get(id(module), 0) + 1
            if counts[id(module)] > CALLS_KEPT:
                at_work.append(None)
                return
            inputs = with_tensors((args, kwargs), lambda tensor: from_numpy(tensor.array.copy()))
            at_work.append(Call(name, module, inputs, Surroundings(module)))
            calls.append(at_work[-1])  # type: ignore[arg-type]

        return hook

    def after(_module: nn.Module, _inputs: Any, output: Any) -> None:
        call = at_work.pop()
        if call is not None:
            call.outputs = [one.array.copy() for one in tensors_in(output) if one.is_floating_point()]

    handles: list[Any] = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(before(name), with_kwargs=True))
        handles.append(module.register_forward_hook(after))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in a nest of tuples, lists and dictionaries."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    with_tensors(value, keep)
    return found


def with_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nest with other tensors."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: with_tensors(one, change) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(with_tensors(one, change) for one in value))
    if isinstance(value, (tuple, list)):
        return type(value)(with_tensors(one, change) for one in value)
    return copy.copy(value) if isinstance(value, np.ndarray) else value
