"""Windows that slide over images: which part of the input they see, and the images with a border around them.

For one axis, window `o` sees the positions `o * stride - padding + k * dilation` for `k` below the kernel's size;
what lies outside the input is border. Images are channels-last here: (batch, *space, channels).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Sizes = tuple[int, ...]


class Span(NamedTuple):
    """Along one axis: reading begins at `start` for `read` positions, with `before` of border ahead, `length` in all."""

    start: int
    read: int
    before: int
    length: int


def spans(space: Sizes, start: Sizes, sizes: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> list[Span]:
    """For each axis, what `sizes` windows see, the first of which begins at `start` (which may be outside).

    >>> spans((5,), (-1,), (3,), (3,), (2,), (1,))
    [Span(start=0, read=5, before=1, length=7)]
    """
    found = []
    for n, low, size, k, step, spread in zip(space, start, sizes, kernel, stride, dilation, strict=True):
        length = (size - 1) * step + spread * (k - 1) + 1
        begin = min(max(low, 0), n)
        read = max(min(low + length, n) - begin, 0)
        found.append(Span(begin, read, min(max(-low, 0), length), length))
    return found


def inner(found: Sequence[Span]) -> tuple[slice, ...]:
    """Where the input lies within what the windows see: an index for (batch, *space)."""
    return (slice(None), *[slice(s.before, s.before + s.read) for s in found])


def outer(found: Sequence[Span]) -> tuple[slice, ...]:
    """Where what the windows see lies within the input: an index for (batch, *space)."""
    return (slice(None), *[slice(s.start, s.start + s.read) for s in found])


def bordered(xp: Any, x: Any, found: Sequence[Span], value: float = 0) -> Any:
    """What the windows see of the images `x`, with `value` for the border; a view if there is none."""
    if all(s.read == s.length for s in found):
        return x[outer(found)]
    patch = xp.full((x.shape[0], *[s.length for s in found], x.shape[-1]), value, dtype=x.dtype)
    patch[inner(found)] = x[outer(found)]
    return patch


def taps(patch: Any, sizes: Sizes, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Iterator[tuple[Sizes, Any]]:
    """For every kernel position: the position, and a view of what all the windows see there, (batch, *sizes, channels)."""
    for tap in itertools.product(*map(range, kernel)):
        where = [
            slice(k * spread, k * spread + (n - 1) * step + 1, step)
            for k, spread, n, step in zip(tap, dilation, sizes, stride, strict=True)
        ]
        yield tap, patch[(slice(None), *where)]


def channels_last(x: Any) -> Any:
    """(batch, channels, *space) seen as (batch, *space, channels)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Any) -> Any:
    """(batch, *space, channels) seen as (batch, channels, *space)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
