"""A block of a transformer's encoder, normalised after each part, by hand."""

from __future__ import annotations

import numpy as np

from benchmarks.by_hand.losses import mean_square
from benchmarks.by_hand.parameters import SGD, Parameter, Parameters
from benchmarks.workload import Array, Figures

HEADS = 4
EPS = np.float32(1e-5)


class Block:
    """The training of `sequence.transformer`: calling it is a step."""

    def __init__(self, weights: Figures) -> None:
        self.parameters = Parameters(weights)
        self.optimizer = SGD(self.parameters, lr=0.01, momentum=0.9)

    def __call__(self, x: Array, y: Array) -> float:
        get = self.parameters
        batch, tokens, width = x.shape
        rows = x.reshape(-1, width)
        size = width // HEADS
        scale = np.float32(size**-0.5)

        def split(part: Array) -> Array:
            return part.reshape(batch, tokens, HEADS, size).transpose(0, 2, 1, 3)

        in_w, in_b = get["self_attn.in_proj_weight"], get["self_attn.in_proj_bias"]
        out_w, out_b = get["self_attn.out_proj.weight"], get["self_attn.out_proj.bias"]
        up_w, up_b, down_w, down_b = (get[f"linear{k}.{what}"] for k in (1, 2) for what in ("weight", "bias"))

        qkv = linear(rows, in_w, in_b)
        q, k, v = (split(qkv[:, i * width : (i + 1) * width]) for i in range(3))
        p = q @ k.transpose(0, 1, 3, 2)
        p *= scale
        p -= p.max(-1, keepdims=True)
        np.exp(p, p)
        p /= p.sum(-1, keepdims=True)
        mixed = np.ascontiguousarray((p @ v).transpose(0, 2, 1, 3)).reshape(-1, width)
        attended = linear(mixed, out_w, out_b)
        attended += rows
        first, unit1, root1 = normalize(attended, get["norm1.weight"], get["norm1.bias"])
        hidden = linear(first, up_w, up_b)
        np.maximum(hidden, np.float32(0), out=hidden)
        back = linear(hidden, down_w, down_b)
        back += first
        out, unit2, root2 = normalize(back, get["norm2.weight"], get["norm2.bias"])

        value, g = mean_square(out, y.reshape(-1, width))
        g = normalize_back(g, unit2, root2, get["norm2.weight"], get["norm2.bias"])
        d_hidden = linear_back(g, hidden, down_w, down_b)
        d_hidden *= hidden > 0
        g += linear_back(d_hidden, first, up_w, up_b)
        g = normalize_back(g, unit1, root1, get["norm1.weight"], get["norm1.bias"])
        d_mixed = split(linear_back(g, mixed, out_w, out_b))
        d_v = p.transpose(0, 1, 3, 2) @ d_mixed
        d_p = d_mixed @ v.transpose(0, 1, 3, 2)
        d_p -= np.einsum("bhij,bhij->bhi", d_p, p)[..., None]
        d_p *= p
        d_p *= scale
        d_qkv = np.empty_like(qkv)
        for i, part in enumerate((d_p @ k, d_p.transpose(0, 1, 3, 2) @ q, d_v)):
            split(d_qkv[:, i * width : (i + 1) * width])[:] = part
        linear_back(d_qkv, rows, in_w, in_b, first=True)
        self.optimizer.step()
        return value


def linear(x: Array, weight: Parameter, bias: Parameter) -> Array:
    result = x @ weight.value.T
    result += bias.value
    return result


def linear_back(g: Array, x: Array, weight: Parameter, bias: Parameter, first: bool = False) -> Array:
    """The gradient of the input; those of the parameters are put in place."""
    np.matmul(g.T, x, out=weight.grad)
    np.matmul(np.ones(len(g), np.float32), g, out=bias.grad)
    return g if first else g @ weight.value


def normalize(x: Array, weight: Parameter, bias: Parameter) -> tuple[Array, Array, Array]:
    """Layer norm; also what its derivative needs: the rows of mean 0 and variance 1, and 1 / deviation."""
    unit = x - x.mean(1, keepdims=True)
    root = 1 / np.sqrt(np.einsum("ij,ij->i", unit, unit)[:, None] / np.float32(x.shape[1]) + EPS)
    unit *= root
    result = unit * weight.value
    result += bias.value
    return result, unit, root


def normalize_back(g: Array, unit: Array, root: Array, weight: Parameter, bias: Parameter) -> Array:
    """(g w - mean(g w) - unit mean(g w unit)) / deviation."""
    np.einsum("ij,ij->j", g, unit, out=weight.grad)
    np.matmul(np.ones(len(g), np.float32), g, out=bias.grad)
    d = g * weight.value
    across = np.einsum("ij,ij->i", d, unit)[:, None] / np.float32(d.shape[1])
    d -= d.mean(1, keepdims=True)
    d -= unit * across
    d *= root
    return d
