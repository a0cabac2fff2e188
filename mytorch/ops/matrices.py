"""What functions of matrices share: checks of their arguments, the error of a singular matrix, the LU decomposition.

NumPy computes everything else, but does not say which matrix of a batch is to blame, or give out its LU decomposition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.backend.dtypes import type_name


class LinAlgError(RuntimeError):
    """A computation that failed for the numbers in a matrix: it is singular, or not positive definite."""


def transposed(xp: Any, x: Any) -> Any:
    """The last two dimensions exchanged."""
    return xp.swapaxes(x, -1, -2)


def both_triangles(x: Any) -> Any:
    """The symmetric matrices nearest to these."""
    return (x + x.swapaxes(-1, -2)) / 2


def copies(results: Any) -> Any:
    """The results of a forward, and for its derivative copies of them, to which no user can write."""
    results = tuple(results)
    return results, tuple([r.copy() for r in results])


def check_float(name: str, *tensors: Any, half: bool = False) -> None:
    """Raise RuntimeError unless all are floating point or complex; float16 must be allowed with `half`."""
    for x in tensors:
        dtype = x.array.dtype
        if dtype.kind not in "fc":
            raise RuntimeError(
                f"{name}: Expected a floating point or complex tensor as input. Got {type_name(dtype)} ({x.dtype})"
            )
        if dtype.char == "e" and not half:
            raise NotImplementedError(f"{name}: Low precision dtypes not supported. Got {type_name(dtype)} ({x.dtype})")


def check_matrix(name: str, x: Any, argument: str = "A") -> None:
    """Raise RuntimeError unless it is a matrix or a batch of them."""
    if x.array.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def check_square(name: str, x: Any) -> None:
    """Raise RuntimeError unless it is a square matrix or a batch of them."""
    check_matrix(name, x)
    rows, columns = x.array.shape[-2:]
    if rows != columns:
        raise RuntimeError(f"{name}: A must be batches of square matrices, but they are {rows} by {columns} matrices")


def check_same_type(name: str, a: Any, b: Any) -> None:
    """Raise RuntimeError unless both have the same element type."""
    if a.array.dtype != b.array.dtype:
        types = [type_name(x.array.dtype) for x in (a, b)]
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {types[0]} and B of type {types[1]} "
            "instead"
        )


def refuse(name: str, info: Any, text: str, error: type[RuntimeError] = LinAlgError) -> None:
    """Raise an error with this text for the first matrix whose `info` is not 0, which replaces `{}`."""
    failed = np.flatnonzero(info)
    if failed.size:
        where = f"(Batch element {failed[0]}): " if np.ndim(info) else ""
        raise error(f"{name}: {where}{text.format(np.ravel(info)[failed[0]])}")


def lu(a: Any) -> tuple[Any, Any]:
    """L (below the diagonal, which is 1) and U in one array, and the row (from 1) that each row was exchanged with.

    Gaussian elimination with partial pivoting: the largest element of what is left of a column becomes the pivot.
    Source: G. Golub and C. Van Loan, "Matrix Computations", algorithm 3.4.1; the exchanges are as LAPACK gives them.

    >>> lu(np.array([[1.0, 2.0], [2.0, 2.0]]))
    (array([[2. , 2. ],
           [0.5, 1. ]]), array([2, 2], dtype=int32))
    """
    rows, columns = a.shape[-2:]
    steps = min(rows, columns)
    out = np.array(a.reshape(np.prod(a.shape[:-2], dtype=int), rows, columns))
    batch = np.arange(len(out))
    exchanged = np.zeros((len(out), steps), np.int32)
    for k in range(steps):
        largest = k + np.argmax(np.abs(out[:, k:, k]), axis=1)
        exchanged[:, k] = largest + 1
        chosen = out[batch, largest]
        out[batch, largest] = out[:, k]
        out[:, k] = chosen
        pivot = chosen[:, k, None]
        out[:, k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
        out[:, k + 1 :, k + 1 :] -= out[:, k + 1 :, k, None] * out[:, None, k, k + 1 :]
    return out.reshape(a.shape), exchanged.reshape(*a.shape[:-2], steps)


def zero_pivot(packed: Any) -> Any:
    """The place (from 1) of the first 0 on the diagonal of U in a result of `lu`; 0 if there is none."""
    zeros = np.diagonal(packed, 0, -2, -1) == 0
    if not zeros.shape[-1]:
        return np.zeros(zeros.shape[:-1], np.int32)
    return np.where(zeros.any(-1), zeros.argmax(-1) + 1, 0).astype(np.int32)


def singular(a: Any) -> Any:
    """For each matrix, 0 if NumPy can invert it, else the place (from 1) of the pivot that is 0."""
    info = np.zeros(a.shape[:-2], np.int32)
    for at in np.ndindex(info.shape):
        try:
            np.linalg.inv(a[at])
        except np.linalg.LinAlgError:
            info[at] = zero_pivot(lu(a[at])[0]) or a.shape[-1]  # the last, if rounding hides it from us
    return info
