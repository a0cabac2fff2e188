"""Elements by their rank: kthvalue, quantile, nanmedian, the most frequent one, and sorting along the first dimension.

The gradient goes to the element that was chosen, and to no equal one; a quantile between two elements shares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import TABLE
from mytorch.ops import compound, indexing, pieces, sorting
from mytorch.ops.arguments import check_kind, check_tensors
from mytorch.ops.dims import normalize_dim
from mytorch.ops.extremum import Found
from mytorch.ops.scatter import masked_fill
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["kthvalue", "mode", "msort", "nanmedian", "nanquantile", "quantile"]

_kthvalue = variant(TABLE["max_dim"], "kthvalue", "KthvalueBackward0")
_mode = variant(TABLE["max_dim"], "mode", "ModeBackward0")
_nanmedian = variant(TABLE["max_dim"], "nanmedian_dim", "NanmedianBackward1")


class Kthvalue(Found):
    """The result of `kthvalue`."""


class Mode(Found):
    """The result of `mode`."""


class Nanmedian(Found):
    """The result of `nanmedian` over one dimension."""


def _row_axis(name: str, x: Any, dim: int) -> int:
    """The dimension, which must have elements."""
    axis = normalize_dim(dim, x.array.ndim)
    if x.array.ndim and not x.array.shape[axis]:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")
    return axis


def _chosen(result: type[Found], primitive: Any, x: Any, indices: Any, axis: int, keepdim: bool) -> Any:
    """Values and indices of one element along a dimension; the raw indices still have that dimension."""
    at = wrap(np.ascontiguousarray(indices))
    values = apply(primitive, x, at, axis=axis, keepdims=keepdim)
    return result(values, at if keepdim else at.squeeze(axis))


def msort(input: Tensor) -> Tensor:
    """The elements in ascending order along the first dimension.

    >>> import mytorch
    >>> msort(mytorch.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    check_tensors("msort", input)
    return sorting.sort(input, 0).values


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Kthvalue:
    """The k-th smallest element along `dim` (the smallest is the first), and where it was. NaN is largest.

    Raises:
        RuntimeError: there are fewer than k elements, or k is not positive.

    >>> import mytorch
    >>> kthvalue(mytorch.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    check_tensors("kthvalue", input)
    check_kind("kthvalue", "iuf", input)
    axis = _row_axis("kthvalue", input, dim)
    if not 1 <= k <= (input.array.shape[axis] if input.array.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    if not input.array.ndim:
        return Kthvalue(*sorting.sort(input))
    order = sorting.argsort(input, axis).array
    return _chosen(Kthvalue, _kthvalue, input, np.take(order, [k - 1], axis), axis, keepdim)


def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Mode:
    """The most frequent element along `dim` (the smallest of several), and where it was last.

    >>> import mytorch
    >>> mode(mytorch.tensor([2, 1, 2, 3])).values
    tensor(2)
    """
    check_tensors("mode", input)
    axis = _row_axis("mode", input, dim)
    if not input.array.ndim:
        return Mode(*sorting.sort(input))
    rows = np.moveaxis(input.array, axis, -1)
    order = np.argsort(rows, axis=-1, kind="stable")
    ordered = np.take_along_axis(rows, order, -1)
    here = np.broadcast_to(np.arange(rows.shape[-1]), rows.shape)
    begins = np.zeros(rows.shape, np.int64)  # where the run of equal elements begins that an element belongs to
    begins[..., 1:] = np.where(ordered[..., 1:] != ordered[..., :-1], here[..., 1:], 0)
    begins = np.maximum.accumulate(begins, axis=-1)
    last = np.argmax(here - begins, axis=-1, keepdims=True)  # of the first of the longest runs
    at = np.moveaxis(np.take_along_axis(order, last, -1), -1, axis)
    return _chosen(Mode, _mode, input, at, axis, keepdim)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """`median` of the elements that are not NaN; NaN if there are none. Over one dimension, with its indices.

    >>> import mytorch
    >>> nanmedian(mytorch.tensor([4.0, float("nan"), 3.0]))
    tensor(3.)
    """
    check_tensors("nanmedian", input)
    check_kind("nanmedian", "iuf", input)
    if dim is None:
        if not input.array.size:
            return sorting.median(input)
        return nanmedian(input.reshape(-1), 0).values
    axis = _row_axis("nanmedian", input, dim)
    if not input.array.ndim:
        return Nanmedian(*sorting.sort(input))
    numbers = np.count_nonzero(input.array == input.array, axis=axis, keepdims=True)  # NaN is behind them
    order = sorting.argsort(input, axis).array
    at = np.take_along_axis(order, np.maximum(numbers - 1, 0) // 2, axis)
    return _chosen(Nanmedian, _nanmedian, input, at, axis, keepdim)


def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """What a fraction `q` of the elements along `dim` (of all elements, if None) lies below; NaN if there is NaN.

    Args:
        q: a number from 0 to 1, or a vector of them, which gives the result another dimension in front.
        interpolation: between two elements "linear", or "lower", "higher", "nearest" or "midpoint".

    Raises:
        RuntimeError: `q` is out of range, there are no elements, or they are not float32 or float64.

    >>> import mytorch
    >>> quantile(mytorch.tensor([1.0, 2.0, 4.0]), 0.75)
    tensor(3.)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, ignore_nan=False)


def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN if there are none.

    >>> import mytorch
    >>> nanquantile(mytorch.tensor([1.0, float("nan"), 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, ignore_nan=True)


def _quantile(name: str, x: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool) -> Any:
    check_tensors(name, x)
    q = _checked_q(name, x, q)
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    rank = x.array.ndim
    axis = None if dim is None or not rank else normalize_dim(dim, rank)
    rows = x.reshape(-1) if axis is None else pieces.movedim(x, axis, -1)
    found = _at_fractions(sorting.sort(rows, -1).values, q.reshape(-1), interpolation, ignore_nan)
    found = pieces.movedim(found, -1, 0)
    if keepdim:
        found = found.reshape(-1, *(1,) * rank) if axis is None else found.unsqueeze(axis + 1)
    return found if q.array.ndim else found.squeeze(0)


def _at_fractions(ordered: Any, q: Any, interpolation: str, ignore_nan: bool) -> Any:
    """From rows in order the elements at the fractions `q` of their length, along the last dimension."""
    size, dtype = ordered.array.shape[-1], ordered.array.dtype
    numbers = np.count_nonzero(~np.isnan(ordered.array), axis=-1, keepdims=True)  # NaN is behind them
    if ignore_nan:
        ranks = q * wrap(np.maximum(numbers - 1, 0).astype(dtype))
    else:
        ranks = masked_fill(q * (size - 1), wrap(numbers < size), size - 1)
    if interpolation in ("lower", "higher", "nearest"):
        rounded: dict[str, Any] = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
        exact = rounded[interpolation](ranks.array)
        return indexing.gather(ordered, -1, wrap(exact.astype(np.int64)))
    below, above = np.floor(ranks.array), np.ceil(ranks.array)
    low, high = (indexing.gather(ordered, -1, wrap(rank.astype(np.int64))) for rank in (below, above))
    return compound.lerp(low, high, ranks - wrap(below) if interpolation == "linear" else 0.5)


def _checked_q(name: str, x: Any, q: Any) -> Any:
    """The fractions as a tensor of the type of `x`."""
    if x.array.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if not x.array.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if not isinstance(q, DifferentiableArray):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        return wrap(np.asarray(q, x.array.dtype))
    if q.array.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.array.dtype != x.array.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if not ((q.array >= 0) & (q.array <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q
