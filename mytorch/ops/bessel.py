"""The modified Bessel functions of the first kind of orders 0 and 1, `i0` and `i1`, also scaled by e^-|x|.

Both are computed in float64 from their power series up to |x| = 20 (9.6.10 in M. Abramowitz and I. A. Stegun,
"Handbook of Mathematical Functions", 1964), and beyond by the asymptotic one (9.7.1), whose smallest term is then below
1e-17.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply1
from mytorch.autograd.primitive import Primitive
from mytorch.ops.special import narrowed, widened

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_FAR = 20.0


def _scaled(xp: Any, x: Any, order: int) -> Any:
    """e^-x I(x) of a float64 array for x >= 0."""
    near, far = xp.minimum(x, _FAR), xp.maximum(x, _FAR)
    quarter = 0.25 * near * near
    series = xp.ones_like(x)
    for k in range(60, 0, -1):
        series = 1 + series * quarter / (k * (k + order))
    series = series * xp.exp(-near) * (0.5 * near) ** order
    tail = xp.ones_like(x)
    for k in range(30, 0, -1):
        tail = 1 - tail * (4 * order * order - (2 * k - 1) ** 2) / (8 * k * far)
    return xp.where(x < _FAR, series, tail / xp.sqrt(2 * math.pi * far))


def bessel_i(xp: Any, x: Any, order: int, scaled: bool) -> Any:
    """I of order 0 or 1 of each element, or e^-|x| I(x) if `scaled`.

    >>> import numpy as np
    >>> bessel_i(np, np.array([0.0, 1.0, -1.0]), order=1, scaled=False).round(6)
    array([ 0.      ,  0.565159, -0.565159])
    """
    wide = widened(x)
    size = xp.abs(wide)
    out = _scaled(xp, size, order)
    if not scaled:
        out = xp.where(size > 800, math.inf, out * xp.exp(0.5 * size) * xp.exp(0.5 * size))
    return narrowed(x, xp.copysign(out, wide) if order else out)


def _slope_of_i1(xp: Any, x: Any, i0: Any, i1: Any) -> Any:
    """I1's derivative I0(x) - I1(x) / x, which is 1/2 at 0."""
    return xp.where(x == 0, 0.5, i0 - i1 / xp.where(x == 0, 1, x))


_real = functools.partial(Primitive, to_float=True)
_i0 = _real(  # NumPy has an i0, so the entry has another name
    "bessel_i0",
    lambda xp, x: bessel_i(xp, x, 0, False),
    [lambda xp, g, _out, x: g * xp.i1(x)],
    grad_name="I0Backward0",
)
_i1 = _real(
    "i1",
    lambda xp, x: bessel_i(xp, x, 1, False),
    [lambda xp, g, out, x: g * _slope_of_i1(xp, x, xp.bessel_i0(x), out)],
    grad_name="SpecialI1Backward0",
    math={"x": "g * (bessel_i0(x) - y / x)"},
)
_i0e = _real(
    "i0e",
    lambda xp, x: bessel_i(xp, x, 0, True),
    [lambda xp, g, out, x: g * (xp.i1e(x) - xp.sign(x) * out)],
    grad_name="SpecialI0EBackward0",
)
_i1e = _real(
    "i1e",
    lambda xp, x: bessel_i(xp, x, 1, True),
    [lambda xp, g, out, x: g * (_slope_of_i1(xp, x, xp.i0e(x), out) - xp.sign(x) * out)],
    grad_name="SpecialI1EBackward0",
    math={"x": "g * (i0e(x) - y / x - sign(x) * y)"},
)


def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind of order 0, of each element.

    >>> import mytorch
    >>> i0(mytorch.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return apply1(_i0, input)


def i0e(input: Tensor) -> Tensor:
    """e^-|x| `i0`(x) of each element, which does not overflow.

    >>> import mytorch
    >>> i0e(mytorch.tensor([0.0, 1000.0]))
    tensor([1.0000, 0.0126])
    """
    return apply1(_i0e, input)


def i1(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind of order 1, of each element.

    >>> import mytorch
    >>> i1(mytorch.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return apply1(_i1, input)


def i1e(input: Tensor) -> Tensor:
    """e^-|x| `i1`(x) of each element, which does not overflow.

    >>> import mytorch
    >>> i1e(mytorch.tensor([0.0, 1000.0]))
    tensor([0.0000, 0.0126])
    """
    return apply1(_i1e, input)
