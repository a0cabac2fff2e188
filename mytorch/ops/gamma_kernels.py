"""The gamma function and its relatives on raw arrays: `lgamma`, `digamma`, and Hurwitz's zeta function.

All are computed in float64 and rounded to the array's own type at the end. The series are those of M. Abramowitz and
I. A. Stegun, "Handbook of Mathematical Functions", 1964, chapters 6 and 23. Each holds where its argument is large;
smaller ones are moved there by the recurrence, and negative ones by reflection.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mytorch.ops.special import narrowed, widened

# The Bernoulli numbers B2, B4, ...
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330,
    854513 / 138, -236364091 / 2730,
)  # fmt: skip
_TERMS = 8  # of the series by Bernoulli numbers, for arguments from 10 on
_EULER = 0.57721566490153286060651209008240243
_LOG_PI, _HALF_LOG_2_PI = math.log(math.pi), 0.5 * math.log(2 * math.pi)


# --- zeta -----------------------------------------------------------------------------------------------------------


def _zeta_of_positive(xp: Any, s: Any, q: Any) -> Any:
    """The sum of (q + k)^-s over k = 0, 1, ... for s > 1, q >= 0: ten terms, and Euler's and Maclaurin's for the rest.

    The formula is 23.2.3 (and 3.6.28) in Abramowitz and Stegun.
    """
    total = xp.zeros_like(q)
    for k in range(10):
        total = total + (q + k) ** -s
    q = q + 10
    total = total + q ** (1 - s) / (s - 1) + 0.5 * q**-s
    factor = s * q ** (-s - 1)
    for k, number in enumerate(_BERNOULLI, 1):
        total = total + number / math.factorial(2 * k) * factor
        factor = factor * (s + 2 * k - 1) * (s + 2 * k) / (q * q)
    return total


def zeta(xp: Any, s: Any, q: Any) -> Any:
    """Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, ..., of each pair of elements.

    It is infinite at s = 1 and where q is 0 or a negative integer; NaN for s < 1, and for negative q unless s is an
    integer.

    >>> import numpy as np
    >>> zeta(np, np.array([2.0, 4.0]), np.array([1.0, 1.0])).round(6)
    array([1.644934, 1.082323])
    """
    s, q = xp.broadcast_arrays(s, q)
    s, q, first = widened(s), widened(q), q
    exponent = xp.where(s > 1, s, 2)
    floor, ceil = xp.floor(q), xp.ceil(q)
    value = _zeta_of_positive(xp, exponent, xp.where(q > 0, q, q - floor))
    if (q <= 0).any():  # the terms with a negative base are those of two sums with positive ones
        below = _zeta_of_positive(xp, exponent, xp.where(q > 0, 1, ceil - q))
        below = below - _zeta_of_positive(xp, exponent, xp.where(q > 0, 1, 1 - q))
        value = xp.where(q > 0, value, value + xp.where(exponent % 2 == 0, below, -below))
        value = xp.where((q <= 0) & (exponent % 1 != 0), math.nan, value)
        value = xp.where((q <= 0) & (q == floor), math.inf, value)
    value = xp.where(xp.isnan(q) | xp.isnan(s) | (s < 1), math.nan, xp.where(s == 1, math.inf, value))
    return narrowed(first, value)


# --- the logarithm of gamma -----------------------------------------------------------------------------------------

# (-1)^k (zeta(k) - 1) / k for k = 2, 3, ...; zeta(k) - 1 is zeta(k, 2).
_POWERS = np.arange(2.0, 32.0)
_NEAR_2 = tuple(float(c) for c in (-1.0) ** _POWERS * zeta(np, _POWERS, np.array(2.0)) / _POWERS)


def _near_2(xp: Any, t: Any) -> Any:
    """log gamma(2 + t) for |t| <= 1/2, exact also near its zero at t = 0: 6.1.33 in Abramowitz and Stegun."""
    total = xp.zeros_like(t)
    for c in reversed(_NEAR_2):
        total = (total + c) * t
    return (total + (1 - _EULER)) * t


def log_gamma_1p(xp: Any, t: Any) -> Any:
    """log gamma(1 + t) of a float64 array with |t| <= 1/2."""
    return _near_2(xp, t) - xp.log1p(t)


def stirling_correction(xp: Any, z: Any) -> Any:
    """log gamma(z) - (z - 1/2) log z + z - log(2 pi) / 2 of a float64 array, for z >= 10: 6.1.40."""
    total = xp.zeros_like(z)
    for k in range(_TERMS, 0, -1):
        total = total / (z * z) + _BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return total / z


def _log_gamma_from_half(xp: Any, z: Any) -> Any:
    """log gamma(z) for z >= 1/2."""
    small = z < 10
    shifted = xp.where(small, z + 8, z)
    product = xp.ones_like(z)
    for k in range(8):
        product = product * xp.where(small, z + k, 1)
    far = (shifted - 0.5) * xp.log(shifted) - shifted + _HALF_LOG_2_PI + stirling_correction(xp, shifted)
    far = xp.where(shifted == math.inf, math.inf, far) - xp.log(product)
    near = xp.where(z < 1.5, log_gamma_1p(xp, xp.clip(z - 1, -0.5, 0.5)), _near_2(xp, xp.clip(z - 2, -0.5, 0.5)))
    return xp.where(z < 2.5, near, far)


def lgamma(xp: Any, x: Any) -> Any:
    """log |gamma(x)| of each element; infinite at 0, at the negative integers and at both infinities.

    >>> import numpy as np
    >>> lgamma(np, np.array([0.5, 1.0, 5.0, -1.0])).round(6)
    array([0.572365, 0.      , 3.178054,      inf])
    """
    z = widened(x)
    direct = _log_gamma_from_half(xp, xp.where(z < 0.5, 1 - z, z))
    reflected = _LOG_PI - xp.log(xp.abs(xp.sin(math.pi * (z - xp.rint(z))))) - direct
    value = xp.where(z < 0.5, reflected, direct)
    return narrowed(x, xp.where(xp.abs(z) == math.inf, math.inf, value))


# --- its derivatives ------------------------------------------------------------------------------------------------


def digamma(xp: Any, x: Any) -> Any:
    """The derivative of log gamma at each element; NaN at the negative integers, infinite at 0 (6.3.18, 6.3.7).

    >>> import numpy as np
    >>> digamma(np, np.array([0.0, 1.0, 2.0])).round(6)
    array([     -inf, -0.577216,  0.422784])
    """
    z = widened(x)
    positive = xp.where(z < 0, 1 - z, z)
    shift, sum_of_inverses = xp.where(positive < 10, 10, 0), 0
    for k in range(9, 0, -1):
        sum_of_inverses = sum_of_inverses + 1 / (positive + k)
    sum_of_inverses = xp.where(shift > 0, sum_of_inverses + 1 / positive, 0)
    w = positive + shift
    tail = xp.zeros_like(z)
    for k in range(_TERMS, 0, -1):
        tail = (tail + _BERNOULLI[k - 1] / (2 * k)) / (w * w)
    value = xp.log(w) - 0.5 / w - tail - sum_of_inverses
    fraction = z - xp.rint(z)
    value = xp.where(z < 0, value - math.pi / xp.tan(math.pi * fraction), value)
    return narrowed(x, xp.where((z < 0) & (fraction == 0), math.nan, value))


def polygamma(xp: Any, x: Any, n: int) -> Any:
    """The n-th derivative of `digamma` at each element: 6.4.10 in Abramowitz and Stegun.

    >>> import numpy as np
    >>> polygamma(np, np.array([1.0, 2.0]), 1).round(6)
    array([1.644934, 0.644934])
    """
    if n == 0:
        return digamma(xp, x)
    factorial = float(math.factorial(n)) if n <= 170 else math.inf
    z = widened(x)
    value = zeta(xp, xp.asarray(n + 1.0), z) * factorial
    return narrowed(x, value if n % 2 else -value)
