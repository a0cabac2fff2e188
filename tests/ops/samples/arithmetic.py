"""Samples of arithmetic on two operands."""

import numpy as np


def samples(draw):
    made = {name: draw.binary() for name in ("add", "sub", "rsub", "mul", "maximum", "minimum")}
    made |= {name: draw.binary(0.5, 2.0) for name in ("div", "atan2", "pow", "div_floor", "div_trunc")}
    # One quotient, between two integers, so that no step is near.
    inside = [
        draw(draw.uniform(2.2, 2.4, 2, 3), draw.uniform(0.9, 1.0, 3)),
        draw(draw.uniform(2.2, 2.4), draw.uniform(0.9, 1.0, 2)),
    ]
    for name in ("remainder", "fmod", "remainder_number", "fmod_number", "div_floor", "div_trunc"):
        made[name] = inside
    made["rsub_number"] = [draw(draw.normal(2, 3), 1.5)]
    made["pow_number"] = [draw(draw.normal(3), n) for n in (0, 1, 2, 3, -1, -2)] + [
        draw(draw.uniform(0.5, 2.0, 2, 2), 0.5)
    ]
    made["number_pow"] = [draw(draw.normal(2, 3), 2.0), draw(draw.normal(), 0.5)]
    condition = np.array([[True, False, True], [False, False, True]])
    made["where"] = [
        draw(condition, draw.normal(2, 3), draw.normal(2, 3)),
        draw(condition, draw.normal(3), draw.normal(2, 1)),
        draw(condition[0], draw.normal(), draw.normal(2, 3)),
        draw(np.array(True), draw.normal(), draw.normal()),
        draw(np.zeros((0,), bool), draw.normal(0), draw.normal(1)),
    ]
    return made
