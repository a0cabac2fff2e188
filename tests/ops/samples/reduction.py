"""Samples of reductions: all axes, one, several, kept and not, 0-d and empty."""

import math

import numpy as np

AXES = ((None, False), ((0,), False), ((1,), True), ((0, 2), False), ((0, 1, 2), True))


def samples(draw):
    def reduced(**options):
        made = [draw(draw.normal(2, 3, 2), axis=axis, keepdims=keep, **options) for axis, keep in AXES]
        return [*made, draw(draw.normal(), axis=None, keepdims=False, **options)]

    empty = [draw(draw.normal(0, 2), axis=(0,), keepdims=False), draw(draw.normal(0), axis=None, keepdims=False)]
    made = {name: reduced() + empty for name in ("sum", "sum_dim", "mean", "mean_dim")}
    made |= {name: reduced() for name in ("amax", "amin", "logsumexp")}
    for name in ("var", "std"):
        made[name] = [
            draw(draw.normal(2, 3, 2), axis=axis, keepdims=keep, correction=c)
            for axis, keep in AXES
            for c in (1, 0, 0.5)
        ]
    zeros = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5], [1.0, 2.0, 0.5]])
    made["prod"] = [draw(draw.normal(2, 3), axis=None, keepdims=False), draw(zeros[0], axis=None, keepdims=True)]
    made["prod_dim"] = [
        draw(draw.normal(2, 3), axis=(0,), keepdims=False),
        draw(draw.normal(2, 3), axis=(1,), keepdims=True),
        draw(zeros, axis=(1,), keepdims=False),
        draw(zeros, axis=(0,), keepdims=True),
        draw(draw.normal(2, 0), axis=(1,), keepdims=False),
    ]
    made |= {name: [draw(draw.normal(2, 3)), draw(draw.normal())] for name in ("max", "min")}
    at = draw.index([0, 1, 1])
    made |= {
        name: [draw(draw.normal(2, 3), at, axis=0, keepdims=True), draw(draw.normal(2, 3), at, axis=0, keepdims=False)]
        for name in ("max_dim", "min_dim", "median_dim")
    }
    made["linalg_vector_norm"] = [
        draw(draw.normal(2, 3, 2), p=p, axis=axis, keepdims=keep)
        for p in (2.0, 1.0, 3.0, 0.5, 0.0, math.inf, -math.inf)
        for axis, keep in AXES[:4]
    ]
    made["cumsum"] = [
        draw(draw.normal(2, 3), axis=0),
        draw(draw.normal(2, 3), axis=1),
        draw(draw.normal(0), axis=0),
        draw(draw.normal(), axis=0),
    ]
    made["cumprod"] = [
        draw(draw.normal(2, 3), axis=0),
        draw(draw.normal(4), axis=0),
        draw(zeros, axis=0),
        draw(zeros, axis=1),
        draw(draw.normal(2, 0), axis=1),
        draw(draw.normal(), axis=0),
    ]
    return made
