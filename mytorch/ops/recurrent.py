"""Recurrent layers as functions: LSTM, GRU and the plain RNN, over whole sequences or for one step.

An entry of the table is one layer in one direction over all steps. `mytorch.ops.recurrent_kernels` has what is computed
and the derivatives of first order. When the backward pass is itself differentiated, the layer is computed once more
from ordinary operations, which know their derivatives of any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply, convert
from mytorch.autograd.engine import grad
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import of
from mytorch.ops import recurrent_kernels as kernels
from mytorch.ops import recurrent_math
from mytorch.ops.dropout import dropout as drop
from mytorch.ops.linalg import linear
from mytorch.ops.recurrent_kernels import Sizes, Weights
from mytorch.ops.shape import cat, stack

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "gru", "gru_cell", "lstm", "lstm_cell", "rnn_relu", "rnn_relu_cell", "rnn_tanh", "rnn_tanh_cell",
]  # fmt: skip

_SINGLE = np.dtype(np.float32)

# --- from ordinary operations: one step, a layer, its gradients -------------------------------------------------------


def _lstm_step(x: Any, h: Any, c: Any, weights: Weights) -> tuple[Any, ...]:
    i, f, g, o = (linear(x, weights.w_ih, weights.b_ih) + linear(h, weights.w_hh, weights.b_hh)).chunk(4, 1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if weights.w_hr is None else linear(h, weights.w_hr)), c


def _gru_step(x: Any, h: Any, weights: Weights) -> tuple[Any, ...]:
    x_r, x_z, x_n = linear(x, weights.w_ih, weights.b_ih).chunk(3, 1)
    h_r, h_z, h_n = linear(h, weights.w_hh, weights.b_hh).chunk(3, 1)
    n = (x_n + (x_r + h_r).sigmoid() * h_n).tanh()
    return (n + (x_z + h_z).sigmoid() * (h - n),)


def _rnn_step(relu: bool, x: Any, h: Any, weights: Weights) -> tuple[Any, ...]:
    total = linear(x, weights.w_ih, weights.b_ih) + linear(h, weights.w_hh, weights.b_hh)
    return (total.relu() if relu else total.tanh(),)


def _layer(
    step: Callable[..., Any], x: Any, states: Sequence[Any], weights: Weights, sizes: Sizes, reverse: bool
) -> Any:
    """(outputs, *last states) of a layer in one direction."""
    each, states = x.reshape(-1, x.shape[-1]).split(sizes), list(states)
    outputs: list[Any] = [None] * len(sizes)
    for place in reversed(range(len(sizes))) if reverse else range(len(sizes)):
        n = sizes[place]
        new = step(each[place], *[state[:n] for state in states], weights)
        outputs[place] = new[0]
        states = [cat([now, state[n:]]) for now, state in zip(new, states, strict=True)]
    return _shaped(cat(outputs), x), *states


def _gradients(
    step: Callable[..., Any],
    g: Any,
    inputs: Sequence[Any],
    count: int,
    needs: Sequence[bool],
    sizes: Sizes,
    reverse: bool,
) -> list[Any]:
    """The inputs' gradients, themselves differentiable; `count` of the inputs are states."""
    # Each input under a name of its own, as the same tensor may be given twice.
    inputs = [None if value is None else value.view_as(value) for value in inputs]
    x, states, weights = inputs[0], inputs[1 : 1 + count], Weights(*inputs[1 + count :])
    results = _layer(step, x, states, weights, sizes, reverse)
    pairs = [(r, one) for r, one in zip(results, g, strict=True) if one is not None and r.requires_grad]
    if not pairs:  # such as the projection's, on which the cells of a single step do not depend
        return [None] * len(needs)
    found = iter(
        grad(
            [r for r, _ in pairs], [value for value, need in zip(inputs, needs, strict=True) if need],
            [one for _, one in pairs], create_graph=True, allow_unused=True,
        )
    )  # fmt: skip
    return [next(found) if need else None for need in needs]


# --- the table --------------------------------------------------------------------------------------------------------
# x are the rows of all steps, or (step, row, feature) where all steps have equally many; h and c are the first states,
# w and b as in `Weights`. What the kernels keep is a copy of their results, as a program may change those in place.


def _rows(x: Any) -> Any:
    """(..., features) as rows."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def _shaped(rows: Any, x: Any) -> Any:
    """Rows in the shape of the input, but for the number of features."""
    return rows.reshape(*x.shape[:-1], rows.shape[-1])


def _filled(xp: Any, g: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """The gradients of outputs and last states, zeros in the place of None; those of states are to be overwritten."""
    dtype = next(one.dtype for one in g if one is not None)
    first, *states = (xp.zeros(shape, dtype) if one is None else one for one, shape in zip(g, shapes, strict=True))
    return [_rows(first), *[xp.array(state, order="C") for state in states]]


def _of_products(
    xp: Any, needs: Sequence[bool], d_ih: Any, d_hh: Any, x: Any, states: Any, w_ih: Any
) -> tuple[Any, Any, Any, Any, Any]:
    """The gradients of x, w_ih, w_hh, b_ih and b_hh from those of the products with input and state.

    These come as (row, gate * unit); each gradient is one matrix product over the rows of all steps.
    """
    need_x, need_ih, need_hh, *need_biases = needs
    ones = xp.ones(len(d_ih), x.dtype)
    biases = [ones @ d if need else None for d, need in zip((d_ih, d_hh), need_biases, strict=True)]
    return (
        _shaped(xp.matmul(d_ih, w_ih), x) if need_x else None,
        xp.matmul(d_ih.T, _rows(x)) if need_ih else None,
        xp.matmul(d_hh.T, states) if need_hh else None,
        biases[0],
        biases[1],
    )


def _lstm_forward(
    xp: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sizes, reverse: bool
) -> tuple[Any, Any]:
    (outputs, *last), memory = kernels.lstm(xp, _rows(x), h, c, Weights(w_ih, w_hh, b_ih, b_hh, w_hr), sizes, reverse)
    return (_shaped(outputs, x), *last), memory


def _lstm_joint(
    xp: Any, g: Any, _out: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *,
    needs: Any, sizes: Sizes, reverse: bool, aux: Any,
) -> Sequence[Any]:  # fmt: skip
    if aux is None:
        inputs = (x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr)
        return _gradients(_lstm_step, g, inputs, 2, needs, sizes, reverse)
    rows, planes = aux
    g, dh, dc = _filled(xp, g, (len(rows), h.shape[1]), h.shape, c.shape)
    weights = Weights(w_ih, w_hh, w_hr=w_hr)
    gates, dh, dc, dw_hr = kernels.lstm_back(xp, g, dh, dc, weights, sizes, reverse, planes)
    d, features = gates.reshape(len(rows), 4 * c.shape[1]), x.shape[-1]
    dx = _shaped(xp.matmul(d, kernels.roll(xp, w_ih, 4)), x) if needs[0] else None
    if not any(needs[3:7]):
        return dx, dh, dc, None, None, None, None, dw_hr
    dw = kernels.roll(xp, xp.matmul(d.T, rows), 4, -1)
    db = dw[:, -1]
    return dx, dh, dc, dw[:, :features].copy(), dw[:, features:-1].copy(), db.copy(), db.copy(), dw_hr


def _gru_forward(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool
) -> tuple[Any, Any]:
    (outputs, *last), memory = kernels.gru(xp, _rows(x), h, Weights(w_ih, w_hh, b_ih, b_hh), sizes, reverse)
    return (_shaped(outputs, x), *last), (memory, outputs.copy())


def _gru_joint(
    xp: Any, g: Any, _out: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *,
    needs: Any, sizes: Sizes, reverse: bool, aux: Any,
) -> Sequence[Any]:  # fmt: skip
    if aux is None:
        return _gradients(_gru_step, g, (x, h, w_ih, w_hh, b_ih, b_hh), 1, needs, sizes, reverse)
    memory, outputs = aux
    g, dh = _filled(xp, g, outputs.shape, h.shape)
    states = kernels.before(xp, outputs, h, sizes, reverse)
    gates, dh = kernels.gru_back(xp, g, dh, Weights(w_ih, w_hh), sizes, reverse, memory, states)
    units, d = h.shape[1], gates.reshape(len(states), 4 * h.shape[1])
    d_hh, d_ih = d[:, : 3 * units], d[:, units:]
    dx, dw_ih, dw_hh, db_ih, db_hh = _of_products(xp, (needs[0], *needs[2:]), d_ih, d_hh, x, states, w_ih)
    return dx, dh, dw_ih, kernels.roll(xp, dw_hh, 3, -1), db_ih, kernels.roll(xp, db_hh, 3, -1)


def _rnn_forward(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sizes, reverse: bool, relu: bool
) -> tuple[Any, Any]:
    outputs, last = kernels.rnn(xp, _rows(x), h, Weights(w_ih, w_hh, b_ih, b_hh), sizes, reverse, relu)
    return (_shaped(outputs, x), last), outputs.copy()


def _rnn_joint(
    xp: Any, g: Any, _out: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *,
    needs: Any, sizes: Sizes, reverse: bool, relu: bool, aux: Any,
) -> Sequence[Any]:  # fmt: skip
    if aux is None:
        return _gradients(partial(_rnn_step, relu), g, (x, h, w_ih, w_hh, b_ih, b_hh), 1, needs, sizes, reverse)
    g, dh = _filled(xp, g, aux.shape, h.shape)
    states = kernels.before(xp, aux, h, sizes, reverse)
    d, dh = kernels.rnn_back(xp, g, dh, Weights(w_ih, w_hh), sizes, reverse, aux, relu)
    dx, *rest = _of_products(xp, (needs[0], *needs[2:]), d, d, x, states, w_ih)
    return dx, dh, *rest


_lstm = Primitive(
    "lstm_layer",
    _lstm_forward,
    [None] * 8,
    joint=_lstm_joint,
    aux=True,
    outputs=3,
    grad_name="MkldnnRnnLayerBackward0",
    math=recurrent_math.LSTM,
)
_gru = Primitive(
    "gru_layer",
    _gru_forward,
    [None] * 6,
    joint=_gru_joint,
    aux=True,
    outputs=2,
    grad_name="StackBackward0",
    math=recurrent_math.GRU,
)
_rnn = Primitive(
    "rnn_layer",
    _rnn_forward,
    [None] * 6,
    joint=_rnn_joint,
    aux=True,
    outputs=2,
    grad_name="StackBackward0",
    math=recurrent_math.RNN,
)

# --- several layers, in one direction or two --------------------------------------------------------------------------


class _Kind(NamedTuple):
    """A kind of recurrent layer: its entry of the table, and how it is called."""

    name: str
    primitive: Primitive
    gates: int
    options: dict[str, Any]


_LSTM = _Kind("LSTM", _lstm, 4, {})
_GRU = _Kind("GRU", _gru, 3, {})
_RNN_TANH = _Kind("RNN", _rnn, 1, {"relu": False})
_RNN_RELU = _Kind("RNN", _rnn, 1, {"relu": True})


class _Packed(NamedTuple):
    """What the functions of whole sequences are called with, in the order of PyTorch's overload for packed ones."""

    data: Any
    batch_sizes: Any
    hx: Any
    params: Any
    has_biases: bool
    num_layers: int
    dropout: float
    train: bool
    bidirectional: bool


class _Padded(NamedTuple):
    """The same in the order of PyTorch's overload for sequences of one length."""

    input: Any
    hx: Any
    params: Any
    has_biases: bool
    num_layers: int
    dropout: float
    train: bool
    bidirectional: bool
    batch_first: bool


def _sequences(kind: _Kind, states: int, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
    """Either overload: outputs and last states."""
    # The fourth is `params` of the one, `has_biases` of the other.
    is_packed = "batch_sizes" in kwargs or "data" in kwargs or (len(args) > 3 and not isinstance(args[3], (bool, int)))
    if is_packed:
        packed = _Packed(*args, **kwargs)
        hx = [packed.hx] if states == 1 else list(packed.hx)
        sizes = tuple(int(n) for n in packed.batch_sizes.array)
        return _run(kind, packed.data, sizes, hx, *packed[3:])
    padded = _Padded(*args, **kwargs)
    x = padded.input.transpose(0, 1) if padded.batch_first else padded.input
    if x.array.ndim != 3:
        raise RuntimeError(f"expected a sequence of shape (steps, batch, features), got {list(x.array.shape)}")
    steps, batch, _ = x.array.shape
    if not steps:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    hx = [padded.hx] if states == 1 else list(padded.hx)
    outputs, *last = _run(kind, x, (batch,) * steps, hx, *padded[2:8])
    return (outputs.transpose(0, 1) if padded.batch_first else outputs), *last


def _run(
    kind: _Kind, x: Any, sizes: Sizes, hx: list[Any], params: Sequence[Any], has_biases: bool, num_layers: int,
    dropout: float, train: bool, bidirectional: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """All layers, over rows as in a packed sequence or (steps, batch, features); see `lstm` for the arguments."""
    dtype = x.array.dtype
    _check_types(kind.name, x, *hx, *params)
    if dtype.char == "e":  # computed in float32
        x, hx, params = convert(x, _SINGLE), [convert(h, _SINGLE) for h in hx], [convert(w, _SINGLE) for w in params]
        results = _run(kind, x, sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)
        return tuple(convert(result, dtype) for result in results)
    directions = 2 if bidirectional else 1
    each, rest = divmod(len(params), num_layers * directions)
    projects = each == (5 if has_biases else 3)
    if rest or each not in ((4, 5) if has_biases else (2, 3)):
        raise RuntimeError(f"got an incorrect number of RNN parameters: {len(params)}")
    last: list[tuple[Any, ...]] = []
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            at = layer * directions + direction
            weights = list(params[at * each : (at + 1) * each])
            if not has_biases:
                weights[2:2] = [None, None]
            if kind is _LSTM and not projects:
                weights.append(None)
            output, *states = apply(
                kind.primitive, x, *[h[at] for h in hx], *weights, sizes=sizes, reverse=direction == 1, **kind.options
            )
            outputs.append(output)
            last.append(tuple(states))
        x = outputs[0] if directions == 1 else cat(outputs, -1)
        if dropout and train and layer < num_layers - 1:
            x = drop(x, dropout)
    return x, *[stack(states) for states in zip(*last, strict=True)]


_TYPES = {"float16": "Half", "float32": "Float", "float64": "Double"}  # as PyTorch's message calls them


def _check_types(name: str, x: Any, *others: Any) -> None:
    dtype = x.array.dtype
    if dtype.kind != "f":
        raise NotImplementedError(f'"{name}" not implemented for {of(dtype).name}')
    for other in others:
        if other is not None and other.array.dtype != dtype:
            ours, theirs = (_TYPES.get(d.name, of(d).name) for d in (dtype, other.array.dtype))
            raise RuntimeError(f"mat1 and mat2 must have the same dtype, but got {ours} and {theirs}")


# --- what users call --------------------------------------------------------------------------------------------------


def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Layers of long short-term memory over sequences; `nn.LSTM` is the usual way to call it.

    `lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)`, or for a packed
    sequence `lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)`.

    Source: S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", 1997.

    Args:
        input: (steps, batch, features), or with `batch_first` (batch, steps, features).
        data, batch_sizes: the first two fields of a `PackedSequence`.
        hx: the first h and c, each (layers * directions, batch, units).
        params: for each layer and direction weight_ih, weight_hh, with `has_biases` bias_ih and bias_hh, and
            weight_hr if the outputs are projected.
        dropout: with `train`, the probability with which numbers between two layers are dropped.

    Returns:
        the outputs of the last layer, and the last h and c.

    >>> import mytorch
    >>> layer = mytorch.nn.LSTM(2, 3)
    >>> first = mytorch.zeros(1, 4, 3), mytorch.zeros(1, 4, 3)
    >>> outputs, h, c = lstm(mytorch.ones(5, 4, 2), first, layer.all_weights[0], True, 1, 0.0, False, False, False)
    >>> outputs.shape, bool((outputs[-1] == h[0]).all())
    (torch.Size([5, 4, 3]), True)
    """
    outputs, h, c = _sequences(_LSTM, 2, *args, **kwargs)
    return outputs, h, c


def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Layers of gated recurrent units; `nn.GRU` is the usual way to call it. Arguments as in `lstm`, with one state.

    Source: K. Cho and others, "Learning Phrase Representations using RNN Encoder-Decoder", 2014; the gate r stands
    behind the product with the state, as in cuDNN.

    >>> import mytorch
    >>> layer = mytorch.nn.GRU(2, 3)
    >>> first = mytorch.zeros(1, 4, 3)
    >>> outputs, h = gru(mytorch.ones(5, 4, 2), first, layer.all_weights[0], True, 1, 0.0, False, False, False)
    >>> outputs.shape, h.shape
    (torch.Size([5, 4, 3]), torch.Size([1, 4, 3]))
    """
    outputs, h = _sequences(_GRU, 1, *args, **kwargs)
    return outputs, h


def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Layers of h = tanh(W_ih x + b_ih + W_hh h + b_hh); see `nn.RNN`. Arguments as in `lstm`, with one state.

    Source: J. L. Elman, "Finding Structure in Time", 1990.

    >>> import mytorch
    >>> w = [mytorch.ones(1, 1), mytorch.zeros(1, 1)]
    >>> rnn_tanh(mytorch.ones(1, 1, 1), mytorch.zeros(1, 1, 1), w, False, 1, 0.0, False, False, False)
    (tensor([[[0.7616]]]), tensor([[[0.7616]]]))
    """
    outputs, h = _sequences(_RNN_TANH, 1, *args, **kwargs)
    return outputs, h


def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
    """Layers of h = max(W_ih x + b_ih + W_hh h + b_hh, 0); see `nn.RNN`. Arguments as in `lstm`, with one state.

    >>> import mytorch
    >>> w = [mytorch.ones(1, 1), mytorch.ones(1, 1)]
    >>> rnn_relu(mytorch.ones(3, 1, 1), mytorch.zeros(1, 1, 1), w, False, 1, 0.0, False, False, False)[0].flatten()
    tensor([1., 2., 3.])
    """
    outputs, h = _sequences(_RNN_RELU, 1, *args, **kwargs)
    return outputs, h


def _cell(kind: _Kind, x: Any, states: Sequence[Any], *weights: Any) -> tuple[Any, ...]:
    """The states after one step."""
    _check_types(kind.name, x, *states, *weights)
    dtype = x.array.dtype
    _check_cell(kind, x.array, [h.array for h in states], weights[0].array)
    if dtype.char == "e":
        single = [None if t is None else convert(t, _SINGLE) for t in (x, *states, *weights)]
        count = 1 + len(states)
        return tuple(convert(h, dtype) for h in _cell(kind, single[0], single[1:count], *single[count:]))
    more = (None,) if kind is _LSTM else ()
    sizes = (x.array.shape[0],)
    return apply(kind.primitive, x, *states, *weights, *more, sizes=sizes, reverse=False, **kind.options)[1:]


def _check_cell(kind: _Kind, x: Any, states: Sequence[Any], w: Any) -> None:
    """Shapes of one step: the errors of PyTorch's cells."""
    if x.shape[1] != w.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {w.shape[1]}")
    units = w.shape[0] // kind.gates
    for number, h in enumerate(states):
        if x.shape[0] != h.shape[0]:
            raise RuntimeError(f"Input batch size {x.shape[0]} doesn't match hidden{number} batch size {h.shape[0]}")
        if h.shape[1] != units:
            raise RuntimeError(f"hidden{number} has inconsistent hidden_size: got {h.shape[1]}, expected {units}")


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: h and c from those before; see `nn.LSTMCell`.

    Args:
        input: (batch, features).
        hx: h and c, each (batch, units).

    >>> import mytorch
    >>> state, w = mytorch.zeros(1, 1), mytorch.ones(4, 1)
    >>> lstm_cell(mytorch.ones(1, 1), (state, state), w, w)
    (tensor([[0.3696]]), tensor([[0.5568]]))
    """
    h, c = _cell(_LSTM, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of a GRU: (batch, features) and the state (batch, units) to the next state; see `nn.GRUCell`.

    >>> import mytorch
    >>> w = mytorch.ones(3, 1)
    >>> gru_cell(mytorch.ones(1, 1), mytorch.zeros(1, 1), w, w)
    tensor([[0.2048]])
    """
    (h,) = _cell(_GRU, input, (hx,), w_ih, w_hh, b_ih, b_hh)
    return h


def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an RNN with tanh; see `nn.RNNCell`.

    >>> import mytorch
    >>> w = mytorch.ones(1, 1)
    >>> rnn_tanh_cell(mytorch.ones(1, 1), mytorch.zeros(1, 1), w, w)
    tensor([[0.7616]])
    """
    (h,) = _cell(_RNN_TANH, input, (hx,), w_ih, w_hh, b_ih, b_hh)
    return h


def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """One step of an RNN with max(., 0); see `nn.RNNCell`.

    >>> import mytorch
    >>> w = mytorch.ones(1, 1)
    >>> rnn_relu_cell(mytorch.ones(1, 1), mytorch.full((1, 1), 2.0), w, w)
    tensor([[3.]])
    """
    (h,) = _cell(_RNN_RELU, input, (hx,), w_ih, w_hh, b_ih, b_hh)
    return h
