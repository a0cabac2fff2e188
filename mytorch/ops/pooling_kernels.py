"""The table entries of pooling: the maximum or the average of every window that slides over the images.

The maximum of a window is that of its rows' maxima, and so for its sum: both are taken axis by axis. The gradient of
a maximum goes to the first element that has it, in row-major order (of several NaNs, to the last), as in PyTorch.
Images are channels-last in memory, as in `mytorch.ops.conv`, and are taken a few at a time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mytorch.autograd.primitive import Primitive
from mytorch.ops.variant import variant
from mytorch.ops.windows import Geometry, Sizes, blocks, channels_first, channels_last, gathered, scatter, taps

# --- the maximum ----------------------------------------------------------------------------------------------------


def _one_axis(geometry: Geometry, axis: int, kernel: Sizes) -> tuple[Sizes, Geometry]:
    """The kernel and the geometry of pooling along one axis only."""
    nothing = Geometry(*[(n,) * len(kernel) for n in (1, 0, 1)])
    alone = [(*n[:axis], v[axis], *n[axis + 1 :]) for v, n in zip(geometry, nothing, strict=True)]
    return tuple([k if i == axis else 1 for i, k in enumerate(kernel)]), Geometry(*alone)


def _axis_by_axis(xp: Any, x: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry, combine: Any, empty: Any) -> Any:
    """Reduce windows of `x` (channels-last) by a NumPy function of two arrays; `empty` is what a border counts as."""
    for axis, size in enumerate(sizes):
        shape = (*x.shape[: axis + 1], size, *x.shape[axis + 2 :])
        alone, there = _one_axis(geometry, axis, kernel)
        met = [(windows, x[places]) for _, windows, places in taps(x.shape[1:-1], shape[1:-1], alone, there)]
        whole = all(part.shape == shape for _, part in met)
        if len(met) == 1 and whole:
            x = met[0][1]
        elif whole:  # no window meets a border: begin with two of its elements instead of with `empty`
            x = combine(met[0][1], met[1][1])
            for _, part in met[2:]:
                combine(x, part, out=x)
        else:
            x = xp.full(shape, empty, dtype=x.dtype)
            for windows, part in met:
                combine(x[windows], part, out=x[windows])
    return x


def _by_blocks(xp: Any, x: Any, sizes: Sizes, pool: Callable[[Any], Any]) -> Any:
    """What `pool` makes of channels-last images, a few at a time: what it makes on the way stays in the cache."""
    out = xp.empty((len(x), *sizes, x.shape[-1]), dtype=x.dtype)

    for block in blocks(out if out.nbytes > x.nbytes else x):
        out[block] = pool(x[block])
    return channels_first(out)


def _lowest(dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_forward(xp: Any, x: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry) -> Any:
    x = channels_last(x)
    border = _lowest(x.dtype)
    return _by_blocks(xp, x, sizes, lambda block: _axis_by_axis(xp, block, sizes, kernel, geometry, xp.maximum, border))


class _Choices:
    """Where the maximum of each window was taken from: `x` are images and `y` their windows' maxima, channels-last."""

    def __init__(self, xp: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> None:
        self.xp = xp
        self.positions = list(taps(x.shape[1:-1], y.shape[1:-1], kernel, geometry))
        self.undefined = bool(xp.isnan(xp.sum(y)))

    def of(self, x: Any, y: Any) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], Any]]:
        """For every kernel position the windows and places, and for which of them the maximum was taken from there.

        For a few images at a time: all that is made here then stays in the cache. What is yielded is the caller's.
        """
        xp = self.xp
        y = xp.ascontiguousarray(y)
        last = _last_undefined(xp, x, y, self.positions) if self.undefined else None
        free = xp.ones(y.shape, dtype=bool)
        for number, (_, windows, places) in enumerate(self.positions):
            if last is None and number == len(self.positions) - 1:
                yield windows, places, free[windows].copy()  # what was found nowhere else is here
                return
            # A comparison of scattered runs of a few channels takes twice as long as to gather them first.
            here = gathered(xp, x[places]) == y[windows]
            here &= free[windows]
            free[windows] ^= here
            if last is not None:
                here |= last[windows] == number
            yield windows, places, here


def _last_undefined(xp: Any, x: Any, y: Any, positions: Any) -> Any:
    """For each window the number of the last kernel position with NaN, or -1. (NaN equals nothing, not even NaN.)"""
    last = xp.full(y.shape, -1)
    undefined = x != x
    for number, (_, windows, places) in enumerate(positions):
        last[windows][undefined[places]] = number
    return last


def _only(g: Any, here: Any) -> Any:
    """`g` where `here`, else 0: its bits times 1 or 0, also right for inf. `np.where` takes 14 times as long."""
    bits = here.astype(f"i{g.itemsize}")
    bits *= g.view(bits.dtype)
    return bits.view(g.dtype)


def _max_back_forward(xp: Any, g: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> Any:
    g, x, y = channels_last(g), channels_last(x), channels_last(y)
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, geometry.stride, geometry.dilation, strict=True))
    tiles = apart and all(
        p == 0 and s == k and k * o == n
        for k, s, p, o, n in zip(kernel, *geometry[:2], y.shape[1:-1], x.shape[1:-1], strict=True)
    )  # then every place is written to
    out = (xp.empty if tiles else xp.zeros)(x.shape, dtype=g.dtype)
    choices = _Choices(xp, x, y, kernel, geometry)
    for block in blocks(x):
        spread, slopes = out[block], xp.ascontiguousarray(g[block])
        for windows, places, here in choices.of(x[block], y[block]):
            part = _only(xp.ascontiguousarray(slopes[windows]), here)
            if apart:
                scatter(xp, part, spread[places])
            else:
                spread[places] += part
    return channels_first(out)


def _max_pick_forward(xp: Any, h: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> Any:
    h, x, y = channels_last(h), channels_last(x), channels_last(y)
    out = xp.zeros(y.shape, dtype=h.dtype)
    for windows, places, here in _Choices(xp, x, y, kernel, geometry).of(x, y):
        out[windows] += _only(xp.ascontiguousarray(h[places]), here)
    return channels_first(out)


def max_indices(xp: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> Any:
    """Where each maximum was taken from, counted through the image in row-major order."""
    x, y = channels_last(x), channels_last(y)
    numbers = xp.arange(math.prod(x.shape[1:-1])).reshape(1, *x.shape[1:-1], 1)
    out = xp.zeros(y.shape, dtype=np.int64)
    for windows, places, here in _Choices(xp, x, y, kernel, geometry).of(x, y):
        out[windows] += numbers[places] * here
    return xp.ascontiguousarray(channels_first(out))


# x images, y their maxima, g the gradient of y, h one of the shape of x. Which element is chosen depends on x and y,
# but changes by jumps: there is no derivative by them.
MAX_POOL = Primitive(
    "max_pool",
    _max_forward,
    [lambda xp, g, out, x, sizes, kernel, geometry: xp.max_pool_back(g, x, out, kernel, geometry)],
    grad_name="MaxPool2DWithIndicesBackward0",
)
MAX_POOL_3D = variant(MAX_POOL, "max_pool3d", "MaxPool3DWithIndicesBackward0")
MAX_POOL_BACK = Primitive(
    "max_pool_back",
    _max_back_forward,
    [lambda xp, h, _out, _g, x, y, kernel, geometry: xp.max_pool_pick(h, x, y, kernel, geometry), None, None],
)
MAX_POOL_PICK = Primitive(
    "max_pool_pick",
    _max_pick_forward,
    [lambda xp, g, _out, _h, x, y, kernel, geometry: xp.max_pool_back(g, x, y, kernel, geometry), None, None],
)

# --- the average ----------------------------------------------------------------------------------------------------


def _counts(
    xp: Any, space: Sizes, sizes: Sizes, kernel: Sizes, geometry: Geometry, include_pad: bool, divisor: int | None
) -> Any:
    """What the sum of each window is divided by: one number, or (*sizes, 1)."""
    if divisor is not None:
        return divisor
    whole = math.prod(kernel)
    counts = []
    for n, size, k, step, before, _ in zip(space, sizes, kernel, *geometry, strict=True):
        start = np.arange(size) * step - before
        # Padding on both sides may count; what `ceil_mode` lets a window overhang beyond it never does.
        end = np.minimum(start + k, n + before)
        counts.append(end - start if include_pad else np.minimum(end, n) - np.maximum(start, 0))
    if all((c == k).all() for c, k in zip(counts, kernel, strict=True)):
        return whole
    return xp.asarray(functools.reduce(np.multiply.outer, counts)[..., None])


def _divided(x: Any, counts: Any) -> Any:
    return (x / counts).astype(x.dtype, copy=False)


def _avg_forward(
    xp: Any, x: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry, include_pad: bool, divisor: int | None
) -> Any:
    x = channels_last(x)
    counts = _counts(xp, x.shape[1:-1], sizes, kernel, geometry, include_pad, divisor)
    return _by_blocks(
        xp, x, sizes, lambda block: _divided(_axis_by_axis(xp, block, sizes, kernel, geometry, xp.add, 0), counts)
    )


def _avg_back_forward(
    xp: Any, g: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry, include_pad: bool, divisor: int | None
) -> Any:
    g = channels_last(g)
    counts = _counts(xp, sizes, g.shape[1:-1], kernel, geometry, include_pad, divisor)
    return _by_blocks(xp, g, sizes, lambda block: _spread_out(xp, _divided(block, counts), sizes, kernel, geometry))


def _spread_out(xp: Any, g: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry) -> Any:
    """The adjoint of the sum over windows: add each number at all places of its window."""
    for axis in reversed(range(len(sizes))):
        out = xp.zeros((*g.shape[: axis + 1], sizes[axis], *g.shape[axis + 2 :]), dtype=g.dtype)
        alone, there = _one_axis(geometry, axis, kernel)
        for _, windows, places in taps(out.shape[1:-1], g.shape[1:-1], alone, there):
            out[places] += g[windows]
        g = out
    return g


AVG_POOL = Primitive(
    "avg_pool",
    _avg_forward,
    [
        lambda xp, g, _out, x_shape, sizes, kernel, geometry, include_pad, divisor: xp.avg_pool_back(
            g, tuple(x_shape[2:]), kernel, geometry, include_pad, divisor
        )
    ],
    grad_name="AvgPool2DBackward0",
)
AVG_POOL_3D = variant(AVG_POOL, "avg_pool3d", "AvgPool3DBackward0")
AVG_POOL_BACK = Primitive(
    "avg_pool_back",
    _avg_back_forward,
    [
        lambda xp, h, _out, g_shape, sizes, kernel, geometry, include_pad, divisor: xp.avg_pool(
            h, tuple(g_shape[2:]), kernel, geometry, include_pad, divisor
        )
    ],
)
