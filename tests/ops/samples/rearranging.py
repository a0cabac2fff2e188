"""Samples of sums with products, distances, and of what moves and resamples images."""

import numpy as np

from mytorch.ops.interpolation import Taps, _antialiased, _cubic, _linear, nearest_places
from mytorch.ops.windows import Geometry


def samples(draw):
    n = draw.normal
    windows = Geometry(stride=(2, 1), padding=(0, 1), dilation=(1, 2))
    plain = Geometry(stride=(1,), padding=(0,), dilation=(1,))
    with_product = [
        draw(n(2), n(3, 2), beta=0.5, alpha=2),
        draw(n(), n(2), beta=1, alpha=1),
        draw(n(1, 1), n(2, 2), beta=-1, alpha=0.5),
        draw(n(0), n(0), beta=1, alpha=1),
    ]
    real = np.float64
    nearest = (Taps(nearest_places(3, 2, None, False)[None], None),)
    linear = (_linear(2, 5, None, False, real),)
    both = (_linear(2, 3, None, True, real), _cubic(3, 2, 0.7, False, real))
    smooth = (_antialiased(5, 2, None, False, real, "bilinear"),)
    return {
        "addmv": with_product,
        "addr": with_product[:3],
        "addbmm": with_product[:3],
        "baddbmm": with_product[:3],
        "largest_difference": [draw(n(2, 3)), draw(n(3)), draw(n(2, 0))],
        "rrelu_with_noise": [draw(n(2, 3), draw.uniform(0.1, 1, 2, 3)), draw(n(0), n(0))],
        "im2col": [
            draw(n(1, 1, 3, 3), kernel=(2, 2), geometry=windows),
            draw(n(2, 2, 3), kernel=(2,), geometry=plain),
            draw(n(0, 1, 3), kernel=(2,), geometry=plain),
        ],
        "col2im": [
            draw(n(1, 4, 3), space=(3, 3), kernel=(2, 2), geometry=windows),
            draw(n(2, 4, 2), space=(3,), kernel=(2,), geometry=plain),
        ],
        "resample": [
            draw(n(1, 2, 3), taps=nearest),
            draw(n(1, 2, 2), taps=linear),
            draw(n(1, 1, 2, 3), taps=both),
            draw(n(1, 1, 5), taps=smooth),
            draw(n(0, 1, 2), taps=linear),
        ],
        "resample_back": [
            draw(n(1, 2, 2), taps=nearest, space=(3,)),
            draw(n(1, 1, 5), taps=linear, space=(2,)),
            draw(n(1, 1, 3, 2), taps=both, space=(2, 3)),
        ],
    }
