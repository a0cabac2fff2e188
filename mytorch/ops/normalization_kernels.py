"""The table entries of normalization: inputs shifted and scaled to mean 0 and variance 1.

All of them compute `(x - mean) * r * weight + bias` with `r = 1 / sqrt(variance + eps)`, and differ in what mean and
variance are taken over. In the derivatives, d is `x - mean`; d and r are kept from the forward pass. When the
backward pass is itself differentiated, `_gradients` computes everything anew, for all of them alike.

The data is read and written as few times as NumPy allows and in the order in which it lies in memory; all else is
computed from sums of it, which are small.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from mytorch.autograd.primitive import Primitive
from mytorch.ops.windows import channels_last

# --- memory ---------------------------------------------------------------------------------------------------------


@functools.cache
def _together(rows: int, width: int) -> int:
    """How many rows of `width` numbers to take as one, a divisor of `rows`, so that NumPy's inner loops are long."""
    limit = min(16384 // max(width, 1), rows // 8)
    return next((n for n in range(limit, 1, -1) if rows % n == 0), 1)


class _Memory:
    """How (samples, channels, *space) lies in memory: `last` says whether the channels come last, behind the space."""

    axes: tuple[int, ...]  # the shape of `rows`
    count: int  # how many numbers are normalized together

    def __init__(self, xp: Any, x: Any) -> None:
        self.xp = xp
        self.samples, self.channels, *space = x.shape
        self.places = math.prod(space)
        in_order = x.flags.c_contiguous
        self.last = self.places == 1
        if not in_order:
            in_order = channels_last(x).flags.c_contiguous
            self.last = self.last or in_order
        self.in_order = in_order

    def rows(self, x: Any) -> Any:
        """The data in the order of this memory; a copy only if it lies otherwise."""
        return (channels_last(x) if self.last else x).reshape(self.axes)

    def empty(self, x: Any) -> Any:
        """Memory for a result of the shape of `x`, of which `rows` is a view."""
        return self.xp.empty_like(x) if self.in_order else self.xp.empty(x.shape, x.dtype)


class _WholeBatch(_Memory):
    """One number for each channel, of shape (channels,). A row of the data has all channels, once or several times."""

    def __init__(self, xp: Any, x: Any) -> None:
        super().__init__(xp, x)
        n, c, s = self.samples, self.channels, self.places
        self.set = (_together(n * s, c), c) if self.last else (c, s)
        width = math.prod(self.set)
        self.axes = (x.size // width if width else 0), width
        self.count = max(n * s, 1)

    def _by_channel(self, values: Any) -> Any:
        return self.xp.sum(values.reshape(self.set), 0 if self.last else 1)

    def sums(self, rows: Any) -> Any:
        """The sum of each channel; the product with ones is a sum that BLAS computes."""
        return self._by_channel(self.xp.ones(len(rows), rows.dtype) @ rows)

    def sums_of_products(self, x: Any, y: Any) -> Any:
        if self.last:
            return self._by_channel(self.xp.einsum("ij,ij->j", x, y))
        shape = self.samples, self.channels, self.places
        return self.xp.sum(self.xp.vecdot(x.reshape(shape), y.reshape(shape)), 0)

    def mean(self, sums: Any) -> Any:
        return sums / self.count

    def spread(self, values: Any) -> Any:
        """A number for each channel, in a shape that broadcasts to rows."""
        if len(values) == self.axes[1]:
            return values
        full = self.xp.empty(self.set, values.dtype)
        full[...] = values if self.last else values[:, None]
        return full.reshape(-1)

    def over_samples(self, values: Any) -> Any:
        return values


class _Groups(_Memory):
    """One number for each channel of each sample, of shape (samples, channels); shared within a group of channels."""

    def __init__(self, xp: Any, x: Any, groups: int) -> None:
        super().__init__(xp, x)
        n, c, s = self.samples, self.channels, self.places
        self.groups = groups
        self.axes = (n, s, c) if self.last else (n, c, s)
        self.count = max(s * c // groups, 1)

    def sums(self, rows: Any) -> Any:
        ones = self.xp.ones(self.places, rows.dtype)
        return ones @ rows if self.last else rows @ ones

    def sums_of_products(self, x: Any, y: Any) -> Any:
        return self.sums(x * y) if self.last else self.xp.vecdot(x, y)

    def mean(self, sums: Any) -> Any:
        if self.groups == self.channels:
            return sums / self.count
        together = self.channels // self.groups
        grouped = self.xp.sum(sums.reshape(self.samples, self.groups, together), 2) / self.count
        return self.xp.repeat(grouped, together, 1)

    def spread(self, values: Any) -> Any:
        return values[..., None, :] if self.last else values[..., None]

    def over_samples(self, values: Any) -> Any:
        return self.xp.sum(values, 0)


# --- over channels --------------------------------------------------------------------------------------------------


def _channel_forward(xp: Any, x: Any, w: Any, b: Any, groups: int | None, eps: float, running: Any) -> Any:
    how = _WholeBatch(xp, x) if groups is None else _Groups(xp, x, groups)
    rows = how.rows(x)
    mean = how.mean(how.sums(rows))
    d = rows - how.spread(mean)
    variance = how.mean(how.sums_of_products(d, d))
    if running is not None and x.size:
        _track(xp, running, mean, variance * (how.count / (how.count - 1)))
    r = 1 / xp.sqrt(variance + eps)
    return _scale_and_shift(xp, how, x, d, r if w is None else r * w, b), (how, d, r)


def _scale_and_shift(xp: Any, how: Any, x: Any, rows: Any, scale: Any, shift: Any) -> Any:
    """rows * scale + shift, in the shape of x."""
    out = how.empty(x)
    new = how.rows(out)
    xp.multiply(rows, how.spread(scale), out=new)
    if shift is not None:
        new += how.spread(shift)
    return out


def _track(xp: Any, running: Any, mean: Any, variance: Any) -> None:
    """Move the running mean and variance towards those of this batch, by the share `momentum`."""
    running_mean, running_var, momentum = running
    for held, new in ((running_mean, mean), (running_var, variance)):
        held *= 1 - momentum
        held += momentum * (new if new.ndim == 1 else xp.mean(new, 0))


def _channel_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, groups: int | None, eps: float, running: Any,
    aux: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    if aux is None:
        return _channel_gradients(xp, g, x, w, needs, groups, eps)
    how, d, r = aux
    g = how.rows(g)
    sums, products = how.sums(g), how.sums_of_products(g, d)
    gx = None
    if needs[0]:
        slope = how.mean(products if w is None else products * w) * (r * r * r)
        level = how.mean(sums if w is None else sums * w) * r
        gx = _scale_and_shift(xp, how, x, d, -slope, -level)
        rows = how.rows(gx)
        rows += g * how.spread(r if w is None else r * w)
    gw = how.over_samples(r * products) if needs[1] else None
    gb = how.over_samples(sums) if needs[2] else None
    return gx, gw, gb


def _channel_gradients(
    xp: Any, g: Any, x: Any, w: Any, needs: Any, groups: int | None, eps: float
) -> tuple[Any, Any, Any]:
    n, c, *space = x.shape
    ones = (1,) * len(space)
    if groups is None:
        gx, gw, gb = _gradients(xp, g, x, w, needs, x.shape, (0, *range(2, len(x.shape))), (c, *ones), eps)
    else:
        view = n, groups, c // groups, *space
        gx, gw, gb = _gradients(xp, g, x, w, needs, view, tuple(range(2, len(view))), (*view[1:3], *ones), eps)
    return gx, *[None if v is None else xp.reshape(v, (c,)) for v in (gw, gb)]


def _by_channel(name: str, grad_name: str) -> Primitive:
    """Normalization of each group of channels of each sample, or with `groups` None of each channel of the batch."""
    return Primitive(name, _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name=grad_name)


BATCH_NORM = _by_channel("batch_norm", "NativeBatchNormBackward0")
GROUP_NORM = _by_channel("group_norm", "NativeGroupNormBackward0")
INSTANCE_NORM = _by_channel("instance_norm", "NativeBatchNormBackward0")

# --- over channels, with mean m and factor r given ------------------------------------------------------------------


def _fixed_forward(xp: Any, x: Any, w: Any, b: Any, m: Any, r: Any) -> Any:
    how = _WholeBatch(xp, x)
    scale = r if w is None else r * w
    shift = -m * scale if b is None else b - m * scale
    return _scale_and_shift(xp, how, x, how.rows(x), scale, shift), how


def _fixed_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, m: Any, r: Any, aux: Any
) -> tuple[Any, Any, Any]:
    if aux is None:
        shape, over = (-1, *[1] * (len(x.shape) - 2)), (0, *range(2, len(x.shape)))
        m, r = m.reshape(shape), r.reshape(shape)
        return (
            g * (r if w is None else xp.reshape(w, shape) * r) if needs[0] else None,
            xp.sum(g * ((x - m) * r), axis=over, keepdims=False) if needs[1] else None,
            xp.sum(g, axis=over, keepdims=False) if needs[2] else None,
        )
    how = aux
    g = how.rows(g)
    sums = how.sums(g)
    gx = _scale_and_shift(xp, how, x, g, r if w is None else r * w, None) if needs[0] else None
    gw = (how.sums_of_products(g, how.rows(x)) - m * sums) * r if needs[1] else None
    return gx, gw, sums if needs[2] else None


FIXED_NORM = Primitive(
    "batch_norm_fixed", _fixed_forward, [None] * 3, joint=_fixed_joint, aux=True, grad_name="NativeBatchNormBackward0"
)

# --- over the last dimensions ---------------------------------------------------------------------------------------


def _row_forward(xp: Any, x: Any, w: Any, b: Any, dims: int, eps: float, center: bool) -> Any:
    n = math.prod(x.shape[x.ndim - dims :])
    share = 1 / max(n, 1)
    rows = d = x.reshape(math.prod(x.shape[: x.ndim - dims]), n)
    if center:
        d = rows - (rows @ xp.full(n, share, dtype=x.dtype))[:, None]
    r = 1 / xp.sqrt(xp.vecdot(d, d) * share + eps)
    out = xp.empty(x.shape, x.dtype)
    rows = out.reshape(d.shape)
    xp.multiply(d, r[:, None], out=rows)
    if w is not None:
        _each_row(xp, xp.multiply, rows, w, rows)
    if b is not None:
        _each_row(xp, xp.add, rows, b, rows)
    return out, (d, r)


def _each_row(xp: Any, function: Any, rows: Any, values: Any, out: Any) -> None:
    """Combine every row with the same values; several rows at a time."""
    length, width = rows.shape
    together = _together(length, width)
    repeated = xp.empty((together, width), rows.dtype)
    repeated[...] = values.reshape(width)
    blocks = length // together, together, width
    function(rows.reshape(blocks), repeated, out=out.reshape(blocks))


def _row_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, dims: int, eps: float, center: bool, aux: Any
) -> tuple[Any, Any, Any]:
    if aux is None:
        axes, inner = tuple(range(len(x.shape) - dims, len(x.shape))), x.shape[len(x.shape) - dims :]
        return _gradients(xp, g, x, w, needs, x.shape, axes, inner, eps, center)
    d, r = aux
    length, n = d.shape
    g = g.reshape(length, n)
    products = g * d
    gx = gw = gb = None
    if needs[1]:
        gw = (r @ products).reshape(w.shape)
    if needs[2]:
        gb = (xp.ones(length, dtype=g.dtype) @ g).reshape(x.shape[x.ndim - dims :])
    if needs[0]:
        share = 1 / max(n, 1)
        weights = xp.full(n, share, dtype=g.dtype) if w is None else w.reshape(n) * share
        slope = r * r * (products @ weights)
        gx = xp.empty(x.shape, x.dtype)
        rows = gx.reshape(length, n)
        if w is None:
            rows[...] = g
        else:
            _each_row(xp, xp.multiply, g, w, rows)
        if center:
            rows -= (g @ weights)[:, None]
        rows -= xp.multiply(d, slope[:, None], out=products)
        rows *= r[:, None]
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
