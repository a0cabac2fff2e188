"""Running results along a dimension: the sum or product of everything up to each element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import to_numpy
from mytorch.ops.dims import normalize_dim

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _cumsum_forward(xp: Any, x: Any, axis: int) -> Any:
    """The running sum in the type of `x`; float16 is added up in float32."""
    total = xp.cumsum(x, axis=axis, dtype="float32" if x.dtype.char == "e" else x.dtype)
    return total.astype(x.dtype, copy=False).reshape(x.shape)  # NumPy gives a 0-d array a dimension


def _from_the_end(xp: Any, x: Any, axis: int) -> Any:
    """The running sum that starts at the last element."""
    if not x.ndim:
        return x
    return xp.flip(xp.cumsum(xp.flip(x, axis), axis), axis)


def _cumprod_vjp(xp: Any, g: Any, out: Any, x: Any, axis: int) -> Any:
    """Element i is a factor of every result from i on; the sum of g_j out_j / x_i over j >= i.

    Where there are zeros, the quotients out_j / x_i are computed as products that leave x_i out, all n^2 of them.
    """
    if not x.ndim:
        return g
    if not bool((x == 0).any()):
        return _from_the_end(xp, g * out, axis) / x
    size = x.shape[axis]
    x, g = xp.swapaxes(x, axis, -1), xp.swapaxes(g, axis, -1)
    same = np.eye(size, dtype=bool)
    later = np.triu(np.ones((size, size), dtype=bool))  # [i, j]: j >= i
    without = xp.cumprod(xp.where(same, 1, xp.expand_dims(x, x.ndim - 1)), axis=x.ndim)
    total = xp.sum(xp.where(later, without * xp.expand_dims(g, x.ndim - 1), 0), axis=(x.ndim,), keepdims=False)
    return xp.swapaxes(total, axis, -1)


_cumsum = Primitive("cumsum", _cumsum_forward, [lambda xp, g, _out, _x, axis: _from_the_end(xp, g, axis)])
_cumprod = Primitive(
    "cumprod",
    lambda xp, x, axis: xp.cumprod(x, axis=axis, dtype=x.dtype).reshape(x.shape),
    [_cumprod_vjp],
    math={
        "x": "flip(cumsum(flip(g * y, axis), axis), axis) / x",
    },
)


def _run(primitive: Primitive, x: Any, dim: int, dtype: Any) -> Any:
    """Apply along `dim`; integers and booleans as int64 unless a type is given."""
    axis = normalize_dim(dim, x.array.ndim)
    if dtype is not None:
        x = convert(x, to_numpy(dtype))
    elif x.array.dtype.kind in "biu":
        x = convert(x, np.dtype(np.int64))
    return apply(primitive, x, axis=axis)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The sum of all elements up to each one, along `dim`.

    >>> import mytorch
    >>> cumsum(mytorch.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 3., 6.])
    """
    return _run(_cumsum, input, dim, dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The product of all elements up to each one, along `dim`.

    >>> import mytorch
    >>> cumprod(mytorch.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    return _run(_cumprod, input, dim, dtype)
