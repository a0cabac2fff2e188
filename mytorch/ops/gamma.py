"""Functions around the gamma function, for users: `lgamma`, `digamma`, `polygamma`, `mvlgamma`, `zeta`.

How they are computed is in `gamma_kernels`. In the table, `g` is the gradient of the result, `x` the input.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, apply1, apply2, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import default_float
from mytorch.ops import gamma_kernels
from mytorch.ops.arguments import check_one_tensor, check_tensors

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

_LOG_PI = math.log(math.pi)

_lgamma = Primitive("lgamma", gamma_kernels.lgamma, [lambda xp, g, _out, x: g * xp.digamma(x)], to_float=True)
_digamma = Primitive("digamma", gamma_kernels.digamma, [lambda xp, g, _out, x: g * xp.polygamma(x, 1)], to_float=True)
_polygamma = Primitive(
    "polygamma",
    gamma_kernels.polygamma,
    [lambda xp, g, _out, x, n: g * xp.polygamma(x, n + 1)],
    math={
        "y": "polygamma(x, n)",
    },
)
_mvlgamma = Primitive(
    "mvlgamma",
    lambda xp, x, p: _over_dimensions(xp.lgamma, x, p) + _LOG_PI * p * (p - 1) / 4,
    [lambda xp, g, _out, x, p: g * _over_dimensions(xp.digamma, x, p)],
    math={
        "y": "p * (p - 1) / 4 * log(pi) + total('k = 0 … p - 1', lgamma(x - k / 2))",
        "x": "g * total('k = 0 … p - 1', digamma(x - k / 2))",
    },
)
_zeta = Primitive(
    "zeta",
    gamma_kernels.zeta,
    [
        lambda xp, g, _out, _s, _q: _refuse_derivative(),
        lambda xp, g, _out, s, q: -g * s * xp.zeta(s + 1, q),
    ],
    grad_name="SpecialZetaBackward0",
    to_float=True,
)


def _over_dimensions(function: Any, x: Any, p: int) -> Any:
    """The sum of function(x - i/2) for i < p."""
    total = function(x)
    for i in range(1, p):
        total = total + function(x - 0.5 * i)
    return total


def _refuse_derivative() -> Any:
    raise NotImplementedError("the derivative for 'zeta: input' is not implemented.")


def _floating(x: Tensor) -> Tensor:
    return convert(x, default_float()) if x.array.dtype.kind in "biu" else x


def lgamma(input: Tensor) -> Tensor:
    """log |gamma(x)| of each element; infinite at 0 and the negative integers.

    >>> import mytorch
    >>> lgamma(mytorch.tensor([0.5, 1.0, 5.0]))
    tensor([0.5724, 0.0000, 3.1781])
    """
    return apply1(_lgamma, input)


def digamma(input: Tensor) -> Tensor:
    """The derivative of `lgamma` at each element: minus infinity at 0, NaN at the negative integers.

    >>> import mytorch
    >>> digamma(mytorch.tensor([0.5, 1.0]))
    tensor([-1.9635, -0.5772])
    """
    return apply1(_digamma, input)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma` at each element.

    Raises:
        RuntimeError: n is negative.

    >>> import mytorch
    >>> polygamma(1, mytorch.tensor([0.5, 1.0]))
    tensor([4.9348, 1.6449])
    """
    check_tensors("polygamma", input)
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 0:
        return digamma(input)
    return apply(_polygamma, _floating(input), n=n)


def polygamma_method(input: Tensor, n: int) -> Tensor:
    """`polygamma` with the arguments in the order of the method.

    >>> import mytorch
    >>> mytorch.tensor([1.0]).polygamma(1)
    tensor([1.6449])
    """
    return polygamma(n, input)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions: log(pi) p(p-1)/4 + sum of lgamma(x - i/2) for i < p.

    Raises:
        RuntimeError: p is less than 1.

    >>> import mytorch
    >>> mvlgamma(mytorch.tensor([3.0]), 2)
    tensor([1.5502])
    """
    check_tensors("mvlgamma", input)
    if not isinstance(p, int):
        raise TypeError(f"mvlgamma(): argument 'p' (position 2) must be int, not {type(p).__name__}")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return apply(_mvlgamma, _floating(input), p=p)


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)^-input over k = 0, 1, ...; one argument may be a number.

    There is no derivative by `input`, as in PyTorch: a backward pass that needs it raises NotImplementedError.

    >>> import mytorch
    >>> zeta(mytorch.tensor([2.0, 4.0]), 1)
    tensor([1.6449, 1.0823])
    """
    check_one_tensor("zeta", input, other)
    return apply2(_zeta, input, other)
