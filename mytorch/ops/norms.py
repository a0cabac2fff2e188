"""Norms of vectors and of matrices, and condition numbers, under the names of `torch.linalg`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import TABLE
from mytorch.backend.dtypes import to_numpy, type_name
from mytorch.ops import reduction
from mytorch.ops.axes import Dims
from mytorch.ops.dims import normalize_dim, normalize_dims
from mytorch.ops.extremum import amax, amin
from mytorch.ops.matrices import check_float, check_matrix, check_square
from mytorch.ops.nuclear_norm import with_dims
from mytorch.ops.pieces import movedim
from mytorch.ops.solving import inv_ex
from mytorch.ops.spectral import svdvals

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_vector_norm = TABLE["linalg_vector_norm"]


def _converted(name: str, x: Any, dtype: Any) -> Any:
    """The tensor in the type in which to compute, which must be a wider one."""
    if dtype is None:
        return x
    given, wanted = x.array.dtype, to_numpy(dtype)
    if wanted.kind not in "fc":
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {type_name(wanted)}")
    if wanted.kind != given.kind:
        kind = "complex" if given.kind == "c" else "real"
        raise RuntimeError(f"{name}: dtype should be {kind} for {kind} inputs, but got {type_name(wanted)}")
    if not np.can_cast(given, wanted):
        raise RuntimeError(
            f"{name}: the dtype of the input ({type_name(given)}) should be convertible without narrowing to the "
            f"specified dtype ({type_name(wanted)})"
        )
    return convert(x, wanted)


def vector_norm(x: Tensor, ord: float = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of the elements over `dim` (a dimension, several, or None for all): (sum |x|^ord)^(1/ord).

    Args:
        ord: also inf for the largest absolute value, -inf for the smallest, and 0 to count what is not 0.
        dtype: the type to compute in.

    Raises:
        RuntimeError: integers, a narrower `dtype`, or no elements and an `ord` that needs some.

    >>> import mytorch
    >>> mytorch.linalg.vector_norm(mytorch.tensor([3.0, -4.0])), mytorch.linalg.vector_norm(mytorch.tensor([3.0]), 0)
    (tensor(5.), tensor(1.))
    """
    name = "linalg.vector_norm"
    check_float(name, x, half=True)
    axis, shape = normalize_dims(dim, x.array.ndim), x.array.shape
    if (ord < 0 or ord == math.inf) and not x.array.size:
        if axis is None:
            raise RuntimeError(
                f"{name} cannot compute the {ord} norm on an empty tensor because the operation does not have an "
                "identity"
            )
        empty = [a for a in axis if not shape[a]]
        if empty:
            raise RuntimeError(
                f"{name} cannot compute the {ord} norm on the dimension {empty[0]} because this dimension is empty and "
                "the operation does not have an identity"
            )
    return apply(_vector_norm, _converted(name, x, dtype), p=float(ord), axis=axis, keepdims=keepdim)


def matrix_norm(
    input: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """The norm of the matrices that lie in two dimensions.

    Args:
        ord: "fro": the root of the sum of squares; "nuc": the sum of the singular values; 2 or -2: the largest or
            smallest one; 1 or -1: the largest or smallest sum of absolute values of a column; inf or -inf: of a row.
        dtype: the type to compute in.

    Raises:
        RuntimeError: no matrices, integers, a narrower `dtype`, dimensions that are not two, or an unknown `ord`.

    >>> import mytorch
    >>> A = mytorch.tensor([[1.0, -2.0], [3.0, 4.0]])
    >>> mytorch.linalg.matrix_norm(A, 1), mytorch.linalg.matrix_norm(A, float("inf"))
    (tensor(6.), tensor(7.))
    """
    name = "linalg.matrix_norm"
    check_matrix(name, input)
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {dim}")
    rows, columns = [normalize_dim(d, input.array.ndim) for d in dim]
    if rows == columns:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    size = ord if isinstance(ord, str) else abs(ord)
    if size not in ("fro", "nuc", 1, 2, math.inf):
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    check_float(name, input, half=size not in ("nuc", 2))
    x = _converted(name, input, dtype)
    if size == "fro":
        return vector_norm(x, 2, (rows, columns), keepdim)
    if size == "nuc":
        return reduction.norm(x, "nuc", (rows, columns), keepdim)
    if size == 2:
        values, axis = svdvals(movedim(x, (rows, columns), (-2, -1))), -1
    else:
        summed, axis = (rows, columns) if size == 1 else (columns, rows)
        values = vector_norm(x, 1, summed)
        axis -= axis > summed
    if ord in (-1, -2, -math.inf):
        found = amin(values, axis)
    else:  # nothing has the norm 0
        found = amax(values, axis) if values.array.shape[axis] else values.sum(axis)
    return with_dims(found, (rows, columns), keepdim)


def norm(
    input: Tensor,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """The `matrix_norm`, where `ord` is given for two dimensions, else the `vector_norm`, by default the 2-norm.

    Raises:
        RuntimeError: `ord` is given for a tensor with more than two dimensions, without `dim`; and as of these two.

    >>> import mytorch
    >>> A = mytorch.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> mytorch.linalg.norm(A), mytorch.linalg.norm(A, 2), mytorch.linalg.norm(A, 2, dim=1)
    (tensor(5.), tensor(4.), tensor([3., 4.]))
    """
    ndim = input.array.ndim
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}")
    if dims is None and ord is not None and ndim not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D.")
    if ord is not None and (isinstance(ord, str) or (len(dims) if dims is not None else ndim) == 2):
        return matrix_norm(input, ord, (0, 1) if dims is None and ndim == 2 else dims or (-2, -1), keepdim, dtype=dtype)
    return vector_norm(input, 2 if ord is None else ord, dims, keepdim, dtype=dtype)


def cond(input: Tensor, p: float | str | None = None) -> Tensor:
    """The condition number of matrices: their norm times that of their inverse; infinite where there is none.

    Args:
        p: the `ord` of `matrix_norm`. With 2 (the default) and -2, matrices need not be square.

    Raises:
        RuntimeError: no matrices, integers, not square where they must be, or an unknown norm.

    >>> import mytorch
    >>> mytorch.linalg.cond(mytorch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.)
    """
    if input.array.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p is None or p in (2, -2):
        sizes = svdvals(input)
        if not input.array.size:
            return input.new_zeros(input.shape[:-2])
        return sizes[..., -1] / sizes[..., 0] if p == -2 else sizes[..., 0] / sizes[..., -1]
    check_square(f"linalg.cond(ord={p})", input)
    check_float("linalg.cond", input)
    if not input.array.size:
        return input.new_zeros(input.shape[:-2])
    inverse, info = inv_ex(input)
    singular = info != 0
    inverse = inverse.masked_fill(singular[..., None, None], 0)
    return (matrix_norm(input, p) * matrix_norm(inverse, p)).masked_fill(singular, math.inf)
