"""Finding elements: which are not zero, which are in a set, where a value belongs in a sorted row, where runs begin.

Nothing here has a derivative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend.dtypes import common_dtype, of
from mytorch.ops.arguments import check_one_tensor, check_tensors
from mytorch.ops.axes import Dims
from mytorch.ops.dims import normalize_dim, normalize_dims
from mytorch.ops.indexing import nonzero

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "argwhere", "bucketize", "count_nonzero", "isin", "nonzero_static", "searchsorted", "unique_consecutive",
    "unravel_index",
]  # fmt: skip

# --- which are not zero ---------------------------------------------------------------------------------------------


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, a row each; the same as `nonzero`.

    >>> import mytorch
    >>> argwhere(mytorch.tensor([0, 7, 0, 8]))
    tensor([[1],
            [3]])
    """
    return nonzero(input)


def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements over `dim` (a dimension, several, or None for all) are not zero. NaN is not zero.

    >>> import mytorch
    >>> count_nonzero(mytorch.tensor([[1, 0], [2, 3]]), dim=0)
    tensor([2, 1])
    """
    check_tensors("count_nonzero", input)
    return wrap(np.count_nonzero(input.array, axis=normalize_dims(dim, input.array.ndim)))


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """`nonzero` with just `size` rows: the first ones, or with rows of `fill_value` after the last.

    Raises:
        RuntimeError: `size` is negative.

    >>> import mytorch
    >>> nonzero_static(mytorch.tensor([0, 7]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = nonzero(input).array[:size]
    rows = np.full((size, found.shape[1]), fill_value, np.int64)
    rows[: len(found)] = found
    return wrap(rows)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Indices into a flattened tensor of that shape as indices into each of its dimensions.

    Raises:
        TypeError: the indices are no integers, or the shape is none.
        ValueError: the shape has negative sizes.

    >>> import mytorch
    >>> unravel_index(mytorch.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    check_tensors("unravel_index", indices)
    if indices.array.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
        if size < 0:
            raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    if indices.array.size and 0 in sizes:
        raise RuntimeError(f"unravel_index(): a tensor of shape {list(sizes)} has no elements")
    flat = indices.array.astype(np.int64)
    behind = [math.prod(sizes[d + 1 :]) for d in range(len(sizes))]
    return tuple(wrap(flat // max(step, 1) % max(size, 1)) for size, step in zip(sizes, behind, strict=True))


# --- where a value belongs ------------------------------------------------------------------------------------------


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """For each value the index at which it would have to be inserted into a sorted row, so that the row stays sorted.

    Args:
        sorted_sequence: a row, or as many as `input` has: all dimensions but the last one must then be the same.
        input: the values; a number is understood if there is one row.
        out_int32: give int32 instead of int64.
        right: behind elements that equal the value, not before them; `side` ("left" or "right") says the same.
        sorter: the indices that sort rows which are not sorted.

    Raises:
        RuntimeError: shapes do not fit, `side` contradicts `right`, or the sorter is no permutation's kind of tensor.

    >>> import mytorch
    >>> row = mytorch.tensor([1, 3, 5])
    >>> searchsorted(row, mytorch.tensor([3, 6])), searchsorted(row, 3, right=True)
    (tensor([1, 3]), tensor(2))
    """
    name = "torch.searchsorted()"
    check_tensors("searchsorted", sorted_sequence)
    rows = sorted_sequence.array
    values = input.array if isinstance(input, DifferentiableArray) else np.asarray(input)
    if not rows.ndim:
        raise RuntimeError(f"{name}: boundaries tensor should have positive dimension, but got 0 dimension")
    if not values.ndim and rows.ndim != 1:
        raise RuntimeError(
            f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries "
            f"tensor dim({rows.ndim})"
        )
    if rows.ndim != 1 and rows.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(rows.shape)} and input value tensor "
            f"{list(values.shape)}"
        )
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError(f"{name}: side and right can't be set to opposites, got side of left while right was True")
    common = common_dtype(rows, input if not isinstance(input, DifferentiableArray) else values)
    if common.kind in "bc":
        raise NotImplementedError(f"searchsorted() is not implemented for {of(common)}")
    if sorter is not None:
        rows = np.take_along_axis(rows, _checked_sorter(name, sorter, rows), -1)
    if out_int32 and rows.shape[-1] > np.iinfo(np.int32).max:
        raise RuntimeError(f"{name}: the size of boundaries' last dimension does not fit into int32")
    found = _insertion_points(rows.astype(common), values.astype(common), right or side == "right")
    return wrap(found.astype(np.int32) if out_int32 else found)


def _checked_sorter(name: str, sorter: Any, rows: Any) -> Any:
    if sorter.array.shape != rows.shape:
        raise RuntimeError(
            f"{name}: boundary and sorter must have the same size, but got boundary tensor {list(rows.shape)} and got "
            f"sorter tensor {list(sorter.array.shape)}"
        )
    if sorter.array.dtype != np.int64:
        raise RuntimeError(f"{name}: sorter must be a tensor of long dtype but got dtype {sorter.dtype}")
    if sorter.array.size and not 0 <= sorter.array.min() <= sorter.array.max() < rows.shape[-1]:
        raise RuntimeError(f"{name}: sorter index out of range")
    return sorter.array


def _insertion_points(rows: Any, values: Any, right: bool) -> Any:
    """Binary search for all values at once. A comparison with NaN says: further to the right."""
    low = np.zeros(values.shape, np.int64)
    high = np.full(values.shape, rows.shape[-1], np.int64)
    while (open_ := low < high).any():
        middle = (low + high) // 2
        at = np.where(open_, middle, 0)
        there = rows[at] if rows.ndim == 1 else np.take_along_axis(rows, at, -1)
        further = ~(there > values if right else there >= values)
        low = np.where(open_ & further, middle + 1, low)
        high = np.where(open_ & ~further, middle, high)
    return low


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """For each value the index of the bucket it falls into, between boundaries that are sorted.

    Args:
        right: a value that equals a boundary belongs to the bucket on its right, not to that on its left.

    Raises:
        RuntimeError: the boundaries are no vector.

    >>> import mytorch
    >>> bucketize(mytorch.tensor([0, 1, 2]), mytorch.tensor([1, 3]))
    tensor([0, 0, 1])
    """
    check_tensors("bucketize", boundaries)
    if boundaries.array.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.array.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# --- sets and runs --------------------------------------------------------------------------------------------------


def isin(
    elements: Any = None,
    test_elements: Any = None,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    element: Any = None,
    test_element: Any = None,
) -> Tensor:
    """Whether each of `elements` is among `test_elements`; either may be a number, but not both.

    Args:
        assume_unique: no element occurs twice in either; this only helps to be quick.
        invert: whether it is not among them.
        element, test_element: other names for numbers.

    >>> import mytorch
    >>> isin(mytorch.tensor([1, 2, 3]), mytorch.tensor([2, 3]))
    tensor([False,  True,  True])
    """
    sought, given = (
        number if tensor is None else tensor for tensor, number in ((elements, element), (test_elements, test_element))
    )
    check_one_tensor("isin", sought, given)
    sought, given = (getattr(x, "array", x) for x in (sought, given))
    common = common_dtype(sought, given)
    if common.kind in "bc":
        raise RuntimeError(f"Unsupported input type encountered for isin(): {of(common)}")
    sought, given = (np.asarray(x).astype(common) for x in (sought, given))
    return wrap(np.isin(sought, given, assume_unique=assume_unique, invert=invert))


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first element of every run of equal ones (or, with `dim`, the first part of every run of equal parts).

    Args:
        return_inverse: also to which run each element belongs.
        return_counts: also how long each run is.

    >>> import mytorch
    >>> unique_consecutive(mytorch.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    check_tensors("unique_consecutive", input)
    array = input.array
    if dim is None:
        parts, axis = array.reshape(-1), 0
    else:
        if not array.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        parts, axis = array, normalize_dim(dim, array.ndim)
        if not array.size and array.shape[axis]:
            raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    rows = np.moveaxis(parts, axis, 0)
    begins = np.ones(len(rows), bool)
    begins[1:] = (rows[1:] != rows[:-1]).any(axis=tuple(range(1, rows.ndim)))
    results = [wrap(np.compress(begins, parts, axis))]
    if return_inverse:
        runs = np.cumsum(begins) - 1
        results.append(wrap(runs.reshape(array.shape) if dim is None else runs))
    if return_counts:
        results.append(wrap(np.diff(np.append(np.flatnonzero(begins), len(rows)))))
    return results[0] if len(results) == 1 else tuple(results)
