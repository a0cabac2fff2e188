"""The table entries of normalization: inputs shifted and scaled to mean 0 and variance 1.

All of them compute `(x - mean) * r * weight + bias` with `r = 1 / sqrt(variance + eps)`, and differ in what mean and
variance are taken over. In the derivatives, d is `x - mean`; d and r are kept from the forward pass. When the
backward pass is itself differentiated, `_gradients` computes everything anew, for all of them alike.

Numbers by channel are small beside the data: all that can be is computed from the sums of `_Channels`, and the data
itself is read and written a few times only, in the order in which it lies in memory.
"""

from __future__ import annotations

import math
from typing import Any

from mytorch.autograd.primitive import Primitive
from mytorch.ops.windows import channels_first, channels_last

_SPREAD = 16384  # a number for each channel is repeated to about so many before it meets the data

# --- memory ---------------------------------------------------------------------------------------------------------


def _tiles(rows: int, width: int) -> int:
    """How many rows of `width` numbers to take together, so that NumPy's inner loops are long."""
    limit = min(_SPREAD // max(width, 1), rows // 8)
    return math.gcd(rows, 1 << (limit.bit_length() - 1)) if limit > 1 else 1


class _Channels:
    """(samples, channels, *space) as three axes in the order of memory, and what is computed for each channel.

    With `groups` None there is one number for each channel of the whole batch, as an array of shape (1, channels);
    with a number of groups there is one for each channel of each sample, (samples, channels).
    """

    def __init__(self, xp: Any, x: Any, groups: int | None) -> None:
        self.xp, self.shape, self.groups = xp, x.shape, groups
        n, c = x.shape[:2]
        s = math.prod(x.shape[2:])
        self.last = s == 1 or (not x.flags.c_contiguous and channels_last(x).flags.c_contiguous)
        if not self.last:
            self.axes = n, c, s
        elif groups is None:  # samples and space are the same here, and can be divided anew
            tile = _tiles(n * s, c)
            self.axes = n * s // tile, tile, c
        else:
            self.axes = n, s, c
        self.count = max(n * s if groups is None else s * c // groups, 1)

    def rows(self, x: Any) -> Any:
        """The data in three axes; a copy only if its memory is in neither order."""
        return (channels_last(x) if self.last else x).reshape(self.axes)

    def back(self, rows: Any) -> Any:
        """The data in its own shape."""
        if not self.last:
            return rows.reshape(self.shape)
        n, c, *space = self.shape
        return channels_first(rows.reshape(n, *space, c))

    def sums(self, rows: Any) -> Any:
        """The sum of each channel. The products with ones are sums that BLAS computes."""
        first, second, third = self.axes
        ones = self.xp.ones
        if self.groups is None:
            folded = (ones(first, rows.dtype) @ rows.reshape(first, second * third)).reshape(second, third)
            return self.xp.sum(folded, 0 if self.last else 1)[None]
        return ones(second, rows.dtype) @ rows if self.last else rows @ ones(third, rows.dtype)

    def sums_of_products(self, x: Any, y: Any) -> Any:
        if self.last:
            return self.sums(x * y)
        sums = self.xp.vecdot(x, y)
        return self.xp.sum(sums, 0, keepdims=True) if self.groups is None else sums

    def mean(self, sums: Any) -> Any:
        """For each channel the mean over all that it is normalized together with."""
        if self.groups in (None, self.shape[1]):
            return sums / self.count
        grouped = self.xp.sum(sums.reshape(len(sums), self.groups, -1), 2) / self.count
        return self.xp.repeat(grouped, self.shape[1] // (self.groups or 1), 1)

    def spread(self, values: Any) -> Any:
        """A number for each channel in a shape that broadcasts to the data."""
        values = values[:, None, :] if self.last else values[:, :, None]
        if len(values) == self.axes[0]:
            return values
        full = self.xp.empty((1, *self.axes[1:]), values.dtype)
        full[...] = values
        return full


# --- over channels --------------------------------------------------------------------------------------------------


def _channel_forward(xp: Any, x: Any, w: Any, b: Any, groups: int | None, eps: float, running: Any) -> Any:
    how = _Channels(xp, x, groups)
    rows = how.rows(x)
    mean = how.mean(how.sums(rows))
    d = rows - how.spread(mean)
    variance = how.mean(how.sums_of_products(d, d))
    if running is not None and x.size:
        _track(xp, running, mean, variance * (how.count / (how.count - 1)))
    r = 1 / xp.sqrt(variance + eps)
    out = d * how.spread(r if w is None else r * w)
    if b is not None:
        out += how.spread(b[None])
    return how.back(out), (how, d, r)


def _track(xp: Any, running: Any, mean: Any, variance: Any) -> None:
    """Move the running mean and variance towards those of this batch, by the share `momentum`."""
    running_mean, running_var, momentum = running
    for held, new in ((running_mean, mean), (running_var, variance)):
        held *= 1 - momentum
        held += xp.sum(new, 0) * (momentum / len(new))


def _channel_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, groups: int | None, eps: float, running: Any,
    aux: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    if aux is None:
        n, c, *space = x.shape
        view = (n, c, *space) if groups is None else (n, groups, c // groups, *space)
        axes = (0, *range(2, len(view))) if groups is None else tuple(range(2, len(view)))
        inner = (*view[1 : len(view) - len(space)], *[1] * len(space))
        gx, gw, gb = _gradients(xp, g, x, w, needs, view, axes, inner, eps)
        return gx, *[None if v is None else xp.reshape(v, (c,)) for v in (gw, gb)]
    how, d, r = aux
    g = how.rows(g)
    sums, products = how.sums(g), how.sums_of_products(g, d)
    gx = None
    if needs[0]:
        mean = how.mean(sums if w is None else sums * w)
        slope = how.mean(products if w is None else products * w) * (r * r)
        gx = d * how.spread(-r * slope)
        gx -= how.spread(r * mean)
        gx += g * how.spread(r if w is None else r * w)
        gx = how.back(gx)
    return gx, xp.sum(r * products, 0) if needs[1] else None, xp.sum(sums, 0) if needs[2] else None


BATCH_NORM = Primitive(
    "batch_norm", _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name="NativeBatchNormBackward0"
)
GROUP_NORM = Primitive(
    "group_norm", _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name="NativeGroupNormBackward0"
)
INSTANCE_NORM = Primitive(
    "instance_norm", _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name="NativeBatchNormBackward0"
)

# --- over channels, with mean m and factor r given ------------------------------------------------------------------


def _fixed_forward(xp: Any, x: Any, w: Any, b: Any, m: Any, r: Any) -> Any:
    how = _Channels(xp, x, None)
    scale = r if w is None else r * w
    shift = -m * scale if b is None else b - m * scale
    out = how.rows(x) * how.spread(scale[None])
    out += how.spread(shift[None])
    return how.back(out)


def _fixed_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, m: Any, r: Any
) -> tuple[Any, Any, Any]:
    shape = (-1, *[1] * (len(x.shape) - 2))
    over = (0, *range(2, len(x.shape)))
    m, r = m.reshape(shape), r.reshape(shape)
    return (
        g * (r if w is None else xp.reshape(w, shape) * r) if needs[0] else None,
        xp.sum(g * ((x - m) * r), axis=over, keepdims=False) if needs[1] else None,
        xp.sum(g, axis=over, keepdims=False) if needs[2] else None,
    )


FIXED_NORM = Primitive(
    "batch_norm_fixed", _fixed_forward, [None] * 3, joint=_fixed_joint, grad_name="NativeBatchNormBackward0"
)

# --- over the last dimensions ---------------------------------------------------------------------------------------


def _row_forward(xp: Any, x: Any, w: Any, b: Any, dims: int, eps: float, center: bool) -> Any:
    n = math.prod(x.shape[x.ndim - dims :])
    share = 1 / max(n, 1)
    rows = d = x.reshape(math.prod(x.shape[: x.ndim - dims]), n)
    if center:
        d = rows - (rows @ xp.full(n, share, dtype=x.dtype))[:, None]
    r = 1 / xp.sqrt(xp.vecdot(d, d) * share + eps)
    out = d * r[:, None]
    if w is not None:
        _with_each_row(xp, xp.multiply, out, w)
    if b is not None:
        _with_each_row(xp, xp.add, out, b)
    return out.reshape(x.shape), (d, r)


def _with_each_row(xp: Any, function: Any, rows: Any, values: Any) -> None:
    """Combine every row, in place, with the same values; several rows at a time."""
    length, width = rows.shape
    tile = _tiles(length, width)
    repeated = xp.empty((tile, width), rows.dtype)
    repeated[...] = values.reshape(width)
    blocks = rows.reshape(length // tile, tile, width)
    function(blocks, repeated, out=blocks)


def _row_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, dims: int, eps: float, center: bool, aux: Any
) -> tuple[Any, Any, Any]:
    if aux is None:
        axes, inner = tuple(range(len(x.shape) - dims, len(x.shape))), x.shape[len(x.shape) - dims :]
        return _gradients(xp, g, x, w, needs, x.shape, axes, inner, eps, center)
    d, r = aux
    length, n = d.shape
    inner = x.shape[x.ndim - dims :]
    g = g.reshape(length, n)
    products = g * d
    gx = gw = gb = None
    if needs[0]:
        weights = xp.full(n, 1 / max(n, 1), dtype=g.dtype) if w is None else w.reshape(n) / max(n, 1)
        gx = g.copy()
        if w is not None:
            _with_each_row(xp, xp.multiply, gx, w)
        if center:
            gx -= (g @ weights)[:, None]
        gx -= d * (r * r * (products @ weights))[:, None]
        gx *= r[:, None]
        gx = gx.reshape(x.shape)
    if needs[1]:
        gw = (r @ products).reshape(inner)
    if needs[2]:
        gb = (xp.ones(length, dtype=g.dtype) @ g).reshape(inner)
    return gx, gw, gb


LAYER_NORM = Primitive(
    "layer_norm", _row_forward, [None] * 3, joint=_row_joint, aux=True, grad_name="NativeLayerNormBackward0"
)
RMS_NORM = Primitive("rms_norm", _row_forward, [None] * 3, joint=_row_joint, aux=True, grad_name="MulBackward0")

# --- differentiated again -------------------------------------------------------------------------------------------


def _gradients(
    xp: Any, g: Any, x: Any, w: Any, needs: Any, view: Any, axes: Any, inner: Any, eps: float, center: bool = True
) -> tuple[Any, Any, Any]:
    """The gradients of any of these normalizations, from its inputs alone.

    `view` is the shape of x in which `axes` are normalized over and weight and bias have the shape `inner`.
    """
    count = math.prod([view[axis] for axis in axes])

    def mean(values: Any) -> Any:
        return xp.sum(values, axis=axes, keepdims=True) / max(count, 1)

    shape = x.shape
    x, g = xp.reshape(x, view), xp.reshape(g, view)
    d = x - mean(x) if center else x
    r = 1 / xp.sqrt(mean(d * d) + eps)
    normal = d * r
    gw = xp.sum_to(g * normal, inner) if needs[1] else None
    gb = xp.sum_to(g, inner) if needs[2] else None
    if not needs[0]:
        return None, gw, gb
    h = g if w is None else g * xp.reshape(w, inner)
    gx = h - normal * mean(h * normal)
    if center:
        gx = gx - mean(h)
    return xp.reshape(gx * r, shape), gw, gb
