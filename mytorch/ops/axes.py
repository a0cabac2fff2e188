"""What all reductions share: the dimensions they run over, and giving a reduced array its dimensions back."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import to_numpy
from mytorch.ops.dims import normalize_dims

Dims = int | Sequence[int] | None


def restore(xp: Any, g: Any, shape: tuple[int, ...], axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """Give a reduced array its dimensions back, so that it broadcasts against the input of that shape."""
    return g if keepdims or axis is None or not shape else xp.expand_dims(g, axis)


def count(shape: tuple[int, ...], axis: tuple[int, ...] | None) -> int:
    """How many elements of the input go into one of the result."""
    return math.prod(shape if axis is None else [shape[a] for a in axis])


def in_single(forward: Callable[..., Any]) -> Callable[..., Any]:
    """A forward that computes float16 in float32, since a long sum of float16 numbers stops growing."""

    @functools.wraps(forward)
    def computed(xp: Any, x: Any, **options: Any) -> Any:
        if x.dtype.char == "e":
            return forward(xp, x.astype("float32"), **options).astype(x.dtype)
        return forward(xp, x, **options)

    return computed


def nonzero(xp: Any, x: Any) -> Any:
    """`x` with 1 in the place of 0, to divide by."""
    return xp.where(x == 0, 1, x)


def reduce_over(primitive: Primitive, x: Any, dim: Dims, keepdim: bool, dtype: Any = None) -> Any:
    """Apply a reduction over `dim` (a dimension, several, or None for all), after conversion to `dtype` if given."""
    if dtype is not None:
        x = convert(x, to_numpy(dtype))
    return apply(primitive, x, axis=normalize_dims(dim, x.array.ndim), keepdims=keepdim)


def refuse_empty(name: str, x: Any, dim: Dims) -> None:
    """The error of a reduction that has no result for no elements: RuntimeError over all, IndexError over some."""
    if not x.array.size and not count(x.array.shape, normalize_dims(dim, x.array.ndim)):
        if dim is None:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
