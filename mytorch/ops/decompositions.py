"""Decompositions of matrices into triangles: Cholesky's, and QR. Leading dimensions are batches.

Sources of the derivatives:
- Cholesky: I. Murray, "Differentiation of the Cholesky decomposition", 2016.
- QR: S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum
  experimental design", 2010; for wide matrices the columns to the right follow from R = Q'A.
"""
# ruff: noqa: N803, N806 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops import triangular  # noqa: F401 - `linalg_solve_triangular` must be in the table
from mytorch.ops.matrices import (
    both_triangles,
    check_float,
    check_matrix,
    check_square,
    copies,
    refuse,
    transposed,
)
from mytorch.ops.return_types import shown

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


# --- Cholesky -------------------------------------------------------------------------------------------------------


def _cholesky_forward(xp: Any, x: Any, whole: bool) -> Any:
    """The lower triangle L; NaN for matrices that have none. Reads the lower triangle of `x`, or with `whole` both."""
    a = both_triangles(x) if whole else x
    try:
        return xp.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        bad = (not_positive(a) > 0)[..., None, None]
        return xp.where(bad, xp.nan, xp.linalg.cholesky(xp.where(bad, xp.eye(a.shape[-1]), a))).astype(x.dtype)


def _cholesky_vjp(xp: Any, g: Any, out: Any) -> Any:
    upper = transposed(xp, out)
    core = xp.tril(xp.matmul(upper, g), 0)
    core = (core + transposed(xp, xp.tril(core, -1))) / 2  # the derivative of a symmetric matrix is symmetric
    half = xp.linalg_solve_triangular(upper, core, upper=True)
    return transposed(xp, xp.linalg_solve_triangular(upper, transposed(xp, half), upper=True))


_cholesky = Primitive(
    "linalg_cholesky",
    _cholesky_forward,
    [lambda xp, g, out, _x, whole: _cholesky_vjp(xp, g, out)],
    grad_name="LinalgCholeskyExBackward0",
    math={
        "a": "tril(matmul(t(y), g), 0)",
        "s": "(a + t(tril(a, -1))) / 2",
        "x": "matmul(matmul(t(inverse(y)), s), inverse(y))",
    },
)


def not_positive(a: Any) -> Any:
    """For each matrix, 0 if it is positive definite, else the size of its first leading block that is not."""
    info = np.zeros(a.shape[:-2], np.int32)
    for at in np.ndindex(info.shape):
        for n in range(a.shape[-1], 0, -1):
            try:
                found = np.linalg.cholesky(a[at][:n, :n])
            except np.linalg.LinAlgError:
                found = np.array(np.nan)
            if not np.isnan(found).any():
                break
            info[at] = n
    return info


class LinalgCholeskyEx(NamedTuple):
    """The result of `linalg.cholesky_ex`."""

    L: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return shown(self)


def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> LinalgCholeskyEx:
    """The result of `cholesky`, and for each matrix an int32: 0, or the size of its first block without a result.

    The result for a matrix that is not positive definite is NaN.

    Raises:
        RuntimeError: no square matrices, or integers.
        LinAlgError: a matrix is not positive definite, with `check_errors`.

    >>> import mytorch
    >>> mytorch.linalg.cholesky_ex(mytorch.tensor([[1.0, 0.0], [0.0, -1.0]])).info
    tensor(2, dtype=torch.int32)
    """
    return _cholesky_with("linalg.cholesky_ex", input, upper, check_errors)


def _cholesky_with(name: str, A: Any, upper: bool, check_errors: bool) -> LinalgCholeskyEx:
    check_square("linalg.cholesky", A)
    check_float("linalg.cholesky", A)
    A = A.mT if upper else A
    L = apply(_cholesky, A, whole=False)
    info = np.zeros(A.array.shape[:-2], np.int32)
    if np.isnan(L.array).any():
        info = not_positive(A.array)
    if check_errors:
        text = (
            "The factorization could not be completed because the input is not positive-definite (the leading minor of "
            "order {} is not positive-definite)."
        )
        refuse(name, info, text)
    return LinalgCholeskyEx(L.mT if upper else L, wrap(info))


def linalg_cholesky(input: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangle L with A = L L', for symmetric positive definite matrices; only their lower half is looked at.

    Args:
        upper: the upper triangle L' instead, from the upper half.

    Raises:
        RuntimeError: no square matrices, or integers.
        LinAlgError: a matrix is not positive definite.

    >>> import mytorch
    >>> mytorch.linalg.cholesky(mytorch.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    return _cholesky_with("linalg.cholesky", input, upper, True).L


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """`linalg.cholesky`.

    >>> import mytorch
    >>> mytorch.cholesky(mytorch.tensor([[4.0]]))
    tensor([[2.]])
    """
    return _cholesky_with("cholesky", input, upper, True).L


# --- QR -------------------------------------------------------------------------------------------------------------


def _qr_vjp(xp: Any, g: Any, a: Any, mode: str, aux: Any) -> Any:
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    rows, columns = a.shape[-2:]
    if mode == "complete" and rows > columns:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    q, r = xp.linalg_qr(a, mode=mode) if aux is None else aux
    gq, gr = g
    if rows >= columns:
        return _tall_qr_vjp(xp, gq, gr, q, r)
    # The columns that Q is not made from are Q R, with R = Q' times these columns.
    axis = a.ndim - 1
    right = xp.slice_axis(a, axis, rows, columns)
    square = None
    beside = xp.zeros_like(right)
    if gr is not None:
        square, last = xp.slice_axis(gr, axis, 0, rows), xp.slice_axis(gr, axis, rows, columns)
        through_q = xp.matmul(right, transposed(xp, last))
        gq = through_q if gq is None else gq + through_q
        beside = xp.matmul(q, last)
    left = _tall_qr_vjp(xp, gq, square, q, xp.slice_axis(r, axis, 0, rows))
    return xp.cat(left, beside, axis=axis)


def _tall_qr_vjp(xp: Any, gq: Any, gr: Any, q: Any, r: Any) -> Any:
    core = 0
    if gr is not None:
        core = xp.matmul(gr, transposed(xp, r))
    if gq is not None:
        core = core - xp.matmul(transposed(xp, q), gq)
    upper = xp.triu(core, 0)
    total = xp.matmul(q, upper + transposed(xp, xp.triu(core, 1)))
    if gq is not None:
        total = total + gq
    return transposed(xp, xp.linalg_solve_triangular(r, transposed(xp, total), upper=True))


def _qr_forward(xp: Any, x: Any, mode: str) -> Any:
    if mode == "r":
        return copies((xp.zeros(0, dtype=x.dtype), xp.linalg.qr(x, "r")))
    return copies(xp.linalg.qr(x, mode))


_qr = Primitive(
    "linalg_qr",
    _qr_forward,
    [lambda xp, g, _out, x, mode, aux: _qr_vjp(xp, g, x, mode, aux)],
    outputs=2,
    aux=True,
    math={
        "m": "matmul(y2, t(g2)) - matmul(t(g1), y1)",
        "x": "matmul(g1 + matmul(y1, tril(m, 0) + t(tril(m, -1))), t(inverse(y2)))",
    },
)


class LinalgQr(NamedTuple):
    """The result of `linalg.qr`."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return shown(self)


class Qr(NamedTuple):
    """The result of `qr`."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return shown(self)


def linalg_qr(A: Tensor, mode: str = "reduced") -> LinalgQr:
    """A = QR, with orthonormal columns in Q and an upper triangle R, for matrices (..., m, n).

    Args:
        mode: "reduced": k = min(m, n) columns in Q and rows in R; "complete": m; "r": R alone, and nothing in Q.

    With "r", and with "complete" where m > n, there are no gradients.

    Raises:
        RuntimeError: no matrices, integers, or an unknown mode.

    >>> import mytorch
    >>> Q, R = mytorch.linalg.qr(mytorch.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> mytorch.allclose(Q @ R, mytorch.tensor([[3.0, 1.0], [4.0, 2.0]])), R[1, 0]
    (True, tensor(0.))
    """
    check_matrix("linalg.qr", A)
    check_float("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return LinalgQr(*apply(_qr, A, mode=mode))


def qr(input: Tensor, some: bool = True) -> Qr:
    """`linalg.qr`; complete unless `some`.

    >>> import mytorch
    >>> mytorch.qr(mytorch.ones(3, 2), some=False).Q.shape
    torch.Size([3, 3])
    """
    return Qr(*linalg_qr(input, "reduced" if some else "complete"))
