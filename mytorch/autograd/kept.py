"""What the nodes of a graph keep alive for their derivatives, and which nodes a result comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.node import Node


def nodes_behind(start: Node | None) -> Iterator[Node]:
    """Every node that can be reached from one, that one included."""
    ahead = [] if start is None else [start]
    seen = {id(start)}
    while ahead:
        node = ahead.pop()
        yield node
        for edge in node.edges:
            if isinstance(edge, Node) and id(edge) not in seen:
                seen.add(id(edge))
                ahead.append(edge)


def kept_arrays(node: Any) -> Iterator[np.ndarray[Any, Any]]:
    """The arrays that a node keeps for its derivatives, whatever they are kept in."""
    held = [getattr(node, name, None) for name in ("arrays", "out", "aux", "options")]
    context = getattr(node, "ctx", None)  # of a user's own function
    if context is not None:
        held.append(vars(context))
    for item in flat(held):
        array = item.array if isinstance(item, DifferentiableArray) else item
        if isinstance(array, np.ndarray):
            yield array


def flat(value: Any) -> Iterator[Any]:
    """What lists, tuples and dictionaries within each other hold, one after the other."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flat(item)
    elif isinstance(value, dict):
        yield from flat(list(value.values()))
    else:
        yield value


def memory_of(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array that owns the memory: a view keeps all of it."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
