"""Order: sort, topk, median, the different values of a tensor and how often they occur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import TABLE
from mytorch.ops.dims import normalize_dim
from mytorch.ops.extremum import Found
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_sort = variant(TABLE["gather"], "sort", "SortBackward0")
_topk = variant(TABLE["gather"], "topk", "TopkBackward0")
_median = variant(TABLE["max_dim"], "median_dim", "MedianBackward1")


class Sort(Found):
    """The result of `sort`."""


class Topk(Found):
    """The result of `topk`."""


class Median(Found):
    """The result of `median` over one dimension."""


def _order(array: Any, axis: int, descending: bool) -> Any:
    """The indices that sort an array along an axis; equal elements keep their order, NaN is largest."""
    if not descending:
        return np.argsort(array, axis=axis, kind="stable")
    turned = np.flip(array, axis)
    return array.shape[axis] - 1 - np.flip(np.argsort(turned, axis=axis, kind="stable"), axis)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Sort:
    """The elements in order along `dim`, and where each one was. Always stable: equal elements keep their order.

    >>> import mytorch
    >>> sort(mytorch.tensor([3.0, 1.0, 2.0])).indices
    tensor([1, 2, 0])
    """
    axis = normalize_dim(dim, input.array.ndim)
    if not input.array.ndim:
        indices = wrap(np.zeros((), np.int64))
        return Sort(apply(_sort, input, indices, axis=0), indices)
    indices = wrap(_order(input.array, axis, descending))
    return Sort(apply(_sort, input, indices, axis=axis), indices)


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort a tensor along `dim`.

    >>> import mytorch
    >>> argsort(mytorch.tensor([3.0, 1.0, 2.0]), descending=True)
    tensor([0, 2, 1])
    """
    return sort(input.detach(), dim, descending).indices


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Topk:
    """The k largest (or smallest) elements along `dim`, in order, and where they were.

    Raises:
        RuntimeError: there are fewer than k elements.

    >>> import mytorch
    >>> topk(mytorch.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    axis = normalize_dim(dim, input.array.ndim)
    size = input.array.shape[axis] if input.array.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError(f"selected index k out of range: k = {k}, but dimension {axis} has {size} elements")
    if not input.array.ndim:
        return Topk(*(part.reshape(1)[:k].reshape(()) for part in sort(input)))
    indices = wrap(np.ascontiguousarray(np.take(_order(input.array, axis, largest), range(k), axis)))
    return Topk(apply(_topk, input, indices, axis=axis), indices)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element, the lower of two; NaN if there is one. Over one dimension, a pair `(values, indices)`.

    >>> import mytorch
    >>> median(mytorch.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    if input.array.dtype.kind == "b":
        raise NotImplementedError("median() is not implemented for bool tensors")
    if dim is None:
        if not input.array.size:
            return wrap(np.asarray(np.nan, input.array.dtype))
        return median(input.reshape(-1), 0).values
    axis = normalize_dim(dim, input.array.ndim)
    if not input.array.ndim:
        return Median(*sort(input))
    size = input.array.shape[axis]
    if not size:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size.")
    nan = input.array != input.array
    middle = np.take(_order(input.array, axis, descending=False), [(size - 1) // 2], axis)
    indices = wrap(np.where(nan.any(axis, keepdims=True), nan.argmax(axis, keepdims=True), middle))
    values = apply(_median, input, indices, axis=axis, keepdims=keepdim)
    return Median(values, indices if keepdim else indices.squeeze(axis))


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different values (or, with `dim`, the different parts along it) in ascending order.

    Args:
        return_inverse: also where each element's value is in the result.
        return_counts: also how often each value occurs.

    >>> import mytorch
    >>> unique(mytorch.tensor([2, 1, 2]), return_counts=True)
    (tensor([1, 2]), tensor([1, 2]))
    """
    array = input.array
    axis = None if dim is None else normalize_dim(dim, array.ndim)
    found, inverse, counts = np.unique(array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    parts = [wrap(found)]
    if return_inverse:
        parts.append(wrap(inverse.reshape(array.shape if axis is None else -1)))
    if return_counts:
        parts.append(wrap(counts))
    return parts[0] if len(parts) == 1 else tuple(parts)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in a vector of non-negative integers, or the sum of its weights.

    Raises:
        NotImplementedError: the input holds no integers.
        RuntimeError: it is no vector, one is negative, or the weights have another size.

    >>> import mytorch
    >>> bincount(mytorch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    array = input.array
    if array.dtype.kind not in "iu":
        raise NotImplementedError(f"bincount() is not implemented for {input.dtype}")
    if array.ndim != 1 or (array.size and array.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights.array.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    counts = np.bincount(array, None if weights is None else weights.array, minlength)
    if weights is not None and weights.array.dtype == np.float32:
        counts = counts.astype(np.float32)
    return wrap(counts)
