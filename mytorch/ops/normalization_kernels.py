"""The table entries of normalization: inputs shifted and scaled to mean 0 and variance 1.

All of them compute `(x - mean) * r * weight + bias` with `r = 1 / sqrt(variance + eps)`, and differ in what mean and
variance are taken over. In the derivatives, d is `x - mean`; it and r are kept from the forward pass. When the
backward pass is itself differentiated, `gradients` computes everything anew, for all of them alike.

The data is read and written as few times as NumPy allows and in the order in which it lies in memory; all else is
computed from sums of it, which are small. Blocks that stay in the cache do not pay here: with them layer and group
norm, forward and backward, took 7 to 20 % longer on 64x16 to 2048x256 numbers, and 11 to 14 % less on 4096x512.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from mytorch.autograd.primitive import Primitive
from mytorch.ops.windows import channels_last

# --- memory ---------------------------------------------------------------------------------------------------------


@functools.cache
def rows_together(rows: int, width: int) -> int:
    """How many rows of `width` numbers to take as one, a divisor of `rows`, so that NumPy's inner loops are long."""
    limit = min(16384 // max(width, 1), rows // 8)
    return next((n for n in range(limit, 1, -1) if rows % n == 0), 1)


class Memory:
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


class _Groups(Memory):
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
        grouped = self.xp.sum(sums.reshape(len(sums), self.groups, together), 2) / self.count
        return self.xp.repeat(grouped, together, 1)

    def spread(self, values: Any) -> Any:
        return values[..., None, :] if self.last else values[..., None]


# --- over channels --------------------------------------------------------------------------------------------------


def _channel_forward(xp: Any, x: Any, w: Any, b: Any, groups: int, eps: float, running: Any) -> Any:
    """The result, and for the derivative how x lies, x - mean, and r for each channel of each sample."""
    how = _Groups(xp, x, groups)
    out, rows = how.empty(x), how.rows(x)
    mean = how.mean(how.sums(rows))
    d = rows - how.spread(mean)
    variance = how.mean(how.sums_of_products(d, d))
    r = 1 / xp.sqrt(variance + eps)
    new = xp.multiply(d, how.spread(r if w is None else r * w), out=how.rows(out))
    if b is not None:
        new += how.spread(b)
    if running is not None and x.size:
        track(xp, running, mean, variance * (how.count / (how.count - 1)))
    return out, (how, d, r)


def track(xp: Any, running: Any, mean: Any, variance: Any) -> None:
    """Move the running mean and variance towards those of this batch, by the share `momentum`."""
    running_mean, running_var, momentum = running
    for held, new in ((running_mean, mean), (running_var, variance)):
        held *= 1 - momentum
        held += momentum * (new if new.ndim == 1 else xp.mean(new, 0))


def _channel_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, groups: int, eps: float, running: Any,
    aux: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    if aux is None:
        return _channel_gradients(xp, g, x, w, needs, groups, eps)
    how, d, r = aux
    g = how.rows(g)
    sums, products = how.sums(g), how.sums_of_products(g, d)
    gx = None
    if needs[0]:
        gx = how.empty(x)
        slope, level = (how.mean(v if w is None else v * w) for v in (products, sums))
        rows = xp.multiply(d, how.spread(-slope * r * r * r), out=how.rows(gx))
        rows -= how.spread(level * r)
        rows += g * how.spread(r if w is None else r * w)
    gw = xp.sum(r * products, 0) if needs[1] else None
    gb = xp.sum(sums, 0) if needs[2] else None
    return gx, gw, gb


def _channel_gradients(xp: Any, g: Any, x: Any, w: Any, needs: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    n, c, *space = x.shape
    view = n, groups, c // groups, *space
    ones = (1,) * len(space)
    gx, gw, gb = gradients(xp, g, x, w, needs, view, tuple(range(2, len(view))), (*view[1:3], *ones), eps)
    return gx, *[None if v is None else xp.reshape(v, (c,)) for v in (gw, gb)]


def mathematics(group: str, others: str) -> dict[str, str]:
    """Normalization as `formulas` shows it: `group` is what has one mean, `others` what shares a weight."""
    return {
        "y": "w * xhat + b",
        "mu": f"mean(x, axis='{group}')",
        "r": f"1 / sqrt(mean((x - mu) ** 2, axis='{group}') + eps)",
        "xhat": "(x - mu) * r",
        "gw": "g * w",
        "x": f"r * (gw - mean(gw, axis='{group}') - xhat * mean(gw * xhat, axis='{group}'))",
        "w": f"sum(g * xhat, axis='{others}')",
        "b": f"sum(g, axis='{others}')",
    }


def _by_channel(name: str, grad_name: str) -> Primitive:
    """Normalization of each group of channels of each sample."""
    return Primitive(
        name,
        _channel_forward,
        [None] * 3,
        joint=_channel_joint,
        aux=True,
        grad_name=grad_name,
        math=mathematics("each group", "all but channels"),
    )


GROUP_NORM = _by_channel("group_norm", "NativeGroupNormBackward0")
INSTANCE_NORM = _by_channel("instance_norm", "NativeBatchNormBackward0")

# --- over the last dimensions ---------------------------------------------------------------------------------------


def _row_forward(xp: Any, x: Any, w: Any, b: Any, dims: int, eps: float, center: bool) -> Any:
    """The result, and for the derivative the rows without weight and bias, and the factor of each."""
    n = math.prod(x.shape[x.ndim - dims :])
    length = math.prod(x.shape[: x.ndim - dims])
    d = x.reshape(length, n)
    if center:
        d = d - (d @ _shares(xp, n, x.dtype))[:, None]
    r = 1 / xp.sqrt(xp.vecdot(d, d) / max(n, 1) + eps)
    normal = xp.multiply(d, r[:, None], out=d if center else None)
    out = xp.empty(x.shape, x.dtype)
    rows = out.reshape(length, n)
    _each_row(xp, xp.multiply, normal, w, rows)
    _each_row(xp, xp.add, rows, b, rows)
    return out, (normal, r)


def _shares(xp: Any, n: int, dtype: Any) -> Any:
    """What rows of n numbers are multiplied with for their means."""
    return xp.full(n, 1 / max(n, 1), dtype=dtype)


def _each_row(xp: Any, function: Any, rows: Any, values: Any, out: Any) -> None:
    """Combine every row with the same values, several rows at a time; with None for them the rows stay as they are."""
    if values is None:
        if out is not rows:
            out[...] = rows
        return
    length, width = rows.shape
    together = rows_together(length, width)
    repeated = xp.empty((together, width), rows.dtype)
    repeated[...] = values.reshape(width)
    shape = length // together, together, width
    function(rows.reshape(shape), repeated, out=out.reshape(shape))


def _row_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, dims: int, eps: float, center: bool, aux: Any
) -> tuple[Any, Any, Any]:
    shape, inner = x.shape, x.shape[len(x.shape) - dims :]
    if aux is None:
        axes = tuple(range(len(x.shape) - dims, len(x.shape)))
        return gradients(xp, g, x, w, needs, x.shape, axes, inner, eps, center)
    normal, r = aux
    length, n = normal.shape
    g = g.reshape(length, n)
    ones, products = xp.ones(length, g.dtype), g * normal
    gw = (ones @ products).reshape(inner) if needs[1] else None
    gb = (ones @ g).reshape(inner) if needs[2] else None
    if not needs[0]:
        return None, gw, gb
    shares = _shares(xp, n, x.dtype)
    if w is not None:
        shares *= w.reshape(n)
    slope = products @ shares
    gx = xp.empty((length, n), x.dtype)
    _each_row(xp, xp.multiply, g, w, gx)
    gx -= xp.multiply(normal, slope[:, None], out=products)
    if center:
        gx -= (g @ shares)[:, None]
    gx *= r[:, None]
    return gx.reshape(shape), gw, gb


LAYER_NORM = Primitive(
    "layer_norm",
    _row_forward,
    [None] * 3,
    joint=_row_joint,
    aux=True,
    grad_name="NativeLayerNormBackward0",
    math=mathematics("the normalized dims", "the other dims"),
)
RMS_NORM = Primitive(
    "rms_norm",
    _row_forward,
    [None] * 3,
    joint=_row_joint,
    aux=True,
    grad_name="MulBackward0",
    math={
        "y": "w * xhat + b",
        "r": "1 / sqrt(mean(x ** 2, axis='the normalized dims') + eps)",
        "xhat": "x * r",
        "gw": "g * w",
        "x": "r * (gw - xhat * mean(gw * xhat, axis='the normalized dims'))",
        "w": "sum(g * xhat, axis='the other dims')",
        "b": "sum(g, axis='the other dims')",
    },
)

# --- differentiated again -------------------------------------------------------------------------------------------


def gradients(
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
