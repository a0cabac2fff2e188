"""Samples of normalizations: with and without weight and bias, in several shapes, and empty."""

import itertools

import numpy as np


def samples(draw):
    def by_channel(shape, **options):
        c = shape[1]
        return [
            draw(draw.normal(*shape), draw.normal(c) if w else None, draw.normal(c) if b else None, **options)
            for w, b in itertools.product((True, False), repeat=2)
        ]

    common = {"eps": 1e-3, "running": None}
    batch = [(4, 2), (2, 2, 3), (2, 1, 2, 2), (3, 2, 1, 1), (0, 2)]
    grouped = [((2, 4), 2), ((2, 2, 3), 1), ((1, 4, 2), 2), ((1, 2, 1, 1, 3), 2)]
    made = {
        "batch_norm": [s for shape in batch for s in by_channel(shape, **common)],
        "group_norm": [s for shape, groups in grouped for s in by_channel(shape, groups=groups, **common)],
        "instance_norm": [s for shape in batch[1:3] for s in by_channel(shape, groups=shape[1], **common)],
        "batch_norm_fixed": [
            s
            for shape in batch
            for s in by_channel(shape, m=np.float32([0.5, -1])[: shape[1]], r=np.float32([2, 0.7])[: shape[1]])
        ],
    }
    rows = [((3, 3), 1), ((2, 2, 2), 2), ((4,), 1), ((0, 2), 1), ((2, 0), 1)]
    for name, center in (("layer_norm", True), ("rms_norm", False)):
        made[name] = [
            draw(
                draw.normal(*shape),
                draw.normal(*shape[-dims:]) if w else None,
                draw.normal(*shape[-dims:]) if b and center else None,
                dims=dims, eps=1e-3, center=center,
            )
            for (shape, dims), w, b in itertools.product(rows, (True, False), (True, False))
        ]  # fmt: skip
    return made
