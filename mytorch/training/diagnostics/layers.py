"""The layers that diagnostics tell of, and how their outputs are looked at while a model computes.

A layer here is a module with parameters of its own or without modules below it. Those that only hand on what they get,
whole, reshaped or with parts left out (`NOTHING_OF_THEIR_OWN`), are none: their output tells what the layer before
them has told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd.array import DifferentiableArray
from mytorch.nn.module import register_module_forward_hook

Array = np.ndarray[Any, Any]

WHOLE_MODEL = "(model)"  # what a model is called that is one layer, as it has no name of its own
NOTHING_OF_THEIR_OWN = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
)
_PER_CHANNEL = ("Conv", "BatchNorm", "InstanceNorm", "MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool")


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer, with those of its own parameters that no layer before it has, and which of these are not frozen.

    `name` is its dotted name in the model, or `WHOLE_MODEL`.
    """

    name: str
    type: str
    module: nn.Module
    parameters: tuple[Any, ...]
    trainable: tuple[Any, ...]


def layers_of(model: nn.Module) -> list[Layer]:
    """The layers of a model, in its order; a module that stands in several places is there once.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(), nn.Linear(3, 1))
    >>> [(layer.name, layer.type) for layer in layers_of(model)]
    [('0', 'Linear'), ('1', 'ReLU'), ('3', 'Linear')]
    """
    layers, seen = [], set[int]()
    for name, module in model.named_modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own or (next(module.children(), None) is None and not isinstance(module, NOTHING_OF_THEIR_OWN)):
            trainable = tuple(p for p in own if p.requires_grad)
            layers.append(Layer(name or WHOLE_MODEL, type(module).__name__, module, tuple(own), trainable))
    return layers


@contextmanager
def outputs_seen(layers: Sequence[Layer], see: Callable[[int, Array, bool], None]) -> Iterator[None]:
    """Call `see(index, output, channels_first)` for every output of a layer that is computed in the `with` block.

    The output is the first tensor of what the layer returns, as a raw array of floating-point numbers.
    `channels_first` says of three-dimensional ones whether they are (row, channel, place), as behind a convolution, or
    (row, place, feature), as behind anything else. The hook is one for all modules and gone after the block, so that
    calling a module costs no more afterwards than it did before.
    """
    indices = {id(layer.module): index for index, layer in enumerate(layers)}
    channels_first = False

    def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
        nonlocal channels_first
        index = indices.get(id(module))
        if index is None:
            return
        kind = type(module).__name__
        if layers[index].parameters or kind.startswith(_PER_CHANNEL):
            channels_first = kind.startswith(_PER_CHANNEL)
        tensor = output if isinstance(output, DifferentiableArray) else _first_tensor(output)
        if tensor is not None and tensor.array.dtype.kind == "f" and tensor.array.size:
            see(index, tensor.array, channels_first)

    with register_module_forward_hook(hook):
        yield


def _first_tensor(output: Any) -> Any:
    """The first tensor in what a layer returns, such as the (output, (h, c)) of an LSTM; None if there is none."""
    if isinstance(output, DifferentiableArray):
        return output
    items = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((found for item in items if (found := _first_tensor(item)) is not None), None)
