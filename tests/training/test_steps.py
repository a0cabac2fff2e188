"""`LastStep` and `EveryStep`: as modules, and behind recurrent layers in a config."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.training.building.experiment import build
from mytorch.training.commands.layer_table import measure
from mytorch.training.config.config import load_config
from mytorch.training.errors import ConfigError
from mytorch.training.steps import EveryStep, LastStep

CONFIG = """
seed: 3
dataset: {type: npy, inputs: x.npy, targets: y.npy, batch_size: 20}
model:
  - {type: LSTM, hidden_size: 8, batch_first: true}
  - EveryStep
  - type: Parallel
    branches:
      there: [{type: GRU, hidden_size: 4, batch_first: true, bidirectional: true}, LastStep]
      plain: [{type: RNN, hidden_size: 4, num_layers: 2, batch_first: true}, LastStep, Tanh]
  - {type: Linear, out_features: 1}
loss: MSELoss
optimizer: SGD
train: {epochs: 1}
"""


@pytest.fixture
def config(tmp_path):
    draw = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", draw.normal(size=(40, 6, 3)).astype(np.float32))
    np.save(tmp_path / "y.npy", draw.normal(size=40).astype(np.float32))
    (tmp_path / "a.yaml").write_text(CONFIG)
    return lambda *overrides: build(load_config(tmp_path / "a.yaml", overrides))


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_last_step_is_what_both_directions_end_with(kind, num_layers):
    layer = kind(3, 4, num_layers, batch_first=True, bidirectional=True)
    results = layer(mytorch.randn(5, 6, 3))
    outputs = results[0]
    assert mytorch.equal(EveryStep()(results), outputs)
    assert mytorch.equal(LastStep()(results), mytorch.cat([outputs[:, -1, :4], outputs[:, 0, 4:]], 1))


def test_a_config_with_recurrent_layers(config):
    model = config().model
    assert (model[0].input_size, model[2].branches["there"][0].input_size, model[3].in_features) == (3, 8, 12)
    mytorch.manual_seed(3)
    assert mytorch.equal(nn.LSTM(3, 8, batch_first=True).weight_hh_l0, model[0].weight_hh_l0)


def test_the_table_of_layers_counts_them(config):
    experiment = config()
    step = measure(experiment.model, nn.MSELoss(), mytorch.randn(5, 6, 3), [mytorch.zeros(5, 1)])
    by_name = {layer.name: layer for layer in step.layers}
    assert by_name["0"].output == ((5, 6, 8), (1, 5, 8), (1, 5, 8))
    assert by_name["0"].flops == 5 * 6 * 8 * (4 * 2 * (3 + 8) + 9)
    assert by_name["2.branches.there.0"].flops == 5 * 6 * 2 * 4 * (3 * 2 * (8 + 4) + 8)
    assert by_name["2.branches.plain.0"].flops == 5 * 6 * 4 * (2 * (8 + 4) + 1 + 2 * (4 + 4) + 1)
    assert by_name["1"].flops == 0
    assert not step.unknown


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.1=Tanh", r"model\.0: layer 0 \(LSTM\) gives its outputs and its last states; write LastStep"),
        ("model.0.batch_first=false", r"model\.0\.batch_first: layer 0 \(LSTM\) needs batch_first: true"),
        ("model.0=Tanh", r"model\.1: layer 1 \(EveryStep\) stands behind an RNN, LSTM or GRU"),
        ("model.0.input_size=5", "expects 5 features, gets 3"),
        ("model.2={type: Linear, out_features: 2}", "the model ends with the shape"),
        ("model={type: LSTM, hidden_size: 1, batch_first: true}", "LSTM gives a tuple"),
        ("model.0={type: RNNBase, mode: LSTM, hidden_size: 1}", "unknown layer 'RNNBase'"),
    ],
)
def test_what_does_not_fit_is_named(config, override, message):
    with pytest.raises(ConfigError, match=message):
        config(override)
