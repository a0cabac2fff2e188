"""Matrix products, the large ones shared out over threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.backend import threads

Array = np.ndarray[Any, Any]

LEAST = 12 << 20  # multiplications in a piece: some 0.13 ms of work, where to wake a thread takes 0.03
MOST = 8  # pieces
STEP = 64  # rows or columns: a multiple of what BLAS kernels take at a time


def matmul(x: Array, y: Array, out: Array | None = None) -> Any:
    """`np.matmul(x, y, out)`.

    The pieces of a large product depend on its shape alone, also on one thread: BLAS may sum up a piece in another
    order than the whole, and the bits of a training must not depend on the number of threads.

    >>> matmul(np.ones((2, 3)), np.ones((3, 1)))
    array([[3.],
           [3.]])
    """
    if x.ndim == y.ndim >= 2:
        pieces = x.size * y.shape[-1] // LEAST
        if pieces >= 2 and x.dtype == y.dtype and x.dtype.char in "fd" and x.shape[-1] == y.shape[-2]:
            pieces = 1 << min(pieces, MOST).bit_length() - 1
            if x.ndim == 2:
                return _shared_matrix(x, y, out, pieces)
            if x.shape[0] == y.shape[0] >= pieces:
                return _shared_stack(x, y, out, pieces)
    return np.matmul(x, y) if out is None else np.matmul(x, y, out)


def _shared_matrix(x: Array, y: Array, out: Array | None, pieces: int) -> Array:
    """One product by pieces of the rows of x, or of the columns of y: of what there is more."""
    rows, columns = x.shape[0], y.shape[1]
    if out is None:
        out = np.empty((rows, columns), x.dtype)
    if rows > columns:
        threads.run(lambda part: np.matmul(x[part], y, out[part]), _parts(rows, pieces, STEP))
    else:
        threads.run(lambda part: np.matmul(x, y[:, part], out[:, part]), _parts(columns, pieces, STEP))
    return out


def _shared_stack(x: Array, y: Array, out: Array | None, pieces: int) -> Array:
    """Many products, some of them on each thread."""
    if out is None:
        out = np.empty((*np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1]), x.dtype)
    threads.run(lambda part: np.matmul(x[part], y[part], out[part]), _parts(len(x), pieces, 1))
    return out


def _parts(length: int, pieces: int, step: int) -> list[slice]:
    """About equal parts of a dimension, each but the last a multiple of `step` long.

    >>> _parts(200, 2, 64)
    [slice(0, 128, None), slice(128, 200, None)]
    """
    each = -(-length // (pieces * step)) * step
    return [slice(first, min(first + each, length)) for first in range(0, length, each)]
