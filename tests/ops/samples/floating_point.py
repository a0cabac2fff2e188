"""Samples of the functions of signs, exponents, logarithms and angles."""

import numpy as np


def samples(draw):
    tensors_only = ("nextafter", "fmax", "fmin", "logaddexp", "logaddexp2", "hypot")
    made = {name: draw.binary()[:-1] for name in tensors_only}  # the last one is with a number
    made["copysign"] = draw.binary()
    made["xlogy"] = draw.binary(0.3, 2.0)
    made["xlog1py"] = draw.binary(-0.7, 2.0)
    made["entr"] = draw.unary(0.3, 2.0)
    made["frac"] = draw.unary(1.1, 1.4)
    made["angle"] = draw.unary()
    made["sinc"] = draw.unary()
    x = draw.normal(2, 3)
    made["mantissa"] = [draw(x, exponent=-np.frexp(x)[1])]
    made["times_power_of_2"] = [draw(x, exponent=np.array([[1], [-2]])), draw(x[0], exponent=np.array([[1], [-2]]))]
    made["nan_to_num"] = [draw(draw.normal(2, 3), nan=0.0, high=None, low=-1.0)]
    made["logit"] = [
        draw(draw.uniform(0.1, 0.9, 2, 3), low=None, high=None),
        draw(np.array([0.05, 0.4, 0.95]), low=0.1, high=0.9),
    ]
    return made
