"""Samples of rows picked from a table, some twice and some never.

The factors of `embedding` are a rule of PyTorch's for the gradient and no derivative; the two others have them.
"""

import numpy as np


def samples(draw):
    index = draw.index([2, 0, 2], [1, 1, 2])
    factor = np.array([[0.5, 1.0, 0.0], [1.0, 0.25, 2.0]])
    made = {name: [] for name in ("embedding", "embedding_back", "embedding_scaled")}
    for where, scale in ((index, factor), (index, None), (index[:0], None), (np.array(1), None)):
        made["embedding"].append(draw(draw.normal(4, 2), index=where, factor=None))
        made["embedding_scaled"].append(draw(draw.normal(4, 2), index=where, factor=scale))
        made["embedding_back"].append(draw(draw.normal(*where.shape, 2), index=where, factor=scale, rows=4))
    return made
