"""Losses of pairs, margins and distributions, put together from other operations."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import Primitive
from mytorch.ops import reduction as reductions
from mytorch.ops.activation import logsigmoid
from mytorch.ops.arithmetic import minimum, where
from mytorch.ops.elementwise import exp, log, log1p, sqrt
from mytorch.ops.loss import check_reduction, reduce_loss
from mytorch.ops.rearranging import broadcast_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from mytorch.tensor import Tensor

__all__ = [
    "cosine_embedding_loss", "cosine_similarity", "gaussian_nll_loss", "hinge_embedding_loss", "kl_div",
    "margin_ranking_loss", "multi_margin_loss", "multilabel_soft_margin_loss", "pairwise_distance", "poisson_nll_loss",
    "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip

# max(x, 0), but with gradient 1 at 0, where relu has 0: a margin that is just met still pulls.
_above_zero = Primitive(
    "above_zero",
    lambda xp, x: xp.maximum(x, 0),
    [lambda xp, g, _out, x: xp.where(x >= 0, g, 0)],
    grad_name="ClampMinBackward0",
)


def _above(x: Any) -> Any:
    return apply(_above_zero, x)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> import mytorch
    >>> pairwise_distance(mytorch.tensor([[3.0, 0.0]]), mytorch.tensor([[0.0, 4.0]]))
    tensor([5.])
    """
    return reductions.norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between x1 and x2 along a dimension; norms are at least eps.

    >>> import mytorch
    >>> cosine_similarity(mytorch.tensor([[3.0, 0.0]]), mytorch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    x1, x2 = broadcast_tensors(x1, x2)
    n1, n2 = (reductions.norm(x, 2, dim, keepdim=True) for x in (x1, x2))
    n1, n2 = (_above(n - eps) + eps if (n.array < eps).any() else n for n in (n1, n2))
    return reductions.sum((x1 / n1) * (x2 / n2), dim)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence, target * (log(target) - input), for inputs that are logarithms.

    Args:
        reduction: also "batchmean", the sum divided by the batch size, which is what the formula means; "mean" divides
            by the number of elements and warns.
        log_target: the target is a logarithm, too.

    >>> import mytorch
    >>> kl_div(mytorch.tensor([[-1.0, -1.0]]), mytorch.tensor([[0.5, 0.5]]), reduction="batchmean")
    tensor(0.3069)
    """
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' divides "
            "only by the batch size, and aligns with the KL div math definition.'mean' will be changed to behave the "
            "same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    batch = reduction == "batchmean"
    reduction = check_reduction("sum" if batch else reduction, size_average, reduce)
    if log_target:
        loss = exp(target) * (target - input)
    else:
        # 0 log 0 is 0
        loss = target * log(where(target > 0, target, 1.0)) - target * input
    out = reduce_loss(loss, reduction)
    return out / input.array.shape[0] if batch and input.array.ndim else out


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log(var) + (input - target)^2 / var) / 2: how unlikely targets are under normal distributions.

    Args:
        input: the means.
        var: the variances: a number or a tensor of the input's shape, which may lack the last dimension or have
            size 1 in one; taken to be at least eps.
        full: add the constant log(2 pi) / 2.

    Raises:
        ValueError: a variance is negative, or its shape does not fit.

    >>> import mytorch
    >>> gaussian_nll_loss(mytorch.tensor([1.0]), mytorch.tensor([2.0]), mytorch.tensor([1.0]))
    tensor(0.5000)
    """
    reduction = check_reduction(reduction)
    if not hasattr(var, "array"):
        var = wrap(np.full(input.array.shape, var, input.array.dtype))
    if (var.array < 0).any():
        raise ValueError("var has negative entry/entries")
    shape, given = input.array.shape, var.array.shape
    if given != shape:
        if given == shape[:-1]:
            var = var.unsqueeze(-1)
        elif len(given) != len(shape) or [n for n, m in zip(given, shape, strict=True) if n != m] != [1]:
            raise ValueError("var is of incorrect size")
    var = var + wrap(np.maximum(var.array, eps) - var.array)  # at least eps; the gradient passes unchanged
    loss = 0.5 * (log(var) + (input - target) ** 2 / var)
    return reduce_loss(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How unlikely counts are under Poisson distributions: rate - target * log(rate).

    Args:
        input: the rates, or their logarithms with `log_input`.
        full: add Stirling's approximation of log(target!) for targets above 1.
        eps: added to rates before the logarithm.

    >>> import mytorch
    >>> poisson_nll_loss(mytorch.tensor([0.0]), mytorch.tensor([2.0]))
    tensor(1.)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        many = where(target > 1, target, 1.0)
        loss = loss + where(target > 1, many * log(many) - many + 0.5 * log(2 * math.pi * many), 0.0)
    return reduce_loss(loss, reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The input (a distance) where the target is 1, and what it falls short of the margin where the target is -1.

    >>> import mytorch
    >>> hinge_embedding_loss(mytorch.tensor([0.3, 0.3]), mytorch.tensor([1.0, -1.0]), reduction="none")
    tensor([0.3000, 0.7000])
    """
    reduction = check_reduction(reduction, size_average, reduce)
    loss = where(target != 1, _above(margin - input), 0.0) + where(target != -1, input, 0.0)
    return reduce_loss(loss, reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target * (input1 - input2) + margin): target 1 wants the first higher, -1 the second.

    >>> import mytorch
    >>> margin_ranking_loss(mytorch.tensor([1.0]), mytorch.tensor([3.0]), mytorch.tensor([1.0]))
    tensor(2.)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if not input1.array.ndim == input2.array.ndim == target.array.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduce_loss(_above(-target * (input1 - input2) + margin), reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1; inputs (N, D) or (D,).

    >>> import mytorch
    >>> x, y = mytorch.tensor([[1.0, 0.0]]), mytorch.tensor([[0.0, 1.0]])
    >>> cosine_embedding_loss(x, y, mytorch.tensor([1.0]))
    tensor(1.)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if target.array.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.array.ndim != target.array.ndim + 1 or input2.array.ndim != target.array.ndim + 1:
        raise RuntimeError(
            f"{target.array.ndim}D target tensor expects {target.array.ndim + 1}D input tensors, but found inputs with "
            f"sizes {list(input1.array.shape)} and {list(input2.array.shape)}."
        )
    squares = [reductions.sum(x * x, -1) + 1e-12 for x in (input1, input2)]
    cosine = reductions.sum(input1 * input2, -1) / sqrt(squares[0] * squares[1])
    loss = where(target == 1, 1 - cosine, 0.0) + where(target == -1, _above(cosine - margin), 0.0)
    return reduce_loss(loss, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, |anchor - positive| - |anchor - negative| + margin), with the p-norm over the last dimension.

    Args:
        swap: use the positive's distance to the negative if it is smaller than the anchor's.

    Raises:
        ValueError: the margin is not positive.

    >>> import mytorch
    >>> a, p, n = mytorch.tensor([[0.0]]), mytorch.tensor([[1.0]]), mytorch.tensor([[3.0]])
    >>> triplet_margin_loss(a, p, n, margin=2.5)
    tensor(0.5000)
    """
    return triplet_margin_with_distance_loss(
        anchor, positive, negative,
        distance_function=lambda x, y: pairwise_distance(x, y, p, eps),
        margin=margin, swap=swap, reduction=check_reduction(reduction, size_average, reduce),
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance of two tensors (`pairwise_distance` if None).

    >>> import mytorch
    >>> a, p, n = mytorch.tensor([0.0]), mytorch.tensor([1.0]), mytorch.tensor([3.0])
    >>> triplet_margin_with_distance_loss(a, p, n, distance_function=lambda x, y: abs(x - y), margin=2.5)
    tensor(0.5000)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduce_loss(_above(near - far + margin), check_reduction(reduction))


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + e^(-target * input)) for targets 1 and -1.

    >>> import mytorch
    >>> soft_margin_loss(mytorch.tensor([0.0]), mytorch.tensor([1.0]))
    tensor(0.6931)
    """
    return reduce_loss(log1p(exp(-target * input)), check_reduction(reduction, size_average, reduce))


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of max(0, margin - (score of the right class - score of another))^p; input (N, C) or (C,).

    Args:
        p: 1 or 2.
        weight: a factor for each class, (C,), by the right class.

    >>> import mytorch
    >>> multi_margin_loss(mytorch.tensor([[1.0, 0.5]]), mytorch.tensor([0]))
    tensor(0.2500)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.array.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    scores = input if input.array.ndim == 2 else input.reshape(1, -1)
    classes = target.reshape(-1, 1)
    if classes.array.shape[0] != scores.array.shape[0]:
        raise RuntimeError(
            f"inconsistent target size, expected {scores.array.shape[0]} but got {list(target.array.shape)}"
        )
    if classes.array.size and not 0 <= classes.array.min() <= classes.array.max() < scores.array.shape[1]:
        raise RuntimeError("target out of range")
    short = _above(margin - scores.gather(1, classes) + scores)
    others = wrap(np.arange(scores.array.shape[1]) != classes.array)
    loss = where(others, short * short if p == 2 else short, 0.0)
    if weight is not None:
        loss = loss * weight[classes]
    loss = reductions.sum(loss, 1) / scores.array.shape[1]
    return reduce_loss(loss if input.array.ndim == 2 else loss.reshape(()), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the binary cross entropy of sigmoid(input), for several right classes at once.

    >>> import mytorch
    >>> multilabel_soft_margin_loss(mytorch.tensor([[0.0, 0.0]]), mytorch.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduce_loss(reductions.mean(loss if weight is None else loss * weight, -1), reduction)
