"""Samples of the gamma function's family, the error function's and Bessel functions."""

import numpy as np


def samples(draw):
    made = {name: draw.unary(0.3, 4.0) for name in ("lgamma", "digamma")}
    made["polygamma"] = [draw(draw.uniform(0.5, 4.0, 2, 3), n=n) for n in (1, 2, 3)]
    made["mvlgamma"] = [draw(draw.uniform(2.0, 4.0, 2, 3), p=p) for p in (1, 3)]
    made |= {name: draw.unary(-1.5, 1.5) for name in ("erfc", "erfcx", "log_ndtr", "bessel_i0", "i1", "i0e", "i1e")}
    made["erfinv"] = draw.unary(-0.8, 0.8)
    made["ndtri"] = draw.unary(0.1, 0.9)
    # There is no derivative by the first input, so it is an integer here (of 8 bits: float32 stays float32 beside it).
    made["zeta"] = [draw(np.array([2, 3, 4], np.int8), draw.uniform(0.5, 3.0, 2, 3))]
    made["igamma"] = made["igammac"] = [draw(np.array([1, 2], np.int8), draw.uniform(0.5, 3.0, 3, 2))]
    return made
