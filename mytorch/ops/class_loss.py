"""Losses of scores against classes: cross entropy as a single node, and what it is made of.

`reduction` is as in `mytorch.ops.loss`. In the table, `x` is a matrix with a row of scores for each target.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import type_name
from mytorch.ops import reduction as reductions
from mytorch.ops import softmax_kernels
from mytorch.ops.arithmetic import where
from mytorch.ops.dimension_activation import log_softmax
from mytorch.ops.loss import check_reduction
from mytorch.ops.shape import permute, reshape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["cross_entropy", "nll_loss"]

# `target` is a raw array of one class for each row of x. Picking one element of each row, and its adjoint:
_pick = Primitive(
    "pick",
    lambda xp, x, target: x[xp.arange(len(target)), target],
    [lambda xp, g, _out, x_shape, target: xp.put_picked(g, target, x_shape)],
    math={"y": "pick(x, target)"},
)
_put_picked = Primitive(
    "put_picked",
    lambda xp, x, target, shape: _put_picked_forward(xp, x, target, shape),
    [lambda xp, g, _out, _x, target, shape: xp.pick(g, target)],
)
# `weights` holds a factor for each row or is None; the sum is divided by `norm`, or left apart if that is None.
_nll = Primitive(
    "nll_loss",
    lambda xp, x, target, weights, norm: _nll_forward(x[xp.arange(len(target)), target], weights, norm),
    [lambda xp, g, _out, x_shape, target, weights, norm: xp.put_picked(-_for_rows(g, weights, norm), target, x_shape)],
    math={
        "y": "-total('rows', weights * pick(x, target)) / norm",
        "x": "put_picked(-weights * g / norm, target, shape(x))",
    },
)
_cross_entropy = Primitive(
    "cross_entropy",
    lambda xp, x, target, weights, norm: _cross_entropy_forward(xp, x, target, weights, norm),
    [
        lambda xp, g, _out, x, target, weights, norm, aux: _cross_entropy_vjp(
            xp, _for_rows(g, weights, norm), x, target, aux
        )
    ],
    grad_name="NllLossBackward0",
    aux=True,
    math={
        "p": "softmax(x, 1)",
        "y": "-total('rows', weights * log(pick(p, target))) / norm",
        "x": "weights * g / norm * (p - onehot(target))",
    },
)


def _put_picked_forward(xp: Any, x: Any, target: Any, shape: tuple[int, int]) -> Any:
    out = xp.zeros(shape, dtype=x.dtype)
    out[xp.arange(len(target)), target] = x
    return out


def _nll_forward(picked: Any, weights: Any, norm: float | None) -> Any:
    if weights is not None:
        picked = picked * weights
    if norm is None:
        return -picked
    return (0 - picked.sum()) / np.float64(norm).astype(picked.dtype)  # and not -0 for a loss of 0


def _for_rows(g: Any, weights: Any, norm: float | None) -> Any:
    """The gradient for the rows' losses: one number for all, or one for each row."""
    if norm is not None:
        g = g / norm if norm else g * 0  # norm is 0 if no row counts
    return g if weights is None else g * weights


def _cross_entropy_forward(xp: Any, x: Any, target: Any, weights: Any, norm: float | None) -> Any:
    """The loss, and for the derivative the parts of softmax: the exponentials and their sums."""
    if softmax_kernels.in_rows(x, (1,)):
        exponentials = xp.empty_like(x)
        sums, top = softmax_kernels.exponentials(x, exponentials)
        picked = x[xp.arange(len(target)), target]
        if top is not None:
            picked = picked - top[:, 0]
        return _nll_forward(picked - xp.log(sums[:, 0]), weights, norm), (exponentials, sums)
    shifted = x - x.max(axis=1, keepdims=True) if x.size else x
    exponentials = xp.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    picked = shifted[xp.arange(len(target)), target] - xp.log(sums[:, 0])
    return _nll_forward(picked, weights, norm), (exponentials, sums)


def _cross_entropy_vjp(xp: Any, g: Any, x: Any, target: Any, aux: Any) -> Any:
    """Softmax minus one at the target's class, each row times its gradient."""
    column = xp.expand_dims(g, 1) if g.ndim else g
    if aux is None:
        everywhere = xp.softmax(x, (1,)) * column
    else:
        exponentials, sums = aux
        everywhere = exponentials * (column / sums)
        everywhere[xp.arange(len(target)), target] -= g
        return everywhere
    return everywhere - xp.put_picked(g, target, x.shape)


# --- what users call ------------------------------------------------------------------------------------------------


def _rows(x: Any, target: Any) -> Any:
    """Scores (C,), (N, C) or (N, C, d1, ...) as a matrix with a row for each target, once the shapes are checked."""
    shape, wanted = x.array.shape, target.array.shape
    if not shape:
        raise RuntimeError("input tensor should be 1D or 2D")
    if len(shape) == 1:
        if wanted not in ((), (1,)):
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {math.prod(wanted)}")
        return reshape(x, (1, *shape))
    if len(shape) == 2:
        if len(wanted) > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if wanted != shape[:1]:
            found = wanted[0] if wanted else 1
            raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({found}).")
        return x
    if wanted != shape[:1] + shape[2:]:
        if wanted[:1] != shape[:1]:
            found = wanted[0] if wanted else 1
            raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({found}).")
        raise RuntimeError(f"Expected target size {list(shape[:1] + shape[2:])}, got {list(wanted)}")
    return reshape(permute(x, (0, *range(2, len(shape)), 1)), (-1 if x.array.size else math.prod(wanted), shape[1]))


def _classes(x: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any, float]:
    """For rows of scores: the raw classes, the rows' factors (None if all are 1) and the sum of these.

    An ignored row has some class and factor 0.

    Raises:
        IndexError: a class is not there.
    """
    count = x.array.shape[1]
    classes = target.array.reshape(-1)
    if classes.dtype.kind not in "iu":
        raise RuntimeError(f"expected scalar type Long but found {type_name(target.array.dtype)}")
    if weight is not None and weight.array.shape != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of "
            f"shape: {list(weight.array.shape)}"
        )
    factors = None
    if classes.size and (classes.min() < 0 or classes.max() >= count or 0 <= ignore_index < count):
        used = classes != ignore_index
        wrong = classes[used & ((classes < 0) | (classes >= count))]
        if wrong.size:
            raise IndexError(f"Target {wrong[0]} is out of bounds.")
        classes, factors = classes * used, used.astype(x.array.dtype)
    if weight is not None:
        chosen = weight.array[classes].astype(x.array.dtype)
        factors = chosen if factors is None else chosen * factors
    return classes, factors, float(classes.size if factors is None else factors.sum())


def _class_loss(primitive: Primitive, x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    rows = _rows(x, target)
    classes, factors, total = _classes(rows, target, weight, ignore_index)
    norm = None if reduction == "none" else 1.0 if reduction == "sum" else total
    out = apply(primitive, rows, target=classes, weights=factors, norm=norm)
    return reshape(out, target.array.shape) if reduction == "none" and out.array.shape != target.array.shape else out


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the input at the target's class, for inputs that are logarithms of probabilities.

    Args:
        input: (C,), (N, C) or (N, C, d1, ...).
        target: classes from 0 to C - 1, of the input's shape without C.
        weight: a factor for each class, (C,); the mean is divided by the sum of the rows' factors.
        ignore_index: targets with this number do not count.

    Raises:
        IndexError: a target is not among the classes.
        ValueError, RuntimeError: shapes that do not fit.

    >>> import mytorch
    >>> nll_loss(mytorch.tensor([[-0.5, -1.0]]), mytorch.tensor([1]))
    tensor(1.)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    return _class_loss(_nll, input, target, weight, ignore_index, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the logarithm of the softmax probability of the right class.

    Args:
        input: scores (C,), (N, C) or (N, C, d1, ...), not normalised.
        target: classes, as in `nll_loss`; or probabilities of the input's shape and a floating type.
        weight: a factor for each class, (C,).
        ignore_index: targets with this number do not count.
        label_smoothing: the share of the target that is spread evenly over all classes, 0 to 1.

    Raises:
        IndexError: a target is not among the classes.
        ValueError, RuntimeError: shapes that do not fit.

    >>> import mytorch
    >>> cross_entropy(mytorch.tensor([[1.0, 2.0], [3.0, 1.0]]), mytorch.tensor([1, 0]))
    tensor(0.2201)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if input.array.shape == target.array.shape and input.array.ndim:
        return _cross_entropy_of_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    if label_smoothing:
        return _smoothed_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    return _class_loss(_cross_entropy, input, target, weight, ignore_index, reduction)


def _cross_entropy_of_probabilities(
    x: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    if target.array.dtype.kind != "f":
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {type_name(target.array.dtype)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    axis = min(x.array.ndim, 2) - 1
    count = x.array.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / count
    product = log_softmax(x, axis) * target
    if weight is not None:
        product = product * reshape(weight, (count,) + (1,) * (x.array.ndim - 1 - axis))
    if reduction == "none":
        return -reductions.sum(product, axis)
    total = -reductions.sum(product)
    return total / (x.array.size / count) if reduction == "mean" else total


def _smoothed_cross_entropy(
    x: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Any:
    rows = _rows(x, target)
    classes, factors, total = _classes(rows, target, weight, ignore_index)
    logs = log_softmax(rows, 1)
    right = apply(_nll, logs, target=classes, weights=factors, norm=None)
    spread = -reductions.sum(logs if weight is None else logs * weight, 1)
    if ignore_index in target.array:
        spread = where(target.reshape(-1) == ignore_index, 0.0, spread)
    loss = right * (1 - smoothing) + spread * (smoothing / rows.array.shape[1])
    if reduction == "none":
        return reshape(loss, target.array.shape)
    return reductions.sum(loss) / total if reduction == "mean" else reductions.sum(loss)
