"""What is recorded of a step: which layer each operation is of, what its inputs are called, what is kept."""

from __future__ import annotations

import numpy as np
import pytest

from mytorch.training.commands.layer_table import measure
from mytorch.training.errors import RunFailed
from mytorch.training.inspection.recorded_step import LOSS, record_step
from mytorch.training.inspection.target import Target, open_target

HEAD = """\
dataset: {type: csv, path: DATA, target: y, batch_size: 6, shuffle: false}
loss: MSELoss
optimizer: {type: SGD, lr: 0.1}
train: {epochs: 2}
"""
OWN = """\
from mytorch import nn

class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        y = self.layer(x)
        return self.layer(y.tanh()) + y.detach()

class Broken(nn.Module):
    def forward(self, x):
        return x @ x if len(x) == 6 else x  # the batch has 6 rows
"""
MODELS = {
    "flat": "[{type: Linear, out_features: 3}, ReLU, {type: Dropout, p: 0.3}, {type: Linear, out_features: 1}]",
    "norm": "[{type: Linear, out_features: 4}, BatchNorm1d, GELU, LayerNorm, {type: Linear, out_features: 1}]",
    "deep": "[{type: Residual, layers: [{type: Linear, out_features: 2}, Tanh]}, {type: Linear, out_features: 1}]",
    "steps": "[{type: Unflatten, dim: 1, unflattened_size: [-1, 1]}, {type: LSTM, hidden_size: 3, batch_first: true},"
    " LastStep, {type: Linear, out_features: 1}]",
    "heads": "[{type: Linear, out_features: 8}, {type: Unflatten, dim: 1, unflattened_size: [2, 4]}, {type: "
    "TransformerEncoderLayer, nhead: 2, dim_feedforward: 5, batch_first: true}, Flatten, {type: Linear, out_features: 1}]",
    "own": "[Twice, {type: Linear, out_features: 1}]",
}


@pytest.fixture
def opened(tmp_path):
    def make(model, *changes, **options) -> Target:
        lines = (f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(12))
        (tmp_path / "data.csv").write_text("a,b,y\n" + "".join(lines))
        (tmp_path / "own.py").write_text(OWN)
        head = HEAD.replace("DATA", str(tmp_path / "data.csv"))
        (tmp_path / "it.yaml").write_text(f"imports: [own.py]\n{head}model: {model}\n")
        return open_target(str(tmp_path / "it.yaml"), changes, runs_dir=tmp_path / "runs", **options)

    return make


@pytest.mark.parametrize("name", MODELS)
def test_kept_bytes_are_those_of_the_layer_table(opened, name):
    target = opened(MODELS[name])
    recorded = record_step(target)
    inputs, *targets = target.batches[0]
    table = measure(target.model, target.loss, inputs, targets)
    expected = {layer.name: layer.kept_bytes for layer in table.layers} | {LOSS: table.kept_by_loss}
    found = dict.fromkeys(expected, 0)
    for operation in recorded.operations:
        for layer in found:
            is_within = operation.place != LOSS and operation.place.startswith(f"{layer}.")
            found[layer] += operation.kept_bytes * (layer == operation.place or is_within)
    assert found == expected
    assert sum(expected.values()) > 0


def test_places_and_names(opened):
    recorded = record_step(opened(MODELS["own"]))
    told = [(one.name, one.place, [recorded.leaf_name(given) for given in one.inputs]) for one in recorded.operations]
    assert told == [
        ("linear", "0.layer", ["inputs", "0.layer.weight", "0.layer.bias"]),
        ("tanh", "0", [None]),
        ("linear", "0.layer", [None, "0.layer.weight", "0.layer.bias"]),
        ("add", "0", [None, None]),
        ("linear", "1", [None, "1.weight", "1.bias"]),
        ("mse_loss", LOSS, [None, "targets"]),
    ]
    add = recorded.operations[3]
    assert [one.is_detached for one in add.inputs] == [False, True]
    assert add.inputs[1].source is recorded.operations[0]
    assert recorded.derivative_of(add).operation is add
    assert recorded.layers == {"": "Sequential", "0": "Twice", "0.layer": "Linear", "1": "Linear"}


def test_a_module_in_the_model_has_no_hooks_afterwards(opened):
    target = opened(MODELS["deep"])
    record_step(target)
    for module in target.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_several_batches_add_up_their_gradients(opened):
    target = opened(MODELS["own"], "train.accumulate=2")
    recorded = record_step(target)
    assert len(recorded.losses) == len(recorded.ends) == 2
    assert recorded.ends[1] == (len(recorded.operations), len(recorded.derivatives))
    half = recorded.ends[0][0]
    assert [one.name for one in recorded.operations[:half]] == [one.name for one in recorded.operations[half:]]
    gradients = [
        one.leaving[1] for one in recorded.derivatives if one.operation.name == "linear" and one.operation.place == "1"
    ]
    np.testing.assert_array_equal(gradients[0] + gradients[1], recorded.parameters["1.weight"].grad.array)


def test_a_layer_that_cannot_take_the_batch(opened):
    with pytest.raises(RunFailed, match=r"own\.py"):
        record_step(opened("[{type: Linear, out_features: 3}, Broken, {type: Linear, out_features: 1}]"))


def test_lbfgs_is_told_to_have_several_passes(opened):
    (remark,) = opened(MODELS["deep"], "optimizer={type: LBFGS}").remarks()
    assert remark.startswith("LBFGS computes gradients several times in a step")
    assert opened(MODELS["deep"]).remarks() == []
