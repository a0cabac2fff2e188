"""Layers without PyTorch: how they print, what they hold, what they draw for a seed, and that they compute."""

from __future__ import annotations

import importlib.util
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import mytorch as torch
from mytorch import nn
from mytorch.nn import functional as F

_PATH = Path(__file__).parents[1] / "golden" / "record_nn.py"
_SPEC = importlib.util.spec_from_file_location("record_nn", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


@pytest.fixture(scope="module")
def texts():
    return json.loads(recorded.TEXTS.read_text())


@pytest.fixture(scope="module")
def arrays():
    with np.load(recorded.ARRAYS) as found:
        return dict(found)


@pytest.mark.parametrize("layer", recorded.LAYERS)
def test_prints_as_in_pytorch(texts, layer):
    assert repr(recorded.build(torch, layer)) == texts["reprs"][layer]


@pytest.mark.parametrize("layer", recorded.LAYERS)
def test_state_has_pytorchs_names_and_shapes(texts, layer):
    assert recorded._state(recorded.build(torch, layer)) == texts["states"][layer]


@pytest.mark.parametrize("name", recorded.ERRORS)
def test_errors_are_pytorchs(texts, name):
    assert recorded.error_of(torch, name) == texts["errors"][name]


@pytest.mark.parametrize("name", recorded.WARNINGS)
def test_warnings_are_pytorchs(texts, name):
    assert recorded.warning_of(torch, name) == texts["warnings"][name]


@pytest.mark.parametrize("seed", recorded.SEEDS)
@pytest.mark.parametrize("name", recorded.RANDOM)
def test_draws_are_pytorchs(arrays, name, seed):
    torch.manual_seed(seed)
    ours, theirs = recorded.numpy(recorded.RANDOM[name](torch)), arrays[f"random {name}/{seed}"]
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours, theirs, rtol=3e-6, atol=3e-6)


# Each module computes what the function of the same name does.

X = (np.arange(24).reshape(2, 4, 3) - 11.5) / 4
SAME = {
    "ReLU()": F.relu, "Tanh()": F.tanh, "Sigmoid()": F.sigmoid, "SELU()": F.selu, "SiLU()": F.silu, "Mish()": F.mish,
    "Hardsigmoid()": F.hardsigmoid, "Hardswish()": F.hardswish, "LogSigmoid()": F.logsigmoid, "Softsign()": F.softsign,
    "Tanhshrink()": F.tanhshrink, "ReLU6()": F.relu6, "LeakyReLU(0.3)": lambda x: F.leaky_relu(x, 0.3),
    "ELU(0.3)": lambda x: F.elu(x, 0.3), "CELU(0.3)": lambda x: F.celu(x, 0.3),
    "GELU('tanh')": lambda x: F.gelu(x, approximate="tanh"), "Softplus(2, 1)": lambda x: F.softplus(x, 2, 1),
    "Hardtanh(-0.5, 2)": lambda x: F.hardtanh(x, -0.5, 2), "Threshold(1, 7)": lambda x: F.threshold(x, 1, 7),
    "Softshrink(0.7)": lambda x: F.softshrink(x, 0.7), "Hardshrink(0.7)": lambda x: F.hardshrink(x, 0.7),
    "Softmax(1)": lambda x: F.softmax(x, 1), "Softmin(1)": lambda x: F.softmin(x, 1),
    "LogSoftmax(1)": lambda x: F.log_softmax(x, 1), "Softmax2d()": lambda x: F.softmax(x, 0),
    "RReLU(0.1, 0.3).eval()": lambda x: F.leaky_relu(x, 0.2),
    "GLU(1)": lambda x: F.glu(x, 1),
    "PReLU()": lambda x: F.leaky_relu(x, 0.25), "PReLU(4, 0.5)": lambda x: F.leaky_relu(x, 0.5),
    "Flatten()": lambda x: x.reshape(2, 12), "Unflatten(1, (2, -1))": lambda x: x.reshape(2, 2, 2, 3),
    "Unflatten(-1, [3, 1])": lambda x: x.reshape(2, 4, 3, 1), "Identity(1, a=2)": lambda x: x,
}  # fmt: skip


@pytest.mark.parametrize("layer", SAME)
def test_module_is_the_function(layer):
    x = torch.tensor(X.tolist())
    assert recorded.build(torch, layer)(x).tolist() == SAME[layer](x).tolist()


PAIR = (torch.tensor([[0.2, 0.9, 0.4]]), torch.tensor([[1.0, 0.0, 1.0]]))
SIGNS = torch.tensor([[1.0, -1.0, 1.0]])
INDEX = torch.tensor([2])
LOSSES = {
    "MSELoss": (F.mse_loss, PAIR, {}), "L1Loss": (F.l1_loss, PAIR, {}),
    "SmoothL1Loss": (F.smooth_l1_loss, PAIR, {"beta": 0.3}),
    "HuberLoss": (F.huber_loss, PAIR, {"delta": 0.3}), "BCELoss": (F.binary_cross_entropy, PAIR, {"weight": PAIR[0]}),
    "BCEWithLogitsLoss": (F.binary_cross_entropy_with_logits, PAIR, {"pos_weight": PAIR[0], "weight": PAIR[0]}),
    "CrossEntropyLoss": (F.cross_entropy, (PAIR[0], INDEX), {"label_smoothing": 0.1, "ignore_index": 1}),
    "NLLLoss": (F.nll_loss, (PAIR[0], INDEX), {"weight": PAIR[0][0]}),
    "KLDivLoss": (F.kl_div, PAIR, {"log_target": True}),
    "GaussianNLLLoss": (F.gaussian_nll_loss, (*PAIR, PAIR[0]), {"full": True, "eps": 0.3}),
    "PoissonNLLLoss": (F.poisson_nll_loss, PAIR, {"full": True, "log_input": False, "eps": 0.1}),
    "HingeEmbeddingLoss": (F.hinge_embedding_loss, (PAIR[0], SIGNS), {"margin": 0.7}),
    "MarginRankingLoss": (F.margin_ranking_loss, (*PAIR, SIGNS), {"margin": 0.7}),
    "CosineEmbeddingLoss": (F.cosine_embedding_loss, (*PAIR, SIGNS[0, :1]), {"margin": 0.1}),
    "TripletMarginLoss": (F.triplet_margin_loss, (*PAIR, SIGNS), {"margin": 2.0, "p": 1.0, "eps": 0.1, "swap": True}),
    "TripletMarginWithDistanceLoss": (
        F.triplet_margin_with_distance_loss, (*PAIR, SIGNS), {"margin": 2.0, "swap": True}
    ),
    "SoftMarginLoss": (F.soft_margin_loss, (PAIR[0], SIGNS), {}),
    "MultiMarginLoss": (F.multi_margin_loss, (PAIR[0], INDEX), {"p": 2, "margin": 0.6, "weight": PAIR[0][0]}),
    "MultiLabelMarginLoss": (F.multilabel_margin_loss, (PAIR[0], torch.tensor([[2, 0, -1]])), {}),
    "MultiLabelSoftMarginLoss": (F.multilabel_soft_margin_loss, PAIR, {"weight": PAIR[0]}),
}  # fmt: skip


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_module_is_the_function(name, reduction):
    function, arguments, options = LOSSES[name]
    module = getattr(nn, name)(**options, reduction=reduction)
    assert module(*arguments).tolist() == function(*arguments, **options, reduction=reduction).tolist()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.filterwarnings("ignore:size_average")
def test_loss_module_understands_legacy_arguments(name):
    if "reduce" in inspect.signature(getattr(nn, name)).parameters:
        assert getattr(nn, name)(reduce=False).reduction == "none"
        assert getattr(nn, name)(size_average=False).reduction == "sum"


def test_every_layer_and_loss_is_tested():
    """Of the files that this one is about; others have tests of their own."""
    files = {f"mytorch.nn.{name}" for name in ("activation", "container", "dropout", "flatten", "linear", "loss")}
    classes = {name for name, c in vars(nn).items() if isinstance(c, type) and c.__module__ in files}
    assert len(classes) > 50
    tested = {text.partition("(")[0] for text in (*recorded.LAYERS, *LOSSES)}
    assert tested >= classes


@pytest.mark.parametrize("function", ["dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"])
def test_dropout_backward_uses_the_same_mask(function):
    shape = {"dropout2d": (2, 5, 2, 2), "dropout3d": (2, 5, 2, 2, 2)}.get(function, (4, 5, 2))
    x = torch.ones(shape, requires_grad=True)
    out = getattr(F, function)(x, 0.5, training=True)
    out.sum().backward()
    assert len(set(x.grad.reshape(-1).tolist())) == 2
    assert (x.grad == 0).tolist() == (out <= 0).tolist()


def test_dropout_returns_its_input_where_nothing_drops():
    x = torch.ones(3)
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(torch.ones(0)).shape == (0,)
    assert nn.Dropout(0.5).eval()(x) is x
    assert F.alpha_dropout(x, 0.5) is x


def test_dropout_in_place():
    x = torch.ones(6)
    assert F.dropout(x, 0.5, inplace=True) is x
    assert set(x.tolist()) <= {0.0, 2.0}
    y = torch.ones(2, 3)
    F.dropout1d(y, 1.0, inplace=True)
    assert y.sum().item() == 0
    z = torch.ones(20)
    F.alpha_dropout(z, 0.5, training=True, inplace=True)
    assert len(set(z.tolist())) == 2


def test_dropout_of_strange_shapes_warns():
    with pytest.warns(UserWarning, match="Received a 3D input to dropout2d"):
        F.dropout2d(torch.ones(1, 2, 3))
    with pytest.warns(UserWarning, match="dropout2d: Received a 2-D input"):
        F.dropout2d(torch.ones(1, 2))
    with pytest.warns(UserWarning, match="dropout3d: Received a 3-D input"):
        F.dropout3d(torch.ones(1, 2, 3))
    with pytest.raises(RuntimeError, match="Feature dropout requires at least 2 dimensions"):
        F.feature_alpha_dropout(torch.ones(3), 0.5, training=True)


def test_dropout_mask_is_not_higher_order():
    x = torch.ones(5, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    (g,) = torch.autograd.grad((F.dropout(x, 0.5) ** 2).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert set(h.tolist()) <= {0.0, 8.0}


def test_linear_of_no_features():
    with pytest.warns(UserWarning, match="zero-element tensors"):
        layer = nn.Linear(0, 3)
    assert layer(torch.zeros(2, 0)).tolist() == [[0.0] * 3] * 2
    with pytest.raises(ValueError, match="in1_features must be > 0, but got 0"):
        nn.Bilinear(0, 1, 1)


def test_linear_device_and_dtype():
    assert nn.Linear(2, 2, dtype=torch.float64, device="cpu").weight.dtype == torch.float64
    with pytest.raises(RuntimeError, match="cuda"):
        nn.Linear(2, 2, device="cuda")


def test_unflatten_refusals():
    with pytest.raises(TypeError, match="unflattened_size must be a tuple of ints"):
        nn.Unflatten(1, "23")
    with pytest.raises(RuntimeError, match="invalid for input of size 4"):
        nn.Unflatten(1, (3, 2))(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="Softmax2d: expected input to be 3D or 4D, got 2D instead"):
        nn.Softmax2d()(torch.zeros(2, 4))


def test_init_does_not_record_and_returns_its_tensor():
    w = nn.Parameter(torch.zeros(4, 4))
    for function in (nn.init.uniform_, nn.init.normal_, nn.init.ones_, nn.init.zeros_, nn.init.eye_,
                     nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.kaiming_uniform_, nn.init.kaiming_normal_,
                     nn.init.trunc_normal_, nn.init.orthogonal_):  # fmt: skip
        assert function(w) is w
        assert w.is_leaf
        assert w.requires_grad


def test_init_generator():
    for function in (nn.init.uniform_, nn.init.kaiming_normal_, nn.init.trunc_normal_, nn.init.orthogonal_):
        a = function(torch.zeros(3, 3), generator=torch.Generator().manual_seed(5))
        b = function(torch.zeros(3, 3), generator=torch.Generator().manual_seed(5))
        assert a.tolist() == b.tolist()


def test_init_of_nothing():
    assert nn.init.orthogonal_(torch.zeros(0, 3)).shape == (0, 3)
    with pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
        nn.init.kaiming_normal_(torch.zeros(0, 3))


def test_gains():
    names = ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    assert [round(nn.init.calculate_gain(name), 4) for name in names] == [1, 1, 1, 1.6667, 1.4142, 1.4141, 0.75]
    assert nn.init.calculate_gain("leaky_relu", 1) == 1.0
    with pytest.raises(ValueError, match=r"Mode x not supported, please use one of \['fan_in', 'fan_out'\]"):
        nn.init.kaiming_uniform_(torch.zeros(2, 2), mode="x")


def test_inplace_activation_in_a_model():
    torch.manual_seed(3)
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    torch.manual_seed(3)
    inplace = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 1))
    x = torch.randn(5, 3)
    for net in (plain, inplace):
        F.mse_loss(net(x), torch.zeros(5, 1)).backward()
    for p, q in zip(plain.parameters(), inplace.parameters(), strict=True):
        assert p.grad.tolist() == q.grad.tolist()
