"""The table entries of attention: softmax(q k^T * scale + bias) v as one operation, and the same for several heads.

With E = exp(q k^T * scale + bias - shift) and its sums s over the keys, the result is (E v) / s: dividing the result
instead of the weights E / s touches far fewer numbers. In the same way the derivative of softmax needs for each query
only the sum of g * out, where g is the result's gradient (T. Dao and others, "FlashAttention", 2022). So the largest
arrays, with a number for each query and key, are passed over as rarely as NumPy allows, and in place.
"""

from __future__ import annotations

import math
from typing import Any

from mytorch.autograd.primitive import Primitive
from mytorch.ops.matrices import transposed
from mytorch.ops.softmax_kernels import SMALL, largest


def _forward(
    xp: Any, q: Any, k: Any, v: Any, bias: Any, allowed: Any, scale: float, keep: Any, by_query: bool
) -> tuple[Any, Any]:
    """`allowed`: booleans or None. `keep`: what dropout multiplies the weights with, or None. `by_query`: whether the
    result lies in memory as (batch, L, heads, width)."""
    aux = _exponentials(xp, q, k, bias, allowed, scale)
    batch = xp.broadcast_shapes(aux[0].shape[:-2], v.shape[:-2])
    shape = (*batch, q.shape[-2], v.shape[-1])
    if by_query:
        out = xp.empty((shape[0], shape[2], shape[1], shape[3]), q.dtype).transpose(0, 2, 1, 3)
    else:
        out = xp.empty(shape, q.dtype)
    _weighted_means(xp, aux, v, keep, out)
    return out, aux


def _exponentials(xp: Any, q: Any, k: Any, bias: Any, allowed: Any, scale: float) -> tuple[Any, Any, Any]:
    """E, its sums over the keys (1 where they are 0, so that a query that may see no key gets 0), and q * scale."""
    q = q * scale
    scores = xp.matmul(q, transposed(xp, k))
    if bias is not None:
        scores = _combined(xp.add, scores, bias)
    if scores.size and not (scores.min() > -SMALL and scores.max() < SMALL):  # NaN counts as large
        if allowed is not None:
            scores = xp.where(allowed, scores, -math.inf)
        top = largest(_rows(scores)).reshape(*scores.shape[:-1], 1)
        scores -= xp.where(top == -math.inf, 0, top)
    xp.exp(scores, out=scores)
    if allowed is not None:
        scores = _combined(xp.multiply, scores, allowed)
    sums = (_rows(scores) @ xp.ones(scores.shape[-1], scores.dtype)).reshape(*scores.shape[:-1], 1)  # by BLAS
    sums[sums == 0] = 1
    return scores, sums, q


def _rows(x: Any) -> Any:
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _combined(function: Any, scores: Any, other: Any) -> Any:
    """function(scores, other), in place unless `other` adds to the shape."""
    shape = other.shape
    fits = len(shape) <= scores.ndim and all(a in (1, b) for a, b in zip(shape[::-1], scores.shape[::-1], strict=False))
    return function(scores, other, out=scores if fits else None)


def _weighted_means(xp: Any, aux: Any, v: Any, keep: Any, out: Any) -> None:
    exponentials, sums, _ = aux
    xp.matmul(exponentials if keep is None else exponentials * keep, v, out=out)
    out /= sums


def _joint(
    xp: Any, g: Any, out: Any, q: Any, k: Any, v: Any, bias: Any, *, needs: Any, allowed: Any, scale: float, keep: Any,
    by_query: bool, aux: Any,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    if aux is None:
        return _gradients(xp, g, q, k, v, bias, needs, allowed, scale, keep)
    return _kernel(xp, g, out, k, v, needs, scale, keep, aux, (None, None, None))


def _kernel(
    xp: Any, g: Any, out: Any, k: Any, v: Any, needs: Any, scale: float, keep: Any, aux: Any, into: Any
) -> tuple[Any, Any, Any, Any]:
    """The gradients of q, k, v and bias, the first three written `into` arrays where those are given."""
    exponentials, sums, scaled_q = aux
    gq = gk = gv = slope = None
    g = g / sums
    if needs[2]:
        kept = exponentials if keep is None else exponentials * keep
        gv = xp.matmul(transposed(xp, kept), g, out=into[2])
    if needs[0] or needs[1] or needs[3]:
        slope = xp.matmul(g, transposed(xp, v))
        if keep is not None:
            slope *= keep
        slope -= xp.vecdot(g, out)[..., None]
        slope *= exponentials
        if needs[0]:
            gq = xp.matmul(slope, k, out=into[0])
            gq *= scale
        if needs[1]:
            gk = xp.matmul(transposed(xp, slope), scaled_q, out=into[1])
    return gq, gk, gv, slope if needs[3] else None


def _gradients(
    xp: Any, g: Any, q: Any, k: Any, v: Any, bias: Any, needs: Any, allowed: Any, scale: float, keep: Any
) -> tuple[Any, Any, Any, Any]:
    """The same from the inputs alone, in functions that can be differentiated."""
    last = (len(g.shape) - 1,)
    scores = xp.matmul(q, transposed(xp, k)) * scale
    if bias is not None:
        scores = scores + bias
    if allowed is not None:
        scores = xp.where(allowed, scores, -math.inf)
    sees_none = None
    if (bias is not None or allowed is not None) and math.prod(scores.shape):
        sees_none = xp.amax(scores, axis=(len(scores.shape) - 1,), keepdims=True) == -math.inf
        scores = xp.where(sees_none, 0, scores)
    weights = xp.softmax(scores, (len(scores.shape) - 1,))
    if sees_none is not None:
        weights = xp.where(sees_none, 0, weights)
    gv = xp.matmul(transposed(xp, weights if keep is None else weights * keep), g) if needs[2] else None
    slope = xp.matmul(g, transposed(xp, v))
    if keep is not None:
        slope = slope * keep
    slope = weights * (slope - xp.sum(slope * weights, axis=last, keepdims=True))
    return (
        xp.matmul(slope, k) * scale if needs[0] else None,
        xp.matmul(transposed(xp, slope), q) * scale if needs[1] else None,
        gv,
        slope if needs[3] else None,
    )


# What both forms have in common, as `formulas` shows it for each head.
_SCORES = {
    "s": "scale * matmul(q, t(k)) + bias",
    "p": "softmax(s)",
    "y": "matmul(p * keep, v)",
    "dp": "matmul(g, t(v)) * keep",
    "ds": "p * (dp - sum(p * dp, axis=-1, keepdims=True))",
}

# softmax(q k^T * scale + bias) v with q (..., L, D), k (..., S, D), v (..., S, Dv), and bias, which may be None,
# broadcasting to (..., L, S).
ATTENTION = Primitive(
    "attention",
    _forward,
    [None] * 4,
    joint=_joint,
    aux=True,
    grad_name="ScaledDotProductFlashAttentionForCpuBackward0",
    math={
        **_SCORES,
        "q": "scale * matmul(ds, k)",
        "k": "scale * matmul(t(ds), q)",
        "v": "matmul(t(p * keep), g)",
        "bias": "ds",
    },
)

# --- several heads, with queries, keys and values side by side ------------------------------------------------------


def _parts(xp: Any, x: Any, heads: int, batch_first: bool) -> list[Any]:
    """Queries, keys and values as (batch, heads, length, width), views of (batch, length, 3 * heads * width)."""
    first, second, width = x.shape
    width //= 3
    split = [xp.slice_axis(x, 2, i * width, (i + 1) * width) for i in range(3)]
    axes = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
    return [xp.permute(xp.reshape(part, (first, second, heads, width // heads)), axes) for part in split]


def _split_heads(x: Any, heads: int, batch_first: bool) -> Any:
    """(batch, length, heads * width) as (batch, heads, length, width)."""
    first, second, width = x.shape
    return x.reshape(first, second, heads, width // heads).transpose((0, 2, 1, 3) if batch_first else (1, 2, 0, 3))


def _packed_forward(
    xp: Any, x: Any, bias: Any, allowed: Any, scale: float, keep: Any, heads: int, batch_first: bool
) -> tuple[Any, Any]:
    q, k, v = _parts(xp, x, heads, batch_first)
    aux = _exponentials(xp, q, k, bias, allowed, scale)
    out = xp.empty((*x.shape[:2], x.shape[2] // 3), x.dtype)
    _weighted_means(xp, aux, v, keep, _split_heads(out, heads, batch_first))
    return out, aux


def _packed_joint(
    xp: Any, g: Any, out: Any, x: Any, bias: Any, *, needs: Any, allowed: Any, scale: float, keep: Any, heads: int,
    batch_first: bool, aux: Any,
) -> tuple[Any, Any]:  # fmt: skip
    q, k, v = _parts(xp, x, heads, batch_first)
    needs = needs[0], needs[0], needs[0], needs[1]
    if aux is None:
        g = xp.reshape(g, (*g.shape[:2], heads, g.shape[2] // heads))
        axes = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
        back = (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)
        *parts, gbias = _gradients(xp, xp.permute(g, axes), q, k, v, bias, needs, allowed, scale, keep)
        if not needs[0]:
            return None, gbias
        shape = *x.shape[:2], x.shape[2] // 3
        return xp.cat(*[xp.reshape(xp.permute(part, back), shape) for part in parts], axis=2), gbias
    g, out = (_split_heads(y, heads, batch_first) for y in (g, out))
    gx = xp.empty(x.shape, x.dtype)
    *_, gbias = _kernel(xp, g, out, k, v, needs, scale, keep, aux, _parts(xp, gx, heads, batch_first))
    return gx if needs[0] else None, gbias


# The input has queries, keys and values side by side in its last dimension; the result all heads side by side.
SELF_ATTENTION = Primitive(
    "self_attention",
    _packed_forward,
    [None] * 2,
    joint=_packed_joint,
    aux=True,
    grad_name="ScaledDotProductFlashAttentionForCpuBackward0",
    math={
        "q": "chunk(x, 1)",
        "k": "chunk(x, 2)",
        "v": "chunk(x, 3)",
        **_SCORES,
        "x": "beside(scale * matmul(ds, k), scale * matmul(t(ds), q), matmul(t(p * keep), g))",
        "bias": "ds",
    },
)
