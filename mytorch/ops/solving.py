"""Systems of linear equations with a square matrix, and inverses.

Derivatives: M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
2008, sections 2.2.3 and 2.3.1.
"""
# ruff: noqa: N803, N806 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops.matrices import check_float, check_same_type, check_square, refuse, singular, transposed
from mytorch.ops.pieces import movedim
from mytorch.ops.return_types import shown
from mytorch.ops.triangular import ZERO_PIVOT, check_equation

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _despite_singular(xp: Any, compute: Any, a: Any) -> Any:
    """`compute(a)`, with NaN for the singular matrices of a batch; it gets the unit matrix in their place."""
    try:
        return compute(a)
    except np.linalg.LinAlgError:
        bad = (singular(a) > 0)[..., None, None]
        return xp.where(bad, xp.nan, compute(xp.where(bad, xp.eye(a.shape[-1], dtype=a.dtype), a))).astype(a.dtype)


_inverse = Primitive(
    "inverse",
    lambda xp, x: _despite_singular(xp, xp.linalg.inv, x),
    [lambda xp, g, out, _x: -xp.matmul(xp.matmul(transposed(xp, out), g), transposed(xp, out))],
    grad_name="LinalgInvExBackward0",
)
_solve = Primitive(
    "linalg_solve",
    lambda xp, a, b: _despite_singular(xp, functools.partial(_solved, xp, b), a),
    joint=lambda xp, g, out, a, _b, *, needs: _solve_joint(xp, g, out, a, needs),
    grad_name="LinalgSolveExBackward0",
    math={
        "y": "matmul(inverse(a), b)",
        "b": "matmul(t(inverse(a)), g)",
        "a": "-matmul(matmul(t(inverse(a)), g), t(y))",
    },
)


def _solved(xp: Any, b: Any, a: Any) -> Any:
    return xp.linalg.solve(a, b)


def _solve_joint(xp: Any, g: Any, out: Any, a: Any, needs: tuple[bool, bool]) -> tuple[Any, Any]:
    db = xp.linalg_solve(transposed(xp, a), g)
    return -xp.matmul(db, transposed(xp, out)) if needs[0] else None, db if needs[1] else None


def _info(x: Any, result: Any) -> Any:
    """Which matrices are singular (see `matrices.singular`): 0 for all, as can be told from a result without NaN."""
    if not np.isnan(result.array).any():
        return np.zeros(x.array.shape[:-2], np.int32)
    return singular(x.array)


class LinalgInvEx(NamedTuple):
    """The result of `linalg.inv_ex`."""

    inverse: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return shown(self)


def inv_ex(A: Tensor, *, check_errors: bool = False) -> LinalgInvEx:
    """The inverse of each matrix, and for each an int32: 0, or which pivot (from 1) is 0, as it has no inverse.

    The result for a singular matrix is NaN.

    Raises:
        RuntimeError: no square matrices, or integers.
        LinAlgError: a singular matrix, with `check_errors`.

    >>> import mytorch
    >>> mytorch.linalg.inv_ex(mytorch.tensor([[2.0, 0.0], [0.0, 0.0]])).info
    tensor(2, dtype=torch.int32)
    """
    return _inv("linalg.inv_ex", A, check_errors)


def _inv(name: str, A: Any, check_errors: bool) -> LinalgInvEx:
    check_square("linalg.inv", A)
    check_float("linalg.inv", A)
    inverse = apply(_inverse, A)
    info = _info(A, inverse)
    if check_errors:
        refuse(name, info, ZERO_PIVOT)
    return LinalgInvEx(inverse, wrap(info))


def inv(A: Tensor) -> Tensor:
    """The inverse of a square matrix, or of each of a batch of them.

    Raises:
        RuntimeError: no square matrices, or integers.
        LinAlgError: a matrix is singular.

    >>> import mytorch
    >>> mytorch.linalg.inv(mytorch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return _inv("linalg.inv", A, True).inverse


def inverse(input: Tensor) -> Tensor:
    """`linalg.inv`.

    >>> import mytorch
    >>> mytorch.inverse(mytorch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inv(input)


class LinalgSolveEx(NamedTuple):
    """The result of `linalg.solve_ex`."""

    result: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return shown(self)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> LinalgSolveEx:
    """The result of `solve`, and for each matrix an int32: 0, or which pivot (from 1) is 0, as it is singular.

    The result for a singular matrix is NaN.

    Raises:
        RuntimeError: shapes that do not fit together, or integers.
        LinAlgError: a singular matrix, with `check_errors`.

    >>> import mytorch
    >>> mytorch.linalg.solve_ex(mytorch.tensor([[0.0]]), mytorch.tensor([1.0])).info
    tensor(1, dtype=torch.int32)
    """
    return _solve_with("torch.linalg.solve_ex", A, B, left, check_errors)


def _solve_with(name: str, A: Any, B: Any, left: bool, check_errors: bool) -> LinalgSolveEx:
    check_float("linalg.solve", A)
    check_square("linalg.solve", A)
    check_same_type("linalg.solve", A, B)
    a, b = A.array.shape, B.array.shape
    vectors = len(b) == 1 or (len(a) - 1 == len(b) and b == a[:-1])
    if vectors:
        B = B.unsqueeze(-1)
    check_equation("linalg.solve", A, B, left or vectors)
    x = apply(_solve, A, B) if left or vectors else apply(_solve, A.mT, B.mT).mT
    info = _info(A, x)
    if check_errors:
        refuse(name, info, "The solver failed because the input matrix is singular.")
    return LinalgSolveEx(x.squeeze(-1) if vectors else x, wrap(info))


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with AX = B, for square matrices A (..., n, n) and B (..., n, k); leading dimensions broadcast.

    Args:
        B: also one vector (n), or as many as there are matrices (..., n).
        left: with False, XA = B is solved, for B (..., k, n).

    Raises:
        RuntimeError: shapes that do not fit together, different types, or integers.
        LinAlgError: a matrix is singular.

    >>> import mytorch
    >>> A = mytorch.tensor([[2.0, 1.0], [1.0, 3.0]])
    >>> mytorch.linalg.solve(A, mytorch.tensor([4.0, 7.0]))
    tensor([1., 2.])
    """
    return _solve_with("torch.linalg.solve", A, B, left, True).result


def tensorinv(input: Tensor, ind: int = 2) -> Tensor:
    """The inverse of the linear map that `tensordot` with a tensor over its last dimensions is.

    Args:
        ind: how many dimensions come first; their sizes and those of the others must have equal products.

    Raises:
        RuntimeError: they have not, `ind` is not positive, or (LinAlgError) the map has no inverse.

    >>> import mytorch
    >>> mytorch.linalg.tensorinv(mytorch.eye(6).reshape(2, 3, 6), ind=2).shape
    torch.Size([6, 2, 3])
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = input.array.shape[:ind], input.array.shape[ind:]
    _check_map("self.shape[ind:]", "self.shape[:ind]", columns, rows)
    return inv(input.reshape(math.prod(rows), math.prod(columns))).reshape(*columns, *rows)


def _check_map(first: str, second: str, a: Sequence[int], b: Sequence[int]) -> None:
    if math.prod(a) != math.prod(b):
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod({first}) == prod({second}), but got {math.prod(a)} != "
            f"{math.prod(b)}"
        )


def tensorsolve(input: Tensor, other: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """The X with tensordot(input, X, X.ndim) = other.

    Args:
        dims: dimensions of `input` that are moved to the end before.

    Raises:
        RuntimeError: the sizes do not fit, or (LinAlgError) there is no single solution.

    >>> import mytorch
    >>> mytorch.linalg.tensorsolve(mytorch.eye(6).reshape(2, 3, 6), mytorch.ones(2, 3)).shape
    torch.Size([6])
    """
    if dims is not None:
        input = movedim(input, tuple(dims), tuple(range(-len(dims), 0)))
    rows, columns = input.array.shape[: other.array.ndim], input.array.shape[other.array.ndim :]
    _check_map("self.shape[other.ndim:]", "self.shape[:other.ndim]", columns, rows)
    return solve(input.reshape(math.prod(rows), math.prod(columns)), other.reshape(-1)).reshape(columns)
