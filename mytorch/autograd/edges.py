"""Places in the graph that stand for a tensor without holding its values: `GradientEdge`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.node import Node, Pick, _as_function


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor arrives; `autograd.grad` and `autograd.backward` take it in a tensor's place.

    - `node`, `output_nr`: the operation, and which of its outputs the tensor is.
    - `ownership_token`: keeps that place alive. Here it is a tensor of the same shape that has no memory of its own.
    """

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The place in the graph of a tensor that requires grad.

    Raises:
        RuntimeError: it does not.

    >>> import mytorch
    >>> x = mytorch.ones(2, requires_grad=True)
    >>> y = x * 3
    >>> edge = get_gradient_edge(y)
    >>> mytorch.autograd.grad(y.sum(), edge)
    (tensor([1., 1.]),)
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    if tensor.node is None:
        return GradientEdge(_as_function(tensor)[0], 0, tensor)  # type: ignore[arg-type]
    place = wrap(np.broadcast_to(np.zeros((), tensor.array.dtype), tensor.array.shape))
    place.node, place.needs_grad = tensor.node, True
    node = tensor.node.edges[0] if isinstance(tensor.node, Pick) else tensor.node
    return GradientEdge(node.shown(), tensor.node.index if isinstance(tensor.node, Pick) else 0, place)


def as_tensor(value: Any) -> Any:
    """The tensor that stands in a gradient edge's place; anything else as it is."""
    return value.ownership_token if isinstance(value, GradientEdge) else value
