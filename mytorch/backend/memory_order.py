"""New arrays with given strides, with given axes next to each other in memory, or in the order of another array."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.backend.memory_format import empty, memory_format, order, preserve_format
from mytorch.backend.storage import span, strides

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


def strided(shape: Shape, dtype: Any, steps: Shape) -> Array:
    """An array with whatever was in memory and the given strides, counted in elements, none of them negative.

    >>> strided((2, 3), np.float64, (1, 2)).strides
    (8, 16)
    """
    size = np.dtype(dtype).itemsize
    return np.ndarray(shape, dtype, np.empty(span(shape, steps), dtype), strides=[size * s for s in steps])


def permuted(shape: Shape, dtype: Any, axes: Shape) -> Array:
    """An array with whatever was in memory, without gaps, its axes in memory in the given order, slowest first.

    >>> permuted((2, 3, 4), np.int8, (0, 2, 1)).strides
    (12, 1, 3)
    """
    steps, step = [0] * len(shape), 1
    for axis in reversed(axes):
        steps[axis] = step
        step *= max(shape[axis], 1)
    return strided(shape, dtype, tuple(steps))


def empty_like(array: Array, dtype: Any, format: memory_format | None = None) -> Array:
    """An array of another's shape with whatever was in memory: in a format, or in the other's order without gaps.

    Raises:
        RuntimeError: the format is for arrays of another number of dimensions.

    >>> empty_like(np.zeros((4, 3)).T, np.float64).strides
    (8, 24)
    """
    if format is not None and format is not preserve_format:
        return empty(array.shape, dtype, format)
    if array.flags.c_contiguous:
        return np.empty(array.shape, dtype)
    found, steps = permuted(array.shape, dtype, order(array)), strides(array)
    pairs = zip(strides(found), steps, array.shape, strict=True)
    if all(new == old or n == 1 for new, old, n in pairs):  # no gaps: the same strides also where they do not matter
        return strided(array.shape, dtype, steps)
    return found
