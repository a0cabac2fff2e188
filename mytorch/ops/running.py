"""Running extrema and the running logsumexp: of everything up to each element along a dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import TABLE, Primitive
from mytorch.ops import indexing  # noqa: F401 - `gather` must be in the table
from mytorch.ops.arguments import check_kind, check_tensors
from mytorch.ops.axes import in_single
from mytorch.ops.dims import normalize_dim
from mytorch.ops.extremum import Found
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["cummax", "cummin", "logcumsumexp"]

_cummax = variant(TABLE["gather"], "cummax", "CummaxBackward0")
_cummin = variant(TABLE["gather"], "cummin", "CumminBackward0")


class Cummax(Found):
    """The result of `cummax`."""


class Cummin(Found):
    """The result of `cummin`."""


@in_single
def _logcumsumexp_forward(xp: Any, x: Any, axis: int) -> Any:
    """Each step takes the larger of two numbers out, so that nothing overflows."""
    return xp.logaddexp.accumulate(x, axis) if x.ndim else x.copy()


def _logcumsumexp_vjp(xp: Any, g: Any, out: Any, x: Any, axis: int) -> Any:
    """Element i gets the sum of g_j exp(x_i - out_j) over j >= i.

    It is computed as the exponential of a running logsumexp from the end, once for positive g_j and once for negative
    ones: exp(-out_j) alone would overflow.
    """
    if not x.ndim:
        return g
    out = xp.where(out == -np.inf, 0, out)  # then x_i is -inf too, and its part 0

    def part(sign: int) -> Any:
        positive = sign * g > 0
        log_g = xp.where(positive, xp.log(xp.where(positive, sign * g, 1)), -np.inf)
        return xp.exp(x + xp.flip(xp.logcumsumexp(xp.flip(log_g - out, axis), axis=axis), axis))

    return part(1) - part(-1)


_logcumsumexp = Primitive(
    "logcumsumexp",
    _logcumsumexp_forward,
    [_logcumsumexp_vjp],
    math={
        "y": "log(cumsum(exp(x), axis))",
        "x": "exp(x) * flip(cumsum(flip(g * exp(-y), axis), axis), axis)",
    },
)


def _running_extremum(name: str, primitive: Primitive, ufunc: Any, x: Any, dim: int) -> tuple[Any, Any]:
    """Values and, of the elements that are equal or NaN, the index of the last."""
    check_tensors(name, x)
    axis = normalize_dim(dim, x.array.ndim)
    if not x.array.ndim:
        values, indices = _running_extremum(name, primitive, ufunc, x.reshape(1), 0)
        return values.reshape(()), indices.reshape(())
    values = ufunc.accumulate(x.array, axis)
    sizes = [1] * x.array.ndim
    sizes[axis] = -1
    positions = np.arange(x.array.shape[axis]).reshape(sizes)
    found = np.where((x.array == values) | (x.array != x.array), positions, 0)
    indices = wrap(np.maximum.accumulate(found, axis))
    return apply(primitive, x, indices, axis=axis), indices


def cummax(input: Tensor, dim: int) -> Cummax:
    """The largest of all elements up to each one along `dim`, and where it was (last, of equal ones).

    NaN counts as largest.

    >>> import mytorch
    >>> cummax(mytorch.tensor([1.0, 3.0, 2.0, 3.0]), 0).indices
    tensor([0, 1, 1, 3])
    """
    return Cummax(*_running_extremum("cummax", _cummax, np.maximum, input, dim))


def cummin(input: Tensor, dim: int) -> Cummin:
    """The smallest of all elements up to each one along `dim`, and where it was (last, of equal ones).

    NaN counts as smallest.

    >>> import mytorch
    >>> cummin(mytorch.tensor([3.0, 1.0, 2.0]), 0).values
    tensor([3., 1., 1.])
    """
    return Cummin(*_running_extremum("cummin", _cummin, np.minimum, input, dim))


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """The logarithm of the running sum of exponentials along `dim`, without overflow.

    Raises:
        NotImplementedError: the tensor is not floating point.

    >>> import mytorch
    >>> logcumsumexp(mytorch.tensor([1000.0, 1000.0]), 0)
    tensor([1000.0000, 1000.6932])
    """
    check_tensors("logcumsumexp", input)
    check_kind("logcumsumexp", "f", input)
    return apply(_logcumsumexp, input, axis=normalize_dim(dim, input.array.ndim))
