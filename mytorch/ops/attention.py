"""Attention: for each query, the mean of the values weighted by how well their keys fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert, misfit, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import random as streams
from mytorch.backend.dtypes import type_name
from mytorch.backend.generator import default_generator
from mytorch.ops import pieces
from mytorch.ops.attention_kernels import ATTENTION

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T * scale + mask) value, over the last two dimensions.

    Source: A. Vaswani and others, "Attention Is All You Need", 2017.

    Args:
        query: (..., L, width).
        key: (..., S, width).
        value: (..., S, width of the result).
        attn_mask: broadcasts to (..., L, S): True where a query may attend to a key, or numbers to add. A query that
            may attend to no key gets zeros.
        dropout_p: the probability of dropping a weight, in training as in evaluation.
        is_causal: let query number i attend to the keys up to number i only.
        scale: 1 / sqrt(width) if not given.
        enable_gqa: allow fewer heads (dimension -3) of keys and values than of queries, each shared by as many.

    Raises:
        RuntimeError: a mask together with `is_causal`, other types, fewer than two dimensions, shapes that do not fit.
        TypeError: something else than a tensor.

    >>> import mytorch
    >>> x = mytorch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> mytorch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    dtype = _check_tensors(query, key, value, attn_mask)
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        key, value = _shared_among_heads(query, key, value)
    shape = _shape_of_scores(query.array, key.array, value.array, None if attn_mask is None else attn_mask.array)
    bias, allowed = mask_parts(attn_mask, is_causal, shape)
    if dtype == np.float16:  # as in PyTorch all is computed in single precision
        query, key, value = (convert(x, np.dtype(np.float32)) for x in (query, key, value))
        bias = None if bias is None else convert(bias, np.dtype(np.float32))
    keep = weights_to_keep(shape, query.array.dtype, dropout_p)
    out = apply(
        ATTENTION, query, key, value, bias, allowed=allowed, keep=keep,
        scale=1 / math.sqrt(max(query.array.shape[-1], 1)) if scale is None else scale,
        by_query=keep is None and len(shape) == 4 and _lies_by_query(query.array),  # as PyTorch's result does
    )  # fmt: skip
    return convert(out, dtype)


def mask_parts(mask: Any, is_causal: bool, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """A mask as what is added to the scores, a tensor or None, and which of them count, booleans or None."""
    if is_causal:
        return None, np.tri(*shape[-2:], dtype=bool)
    if mask is not None and mask.array.dtype.kind == "b":
        return None, mask.array
    return mask, None


def weights_to_keep(shape: tuple[int, ...], dtype: Any, p: float) -> Any:
    """What dropout multiplies the weights with; None for p = 0."""
    return streams.dropout_mask(default_generator, shape, dtype, p) if p and math.prod(shape) else None


def _lies_by_query(x: Any) -> bool:
    """Whether (batch, heads, length, width) lies in memory as (batch, length, heads, width)."""
    return bool(x.ndim == 4 and x.strides[1] < x.strides[2])


def _check_tensors(query: Any, key: Any, value: Any, mask: Any) -> Any:
    """The type of the elements, once all are known to be tensors of that type with two dimensions or more."""
    tensors = (query, key, value)
    for x in tensors if mask is None else (*tensors, mask):
        if not isinstance(x, DifferentiableArray):
            raise wrong_argument("scaled_dot_product_attention", x)
    if len({x.array.dtype for x in tensors}) > 1:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if min(x.array.ndim for x in tensors) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.array.ndim} key.dim: {key.array.ndim} and value.dim: {value.array.ndim} instead."
        )
    dtype = query.array.dtype
    if dtype.kind != "f":
        raise RuntimeError(f"expected scalar type Float but found {type_name(dtype)}")
    if mask is not None and mask.array.dtype.kind != "b" and mask.array.dtype != dtype:
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or to match query dtype, but got attn_mask.dtype: "
            f"{mask.dtype} and query.dtype: {query.dtype} instead."
        )
    return dtype


def _shared_among_heads(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Keys and values with as many heads (dimension -3) as there are of queries."""
    if min(x.array.ndim for x in (query, key, value)) < 3:
        raise RuntimeError("enable_gqa needs a dimension of heads: query, key and value of at least 3 dimensions")
    heads = query.array.shape[-3]
    if any(not x.array.shape[-3] or heads % x.array.shape[-3] for x in (key, value)):
        raise RuntimeError(
            f"Number of heads in key and value must divide the number of heads in query, but they are "
            f"{key.array.shape[-3]}, {value.array.shape[-3]} and {heads}"
        )
    return tuple(pieces.repeat_interleave(x, heads // x.array.shape[-3], -3) for x in (key, value))  # type: ignore[return-value]


def _shape_of_scores(q: Any, k: Any, v: Any, mask: Any) -> tuple[int, ...]:
    """(..., L, S), if the shapes fit."""
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise RuntimeError(
            "scaled_dot_product_attention(): query and key must have one width, and key and value one length, but they "
            f"have the shapes {list(q.shape)}, {list(k.shape)} and {list(v.shape)}"
        )
    batches = [x[..., 0, 0] if x.size else np.broadcast_to(0, x.shape[:-2]) for x in (q, k, v)]
    try:
        np.broadcast_shapes(*(x.shape for x in batches))
    except ValueError as error:
        raise misfit("scaled_dot_product_attention", error, *batches) from None
    shape = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.shape[-2], k.shape[-2])
    if mask is None:
        return shape
    try:
        return np.broadcast_shapes(shape, mask.shape)
    except ValueError as error:
        raise misfit("scaled_dot_product_attention", error, np.broadcast_to(0, shape), mask) from None
