"""The LU decomposition: a matrix as permutation, lower and upper triangle, and systems of equations solved by it.

The derivative is that of A = PLU, from which dL = L tril(E, -1) and dU = triu(E) U with E = L^-1 P' dA U^-1; columns or
rows beyond the square part follow from U = L^-1 P' A and L = P' A U^-1.
"""
# ruff: noqa: N803, N806 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import TENSORS, apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops import matrices
from mytorch.ops.matrices import check_float, copies, transposed, zero_pivot
from mytorch.ops.return_types import shown
from mytorch.ops.triangular import check_equation, solve_triangular

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _permutation(pivots: Any, rows: int, dtype: Any) -> Any:
    """The matrices P of A = PLU, from the exchanges of rows."""
    out = np.broadcast_to(np.eye(rows, dtype=dtype), (*pivots.shape[:-1], rows, rows)).copy()
    for at in np.ndindex(pivots.shape[:-1]):
        for k, other in reversed(list(enumerate(pivots[at] - 1))):
            out[at][[k, other]] = out[at][[other, k]]
    return out


def _triangles(xp: Any, packed: Any) -> tuple[Any, Any]:
    """L and U of a result of `matrices.lu`, (..., m, k) and (..., k, n)."""
    axis, (m, n) = packed.ndim - 2, packed.shape[-2:]
    k = min(m, n)
    ones = np.eye(m, k, dtype=getattr(packed, "array", packed).dtype)
    lower = xp.tril(xp.slice_axis(packed, axis + 1, 0, k), -1) + ones
    return lower, xp.triu(xp.slice_axis(packed, axis, 0, k), 0)


def _vjp(xp: Any, g: Any, a: Any, aux: Any) -> Any:
    packed, pivots = xp.linalg_lu_factor(a) if aux is None else aux
    axis, (m, n) = a.ndim - 2, a.shape[-2:]
    k = min(m, n)
    lower, upper = _triangles(xp, packed)
    square_l, square_u = xp.slice_axis(lower, axis, 0, k), xp.slice_axis(upper, axis + 1, 0, k)
    gl = xp.tril(xp.slice_axis(g, axis + 1, 0, k), -1)
    gu = xp.triu(xp.slice_axis(g, axis, 0, k), 0)
    lt, ut = transposed(xp, square_l), transposed(xp, square_u)

    def from_left(x: Any) -> Any:
        return xp.linalg_solve_triangular(lt, x, upper=True)

    def from_right(x: Any) -> Any:
        return transposed(xp, xp.linalg_solve_triangular(square_u, transposed(xp, x), upper=True))

    beyond = None
    if m > n:
        beyond = from_right(xp.slice_axis(gl, axis, k, m))
        gu = gu - xp.matmul(transposed(xp, xp.slice_axis(lower, axis, k, m)), beyond)
    if m < n:
        beyond = from_left(xp.slice_axis(gu, axis + 1, k, n))
        gl = gl - xp.matmul(beyond, transposed(xp, xp.slice_axis(upper, axis + 1, k, n)))
    gl, gu = xp.slice_axis(gl, axis, 0, k), xp.slice_axis(gu, axis + 1, 0, k)
    core = xp.tril(xp.matmul(lt, gl), -1) + xp.triu(xp.matmul(gu, ut), 0)
    total = from_left(from_right(core))
    if beyond is not None:
        total = xp.cat(total, beyond, axis=axis if m > n else axis + 1)
    dtype = getattr(a, "array", a).dtype
    return xp.matmul(_permutation(getattr(pivots, "array", pivots), m, dtype), total)


_lu_factor = Primitive(
    "linalg_lu_factor",
    lambda xp, x: copies(matrices.lu(x)),
    [lambda xp, g, _out, x, aux: _vjp(xp, g[0], x, aux)],
    outputs=2,
    differentiable=(True, False),
    aux=True,
    grad_name="LinalgLuFactorExBackward0",
    math={
        "y": "linalg_lu_factor(x)",
        "l": "unit_lower(y1)",
        "u": "triu(y1, 0)",
        "m": "tril(matmul(t(l), tril(g1, -1)), -1) + triu(matmul(triu(g1, 0), t(u)), 0)",
        "x": "matmul(permutation(y2), matmul(matmul(t(inverse(l)), m), t(inverse(u))))",
    },
)


class LinalgLuFactorEx(NamedTuple):
    """The result of `linalg.lu_factor_ex`."""

    LU: Tensor
    pivots: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return shown(self)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LinalgLuFactorEx:
    """The result of `lu_factor`, and for each matrix an int32: 0, or which element (from 1) of U's diagonal is 0.

    Raises:
        RuntimeError: no matrices, integers, `pivot` False, or with `check_errors` a 0 on a diagonal.

    >>> import mytorch
    >>> mytorch.linalg.lu_factor_ex(mytorch.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    if A.array.ndim < 2:
        raise RuntimeError(
            f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {list(A.array.shape)} instead"
        )
    check_float("linalg.lu_factor", A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    packed, pivots = apply(_lu_factor, A)
    info = zero_pivot(packed.array)
    if check_errors:
        text = (
            "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
            "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )
        matrices.refuse("torch.linalg.lu_factor", info, text, RuntimeError)
    return LinalgLuFactorEx(packed, pivots, wrap(info))


class LinalgLuFactor(NamedTuple):
    """The result of `linalg.lu_factor`."""

    LU: Tensor
    pivots: Tensor

    def __repr__(self) -> str:
        return shown(self)


def lu_factor(A: Tensor, *, pivot: bool = True) -> LinalgLuFactor:
    """L and U (see `linalg_lu`) in one array, and in int32 the row (from 1) that each row was exchanged with.

    Raises:
        RuntimeError: no matrices, integers, `pivot` False, or a 0 on the diagonal of U.

    >>> import mytorch
    >>> mytorch.linalg.lu_factor(mytorch.tensor([[1.0, 2.0], [2.0, 2.0]]))
    torch.return_types.linalg_lu_factor(
    LU=tensor([[2.0000, 2.0000],
            [0.5000, 1.0000]]),
    pivots=tensor([2, 2], dtype=torch.int32))
    """
    return LinalgLuFactor(*lu_factor_ex(A, pivot=pivot, check_errors=True)[:2])


def lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> tuple[Tensor, ...]:
    """`linalg.lu_factor` without complaints; with `get_infos`, `linalg.lu_factor_ex`, as a plain tuple.

    >>> import mytorch
    >>> mytorch.lu(mytorch.tensor([[4.0]]))
    (tensor([[4.]]), tensor([1], dtype=torch.int32))
    """
    return tuple(lu_factor_ex(A, pivot=pivot))[: 3 if get_infos else 2]


class LinalgLu(NamedTuple):
    """The result of `linalg.lu`."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return shown(self)


def linalg_lu(A: Tensor, *, pivot: bool = True) -> LinalgLu:
    """A = PLU, with a permutation P, a lower triangle L with ones on its diagonal, and an upper triangle U.

    Raises:
        RuntimeError: no matrices, integers, or `pivot` False.

    >>> import mytorch
    >>> mytorch.linalg.lu(mytorch.tensor([[1.0, 2.0], [2.0, 2.0]])).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    return LinalgLu(*lu_unpack(*lu_factor_ex(A, pivot=pivot)[:2]))


class LuUnpack(NamedTuple):
    """The result of `lu_unpack`."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return shown(self)


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> LuUnpack:
    """P, L and U (see `linalg_lu`) from the result of `linalg.lu_factor`. What is not wanted is empty.

    Raises:
        RuntimeError: pivots that are not int32.

    >>> import mytorch
    >>> mytorch.lu_unpack(*mytorch.lu(mytorch.tensor([[1.0, 2.0], [2.0, 2.0]]))).L
    tensor([[1.0000, 0.0000],
            [0.5000, 1.0000]])
    """
    P = L = U = LU_data.new_empty(0)
    if unpack_pivots:
        _check_pivots("torch.lu_unpack", LU_pivots)
        P = wrap(_permutation(LU_pivots.array, LU_data.array.shape[-2], LU_data.array.dtype))
    if unpack_data:
        L, U = _triangles(TENSORS, LU_data)
    return LuUnpack(P, L, U)


def _check_pivots(name: str, pivots: Any) -> None:
    if pivots.array.dtype != np.int32:
        raise RuntimeError(f"{name}: Expected pivots to be a tensor of torch.int32 dtype, got {pivots.dtype}")


def linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The X with AX = B, for the matrices whose `linalg.lu_factor` is given; leading dimensions broadcast.

    Args:
        left: with False, XA = B is solved.
        adjoint: for the transpose of A.

    Raises:
        RuntimeError: shapes that do not fit together, integers, or pivots that are not int32.

    >>> import mytorch
    >>> A = mytorch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> mytorch.linalg.lu_solve(*mytorch.linalg.lu_factor(A), mytorch.tensor([[4.0], [7.0]]))
    tensor([[1.],
            [2.]])
    """
    check_equation("linalg.lu_solve", LU, B, left)
    _check_pivots("linalg.lu_solve", pivots)
    P, L, U = lu_unpack(LU, pivots)
    if not left:  # XA = B, so A'X' = B'
        return linalg_lu_solve(LU, pivots, B.mT, adjoint=not adjoint).mT
    if adjoint:  # U'L'P'X = B
        return P @ solve_triangular(L.mT, solve_triangular(U.mT, B, upper=False), upper=True, unitriangular=True)
    return solve_triangular(U, solve_triangular(L, P.mT @ B, upper=False, unitriangular=True), upper=True)


def lu_solve(input: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """`linalg.lu_solve` with its arguments in another order.

    >>> import mytorch
    >>> mytorch.lu_solve(mytorch.tensor([[4.0]]), *mytorch.lu(mytorch.tensor([[2.0]])))
    tensor([[2.]])
    """
    return linalg_lu_solve(LU_data, LU_pivots, input)
