"""Attention in several heads side by side, with the products that come before and after it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.ops import linalg, padding, shape
from mytorch.ops.arithmetic import where
from mytorch.ops.attention import weights_to_keep
from mytorch.ops.attention_kernels import ATTENTION, SELF_ATTENTION
from mytorch.ops.dimension_activation import softmax
from mytorch.ops.dropout import dropout
from mytorch.ops.reduction import mean

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["multi_head_attention_forward"]


@dataclass(frozen=True)
class Projections:
    """What an attention multiplies with, and what it adds to keys and values.

    Either `packed` (3 E, E) holds the weights of queries, keys and values one below the other, or `separate` has three.
    """

    packed: Any
    separate: tuple[Any, Any, Any] | None
    bias: Any  # (3 E) or None
    bias_k: Any  # (1, 1, E): one more key and value for everybody, or None
    bias_v: Any
    add_zero: bool  # one more key and value of zeros
    out: Any
    out_bias: Any


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What `nn.MultiheadAttention` computes; see there. Returns the result and, if they are needed, the weights.

    Args:
        query, key, value: (L, N, E), (S, N, E of keys), (S, N, E of values), or without N.
        embed_dim_to_check: the size that E must have.
        in_proj_weight, in_proj_bias: (3 E, E) and (3 E): those of queries, keys and values, one below the other.
        bias_k, bias_v: (1, 1, E): one more key and value for everybody.
        add_zero_attn: one more key and value of zeros.
        dropout_p: the probability of dropping a weight, in `training`.
        key_padding_mask, attn_mask: see `nn.MultiheadAttention`.
        use_separate_proj_weight: take `q_proj_weight` (E, E), `k_proj_weight` and `v_proj_weight` for the weights.
        static_k, static_v: (N * num_heads, S, E / num_heads): keys and values to take as they are.
        is_causal: `attn_mask` is the causal mask, which need not be looked at.

    Raises:
        AssertionError: shapes that do not fit, or a mask of integers.
        RuntimeError: a mask of another shape, or `is_causal` without a mask.
    """
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    if separate is None and in_proj_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    return attend(
        query, key, value, embed_dim_to_check, num_heads,
        Projections(
            in_proj_weight, separate, in_proj_bias, bias_k, bias_v, add_zero_attn, out_proj_weight, out_proj_bias
        ),
        dropout_p=dropout_p if training else 0.0, key_padding_mask=key_padding_mask, need_weights=need_weights,
        attn_mask=attn_mask, static_k=static_k, static_v=static_v, average_attn_weights=average_attn_weights,
        is_causal=is_causal,
    )  # fmt: skip


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    projections: Projections,
    *,
    dropout_p: float = 0.0,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """`multi_head_attention_forward` for inputs whose batch comes first, too: (N, L, E) and (N, S, E)."""
    is_batched = _check_dims(query, key, value, key_padding_mask, attn_mask, num_heads)
    batch_at, length_at = (0, 1) if batch_first else (1, 0)
    if not is_batched:
        if query is key and key is value:
            query = key = value = query.unsqueeze(batch_at)
        else:
            query, key, value = (x.unsqueeze(batch_at) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    batch, length = query.array.shape[batch_at], query.array.shape[length_at]
    keys = key.array.shape[length_at]
    _check_masks(key_padding_mask, attn_mask)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    causal = is_causal and key_padding_mask is None and not need_weights
    if causal:
        attn_mask = None
    head = _check_sizes(query, key, value, embed_dim, num_heads, projections.separate is not None)
    if attn_mask is not None:
        attn_mask = _four_dimensional(attn_mask, (batch, num_heads, length, keys))

    p = projections
    as_they_are = p.bias_k is p.bias_v is static_k is static_v is None and not p.add_zero
    if query is key and key is value and p.separate is None and as_they_are:
        together = linalg.linear(query, p.packed, p.bias)
        q = k = v = cast(Any, None)
    else:
        together = None
        q, k, v = _projected((query, key, value), p.packed.chunk(3) if p.separate is None else p.separate, p.bias)
        k, v, added = _with_one_more(k, v, p.bias_k, p.bias_v, static_k, static_v, batch_at, length_at)
        q = _heads(q, num_heads, batch_first)
        k, v = (
            _heads(x, num_heads, batch_first) if static is None else _static(static, name, batch, num_heads, head)
            for x, static, name in ((k, static_k, "static_k"), (v, static_v, "static_v"))
        )
        if p.add_zero:
            zeros = wrap(np.zeros((batch, num_heads, 1, head), q.array.dtype))
            k, v, added = shape.cat([k, zeros], 2), shape.cat([v, zeros], 2), added + 1
        if added:  # everybody may see what was added
            attn_mask, key_padding_mask = (
                None if mask is None else padding.pad(mask, (0, added)) for mask in (attn_mask, key_padding_mask)
            )
        keys = k.array.shape[2]
    bias, forbidden = _joined_masks(attn_mask, key_padding_mask, batch, keys, query.array.dtype)

    scores_shape = batch, num_heads, length, keys
    attention_weights = None
    if need_weights:
        if together is not None:
            q, k, v = (_heads(x, num_heads, batch_first) for x in together.chunk(3, 2))
        attention_weights = dropout(_weights(q, k, bias, forbidden), dropout_p)
        result = _merged(linalg.matmul(attention_weights, v), batch_first)
    else:
        allowed = np.tri(length, keys, dtype=bool) if causal else None if forbidden is None else ~forbidden
        options = {"scale": 1 / math.sqrt(head), "allowed": allowed}
        options["keep"] = weights_to_keep(scores_shape, query.array.dtype, dropout_p)
        if together is not None:
            result = apply(SELF_ATTENTION, together, bias, heads=num_heads, batch_first=batch_first, **options)
        else:
            result = _merged(apply(ATTENTION, q, k, v, bias, by_query=batch_first, **options), batch_first)
    result = linalg.linear(result, p.out, p.out_bias)
    if attention_weights is not None and average_attn_weights:
        attention_weights = mean(attention_weights, 1)
    if not is_batched:
        result = result.squeeze(batch_at)
        attention_weights = None if attention_weights is None else attention_weights.squeeze(0)
    return result, attention_weights


# --- checks ---------------------------------------------------------------------------------------------------------


def _check_dims(query: Any, key: Any, value: Any, padding_mask: Any, mask: Any, heads: int) -> bool:
    """Whether there is a batch."""
    dims = query.array.ndim
    if dims not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor")
    kind = "batched (3-D)" if dims == 3 else "unbatched (2-D)"
    if not key.array.ndim == value.array.ndim == dims:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {dims}-D but found {key.array.ndim}-D and "
            f"{value.array.ndim}-D tensors respectively"
        )
    if padding_mask is not None and padding_mask.array.ndim != dims - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {dims - 1}-D but found "
            f"{padding_mask.array.ndim}-D tensor instead"
        )
    if mask is None:
        return dims == 3
    if mask.array.ndim not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {mask.array.ndim}-D tensor "
            "instead"
        )
    wanted = (heads, query.array.shape[0], key.array.shape[0])
    if dims == 2 and mask.array.ndim == 3 and mask.array.shape != wanted:
        raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {mask.shape}")
    return dims == 3


def _check_masks(padding_mask: Any, mask: Any) -> None:
    for name, one in (("key_padding_mask", padding_mask), ("attn_mask", mask)):
        if one is not None and one.array.dtype.kind not in "bf":
            raise AssertionError(f"only bool and floating types of {name} are supported")
    if padding_mask is not None and mask is not None and padding_mask.array.dtype != mask.array.dtype:
        warnings.warn(
            "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.",
            stacklevel=3,
        )


def _check_sizes(query: Any, key: Any, value: Any, expected: int, heads: int, separate: bool) -> int:
    """The width of a head."""
    width = query.array.shape[2]
    if width != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {width}")
    if width % heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate and key.array.shape[:2] != value.array.shape[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not separate and key.array.shape != value.array.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    return width // heads


# --- masks ----------------------------------------------------------------------------------------------------------


def _four_dimensional(mask: Any, scores: tuple[int, int, int, int]) -> Any:
    """A mask of (L, S) or (N * heads, L, S) as one that broadcasts to (N, heads, L, S)."""
    batch, heads, length, keys = scores
    flat = mask.array.ndim == 2
    wanted = (length, keys) if flat else (batch * heads, length, keys)
    if mask.array.shape != wanted:
        raise RuntimeError(f"The shape of the {mask.array.ndim}D attn_mask is {mask.shape}, but should be {wanted}.")
    return shape.reshape(mask, (1, 1, length, keys) if flat else scores)


def _joined_masks(mask: Any, padding_mask: Any, batch: int, keys: int, dtype: Any) -> tuple[Any, Any]:
    """Both masks as what is added to the scores, a tensor or None, and what is forbidden, booleans or None."""
    if padding_mask is not None:
        for axis, size in enumerate((batch, keys)):
            if padding_mask.array.shape[axis] != size:
                found = padding_mask.array.shape[axis]
                raise AssertionError(f"Expected key_padded_mask.shape[{axis}] to be {size}, but got {found}")
        padding_mask = shape.reshape(padding_mask, (batch, 1, 1, keys))
    bias = forbidden = None
    for one in (mask, padding_mask):
        if one is not None and one.array.dtype.kind == "b":
            forbidden = one.array if forbidden is None else forbidden | one.array
        elif one is not None:
            bias = one if bias is None else bias + one
    if bias is not None and bias.array.dtype != dtype:
        raise RuntimeError(f"Expected attn_mask dtype to be bool or to match query dtype, but it is {bias.dtype}")
    return bias, forbidden


# --- heads ----------------------------------------------------------------------------------------------------------


def _projected(inputs: Any, weights: Any, bias: Any) -> Any:
    """Queries, keys and values, each times its weight."""
    width = inputs[0].array.shape[2]
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    results = []
    for name, x, weight, one in zip(("query", "key", "value"), inputs, weights, biases, strict=True):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name[0]}_proj_weight is None")
        wanted = width, x.array.shape[2]
        if weight.array.shape != wanted:
            raise AssertionError(f"expecting {name} weights shape of {wanted}, but got {weight.shape}")
        if one is not None and one.array.shape != wanted[:1]:
            raise AssertionError(f"expecting {name} bias shape of {wanted[:1]}, but got {one.shape}")
        results.append(linalg.linear(x, weight, one))
    return results


def _with_one_more(
    k: Any, v: Any, bias_k: Any, bias_v: Any, static_k: Any, static_v: Any, batch_at: int, length_at: int
) -> tuple[Any, Any, int]:
    """Keys and values with `bias_k` and `bias_v` behind them, and how many came in addition."""
    if bias_k is None and bias_v is None:
        return k, v, 0
    if bias_v is None:
        raise AssertionError("bias_k is set but bias_v is None")
    if bias_k is None:
        raise AssertionError("bias_v is set but bias_k is None")
    for name, static in (("key", static_k), ("value", static_v)):
        if static is not None:
            raise AssertionError(f"bias cannot be added to static {name}.")
    sizes = [1, 1, k.array.shape[2]]
    sizes[batch_at] = k.array.shape[batch_at]
    k, v = (shape.cat([x, shape.expand(bias, sizes)], length_at) for x, bias in ((k, bias_k), (v, bias_v)))
    return k, v, 1


def _heads(x: Any, heads: int, batch_first: bool) -> Any:
    """(N, L, E) or (L, N, E) as (N, heads, L, E / heads)."""
    first, second, width = x.array.shape
    apart = shape.reshape(x, (first, second, heads, width // heads))
    return shape.permute(apart, (0, 2, 1, 3) if batch_first else (1, 2, 0, 3))


def _merged(x: Any, batch_first: bool) -> Any:
    """What `_heads` did, back."""
    heads, width = x.array.shape[1], x.array.shape[3]
    apart = shape.permute(x, (0, 2, 1, 3) if batch_first else (2, 0, 1, 3))
    return shape.reshape(apart, (*apart.array.shape[:2], heads * width))


def _static(x: Any, name: str, batch: int, heads: int, width: int) -> Any:
    """Given keys or values, (N * heads, S, width), as (N, heads, S, width)."""
    found = x.array.shape
    if found[0] != batch * heads:
        raise AssertionError(f"expecting {name}.size(0) of {batch * heads}, but got {found[0]}")
    if found[2] != width:
        raise AssertionError(f"expecting {name}.size(2) of {width}, but got {found[2]}")
    return shape.reshape(x, (batch, heads, *found[1:]))


def _weights(q: Any, k: Any, bias: Any, forbidden: Any) -> Any:
    """The weights themselves; NaN for a query that may see no key."""
    scores = linalg.matmul(q * math.sqrt(1 / q.array.shape[3]), shape.transpose(k, 2, 3))
    if bias is not None:
        scores = scores + bias
    return softmax(scores if forbidden is None else where(wrap(forbidden), -math.inf, scores), 3)
