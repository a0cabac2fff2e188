"""Formulas of several steps on large arrays, block by block, so that what is computed on the way stays in the cache.

A NumPy call writes its whole result to memory before the next one reads it. On a block the second call finds it in the
cache. Measured for GELU of 262,144 numbers, forward and backward, by the size of a block: 4,096 numbers 1.7 ms, as the
calls then cost more than their work; 16,384 numbers 0.87 ms; 65,536 numbers 0.67 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mytorch.backend.memory_format import order

Array = np.ndarray[Any, Any]

NUMBERS = 65536  # in a block


def elementwise(kernel: Callable[..., None], x: Array, *others: Array, results: int = 1) -> Any:
    """New arrays like `x`, filled by `kernel(*results, x, *others)` on blocks, which are flat and in one order.

    The arrays have one shape, and the results the type of `x` and its order in memory.

    >>> elementwise(lambda out, x: np.multiply(x, x, out), np.arange(4.0))
    array([0., 1., 4., 9.])
    """
    axes = None if x.flags.c_contiguous else order(x)
    lying = [a if axes is None else a.transpose(axes) for a in (x, *others)]
    outs = [np.empty(lying[0].shape, x.dtype) for _ in range(results)]
    flat = [a.reshape(-1) for a in (*outs, *lying)]  # a copy only of what lies in another order, or has gaps
    if x.size <= NUMBERS:
        kernel(*flat)
    else:
        over(lambda part: kernel(*[a[part] for a in flat]), x.size, NUMBERS)
    if axes is not None:
        outs = [a.transpose(np.argsort(axes)) for a in outs]
    return outs[0] if results == 1 else tuple(outs)


def rows(kernel: Callable[..., None], *arrays: Array) -> None:
    """Call `kernel` with blocks of rows of contiguous matrices, and of vectors with a number for each row."""
    length, width = arrays[0].shape
    if length * width <= NUMBERS:
        kernel(*arrays)
        return

    over(lambda part: kernel(*[a[part] for a in arrays]), length, rows_of(width))


def rows_of(width: int) -> int:
    """How many rows of a matrix are a block.

    >>> rows_of(64)
    1024
    """
    return max(NUMBERS // max(width, 1), 1)


def over(work: Callable[[slice], None], length: int, size: int) -> None:
    """Call `work` with slices of `size`, which together are `length`."""
    for first in range(0, length, size):
        work(slice(first, first + size))
