"""What singular values tell of a matrix that need not be square: pseudoinverse, rank, and least squares by them."""
# ruff: noqa: N803 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import type_name
from mytorch.ops.linalg import matmul
from mytorch.ops.matrices import transposed
from mytorch.ops.return_types import shown

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _cut(x: Any, atol: Any, rtol: Any, largest: Any) -> Any:
    """The size up to which singular values count as 0: the larger of `atol` and `rtol` times the largest one.

    The default of `rtol` is the precision times the longer side of the matrices, or 0 where `atol` is positive.
    """
    absolute = np.asarray(0.0 if atol is None else getattr(atol, "array", atol))
    if rtol is None:
        relative = np.where(absolute > 0, 0, np.finfo(x.dtype).eps * max(x.shape[-2:]))
    else:
        relative = np.asarray(getattr(rtol, "array", rtol))
    return np.maximum(absolute, relative * largest)


def _largest(sizes: Any) -> Any:
    return sizes.max(-1, initial=0)


def _pinv_forward(xp: Any, x: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    if hermitian:
        values, vectors = xp.linalg.eigh(x)
        u, sizes, vh = vectors * xp.sign(values)[..., None, :], xp.abs(values), transposed(xp, vectors)
    else:
        u, sizes, vh = xp.linalg.svd(x, full_matrices=False)
    counts = sizes > _cut(x, atol, rtol, _largest(sizes))[..., None]
    inverted = xp.where(counts, 1 / xp.where(counts, sizes, 1), 0).astype(x.dtype)
    return xp.matmul(transposed(xp, vh) * inverted[..., None, :], transposed(xp, u))


def _pinv_vjp(xp: Any, g: Any, out: Any, a: Any) -> Any:
    gt, pt = transposed(xp, g), transposed(xp, out)
    stays = -xp.matmul(xp.matmul(pt, g), pt)
    rows = xp.matmul(xp.matmul(gt - xp.matmul(a, xp.matmul(out, gt)), out), pt)
    columns = xp.matmul(pt, xp.matmul(out, gt - xp.matmul(xp.matmul(gt, out), a)))
    return stays + rows + columns


# Derivative: G. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
# whose variables separate", 1973. It holds as long as the rank does not change.
_pinv = Primitive(
    "linalg_pinv",
    _pinv_forward,
    [lambda xp, g, out, x, atol, rtol, hermitian: _pinv_vjp(xp, g, out, x)],
)


def pinv(input: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """The pseudoinverse of matrices (..., m, n): of full rank, the inverse, or the left or right inverse.

    Args:
        atol, rtol: singular values up to `atol`, or up to `rtol` times the largest one, count as 0. Numbers, or tensors
            with one for each matrix. The default of `rtol` is the precision times max(m, n), or 0 if `atol` is given.
        rcond: an older name of `rtol`.
        hermitian: the matrices are symmetric; only their lower half is looked at.

    Raises:
        RuntimeError: no matrices, or integers.

    >>> import mytorch
    >>> mytorch.linalg.pinv(mytorch.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    x = input.array
    if x.ndim < 2 or x.dtype.kind not in "fc" or x.dtype.char == "e":
        raise RuntimeError(
            f"linalg.pinv({type_name(x.dtype)}{{{list(x.shape)}}}): expected a tensor with 2 or more dimensions of "
            "float, double, cfloat or cdouble types"
        )
    rtol = rcond if rtol is None else rtol
    if not x.size:
        return input.mT.clone()
    return apply(_pinv, input, atol=atol, rtol=rtol, hermitian=hermitian)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """`linalg.pinv` with `rcond` as `rtol`.

    >>> import mytorch
    >>> mytorch.pinverse(mytorch.tensor([[2.0]]))
    tensor([[0.5000]])
    """
    return pinv(input, rtol=rcond)


def _check_float(x: Any) -> None:
    if x.array.dtype.kind not in "fc" or x.array.dtype.char == "e":
        raise RuntimeError("This function doesn't handle types other than float and double")


def matrix_rank(
    input: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """How many singular values of each matrix do not count as 0.

    Args:
        atol, rtol, hermitian: as of `pinv`.
        tol: an older name of `atol`.

    Raises:
        RuntimeError: no matrices, or integers.

    >>> import mytorch
    >>> mytorch.linalg.matrix_rank(mytorch.ones(3, 3))
    tensor(1)
    """
    if input.array.ndim < 2:
        raise RuntimeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    _check_float(input)
    if tol is not None:
        atol, rtol = tol, 0.0
    sizes = np.abs(np.linalg.eigvalsh(input.array)) if hermitian else np.linalg.svd(input.array, compute_uv=False)
    return wrap(_rank(input.array, sizes, atol, rtol))


def _rank(a: Any, sizes: Any, atol: Any, rtol: Any) -> Any:
    return np.count_nonzero(sizes > _cut(a, atol, rtol, _largest(sizes))[..., None], axis=-1).astype(np.int64)


class LinalgLstsq(NamedTuple):
    """The result of `linalg.lstsq`."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor

    def __repr__(self) -> str:
        return shown(self)


def lstsq(input: Tensor, b: Tensor, rcond: float | None = None, *, driver: str | None = None) -> LinalgLstsq:
    """The shortest X for which AX is nearest to B, for matrices A (..., m, n) and B (..., m, k).

    All drivers compute by singular values here. They differ in what they return beside the solution.

    Args:
        input: A.
        b: B, or as many vectors (..., m) as there are matrices.
        rcond: as `rtol` of `pinv`.
        driver: "gelsy" (the default), "gelsd", "gelss" or "gels".

    Returns:
        The solution; the sums of squared residuals, if m > n and all ranks are n (not with "gelsy"); the ranks (not
        with "gels"); and the singular values (with "gelsd" and "gelss"). What is not returned is empty.

    Raises:
        RuntimeError: shapes that do not fit together, different types, integers, or an unknown driver.

    >>> import mytorch
    >>> A = mytorch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> mytorch.linalg.lstsq(A, mytorch.tensor([1.0, 3.0, 5.0])).solution.round(decimals=4)
    tensor([1., 2.])
    """
    vectors = _check_lstsq(input, b)
    driver = driver or "gelsy"
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    right = b.unsqueeze(-1) if vectors else b
    m, n = input.shape[-2:]
    solution = matmul(pinv(input, rtol=rcond), right)
    sizes = np.linalg.svd(input.array, compute_uv=False)
    rank = _rank(input.array, sizes, None, rcond)
    residuals = solution.reshape(-1)[:0]
    if m > n and driver != "gelsy" and (driver == "gels" or (rank == n).all()):
        residuals = (matmul(input, solution) - right).square().sum(-2)
    return LinalgLstsq(
        solution.squeeze(-1) if vectors else solution,
        residuals,
        wrap(np.empty(0, np.int64) if driver == "gels" else rank),
        wrap(sizes if driver in ("gelsd", "gelss") else np.empty(0, sizes.dtype)),
    )


def _check_lstsq(A: Any, B: Any) -> bool:
    """Whether B holds vectors, not matrices; RuntimeError if it does not fit to A."""
    name, a, b = "torch.linalg.lstsq", A.array, B.array
    if a.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {type_name(a.dtype)} and "
            f"other's dtype {type_name(b.dtype)}"
        )
    _check_float(A)
    less = a.ndim - b.ndim
    if not 0 <= less <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    vectors = less == 1
    if a.shape[-2] != b.shape[-1 if vectors else -2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size({-1 if vectors else -2})")
    return vectors
