"""Decompositions by eigenvalues and by singular values. Leading dimensions are batches.

Vectors have the signs that LAPACK gives them. Their derivatives need values that differ from each other, as the vectors
themselves do to be unique. Sources of the derivatives:
- Eigenvalues: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
  differentiation", 2008, section 3.1.
- Singular values: J. Townsend, "Differentiating the singular value decomposition", 2016.
"""
# ruff: noqa: N803, N806 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.grad_mode import mode as grad_mode
from mytorch.autograd.primitive import Primitive
from mytorch.ops.matrices import (
    LinAlgError,
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


def _diagonal(xp: Any, values: Any) -> Any:
    """Square matrices with these values on their diagonals."""
    return xp.where(np.eye(values.shape[-1], dtype=bool), values[..., None, :], 0)


def _turned(xp: Any, basis: Any, g: Any, gaps: Any) -> Any:
    """How much the vectors of a basis turn towards each other. Equal values whose vectors stay give 0."""
    core = xp.matmul(transposed(xp, basis), g)
    core = core - transposed(xp, core)
    return core / xp.where((gaps == 0) & (core == 0), 1, gaps)


# --- eigenvalues ----------------------------------------------------------------------------------------------------


def _eigh_vjp(xp: Any, g: Any, a: Any, triangle: str | None, aux: Any) -> Any:
    values, vectors = xp.linalg_eigh(a, triangle=triangle) if aux is None else aux
    g_values, g_vectors = g
    core = 0
    if g_values is not None:
        core = _diagonal(xp, g_values)
    if g_vectors is not None:
        gaps = values[..., None, :] - values[..., None]
        core = core + _turned(xp, vectors, g_vectors, gaps) / 2
    return xp.matmul(xp.matmul(vectors, core), transposed(xp, vectors))


_eigh = Primitive(
    "linalg_eigh",
    # LAPACK reads one triangle alone; with None it gets the mean of both.
    lambda xp, x, triangle: copies(xp.linalg.eigh(x if triangle else both_triangles(x), triangle or "L")),
    [lambda xp, g, _out, x, triangle, aux: _eigh_vjp(xp, g, x, triangle, aux)],
    outputs=2,
    aux=True,
    math={
        "e": "outer_difference(y1)",
        "m": "matmul(t(y2), g2)",
        "x": "matmul(matmul(y2, diag(g1) + off_diagonal((m - t(m)) / (2 * e))), t(y2))",
    },
)


class LinalgEigh(NamedTuple):
    """The result of `linalg.eigh`."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return shown(self)


def eigh(input: Tensor, UPLO: str = "L") -> LinalgEigh:
    """Eigenvalues of symmetric matrices in rising order, and orthonormal eigenvectors in columns.

    Args:
        UPLO: the half of `input` that is looked at, "L"ower or "U"pper. The gradient is symmetric.

    Raises:
        RuntimeError: no square matrices, integers, or another UPLO.

    >>> import mytorch
    >>> mytorch.linalg.eigh(mytorch.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    check_square("linalg.eigh", input)
    check_float("linalg.eigh", input)
    if UPLO not in ("L", "l", "U", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return LinalgEigh(*apply(_eigh, input, triangle=UPLO.upper()))


def eigvalsh(input: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices in rising order: those of `eigh`.

    >>> import mytorch
    >>> mytorch.linalg.eigvalsh(mytorch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    tensor([-1.,  1.])
    """
    return eigh(input, UPLO).eigenvalues


class LinalgEig(NamedTuple):
    """The result of `linalg.eig`."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return shown(self)


def eig(input: Tensor) -> LinalgEig:
    """The complex eigenvalues and eigenvectors (in columns) of square matrices; without gradients.

    Raises:
        RuntimeError: no square matrices, integers, NaN or infinities, or `input` requires a gradient.

    >>> import mytorch
    >>> mytorch.linalg.eig(mytorch.tensor([[2.0]])).eigenvalues
    tensor([2.+0.j])
    """
    return LinalgEig(*map(wrap, _complex_eigen("linalg.eig", input, np.linalg.eig)))


def eigvals(input: Tensor) -> Tensor:
    """The complex eigenvalues of square matrices; without gradients.

    Raises:
        RuntimeError: no square matrices, integers, NaN or infinities, or `input` requires a gradient.

    >>> import mytorch
    >>> mytorch.linalg.eigvals(mytorch.tensor([[0.0, -1.0], [1.0, 0.0]]))
    tensor([0.+1.j, 0.-1.j])
    """
    return wrap(_complex_eigen("linalg.eigvals", input, lambda a: (np.linalg.eigvals(a),))[0])


def _complex_eigen(name: str, A: Any, compute: Any) -> list[Any]:
    """What NumPy computes, as complex numbers: it gives real ones where all of a batch are real."""
    check_square(name, A)
    check_float(name, A)
    if A.requires_grad and grad_mode.enabled:
        raise RuntimeError(f"{name}: there are no gradients through complex numbers; give it a tensor.detach()")
    try:
        results = compute(A.array)
    except np.linalg.LinAlgError:
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.") from None
    return [r.astype(np.result_type(r.dtype, np.complex64)) for r in results]


# --- singular values ------------------------------------------------------------------------------------------------


def _svd_vjp(xp: Any, g: Any, a: Any, aux: Any) -> Any:
    """Of U and V, only the columns that belong to singular values have a gradient."""
    m, n = a.shape[-2:]
    k = min(m, n)
    u, s, vh = xp.linalg_svd(a, full_matrices=False) if aux is None else aux
    u, vh = xp.slice_axis(u, a.ndim - 1, 0, k), xp.slice_axis(vh, a.ndim - 2, 0, k)
    gu, gs, gvh = g
    if gu is None and gvh is None:
        return xp.matmul(u * gs[..., None, :], vh)
    core = 0 if gs is None else _diagonal(xp, gs)
    row, column, v = s[..., None, :], s[..., None], transposed(xp, vh)
    gaps = row * row - column * column
    total = 0
    if gu is not None:
        gu = xp.slice_axis(gu, a.ndim - 1, 0, k)
        core = core + _turned(xp, u, gu, gaps) * row
        if m > n:  # U also turns out of the space that it spans
            outside = gu - xp.matmul(u, xp.matmul(transposed(xp, u), gu))
            total = total + xp.matmul(outside / row, vh)
    if gvh is not None:
        gv = transposed(xp, xp.slice_axis(gvh, a.ndim - 2, 0, k))
        core = core + column * _turned(xp, v, gv, gaps)
        if m < n:
            outside = gv - xp.matmul(v, xp.matmul(vh, gv))
            total = total + xp.matmul(u / row, transposed(xp, outside))
    return total + xp.matmul(xp.matmul(u, core), vh)


_svd = Primitive(
    "linalg_svd",
    lambda xp, x, full_matrices: copies(xp.linalg.svd(x, full_matrices)),
    [lambda xp, g, _out, x, full_matrices, aux: _svd_vjp(xp, g, x, aux)],
    outputs=3,
    aux=True,
    math={
        "e": "outer_difference(y2 ** 2)",
        "m": "matmul(t(y1), g1)",
        "k": "matmul(y3, t(g3))",
        "a": "off_diagonal((m - t(m)) / e)",
        "b": "off_diagonal((k - t(k)) / e)",
        "u": "(g1 - matmul(y1, m)) / y2",
        "v": "(g3 - matmul(t(k), y3)) / column(y2)",
        "x": "matmul(matmul(y1, a * y2 + diag(g2) + column(y2) * b) + u, y3) + matmul(y1, v)",
    },
)


class LinalgSvd(NamedTuple):
    """The result of `linalg.svd`."""

    U: Tensor
    S: Tensor
    Vh: Tensor

    def __repr__(self) -> str:
        return shown(self)


class Svd(NamedTuple):
    """The result of `svd`, which has V where that of `linalg.svd` has its transpose."""

    U: Tensor
    S: Tensor
    V: Tensor

    def __repr__(self) -> str:
        return shown(self)


def _check_svd(A: Any, driver: str | None) -> None:
    check_matrix("linalg.svd", A)
    check_float("linalg.svd", A)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    bad = np.isnan(A.array).any((-1, -2))
    text = "The algorithm failed to converge because the input matrix contained non-finite values."
    refuse("linalg.svd", bad, text)


def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> LinalgSvd:
    """A = U diag(S) Vh, with singular values S in falling order and orthonormal columns in U and rows in Vh.

    Args:
        A: (..., m, n); there are k = min(m, n) singular values.
        full_matrices: U is (..., m, m) and Vh (..., n, n); else they have k columns and rows. The columns and rows
            beyond have no gradient.

    Raises:
        RuntimeError: no matrices, integers, or a `driver`, which is for GPUs.
        LinAlgError: a number is NaN, or LAPACK does not find the values, as may happen with infinities.

    >>> import mytorch
    >>> mytorch.linalg.svd(mytorch.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    _check_svd(A, driver)
    try:
        return LinalgSvd(*apply(_svd, A, full_matrices=full_matrices))
    except np.linalg.LinAlgError:
        raise LinAlgError("linalg.svd: The algorithm failed to converge.") from None


def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Svd:
    """`linalg.svd` with V in the place of its transpose. With `compute_uv` False, U and V are zeros.

    >>> import mytorch
    >>> mytorch.svd(mytorch.ones(3, 2)).V.shape
    torch.Size([2, 2])
    """
    if not compute_uv:
        *batch, m, n = input.shape
        return Svd(input.new_zeros(*batch, m, m), svdvals(input), input.new_zeros(*batch, n, n))
    U, S, Vh = linalg_svd(input, full_matrices=not some)
    return Svd(U, S, Vh.mT)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of matrices in falling order: those of `linalg.svd`.

    >>> import mytorch
    >>> mytorch.linalg.svdvals(mytorch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    if A.requires_grad and grad_mode.enabled:
        return linalg_svd(A, False, driver=driver).S
    _check_svd(A, driver)
    return wrap(np.linalg.svd(A.array, compute_uv=False))
