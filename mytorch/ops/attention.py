"""Attention: for each query, the mean of the values weighted by how well their keys fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import convert, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.ops import linalg, pieces, shape
from mytorch.ops.activation import softmax
from mytorch.ops.arithmetic import where
from mytorch.ops.dropout import dropout

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
        RuntimeError: a mask together with `is_causal`, other types, or fewer than two dimensions.

    >>> import mytorch
    >>> x = mytorch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> mytorch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    tensors = (query, key, value)
    for x in tensors:
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
            f"{query.array.ndim}, key.dim: {key.array.ndim} and value.dim: {value.array.ndim} instead."
        )
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    dtype = query.array.dtype
    if enable_gqa:
        heads = query.array.shape[-3]
        key, value = (pieces.repeat_interleave(x, heads // x.array.shape[-3], -3) for x in (key, value))
    if dtype == np.float16:
        query, key, value = (convert(x, np.dtype(np.float32)) for x in (query, key, value))
    # Each factor takes the root of the scale, so that no product overflows in half precision.
    root = math.sqrt(1 / math.sqrt(query.array.shape[-1]) if scale is None else abs(scale))
    sign = -1 if scale is not None and scale < 0 else 1
    scores = linalg.matmul(query * (sign * root), shape.transpose(key * root, -1, -2))
    allowed: Any = None
    if is_causal:
        allowed = wrap(np.tri(*scores.array.shape[-2:], dtype=bool))
    elif attn_mask is not None and attn_mask.array.dtype.kind == "b":
        allowed = attn_mask
    elif attn_mask is not None:
        if attn_mask.array.dtype != dtype:
            raise RuntimeError(
                f"Expected attn_mask dtype to be bool or to match query dtype, but got attn_mask.dtype: "
                f"{attn_mask.dtype} and query.dtype: {dtype} instead."
            )
        scores = scores + attn_mask
    if allowed is not None:
        scores = where(allowed, scores, -math.inf)
    weights = softmax(scores, -1)
    if attn_mask is not None:
        weights = where(wrap((scores.array > -math.inf).any(-1, keepdims=True)), weights, 0.0)
    return convert(linalg.matmul(dropout(weights, dropout_p), value), dtype)
