"""Batch normalization: each channel of a batch shifted and scaled to mean 0 and variance 1, or by what is given.

The result is `(x - mean) * r * weight + bias` with `r = 1 / sqrt(variance + eps)`. The data is taken in pieces that
fit in the cache, in the order in which it lies in memory: once each for the mean, the variance and the result. The
difference `x - mean` is taken anew each time: to keep it for the backward pass would cost as much memory as the images,
and reading it from there takes as long.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

from mytorch.autograd.primitive import Primitive
from mytorch.ops.normalization_kernels import Memory, gradients, mathematics, rows_together, track

PIECE = 2**17  # numbers in a piece, which is read and written some three times: half a megabyte of float32


class _Batch(Memory):
    """The numbers of a batch as rows. A row has all channels, once or several times, of one sample or of several."""

    def __init__(self, xp: Any, x: Any) -> None:
        super().__init__(xp, x)
        n, c, s = self.samples, self.channels, self.places
        self.set = (rows_together(n * s, c), c) if self.last else (c, s)
        width = self.set[0] * self.set[1]
        self.axes = (x.size // width if width else 0), width
        self.count = max(n * s, 1)
        rows, each = self.axes[0], max(PIECE // max(width, 1), 1)
        self.pieces = [slice(first, first + each) for first in range(0, max(rows, 1), each)]

    def totals(self, part: Callable[[slice], tuple[Any, ...]]) -> list[Any]:
        """What `part` gives for each piece, added up: for each item of the tuple the sum of each channel."""
        found = [part(piece) for piece in self.pieces]
        return [self._by_channel(functools.reduce(operator.iadd, items)) for items in zip(*found, strict=True)]

    def _by_channel(self, values: Any) -> Any:
        if len(values) == self.channels:
            return values
        return self.xp.sum(values.reshape(self.set), 0 if self.last else 1)

    def sums(self, rows: Any) -> Any:
        """The sum of the rows; the product with ones is a sum that BLAS computes."""
        return self.xp.ones(len(rows), rows.dtype) @ rows

    def products(self, x: Any, y: Any) -> Any:
        """The sum of the products of rows."""
        if self.last:
            return self.xp.einsum("ij,ij->j", x, y)
        shape = len(x), *self.set
        return self.xp.sum(self.xp.vecdot(x.reshape(shape), y.reshape(shape)), 0)

    def spread(self, values: Any) -> Any:
        """A number for each channel repeated for a row."""
        if len(values) == self.axes[1]:
            return values
        full = self.xp.empty(self.set, values.dtype)
        full[...] = values if self.last else values[:, None]
        return full.reshape(-1)

    def write(self, x: Any, part: Callable[[slice, Any], None]) -> Any:
        """A result of the shape of x, which `part` writes piece by piece."""
        out = self.empty(x)
        rows = self.rows(out)
        for piece in self.pieces:
            part(piece, rows[piece])
        return out


# --- with the batch's own mean and variance -------------------------------------------------------------------------


def _forward(xp: Any, x: Any, w: Any, b: Any, eps: float, running: Any) -> Any:
    how = _Batch(xp, x)
    rows = how.rows(x)
    mean = how.totals(lambda piece: (how.sums(rows[piece]),))[0] / how.count
    level = how.spread(mean)

    def squares(piece: slice) -> tuple[Any]:
        d = rows[piece] - level
        return (how.products(d, d),)

    variance = how.totals(squares)[0] / how.count
    if running is not None and x.size:
        track(xp, running, mean, variance * (how.count / (how.count - 1)))
    r = 1 / xp.sqrt(variance + eps)
    scale, shift = how.spread(r if w is None else r * w), None if b is None else how.spread(b)

    def normalize(piece: slice, out: Any) -> None:
        xp.subtract(rows[piece], level, out=out)
        out *= scale
        if shift is not None:
            out += shift

    return how.write(x, normalize), (how, mean, r)


def _joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, eps: float, running: Any, aux: Any
) -> tuple[Any, Any, Any]:
    if aux is None:
        c, ones = x.shape[1], (1,) * (len(x.shape) - 2)
        gx, gw, gb = gradients(xp, g, x, w, needs, x.shape, (0, *range(2, len(x.shape))), (c, *ones), eps)
        return gx, *[None if v is None else xp.reshape(v, (c,)) for v in (gw, gb)]
    how, mean, r = aux
    rows, slopes, level = how.rows(x), how.rows(g), how.spread(mean)
    sums, products = how.totals(
        lambda piece: (how.sums(slopes[piece]), how.products(slopes[piece], rows[piece] - level))
    )
    gx = None
    if needs[0]:
        scale = r if w is None else r * w
        # gx = (g - mean of g) * scale - d * (mean of g * d) * scale * r * r
        steepness = how.spread(-products / how.count * scale * r * r)
        back, factor = how.spread(-sums / how.count * scale), how.spread(scale)

        def differentiate(piece: slice, out: Any) -> None:
            xp.subtract(rows[piece], level, out=out)
            out *= steepness
            out += back
            out += slopes[piece] * factor

        gx = how.write(x, differentiate)
    return gx, r * products if needs[1] else None, sums if needs[2] else None


BATCH_NORM = Primitive(
    "batch_norm",
    _forward,
    [None] * 3,
    joint=_joint,
    aux=True,
    grad_name="NativeBatchNormBackward0",
    math=mathematics("all but channels", "all but channels"),
)

# --- with mean m and factor r given ---------------------------------------------------------------------------------


def _fixed_forward(xp: Any, x: Any, w: Any, b: Any, m: Any, r: Any) -> Any:
    how = _Batch(xp, x)
    rows = how.rows(x)
    factor = r if w is None else r * w
    scale, shift = how.spread(factor), how.spread(-m * factor if b is None else b - m * factor)

    def normalize(piece: slice, out: Any) -> None:
        xp.multiply(rows[piece], scale, out=out)
        out += shift

    return how.write(x, normalize), how


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
    rows, slopes = how.rows(x), how.rows(g)
    gx = gw = gb = None
    if needs[0]:
        scale = how.spread(r if w is None else r * w)
        gx = how.write(x, lambda piece, out: xp.multiply(slopes[piece], scale, out=out))
    if needs[1] or needs[2]:
        gb, products = how.totals(lambda piece: (how.sums(slopes[piece]), how.products(slopes[piece], rows[piece])))
        gw = (products - m * gb) * r
    return gx, gw if needs[1] else None, gb if needs[2] else None


FIXED_NORM = Primitive(
    "batch_norm_fixed",
    _fixed_forward,
    [None] * 3,
    joint=_fixed_joint,
    aux=True,
    grad_name="NativeBatchNormBackward0",
    math={
        "y": "w * (x - m) * r + b",
        "x": "g * w * r",
        "w": "sum(g * (x - m) * r, axis='all but channels')",
        "b": "sum(g, axis='all but channels')",
    },
)
