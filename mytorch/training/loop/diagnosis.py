"""Where it went wrong: the layer or gradient that is the first not finite, the line of the user's own code."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch import nn
from mytorch.tensor import Tensor
from mytorch.training.own_code import told


def first_bad_layer(model: nn.Module, inputs: Any) -> str:
    """Send a batch through the model once more and name the first layer whose output is not finite."""
    if not np.isfinite(inputs.array).all():
        return "the batch itself holds values that are not finite"
    found: list[str] = []

    def look(name: str) -> Any:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            if not found and isinstance(output, Tensor) and not np.isfinite(output.array).all():
                found.append(f"the output of layer {name} ({type(module).__name__}) is the first that is not finite")

        return hook

    leaves = [(name, m) for name, m in model.named_modules() if name and not list(m.children())]
    handles = [m.register_forward_hook(look(name)) for name, m in leaves]
    try:
        model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else "the outputs of all layers are finite, so it is the loss itself that overflows"


def first_bad_gradient(model: nn.Module) -> str:
    """Name the first parameter, in the order of the backward pass, whose gradient is not finite."""
    for name, p in reversed(list(model.named_parameters())):
        if p.grad is not None and not np.isfinite(p.grad.array).all():
            layer, _, parameter = name.rpartition(".")
            kind = type(model.get_submodule(layer)).__name__
            return f"going backward, the {parameter} gradient of layer {layer} ({kind}) is the first not finite"
    return "each gradient is finite, but together they are too large for float32"


def told_of_batch(error: Exception, inputs: Any) -> str:
    """An error of a layer that got these inputs, with the line of the user's own file that it came from, if it did."""
    advice = (
        "\nThe batch has one row; another dataset.batch_size may leave more for the last batch."
        if len(inputs) == 1
        else ""
    )
    return f"{told(error)}{advice}"
