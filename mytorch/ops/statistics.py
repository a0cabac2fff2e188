"""Sums and means without NaN, both extrema at once, covariance and correlation: all made of other operations."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.ops import comparison, elementwise, linalg, reduction, triangle
from mytorch.ops.arguments import check_tensors
from mytorch.ops.axes import Dims
from mytorch.ops.clamping import clamp
from mytorch.ops.dims import normalize_dims
from mytorch.ops.extremum import amax, amin
from mytorch.ops.return_types import shown
from mytorch.ops.scatter import masked_fill

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["aminmax", "corrcoef", "cov", "nanmean", "nansum"]


class Aminmax(NamedTuple):
    """The result of `aminmax`."""

    min: Any
    max: Any

    def __repr__(self) -> str:
        return shown(self)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Aminmax:
    """The smallest and the largest element, of all or along `dim`; equal ones share the gradient evenly.

    Raises:
        RuntimeError: there are no elements.
        IndexError: there are none along `dim`.

    >>> import mytorch
    >>> aminmax(mytorch.tensor([2, 1, 3])).max
    tensor(3)
    """
    check_tensors("aminmax", input)
    if dim is not None and not isinstance(dim, int):
        raise TypeError(f"aminmax(): argument 'dim' must be int, not {type(dim).__name__}")
    if dim is None and not input.array.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    return Aminmax(amin(input, dim, keepdim), amax(input, dim, keepdim))


def nansum(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over `dim` in which NaN counts as 0.

    >>> import mytorch
    >>> nansum(mytorch.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    check_tensors("nansum", input)
    if input.array.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    x = masked_fill(input, comparison.isnan(input), 0) if input.array.dtype.kind == "f" else input
    return reduction.sum(x, dim, keepdim, dtype=dtype)


def nanmean(input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over `dim` of the elements that are not NaN; NaN if there are none.

    Raises:
        RuntimeError: the tensor is not floating point.

    >>> import mytorch
    >>> nanmean(mytorch.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    check_tensors("nanmean", input)
    if input.array.dtype.kind != "f":
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    numbers = np.count_nonzero(input.array == input.array, axis=normalize_dims(dim, input.array.ndim), keepdims=keepdim)
    total: Any = nansum(input, dim, keepdim, dtype=dtype)
    return total / wrap(np.asarray(numbers).astype(total.array.dtype))


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariances of the rows of a matrix: rows are variables, columns are observations.

    Args:
        correction: what is subtracted from the number of observations that the sums are divided by.
        fweights: how often each observation occurred, as integers.
        aweights: how much each observation counts, as floats.

    Raises:
        RuntimeError: more than two dimensions, bool, or weights of another type or number, or negative.

    >>> import mytorch
    >>> cov(mytorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    check_tensors("cov", input)
    if input.array.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.array.ndim} dimensions"
        )
    if input.array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x: Any = input if input.array.ndim == 2 else input.reshape(1, -1)
    count = x.array.shape[1]
    weights: Any = None
    if fweights is not None:
        weights = _checked_weights("fweights", "iu", "integral", fweights, count)
    if aweights is not None:
        given: Any = _checked_weights("aweights", "f", "floating point", aweights, count)
        weights = given if weights is None else weights * given
    total: Any = count if weights is None else weights.sum()
    if weights is not None and not total.array:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    free = total - correction
    if aweights is not None and correction:
        free = total - correction * (weights * aweights).sum() / total
    if getattr(free, "array", free) <= 0:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            stacklevel=2,
        )
        free = 0
    centred = x - ((x if weights is None else x * weights).sum(1) / total).unsqueeze(1)
    weighted = centred if weights is None else centred * weights
    return (linalg.mm(centred, weighted.t()) / free).squeeze()


def _checked_weights(name: str, kinds: str, words: str, weights: Any, count: int) -> Any:
    check_tensors("cov", weights)
    raw = weights.array
    if raw.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {raw.ndim} dimensions"
        )
    if raw.dtype.kind not in kinds:
        raise RuntimeError(f"cov(): expected {name} to have {words} dtype but got {name} with {weights.dtype} dtype")
    if raw.size != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{raw.size} != {count}"
        )
    if (raw < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return weights


def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of the rows of a matrix: covariances divided by both standard deviations.

    Raises:
        RuntimeError: more than two dimensions.

    >>> import mytorch
    >>> corrcoef(mytorch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    check_tensors("corrcoef", input)
    if input.array.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.array.ndim} "
            "dimensions"
        )
    c: Any = cov(input)
    if not c.array.ndim:
        return c / c
    deviation: Any = elementwise.sqrt(triangle.diag(c))
    return clamp(c / deviation.unsqueeze(1) / deviation, -1, 1)
