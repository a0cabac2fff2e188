"""Layers that hold others, and those that only pass on: Sequential, Residual, Parallel, Identity."""

from __future__ import annotations

from functools import reduce

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer
from mytorch.interop.onnx_layers.activation import identity
from mytorch.training.branches import Parallel, Residual


def _sequential(layer: Layer, module: nn.Sequential, x: str) -> str:
    for name, child in module._modules.items():
        x = layer.child(name, child, x)
    return x


def _residual(layer: Layer, module: Residual, x: str) -> str:
    return layer.node("Add", layer.child("layers", module.layers, x), layer.child("shortcut", module.shortcut, x))


def _parallel(layer: Layer, module: Parallel, x: str) -> str:
    results = [layer.child(f"branches.{name}", branch, x) for name, branch in module.branches.items()]
    if module.join == "cat":
        return layer.node("Concat", *results, axis=module.dim % len(layer.out_shape))
    op = {"add": "Add", "mul": "Mul"}[module.join]
    return reduce(lambda so_far, one: layer.node(op, so_far, one), results)


EMITTERS: dict[type[nn.Module], Emitter] = {
    nn.Identity: identity,
    nn.Sequential: _sequential,
    Parallel: _parallel,
    Residual: _residual,
}
