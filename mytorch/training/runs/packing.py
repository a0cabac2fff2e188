"""Nested Python values with arrays in them as what a checkpoint file can hold, arrays by name and JSON, and back.

Optimizers and schedulers keep dicts whose keys are numbers, tuples, counters, tensors. JSON has none of these, so each
is written as a small mapping that says what it was. What comes back is equal to the bit and of the same types.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from mytorch.creation.from_data import from_numpy
from mytorch.tensor import Tensor

Arrays = dict[str, np.ndarray[Any, Any]]

_DICTS: dict[str, type[dict[Any, Any]]] = {"dict": dict, "ordered": OrderedDict, "counter": Counter}
_PLAIN = (type(None), bool, int, float, str)


def pack(tree: Any) -> tuple[Arrays, Any]:
    """The arrays in `tree` by the path that leads to them, and the rest as JSON.

    An array that stands in several places is stored once. Tensors come back without their gradient.

    Raises:
        TypeError: there is something in it that is no number, text, None, list, tuple, dict, array or tensor.

    >>> arrays, document = pack({"step": 3, "state": {0: np.zeros(2)}})
    >>> list(arrays)
    ['state.0']
    >>> unpack(arrays, document)
    {'step': 3, 'state': {0: array([0., 0.])}}
    """
    packer = _Packer()
    document = packer.write(tree, ())
    return packer.arrays, document


class _Packer:
    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self.names: dict[int, str] = {}  # by the id of the array; `tree` keeps the arrays alive meanwhile

    def write(self, value: Any, path: tuple[str, ...]) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, Tensor):
            return {"tensor": self._name(value.array, path)}
        if isinstance(value, np.ndarray):
            return {"array": self._name(value, path)}
        if isinstance(value, np.generic):
            return {"scalar": self._name(np.asarray(value), path)}
        if kind in (list, tuple):
            items = [self.write(item, (*path, str(index))) for index, item in enumerate(value)]
            return items if kind is list else {"tuple": items}
        for name, of in _DICTS.items():
            if kind is of or (of is dict and kind is defaultdict):
                return {name: [[self.write(k, path), self.write(v, (*path, str(k)))] for k, v in value.items()]}
        raise TypeError(f"{'.'.join(path)}: a checkpoint cannot hold a {kind.__module__}.{kind.__qualname__}")

    def _name(self, array: np.ndarray[Any, Any], path: tuple[str, ...]) -> str:
        name = self.names.get(id(array))
        if name is None:
            name = ".".join(path)
            while name in self.arrays:
                name += "'"
            self.arrays[name], self.names[id(array)] = array, name
        return name


def unpack(arrays: Mapping[str, np.ndarray[Any, Any]], document: Any) -> Any:
    """What `pack` was given."""
    if isinstance(document, list):
        return [unpack(arrays, item) for item in document]
    if not isinstance(document, dict):
        return document
    ((kind, inner),) = document.items()
    if kind == "tensor":
        return from_numpy(arrays[inner])
    if kind == "array":
        return arrays[inner]
    if kind == "scalar":
        return arrays[inner][()]
    if kind == "tuple":
        return tuple(unpack(arrays, inner))
    return _DICTS[kind]({unpack(arrays, key): unpack(arrays, value) for key, value in inner})
