"""How each layer is written as ONNX nodes: a function `(layer, module, *inputs) -> result` for every class."""

from __future__ import annotations

from functools import cache
from typing import Any

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer
from mytorch.training.errors import UserError
from mytorch.training.own_code import told


@cache
def emitters() -> dict[type[nn.Module], Emitter]:
    """The function for every class of layers that can be written."""
    from mytorch.interop.onnx_layers import (
        activation,
        conv,
        moving,
        normalization,
        pooling,
        products,
        recurrent,
        structure,
        transformer,
    )

    families = (activation, conv, moving, normalization, pooling, products, recurrent, structure, transformer)
    return {layer: emit for family in families for layer, emit in family.EMITTERS.items()}


def emitter_of(module: nn.Module) -> Emitter | None:
    """The function for a module: its own method `to_onnx`, or that of its class; None if there is none.

    A subclass is written as its base is, unless it computes something else.
    """
    if hasattr(module, "to_onnx"):
        return _written_by_itself
    known = emitters()
    base = next((one for one in type(module).__mro__ if one in known), None)
    return known[base] if base is not None and base.forward is type(module).forward else None


def _written_by_itself(layer: Layer, module: Any, *inputs: str) -> str:
    try:
        result = module.to_onnx(layer, *inputs)
    except UserError:
        raise
    except Exception as error:  # a user's own code can raise anything
        raise layer.cannot(f"its to_onnx failed: {told(error)}") from error
    if not isinstance(result, str):
        raise layer.cannot(f"its to_onnx must return the name of a value, as layer.node does, but returned {result!r}")
    return result
