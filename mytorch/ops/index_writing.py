"""Writing to places that indices name: index_put, index_copy, index_fill, put, masked_scatter, and `take`, which reads.

All are made of `index_put`, an assignment to square brackets that gives a new tensor, or of `masked_fill`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert, misfit, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import TABLE, Primitive
from mytorch.ops import indexing, inplace, scatter, shape
from mytorch.ops.arguments import check_tensors
from mytorch.ops.dims import normalize_dim
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["fill_diagonal_", "index_copy", "index_fill", "index_put", "masked_scatter", "put", "take"]


def _accumulate_forward(xp: Any, x: Any, value: Any, index: indexing.Index) -> Any:
    out = x.copy()
    xp.add.at(out[index.basic], ... if index.advanced is None else index.advanced, value)
    return out


_put = TABLE["index_put"]
_copy = variant(_put, "index_copy", "IndexCopyBackward0")
_put_flat = variant(_put, "put_flat", "PutBackward0")
_masked_scatter = variant(_put, "masked_scatter", "MaskedScatterBackward0")
_accumulate = Primitive(
    "index_put_accumulate",
    _accumulate_forward,
    [
        lambda xp, g, _out, _x, _value, index: g,
        lambda xp, g, _out, _x, _value, index: xp.getitem(g, index),
    ],
    grad_name="IndexPutBackward0",
)


def index_put(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` in which `copy[indices]` is `values`: integer or boolean tensors, one for each dimension.

    Args:
        indices: as in square brackets; None stands for all of a dimension.
        values: of the same type as `input`; they broadcast to the place.
        accumulate: add to what is there; an element that is named twice gets both.

    Raises:
        IndexError: an index is out of range, or there are too many.
        RuntimeError: the values' shape or type does not fit.

    >>> import mytorch
    >>> i = mytorch.tensor([0, 2, 2])
    >>> index_put(mytorch.zeros(3), (i,), mytorch.tensor(1.0), accumulate=True)
    tensor([1., 0., 2.])
    """
    return _written("index_put", _accumulate if accumulate else _put, input, indices, values)


def _written(name: str, primitive: Primitive, x: Any, indices: Any, values: Any) -> Any:
    """`x` with `values` at the indices."""
    check_tensors(name, x, values)
    if not isinstance(indices, (tuple, list)) or any(
        not isinstance(i, (DifferentiableArray, type(None))) for i in indices
    ):
        raise TypeError(f"{name}(): argument 'indices' must be tuple of Tensors, not {type(indices).__name__}")
    if not indices:
        raise RuntimeError(f"{name}(): at least one index is needed")
    places = tuple([_as_in_brackets(i) for i in indices])
    index, _ = indexing.parse(places, x.array.shape)
    indexing.check_same_type(x, values, index)
    place = indexing.getitem(wrap(x.array), places).array.shape
    try:
        np.broadcast_to(values.array, place)
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.array.shape)} cannot be broadcast to indexing result "
            f"of shape {list(place)}"
        ) from None
    return apply(primitive, x, convert(values, x.array.dtype), index=index.kept())


def _as_in_brackets(index: Any) -> Any:
    """None is all of a dimension here; a 0-d tensor is an index tensor, not a number that makes a view."""
    if index is None:
        return slice(None)
    return index.reshape(1) if not index.array.ndim and index.array.dtype.kind in "iu" else index


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of `input` in which the parts along `dim` that a vector of indices names are `value`.

    Args:
        index: of type int64; negative ones count from the end.
        value: a number or a 0-d tensor.

    Raises:
        IndexError: an index is out of range or not int64.
        RuntimeError: `index` is no vector, or the value has dimensions or does not fit the type.

    >>> import mytorch
    >>> index_fill(mytorch.zeros(2, 3), 1, mytorch.tensor([0, -1]), 5)
    tensor([[5., 0., 5.],
            [5., 0., 5.]])
    """
    axis = normalize_dim(dim, input.array.ndim)
    check_tensors("index_fill", input, index)
    if index.array.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.array.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if not isinstance(value, (DifferentiableArray, bool, int, float, complex)):
        raise TypeError(f"index_fill(): argument 'value' must be Tensor or a number, not {type(value).__name__}")
    if not input.array.ndim:
        return index_fill(input.reshape(1), 0, index, value).reshape(())
    size = input.array.shape[axis]
    named = indexing.getitem(wrap(np.arange(size)), index.reshape(-1)).array  # counted from the front
    mask = np.isin(np.arange(size), named).reshape(-1, *(1,) * (input.array.ndim - axis - 1))
    return scatter.masked_fill(input, wrap(mask), value)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` in which the parts along `dim` that a vector of indices names are those of `source`.

    Raises:
        IndexError: an index is out of range, or there are not as many as parts.
        RuntimeError: the index is not int64, or the types or the shapes of the parts differ.

    >>> import mytorch
    >>> index_copy(mytorch.zeros(3), 0, mytorch.tensor([2, 0]), mytorch.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    check_tensors("index_copy", input, index, source)
    axis = normalize_dim(dim, input.array.ndim)
    if index.array.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype}")
    _check_same_type("index_copy_", input, source)
    _check_parts(input.array.shape, axis, index.array, source.array.shape)
    part = source.reshape(1) if not source.array.ndim else source
    if not input.array.ndim:
        return index_copy(input.reshape(1), 0, index, part).reshape(())
    return _written("index_copy", _copy, input, (None,) * axis + (index.reshape(-1),), part)


def _check_same_type(name: str, x: Any, source: Any) -> None:
    if x.array.dtype != source.array.dtype:
        raise RuntimeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {x.dtype} and (source) "
            f"{source.dtype}"
        )


def _check_parts(shape: tuple[int, ...], axis: int, index: Any, source: tuple[int, ...]) -> None:
    """The indices and the source's shape, for `index_copy` to a tensor of that shape; 0-d is like one element."""
    name = "index_copy_()"
    if index.ndim > 1:
        raise IndexError(f"{name}: Index should have dimension 1 or 0 (got {index.ndim})")
    if shape and source and len(shape) != len(source):
        raise IndexError(
            f"{name}: When source and destination are not scalars, their dimensionality must match. Source "
            f"dimensionality ({len(source)}), destination dimensionality ({len(shape)})"
        )
    shape, source = shape or (1,), source or (1,)
    if len(shape) != len(source) or any(
        a != b for d, (a, b) in enumerate(zip(shape, source, strict=True)) if d != axis
    ):
        raise RuntimeError(
            f"{name}: Source/destination tensor must have same slice shapes, but the source has shape {list(source)} "
            f"and the destination {list(shape)}, at dimension {axis}"
        )
    if index.size != source[axis]:
        raise IndexError(
            f"{name}: Number of indices ({index.size}) should be equal to source.size(dim) ({source[axis]})"
        )
    for i in index[(index < 0) | (index >= shape[axis])].flat:
        raise IndexError(f"{name}: index {i} is out of bounds for dimension {axis} with size {shape[axis]}")


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` in which the elements that `index` names in the flattened tensor are those of `source`.

    Args:
        index: of type int64 and as many as elements in `source`; negative ones count from the end.
        accumulate: add to what is there.

    Raises:
        IndexError: an index is out of range, or there are not as many as elements.
        RuntimeError: the index is not int64, or the types differ.

    >>> import mytorch
    >>> put(mytorch.zeros(2, 2), mytorch.tensor([0, -1]), mytorch.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    check_tensors("put", input, index, source)
    _check_places_in_flat("put_", input, index)
    _check_same_type("put_", input, source)
    if index.array.size != source.array.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.array.size}, index.numel() = {index.array.size}"
        )
    if not input.array.ndim:
        return put(input.reshape(1), index, source, accumulate).reshape(())
    flat = index.array.reshape(-1) % max(input.array.size, 1)  # counted from the front
    places = [wrap(i) for i in np.unravel_index(flat, input.array.shape)]
    return _written("put", _accumulate if accumulate else _put_flat, input, places, source.reshape(-1))


def take(input: Tensor, index: Tensor) -> Tensor:
    """The elements that `index` names in the flattened tensor, in the shape of `index`.

    Raises:
        IndexError: an index is out of range.
        RuntimeError: the index is not int64.

    >>> import mytorch
    >>> take(mytorch.tensor([[4, 3], [5, 6]]), mytorch.tensor([[0, -1]]))
    tensor([[4, 6]])
    """
    check_tensors("take", input, index)
    _check_places_in_flat("take", input, index)
    return indexing.getitem(input.reshape(-1), index.reshape(-1)).reshape(index.array.shape)


def _check_places_in_flat(name: str, x: Any, index: Any) -> None:
    if index.array.dtype != np.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {index.dtype}")
    for i in index.array[(index.array < -x.array.size) | (index.array >= x.array.size)].flat:
        raise IndexError(f"{name}(): out of range: tried to access index {i} on a tensor of {x.array.size} elements.")


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` with the elements of `source`, one after the other, where the mask is True.

    Raises:
        RuntimeError: the mask is not boolean or does not broadcast, the types differ, or `source` has too few elements.

    >>> import mytorch
    >>> masked_scatter(mytorch.zeros(3), mytorch.tensor([True, False, True]), mytorch.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 2.])
    """
    check_tensors("masked_scatter", input, mask, source)
    _check_same_type("masked_scatter", input, source)
    if mask.array.dtype.kind != "b":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    try:
        common = np.broadcast_shapes(input.array.shape, mask.array.shape)
    except ValueError as error:
        raise misfit("masked_scatter", error, input.array, mask.array) from None
    places = np.broadcast_to(mask.array, common)
    wanted = int(np.count_nonzero(places))
    if source.array.size < wanted:
        raise RuntimeError("masked_scatter: expected number of elements of source >= number of ones in mask")
    values = source.reshape(-1)[:wanted]
    return _written("masked_scatter", _masked_scatter, shape.expand(input, common), (wrap(places),), values)


def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Overwrite the main diagonal of a matrix, or of a tensor whose dimensions are all of one size, with a number.

    Args:
        wrap: in a matrix with more rows than columns, the diagonal begins anew one row after it has ended.

    Raises:
        RuntimeError: fewer than two dimensions, or more than two that are not of one size.

    >>> import mytorch
    >>> mytorch.zeros(2, 3).fill_diagonal_(5)
    tensor([[5., 0., 0.],
            [0., 5., 0.]])
    """
    sizes = input.array.shape
    if len(sizes) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(sizes) > 2 and len(set(sizes)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    inplace.check_writable(input)
    places = (np.arange(min(sizes)),) * len(sizes)
    if wrap and len(sizes) == 2:
        places = np.unravel_index(np.arange(0, input.array.size, sizes[1] + 1), sizes)
    number = fill_value.array.item() if isinstance(fill_value, DifferentiableArray) else fill_value
    indexing.setitem(input, places, number)
    return input
