"""Samples of attention: masks of both kinds, dropped weights, batches that broadcast, rows that see nothing, empty."""

import itertools

import numpy as np


def samples(draw):
    plain = {"allowed": None, "scale": 0.7, "keep": None, "by_query": False}
    q, k, v = (2, 2), (3, 2), (3, 1)
    causal, nothing = np.tri(2, 3, dtype=bool), np.array([[True, False, True], [False, False, False]])
    drop = np.float32([[2, 0, 2], [0, 2, 2]])

    def one(*shapes, bias=None, **options):
        return draw(*(draw.normal(*shape) for shape in shapes), bias, **{**plain, **options})

    attention = [
        one(q, k, v),
        one(q, k, v, bias=draw.normal(2, 3)),
        one(q, k, v, bias=draw.normal(2, 1), allowed=causal),
        one(q, k, v, allowed=nothing),
        one(q, k, v, keep=drop),
        one(q, k, v, keep=drop, allowed=causal),
        one(q, k, v, scale=200.0),
        one((1, 2, 2, 1), (2, 1, 3, 1), (2, 1, 3, 2), by_query=True),
        one((1, 2, 2), (3, 2), (2, 3, 1), bias=draw.normal(2, 1, 3)),
        one((2, 0), (3, 0), (3, 1)),
        one((2, 2), (0, 2), (0, 1)),
        one((0, 2), (3, 2), (3, 1)),
    ]
    heads = [
        draw(draw.normal(2, 2, 6), bias, allowed=allowed, scale=0.7, keep=keep, heads=heads, batch_first=batch_first)
        for heads, batch_first, (bias, allowed, keep) in itertools.product(
            (1, 2),
            (True, False),
            (
                (None, None, None),
                (draw.normal(2, 1, 2, 2), None, None),
                (None, np.tri(2, dtype=bool), np.float32([[2, 0], [2, 2]])),
            ),
        )
    ]
    return {"attention": attention, "self_attention": heads}
