"""Samples of pooling: windows that lie apart, that overlap, and that hang over the border."""

import numpy as np

import mytorch
from mytorch.ops import pooling
from mytorch.ops.windows import Geometry

# space, kernel, stride, padding, dilation
CASES = [
    ((4,), (2,), (2,), (0,), (1,)),
    ((5,), (3,), (1,), (1,), (1,)),
    ((5,), (2,), (1,), (0,), (2,)),
    ((4, 2), (2, 2), (2, 2), (0, 0), (1, 1)),
    ((3, 3), (2, 3), (1, 2), (1, 1), (1, 1)),
    ((2, 2, 3), (2, 1, 2), (1, 1, 1), (0, 0, 0), (1, 1, 1)),
]


def samples(draw):
    names = "max_pool", "max_pool_back", "max_pool_pick", "avg_pool", "avg_pool_back"
    made = {name: [] for name in (*names, "adaptive_avg_pool", "adaptive_avg_pool_back")}
    for space, kernel, stride, padding, dilation in CASES:
        x = draw.random.permutation(float(np.prod(space)) * np.arange(np.prod(space))).reshape(1, 1, *space)
        options = {"kernel": kernel, "geometry": Geometry(stride, padding, dilation)}
        pool = getattr(pooling, f"max_pool{len(space)}d")
        y = pool(mytorch.tensor(x), kernel, stride, padding, dilation).array
        sizes = y.shape[2:]
        made["max_pool"].append(draw(x, sizes=sizes, **options))
        made["max_pool_back"].append(draw(draw.normal(1, 1, *sizes), x, y, **options))
        made["max_pool_pick"].append(draw(draw.normal(1, 1, *space), x, y, **options))
        if max(dilation) == 1:
            for include_pad, divisor in ((True, None), (False, None), (True, 3)):
                options |= {"include_pad": include_pad, "divisor": divisor}
                made["avg_pool"].append(draw(draw.normal(1, 2, *space), sizes=sizes, **options))
                made["avg_pool_back"].append(draw(draw.normal(1, 2, *sizes), sizes=space, **options))
        made["adaptive_avg_pool"].append(draw(draw.normal(2, 1, *space), sizes=sizes))
        made["adaptive_avg_pool_back"].append(draw(draw.normal(2, 1, *sizes), sizes=space))
    for name in ("max_pool", "avg_pool", "adaptive_avg_pool"):
        made[f"{name}3d"] = [made[name][-1]]
    return made
