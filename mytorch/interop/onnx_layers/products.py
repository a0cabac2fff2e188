"""Layers that multiply or look up: Linear, Bilinear, the two of tables, distances between two inputs."""

from __future__ import annotations

import numpy as np

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints
from mytorch.ops.renorm import renorm
from mytorch.tensor import Tensor


def _linear(layer: Layer, module: nn.Linear, x: str) -> str:
    if len(layer.shape) == 2:
        return layer.node("Gemm", x, module.weight, module.bias, transB=1)
    product = layer.node("MatMul", x, layer.node("Transpose", module.weight, perm=[1, 0]))
    return product if module.bias is None else layer.node("Add", product, module.bias)


def _bilinear(layer: Layer, module: nn.Bilinear, x1: str, x2: str) -> str:
    """x1 A x2 for all matrices A at once: x1 times all of them side by side, then each result times x2."""
    out, first, second = module.weight.shape
    rows = layer.node("Transpose", module.weight, perm=[1, 0, 2])
    side_by_side = layer.node("Reshape", rows, ints(first, out * second))
    vectors = layer.reshape(layer.node("MatMul", x1, side_by_side), (*layer.out_shape, second))
    column = layer.node("Unsqueeze", x2, ints(-1))
    product = layer.node("Squeeze", layer.node("MatMul", vectors, column), ints(-1))
    return product if module.bias is None else layer.node("Add", product, module.bias)


def _table(module: nn.Embedding | nn.EmbeddingBag) -> Tensor:
    """The table of vectors; with `max_norm` as every look-up would leave it."""
    if module.max_norm is None:
        return module.weight
    return renorm(module.weight.detach(), module.norm_type, 0, module.max_norm)


def _embedding(layer: Layer, module: nn.Embedding, x: str) -> str:
    return layer.node("Gather", _table(module), x, axis=0)


def _embedding_bag(layer: Layer, module: nn.EmbeddingBag, x: str) -> str:
    if len(layer.shapes) > 1 or len(layer.shape) != 2:
        raise layer.cannot("bags are written for inputs of shape (bags, numbers), without offsets and weights")
    rows = layer.node("Gather", _table(module), x, axis=0)
    op = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}[module.mode]
    if module.padding_idx is None:
        return layer.node(op, rows, ints(1), keepdims=0)
    index = np.array(module.padding_idx, layer.call.inputs[0][1])
    counts = layer.node("Unsqueeze", layer.node("Not", layer.node("Equal", x, index)), ints(-1))
    number = layer.node("ReduceSum", layer.node("Cast", counts, to=_onnx_type(layer.dtype)), ints(1), keepdims=0)
    if module.mode == "max":
        found = layer.node("ReduceMax", layer.node("Where", counts, rows, -np.inf), ints(1), keepdims=0)
        return layer.node("Where", layer.node("Greater", number, 0), found, 0)
    total = layer.node("ReduceSum", layer.node("Where", counts, rows, 0), ints(1), keepdims=0)
    return total if module.mode == "sum" else layer.node("Div", total, layer.node("Max", number, 1))


def _onnx_type(dtype: np.dtype[np.generic]) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(dtype))


def _norm(layer: Layer, x: str, p: float, axis: int, keepdims: bool) -> str:
    """The p-norm along an axis."""
    keep = int(keepdims)
    if p in (1, 2):
        return layer.node(f"ReduceL{int(p)}", x, ints(axis), keepdims=keep)
    size = layer.node("Abs", x)
    if abs(p) == np.inf:
        return layer.node("ReduceMax" if p > 0 else "ReduceMin", size, ints(axis), keepdims=keep)
    if p == 0:
        return layer.node("ReduceSum", layer.node("Sign", size), ints(axis), keepdims=keep)
    total = layer.node("ReduceSum", layer.node("Pow", size, p), ints(axis), keepdims=keep)
    return layer.node("Pow", total, 1 / p)


def _pairwise_distance(layer: Layer, module: nn.PairwiseDistance, x1: str, x2: str) -> str:
    difference = layer.node("Add", layer.node("Sub", x1, x2), module.eps)
    return _norm(layer, difference, float(module.norm), len(layer.shape) - 1, module.keepdim)


def _cosine_similarity(layer: Layer, module: nn.CosineSimilarity, x1: str, x2: str) -> str:
    if layer.shapes[0] != layer.shapes[1]:
        raise layer.cannot(f"its inputs have different shapes, {layer.shapes[0][1:]} and {layer.shapes[1][1:]} a row")
    axis = module.dim % len(layer.shape)
    unit = [
        layer.node("Div", x, layer.node("Max", _norm(layer, x, 2, axis, True), module.eps)) for x in (x1, x2)
    ]  # fmt: skip
    return layer.node("ReduceSum", layer.node("Mul", *unit), ints(axis), keepdims=0)


EMITTERS: dict[type[nn.Module], Emitter] = {
    nn.Bilinear: _bilinear,
    nn.CosineSimilarity: _cosine_similarity,
    nn.Embedding: _embedding,
    nn.EmbeddingBag: _embedding_bag,
    nn.Linear: _linear,
    nn.PairwiseDistance: _pairwise_distance,
}
