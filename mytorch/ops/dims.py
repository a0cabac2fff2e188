"""Arguments that name dimensions or sizes: negative numbers, tuples and None, checked as PyTorch checks them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any


def as_shape(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given as one sequence or as separate integers, as a tuple.

    Raises:
        TypeError: one of them is no integer.

    >>> as_shape((2, 3)), as_shape(([2, 3],))
    ((2, 3), (2, 3))
    """
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    try:
        return tuple([index(n) for n in args])
    except TypeError:
        raise TypeError(f"expected sizes as integers, got {args!r}") from None


def normalize_dim(dim: Any, ndim: int) -> int:
    """A dimension counted from the front.

    Raises:
        IndexError: it is out of range. A 0-d tensor is treated as having one dimension.

    >>> normalize_dim(-1, 3)
    2
    """
    rank = ndim or 1
    try:
        found = index(dim)
    except TypeError:
        raise TypeError(f"dim must be an int, not {type(dim).__name__}") from None
    if not -rank <= found < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {found})")
    return found % rank


def normalize_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...] | None:
    """Dimensions to reduce over, counted from the front; None (or no dimensions at all) means all of them.

    Raises:
        IndexError: a dimension is out of range.
        RuntimeError: a dimension appears twice.

    >>> normalize_dims([0, -1], 3), normalize_dims(None, 3)
    ((0, 2), None)
    """
    if dim is None:
        return None
    if not isinstance(dim, (tuple, list)):
        dim = (dim,)  # type: ignore[assignment]
    elif not dim:
        return None
    dims = tuple([normalize_dim(d, ndim) for d in dim])  # type: ignore[union-attr]
    if len(set(dims)) != len(dims):
        raise RuntimeError(
            f"dim {next(d for d in dims if dims.count(d) > 1)} appears multiple times in the list of dims"
        )
    return dims if ndim else None
