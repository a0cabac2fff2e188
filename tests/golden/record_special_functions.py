"""Record special functions to 17 digits, computed by mpmath with 50, in special_functions.json.

Run `python tests/golden/record_special_functions.py`; it needs mpmath (which PyTorch's packages bring along).
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist

import mpmath as mp

POSITIVE = [
    1e-10,
    0.01,
    0.3,
    0.5,
    0.99,
    1.0,
    1.2,
    1.4616,
    1.75,
    2.0,
    2.1,
    2.5,
    3.7,
    7.5,
    9.99,
    10.0,
    33.0,
    1234.5,
    1e15,
]
NEGATIVE = [-0.01, -0.5, -1.3, -2.6, -7.25, -20.4, -99.75]
ANYWHERE = [-8.0, -3.0, -1.0, -0.4, -1e-9, 0.0, 1e-5, 0.3, 0.8, 1.0, 1.5, 3.0, 5.9, 6.1, 12.0, 25.0]
LEVELS = [1e-300, 1e-20, 1e-3, 0.1, 0.2499, 0.25, 0.4, 0.5, 0.7, 0.76, 0.999, 1 - 2**-52]
BESSEL = [-30.0, -2.0, -1e-6, 0.0, 0.5, 3.0, 10.0, 19.9, 20.1, 100.0, 700.0]
PAIRS = [
    (0.001, 0.5), (0.1, 3.0), (0.3, 0.05), (1.0, 1.0), (2.5, 0.1), (5.0, 20.0), (10.0, 9.0), (50.0, 70.0), (200.0, 1.0),
    (300.0, 300.0), (300.0, 500.0), (9000.0, 9200.0), (20000.0, 19800.0), (1e6, 1e6 + 500.0), (1e10, 1e10 - 1e5),
]  # fmt: skip
ZETA = [(1.1, 0.2), (2.0, 1.0), (2.5, 3.0), (7.0, 25.0), (30.0, 1.5), (3.0, -0.5), (4.0, -2.75), (3.0, -10.25)]


def upper_gamma(a, x):
    """Q(a, x) by an integral over its bulk, since the series of mpmath take too long for large a."""
    a, x = mp.mpf(a), mp.mpf(x)
    if a < 1e4:
        return mp.gammainc(a, x, regularized=True)
    width = mp.sqrt(a)
    ends = [x + k * width for k in range(0, 61)]
    return mp.quad(lambda t: mp.exp((a - 1) * mp.log(t) - t - mp.loggamma(a)), ends)


def log_normal(x):
    return mp.log(mp.erfc(-mp.mpf(x) / mp.sqrt(2)) / 2) if x < 0 else mp.log1p(-mp.erfc(mp.mpf(x) / mp.sqrt(2)) / 2)


def quantile(p):
    return (
        mp.mpf(0)
        if p == 0.5
        else mp.findroot(lambda x: log_normal(x) - mp.log(mp.mpf(p)), NormalDist().inv_cdf(p) + 1e-8)
    )


def inverse_erf(y):
    return mp.erfinv(mp.mpf(y))


def hurwitz(s, q):
    """By Euler's and Maclaurin's formula after 60 terms; mpmath's own has too few digits for large s."""
    s, q = mp.mpf(s), mp.mpf(q)
    total, w = mp.fsum((q + k) ** -s if q + k > 0 else (-1) ** int(s) * (-q - k) ** -s for k in range(60)), q + 60
    total += w ** (1 - s) / (s - 1) + w**-s / 2
    factor = s * w ** (-s - 1)
    for k in range(1, 30):
        total += mp.bernoulli(2 * k) / mp.factorial(2 * k) * factor
        factor *= (s + 2 * k - 1) * (s + 2 * k) / w**2
    return total


def record():
    one = {
        "lgamma": (POSITIVE + NEGATIVE, lambda x: mp.re(mp.loggamma(x))),
        "digamma": (POSITIVE + NEGATIVE, mp.digamma),
        "polygamma1": (POSITIVE + NEGATIVE, lambda x: mp.polygamma(1, x)),
        "polygamma4": (POSITIVE[:-1] + NEGATIVE, lambda x: mp.polygamma(4, x)),
        "erfc": (ANYWHERE, mp.erfc),
        "erfcx": (ANYWHERE, lambda x: mp.exp(x * x) * mp.erfc(x)),
        "log_ndtr": ([*ANYWHERE, -40.0, -1e5], log_normal),
        "erfinv": ([-0.9, -0.5, -1e-20, 0.0, 0.3, 0.4999, 0.75, 0.999, 1 - 1e-10, 1 - 2**-52], inverse_erf),
        "ndtri": (LEVELS, lambda p: quantile(float(p))),
        "i0": (BESSEL, lambda x: mp.besseli(0, x)),
        "i1": (BESSEL, lambda x: mp.besseli(1, x)),
        "i0e": ([*BESSEL, 1e6], lambda x: mp.exp(-abs(x)) * mp.besseli(0, x)),
        "i1e": ([*BESSEL, 1e6], lambda x: mp.exp(-abs(x)) * mp.besseli(1, x)),
    }
    two = {
        "igammac": (PAIRS, upper_gamma),
        "igamma": (PAIRS, lambda a, x: 1 - upper_gamma(a, x)),
        "zeta": (ZETA, hurwitz),
    }
    found = {name: [[x, float(function(mp.mpf(x)))] for x in at] for name, (at, function) in one.items()}
    return found | {name: [[*x, float(function(*x))] for x in at] for name, (at, function) in two.items()}


if __name__ == "__main__":
    mp.mp.dps = 50
    lines = [f'"{name}": {json.dumps(rows)}' for name, rows in record().items()]
    Path(__file__).with_name("special_functions.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
