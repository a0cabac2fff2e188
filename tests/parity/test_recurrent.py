"""Recurrent layers beside PyTorch's: weights, outputs, gradients, states, packed sequences, errors."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import runpy
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mytorch
from mytorch.interop.pytorch_script import export_script
from mytorch.training.building.experiment import build as build_config
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

BOTH = (torch, mytorch)
KINDS = ("RNN", "LSTM", "GRU")
TOLERANCE = {"float64": 1e-11, "float32": 2e-5, "float16": 4e-3}
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")  # of PyTorch: no fast road


def build(name, *args, seed=0, **options):
    """The layer in both libraries, with the same seed."""
    made = []
    for lib in BOTH:
        lib.manual_seed(seed)
        kwargs = options | ({"dtype": getattr(lib, options["dtype"])} if "dtype" in options else {})
        made.append(getattr(lib.nn, name)(*args, **kwargs))
    return made


def flat(results):
    """All tensors in (nested) tuples; of a packed sequence its data."""
    if isinstance(results, (torch.nn.utils.rnn.PackedSequence, mytorch.nn.utils.rnn.PackedSequence)):
        return [results.data]
    return [t for r in results for t in flat(r)] if isinstance(results, tuple) else [results]


def values(tensors):
    return [None if t is None else t.detach().numpy().copy() for t in tensors]


def compare(layers, call, arrays, dtype):
    """Outputs, and gradients of inputs and weights, of `call(lib, layer, *inputs)`."""
    found = []
    for lib, layer in zip(BOTH, layers, strict=True):
        inputs = [lib.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
        lib.manual_seed(3)
        outputs = flat(call(lib, layer, *inputs))
        sum((k + 1.5) * (o.float() if dtype == "float16" else o).sin().sum() for k, o in enumerate(outputs)).backward()
        found.append(values([*outputs, *[x.grad for x in inputs], *[p.grad for p in layer.parameters()]]))
    for theirs, ours in zip(*found, strict=True):
        assert theirs.shape == ours.shape
        assert theirs.dtype == ours.dtype
        scale = max(1.0, abs(theirs).max(initial=0))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE[dtype] * scale)


def states(name, layers, batch, units, outputs=None):
    draw = np.random.default_rng(5)
    h = draw.normal(size=(layers, *batch, outputs or units))
    return [h, draw.normal(size=(layers, *batch, units))] if name == "LSTM" else [h]


def as_hx(given):
    return None if not given else given[0] if len(given) == 1 else tuple(given)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("num_layers", "bidirectional", "bias"), [*itertools.product((1, 2), (False, True), (False, True))]
)
def test_layers(name, dtype, num_layers, bidirectional, bias):
    draw = np.random.default_rng(0)
    dropout = 0.5 if num_layers > 1 else 0.0
    for batch_first, with_states in ((False, True), (True, False)):
        options = {"num_layers": num_layers, "bidirectional": bidirectional, "bias": bias, "batch_first": batch_first}
        layers = build(name, 3, 4, dropout=dropout, dtype=dtype, **options)
        assert repr(layers[0]) == repr(layers[1])
        for theirs, ours in zip(*(layer.named_parameters() for layer in layers), strict=True):
            assert theirs[0] == ours[0]
            np.testing.assert_allclose(ours[1].detach().numpy(), theirs[1].detach().numpy(), atol=1e-7)
        x = draw.normal(size=(2, 5, 3) if batch_first else (5, 2, 3))
        first = states(name, num_layers * (1 + bidirectional), (2,), 4) if with_states else []
        compare(layers, lambda lib, layer, x, *hx: layer(x, as_hx(hx)), [x, *first], dtype)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_without_a_batch(name, batch_first):
    layers = build(name, 3, 4, num_layers=2, bidirectional=True, batch_first=batch_first)
    x = np.random.default_rng(0).normal(size=(5, 3))
    for first in ([], states(name, 4, (), 4)):
        compare(layers, lambda lib, layer, x, *hx: layer(x, as_hx(hx)), [x, *first], "float32")


@pytest.mark.parametrize("bidirectional", [False, True])
def test_projections(bidirectional):
    layers = build("LSTM", 3, 4, num_layers=2, proj_size=2, bidirectional=bidirectional, dtype="float64")
    assert repr(layers[0]) == repr(layers[1])
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    for first in ([], states("LSTM", 2 * (1 + bidirectional), (2,), 4, 2)):
        compare(layers, lambda lib, layer, x, *hx: layer(x, as_hx(hx)), [x, *first], "float64")


def test_relu():
    layers = build("RNN", 3, 4, 2, "relu", dtype="float64")
    compare(layers, lambda lib, layer, x: layer(x), [np.random.default_rng(0).normal(size=(5, 2, 3))], "float64")


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(KINDS),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    num_layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    batch_first=st.booleans(),
    proj_size=st.integers(0, 2),
    with_states=st.booleans(),
)
def test_packed(name, lengths, num_layers, bidirectional, batch_first, proj_size, with_states):
    """Sequences of any lengths, in any order."""
    proj_size = proj_size if name == "LSTM" else 0
    options = {"proj_size": proj_size} if proj_size else {}
    layers = build(
        name, 2, 3, num_layers=num_layers, bidirectional=bidirectional, batch_first=batch_first,
        dropout=0.5 if num_layers > 1 else 0.0, dtype="float64", **options,
    )  # fmt: skip
    shape = (len(lengths), max(lengths), 2) if batch_first else (max(lengths), len(lengths), 2)
    first = states(name, num_layers * (1 + bidirectional), (len(lengths),), 3, proj_size) if with_states else []

    def call(lib, layer, x, *hx):
        rnn = lib.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=batch_first, enforce_sorted=False)
        outputs, last = layer(packed, as_hx(hx))
        padded, found = rnn.pad_packed_sequence(outputs, batch_first=batch_first)
        assert found.tolist() == lengths
        return padded, last

    with warnings.catch_warnings(action="ignore"):
        compare(layers, call, [np.random.default_rng(0).normal(size=shape), *first], "float64")


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", [False, True])
def test_cells(name, dtype, bias):
    draw = np.random.default_rng(0)
    cells = build(name, 3, 4, bias=bias, dtype=dtype)
    assert repr(cells[0]) == repr(cells[1])
    for batch in ((5,), ()):
        hx = [h[0] for h in states(name[:-4], 1, batch, 4)]
        compare(cells, lambda lib, cell, x, *hx: cell(x, as_hx(hx)), [draw.normal(size=(*batch, 3)), *hx], dtype)
        compare(cells, lambda lib, cell, x: cell(x), [draw.normal(size=(*batch, 3))], dtype)


def test_a_cell_with_relu():
    cells = build("RNNCell", 3, 4, nonlinearity="relu", dtype="float64")
    assert repr(cells[0]) == repr(cells[1])
    compare(cells, lambda lib, cell, x: cell(x), [np.random.default_rng(0).normal(size=(5, 3))], "float64")


@pytest.mark.parametrize("name", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
@pytest.mark.parametrize("packed", [False, True])
def test_functions(name, packed):
    """By position and by name, as programs call them."""
    kind = {"lstm": "LSTM", "gru": "GRU"}.get(name, "RNN")
    layers = build(kind, 3, 4, dtype="float64")
    shape = (5, 3) if packed else (3, 2, 3)

    def call(lib, layer, x, *hx):
        rest = (layer.all_weights[0], True, 1, 0.0, False, False)
        sizes = (lib.tensor([2, 2, 1]),) if packed else ()
        hx = as_hx(hx)
        by_position = getattr(lib, name)(x, *sizes, hx, *rest, *(() if packed else (False,)))
        names = ("params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
        options = dict(zip(names, (*rest, False), strict=True)) | {"hx": hx}
        if packed:
            options = {"data": x, "batch_sizes": sizes[0]} | options
            del options["batch_first"]
        else:
            options["input"] = x
        by_name = getattr(lib, name)(**options)
        return by_position, by_name

    compare(layers, call, [np.random.default_rng(0).normal(size=shape), *states(kind, 1, (2,), 4)], "float64")


@pytest.mark.parametrize("name", KINDS)
def test_second_derivatives(name):
    """The gradient's own gradient, through a penalty on it; the same state given twice counts twice."""
    layers = build(name, 3, 4, dtype="float64")
    found = []
    for lib, layer in zip(BOTH, layers, strict=True):
        draw = np.random.default_rng(0)
        x, h = (lib.tensor(draw.normal(size=s), requires_grad=True) for s in ((4, 2, 3), (1, 2, 4)))
        outputs, _ = layer(x, (h, h) if name == "LSTM" else h)
        by_x, by_h = lib.autograd.grad((outputs**2).sum(), (x, h), create_graph=True)
        ((by_x**2).sum() + (by_h**3).sum()).backward()
        found.append(values([by_x, by_h, x.grad, h.grad, *[p.grad for p in layer.parameters()]]))
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


def test_a_long_training_stays_beside_pytorchs():
    losses = []
    for lib in BOTH:
        lib.manual_seed(1)
        lstm, head = lib.nn.LSTM(2, 8, num_layers=2, dropout=0.2, batch_first=True), lib.nn.Linear(8, 1)
        optimizer = lib.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-2)
        x = lib.rand(16, 12, 2)
        y = x[..., 0].sum(1, keepdim=True)
        for _ in range(10):
            optimizer.zero_grad()
            loss = lib.nn.functional.mse_loss(head(lstm(x)[0][:, -1]), y)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


# --- what is said ---------------------------------------------------------------------------------------------------

LAYER_CASES = [
    "{n}(3, 4, dropout=1.5)", "{n}(3, 4, dropout=True)", "{n}(3, 4, dropout='a')", "{n}(0, 4)", "{n}(3.0, 4)",
    "{n}(3, 0)", "{n}(3, '4')", "{n}(3, 4, 0)", "{n}(3, 4, bias=1)", "{n}(3, 4, batch_first=1)",
    "{n}(3, 4)(zeros(3))", "{n}(3, 4)(zeros(2, 2, 2, 3))", "{n}(3, 4)(zeros(5, 2, 2))", "{n}(3, 4)(zeros(5, 2, 3).double())",
    "{n}(3, 4)(zeros(5, 2, 3).long())", "{n}(3, 4)(zeros(0, 2, 3))", "{n}(3, 4)(zeros(5, 2, 3), {h3})",
    "{n}(3, 4)(zeros(5, 2, 3), {h2})", "{n}(3, 4)(zeros(5, 3), {h3})", "{n}(3, 4)(zeros(5, 0, 3))[0].shape",
    "list({n}(3, 4, 2, bidirectional=True).state_dict())", "{n}(3, 4, 2, bidirectional=True)(ones(5, 3))[0].stride()",
    "{n}(3, 4, batch_first=True)(ones(5, 2, 3))[0].stride()", "{n}(3, 4)(ones(5, 2, 3))[0].grad_fn.name()",
    "{n}(3, 4)(zeros(5, 2, 3).half())", "{n}(3, 4).flatten_parameters()",
    "{n}(3, 4, 2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)", "{n}(3, 4).all_weights[0][2].shape",
    "{n}Cell(3, 4, False)", "{n}Cell(3, 4)(zeros(2, 5))", "{n}Cell(3, 4)(zeros(1, 2, 3))", "{n}Cell(3, 4)(zeros(2, 3), {h3})",
    "{n}Cell(3, 4)(zeros(2, 3), {h2})", "{n}Cell(3, 4)(zeros(2, 3).double())",
]  # fmt: skip
OTHER_CASES = [
    "LSTM(3, 4, proj_size=4)", "LSTM(3, 4, proj_size=-1)", "LSTM(3, 4, proj_size=2)",
    "LSTM(3, 4, proj_size=2)(zeros(5, 2, 3), (zeros(1, 2, 4), zeros(1, 2, 4)))", "RNN(3, 4, 1, 'x')",
    "LSTM(3, 4)(zeros(5, 2, 3), (zeros(1, 2, 4), zeros(1, 3, 4)))", "LSTM(3, 4)(zeros(5, 2, 3), (zeros(1, 2, 4), zeros(2, 4)))",
    "RNNCell(3, 4, nonlinearity='x')(zeros(2, 3))", "RNNBase('X', 3, 4)", "RNNBase('LSTM', 3, 4)",
    "GRU(3, 4)(pack([zeros(3, 3), zeros(2, 3)]), zeros(1, 3, 4))", "LSTM(3, 4)(pack([zeros(3, 3), zeros(2, 3)]))[0].batch_sizes",
    "GRU(3, 4)(pack([zeros(3, 2)]))", "GRU(3, 4)(pack([zeros(2, 3), zeros(3, 3)], enforce_sorted=False))[0].unsorted_indices",
]  # fmt: skip


def said(lib, text):
    names = vars(lib.nn) | {"zeros": lib.zeros, "ones": lib.ones, "pack": lib.nn.utils.rnn.pack_sequence}
    try:
        return str(eval(text, names)).replace("\n", " ")
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def cases():
    for name in KINDS:
        for text in LAYER_CASES:
            h3, h2 = (
                ("(zeros(1, 3, 4),) * 2", "(zeros(2, 5),) * 2") if name == "LSTM" else ("zeros(1, 3, 4)", "zeros(2, 5)")
            )
            yield text.format(n=name, h3=h3, h2=h2)
    yield from OTHER_CASES


@pytest.mark.parametrize("text", [*cases()])
def test_what_is_said_is_the_same(text):
    assert said(mytorch, text) == said(torch, text)


def test_dropout_of_a_single_layer_warns():
    texts = []
    for lib in BOTH:
        with pytest.warns(UserWarning, match="dropout option adds dropout") as caught:
            lib.nn.GRU(3, 4, dropout=0.3)
        texts.append(str(caught[0].message))
    assert texts[0] == texts[1]


CONFIG = """
seed: 3
dataset: {type: npy, inputs: x.npy, targets: y.npy, test: {every: 4}, batch_size: 20}
model:
  - {type: LSTM, hidden_size: 6, num_layers: 2, dropout: 0.3, batch_first: true}
  - EveryStep
  - {type: GRU, hidden_size: 4, batch_first: true, bidirectional: true}
  - LastStep
  - {type: Linear, out_features: 1}
loss: MSELoss
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 3}
"""


def test_an_exported_script_trains_the_same(tmp_path):
    draw = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", draw.normal(size=(80, 5, 3)).astype(np.float32))
    np.save(tmp_path / "y.npy", draw.normal(size=80).astype(np.float32))
    (tmp_path / "a.yaml").write_text(CONFIG)
    (tmp_path / "train.py").write_text(
        export_script(build_config(load_config(tmp_path / "a.yaml")), tmp_path / "train.py")
    )
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(tmp_path / "train.py"), run_name="__main__")
    run = Run.create(tmp_path / "runs", "here")
    Training(build_config(load_config(tmp_path / "a.yaml")), run).run(Progress(3, "quiet"))
    theirs = [float(loss) for loss in re.findall(r"^epoch .*train_loss (\S+)", printed.getvalue(), re.MULTILINE)]
    assert theirs == pytest.approx([row["train_loss"] for row in read_metrics(run.metrics)], rel=1e-4)
    assert len(theirs) == 3


def test_states_go_to_pytorch_and_back(tmp_path):
    theirs, ours = build("LSTM", 3, 4, num_layers=2, bidirectional=True, proj_size=2)
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.5)
    torch.save(theirs.state_dict(), tmp_path / "lstm.pt")
    ours.load_state_dict(mytorch.load(tmp_path / "lstm.pt"))
    x = np.ones((4, 2, 3), np.float32)
    np.testing.assert_allclose(ours(mytorch.tensor(x))[0].detach(), theirs(torch.tensor(x))[0].detach(), atol=1e-6)
