"""Losses by hand: the value, and the gradient of the prediction."""

from __future__ import annotations

import numpy as np

from benchmarks.workload import Array


def mean_square(out: Array, y: Array) -> tuple[float, Array]:
    """Mean of the squared differences."""
    value, g = sum_square(out, y)
    g /= np.float32(g.size)
    return value / g.size, g


def sum_square(out: Array, y: Array) -> tuple[float, Array]:
    """Sum of the squared differences."""
    g = out - y
    flat = g.reshape(-1) if g.flags.c_contiguous else g.ravel("K")
    value = float(flat @ flat)
    g *= np.float32(2)
    return value, g


def cross_entropy(out: Array, y: Array) -> tuple[float, Array]:
    """Mean of -log softmax at the class; `out` is overwritten."""
    rows = np.arange(len(y))
    out -= out.max(1, keepdims=True)
    chosen = out[rows, y]
    g = np.exp(out, out=out)
    sums = g.sum(1, keepdims=True)
    value = float((np.log(sums[:, 0]) - chosen).mean())
    g /= sums
    g[rows, y] -= 1
    g /= np.float32(len(y))
    return value, g
