"""Windows that slide over images: which part of the input each of them sees.

For one axis, window `o` sees the positions `o * stride - padding + k * dilation` for `k` below the kernel's size;
what lies outside the input is border. Images are channels-last here: (batch, *space, channels).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

Sizes = tuple[int, ...]


class Geometry(NamedTuple):
    """How the windows lie, for each axis."""

    stride: Sizes
    padding: Sizes
    dilation: Sizes


class Span(NamedTuple):
    """Along one axis: reading begins at `start` for `read` places, after `before` places of border; `length` in all."""

    start: int
    read: int
    before: int
    length: int


def spans(space: Sizes, sizes: Sizes, kernel: Sizes, geometry: Geometry) -> list[Span]:
    """For each axis, what `sizes` windows over an input of size `space` see together.

    >>> spans((5,), (3,), (3,), Geometry(stride=(2,), padding=(1,), dilation=(1,)))
    [Span(start=0, read=5, before=1, length=7)]
    """
    found = []
    for n, size, k, step, before, spread in zip(space, sizes, kernel, *geometry, strict=True):
        length = (size - 1) * step + spread * (k - 1) + 1
        begin = min(max(-before, 0), n)
        read = max(min(length - before, n) - begin, 0)
        found.append(Span(begin, read, min(max(before, 0), length), length))
    return found


def inner(found: Sequence[Span]) -> tuple[slice, ...]:
    """Where the input lies within what the windows see: an index for (batch, *space)."""
    return (slice(None), *[slice(s.before, s.before + s.read) for s in found])


def outer(found: Sequence[Span]) -> tuple[slice, ...]:
    """Where what the windows see lies within the input: an index for (batch, *space)."""
    return (slice(None), *[slice(s.start, s.start + s.read) for s in found])


def taps(
    space: Sizes, sizes: Sizes, kernel: Sizes, geometry: Geometry
) -> Iterator[tuple[Sizes, tuple[slice, ...], tuple[slice, ...]]]:
    """For every kernel position: the position, the windows that see no border there, and what they see.

    The last two are indices for (batch, *sizes) and (batch, *space); both select the same number of places.

    >>> list(taps((4,), (2,), (3,), Geometry(stride=(2,), padding=(1,), dilation=(1,))))[0]
    ((0,), (slice(None, None, None), slice(1, 2, None)), (slice(None, None, None), slice(1, 2, 2)))
    """
    axes = [
        [(k, *_met(n, size, step, spread * k - before)) for k in range(count)]
        for n, size, count, step, before, spread in zip(space, sizes, kernel, *geometry, strict=True)
    ]
    for met in itertools.product(*axes):
        position, windows, places = zip(*met, strict=True)
        yield position, (slice(None), *windows), (slice(None), *places)


def _met(space: int, size: int, stride: int, offset: int) -> tuple[slice, slice]:
    """The windows `o` for which `o * stride + offset` lies in the input, and those places."""
    first = max(-(offset // stride), 0)
    end = max(min((space - 1 - offset) // stride + 1, size), first)
    start = first * stride + offset
    stop = start + (end - first - 1) * stride + 1 if end > first else start
    return slice(first, end), slice(start, stop, stride)


def channels_last(x: Any) -> Any:
    """(batch, channels, *space) seen as (batch, *space, channels)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Any) -> Any:
    """(batch, *space, channels) seen as (batch, channels, *space)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
