"""The complementary error function, inverses, and the normal distribution's functions, for users.

How they are computed is in `special`; `erf` itself stands with the elementary functions. In the table, `g` is the
gradient of the result, `out` the result and `x` the input.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from mytorch.autograd.application import apply1
from mytorch.autograd.primitive import Primitive
from mytorch.ops import special

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_ROOT_PI, _ROOT_HALF, _ROOT_2_PI = math.sqrt(math.pi), math.sqrt(0.5), math.sqrt(2 * math.pi)

_real = functools.partial(Primitive, to_float=True)

_erfc = _real("erfc", special.erfc, [lambda xp, g, _out, x: g * (-2 / _ROOT_PI) * xp.exp(-x * x)])
_erfcx = _real(
    "erfcx",
    special.erfcx,
    [lambda xp, g, out, x: g * (2 * x * out - 2 / _ROOT_PI)],
    grad_name="SpecialErfcxBackward0",
)
_erfinv = _real("erfinv", special.erfinv, [lambda xp, g, out, _x: g * (0.5 * _ROOT_PI) * xp.exp(out * out)])
_ndtri = _real(
    "ndtri",
    special.ndtri,
    [lambda xp, g, out, _x: g * _ROOT_2_PI * xp.exp(0.5 * (out * out))],
    grad_name="SpecialNdtriBackward0",
)
_log_ndtr = _real(
    "log_ndtr",
    special.log_ndtr,
    [lambda xp, g, _out, x: g * (2 / _ROOT_2_PI) / xp.erfcx(x * -_ROOT_HALF)],
    grad_name="SpecialLogNdtrBackward0",
)


def erfc(input: Tensor) -> Tensor:
    """1 - erf(x) of each element, exact also where it is nearly 0.

    >>> import mytorch
    >>> erfc(mytorch.tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    """
    return apply1(_erfc, input)


def erfcx(input: Tensor) -> Tensor:
    """e^(x^2) erfc(x) of each element, which does not underflow.

    >>> import mytorch
    >>> erfcx(mytorch.tensor([0.0, 1.0, 100.0]))
    tensor([1.0000, 0.4276, 0.0056])
    """
    return apply1(_erfcx, input)


def erfinv(input: Tensor) -> Tensor:
    """The y with erf(y) = x, of each element: infinite at -1 and 1, NaN beyond.

    >>> import mytorch
    >>> erfinv(mytorch.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.4769,    inf])
    """
    return apply1(_erfinv, input)


def ndtr(input: Tensor) -> Tensor:
    """The probability that a standard normal number is below x, of each element.

    >>> import mytorch
    >>> ndtr(mytorch.tensor([-1.96, 0.0]))
    tensor([0.0250, 0.5000])
    """
    return 0.5 * erfc(input * -_ROOT_HALF)


def ndtri(input: Tensor) -> Tensor:
    """The inverse of `ndtr`: infinite at 0 and 1, NaN beyond.

    >>> import mytorch
    >>> ndtri(mytorch.tensor([0.025, 0.5]))
    tensor([-1.9600,  0.0000])
    """
    return apply1(_ndtri, input)


def log_ndtr(input: Tensor) -> Tensor:
    """The logarithm of `ndtr`, exact also where that is nearly 0 or underflows.

    >>> import mytorch
    >>> log_ndtr(mytorch.tensor([-100.0, 0.0]))
    tensor([-5.0055e+03, -6.9315e-01])
    """
    return apply1(_log_ndtr, input)
