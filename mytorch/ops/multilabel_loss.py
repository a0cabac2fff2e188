"""The margin loss for several right classes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.ops import shape
from mytorch.ops.arithmetic import where
from mytorch.ops.elementwise import relu
from mytorch.ops.indexing import gather
from mytorch.ops.loss import check_reduction, reduce_loss

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["multilabel_margin_loss"]


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How much the scores of wrong classes come within 1 of those of right ones, divided by the number of classes.

    Args:
        input: scores, (batch, classes) or (classes).
        target: int64 of the same shape: the numbers of the right classes, then -1; what comes after it is ignored.

    Raises:
        RuntimeError: the shapes differ, or a class is out of range.

    >>> import mytorch
    >>> multilabel_margin_loss(mytorch.tensor([[0.1, 0.2, 0.4, 0.8]]), mytorch.tensor([[3, 0, -1, 1]]))
    tensor(0.8500)
    """
    reduction = check_reduction(reduction, size_average, reduce)
    scores, given = input.array, target.array
    if scores.ndim > 2 or not scores.shape[-1:] != (0,):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(scores.shape)}"
        )
    if given.shape != scores.shape:
        raise RuntimeError(f"inconsistent target size: {list(given.shape)} for input of size: {list(scores.shape)}")
    if given.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype}")
    rows = shape.reshape(input, -1, scores.shape[-1] if scores.ndim else 1)
    labels = given.reshape(rows.array.shape)
    count = labels.shape[1]
    if labels.size and not -1 <= labels.min() <= labels.max() < count:
        raise RuntimeError("argument #2 'target' is out of range")
    right = np.cumprod(labels >= 0, axis=1).astype(bool)
    labels = np.where(right, labels, 0)
    chosen = np.zeros(labels.shape, bool)
    np.logical_or.at(chosen, (np.arange(len(labels))[:, None], labels), right)
    short = 1 - shape.unsqueeze(gather(rows, 1, wrap(labels)), 2) + shape.unsqueeze(rows, 1)
    counted = wrap(right[:, :, None] & ~chosen[:, None, :])
    loss = where(counted, relu(short), 0.0).sum((1, 2)) / count
    return reduce_loss(loss if scores.ndim == 2 else shape.reshape(loss, ()), reduction)
