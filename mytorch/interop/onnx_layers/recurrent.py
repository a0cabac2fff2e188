"""Recurrent layers: RNN, LSTM and GRU as ONNX's operators of these names, their cells from products and sums.

The results of a recurrent layer are several, and its function returns their names as its forward returns tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch import nn
from mytorch.interop.onnx_graph import Emitter, Layer, ints
from mytorch.training.steps import EveryStep, LastStep

# Where ONNX's gates stand among PyTorch's: LSTM i, o, f, c of i, f, g, o; GRU z, r, h of r, z, n.
_ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}


def _reordered(module: nn.RNNBase, weight: Any) -> np.ndarray[Any, Any]:
    order = _ORDER[module.mode]
    return np.concatenate([np.split(weight.detach().numpy(), len(order))[gate] for gate in order])


def _recurrent(layer: Layer, module: nn.RNNBase, x: str, *states: Any) -> Any:
    """Layer by layer, with both directions in one node."""
    if states:
        raise layer.cannot("it is called with first states; only zeros can be written")
    if module.proj_size:
        raise layer.cannot("ONNX has no projection (proj_size)")
    if not module.batch_first or len(layer.shape) != 3:
        raise layer.cannot("the rows must come first: batch_first=True, and inputs of shape (rows, steps, features)")
    directions = 2 if module.bidirectional else 1
    options: dict[str, Any] = {"hidden_size": module.hidden_size}
    if directions == 2:
        options["direction"] = "bidirectional"
    if module.mode == "GRU":
        options["linear_before_reset"] = 1
    if module.mode == "RNN_RELU":
        options["activations"] = ["Relu"] * directions
    x = layer.node("Transpose", x, perm=[1, 0, 2])
    last: list[list[str]] = []
    for number in range(module.num_layers):
        parameters = module.all_weights[number * directions : (number + 1) * directions]
        weights = [[_reordered(module, w) for w in of_direction] for of_direction in parameters]
        inputs: list[Any] = [np.stack([w[0] for w in weights]), np.stack([w[1] for w in weights])]
        if module.bias:
            inputs.append(np.stack([np.concatenate(w[2:4]) for w in weights]))
        op = module.mode.partition("_")[0]
        y, *ended = layer.results(op, x, *inputs, count=3 if op == "LSTM" else 2, **options)
        # (steps, directions, rows, units) -> (steps, rows, directions * units)
        x = layer.node("Reshape", layer.node("Transpose", y, perm=[0, 2, 1, 3]), ints(0, 0, -1))
        last.append(ended)
    outputs = layer.node("Transpose", x, perm=[1, 0, 2])
    joined = [layer.node("Concat", *state, axis=0) for state in zip(*last, strict=True)]
    return outputs, tuple(joined) if module.mode == "LSTM" else joined[0]


def _every_step(layer: Layer, module: EveryStep, results: Any) -> str:
    return layer.node("Identity", results[0])


def _last_step(layer: Layer, module: LastStep, results: Any) -> str:
    _, states = results
    h = states[0] if isinstance(states, tuple) else states
    outputs, of_states = layer.shapes[:2]
    last = layer.node("Slice", h, ints(-(outputs[-1] // of_states[-1])), ints(np.iinfo(np.int64).max), ints(0))
    return layer.node("Reshape", layer.node("Transpose", last, perm=[1, 0, 2]), ints(0, outputs[-1]))


# --- cells ----------------------------------------------------------------------------------------------------------


def _sums(layer: Layer, module: Any, x: str, h: Any) -> tuple[str, Any]:
    """W_ih x + b_ih and W_hh h + b_hh; with no state the second is the bias alone."""
    if len(layer.shape) != 2:
        raise layer.cannot("its input must have the shape (rows, features)")
    of_input = layer.node("Gemm", x, module.weight_ih, module.bias_ih, transB=1)
    if h is not None:
        return of_input, layer.node("Gemm", h, module.weight_hh, module.bias_hh, transB=1)
    if module.bias_hh is not None:
        return of_input, module.bias_hh
    return of_input, np.zeros(module.weight_hh.shape[0], layer.dtype)


def _gates(layer: Layer, x: Any, count: int, units: int) -> list[str]:
    return [layer.node("Slice", x, ints(k * units), ints((k + 1) * units), ints(-1)) for k in range(count)]


def _rnn_cell(layer: Layer, module: nn.RNNCell, x: str, h: Any = None) -> str:
    total = layer.node("Add", *_sums(layer, module, x, h))
    return layer.node("Tanh" if module.nonlinearity == "tanh" else "Relu", total)


def _lstm_cell(layer: Layer, module: nn.LSTMCell, x: str, states: Any = None) -> Any:
    h, c = states or (None, None)
    total = layer.node("Add", *_sums(layer, module, x, h))
    i, f, g, o = _gates(layer, total, 4, module.hidden_size)
    i, f, o = (layer.node("Sigmoid", gate) for gate in (i, f, o))
    new = layer.node("Mul", i, layer.node("Tanh", g))
    if c is not None:
        new = layer.node("Add", layer.node("Mul", f, c), new)
    return layer.node("Mul", o, layer.node("Tanh", new)), new


def _gru_cell(layer: Layer, module: nn.GRUCell, x: str, h: Any = None) -> str:
    x_r, x_z, x_n, h_r, h_z, h_n = (
        gate for total in _sums(layer, module, x, h) for gate in _gates(layer, total, 3, module.hidden_size)
    )
    r, z = (layer.node("Sigmoid", layer.node("Add", *pair)) for pair in ((x_r, h_r), (x_z, h_z)))
    n = layer.node("Tanh", layer.node("Add", x_n, layer.node("Mul", r, h_n)))
    rest = layer.node("Mul", layer.node("Sub", 1, z), n)
    return rest if h is None else layer.node("Add", rest, layer.node("Mul", z, h))


EMITTERS: dict[type[nn.Module], Emitter] = {
    EveryStep: _every_step,
    LastStep: _last_step,
    nn.GRU: _recurrent,
    nn.GRUCell: _gru_cell,
    nn.LSTM: _recurrent,
    nn.LSTMCell: _lstm_cell,
    nn.RNN: _recurrent,
    nn.RNNCell: _rnn_cell,
}
