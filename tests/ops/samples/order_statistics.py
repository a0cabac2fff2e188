"""Samples of elements by rank, and of running results."""

import numpy as np


def samples(draw):
    x = draw.normal(3, 2)
    at, places = draw.index([0, 2]), draw.index([0, 0], [1, 0], [1, 2])
    made = {
        name: [draw(x, at, axis=0, keepdims=False), draw(x, draw.index([1], [0], [1]), axis=1, keepdims=True)]
        for name in ("kthvalue", "mode", "nanmedian_dim")
    }
    for name in ("cummax", "cummin"):
        made[name] = [draw(x, places, axis=0)]
    made["logcumsumexp"] = [
        draw(x, axis=0),
        draw(x, axis=1),
        draw(draw.normal(), axis=0),
        draw(np.array([200.0, 1.0, 201.0, 200.5]), axis=0),
    ]
    return made
