"""Losses of predictions against numbers and probabilities: single nodes, each with its derivative below it.

Every function takes `reduction`: "mean" (the default), "sum", or "none" for a loss for each element. The older
arguments `size_average` and `reduce` are understood, with PyTorch's warning. In the table, `x` is the input, `y` the
target and `d` their difference.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import common_dtype
from mytorch.ops import reduction as reductions
from mytorch.ops.activation import logsigmoid

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss",
]  # fmt: skip

# --- losses of a difference -----------------------------------------------------------------------------------------


def _difference_loss(
    name: str,
    value: Callable[..., Any],
    slope: Callable[..., Any],
    total: Callable[..., Any] | None = None,
    *,
    math_value: str,
    math_slope: str,
) -> Primitive:
    """The loss `value(xp, d, size)` with derivative `slope(xp, d, size)`, reduced; `size` is its parameter.

    `total(xp, d)` is the sum of the values, if there is a quicker way to it.
    """

    def forward(xp: Any, x: Any, y: Any, reduction: str, size: float) -> Any:
        d = xp.subtract(x, y)
        if reduction == "none":
            return value(xp, d, size), d
        loss = value(xp, d, size).sum() if total is None else total(xp, d)
        return (loss / d.size if reduction == "mean" else loss), d

    def joint(xp: Any, g: Any, _out: Any, x: Any, y: Any, *, needs: Any, reduction: str, size: float, aux: Any) -> Any:
        d = x - y if aux is None else aux
        if reduction == "mean":
            g = g / math.prod(d.shape)
        g = slope(xp, d, size) * g
        return g if needs[0] else None, -g if needs[1] else None

    # Under `d` and `n` a formula says the difference, and by how much the sum is divided.
    mathematics = {
        "d": "x1 - x2",
        "n": "count(shape(x1), None) if reduction == 'mean' else 1",
        "v": math_value,
        "y": "v if reduction == 'none' else sum(v) / n",
        "x1": f"g * ({math_slope}) / n",
        "x2": f"-g * ({math_slope}) / n",
    }
    return Primitive(name, forward, joint=joint, aux=True, math=mathematics)


_mse = _difference_loss(
    "mse_loss",
    lambda xp, d, _: d * d,
    lambda xp, d, _: d + d,
    lambda xp, d: _sum_of_squares(xp, d),
    math_value="d ** 2",
    math_slope="2 * d",
)
_l1 = _difference_loss(
    "l1_loss",
    lambda xp, d, _: xp.abs(d),
    lambda xp, d, _: xp.sign(d),
    math_value="abs(d)",
    math_slope="sign(d)",
)
_smooth_l1 = _difference_loss(
    "smooth_l1_loss",
    lambda xp, d, beta: _huber_value(xp, d, beta) / beta,
    lambda xp, d, beta: xp.hardtanh(d / beta, -1, 1),
    math_value="where(abs(d) < size, d ** 2 / (2 * size), abs(d) - size / 2)",
    math_slope="clip(d / size, -1, 1)",
)
_huber = _difference_loss(
    "huber_loss",
    lambda xp, d, delta: _huber_value(xp, d, delta),
    lambda xp, d, delta: xp.hardtanh(d, -delta, delta),
    math_value="where(abs(d) < size, d ** 2 / 2, size * (abs(d) - size / 2))",
    math_slope="clip(d, -size, size)",
)


def _sum_of_squares(xp: Any, d: Any) -> Any:
    """A dot product, whatever the shape; float16 would overflow in one."""
    return (d * d).sum() if d.dtype.char not in "fd" else xp.vdot(d, d)


def _huber_value(xp: Any, d: Any, delta: float) -> Any:
    """d^2 / 2 within delta, beyond it the tangent there: c (|d| - c / 2) with c = min(|d|, delta) is both."""
    size = xp.abs(d)
    inner = xp.minimum(size, delta)
    return inner * (size - 0.5 * inner)


# --- losses of probabilities ----------------------------------------------------------------------------------------

# Logarithms are cut off at -100, as PyTorch does, so that a wrong certainty costs 100 and not infinity.
_binary_cross_entropy = Primitive(
    "binary_cross_entropy",
    lambda xp, x, y: (y - 1) * xp.maximum(xp.log1p(-x), -100) - y * xp.maximum(xp.log(x), -100),
    [
        lambda xp, g, _out, x, y: g * (x - y) / xp.maximum((1 - x) * x, 1e-12),
        lambda xp, g, _out, x, _y: g * (xp.maximum(xp.log1p(-x), -100) - xp.maximum(xp.log(x), -100)),
    ],
)
_with_logits = Primitive(
    "binary_cross_entropy_with_logits",
    lambda xp, x, y: (1 - y) * x - xp.log_sigmoid(x),
    [lambda xp, g, _out, x, y: g * (xp.sigmoid(x) - y), lambda xp, g, _out, x, _y: -g * x],
)


# --- what users call ------------------------------------------------------------------------------------------------


def check_reduction(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """The reduction that is meant, the older arguments taken into account.

    Raises:
        ValueError: it is not "none", "mean" or "sum".

    >>> check_reduction("sum")
    'sum'
    """
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduce_loss(loss: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the elements, or the elements themselves.

    >>> import mytorch
    >>> reduce_loss(mytorch.tensor([1.0, 3.0]), "mean")
    tensor(2.)
    """
    return reductions.mean(loss) if reduction == "mean" else reductions.sum(loss) if reduction == "sum" else loss


def to_common(x: Any, y: Any) -> tuple[Any, Any]:
    """Both tensors in their common element type."""
    if x.array.dtype is not y.array.dtype:
        common = common_dtype(x.array, y.array)
        return convert(x, common), convert(y, common)
    return x, y


def _compare(primitive: Primitive, x: Any, y: Any, reduction: str, weight: Any = None, size: float = 1.0) -> Any:
    """Apply a loss of a difference; with `weight`, the elements' losses are multiplied before they are reduced."""
    if x.array.shape != y.array.shape:
        warnings.warn(
            f"Using a target size ({y.shape}) that is different to the input size ({x.shape}). This will likely lead "
            "to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        _check_broadcast(x.array.shape, y.array.shape)
    x, y = to_common(x, y)
    if weight is None:
        return apply(primitive, x, y, reduction=reduction, size=size)
    if weight.array.shape != x.array.shape:
        raise ValueError("Weights and input must have the same size.")
    loss = apply(primitive, x, y, reduction="none", size=size) * weight
    if reduction == "mean" and primitive is not _huber:
        return reductions.sum(loss) / reductions.sum(weight)
    return reduce_loss(loss, reduction)


def _check_broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            raise RuntimeError(
                f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton dimension "
                f"{max(len(a), len(b)) - i}"
            )


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared error, (input - target)^2.

    Args:
        weight: a factor for each element; the mean is then divided by the sum of the weights.

    >>> import mytorch
    >>> mse_loss(mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    return _compare(_mse, input, target, check_reduction(reduction, size_average, reduce), weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error, |input - target|. The gradient is 0 where they are equal.

    >>> import mytorch
    >>> l1_loss(mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    return _compare(_l1, input, target, check_reduction(reduction, size_average, reduce), weight)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) for differences below beta, |d| - beta / 2 above: `huber_loss` divided by beta.

    Raises:
        RuntimeError: beta is negative; 0 gives `l1_loss`.

    >>> import mytorch
    >>> smooth_l1_loss(mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.5, 4.0]), reduction="none")
    tensor([0.1250, 1.5000])
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    return _compare(_smooth_l1 if beta else _l1, input, target, reduction, size=beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d^2 / 2 for differences below delta, delta * (|d| - delta / 2) above.

    Source: P. J. Huber, "Robust Estimation of a Location Parameter", 1964.

    Raises:
        RuntimeError: delta is not positive.

    >>> import mytorch
    >>> huber_loss(mytorch.tensor([1.0, 2.0]), mytorch.tensor([1.5, 6.0]), reduction="none", delta=2.0)
    tensor([0.1250, 6.0000])
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return _compare(_huber, input, target, check_reduction(reduction), weight, delta)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-y log(x) - (1 - y) log(1 - x) for probabilities x and targets y between 0 and 1.

    Raises:
        ValueError: the sizes differ.
        RuntimeError: an input is not between 0 and 1.

    >>> import mytorch
    >>> binary_cross_entropy(mytorch.tensor([0.9, 0.2]), mytorch.tensor([1.0, 0.0]))
    tensor(0.1643)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if target.array.shape != input.array.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    if not ((input.array >= 0) & (input.array <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    loss = apply(_binary_cross_entropy, *to_common(input, target))
    return reduce_loss(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of sigmoid(input), without overflow.

    Args:
        pos_weight: a factor for the part of the loss that positive targets make, broadcast to the input.

    Raises:
        ValueError: the sizes differ.

    >>> import mytorch
    >>> binary_cross_entropy_with_logits(mytorch.tensor([2.0, -1.0]), mytorch.tensor([1.0, 0.0]))
    tensor(0.2201)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if target.array.shape != input.array.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    x, y = to_common(input, target)
    if pos_weight is None:
        loss = apply(_with_logits, x, y)
    else:
        loss = (1 - y) * x - ((pos_weight - 1) * y + 1) * logsigmoid(x)
    return reduce_loss(loss if weight is None else loss * weight, reduction)
