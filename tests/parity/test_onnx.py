"""Every layer as an ONNX graph, run by onnxruntime: the same numbers as here, for one row and for five."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import mytorch
from mytorch import nn
from mytorch.interop.onnx_layers import emitters
from mytorch.interop.onnx_model import network
from mytorch.training.branches import Parallel, Residual
from mytorch.training.steps import EveryStep, LastStep

SINGLE = np.float32


class Hidden(nn.Module):
    """h of a cell's h and c."""

    def forward(self, states):
        return states[0]

    def to_onnx(self, layer, states):
        return layer.node("Identity", states[0])


ELEMENTWISE = [
    nn.AlphaDropout(), nn.CELU(), nn.CELU(0.3), nn.Dropout(0.9), nn.ELU(),
    nn.ELU(0.3), nn.FeatureAlphaDropout(), nn.GELU(), nn.GELU("tanh"), nn.GLU(), nn.GLU(1), nn.Hardshrink(),
    nn.Hardshrink(1.2), nn.Hardsigmoid(), nn.Hardswish(), nn.Hardtanh(), nn.Hardtanh(-0.2, 0.7), nn.Identity(),
    nn.LeakyReLU(), nn.LeakyReLU(0.3), nn.LogSigmoid(), nn.LogSoftmax(1), nn.LogSoftmax(-1), nn.Mish(), nn.PReLU(),
    nn.PReLU(4), nn.RReLU(), nn.RReLU(0.1, 0.9), nn.ReLU(), nn.ReLU6(), nn.SELU(), nn.SiLU(), nn.Sigmoid(), nn.Softmax(1),
    nn.Softmax(-1), nn.Softmax(0), nn.Softmin(1), nn.Softplus(), nn.Softplus(2.5), nn.Softplus(1, 0.5), nn.Softplus(3, 2),
    nn.Softshrink(), nn.Softshrink(1.2), nn.Softsign(), nn.Tanh(), nn.Tanhshrink(), nn.Threshold(0.3, -2.0),
]  # fmt: skip
EMBEDDING = nn.Embedding(7, 3, padding_idx=2)


class LstmStep(nn.Module):
    """An LSTM's cell with given states."""

    def __init__(self):
        self.cell = nn.LSTMCell(3, 4)

    def forward(self, x, h, c):
        return self.cell(x, (h, c))[1]

    def to_onnx(self, layer, x, h, c):
        return layer.child("cell", self.cell, x, (h, c))[1]


# Modules with the shapes of one row of their inputs.
CASES = [
    *((layer, shape) for layer in ELEMENTWISE for shape in [(4,), (4, 6), (4, 3, 6)]),
    (nn.Dropout1d(), (4, 6)),
    (nn.Dropout2d(), (4, 3, 6)),
    (nn.Dropout3d(), (4, 3, 6, 2)),
    (nn.Softmax2d(), (4, 5, 6)),
    # --- products
    (nn.Linear(4, 3), (4,)),
    (nn.Linear(4, 3, bias=False), (4,)),
    (nn.Linear(4, 3), (5, 4)),
    (nn.Linear(4, 3, bias=False), (2, 5, 4)),
    (nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU(), nn.Dropout()), nn.Linear(3, 1)), (4,)),
    # --- convolutions
    (nn.Conv1d(4, 6, 3), (4, 9)),
    (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False), (4, 9)),
    (nn.Conv1d(4, 6, 4, padding="same"), (4, 9)),
    (nn.Conv1d(4, 6, 4, padding="valid"), (4, 9)),
    (nn.Conv2d(4, 6, 3), (4, 9, 8)),
    (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)), (4, 9, 8)),
    (nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 9, 8)),
    (nn.Conv2d(4, 6, (4, 3), padding="same", dilation=2), (4, 9, 8)),
    (nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="reflect"), (4, 9, 8)),
    (nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="replicate", stride=2), (4, 9, 8)),
    (nn.Conv2d(4, 6, 3, padding=(1, 2), padding_mode="circular"), (4, 9, 8)),
    (nn.Conv2d(4, 6, (4, 2), padding="same", padding_mode="circular"), (4, 9, 8)),
    (nn.Conv2d(4, 6, 3, padding="valid", padding_mode="reflect"), (4, 9, 8)),
    (nn.Conv3d(2, 3, 3), (2, 5, 6, 4)),
    (nn.Conv3d(2, 4, (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, 1), groups=2), (2, 5, 6, 4)),
    (nn.Conv3d(2, 3, 3, padding=1, padding_mode="replicate"), (2, 5, 6, 4)),
    (nn.ConvTranspose1d(4, 6, 3), (4, 5)),
    (nn.ConvTranspose1d(4, 6, 3, stride=3, padding=1, output_padding=2, groups=2, dilation=2), (4, 5)),
    (nn.ConvTranspose2d(4, 6, 3, bias=False), (4, 5, 6)),
    (nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2), (4, 5, 6)),
    (nn.ConvTranspose3d(2, 3, 2, stride=2, output_padding=1), (2, 3, 4, 2)),
    (nn.ConvTranspose2d(4, 6, (3, 2), stride=(1, 2), padding=(2, 1), output_padding=1, dilation=2), (4, 5, 6)),
    (nn.ConvTranspose1d(4, 6, 1, padding=1, output_padding=1, dilation=3, bias=False), (4, 5)),
    # --- borders
    *((layer(2), (3, 7)) for layer in (nn.CircularPad1d, nn.ReflectionPad1d, nn.ReplicationPad1d, nn.ZeroPad1d)),
    *((layer((1, 2, 3, 0)), (3, 7, 5)) for layer in (nn.CircularPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.ZeroPad2d)),
    *((layer((1, 2, 0, 3, 1, 1)), (3, 4, 5, 6)) for layer in (nn.CircularPad3d, nn.ReflectionPad3d, nn.ReplicationPad3d, nn.ZeroPad3d)),
    *((layer, shape) for layer, shape in [(nn.ConstantPad1d((1, 2), -3.5), (3, 7)), (nn.ConstantPad2d(1, 2.0), (3, 7, 5)), (nn.ConstantPad3d(1, 9.0), (3, 4, 5, 6))]),
    (nn.ZeroPad2d((-1, 2, 1, -2)), (3, 7, 5)),
    (nn.ReplicationPad1d((-1, 2)), (3, 7)),
    (nn.ReflectionPad1d(2), (7,)),
    (nn.CircularPad1d(2), (7,)),
    # --- pooling
    *((nn.MaxPool1d(3, s, p, d, ceil_mode=c), (4, n)) for s, p, d in [(None, 0, 1), (2, 1, 1), (2, 1, 2), (1, 0, 3)] for c in (False, True) for n in (9, 10)),
    *((nn.MaxPool2d((3, 2), s, p, d, ceil_mode=c), (4, 9, 8)) for s, p, d in [(None, 0, 1), (2, 1, 1), ((2, 3), (1, 0), (2, 1))] for c in (False, True)),
    (nn.MaxPool2d(2, 3, 1, ceil_mode=True), (4, 6, 7)),
    (nn.MaxPool2d(2, dilation=4, padding=1), (4, 9, 8)),
    (nn.MaxPool2d(2), (9, 8)),
    *((nn.MaxPool3d(2, s, p, ceil_mode=c), (2, 5, 6, 7)) for s, p in [(None, 0), (3, 1)] for c in (False, True)),
    *((nn.AvgPool1d(3, s, p, c, i), (4, n)) for s, p in [(None, 0), (2, 1), (2, 0)] for c in (False, True) for i in (False, True) for n in (9, 10)),
    *((nn.AvgPool2d((3, 2), s, p, c, i, o), (4, 9, 8)) for s, p in [(None, 0), ((2, 3), (1, 1)), (2, 0)] for c in (False, True) for i in (False, True) for o in (None, 5)),
    (nn.AvgPool1d(3), (9,)),
    *((nn.AvgPool3d(2, s, p, c, i), (2, 5, 6, 7)) for s, p in [(None, 0), (3, 1)] for c in (False, True) for i in (False, True)),
    (nn.LPPool1d(2, 3), (4, 9)),
    (nn.LPPool1d(4, 3, 2, ceil_mode=True), (4, 10)),
    (nn.LPPool2d(2, (3, 2)), (4, 9, 8)),
    (nn.LPPool2d(2, 2, stride=3, ceil_mode=True), (4, 9, 8)),
    *((layer(size), (4, 12)) for layer in (nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d) for size in (1, 4, 5, 12, 17)),
    *((layer(size), (4, 9, 8)) for layer in (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d) for size in (1, (3, 4), (5, 3), (None, 3), (1, None))),
    *((layer(size), (2, 5, 6, 4)) for layer in (nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool3d) for size in (1, (5, 3, 2), (3, 4, 3))),
    (nn.AdaptiveAvgPool2d(3), (9, 8)),
    # --- normalization
    *((layer, shape) for layer in (nn.BatchNorm1d(4), nn.BatchNorm1d(4, eps=0.1, affine=False), nn.BatchNorm1d(4, bias=False)) for shape in [(4,), (4, 6)]),
    (nn.BatchNorm2d(4), (4, 5, 6)),
    (nn.BatchNorm2d(4, track_running_stats=False), (4, 5, 6)),
    (nn.BatchNorm3d(4), (4, 2, 5, 6)),
    (nn.InstanceNorm1d(4), (4, 6)),
    (nn.InstanceNorm1d(4, affine=True, track_running_stats=True), (4, 6)),
    (nn.InstanceNorm2d(4, affine=True), (4, 5, 6)),
    (nn.InstanceNorm3d(4, affine=True, bias=False), (4, 2, 5, 6)),
    *((layer, shape) for layer in (nn.GroupNorm(2, 4), nn.GroupNorm(1, 4, affine=False), nn.GroupNorm(4, 4, eps=0.1)) for shape in [(4, 6), (4, 5, 6)]),
    (nn.GroupNorm(2, 4), (4,)),
    (nn.LayerNorm(6), (6,)),
    (nn.LayerNorm(6, bias=False), (5, 6)),
    (nn.LayerNorm((5, 6), eps=0.1), (4, 5, 6)),
    (nn.LayerNorm((5, 6), elementwise_affine=False), (4, 5, 6)),
    (nn.RMSNorm(6), (6,)),
    (nn.RMSNorm((5, 6), eps=0.1), (4, 5, 6)),
    (nn.RMSNorm(6, elementwise_affine=False), (5, 6)),
    *((nn.LocalResponseNorm(size, alpha=0.5, beta=0.6, k=1.5), shape) for size in (1, 2, 3, 4, 9) for shape in [(6, 3), (6, 4, 3)]),
    # --- moving
    (nn.Flatten(), (4, 5, 6)),
    (nn.Flatten(2), (4, 5, 6)),
    (nn.Flatten(1, 2), (4, 5, 6)),
    (nn.Unflatten(1, (2, -1)), (6, 3)),
    (nn.Unflatten(-1, (3, 2)), (5, 6)),
    (nn.PixelShuffle(2), (8, 3, 5)),
    (nn.PixelShuffle(2), (2, 8, 3, 5)),
    (nn.PixelUnshuffle(3), (2, 6, 9)),
    (nn.ChannelShuffle(3), (6,  5)),
    (nn.ChannelShuffle(2), (6, 4, 5)),
    (nn.Unfold(2), (3, 5, 6)),
    (nn.Unfold((2, 3), dilation=(2, 1), padding=(1, 2), stride=(1, 2)), (3, 5, 6)),
    (nn.Fold((5, 6), 2), (12, 20)),
    (nn.Fold((5, 6), (2, 3), dilation=(2, 1), padding=(1, 2), stride=(1, 2)), (12, 20)),
    *((nn.Upsample(mode=mode, **size), shape) for size in ({"scale_factor": 2}, {"scale_factor": 1.7}, {"scale_factor": 0.6}, {"scale_factor": 1.7, "recompute_scale_factor": True}, {"size": 5}, {"size": 11}, {"size": 1}) for mode, shape in [("nearest", (3, 7)), ("nearest-exact", (3, 7)), ("linear", (3, 7)), ("area", (3, 7)), ("nearest", (3, 7, 5)), ("bilinear", (3, 7, 5)), ("bicubic", (3, 7, 5)), ("nearest", (2, 4, 5, 6)), ("trilinear", (2, 4, 5, 6)), ("area", (2, 4, 5, 6))]),
    *((nn.Upsample(mode=mode, align_corners=True, **size), shape) for size in ({"scale_factor": 2}, {"scale_factor": 1.7}, {"size": 3}, {"size": 1}) for mode, shape in [("linear", (3, 7)), ("bilinear", (3, 7, 5)), ("bicubic", (3, 7, 5)), ("trilinear", (2, 4, 5, 6))]),
    (nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"), (3, 7, 5)),
    (nn.UpsamplingBilinear2d(scale_factor=2), (3, 7, 5)),
    (nn.UpsamplingNearest2d(size=(9, 4)), (3, 7, 5)),
    # --- recurrent
    *((nn.Sequential(layer, behind), (6, 3)) for behind in (LastStep(), EveryStep()) for layer in (
        nn.RNN(3, 4, batch_first=True), nn.RNN(3, 4, 2, "relu", bias=False, batch_first=True, bidirectional=True),
        nn.LSTM(3, 4, batch_first=True), nn.LSTM(3, 4, 2, dropout=0.5, batch_first=True, bidirectional=True),
        nn.GRU(3, 4, batch_first=True), nn.GRU(3, 4, 2, bias=False, batch_first=True, bidirectional=True),
    )),
    (nn.Sequential(nn.LSTM(3, 4, batch_first=True), EveryStep(), nn.GRU(4, 2, batch_first=True), LastStep()), (6, 3)),
    (nn.RNNCell(3, 4), (3,)),
    (nn.GRUCell(3, 4, bias=False), (3,)),
    (nn.GRUCell(3, 4), (3,)),
    (nn.Sequential(nn.LSTMCell(3, 4), Hidden()), (3,)),
    # --- structure
    (Residual(nn.Sequential(nn.Linear(4, 4), nn.Tanh())), (4,)),
    (Residual(nn.Sequential(nn.Linear(4, 3), nn.Tanh()), nn.Sequential(nn.Linear(4, 3))), (4,)),
    *((Parallel({"left": nn.Linear(4, 3), "right": nn.Sequential(nn.Linear(4, 3), nn.ReLU()), "last": nn.Linear(4, 3)}, join), (4,)) for join in ("cat", "add", "mul")),
    (Parallel({"a": nn.Conv1d(4, 2, 1), "b": nn.Identity()}, "cat", 1), (4, 6)),
    (Parallel({"a": nn.Tanh(), "b": nn.Identity()}, "cat", -1), (4, 6)),
]  # fmt: skip


# Modules with their inputs for a number of rows.
class Attend(nn.Module):
    """The result of an attention without its weights."""

    def __init__(self, *args, **options):
        self.attention = nn.MultiheadAttention(*args, batch_first=True, **options)

    def forward(self, q, k, v):
        return self.attention(q, k, v, need_weights=False)[0]

    def to_onnx(self, layer, q, k, v):
        return layer.child("attention", self.attention, q, k, v)


def encoder_layer(**options):
    return nn.TransformerEncoderLayer(6, 2, 5, batch_first=True, **options)


TRANSFORMERS = [
    (Attend(6, 2), lambda n, draw: [draw(n, 3, 6), draw(n, 4, 6), draw(n, 4, 6)]),
    *((Attend(6, 3, **options), lambda n, draw: [draw(n, 3, 6), draw(n, 4, 6), draw(n, 4, 6)]) for options in ({"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True})),
    (Attend(6, 2, kdim=5, vdim=7, add_bias_kv=True, add_zero_attn=True), lambda n, draw: [draw(n, 3, 6), draw(n, 4, 5), draw(n, 4, 7)]),
    *((encoder_layer(**options), lambda n, draw: [draw(n, 3, 6)]) for options in ({}, {"norm_first": True}, {"activation": "gelu", "bias": False}, {"activation": nn.Tanh()})),
    (nn.TransformerEncoder(encoder_layer(), 2, nn.LayerNorm(6)), lambda n, draw: [draw(n, 3, 6)]),
    (nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 5, batch_first=True, norm_first=True), 2), lambda n, draw: [draw(n, 3, 6), draw(n, 4, 6)]),
    (nn.Transformer(6, 2, 1, 1, 5, batch_first=True), lambda n, draw: [draw(n, 4, 6), draw(n, 3, 6)]),
]  # fmt: skip

OTHERS = [
    *TRANSFORMERS,
    (nn.Bilinear(3, 4, 5), lambda n, draw: [draw(n, 3), draw(n, 4)]),
    (nn.Bilinear(3, 4, 5, bias=False), lambda n, draw: [draw(n, 2, 3), draw(n, 2, 4)]),
    (nn.CosineSimilarity(), lambda n, draw: [draw(n, 4, 3), draw(n, 4, 3)]),
    (nn.CosineSimilarity(-1, eps=3.0), lambda n, draw: [draw(n, 4, 3), draw(n, 4, 3)]),
    *((nn.PairwiseDistance(p, eps=0.01), lambda n, draw: [draw(n, 4), draw(n, 4)]) for p in (0, 1, 2, 3.5, float("inf"))),
    (nn.PairwiseDistance(keepdim=True), lambda n, draw: [draw(n, 3, 4), draw(n, 3, 4)]),
    (nn.RNNCell(3, 4, nonlinearity="relu"), lambda n, draw: [draw(n, 3), draw(n, 4)]),
    (nn.GRUCell(3, 4), lambda n, draw: [draw(n, 3), draw(n, 4)]),
    (LstmStep(), lambda n, draw: [draw(n, 3), draw(n, 4), draw(n, 4)]),
    (nn.Embedding(7, 3), lambda n, draw: [numbers(n)]),
    (EMBEDDING, lambda n, draw: [numbers(n, 5)]),
    (nn.Embedding(7, 3, max_norm=0.5, norm_type=1), lambda n, draw: [numbers(n, 5)]),
    (nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(15, 1)), lambda n, draw: [numbers(n, 5)]),
    *((nn.EmbeddingBag(7, 3, mode=mode, padding_idx=pad), lambda n, draw: [numbers(n, 5)]) for mode in ("sum", "mean", "max") for pad in (None, 2)),
    (nn.EmbeddingBag(7, 3, mode="max", padding_idx=2), lambda n, draw: [np.full((n, 4), 2)]),
    (nn.MaxUnpool1d(2), lambda n, draw: pooled(nn.MaxPool1d(2, return_indices=True), draw(n, 3, 8))),
    (nn.MaxUnpool2d((3, 2), stride=2, padding=(1, 0)), lambda n, draw: pooled(nn.MaxPool2d((3, 2), 2, (1, 0), return_indices=True), draw(n, 3, 7, 8))),
    (nn.MaxUnpool3d(2), lambda n, draw: pooled(nn.MaxPool3d(2, return_indices=True), draw(n, 2, 4, 4, 6))),
]  # fmt: skip


def numbers(*shape):
    return np.arange(np.prod(shape)).reshape(shape) * 3 % 7


def pooled(pool, x):
    return [result.numpy() for result in pool(mytorch.from_numpy(x))]


def label(case):
    module, rows = case
    text = " ".join(f"{type(module).__name__}({module.extra_repr()})".split())
    return text if callable(rows) else f"{text}-{'x'.join(map(str, rows))}"


@pytest.fixture
def draw():
    generator = np.random.default_rng(0)
    return lambda *shape: (1.5 * generator.normal(size=shape)).astype(SINGLE)


def with_random_state(module, draw):
    """The parameters and running statistics of a layer that has been trained."""
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(mytorch.from_numpy(np.abs(draw(*value.shape)) + 0.1))
        elif value.is_floating_point() and value.ndim == 1:
            value.copy_(mytorch.from_numpy(draw(*value.shape)))
    return module.eval()


def check(module, inputs_of):
    examples = inputs_of(3)
    model = network(module, *(x.shape[1:] for x in examples), dtypes=[x.dtype for x in examples])
    session = session_of(model)
    for rows in (1, 5):
        inputs = inputs_of(rows)
        with mytorch.no_grad():
            expected = module(*map(mytorch.from_numpy, inputs)).numpy()
        got = session.run(None, dict(zip([one.name for one in session.get_inputs()], inputs, strict=True)))[0]
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def session_of(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


@pytest.mark.parametrize(("module", "row"), CASES, ids=map(label, CASES))
def test_one_input(module, row, draw):
    check(with_random_state(module, draw), lambda n: [draw(n, *row)])


@pytest.mark.parametrize(("module", "inputs_of"), OTHERS, ids=map(label, OTHERS))
def test_other_inputs(module, inputs_of, draw):
    check(with_random_state(module, draw), lambda n: inputs_of(n, draw))


def test_every_public_layer_is_written_and_tested():
    no_layers = {nn.Module, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict}
    no_layers |= {nn.RNNBase, nn.RNNCellBase}
    public = {one for one in vars(nn).values() if isinstance(one, type) and issubclass(one, nn.Module)}
    layers = {one for one in public - no_layers if not one.__name__.endswith("Loss")}
    assert layers <= set(emitters())
    assert set(emitters()) <= {type(part) for module, _ in [*CASES, *OTHERS] for part in module.modules()}


class Gated(nn.Module):
    """A layer of a user's own that says how it is written."""

    def __init__(self):
        self.value = nn.Linear(4, 3)
        self.gate = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
        self.scale = nn.Parameter(mytorch.tensor([1.0, 2.0, 3.0]))

    def forward(self, x):
        return self.scale * self.value(x) * self.gate(x) + 0.5

    def to_onnx(self, layer, x):
        product = layer.node("Mul", layer.child("value", self.value, x), layer.child("gate", self.gate, x))
        return layer.node("Add", layer.node("Mul", product, self.scale), 0.5)


def test_a_layer_of_ones_own(draw):
    check(nn.Sequential(nn.Linear(2, 4), Gated(), nn.Tanh()).eval(), lambda n: [draw(n, 2)])


def test_shared_layers_are_written_where_they_are_called(draw):
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Unflatten(1, (2, 2)), nn.ReLU(), nn.Flatten(), shared).eval()
    check(model, lambda n: [draw(n, 4)])
    weights = [one.name for one in network(model, (4,)).graph.initializer if one.name.endswith("weight")]
    assert weights == ["0.weight"]


def test_double_precision(draw):
    model = nn.Sequential(nn.Linear(4, 6), nn.SiLU(), nn.LayerNorm(6), nn.Hardtanh(), nn.Linear(6, 1)).double().eval()
    check(model, lambda n: [draw(n, 4).astype(np.float64)])
