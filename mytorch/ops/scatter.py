"""Picking and placing along one dimension, and by masks: index_select, scatter, masked_fill and their kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert, misfit, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import Primitive
from mytorch.ops import indexing, shape
from mytorch.ops.dims import normalize_dim
from mytorch.ops.indexing import open_grid

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _along(axis: int, indices: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (indices,)


def _index_add_forward(xp: Any, x: Any, index: Any, source: Any, axis: int) -> Any:
    out = x.copy()
    xp.add.at(out, _along(axis, index), source)
    return out


_index_select = Primitive(
    "index_select",
    lambda xp, x, index, axis: xp.take(x, index, axis),
    [lambda xp, g, _out, x_shape, index, axis: xp.index_back(g, index, axis, x_shape), None],
    numpy_name="take",
    math={
        "y": "index_select(x, index, axis)",
    },
)
_index_back = Primitive(
    "index_back",
    lambda xp, x, index, axis, shape: _index_add_forward(xp, xp.zeros(shape, dtype=x.dtype), index, x, axis),
    [lambda xp, g, _out, _x, index, axis, shape: xp.index_select(g, index, axis), None],
    grad_name="IndexAddBackward0",
)
_index_add = Primitive(
    "index_add",
    _index_add_forward,
    [
        lambda xp, g, _out, _x, _index, _source, axis: g,
        None,
        lambda xp, g, _out, _x, index, _source, axis: xp.index_select(g, index, axis),
    ],
)


def _scatter_forward(xp: Any, x: Any, index: Any, source: Any, axis: int) -> Any:
    out = x.copy()
    out[open_grid(xp, index, axis)] = source
    return out


def _scatter_add_forward(xp: Any, x: Any, index: Any, source: Any, axis: int) -> Any:
    out = x.copy()
    xp.add.at(out, open_grid(xp, index, axis), source)
    return out


_scatter = Primitive(
    "scatter",
    _scatter_forward,
    [
        lambda xp, g, _out, _x, index, _source, axis: xp.scatter_number(g, index, 0, axis),
        None,
        lambda xp, g, _out, _x, index, _source, axis: xp.gather(g, index, axis),
    ],
)
_scatter_number = Primitive(
    "scatter_number",
    lambda xp, x, index, value, axis: _scatter_forward(xp, x, index, value, axis),
    [lambda xp, g, _out, _x, index, _value, axis: xp.scatter_number(g, index, 0, axis), None, None],
    grad_name="ScatterBackward1",
)
_scatter_add = Primitive(
    "scatter_add",
    _scatter_add_forward,
    [
        lambda xp, g, _out, _x, _index, _source, axis: g,
        None,
        lambda xp, g, _out, _x, index, _source, axis: xp.gather(g, index, axis),
    ],
)
_masked_fill = Primitive(
    "masked_fill",
    lambda xp, x, mask, value: xp.where(mask, value, x),
    [
        lambda xp, g, _out, _x, mask, _value: xp.where(mask, 0, g),
        None,
        lambda xp, g, _out, _x, mask, _value: xp.where(mask, g, 0),
    ],
    grad_name="MaskedFillBackward1",
)
_masked_fill_number = Primitive(
    "masked_fill_number",
    lambda xp, x, mask, value: xp.where(mask, value, x),
    [lambda xp, g, _out, _x, mask, value: xp.where(mask, 0, g), None],
    grad_name="MaskedFillBackward0",
)
_masked_select = Primitive(
    "masked_select",
    lambda xp, x, mask: x[mask],
    [lambda xp, g, _out, x_shape, mask: xp.masked_back(g, mask, x_shape), None],
)


def _masked_back_forward(xp: Any, x: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, dtype=x.dtype)
    out[mask] = x
    return out


_masked_back = Primitive(
    "masked_back",
    _masked_back_forward,
    [lambda xp, g, _out, _x, mask, shape: xp.masked_select(g, mask), None],
    grad_name="MaskedScatterBackward0",
)


def _index_vector(name: str, index: Any, size: int) -> Any:
    """A vector of indices that are all within the dimension."""
    raw = index.array
    if raw.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32 or int64 for index but got {index.dtype}")
    if raw.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    if raw.size and not 0 <= raw.min() <= raw.max() < size:
        bad = raw.reshape(-1)[(raw.reshape(-1) < 0) | (raw.reshape(-1) >= size)][0]
        raise IndexError(f"{name}(): index {bad} out of range in self, whose dimension has size {size}")
    return index if raw.ndim else index.reshape(1)


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The parts of `input` along `dim` that a vector of indices names, in its order; repeats are allowed.

    Raises:
        IndexError: an index is out of range or `index` is no vector.

    >>> import mytorch
    >>> index_select(mytorch.tensor([[1, 2], [3, 4]]), 1, mytorch.tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    axis = normalize_dim(dim, input.array.ndim)
    if not input.array.ndim:
        return index_select(input.reshape(1), 0, index).reshape(())
    return apply(_index_select, input, _index_vector("index_select", index, input.array.shape[axis]), axis=axis)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
    """A copy of `input` with the parts of `alpha * source` along `dim` added at the places that `index` names.

    >>> import mytorch
    >>> index_add(mytorch.zeros(3), 0, mytorch.tensor([0, 2, 2]), mytorch.ones(3))
    tensor([1., 0., 2.])
    """
    axis = normalize_dim(dim, input.array.ndim)
    if not input.array.ndim:
        return index_add(input.reshape(1), 0, index, source.reshape(1), alpha=alpha).reshape(())
    places = _index_vector("index_add", index, input.array.shape[axis])
    wanted = (*input.array.shape[:axis], places.array.size, *input.array.shape[axis + 1 :])
    if source.array.shape != wanted:
        raise RuntimeError(
            f"index_add(): source of shape {list(source.array.shape)} must have the shape {list(wanted)}"
        )
    if source.array.dtype != input.array.dtype:
        raise RuntimeError(
            f"index_add_(): self ({input.dtype}) and source ({source.dtype}) must have the same scalar type"
        )
    return apply(_index_add, input, places, source if alpha == 1 else source * alpha, axis=axis)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with broadcasting of the other dimensions; without `dim`, from the flattened tensor.

    >>> import mytorch
    >>> x = mytorch.tensor([[3, 1], [2, 4]])
    >>> take_along_dim(x, x.argmax(1, keepdim=True), 1)
    tensor([[3],
            [4]])
    """
    if dim is None:
        return take_along_dim(input.reshape(-1), indices.reshape(-1), 0)
    if input.array.ndim != indices.array.ndim:
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.array.ndim} dimensions for input, and {indices.array.ndim} dimensions for indices"
        )
    axis = normalize_dim(dim, input.array.ndim)
    a, b = list(input.array.shape), list(indices.array.shape)
    a[axis] = b[axis] = 1
    try:
        common = list(np.broadcast_shapes(tuple(a), tuple(b)))
    except ValueError as error:
        raise misfit("take_along_dim", error, np.empty(a), np.empty(b)) from None
    sizes_a, sizes_b = common.copy(), common.copy()
    sizes_a[axis], sizes_b[axis] = input.array.shape[axis], indices.array.shape[axis]
    indices = wrap(np.where(indices.array < 0, indices.array + sizes_a[axis], indices.array))  # from the end
    return indexing.gather(shape.expand(input, sizes_a), axis, shape.expand(indices, sizes_b))


def _check_places(name: str, x: Any, axis: int, index: Any, source: Any) -> None:
    raw = index.array
    if raw.size and raw.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if raw.ndim != x.array.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    for d, n in enumerate(raw.shape):
        if (d != axis and n > x.array.shape[d]) or (source is not None and n > source.array.shape[d]):
            raise RuntimeError(
                f"Expected index {list(raw.shape)} to be no larger than self {list(x.array.shape)} apart from "
                f"dimension {axis}"
                + (f" and to be no larger than src {list(source.array.shape)}" if source is not None else "")
            )
    size = x.array.shape[axis]
    if raw.size and not 0 <= raw.min() <= raw.max() < size:
        bad = raw[(raw < 0) | (raw >= size)].flat[0]
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {size}")


def _source_like(name: str, x: Any, index: Any, source: Any) -> Any:
    if source.array.dtype != x.array.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    return indexing.getitem(source, tuple(slice(0, n) for n in index.array.shape))


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """A copy of `input` with out[index[i][j]][j] = src[i][j] (for dim 0); `src` is a tensor or a number.

    Args:
        reduce: "add" or "multiply" with what is there, for tensors that need no gradient.

    Raises:
        RuntimeError: an index is out of range, or the shapes do not fit.

    >>> import mytorch
    >>> scatter(mytorch.zeros(2, 3), 1, mytorch.tensor([[0], [2]]), 5.0)
    tensor([[5., 0., 0.],
            [0., 0., 5.]])
    """
    axis = normalize_dim(dim, input.array.ndim)
    source = src if value is None else value
    tensor = isinstance(source, DifferentiableArray)
    if not tensor and not isinstance(source, (bool, int, float)):
        raise TypeError(f"scatter(): argument 'src' must be Tensor or a number, not {type(source).__name__}")
    if not input.array.ndim:
        source = source.reshape(1) if tensor else source
        return scatter(input.reshape(1), 0, index.reshape(-1), source, reduce=reduce).reshape(())
    _check_places("scatter", input, axis, index, source if tensor else None)
    if tensor:
        source = _source_like("scatter", input, index, source)
    if reduce is not None:
        return _scatter_reduced(input, axis, index, source, reduce)
    return apply(_scatter if tensor else _scatter_number, input, index, source, axis=axis)


def _scatter_reduced(x: Any, axis: int, index: Any, source: Any, reduce: str) -> Any:
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if mode.enabled and (x.requires_grad or getattr(source, "requires_grad", False)):
        raise NotImplementedError("the derivative for 'scatter' with reduce is not implemented; use scatter_reduce")
    out = x.array.copy()
    combine = np.add if reduce == "add" else np.multiply
    values = getattr(source, "array", source)
    combine.at(out, open_grid(np, index.array, axis), np.asarray(values).astype(out.dtype))
    return wrap(out)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `input` with out[index[i][j]][j] += src[i][j] (for dim 0); repeated indices add up.

    Raises:
        RuntimeError: an index is out of range, or the shapes do not fit.

    >>> import mytorch
    >>> scatter_add(mytorch.zeros(3), 0, mytorch.tensor([0, 2, 2]), mytorch.ones(3))
    tensor([1., 0., 2.])
    """
    axis = normalize_dim(dim, input.array.ndim)
    if not input.array.ndim:
        return scatter_add(input.reshape(1), 0, index.reshape(-1), src.reshape(1)).reshape(())
    _check_places("scatter_add", input, axis, index, src)
    return apply(_scatter_add, input, index, _source_like("scatter_add", input, index, src), axis=axis)


def _mask(name: str, mask: Any) -> Any:
    if not isinstance(mask, DifferentiableArray):
        raise wrong_argument(name, mask)
    if mask.array.dtype.kind != "b":
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {mask.array.dtype}")
    return mask


def _fitting(value: Any, dtype: np.dtype[Any]) -> Any:
    """A number in that element type: within an integer type's limits, and complex only in a complex type."""
    fits = dtype.kind == "c" or not isinstance(value, (complex, np.complexfloating))
    if fits and dtype.kind in "iu":
        fits = np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    if not fits:
        raise RuntimeError(f"value cannot be converted to type {dtype} without overflow")
    return np.asarray(value).astype(dtype)[()]


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value` (a number or a 0-d tensor) where the mask, which broadcasts, is True.

    Raises:
        RuntimeError: the mask is not boolean, or the value has dimensions.

    >>> import mytorch
    >>> masked_fill(mytorch.tensor([1.0, 2.0]), mytorch.tensor([True, False]), -1)
    tensor([-1.,  2.])
    """
    _mask("masked_fill", mask)
    try:
        if not isinstance(value, DifferentiableArray):
            number = _fitting(value, input.array.dtype)
            return apply(_masked_fill_number, input, mask, value=number)
        if value.array.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.array.ndim} dimension(s)."
            )
        if value.array.dtype.kind in "fc":
            _fitting(value.array[()], input.array.dtype)
        return apply(_masked_fill, input, mask, convert(value, input.array.dtype))
    except ValueError as error:
        raise misfit("masked_fill", error, input.array, mask.array) from None


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask is True, as a vector; the two broadcast against each other.

    >>> import mytorch
    >>> masked_select(mytorch.tensor([1.0, 2.0]), mytorch.tensor([False, True]))
    tensor([2.])
    """
    _mask("masked_select", mask)
    try:
        common = np.broadcast_shapes(input.array.shape, mask.array.shape)
    except ValueError as error:
        raise misfit("masked_select", error, input.array, mask.array) from None
    x = input if input.array.shape == common else shape.expand(input, common)
    return apply(_masked_select, x, wrap(np.broadcast_to(mask.array, common)))
