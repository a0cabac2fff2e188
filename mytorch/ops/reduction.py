"""Reductions: many elements to one, over all or some dimensions. The table, then what users call.

In the table, options are in NumPy's spelling: `axis` is a tuple of dimensions counted from the front, or None for all.
"""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import default_float, to_numpy
from mytorch.ops.axes import Dims, count, in_single, nonzero, reduce_over, refuse_empty, restore
from mytorch.ops.dims import normalize_dims
from mytorch.ops.extremum import amax, amin, argmax, argmin, max, min  # noqa: F401 - one family to users
from mytorch.ops.nuclear_norm import nuclear_norm
from mytorch.ops.variant import variant

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _spread(xp: Any, g: Any, shape: tuple[int, ...], axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    return xp.expand(restore(xp, g, shape, axis, keepdims), shape)


@in_single
def _sum_forward(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


@in_single
def _mean_forward(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.sum(x, axis=axis, keepdims=keepdims) / count(x.shape, axis)


_sum = Primitive(
    "sum",
    _sum_forward,
    [lambda xp, g, _out, x_shape, axis, keepdims: _spread(xp, g, x_shape, axis, keepdims)],
    math={
        "y": "sum(x, axis=axis, keepdims=keepdims)",
    },
)
_sum_dim = variant(_sum, "sum_dim", "SumBackward1")
_mean = Primitive(
    "mean",
    _mean_forward,
    [lambda xp, g, _out, x_shape, axis, keepdims: _spread(xp, g / count(x_shape, axis), x_shape, axis, keepdims)],
    math={
        "y": "mean(x, axis=axis, keepdims=keepdims)",
    },
)
_mean_dim = variant(_mean, "mean_dim", "MeanBackward1")
_var = Primitive(
    "var",
    lambda xp, x, axis, keepdims, correction: _var_forward(xp, x, axis=axis, keepdims=keepdims, correction=correction),
    [lambda xp, g, _out, x, axis, keepdims, correction: _var_vjp(xp, g, x, axis, keepdims, correction)],
    math={
        "d": "x - mean(x, axis=axis, keepdims=True)",
        "y": "sum(d ** 2, axis=axis, keepdims=True) / (count(shape(x), axis) - correction)",
        "x": "2 * g * d / (count(shape(x), axis) - correction)",
    },
)
_std = Primitive(
    "std",
    lambda xp, x, axis, keepdims, correction: xp.sqrt(
        _var_forward(xp, x, axis=axis, keepdims=keepdims, correction=correction)
    ),
    [
        lambda xp, g, out, x, axis, keepdims, correction: _var_vjp(
            xp, xp.where(out == 0, 0, g / (2 * nonzero(xp, out))), x, axis, keepdims, correction
        )
    ],
    math={
        "d": "x - mean(x, axis=axis, keepdims=True)",
        "y": "sqrt(sum(d ** 2, axis=axis, keepdims=True) / (count(shape(x), axis) - correction))",
        "x": "g * d / ((count(shape(x), axis) - correction) * y)",
    },
)
_logsumexp = Primitive(
    "logsumexp",
    lambda xp, x, axis, keepdims: _logsumexp_forward(xp, x, axis=axis, keepdims=keepdims),
    [
        lambda xp, g, out, x, axis, keepdims: (
            restore(xp, g, x.shape, axis, keepdims) * xp.exp(x - restore(xp, out, x.shape, axis, keepdims))
        )
    ],
    math={
        "y": "log(sum(exp(x), axis=axis, keepdims=True))",
    },
)
_prod = Primitive(
    "prod",
    lambda xp, x, axis, keepdims: xp.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype),
    [lambda xp, g, out, x, axis, keepdims: _prod_vjp(xp, g, out, x, axis, keepdims)],
    math={
        "y": "prod(x, axis=axis, keepdims=True)",
        "x": "g * y / x",
    },
)
_prod_dim = variant(_prod, "prod_dim", "ProdBackward1")
_vector_norm = Primitive(
    "linalg_vector_norm",
    lambda xp, x, p, axis, keepdims: _norm_forward(xp, x, p=p, axis=axis, keepdims=keepdims),
    [
        lambda xp, g, out, x, p, axis, keepdims: _norm_vjp(
            xp, restore(xp, g, x.shape, axis, keepdims), restore(xp, out, x.shape, axis, keepdims), x, p, axis
        )
    ],
    math={
        "y": "sum(abs(x) ** p, axis=axis, keepdims=True) ** (1 / p)",
        "x": "g * sign(x) * (abs(x) / y) ** (p - 1)",
    },
)
_any = Primitive("any", lambda xp, x, axis, keepdims: xp.any(x, axis=axis, keepdims=keepdims))
_all = Primitive("all", lambda xp, x, axis, keepdims: xp.all(x, axis=axis, keepdims=keepdims))


@in_single
def _norm_forward(xp: Any, x: Any, p: float, axis: Any, keepdims: bool) -> Any:
    if p == 2:
        return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))
    size = xp.abs(x)
    if p == math.inf:
        return xp.max(size, axis=axis, keepdims=keepdims)
    if p == -math.inf:
        return xp.min(size, axis=axis, keepdims=keepdims)
    if p == 0:
        return xp.sum(x != 0, axis=axis, keepdims=keepdims, dtype=x.dtype)
    if p == 1:
        return xp.sum(size, axis=axis, keepdims=keepdims)
    return xp.sum(size**p, axis=axis, keepdims=keepdims) ** (1 / p)


def _norm_vjp(xp: Any, g: Any, out: Any, x: Any, p: float, axis: Any) -> Any:
    """The derivative is 0, not NaN, where the norm is 0."""
    if p == 0:
        return None
    if p == 1:
        return g * xp.sign(x)
    if p == 2:
        return g * x / nonzero(xp, out)
    size = xp.absolute(x)
    if math.isinf(p):
        chosen = xp.where(size == out, xp.ones_like(x), 0)
        return g * xp.sign(x) * chosen / xp.sum(chosen, axis=axis, keepdims=True)
    power = xp.where(x == 0, 0, xp.where(x == 0, 1, size) ** (p - 1))
    return g * xp.sign(x) * power * xp.where(out == 0, 0, nonzero(xp, out) ** (1 - p))


@in_single
def _var_forward(xp: Any, x: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    n = count(x.shape, axis)
    deviation = x - xp.sum(x, axis=axis, keepdims=True) / n if n else x
    total = xp.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / xp.asarray(builtins.max(n - correction, 0), dtype=x.dtype)


def _var_vjp(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool, correction: float) -> Any:
    n = count(x.shape, axis)
    free = n - correction
    deviation = x - xp.sum(x, axis=axis, keepdims=True) / builtins.max(n, 1)
    return restore(xp, g, x.shape, axis, keepdims) * deviation * (2 / free if free else math.inf)


@in_single
def _logsumexp_forward(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """log(sum(e^x)), with the largest element taken out first so that nothing overflows."""
    if not x.size and not count(x.shape, axis):
        return xp.log(xp.sum(x, axis=axis, keepdims=keepdims))
    top = xp.max(x, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)
    out = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else xp.squeeze(out, axis=axis)


def _prod_vjp(xp: Any, g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return restore(xp, g, x.shape, axis, keepdims) * _products_of_others(xp, out, x, axis, keepdims)


def _products_of_others(xp: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """For each element, the product of all others in its group: by division, or where there are zeros without."""
    if not bool((x == 0).any()):
        return restore(xp, out, x.shape, axis, keepdims) / x
    if axis is None:
        flat = xp.reshape(x, (-1,))
        return xp.reshape(_products_of_others(xp, out, flat, (0,), keepdims), x.shape)
    (a,) = axis
    size = x.shape[a]
    ones = xp.ones_like(xp.slice_axis(x, a, 0, 1))
    before = xp.cumprod(xp.cat(ones, xp.slice_axis(x, a, 0, size - 1), axis=a), a)
    after = xp.flip(xp.cumprod(xp.cat(ones, xp.flip(xp.slice_axis(x, a, 1, size), a), axis=a), a), a)
    return before * after


def _integers_to_int64(x: Any, dtype: Any) -> Any:
    return x if dtype is not None or x.array.dtype.kind in "fc" else convert(x, to_numpy(int))


def sum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim` (a dimension, several, or None for all). Integers and booleans are summed as int64.

    >>> import mytorch
    >>> x = mytorch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mytorch.sum(x), mytorch.sum(x, dim=0), mytorch.sum(x, dim=(0, 1), keepdim=True)
    (tensor(10.), tensor([4., 6.]), tensor([[10.]]))
    """
    primitive = _sum if dim is None else _sum_dim
    return reduce_over(primitive, _integers_to_int64(input, dtype), dim, keepdim, dtype)


def mean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim` (a dimension, several, or None for all); NaN over no elements.

    Raises:
        RuntimeError: the tensor is not floating point and no floating `dtype` is given.

    >>> import mytorch
    >>> mytorch.mean(mytorch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    if (to_numpy(dtype) if dtype is not None else input.array.dtype).kind not in "fc":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype if dtype is None else dtype}"
        )
    return reduce_over(_mean if dim is None else _mean_dim, input, dim, keepdim, dtype)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over `dim`: squared deviations divided by n - correction (1, unless given).

    Args:
        unbiased: True for correction 1, False for 0. `var(False)` is understood as `unbiased=False`.

    >>> import mytorch
    >>> mytorch.var(mytorch.tensor([1.0, 2.0, 4.0])), mytorch.var(mytorch.tensor([1.0, 2.0, 4.0]), correction=0)
    (tensor(2.3333), tensor(1.5556))
    """
    return _spread_of(_var, input, dim, unbiased, keepdim, correction)


def _spread_of(
    primitive: Primitive, x: Any, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None
) -> Any:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    if x.array.dtype.kind not in "fc":
        raise RuntimeError("std and var only support floating point and complex dtypes")
    return apply(primitive, x, axis=normalize_dims(dim, x.array.ndim), keepdims=keepdim, correction=correction)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation over `dim`: the square root of `var`.

    >>> import mytorch
    >>> mytorch.std(mytorch.tensor([1.0, 2.0, 4.0]))
    tensor(1.5275)
    """
    return _spread_of(_std, input, dim, unbiased, keepdim, correction)


def std_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean over `dim`.

    >>> import mytorch
    >>> std_mean(mytorch.tensor([1.0, 2.0, 4.0]))
    (tensor(1.5275), tensor(2.3333))
    """
    deviation = std(input, dim, unbiased, keepdim, correction=correction)
    return deviation, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def var_mean(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Variance and mean over `dim`.

    >>> import mytorch
    >>> mytorch.var_mean(mytorch.tensor([1.0, 2.0, 4.0]))
    (tensor(2.3333), tensor(2.3333))
    """
    variance = var(input, dim, unbiased, keepdim, correction=correction)
    return variance, mean(input, None if isinstance(dim, bool) else dim, keepdim)


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product over one dimension, or of all elements. Integers and booleans are multiplied as int64.

    >>> import mytorch
    >>> mytorch.prod(mytorch.tensor([2.0, 3.0, 4.0]))
    tensor(24.)
    """
    primitive = _prod if dim is None else _prod_dim
    return reduce_over(primitive, _integers_to_int64(input, dtype), dim, keepdim, dtype)


def any(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether some element over `dim` is nonzero.

    >>> import mytorch
    >>> mytorch.any(mytorch.tensor([[False, True], [False, False]]), dim=1)
    tensor([ True, False])
    """
    return _truth(_any, input, dim, keepdim)


def all(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Whether every element over `dim` is nonzero.

    >>> import mytorch
    >>> mytorch.all(mytorch.tensor([[True, True], [False, True]]), dim=1)
    tensor([ True, False])
    """
    return _truth(_all, input, dim, keepdim)


def _truth(primitive: Primitive, x: Any, dim: Dims, keepdim: bool) -> Any:
    """Bytes give bytes, for historical reasons; everything else gives booleans."""
    found = reduce_over(primitive, x, dim, keepdim)
    return found.to(x.dtype) if x.array.dtype == "uint8" else found


def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """log(sum(e^x)) over `dim`, without overflow.

    >>> import mytorch
    >>> mytorch.logsumexp(mytorch.tensor([1000.0, 1000.0]), dim=0)
    tensor(1000.6932)
    """
    if input.array.dtype.kind in "biu":
        input = convert(input, default_float())
    return reduce_over(_logsumexp, input, dim, keepdim)


def norm(input: Tensor, p: Any = "fro", dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The p-norm of the elements over `dim`: (sum |x|^p)^(1/p).

    Args:
        p: a number; "fro" is 2, inf the largest absolute value, -inf the smallest, 0 counts the nonzeros; or "nuc",
            the sum of the singular values of a matrix (in the two dimensions `dim`).

    >>> import mytorch
    >>> mytorch.norm(mytorch.tensor([3.0, -4.0])), mytorch.norm(mytorch.tensor([3.0, -4.0]), p=1)
    (tensor(5.), tensor(7.))
    """
    x = input if dtype is None else convert(input, to_numpy(dtype))
    if x.array.dtype.kind not in "fc":
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {x.dtype}")
    if p == "nuc":
        return nuclear_norm(x, dim, keepdim)
    if p in ("fro", None):
        p = 2.0
    if not isinstance(p, (int, float)):
        raise RuntimeError(f"norm(): p must be a number or 'fro', got {p!r}")
    if math.isinf(p):
        refuse_empty("linalg.vector_norm", x, dim)
    return apply(_vector_norm, x, p=float(p), axis=normalize_dims(dim, x.array.ndim), keepdims=keepdim)
