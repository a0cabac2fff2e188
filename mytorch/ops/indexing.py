"""Picking elements by index, and the operations that put gradients back where they were picked from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive, apply, wrap
from mytorch.ops.dims import normalize_dim

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_getitem = Primitive(
    "getitem",
    lambda xp, x, index: x[index],
    [lambda xp, g, _out, x_shape, index: xp.put_back(g, index, x_shape)],
    grad_name="IndexBackward0",
    view=True,
)


def _put_back_forward(xp: Any, x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, with `x` added at `index`: the adjoint of picking. An element picked twice gets both."""
    out = xp.zeros(shape, dtype=x.dtype)
    if _is_basic(index):
        out[index] = x
    else:
        xp.add.at(out, index, x)
    return out


_put_back = Primitive(
    "put_back", _put_back_forward, [lambda xp, g, _out, _x, index, shape: xp.getitem(g, index)], grad_name="PutBackward0"
)


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, (int, slice, type(None), type(Ellipsis), np.integer)) for p in parts)


def _raw_index(index: Any) -> Any:
    """An index as NumPy understands it, meaning what PyTorch means by it."""
    if isinstance(index, tuple):
        return tuple(_raw_part(p) for p in index)
    return _raw_part(index)


def _raw_part(part: Any) -> Any:
    if isinstance(part, DifferentiableArray):
        kind = part.array.dtype.kind
        if kind not in "iub":
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        array = part.array.astype(bool) if part.array.dtype == np.uint8 else part.array
        return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array
    if isinstance(part, (list, range)):
        return np.asarray([_raw_part(p) for p in part], dtype=None if len(part) else np.int64)
    return part


def getitem(input: Tensor, index: Any) -> Tensor:
    """`input[index]`: a view for numbers, slices, None and `...`; a copy for lists and tensors of indices or booleans.

    Raises:
        IndexError: an index is out of range, or there are too many.

    >>> import mytorch
    >>> x = mytorch.tensor([[1, 2, 3], [4, 5, 6]])
    >>> x[1], x[:, -1], x[x > 4]
    (tensor([4, 5, 6]), tensor([3, 6]), tensor([5, 6]))
    """
    raw = _raw_index(index)
    try:
        return apply(_getitem, input, index=raw)  # type: ignore[no-any-return]
    except IndexError as error:
        raise IndexError(_explain(error, input, raw)) from None


def _explain(error: IndexError, x: Any, index: Any) -> str:
    text = str(error)
    ndim = x.array.ndim
    if ndim == 0:
        return "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
    if "too many indices" in text:
        return f"too many indices for tensor of dimension {ndim}"
    return text


_gather = Primitive(
    "gather",
    lambda xp, x, index, axis: _gather_forward(xp, x, index, axis),
    [lambda xp, g, _out, x_shape, index, axis: xp.scatter_back(g, index, axis, x_shape), None],
)


def _gather_forward(xp: Any, x: Any, index: Any, axis: int) -> Any:
    return x[_open_grid(xp, index, axis)] if index.size else xp.zeros(index.shape, dtype=x.dtype)


def _open_grid(xp: Any, index: Any, axis: int) -> tuple[Any, ...]:
    """Indices for every dimension: `index` itself along `axis`, its own position along the others."""
    grid = []
    for d, n in enumerate(index.shape):
        shape = [1] * index.ndim
        shape[d] = n
        grid.append(index if d == axis else xp.arange(n).reshape(shape))
    return tuple(grid)


def _scatter_back_forward(xp: Any, x: Any, index: Any, axis: int, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, dtype=x.dtype)
    xp.add.at(out, _open_grid(xp, index, axis), x)
    return out


_scatter_back = Primitive(
    "scatter_back",
    _scatter_back_forward,
    [lambda xp, g, _out, _x, index, axis, shape: xp.gather(g, index, axis), None],
    grad_name="ScatterAddBackward0",
)


def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Pick one element for each entry of `index` along `dim`: out[i][j] = input[index[i][j]][j] for dim 0.

    Raises:
        RuntimeError: `index` has another number of dimensions, is too large in another dimension, or is out of range.

    >>> import mytorch
    >>> mytorch.gather(mytorch.tensor([[1, 2], [3, 4]]), 1, mytorch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    x, raw = input.array, index.array
    axis = normalize_dim(dim, x.ndim)
    if raw.dtype.kind not in "iu" or raw.dtype.itemsize < 4:
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    if (raw.ndim or 1) != (x.ndim or 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d in range(raw.ndim):
        if d != axis and raw.shape[d] > x.shape[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(raw.shape)} to be no larger than self "
                f"{list(x.shape)} apart from dimension {axis}"
            )
    size = x.shape[axis] if x.ndim else 1
    if raw.size and (raw.min() < 0 or raw.max() >= size):
        bad = raw[(raw < 0) | (raw >= size)].flat[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {size}")
    if not x.ndim:
        return input.reshape(1)[index.reshape(-1)].reshape(raw.shape)
    return apply(_gather, input, index, axis=axis)  # type: ignore[no-any-return]


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a row each, or with `as_tuple` a tensor for each dimension.

    >>> import mytorch
    >>> mytorch.nonzero(mytorch.tensor([0, 7, 0, 8]))
    tensor([[1],
            [3]])
    """
    found = np.nonzero(np.atleast_1d(input.array))
    if as_tuple:
        return tuple(wrap(i.astype(np.int64)) for i in found)
    return wrap(np.stack(found, axis=1).astype(np.int64)[:, : input.array.ndim])
