"""Rows of a table by number: embeddings, and one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive, namespace_of
from mytorch.backend.dtypes import of

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["embedding", "one_hot"]

# `index` is a raw array of row numbers; `factor`, of the same shape or None, multiplies the gradient of each pick.


def _embedding_forward(xp: Any, x: Any, index: Any, factor: Any) -> Any:
    return xp.take(x, index, axis=0)


def _back_forward(xp: Any, g: Any, index: Any, factor: Any, rows: int) -> Any:
    """Add each row of `g` to the row of the table that it was picked from: sorted, so that each is written once."""
    width = g.shape[-1]
    out = xp.zeros((rows, width), dtype=g.dtype)
    if not g.size:
        return out
    if factor is not None:
        g = g * factor[..., None].astype(g.dtype)
    flat = index.reshape(-1)
    order = xp.argsort(flat, kind="stable")
    picked, starts = xp.unique(flat[order], return_index=True)
    out[picked] = xp.add.reduceat(g.reshape(-1, width)[order], starts, axis=0)
    return out


def _scaled_forward(xp: Any, h: Any, index: Any, factor: Any) -> Any:
    picked = xp.take(h, index, axis=0)
    return picked if factor is None else picked * factor[..., None].astype(h.dtype)


_embedding = Primitive(
    "embedding",
    _embedding_forward,
    [lambda xp, g, _out, x_shape, index, factor: xp.embedding_back(g, index, factor, x_shape[0])],
    math={
        "y": "embedding_scaled(x, index, None)",
    },
)
_embedding_back = Primitive(
    "embedding_back",
    _back_forward,
    [lambda xp, h, _out, _g, index, factor, rows: xp.embedding_scaled(h, index, factor)],
)
_embedding_scaled = Primitive(
    "embedding_scaled",
    _scaled_forward,
    [lambda xp, g, _out, h_shape, index, factor: xp.embedding_back(g, index, factor, h_shape[0])],
)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (rows, width) that `input` names: its shape with the width added at the end.

    Args:
        input: int32 or int64 numbers of rows, of any shape.
        padding_idx: a row that gets no gradient; negative numbers count from the end.
        max_norm: first scale down, in place and without recording it, the named rows whose norm is larger.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide each row's gradient by how often it is named.
        sparse: taken for PyTorch's sake; gradients are dense.

    Raises:
        IndexError: a number out of range.
        RuntimeError: numbers that are no integers, or a weight that is no matrix.

    >>> import mytorch
    >>> mytorch.nn.functional.embedding(mytorch.tensor([2, 0]), mytorch.eye(3))
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    for value in (input, weight):
        if not isinstance(value, DifferentiableArray):
            raise wrong_argument("embedding", value)
    index, table = input.array, weight.array
    if index.dtype not in (np.int32, np.int64):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{of(index.dtype)} instead (while checking arguments for embedding)"
        )
    if table.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    rows = table.shape[0]
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if index.size and (index.min() < 0 or index.max() >= rows):
        raise IndexError("index out of range in self")
    xp = namespace_of(table)
    if max_norm is not None:
        _limit_norms(xp, weight, index, max_norm, norm_type)
    factor = None
    if padding_idx is not None or scale_grad_by_freq:
        factor = xp.ones(index.shape)
        if scale_grad_by_freq:
            factor /= xp.bincount(index.reshape(-1), minlength=rows)[index]
        if padding_idx is not None:
            factor[index == padding_idx] = 0
    return apply(_embedding, weight, index=index.copy(), factor=factor)


def _limit_norms(xp: Any, weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    named = xp.unique(index)
    rows = weight.array[named]
    norms = xp.linalg.norm(rows, norm_type, axis=1)
    large = norms > max_norm
    weight.array[named[large]] = rows[large] * (max_norm / (norms[large, None] + 1e-7))
    weight.changed()


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """For each number a vector of zeros with a 1 at that place.

    Args:
        tensor: int64 numbers from 0, of any shape.
        num_classes: the length of the vectors; one more than the largest number if -1.

    Raises:
        RuntimeError: no int64 tensor, a number out of range, or no numbers to infer the length from.

    >>> import mytorch
    >>> mytorch.nn.functional.one_hot(mytorch.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    index = tensor.array
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if num_classes < -1 or (num_classes == 0 and index.size):
        raise RuntimeError("Class values must be smaller than num_classes.")
    if not index.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if index.size and index.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(index.max()) + 1
    elif index.size and index.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    xp = namespace_of(index)
    return wrap((index[..., None] == xp.arange(num_classes)).astype(np.int64))
