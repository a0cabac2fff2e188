"""Recurrent layers without PyTorch: against their equations written out, and what must hold whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

KINDS = [nn.RNN, nn.LSTM, nn.GRU]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(layer, x, h, c):
    """One step of a single layer, from the equations in the layers' texts."""
    w_ih, w_hh, b_ih, b_hh = (p.detach().numpy() for p in layer.all_weights[0][:4])
    of_x, of_h = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    if isinstance(layer, nn.RNN):
        return (np.tanh(of_x + of_h) if layer.nonlinearity == "tanh" else np.maximum(of_x + of_h, 0)), c
    if isinstance(layer, nn.GRU):
        (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(of_x, 3, 1), np.split(of_h, 3, 1)
        z = sigmoid(x_z + h_z)
        return (1 - z) * np.tanh(x_n + sigmoid(x_r + h_r) * h_n) + z * h, c
    i, f, g, o = np.split(of_x + of_h, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h @ layer.weight_hr_l0.detach().numpy().T if layer.proj_size else h), c


LAYERS = [
    nn.RNN(3, 4, dtype=mytorch.float64),
    nn.RNN(3, 4, nonlinearity="relu", dtype=mytorch.float64),
    nn.LSTM(3, 4, dtype=mytorch.float64),
    nn.LSTM(3, 4, proj_size=2, dtype=mytorch.float64),
    nn.GRU(3, 4, dtype=mytorch.float64),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_the_equations(layer):
    x = np.random.default_rng(0).normal(size=(6, 5, 3))
    outputs, states = layer(mytorch.from_numpy(x))
    h, c = np.zeros((5, outputs.shape[2])), np.zeros((5, 4))
    for now, output in zip(x, outputs.detach().numpy(), strict=True):
        h, c = step(layer, now, h, c)
        np.testing.assert_allclose(output, h, rtol=1e-12, atol=1e-14)
    for state, expected in zip(states if isinstance(states, tuple) else (states,), (h, c), strict=False):
        np.testing.assert_allclose(state[0].detach().numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_many_steps_in_several_runs(kind):
    """As many rows as make several runs of steps: the gradients are those of short pieces one after the other."""
    mytorch.manual_seed(0)
    layer = kind(2, 64, dtype=mytorch.float64)
    x = mytorch.randn(30, 64, 2, dtype=mytorch.float64)
    found = []
    for pieces in ([x], x.split(7)):
        layer.zero_grad()
        state, total = None, 0
        for piece in pieces:
            outputs, state = layer(piece, state)
            total = total + (outputs**2).sum()
        total.backward()
        found.append([total.item(), *[p.grad.numpy().copy() for p in layer.parameters()]])
    for whole, in_pieces in zip(*found, strict=True):
        np.testing.assert_allclose(whole, in_pieces, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_sequence_is_like_each_sequence_alone(kind):
    mytorch.manual_seed(0)
    layer = kind(2, 3, num_layers=2, bidirectional=True, batch_first=True)
    lengths, x = [2, 5, 1, 5], mytorch.randn(4, 5, 2)
    packed, states = layer(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    outputs, found = pad_packed_sequence(packed, batch_first=True)
    assert found.tolist() == lengths
    for row, length in enumerate(lengths):
        alone, last = layer(x[row, :length])
        assert mytorch.allclose(outputs[row, :length], alone, atol=1e-6)
        assert not outputs[row, length:].any()
        for state, expected in zip(*[s if isinstance(s, tuple) else (s,) for s in (states, last)], strict=True):
            assert mytorch.allclose(state[:, row], expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_results_may_be_changed_in_place(kind):
    """The derivatives do not look at the results, so nothing is lost and nothing is wrong."""
    layer = kind(2, 3)
    x = mytorch.ones(4, 1, 2)
    expected = mytorch.autograd.grad(layer(x)[0].sum(), layer.weight_hh_l0)[0]
    outputs, _ = layer(x)
    total = outputs.sum()
    outputs.detach().zero_()
    assert mytorch.equal(mytorch.autograd.grad(total, layer.weight_hh_l0)[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_backward_twice(kind):
    layer = kind(2, 3)
    total = layer(mytorch.ones(4, 1, 2))[0].sum()
    total.backward(retain_graph=True)
    once = layer.weight_ih_l0.grad.clone()
    total.backward()
    assert mytorch.equal(layer.weight_ih_l0.grad, 2 * once)


@pytest.mark.parametrize(
    ("cell", "kind"), [(nn.RNNCell, nn.RNN), (nn.LSTMCell, nn.LSTM), (nn.GRUCell, nn.GRU)], ids=lambda one: one.__name__
)
def test_cells_make_the_steps_of_the_layer(cell, kind):
    mytorch.manual_seed(4)
    layer = kind(2, 3)
    one = cell(2, 3)
    one.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x, state = mytorch.randn(5, 4, 2), None
    for now, expected in zip(x, layer(x)[0], strict=True):
        state = one(now, state)
        assert mytorch.allclose(state[0] if isinstance(state, tuple) else state, expected, atol=1e-6)


def test_weights_of_a_bidirectional_layer():
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
    assert [tuple(w.shape) for w in layer.all_weights[3]] == [(16, 4), (16, 2), (16,), (16,), (2, 4)]
    assert layer.all_weights[3][0] is layer.weight_ih_l1_reverse
    assert all(abs(p).max() <= 0.5 for p in layer.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.GRU(3, 4, dropout=2), "dropout should be a number in range"),
        (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size has to be smaller than hidden_size"),
        (lambda: nn.RNN(3, 4, nonlinearity="x"), "Unknown nonlinearity 'x'"),
        (lambda: nn.LSTM(3, 4)(mytorch.zeros(2, 2, 5)), "Expected 3, got 5"),
        (lambda: nn.LSTM(3, 4)(mytorch.zeros(0, 2, 3)), "Expected sequence length to be larger than 0"),
        (lambda: nn.GRUCell(3, 4)(mytorch.zeros(2, 3), mytorch.zeros(1, 4)), "Input batch size 2 doesn't match"),
        (lambda: mytorch.gru_cell(mytorch.zeros(2, 3).long(), *[mytorch.zeros(2, 3)] * 3), "not implemented"),
    ],
)
def test_errors(make, message):
    with pytest.raises((ValueError, RuntimeError, NotImplementedError), match=message):
        make()
