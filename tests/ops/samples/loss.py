"""Samples of losses: every reduction, with and without broadcasting, weights and rows that do not count."""

import numpy as np


def samples(draw):
    pairs = [
        (draw.normal(3, 2), draw.normal(3, 2)),
        (draw.normal(2, 1), draw.normal(3)),
        (draw.normal(), draw.normal()),
    ]
    made = {
        name: [draw(x, y, reduction=reduction, size=size) for x, y in pairs for reduction in ("mean", "sum", "none")]
        for name, size in (("mse_loss", 1.0), ("l1_loss", 1.0), ("smooth_l1_loss", 0.7), ("huber_loss", 1.2))
    }
    target = draw.index(2, 0, 2)
    weights = np.array([True, False, True])
    rows = [
        draw(draw.normal(3, 4), target=target, weights=w, norm=norm)
        for w in (None, weights)
        for norm in (None, 1.0, 2.5)
    ]
    ignored = draw(draw.normal(3, 4), target=target, weights=np.zeros(3, bool), norm=1.0)
    empty = draw(draw.normal(0, 4), target=target[:0], weights=None, norm=1.0)
    made["nll_loss"] = made["cross_entropy"] = [*rows, ignored, empty]
    made["pick"] = [draw(draw.normal(3, 4), target=target), draw(draw.normal(0, 4), target=target[:0])]
    made["put_picked"] = [
        draw(draw.normal(3), target=target, shape=(3, 4)),
        draw(draw.normal(), target=target, shape=(3, 4)),
    ]
    between = draw.uniform(0.1, 0.9, 3, 2), draw.uniform(0.1, 0.9, 3, 2)
    made["binary_cross_entropy"] = [draw(*between), draw(draw.uniform(0.1, 0.9), draw.uniform(0.1, 0.9))]
    made["binary_cross_entropy_with_logits"] = [
        draw(draw.normal(3, 2), between[0]),
        draw(draw.normal(), np.asarray(0.3)),
    ]
    made["above_zero"] = draw.unary()
    return made
