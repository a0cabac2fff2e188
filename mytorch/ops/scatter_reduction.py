"""Scattering with a reduction: elements that land at one place are summed, multiplied, averaged, or the largest stays.

`scatter_reduce` has a place for each element, `index_reduce` one for each part along a dimension. What lay at a place
before takes part too, unless `include_self` is False: then it is first overwritten with what changes nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops import scatter as scattering
from mytorch.ops.arguments import check_tensors
from mytorch.ops.dims import normalize_dim
from mytorch.ops.indexing import open_grid

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["index_reduce", "scatter_reduce"]


def _combined(xp: Any, ufunc: str, x: Any, index: Any, source: Any, axis: int) -> Any:
    out = x.copy()
    getattr(xp, ufunc).at(out, open_grid(xp, index, axis), source)
    return out


# --- products -------------------------------------------------------------------------------------------------------


def _factor_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any, source: Any, axis: int) -> Any:
    """The gradient times the product of all other factors: by division, or where there are zeros without."""
    if not bool((source == 0).any()):
        return xp.gather(g * out, index, axis) / source
    return xp.gather(g * x, index, axis) * _products_of_others(xp, x.shape, index, source, axis)


def _products_of_others(xp: Any, shape: tuple[int, ...], index: Any, source: Any, axis: int) -> Any:
    """For each element of the source, the product of all others that land at its place.

    The elements are put in order of their places. Then others are those before it and those after it in its run.
    """
    places = np.broadcast_arrays(*open_grid(np, getattr(index, "array", index), axis))
    flat = np.ravel_multi_index(places, shape).reshape(-1)
    order = np.argsort(flat, kind="stable")
    factors = xp.index_select(xp.reshape(source, (-1,)), order, 0)
    others = _product_behind(xp, factors, flat[order], 1) * _product_behind(xp, factors, flat[order], -1)
    return xp.reshape(xp.index_select(others, np.argsort(order), 0), source.shape)


def _product_behind(xp: Any, factors: Any, places: Any, direction: int) -> Any:
    """For each element of a vector, the product of those before it (direction 1) or after it (-1) of equal place.

    A running product by doubling: after k rounds an element holds the product of 2^k neighbours, without division.
    """
    here = np.arange(places.size)

    def neighbours(values: Any, distance: int) -> Any:
        there = here - distance * direction
        inside = (there >= 0) & (there < places.size)
        there = np.where(inside, there, here)
        return xp.where(inside & (places == places[there]), xp.index_select(values, there, 0), 1)

    longest = int(np.bincount(places).max())
    product, distance = neighbours(factors, 1), 1
    while distance < longest:
        product = product * neighbours(product, distance)
        distance *= 2
    return product


_product = Primitive(
    "scatter_product",
    lambda xp, x, index, source, axis: _combined(xp, "multiply", x, index, source, axis),
    [
        lambda xp, g, _out, _x, index, source, axis: g * xp.scatter_product(xp.ones_like(g), index, source, axis),
        None,
        _factor_vjp,
    ],
    grad_name="ScatterReduceBackward0",
    math={
        "x": "g * y / x",
        "source": "gather(g * y, index, axis) / source",
    },
)

# --- the largest and the smallest -----------------------------------------------------------------------------------


def _share(xp: Any, g: Any, out: Any, x: Any, index: Any, source: Any, axis: int) -> tuple[Any, Any, Any]:
    """Where in `x` and in the source the result comes from, and the gradient for each of those that are equal."""
    here = xp.where(x == out, xp.ones_like(x), 0)
    there = xp.where(source == xp.gather(out, index, axis), xp.ones_like(source), 0)
    return here, there, g / xp.scatter_add(here, index, there, axis)


def _kept_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any, source: Any, axis: int) -> Any:
    here, _, share = _share(xp, g, out, x, index, source, axis)
    return here * share


def _scattered_vjp(xp: Any, g: Any, out: Any, x: Any, index: Any, source: Any, axis: int) -> Any:
    _, there, share = _share(xp, g, out, x, index, source, axis)
    return there * xp.gather(share, index, axis)


_largest, _smallest = (
    Primitive(
        f"scatter_{name}",
        lambda xp, x, index, source, axis, ufunc=ufunc: _combined(xp, ufunc, x, index, source, axis),
        [_kept_vjp, None, _scattered_vjp],
        grad_name="ScatterReduceBackward0",
        math={
            "n": "ties(x, source, y)",
            "x": "where(x == y, g / n, 0)",
            "source": "where(source == gather(y, index, axis), gather(g / n, index, axis), 0)",
        },
    )
    for name, ufunc in (("largest", "maximum"), ("smallest", "minimum"))
)

# --- what users call ------------------------------------------------------------------------------------------------


def _neutral(reduce: str, dtype: np.dtype[Any]) -> Any:
    """What changes nothing: 0 to add, 1 to multiply, the least number where the largest is sought."""
    if reduce in ("amax", "amin"):
        if dtype.kind == "b":
            return reduce == "amin"
        if dtype.kind == "f":
            return math.inf if reduce == "amin" else -math.inf
        limits = np.iinfo(dtype)
        return int(limits.max if reduce == "amin" else limits.min)
    return int(reduce == "prod")


def _reduced(x: Any, axis: int, index: Any, source: Any, reduce: str, include_self: bool) -> Any:
    start = x if include_self else scattering.scatter(x, axis, index, _neutral(reduce, x.array.dtype))
    if reduce == "prod":
        return apply(_product, start, index, source, axis=axis)
    if reduce in ("amax", "amin"):
        return apply(_largest if reduce == "amax" else _smallest, start, index, source, axis=axis)
    total = scattering.scatter_add(start, axis, index, source)
    if reduce == "sum":
        return total
    first = np.full(x.array.shape, int(include_self), x.array.dtype)
    count = _combined(np, "add", first, index.array, np.ones_like(source.array), axis)
    divisor = wrap(np.maximum(count, 1).astype(x.array.dtype))
    return total / divisor if x.array.dtype.kind in "fc" else total // divisor


def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy of `input` with the elements of `src` reduced into the places that `index` names along `dim`.

    Args:
        index: for each element of `src` its place, as in `scatter`.
        reduce: "sum", "prod", "mean", "amax" or "amin". Equal extrema share the gradient evenly.
        include_self: whether what `input` holds at a place takes part.

    Raises:
        RuntimeError: the reduction is another, an index is out of range, or shapes or types do not fit.

    >>> import mytorch
    >>> x, index = mytorch.tensor([1.0, 2.0, 3.0]), mytorch.tensor([0, 0, 2])
    >>> scatter_reduce(x, 0, index, mytorch.tensor([4.0, 5.0, 6.0]), "amax", include_self=False)
    tensor([5., 2., 6.])
    """
    check_tensors("scatter_reduce", input, index, src)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if reduce == "mean" and input.array.dtype.kind == "b":
        raise NotImplementedError("scatter_reduce() with 'mean' is not implemented for bool tensors")
    axis = normalize_dim(dim, input.array.ndim)
    if not input.array.ndim:
        index, src = index.reshape(-1), src.reshape(-1)
        return scatter_reduce(input.clone().reshape(1), 0, index, src, reduce, include_self=include_self).reshape(())
    index, src = (x if x.array.ndim else x.reshape(1) for x in (index, src))
    scattering._check_places("scatter_reduce", input, axis, index, src)
    source = scattering._source_like("scatter_reduce", input, index, src)
    return _reduced(input, axis, index, source, reduce, include_self)


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """A copy of `input` with the parts of `source` along `dim` reduced into those that a vector of indices names.

    Args:
        reduce: "prod", "mean", "amax" or "amin"; for sums there is `index_add`.
        include_self: whether what `input` holds at a place takes part.

    Raises:
        IndexError: an index is out of range, or `index` is no vector.
        RuntimeError: the reduction is another, or shapes or types do not fit.

    >>> import mytorch
    >>> index_reduce(mytorch.ones(2), 0, mytorch.tensor([0, 0]), mytorch.tensor([2.0, 3.0]), "prod")
    tensor([6., 1.])
    """
    check_tensors("index_reduce", input, index, source)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis = normalize_dim(dim, input.array.ndim)
    _check_parts(input.array, axis, index.array, source.array)
    if not input.array.ndim:
        source = source.reshape(1)
        return index_reduce(input.clone().reshape(1), 0, index, source, reduce, include_self=include_self).reshape(())
    sizes = [1] * source.array.ndim
    sizes[axis] = index.array.size
    places = wrap(np.broadcast_to(index.array.reshape(sizes), source.array.shape).astype(np.int64))
    return _reduced(input, axis, places, source, reduce, include_self)


def _check_parts(x: Any, axis: int, index: Any, source: Any) -> None:
    name = "index_reduce_()"
    if x.dtype.kind == "b":
        raise NotImplementedError("index_reduce() is not implemented for bool tensors")
    if index.ndim > 1:
        raise IndexError(f"{name}: Index is supposed to be a vector, but got dim: {index.ndim}")
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}: Expected dtype int32/int64 for index but got: {index.dtype}")
    if x.dtype != source.dtype:
        raise RuntimeError(f"{name}: self ({x.dtype}) and source ({source.dtype}) must have the same scalar type")
    parts = source.shape[axis] if axis < source.ndim else 1
    if index.size != parts:
        raise RuntimeError(
            f"{name}: Number of indices ({index.size}) should be equal to source.size(dim): ({parts}), for dim: {axis}"
        )
    wanted = (*x.shape[:axis], parts, *x.shape[axis + 1 :]) if x.ndim else ()
    if source.shape != wanted:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(x.shape)} source.shape = {list(source.shape)}"
        )
    if index.size and not 0 <= index.min() <= index.max() < (x.shape[axis] if x.ndim else 1):
        raise IndexError("index out of range in self")
