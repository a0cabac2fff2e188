"""Windows that slide over images: which part of the input each of them sees.

For one axis, window `o` sees the positions `o * stride - padding + k * dilation` for `k` below the kernel's size;
what lies outside the input is border. Images are channels-last here: (batch, *space, channels).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

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


CACHE = 2**20  # bytes: about the second-level cache of one core


def blocks(x: Any, together: int = CACHE) -> list[slice]:
    """The images of (batch, ...) in parts of about `together` bytes and about equal length, one image at least.

    Parts are an even number, where there are several, so that two threads have equal shares.

    >>> blocks(np.zeros((5, 100)), 800)
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None), slice(3, 4, None), slice(4, 5, None)]
    >>> blocks(np.zeros((6, 100)), 1600)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    count = -(-x.nbytes // together)
    count += count % 2 if count > 1 else 0
    each = max(-(-len(x) // max(count, 1)), 1)
    return [slice(first, first + each) for first in range(0, len(x), each)]


def _by_places(a: Any) -> Any:
    """The same images with all channels of a place as one item; None where they do not lie side by side."""
    if type(a) is not np.ndarray or a.strides[-1] != a.itemsize:
        return None
    return a.view(np.dtype((np.void, a.shape[-1] * a.itemsize)))


def gathered(xp: Any, x: Any) -> Any:
    """A part of channels-last images in memory of its own, without gaps."""
    out = xp.empty(x.shape, x.dtype)
    scatter(xp, x, out)
    return out


def scatter(xp: Any, part: Any, out: Any) -> None:
    """`out[...] = part` for channels-last images, by the way that is quickest for how they lie in memory.

    Where places lie apart, place by place: up to twice as fast. Where few channels come one after the other, as in
    images from data, channel by channel: three times as fast.
    """
    if part.strides[-1] != part.itemsize and part.shape[-1] <= 16:
        for channel in range(part.shape[-1]):
            out[..., channel] = part[..., channel]
        return
    whole_lines = all(a.shape[-1] * a.strides[-1] == a.strides[-2] for a in (part, out))
    source, target = (None, None) if whole_lines else (_by_places(part), _by_places(out))
    if source is None or target is None:
        out[...] = part
    else:
        target[...] = source


def channels_last(x: Any) -> Any:
    """(batch, channels, *space) seen as (batch, *space, channels)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def channels_first(x: Any) -> Any:
    """(batch, *space, channels) seen as (batch, channels, *space)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))
