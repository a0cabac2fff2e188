"""Matrices and vectors combined in further ways: exponential, reflections, chains of products, Vandermonde matrices."""
# ruff: noqa: N803 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, convert, wrap
from mytorch.autograd.grad_mode import mode as grad_mode
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import type_name
from mytorch.ops import products, triangle
from mytorch.ops.axes import in_single
from mytorch.ops.matrices import check_float, check_matrix, check_square, transposed
from mytorch.ops.return_types import shown
from mytorch.ops.shape import stack

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

# --- exponential ----------------------------------------------------------------------------------------------------

_TERMS = 18  # of the series for matrices of norm 1 at most: 1 / 18! is below the precision of float64


@in_single
def _exp_forward(xp: Any, x: Any) -> Any:
    """Scaling and squaring: exp(A) = exp(A / 2^s)^(2^s), and the Taylor series for the small matrix.

    Source: C. Moler and C. Van Loan, "Nineteen dubious ways to compute the exponential of a matrix", 2003, method 3.
    """
    largest = xp.abs(x).sum(-1).max(-1, initial=0)[..., None, None]
    with_size = xp.where(xp.isfinite(largest) & (largest > 1), largest, 1)
    halvings = xp.ceil(xp.log2(with_size))
    small = (x / 2**halvings).astype(x.dtype)
    one = xp.eye(x.shape[-1], dtype=x.dtype)
    out = one + small / _TERMS
    for k in range(_TERMS - 1, 0, -1):
        out = one + xp.matmul(small, out) / k
    for step in range(int(halvings.max(initial=0))):
        out = xp.where(step < halvings, xp.matmul(out, out), out)
    return out


def _exp_vjp(xp: Any, g: Any, x: Any) -> Any:
    """The upper right block of exp [[A', G], [0, A']].

    Source: R. Mathias, "A chain rule for matrix functions and applications", 1996.
    """
    n, axis = x.shape[-1], x.ndim - 1
    xt = transposed(xp, x)
    above, below = xp.cat(xt, g, axis=axis), xp.cat(xp.zeros_like(xt), xt, axis=axis)
    both = xp.linalg_matrix_exp(xp.cat(above, below, axis=axis - 1))
    return xp.slice_axis(xp.slice_axis(both, axis - 1, 0, n), axis, n, 2 * n)


_matrix_exp = Primitive(
    "linalg_matrix_exp",
    _exp_forward,
    [lambda xp, g, _out, x: _exp_vjp(xp, g, x)],
    math={
        "a": "t(x)",
        "x": "upper_right(linalg_matrix_exp(blocks(a, g, 0, a)))",
    },
)


def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of square matrices: 1 + A + A^2 / 2! + A^3 / 3! + ...

    Raises:
        RuntimeError: no square matrices, or integers.

    >>> import mytorch
    >>> mytorch.linalg.matrix_exp(mytorch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    check_square("linalg.matrix_exp", input)
    check_float("linalg.matrix_exp", input, half=True)
    return apply(_matrix_exp, input)


# --- reflections ----------------------------------------------------------------------------------------------------


def householder_product(input: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of H1 H2 ... Hk, where Hi = 1 - tau[i] v v' with v = (0, ..., 0, 1, input[i+1:, i]).

    Args:
        input: (..., m, n) with m >= n; only what is below the diagonal is looked at.
        tau: (..., k) with k <= n.

    Raises:
        RuntimeError: other shapes, integers, or different types.

    >>> import mytorch
    >>> mytorch.linalg.householder_product(mytorch.zeros(2, 1), mytorch.tensor([2.0]))
    tensor([[-1.],
            [ 0.]])
    """
    name = "torch.linalg.householder_product"
    check_matrix(name, input)
    (m, n), k = input.array.shape[-2:], tau.array.shape[-1]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < k:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if input.array.shape[:-2] != tau.array.shape[:-1]:
        raise RuntimeError(f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2]")
    if input.array.dtype != tau.array.dtype:
        raise RuntimeError(f"{name}: tau dtype {tau.dtype} does not match input dtype {input.dtype}")
    check_float(name, input)
    unit = triangle.triu(input, n) + np.eye(m, n, dtype=input.array.dtype)  # of the input's shape and history
    return _reflected(input, tau, unit, backward=True)


def _reflected(A: Any, tau: Any, out: Any, backward: bool) -> Any:
    """H1 H2 ... Hk times a matrix, or with `backward` False the transpose of that product."""
    m, k = A.array.shape[-2], tau.array.shape[-1]
    ones = np.eye(m, k, dtype=A.array.dtype)
    vectors = triangle.tril(A[..., :k], -1) + ones
    for i in reversed(range(k)) if backward else range(k):
        v = vectors[..., i : i + 1]
        out = out - tau[..., i : i + 1, None] * (v @ (v.mT @ out))
    return out


def ormqr(input: Tensor, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q times `input3`, with Q = H1 H2 ... Hk as in `linalg.householder_product`, but all m columns of it.

    Args:
        input: (..., m, k); only what is below the diagonal is looked at.
        input2: tau (..., k).
        input3: (..., m, n), or without `left` (..., n, m).
        left: with False, `input3` times Q.
        transpose: the transpose of Q instead.

    Raises:
        RuntimeError: shapes that do not fit together, integers, or different types.

    >>> import mytorch
    >>> mytorch.ormqr(mytorch.zeros(2, 1), mytorch.tensor([2.0]), mytorch.ones(2, 1))
    tensor([[-1.],
            [ 1.]])
    """
    name = "torch.ormqr"
    for argument, x in (("input", input), ("other", input3)):
        if x.array.ndim < 2:
            raise RuntimeError(f"{name}: {argument} must have at least 2 dimensions.")
    shape, side = input.array.shape, -2 if left else -1
    if input3.array.shape[side] < input2.array.shape[-1]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]")
    if input3.array.shape[side] != shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    if input2.array.shape[-1] > shape[-1]:
        raise RuntimeError(f"{name}: tau.shape[-1] must be less than or equal to input.shape[-1]")
    if shape[:-2] != input2.array.shape[:-1] or shape[:-2] != input3.array.shape[:-2]:
        raise RuntimeError(f"{name}: Expected batch dimensions of tau and other to be equal to input.shape[:-2]")
    if not input.array.dtype == input2.array.dtype == input3.array.dtype:
        raise RuntimeError(
            f"{name}: Expected input, tau and other to have the same dtype, but got {input.dtype}, "
            f"{input2.dtype} and {input3.dtype}"
        )
    check_float(name, input)
    if left:
        return _reflected(input, input2, input3, backward=not transpose)
    return _reflected(input, input2, input3.mT, backward=transpose).mT


class Geqrf(NamedTuple):
    """The result of `geqrf`."""

    a: Tensor
    tau: Tensor

    def __repr__(self) -> str:
        return shown(self)


def geqrf(input: Tensor) -> Geqrf:
    """The QR decomposition as LAPACK gives it: R in the upper triangle, and Q as `householder_product` takes it.

    Raises:
        RuntimeError: no matrices, integers, or it requires a gradient, which there is not.

    >>> import mytorch
    >>> A = mytorch.tensor([[3.0], [4.0]])
    >>> mytorch.linalg.householder_product(*mytorch.geqrf(A))
    tensor([[-0.6000],
            [-0.8000]])
    """
    check_matrix("geqrf", input)
    check_float("geqrf", input)
    if input.requires_grad and grad_mode.enabled:
        raise RuntimeError("the derivative for 'geqrf' is not implemented. Use linalg.qr.")
    packed, tau = np.linalg.qr(input.array, "raw")
    return Geqrf(wrap(packed.swapaxes(-1, -2)), wrap(tau))


# --- products -------------------------------------------------------------------------------------------------------


def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product of vectors of three numbers along `dim`.

    Raises:
        RuntimeError: the size is not 3, or the numbers of dimensions differ.

    >>> import mytorch
    >>> mytorch.linalg.cross(mytorch.tensor([1, 0, 0]), mytorch.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    return products.cross(input, other, dim)


def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonal of matrices, as the last dimension: `mytorch.diagonal` of the last two dimensions.

    >>> import mytorch
    >>> mytorch.linalg.diagonal(mytorch.tensor([[[1, 2], [3, 4]]]))
    tensor([[1, 4]])
    """
    return triangle.diagonal(A, offset, dim1, dim2)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of several matrices, multiplied in the order that takes the fewest multiplications.

    Args:
        tensors: at least two. The first may be a vector, which counts as a row, and the last, which counts as a column.

    Raises:
        RuntimeError: fewer, other dimensions, different types, or two whose product does not exist.

    >>> import mytorch
    >>> mytorch.linalg.multi_dot([mytorch.ones(3), mytorch.ones(3, 4), mytorch.ones(4)])
    tensor(12.)
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    last = len(tensors) - 1
    chain = list(tensors)
    for i, x in enumerate(tensors):
        ndim = x.array.ndim
        if i in (0, last):
            if ndim not in (1, 2):
                which = "the first tensor" if i == 0 else "the last tensor"
                raise RuntimeError(f"multi_dot(): {which} must be 1D or 2D but got {ndim}D")
            if ndim == 1:
                chain[i] = x.unsqueeze(0 if i == 0 else 1)
        elif ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {ndim}D")
        if x.array.dtype != tensors[0].array.dtype:
            first, other = type_name(tensors[0].array.dtype), type_name(x.array.dtype)
            raise RuntimeError(
                f"multi_dot(): all tensors must have the same dtype but tensor 0 is {first} and tensor {i} {other}"
            )
    for i in range(last):
        a, b = list(chain[i].array.shape), list(chain[i + 1].array.shape)
        if a[1] != b[0]:
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {a} and {b} cannot be multiplied")
    out = products.chain_matmul(*chain)
    return out.reshape([n for x, n in ((tensors[0], out.shape[0]), (tensors[-1], out.shape[1])) if x.array.ndim == 2])


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The dot products of vectors along `dim`, the first of them conjugated; the two broadcast.

    >>> import mytorch
    >>> mytorch.linalg.vecdot(mytorch.tensor([[1.0, 2.0], [3.0, 4.0]]), mytorch.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    return (x.conj() * y).sum(dim)


def linalg_vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Vandermonde matrices: the powers 0 to N - 1 of each element, in columns. N is the number of elements by default.

    Raises:
        RuntimeError: N is below 2.

    >>> import mytorch
    >>> mytorch.linalg.vander(mytorch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    shape = x.array.shape or (1,)
    count = shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    if x.array.dtype.kind in "biu":
        x = convert(x, np.dtype(np.int64))
    x = x.reshape(shape)
    return stack([x.new_ones(shape), x, *(x**k for k in range(2, count))], -1)
