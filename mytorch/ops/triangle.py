"""Diagonals and triangles of matrices; leading dimensions are batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, as_raw
from mytorch.autograd.primitive import Primitive
from mytorch.ops.dims import normalize_dim

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_tril = Primitive("tril", lambda xp, x, k: xp.tril(x, k), [lambda xp, g, _out, _x, k: xp.tril(g, k)])
_triu = Primitive("triu", lambda xp, x, k: xp.triu(x, k), [lambda xp, g, _out, _x, k: xp.triu(g, k)])


def _diagonal_forward(xp: Any, x: Any, k: int, axis1: int, axis2: int) -> Any:
    out = xp.diagonal(x, k, axis1, axis2)
    if out is not x and x.flags.writeable:
        out.flags.writeable = True  # NumPy gives it out read-only, to become writable in a later version
    return out


def _set_diagonal_forward(xp: Any, x: Any, k: int, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `x` on a diagonal: the adjoint of taking it."""
    out = xp.zeros(shape, dtype=x.dtype)
    _diagonal_forward(xp, out, k, axis1, axis2)[...] = x
    return out


_diagonal = Primitive(
    "diagonal",
    _diagonal_forward,
    [lambda xp, g, _out, x_shape, k, axis1, axis2: xp.set_diagonal(g, k, axis1, axis2, x_shape)],
    view=True,
)
_set_diagonal = Primitive(
    "set_diagonal",
    _set_diagonal_forward,
    [lambda xp, g, _out, _x, k, axis1, axis2, shape: xp.diagonal(g, k, axis1, axis2)],
    grad_name="DiagEmbedBackward0",
)
_diagonal_copy = Primitive(
    "diagonal_copy",
    lambda xp, x, k, axis1, axis2: xp.diagonal(x, k, axis1, axis2).copy(),
    _diagonal.vjps,
    grad_name="DiagonalBackward0_copy",
)
_trace = Primitive(
    "trace",
    lambda xp, x: as_raw(xp.trace(x, dtype="int64" if x.dtype.kind in "biu" else x.dtype)),
    [lambda xp, g, _out, x_shape: xp.set_diagonal(xp.expand(g, (min(x_shape),)), 0, 0, 1, x_shape)],
    math={
        "x": "identity(x) * g",
    },
)


def _triangle(name: str, primitive: Primitive, x: Any, diagonal: int) -> Any:
    if x.array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return apply(primitive, x, k=diagonal)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle: elements above the diagonal (moved up by `diagonal`) become 0.

    >>> import mytorch
    >>> tril(mytorch.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle("tril", _tril, input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle: elements below the diagonal (moved up by `diagonal`) become 0.

    >>> import mytorch
    >>> triu(mytorch.ones(2, 2), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return _triangle("triu", _triu, input, diagonal)


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of two dimensions, as the last dimension.

    Raises:
        RuntimeError: the two dimensions are the same.

    >>> import mytorch
    >>> diagonal(mytorch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    axis1, axis2 = normalize_dim(dim1, input.array.ndim), normalize_dim(dim2, input.array.ndim)
    if axis1 == axis2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return apply(_diagonal, input, k=offset, axis1=axis1, axis2=axis2)


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices (in the two new dimensions `dim1` and `dim2`) with the last dimension of `input` on their diagonals.

    Raises:
        RuntimeError: the two dimensions are the same.

    >>> import mytorch
    >>> diag_embed(mytorch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    given = input.array.shape
    axis1, axis2 = normalize_dim(dim1, len(given) + 1), normalize_dim(dim2, len(given) + 1)
    if axis1 == axis2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape = list(given[:-1])
    for axis in sorted((axis1, axis2)):
        shape.insert(axis, given[-1] + abs(offset))
    return apply(_set_diagonal, input, k=offset, axis1=axis1, axis2=axis2, shape=tuple(shape))


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with a vector on its diagonal, or a copy of a matrix's diagonal.

    >>> import mytorch
    >>> diag(mytorch.tensor([[1, 2], [3, 4]]), 1)
    tensor([2])
    """
    if input.array.ndim == 1:
        return diag_embed(input, diagonal)
    if input.array.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.array.ndim}D")
    return apply(_diagonal_copy, input, k=diagonal, axis1=0, axis2=1)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal.

    >>> import mytorch
    >>> trace(mytorch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(5.)
    """
    if input.array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.array.ndim}")
    return apply(_trace, input)
