"""NumPy functions without their Python wrappers, which cost more than the work itself on small arrays.

`np.sum` of 16 numbers takes 2.3 us, `np.add.reduce` 1.1 us; `np.expand_dims` 2.1 us, indexing 0.3 us. The functions
here mean the same as NumPy's of that name, and stand in for them in the namespace that derivatives are written against;
`matmul` besides shares large products out over threads, and `where` asks no questions of large arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mytorch.backend.products import matmul
from mytorch.backend.selection import where

# Untyped on purpose: NumPy's stubs do not know that these take their arguments by position.
_add: Any = np.add
_maximum: Any = np.maximum
_minimum: Any = np.minimum

Axis = int | tuple[int, ...] | None


def sum(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """`numpy.sum`.

    >>> float(sum(np.ones(3)))
    3.0
    """
    return _add.reduce(x, axis, dtype, None, keepdims)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`numpy.max`.

    >>> float(max(np.arange(3.0)))
    2.0
    """
    return _maximum.reduce(x, axis, None, None, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """`numpy.min`.

    >>> float(min(np.arange(3.0)))
    0.0
    """
    return _minimum.reduce(x, axis, None, None, keepdims)


def reshape(x: Any, shape: Any) -> Any:
    """`numpy.reshape`.

    >>> reshape(np.arange(4), (2, 2)).shape
    (2, 2)
    """
    return x.reshape(shape)


def transpose(x: Any, axes: Any = None) -> Any:
    """`numpy.transpose`.

    >>> transpose(np.ones((1, 2, 3)), (2, 0, 1)).shape
    (3, 1, 2)
    """
    return x.transpose(axes)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """`numpy.swapaxes`.

    >>> swapaxes(np.ones((1, 2)), 0, 1).shape
    (2, 1)
    """
    return x.swapaxes(axis1, axis2)


def squeeze(x: Any, axis: Axis = None) -> Any:
    """`numpy.squeeze`.

    >>> squeeze(np.ones((1, 2))).shape
    (2,)
    """
    return x.squeeze(axis)


def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """`numpy.expand_dims` for axes counted from the front.

    >>> expand_dims(np.ones(3), (0, 2)).shape
    (1, 3, 1)
    """
    shape = list(x.shape)
    for a in (axis,) if isinstance(axis, int) else sorted(axis):
        shape.insert(a, 1)
    return x.reshape(shape)


ALL: dict[str, Callable[..., Any]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "reshape": reshape,
    "transpose": transpose,
    "swapaxes": swapaxes,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "matmul": matmul,
    "where": where,
}
