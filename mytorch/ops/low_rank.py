"""The largest singular values of a matrix, found by chance: by the product with a few random vectors.

Source: N. Halko, P. Martinsson and J. Tropp, "Finding structure with randomness: probabilistic algorithms for
constructing approximate matrix decompositions", 2011, algorithms 4.4 and 5.1.
"""
# ruff: noqa: N803, N806 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.ops.decompositions import linalg_qr
from mytorch.ops.spectral import linalg_svd

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _basis(A: Any, q: int, niter: int) -> Any:
    """`q` orthonormal vectors between which (nearly) all of A's columns lie."""
    Q = linalg_qr(A @ A.new_empty(A.shape[-1], q).normal_()).Q
    for _ in range(niter):
        Q = linalg_qr(A @ linalg_qr(A.mT @ Q).Q).Q
    return Q


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V (not transposed) for the `q` largest singular values of matrices (..., m, n), approximately.

    Args:
        q: a little more than the rank that is looked for.
        niter: how often the random vectors are improved.
        M: what is first subtracted from A, with the same shape or one that broadcasts.

    >>> import mytorch
    >>> U, S, V = mytorch.svd_lowrank(mytorch.diag(mytorch.tensor([3.0, 2.0, 0.0])), q=2)
    >>> S.round(decimals=3)
    tensor([3., 2.])
    """
    A = A if M is None else A - M
    wide = A.shape[-2] < A.shape[-1]
    A = A.mT if wide else A
    Q = _basis(A, 6 if q is None else q, 2 if niter is None else niter)
    U, S, Vh = linalg_svd(Q.mT @ A, full_matrices=False)
    U, V = Q @ U, Vh.mT
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """U, S and V of the `q` largest principal components: V has them in columns, S**2 / (m - 1) are their variances.

    Args:
        A: m rows of data (..., m, n).
        q: by default 6, or m or n if that is less.
        center: first subtract the mean of each column.
        niter: as of `svd_lowrank`.

    Raises:
        ValueError: `q` is larger than m or n, or a number is negative.

    >>> import mytorch
    >>> U, S, V = mytorch.pca_lowrank(mytorch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), q=1)
    >>> V.abs().round(decimals=3)
    tensor([[0.7070],
            [0.7070]])
    """
    least = min(A.shape[-2:])
    q = min(6, least) if q is None else q
    if not 0 <= q <= least:
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={least}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
