"""Samples of writing to places that indices name, and of scattering with a reduction."""

import numpy as np

from mytorch.ops.indexing import parse


def samples(draw):
    x = draw.normal(3, 2)
    rows, _ = parse((slice(None), np.array([1, 0])), x.shape)
    mask, _ = parse((np.array([True, False, True]),), x.shape)
    twice, _ = parse((np.array([0, 2, 0]),), x.shape)
    whole, _ = parse((slice(None), slice(0, 1)), x.shape)
    made = {
        name: [draw(x, draw.normal(3, 2), index=rows), draw(x, draw.normal(2), index=mask), draw(x, 0, index=mask)]
        for name in ("index_copy", "put_flat", "masked_scatter")
    }
    made["index_put_accumulate"] = [
        draw(x, draw.normal(3, 2), index=twice),
        draw(x, draw.normal(2), index=twice),
        draw(x, draw.normal(), index=mask),
        draw(x, draw.normal(3, 1), index=whole),
    ]

    at = draw.index([0, 1, 0], [0, 1, 1])
    source = draw.normal(2, 3)
    made["scatter_product"] = [draw(draw.normal(2, 3), at, source, axis=0), draw(draw.normal(2, 2), at, source, axis=1)]
    one_zero, zeros = source.copy(), source.copy()
    one_zero[0, 0] = 0
    zeros[:, 1] = zeros[0, 0] = 0
    for values in (one_zero, zeros, np.zeros((2, 3))):
        made["scatter_product"].append(draw(draw.normal(2, 3), at, values, axis=0))
    made["scatter_product"].append(draw(np.array([0.0, 2.0]), draw.index(0, 0, 1, 0, 0), draw.normal(5), axis=0))
    for name in ("scatter_largest", "scatter_smallest"):
        made[name] = [draw(draw.normal(2, 3), at, source, axis=0), draw(draw.normal(2, 2), at, source, axis=1)]
    return made
