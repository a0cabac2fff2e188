"""Dimension arguments: negative numbers, tuples and None, checked as PyTorch checks them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any


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
        dims = (normalize_dim(dim, ndim),)
    elif not dim:
        return None
    else:
        dims = tuple(normalize_dim(d, ndim) for d in dim)
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"dim {next(d for d in dims if dims.count(d) > 1)} appears multiple times in the list of dims")
    return dims if ndim else None
