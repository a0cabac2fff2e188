"""Systems of equations whose matrix is a triangle, and those of a Cholesky decomposition, which are two of that kind.

NumPy has no solver for triangles. Its general one is exact enough for them, and leaves only matrices with a 0 on the
diagonal to be solved here, step by step, as infinities and NaN are wanted for those.
"""
# ruff: noqa: N803, N806 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, convert, misfit
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype
from mytorch.ops.matrices import check_float, check_matrix, check_square, refuse, transposed, zero_pivot
from mytorch.ops.return_types import shown
from mytorch.ops.triangle import diag_embed, tril, triu

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

ZERO_PIVOT = (
    "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
)


def _forward(xp: Any, a: Any, b: Any, upper: bool) -> Any:
    if not (xp.diagonal(a, 0, -2, -1) == 0).any():
        return xp.linalg.solve(a, b)
    n = a.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = xp.array(xp.broadcast_to(b, (*batch, *b.shape[-2:])))
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        x[..., i, :] -= xp.matmul(a[..., i, None, known], x[..., known, :])[..., 0, :]
        x[..., i, :] /= a[..., i, i, None]
    return x


# The matrix is a whole triangle: 0 on the other side. Derivative: M. Giles, "Collected matrix derivative results for
# forward and reverse mode algorithmic differentiation", 2008, section 2.3.
_solve_triangular = Primitive(
    "linalg_solve_triangular",
    _forward,
    joint=lambda xp, g, out, a, _b, *, needs, upper: _joint(xp, g, out, a, needs, upper),
    math={
        "y": "matmul(inverse(a), b)",
        "b": "matmul(t(inverse(a)), g)",
        "a": "-matmul(matmul(t(inverse(a)), g), t(y))",
    },
)


def _joint(xp: Any, g: Any, out: Any, a: Any, needs: tuple[bool, bool], upper: bool) -> tuple[Any, Any]:
    db = xp.linalg_solve_triangular(transposed(xp, a), g, upper=not upper)
    return -xp.matmul(db, transposed(xp, out)) if needs[0] else None, db if needs[1] else None


def check_equation(name: str, A: Any, B: Any, left: bool) -> None:
    """Raise RuntimeError unless AX = B (or XA = B, where A is not to the left) has solutions of a definite shape."""
    check_square(name, A)
    check_matrix(name, B, "B")
    a, b = A.array.shape, B.array.shape
    if a[-1] != b[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )
    try:
        np.broadcast_shapes(a[:-2], b[:-2])
    except ValueError as error:
        raise misfit(name, error, np.empty((*a[:-2], 0)), np.empty((*b[:-2], 0))) from None


def solve_triangular(
    input: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The X with AX = B, for triangular matrices A (..., n, n) and B (..., n, k); leading dimensions broadcast.

    Args:
        input: A.
        upper: A is an upper triangle; what lies below is not looked at (or, with False, the other way round).
        left: with False, XA = B is solved, for B (..., k, n).
        unitriangular: the diagonal is not looked at either, and counts as 1.

    A 0 on the diagonal is no error: there are infinities or NaN in the result.

    Raises:
        RuntimeError: shapes that do not fit together, or integers.

    >>> import mytorch
    >>> A = mytorch.tensor([[2.0, 1.0], [0.0, 4.0]])
    >>> mytorch.linalg.solve_triangular(A, mytorch.tensor([[4.0], [8.0]]), upper=True)
    tensor([[1.],
            [2.]])
    """
    name = "linalg.solve_triangular"
    check_equation(name, input, B, left)
    common = common_dtype(input.array, B.array)
    input, B = convert(input, common), convert(B, common)
    check_float(name, input, B)
    if unitriangular:
        ones = input.new_ones(input.shape[-1])
        input = (triu(input, 1) if upper else tril(input, -1)) + diag_embed(ones)
    else:
        input = triu(input) if upper else tril(input)
    if left:
        return apply(_solve_triangular, input, B, upper=upper)
    return apply(_solve_triangular, input.mT, B.mT, upper=not upper).mT


class TriangularSolve(NamedTuple):
    """The result of `triangular_solve`."""

    solution: Tensor
    cloned_coefficient: Tensor

    def __repr__(self) -> str:
        return shown(self)


def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolve:
    """`linalg.solve_triangular` with its arguments the other way round, for A or its transpose; and a copy of A.

    Raises:
        RuntimeError: shapes that do not fit together, or integers.

    >>> import mytorch
    >>> mytorch.triangular_solve(mytorch.tensor([[4.0]]), mytorch.tensor([[2.0]])).solution
    tensor([[2.]])
    """
    name = "triangular_solve"
    check_matrix(name, input, "b")
    check_square(name, A)
    matrix = A.mT if transpose else A
    solution = solve_triangular(matrix, input, upper=upper != transpose, unitriangular=unitriangular)
    return TriangularSolve(solution, A.expand(*solution.shape[:-2], *A.shape[-2:]).clone())


def cholesky_solve(input: Tensor, input2: Tensor, upper: bool = False) -> Tensor:
    """The X with AX = `input`, where A = L L' (or, with `upper`, L' L for an upper triangle L).

    Args:
        input: (..., n, k); leading dimensions broadcast.
        input2: L (..., n, n).

    Raises:
        RuntimeError: shapes that do not fit together, or integers.

    >>> import mytorch
    >>> mytorch.cholesky_solve(mytorch.tensor([[8.0]]), mytorch.tensor([[2.0]]))
    tensor([[2.]])
    """
    for name, x in (("b", input), ("u", input2)):
        if x.array.ndim < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {x.array.ndim} dimensions instead")
    check_float("cholesky_solve", input, input2)
    between = solve_triangular(input2.mT if upper else input2, input, upper=False)
    return solve_triangular(input2 if upper else input2.mT, between, upper=True)


def cholesky_inverse(input: Tensor, upper: bool = False) -> Tensor:
    """The inverse of L L' for a lower triangle L (or, with `upper`, of L' L for an upper one).

    Raises:
        RuntimeError: no square matrices, integers, or (LinAlgError) a 0 on the diagonal.

    >>> import mytorch
    >>> mytorch.cholesky_inverse(mytorch.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    name = "cholesky_inverse"
    check_square(name, input)
    check_float(name, input)
    refuse(name, zero_pivot(input.array), ZERO_PIVOT)
    return cholesky_solve(diag_embed(input.new_ones(input.shape[:-1])), input, upper)
