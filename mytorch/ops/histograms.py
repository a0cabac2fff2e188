"""Counting how many elements fall into each of a row of bins: histc, histogram, histogramdd.

Bins contain their lower edge and not their upper one, but for the last, which contains both. Elements outside all bins,
and NaN, are not counted. Nothing here has a derivative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend.dtypes import of
from mytorch.ops.arguments import check_kind, check_tensors
from mytorch.ops.return_types import shown

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["histc", "histogram", "histogramdd"]


class Histogram(NamedTuple):
    """The result of `histogram`."""

    hist: Any
    bin_edges: Any

    def __repr__(self) -> str:
        return shown(self)


class Histogramdd(NamedTuple):
    """The result of `histogramdd`."""

    hist: Any
    bin_edges: Any

    def __repr__(self) -> str:
        return shown(self)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` bins of equal width from `min` to `max`.

    Args:
        min, max: if they are equal, the smallest and the largest element.

    Raises:
        RuntimeError: there is no bin, or the range is empty or not finite.

    >>> import mytorch
    >>> histc(mytorch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    check_tensors("histc", input)
    check_kind("histc", "f", input)
    if not isinstance(bins, int):
        raise TypeError(f"histc(): argument 'bins' must be int, not {type(bins).__name__}")
    if bins <= 0:
        raise RuntimeError(f"torch.histc(): bins must be > 0, but got {bins}")
    x = input.array.reshape(-1)
    low, high = (float(getattr(limit, "array", limit)) for limit in (min, max))
    if low == high and x.size:
        low, high = float(np.min(x)), float(np.max(x))
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    start, stop = x.dtype.type(low), x.dtype.type(high)
    inside = x[(x >= start) & (x <= stop)]
    at = ((inside - start) * x.dtype.type(bins) / (stop - start)).astype(np.int64)
    return wrap(np.bincount(np.minimum(at, bins - 1), minlength=bins).astype(x.dtype))


def histogram(
    input: Tensor,
    bins: Any = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many elements fall into each bin, or the sum of their weights; and the edges of the bins.

    Args:
        bins: how many bins of equal width, or a vector of their edges.
        range: the outermost edges of equal bins; the smallest and the largest element, if None.
        weight: how much each element counts, in the shape of `input`.
        density: divide, so that the integral over all bins is 1.

    Raises:
        RuntimeError: there is no bin, the range is not finite, or shapes or types do not fit.

    >>> import mytorch
    >>> histogram(mytorch.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 3.0)).hist
    tensor([2., 1.])
    """
    check_tensors("histogram", input)
    if range is not None and isinstance(bins, DifferentiableArray):
        raise TypeError("histogram() takes a range only with a number of bins, not with their edges")
    points = input.array.reshape(-1, 1)
    if weight is not None:
        _check_weight("histogram", weight, input.array, input.array.shape)
    hist, edges = _counted("histogram", points, [bins], range, weight, density)
    return Histogram(hist, edges[0])


def histogramdd(
    input: Tensor,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogramdd:
    """How many points fall into each cell of a grid; and the edges along each dimension of the grid.

    Args:
        input: the last dimension holds the coordinates of a point.
        bins: along each dimension how many bins of equal width (or one number for all), or vectors of edges.
        range: for each dimension the lowest and the highest edge of equal bins, one after the other.
        weight: how much each point counts.
        density: divide, so that the integral over the grid is 1.

    Raises:
        RuntimeError: there are not as many bins as coordinates, or what `histogram` refuses.

    >>> import mytorch
    >>> histogramdd(mytorch.tensor([[0.0, 1.0], [1.0, 1.0]]), [2, 1]).hist
    tensor([[1.],
            [1.]])
    """
    check_tensors("histogramdd", input)
    x = input.array
    if x.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    size = x.shape[-1]
    bins = [bins] * size if isinstance(bins, int) else list(bins)
    if len(bins) != size:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if weight is not None:
        _check_weight("histogramdd", weight, x, x.shape[:-1])
    return Histogramdd(*_counted("histogramdd", x.reshape(-1, size), bins, range, weight, density))


def _counted(
    name: str, points: Any, bins: list[Any], outer: Any, weight: Any, density: bool
) -> tuple[Any, tuple[Any, ...]]:
    """The histogram of points (one a row) over a grid with the given bins, and the edges along each dimension."""
    if points.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"{name}() is not implemented for {of(points.dtype)}")
    if outer is not None and len(outer) != 2 * len(bins):
        raise RuntimeError(
            f"torch.{name}: for a {len(bins)}-dimensional histogram range should have {2 * len(bins)} elements, but "
            f"got {len(outer)}"
        )
    edges = [
        _given_edges(name, d, b.array, points.dtype)
        if isinstance(b, DifferentiableArray)
        else _equal_edges(name, d, b, points[:, d], None if outer is None else outer[2 * d : 2 * d + 2])
        for d, b in enumerate(bins)
    ]
    sizes = [max(len(e) - 1, 0) for e in edges]
    inside, at = np.ones(len(points), bool), []
    for x, e in zip(points.T, edges, strict=True):
        found = np.searchsorted(e, x, side="right") - 1
        found = np.where(x == e[-1], len(e) - 2, found)
        inside &= (x >= e[0]) & (x <= e[-1])
        at.append(found)
    weights = None if weight is None else weight.array.reshape(-1)[inside]
    cells = np.ravel_multi_index([found[inside] for found in at], sizes) if all(sizes) else np.zeros(0, np.int64)
    hist = np.bincount(cells, weights, minlength=math.prod(sizes)).reshape(sizes).astype(points.dtype)
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / np.diff(e).reshape([-1 if d == i else 1 for i in range(len(edges))])
    return wrap(hist), tuple(wrap(e) for e in edges)


def _given_edges(name: str, d: int, edges: Any, dtype: np.dtype[Any]) -> Any:
    if edges.ndim != 1:
        raise RuntimeError(
            f"torch.{name}: bins tensor should have one dimension, but got {edges.ndim} dimensions in the bins tensor "
            f"for dimension {d}"
        )
    if not edges.size:
        raise RuntimeError(f"torch.{name}: bins tensor should have at least 1 element, but got 0 for dimension {d}")
    if edges.dtype != dtype:
        raise RuntimeError(
            f"torch.{name}: input tensor and bins tensors should have the same dtype, but got input with dtype "
            f"{of(dtype)} and bins for dimension {d} with dtype {of(edges.dtype)}"
        )
    return edges


def _equal_edges(name: str, d: int, bins: int, x: Any, outer: Any) -> Any:
    """Edges of bins of equal width, the upper half counted from the upper end."""
    if bins <= 0:
        raise RuntimeError(f"torch.{name}(): bins must be > 0, but got {bins} for dimension {d}")
    low, high = outer if outer is not None else (np.min(x), np.max(x)) if x.size else (0, 1)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}: dimension {d}'s range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.{name}: min should not exceed max, but got min {low} max {high} for dimension {d}")
    low, high = x.dtype.type(low), x.dtype.type(high)
    if low == high:
        low, high = low - x.dtype.type(0.5), high + x.dtype.type(0.5)
    step, steps = (high - low) / x.dtype.type(bins), np.arange(bins + 1)
    up, down = steps.astype(x.dtype), steps[::-1].astype(x.dtype)
    return np.where(steps < (bins + 1) // 2, low + step * up, high - step * down)


def _check_weight(name: str, weight: Any, x: Any, shape: tuple[int, ...]) -> None:
    if weight.array.shape != shape:
        raise RuntimeError(
            f"torch.{name}: if weight tensor is provided it should have the shape {list(shape)}, but it has "
            f"{list(weight.array.shape)}"
        )
    if weight.array.dtype != x.dtype:
        raise RuntimeError(
            f"torch.{name}: if weight tensor is provided, input tensor and weight tensor should have the same dtype, "
            f"but got input({of(x.dtype)}), and weight({weight.dtype})"
        )
