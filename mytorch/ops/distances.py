"""Distances between vectors: of two tensors, of every pair of one set, of every pair of two sets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops import linalg, reduction, shape
from mytorch.ops.arithmetic import where
from mytorch.ops.clamping import clamp_min
from mytorch.ops.scatter import index_select

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["cdist", "dist", "pdist"]

# The largest |x| over the last dimension. Its gradient goes in full to each element that has it, where that of a norm
# is shared among them.
_largest = Primitive(
    "largest_difference",
    lambda xp, x: xp.max(xp.abs(x), axis=-1) if x.shape[-1] else xp.zeros(x.shape[:-1], dtype=x.dtype),
    [lambda xp, g, out, x: _largest_vjp(xp, xp.expand_dims(g, x.ndim - 1), xp.expand_dims(out, x.ndim - 1), x)],
    grad_name="CdistBackward0",
    math={
        "y": "max(abs(x), axis=-1)",
        "x": "where(abs(x) == y, g * sign(x), 0)",
    },
)


def _largest_vjp(xp: Any, g: Any, out: Any, x: Any) -> Any:
    return xp.where(xp.absolute(x) == out, g * xp.sign(x), 0)


def _lengths(difference: Any, p: float) -> Any:
    """The p-norm over the last dimension, with the gradients that PyTorch gives distances."""
    if p == math.inf:
        return apply(_largest, difference)
    return reduction.norm(difference, p, -1)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other over all elements; the two broadcast.

    Raises:
        RuntimeError: integers, or shapes that do not fit.

    >>> import mytorch
    >>> mytorch.dist(mytorch.tensor([3.0, 0.0]), mytorch.tensor([0.0, 4.0]))
    tensor(5.)
    """
    return reduction.norm(input - other, p)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distance of every two rows of a matrix (n, width): n (n - 1) / 2 of them, first row first.

    Raises:
        RuntimeError: no matrix, integers, or a negative p.

    >>> import mytorch
    >>> mytorch.pdist(mytorch.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    x = input.array
    if x.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    _check("pdist", p, input)
    first, second = np.triu_indices(len(x), 1)
    return _lengths(index_select(input, 0, wrap(first)) - index_select(input, 0, wrap(second)), p)


def _check(name: str, p: float, *tensors: Any) -> None:
    for position, x in enumerate(tensors, 1):
        if x.array.dtype.kind != "f":
            got = f", X{position} got: {x.dtype}" if len(tensors) > 1 else ""
            raise RuntimeError(f"{name} only supports floating-point dtypes{got}")
    if p < 0:
        raise RuntimeError(f"{name} only supports non-negative p values")


_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
FEW = 25  # up to so many vectors in both sets, Euclidean distances are taken from differences


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distance of every vector of `x1` to every vector of `x2`, batch by batch.

    Args:
        x1, x2: (..., m, width) and (..., n, width); the result is (..., m, n).
        compute_mode: Euclidean distances can be computed by a matrix product, which is quicker for many vectors but
            less exact for near ones: "use_mm_for_euclid_dist" always does so, "donot_use_mm_for_euclid_dist" never,
            "use_mm_for_euclid_dist_if_necessary" for more than 25 vectors in a set.

    Raises:
        RuntimeError: shapes that do not fit, other types, or a negative p.
        ValueError: an unknown `compute_mode`.

    >>> import mytorch
    >>> mytorch.cdist(mytorch.tensor([[0.0, 0.0]]), mytorch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    a, b = x1.array, x2.array
    for position, x in enumerate((a, b), 1):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, X{position} got: {x.ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}")
    _check("cdist", p, x1, x2)
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected both to have one dtype, but found {x1.dtype} and {x2.dtype}")
    many = max(a.shape[-2], b.shape[-2]) > FEW
    if p == 2 and (compute_mode == _MODES[1] or (many and compute_mode == _MODES[0])):
        return _by_products(x1, x2)
    return _lengths(shape.unsqueeze(x1, -2) - shape.unsqueeze(x2, -3), p)


def _by_products(x1: Any, x2: Any) -> Any:
    """|a - b|² = |a|² - 2 a·b + |b|², at least 0; the gradient of a distance 0 is 0."""
    squares = [(x * x).sum(-1, keepdim=True) for x in (x1, x2)]
    products = linalg.matmul(x1, shape.transpose(x2, -1, -2))
    squared = clamp_min(squares[0] - 2 * products + shape.transpose(squares[1], -1, -2), 0)
    apart = squared > 0
    return where(apart, where(apart, squared, 1.0).sqrt(), 0.0)
