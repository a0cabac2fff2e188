"""Determinants, and their logarithms.

The derivative of det A is det A times the inverse of A' (Jacobi's formula; M. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation", 2008, section 2.2.4): the matrix of cofactors, which
exists for a singular A as well. For that it is taken from the singular value decomposition.
"""
# ruff: noqa: N803 - matrices have PyTorch's names, which are those of the field

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.ops import solving, spectral  # noqa: F401 - `inverse` and `linalg_svd` must be in the table
from mytorch.ops.arithmetic import where
from mytorch.ops.matrices import check_float, check_square, transposed
from mytorch.ops.return_types import shown

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _matrices(x: Any) -> Any:
    """Numbers, one for each matrix of a batch, in a shape that broadcasts with the matrices."""
    return x[..., None, None]


def _cofactors(xp: Any, out: Any, a: Any) -> Any:
    """The derivative of the determinants `out`."""
    if a.shape[-1] and (getattr(out, "array", out) == 0).any():
        svd = xp.linalg_svd if isinstance(a, DifferentiableArray) else xp.linalg.svd
        u, s, vh = svd(a, full_matrices=False)
        n = a.shape[-1]
        # For each singular value, the product of all others.
        table = xp.where(np.eye(n, dtype=bool), xp.ones_like(a), s[..., None, :])
        others = xp.prod(table, axis=(a.ndim - 1,), keepdims=False)
        sign = _matrices(xp.linalg_det(u) * xp.linalg_det(vh))
        return sign * xp.matmul(u * others[..., None, :], vh)
    return _matrices(out) * transposed(xp, xp.inverse(a))


_det = Primitive(
    "linalg_det",
    lambda xp, x: np.asarray(xp.linalg.det(x)),
    [lambda xp, g, out, x: _matrices(g) * _cofactors(xp, out, x)],
    math={
        "x": "g * y * t(inverse(x))",
    },
)


def _slogdet_forward(xp: Any, x: Any) -> tuple[Any, Any]:
    sign, logarithm = xp.linalg.slogdet(x)
    return np.asarray(sign), np.asarray(logarithm)


def _slogdet_vjp(xp: Any, g: Any, x: Any) -> Any:
    """The sign has no derivative, and the logarithm of a singular matrix none that is finite: it is NaN."""
    return None if g[1] is None else _matrices(g[1]) * transposed(xp, xp.inverse(x))


_slogdet = Primitive(
    "linalg_slogdet",
    _slogdet_forward,
    [lambda xp, g, _out, x: _slogdet_vjp(xp, g, x)],
    outputs=2,
    math={
        "x": "g2 * t(inverse(x))",
    },
)


def linalg_det(A: Tensor) -> Tensor:
    """The determinant of a square matrix, or of each of a batch of them.

    Raises:
        RuntimeError: no square matrices, or integers.

    >>> import mytorch
    >>> mytorch.linalg.det(mytorch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    check_square("linalg.det", A)
    check_float("linalg.det", A)
    return apply(_det, A)


def det(input: Tensor) -> Tensor:
    """`linalg.det`.

    >>> import mytorch
    >>> mytorch.det(mytorch.eye(2) * 3)
    tensor(9.)
    """
    return linalg_det(input)


class LinalgSlogdet(NamedTuple):
    """The result of `linalg.slogdet`."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return shown(self)


class Slogdet(NamedTuple):
    """The result of `slogdet`, which has another name than that of `linalg.slogdet`."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return shown(self)


def linalg_slogdet(A: Tensor) -> LinalgSlogdet:
    """The sign of the determinant, and the logarithm of its size; 0 and -inf for a singular matrix.

    Raises:
        RuntimeError: no square matrices, or integers.

    >>> import mytorch
    >>> mytorch.linalg.slogdet(mytorch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    torch.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.))
    """
    return LinalgSlogdet(*slogdet(A))


def slogdet(input: Tensor) -> Slogdet:
    """`linalg.slogdet`.

    >>> import mytorch
    >>> mytorch.slogdet(mytorch.eye(2)).sign
    tensor(1.)
    """
    check_square("linalg.slogdet", input)
    check_float("linalg.slogdet", input)
    return Slogdet(*apply(_slogdet, input))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant: NaN if that is negative, -inf if it is 0.

    Raises:
        RuntimeError: no square matrices, or integers.

    >>> import mytorch
    >>> mytorch.logdet(mytorch.eye(2) * 2)
    tensor(1.3863)
    """
    check_square("logdet", input)
    check_float("logdet", input)
    sign, logarithm = slogdet(input)
    return where(sign.detach() == -1, float("nan"), logarithm)
