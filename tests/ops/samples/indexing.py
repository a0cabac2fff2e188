"""Samples of picking and placing by index and by mask, and of limiting to a range."""

import numpy as np

from mytorch.ops.indexing import parse

INDICES = {
    "getitem": (
        ([0, 2, 0],),
        (slice(None), [1, 0]),
        ([0, 1], [0, 1]),
        (np.array([True, False, True]),),
        (0, None, [1, 1]),
    ),
    "getitem_select": ((1,), (0, 1), (slice(None), -1)),
    "getitem_slice": ((slice(1, None),), (slice(None, None, 2), slice(0, 1))),
    "getitem_unsqueeze": ((None,), (0, None)),
    "getitem_alias": ((),),
}


def samples(draw):
    x = draw.normal(3, 2)
    parsed = {name: [parse(index, (3, 2))[0] for index in indices] for name, indices in INDICES.items()}
    everything = [index for indices in parsed.values() for index in indices]
    made = {name: [draw(x, index=index) for index in indices] for name, indices in parsed.items()}
    sizes = [draw(x, index=i).inputs[0][i.basic] for i in everything]
    picked = [v if i.advanced is None else v[i.advanced] for v, i in zip(sizes, everything, strict=True)]
    made["put_back"] = [
        draw(draw.normal(*p.shape), index=i, shape=(3, 2)) for p, i in zip(picked, everything, strict=True)
    ]
    once = [(p, i) for p, i in zip(picked, everything, strict=True) if i.once]
    for name in ("index_put", "copy_slices"):
        made[name] = [draw(x, draw.normal(*p.shape), index=i) for p, i in once]
        made[name] += [draw(x, draw.normal(), index=i) for _, i in once] + [draw(x, 0, index=once[0][1])]
    at = draw.index([0, 1], [2, 0])
    for name in ("gather", "sort", "topk"):
        made[name] = [draw(x, at, axis=0), draw(x, draw.index([0], [1], [1]), axis=1)]
    made["gather"].append(draw(x, np.zeros((0, 2), np.int64), axis=0))
    made["scatter_back"] = [draw(draw.normal(2, 2), at, axis=0, shape=(3, 2))]
    made["scatter"] = [draw(x, at, draw.normal(2, 2), axis=0)]
    made["scatter_number"] = [draw(x, at, 1.5, axis=0)]
    made["scatter_add"] = [draw(x, draw.index([0, 1], [0, 0]), draw.normal(2, 2), axis=0)]
    places = draw.index(1, 0, 1)
    made["index_select"] = [draw(x, places, axis=0), draw(x, places, axis=1)]
    made["index_back"] = [draw(draw.normal(3, 2), places, axis=0, shape=(3, 2))]
    made["index_add"] = [draw(x, places, draw.normal(3, 2), axis=0)]
    mask = np.array([[True, False], [False, False], [True, True]])
    made["masked_fill"] = [draw(x, mask, draw.normal()), draw(draw.normal(2), mask, draw.normal())]
    made["masked_fill_number"] = [draw(x, mask, value=2.0), draw(draw.normal(2), mask, value=0.0)]
    made["masked_select"] = [draw(x, mask)]
    made["masked_back"] = [draw(draw.normal(3), mask, shape=(3, 2))]

    wide = np.array([[-1.5, 0.2], [0.4, 2.0], [-0.3, 0.7]])
    low, high = np.array([-0.5, -0.1]), np.array([[0.5], [0.6], [1.0]])
    made["clamp"] = [draw(wide, low, high), draw(wide, low, None), draw(wide, None, high), draw(wide, high, low)]
    made["clamp_number"] = [
        draw(wide, low=-0.5, high=0.5),
        draw(wide, low=0.0, high=None),
        draw(wide, low=None, high=0.1),
    ]
    made["clamp_min"] = [draw(wide, low, None)]
    made["clamp_max"] = [draw(wide, None, high)]
    made["clamp_min_number"] = [draw(wide, low=0.0, high=None)]
    made["clamp_max_number"] = [draw(wide, low=None, high=0.1)]
    return made
