"""Sums, means and maxima of groups ("bags") of rows of a table, as for words of a text."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend.dtypes import of
from mytorch.ops import shape
from mytorch.ops.arithmetic import where
from mytorch.ops.embedding import embedding
from mytorch.ops.indexing import gather
from mytorch.ops.scatter import index_add, index_select

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["embedding_bag"]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """For each bag of row numbers, the sum, mean or maximum of those rows of `weight`: (bags, width).

    Args:
        input: numbers of rows: (bags, numbers in each), or all in one vector, with `offsets`.
        weight: the table, (rows, width).
        offsets: where each bag begins in the vector; the first begins at 0. An empty bag gives zeros.
        max_norm, norm_type, scale_grad_by_freq, sparse: as of `embedding`.
        mode: "sum", "mean" or "max".
        per_sample_weights: for "sum": what to multiply each row with, in the shape of `input`.
        include_last_offset: whether `offsets` ends with the vector's length.
        padding_idx: a row that does not count; negative numbers count from the end.

    Raises:
        ValueError: shapes or options that do not go together.
        RuntimeError: offsets that do not begin at 0 or go beyond the end, or another type than the input's.
        NotImplementedError: `per_sample_weights` with another mode than "sum".

    >>> import mytorch
    >>> table = mytorch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> mytorch.nn.functional.embedding_bag(mytorch.tensor([[0, 1], [2, 2]]), table)
    tensor([[2., 3.],
            [5., 6.]])
    """
    for value in (input, weight):
        if not isinstance(value, DifferentiableArray):
            raise wrong_argument("embedding_bag", value)
    if weight.array.dtype == np.int64 and input.array.dtype.kind == "f":
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        input, weight = weight, input
    if per_sample_weights is not None and input.array.shape != per_sample_weights.array.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({list(per_sample_weights.array.shape)}) is not None, then it must "
            f"have the same shape as the input ({list(input.array.shape)})"
        )
    if weight.array.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.array.ndim}")
    starts = _starts(input, offsets, include_last_offset)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and (scale_grad_by_freq or sparse):
        what = "scaling the gradient by the frequency" if scale_grad_by_freq else "sparse weights"
        raise ValueError(f"max mode does not support {what}")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}')."
        )
    if padding_idx is not None:
        if not -len(weight.array) <= padding_idx < len(weight.array):
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, -{len(weight.array)} through "
                f"{len(weight.array) - 1}, but got {padding_idx}"
            )
        padding_idx %= len(weight.array)

    numbers = input.array.reshape(-1)
    rows = embedding(wrap(numbers), weight, None, max_norm, norm_type, scale_grad_by_freq, sparse)
    bags = np.searchsorted(starts, np.arange(numbers.size), side="right") - 1
    kept = numbers != padding_idx if padding_idx is not None else np.full(numbers.size, True)
    if not kept.all():
        bags = bags[kept]
        rows = index_select(rows, 0, wrap(np.flatnonzero(kept)))
    if per_sample_weights is not None:
        factors = shape.reshape(per_sample_weights, -1)
        if factors.array.dtype != weight.array.dtype:
            raise RuntimeError(
                f"expected per_sample_weights to have the type of weight, {weight.dtype}, but got {factors.dtype}"
            )
        rows = rows * shape.unsqueeze(index_select(factors, 0, wrap(np.flatnonzero(kept))), 1)
    if mode == "max":
        return _maxima(rows, bags, len(starts))
    zeros = wrap(np.zeros((len(starts), weight.array.shape[1]), rows.array.dtype))
    total = index_add(zeros, 0, wrap(bags), rows)
    if mode == "sum":
        return total
    counts = np.maximum(np.bincount(bags, minlength=len(starts)), 1).astype(rows.array.dtype)
    return total / wrap(counts[:, None])


def _starts(input: Any, offsets: Any, include_last_offset: bool) -> Any:
    """Where each bag begins in the flattened input."""
    numbers = input.array
    if numbers.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        return np.arange(len(numbers)) * numbers.shape[1]
    if numbers.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {numbers.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    starts = offsets.array
    if starts.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if starts.dtype.kind != "i":
        raise RuntimeError(f"Expected offsets to be of type int32 or int64, but got {of(starts.dtype)}")
    if include_last_offset:
        if not starts.size:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        starts = starts[:-1]
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
            f"got {starts[0]}"
        )
    if starts.size and starts[-1] > numbers.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {numbers.size} but got offsets[-1] of {starts[-1]}"
        )
    return starts


def _maxima(rows: Any, bags: Any, count: int) -> Any:
    """The maximum of each bag's rows, column by column; its gradient goes to the first row that has it."""
    values = rows.array
    width = values.shape[1]
    if not len(values):
        return wrap(np.zeros((count, width), values.dtype)) + rows.sum()
    chosen = np.zeros((count, width), np.int64)
    filled = np.full((count, 1), False)
    ends = np.flatnonzero(np.diff(bags, append=count))
    start = 0
    for end in ends.tolist():
        chosen[bags[end]] = start + values[start : end + 1].argmax(axis=0)
        filled[bags[end]] = True
        start = end + 1
    return where(wrap(filled), gather(rows, 0, wrap(chosen)), 0)
