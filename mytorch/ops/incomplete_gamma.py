"""The regularized incomplete gamma functions P (`igamma`) and Q = 1 - P (`igammac`), kernels and table.

Three ways lead to them, each where it is good: the power series of P for x below a, the continued fraction of Q for x
above a (both in chapter 6.5 of M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 1964), and for
large a and x near it, where both converge slowly, the uniform expansion of N. M. Temme, "The asymptotic expansion of
the incomplete gamma functions", SIAM Journal on Mathematical Analysis 10, 1979. All is computed in float64.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply2
from mytorch.autograd.primitive import Primitive
from mytorch.ops import gamma  # noqa: F401 - `lgamma` must be in the table
from mytorch.ops.arguments import check_kind, check_tensors
from mytorch.ops.gamma_kernels import lgamma, log_gamma_1p, stirling_correction
from mytorch.ops.special import erfc, narrowed, widened

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_LARGE = 1e4  # from this a on, Temme's expansion is used where |x - a| < a / 10; elsewhere the others need
_STEPS = 2000  # fewer steps than this
_PRECISE = 4e-16

# Temme's C_0, C_1, C_2 as polynomials in eta, from the lowest power up: 8.12.9 to 8.12.13 of the NIST Digital Library
# of Mathematical Functions. The first omitted terms are below 1e-16 for the a and x that they are used for.
_TEMME = (
    (
        -1 / 3, 1 / 12, -2 / 135, 1 / 864, 1 / 2835, -139 / 777600, 1 / 25515, -571 / 261273600, -281 / 151559100,
        163879 / 197522841600, -5221 / 29554024500,
    ),
    (-1 / 540, -1 / 288, 1 / 378, -77 / 77760, 1 / 4860, -1 / 2488320, -2743 / 151559100),
    (0.004133597883597883, -0.0026813271604938273, 0.0007716049382716049, 2.0093878600823047e-06),
)  # fmt: skip


def _excess(xp: Any, a: Any, x: Any) -> Any:
    """m - log(1 + m) for m = x / a - 1. Where m is small, log(1 + m) = 2 artanh r with r = m / (2 + m)."""
    m = (x - a) / a
    r = xp.clip(m, -0.5, 0.5)
    r = r / (2 + r)
    total = xp.zeros_like(r)
    for k in range(17, 0, -1):
        total = total * (r * r) + 1 / (2 * k + 1)
    return xp.where(xp.abs(m) < 0.5, 2 * r * r * (1 / (1 - r) - r * total), m - xp.log(x / a))


def _density(xp: Any, a: Any, x: Any) -> Any:
    """x^a e^-x / gamma(a + 1), for large a from Stirling's formula, so that no large numbers are subtracted."""
    many = xp.maximum(a, 10)
    large = -many * _excess(xp, many, x) - stirling_correction(xp, many) - 0.5 * xp.log(2 * math.pi * many)
    return xp.exp(xp.where(a < 10, a * xp.log(x) - x - lgamma(xp, xp.minimum(a, 10) + 1), large))


def _series(xp: Any, a: Any, x: Any) -> Any:
    """P for x < a + 1: 6.5.29."""
    term = total = xp.ones_like(x)
    for n in range(1, _STEPS):
        term = term * x / (a + n)
        total = total + term
        if not (term > 0.1 * _PRECISE * total).any():
            break
    return _density(xp, a, x) * total


def _small_series(xp: Any, a: Any, x: Any) -> Any:
    """Q for a < 1/2 and x < a + 1, where it may be small: 6.5.29 with its first term drawn together with 1."""
    term, total = xp.ones_like(x), xp.zeros_like(x)
    for n in range(1, 40):
        term = -term * x / n
        total = total + term / (a + n)
    power = a * xp.log(x) - log_gamma_1p(xp, a)
    return -xp.expm1(power) - a * xp.exp(power) * total


def _fraction(xp: Any, a: Any, x: Any) -> Any:
    """Q for x >= a + 1: the continued fraction 6.5.31 in its even form, by W. J. Lentz's method."""
    denominator = x + 1 - a
    forward, backward = xp.full_like(x, math.inf), 1 / denominator
    total = backward
    for n in range(1, _STEPS):
        numerator = n * (a - n)
        denominator = denominator + 2
        backward = 1 / (denominator + numerator * backward)
        forward = denominator + numerator / forward
        total = total * (forward * backward)
        if not (xp.abs(forward * backward - 1) > _PRECISE).any():
            break
    return _density(xp, a, x) * a * total


def _temme(xp: Any, a: Any, x: Any, upper: bool) -> Any:
    """P or Q for large a and x near a."""
    half_square = _excess(xp, a, x)
    eta = xp.copysign(xp.sqrt(2 * half_square), x - a)
    rest = xp.zeros_like(a)
    for row in reversed(_TEMME):
        polynomial = xp.zeros_like(eta)
        for c in reversed(row):
            polynomial = polynomial * eta + c
        rest = rest / a + polynomial
    rest = rest * xp.exp(-a * half_square) / xp.sqrt(2 * math.pi * a)
    sign = 1 if upper else -1
    return 0.5 * erfc(xp, sign * eta * xp.sqrt(a / 2)) + sign * rest


def incomplete_gamma(xp: Any, a: Any, x: Any, upper: bool) -> Any:
    """Q if `upper`, else P, of each pair of elements; NaN where one is negative.

    >>> import numpy as np
    >>> incomplete_gamma(np, np.array([1.0, 2.0]), np.array([1.0, 1.0]), upper=False).round(6)
    array([0.632121, 0.264241])
    """
    a, x = xp.broadcast_arrays(a, x)
    a, x, first = widened(a), widened(x), x
    out = xp.full(x.shape, math.nan)
    out[(a >= 0) & (x >= 0) & (a < x)] = 0.0 if upper else 1.0  # right where a is 0 or x infinite
    out[(x >= 0) & (x < a)] = 1.0 if upper else 0.0  # right where x is 0 or a infinite
    regular = (a > 0) & (x > 0) & (a < math.inf) & (x < math.inf)
    near = regular & (a >= _LARGE) & (xp.abs(x - a) < 0.1 * a)
    far = regular & ~near & (x >= a + 1)
    below = regular & ~near & ~far
    small = below & (a < 0.5) if upper else xp.zeros_like(below)
    below = below & ~small
    if near.any():
        out[near] = _temme(xp, a[near], x[near], upper)
    if far.any():
        q = _fraction(xp, a[far], x[far])
        out[far] = q if upper else 1 - q
    if below.any():
        p = _series(xp, a[below], x[below])
        out[below] = 1 - p if upper else p
    if small.any():
        out[small] = _small_series(xp, a[small], x[small])
    return narrowed(first, out)


def _refuse(name: str) -> Any:
    raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")


def _slope(xp: Any, a: Any, x: Any) -> Any:
    """x^(a-1) e^-x / gamma(a), the derivative of P by x."""
    return xp.exp((a - 1) * xp.log(x) - x - xp.lgamma(a))


_igamma = Primitive(
    "igamma",
    lambda xp, a, x: incomplete_gamma(xp, a, x, upper=False),
    [lambda xp, g, _out, _a, _x: _refuse("igamma"), lambda xp, g, _out, a, x: g * _slope(xp, a, x)],
)
_igammac = Primitive(
    "igammac",
    lambda xp, a, x: incomplete_gamma(xp, a, x, upper=True),
    [lambda xp, g, _out, _a, _x: _refuse("igammac"), lambda xp, g, _out, a, x: -g * _slope(xp, a, x)],
)


def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularized lower incomplete gamma function P(input, other), which rises from 0 to 1 with `other`.

    There is no derivative by `input`, as in PyTorch: a backward pass that needs it raises NotImplementedError.

    >>> import mytorch
    >>> igamma(mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 1.0]))
    tensor([0.6321, 0.2642])
    """
    check_tensors("igamma", input, other)
    check_kind("igamma", "f", input, other)
    return apply2(_igamma, input, other)


def igammac(input: Tensor, other: Tensor) -> Tensor:
    """1 - `igamma`, exact also where it is nearly 0.

    >>> import mytorch
    >>> igammac(mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 1.0]))
    tensor([0.3679, 0.7358])
    """
    check_tensors("igammac", input, other)
    check_kind("igammac", "f", input, other)
    return apply2(_igammac, input, other)
