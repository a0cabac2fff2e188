"""Attention and the layers of transformers, without masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints
from mytorch.interop.onnx_layers.activation import EMITTERS as ACTIVATIONS
from mytorch.nn import functional as F


def _refuse_masks(layer: Layer, inputs: int) -> None:
    if len(layer.shapes) > inputs:
        raise layer.cannot("it is called with a mask, which cannot be written")


def _projected(layer: Layer, x: str, weight: Any, bias: Any) -> str:
    """x W^T + b for raw arrays."""
    product = layer.node("MatMul", x, np.ascontiguousarray(weight.T))
    return product if bias is None else layer.node("Add", product, bias)


def _attention(layer: Layer, module: nn.MultiheadAttention, *inputs: str) -> str:
    _refuse_masks(layer, 3)
    layer.check_batched(3)
    if not module.batch_first:
        raise layer.cannot("the rows must come first: make it with batch_first=True")
    width, heads = module.embed_dim, module.num_heads
    if module.in_proj_weight is not None:
        weights = np.split(module.in_proj_weight.array, 3)
    else:
        weights = [getattr(module, f"{name}_proj_weight").array for name in "qkv"]
    biases = [None] * 3 if module.in_proj_bias is None else np.split(module.in_proj_bias.array, 3)
    q, k, v = (_projected(layer, *parts) for parts in zip(inputs, weights, biases, strict=True))
    k, v = (_with_more_keys(layer, module, x, bias) for x, bias in ((k, module.bias_k), (v, module.bias_v)))

    def split(x: str, perm: list[int]) -> str:
        return layer.node("Transpose", layer.node("Reshape", x, ints(0, -1, heads, width // heads)), perm=perm)

    scores = layer.node("MatMul", split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1]))
    shares = layer.node("Softmax", layer.node("Mul", scores, 1 / math.sqrt(width // heads)), axis=-1)
    means = layer.node("MatMul", shares, split(v, [0, 2, 1, 3]))
    together = layer.node("Reshape", layer.node("Transpose", means, perm=[0, 2, 1, 3]), ints(0, -1, width))
    bias = module.out_proj.bias
    return _projected(layer, together, module.out_proj.weight.array, None if bias is None else bias.array)


def _with_more_keys(layer: Layer, module: nn.MultiheadAttention, x: str, bias: Any) -> str:
    """Keys or values with what `add_bias_kv` and `add_zero_attn` put behind them."""
    zeros = (
        layer.node("Mul", layer.node("ReduceMax", x, ints(1)), 0) if bias is not None or module.add_zero_attn else ""
    )
    if bias is not None:
        x = layer.node("Concat", x, layer.node("Add", zeros, bias), axis=1)
    return layer.node("Concat", x, zeros, axis=1) if module.add_zero_attn else x


FUNCTIONS: dict[Any, nn.Module] = {F.relu: nn.ReLU(), F.gelu: nn.GELU()}


def _refuse_unknown_activation(layer: Layer, module: Any) -> None:
    if not isinstance(module.activation, nn.Module) and module.activation not in FUNCTIONS:
        raise layer.cannot("its activation is a function that has no counterpart; give it a module such as nn.Tanh()")


def _activation(layer: Layer, module: Any, x: str) -> str:
    if isinstance(module.activation, nn.Module):
        return layer.child("activation", module.activation, x)
    same = FUNCTIONS[module.activation]
    return str(ACTIVATIONS[type(same)](layer, same, x))


def _feed_forward(layer: Layer, module: Any, x: str, last: str) -> str:
    hidden = layer.child(
        "dropout", module.dropout, _activation(layer, module, layer.child("linear1", module.linear1, x))
    )
    return layer.child(last, getattr(module, last), layer.child("linear2", module.linear2, hidden))


def _layer_of(layer: Layer, module: Any, x: str, memory: str | None) -> str:
    """Blocks, each with its input added, and a layer norm before or after it."""
    _refuse_unknown_activation(layer, module)

    def attend(name: str, dropout: str, x: str, keys: str) -> str:
        return layer.child(dropout, getattr(module, dropout), layer.child(name, getattr(module, name), x, keys, keys))

    blocks: list[Callable[[str], str]] = [lambda x: attend("self_attn", "dropout1", x, x)]
    if memory is not None:
        blocks.append(lambda x: attend("multihead_attn", "dropout2", x, memory))
    last = f"dropout{len(blocks) + 1}"
    blocks.append(lambda x: _feed_forward(layer, module, x, last))
    for number, block in enumerate(blocks, start=1):
        norm = f"norm{number}"
        if module.norm_first:
            x = layer.node("Add", x, block(layer.child(norm, getattr(module, norm), x)))
        else:
            x = layer.child(norm, getattr(module, norm), layer.node("Add", x, block(x)))
    return x


def _encoder_layer(layer: Layer, module: nn.TransformerEncoderLayer, x: str) -> str:
    _refuse_masks(layer, 1)
    return _layer_of(layer, module, x, None)


def _decoder_layer(layer: Layer, module: nn.TransformerDecoderLayer, x: str, memory: str) -> str:
    _refuse_masks(layer, 2)
    return _layer_of(layer, module, x, memory)


def _stack(layer: Layer, module: Any, x: str, *memory: str) -> str:
    _refuse_masks(layer, 1 + len(memory))
    for number, one in enumerate(module.layers):
        x = layer.child(f"layers.{number}", one, x, *memory)
    return x if module.norm is None else layer.child("norm", module.norm, x)


def _transformer(layer: Layer, module: nn.Transformer, source: str, target: str) -> str:
    _refuse_masks(layer, 2)
    return layer.child("decoder", module.decoder, target, layer.child("encoder", module.encoder, source))


EMITTERS: dict[type[nn.Module], Emitter] = {
    nn.MultiheadAttention: _attention,
    nn.Transformer: _transformer,
    nn.TransformerDecoder: _stack,
    nn.TransformerDecoderLayer: _decoder_layer,
    nn.TransformerEncoder: _stack,
    nn.TransformerEncoderLayer: _encoder_layer,
}
