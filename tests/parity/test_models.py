"""Residual, Parallel and models of one's own against torch modules with the same weights: outputs and gradients."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import mytorch
from mytorch.training.building.experiment import build
from mytorch.training.config.config import check, load_config
from mytorch.training.config.yaml_source import load, parse

ROOT = Path(__file__).parents[2]
REST = "dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard}}\nloss: MSELoss\noptimizer: SGD\ntrain: {epochs: 1}\n"


class Residual(torch.nn.Module):
    def __init__(self, layers, shortcut=None):
        super().__init__()
        self.layers = layers
        self.shortcut = torch.nn.Identity() if shortcut is None else shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


class Parallel(torch.nn.Module):
    def __init__(self, join, **branches):
        super().__init__()
        self.branches = torch.nn.ModuleDict(branches)
        self.join = join

    def forward(self, x):
        outputs = [branch(x) for branch in self.branches.values()]
        return (
            torch.cat(outputs, 1)
            if self.join == "cat"
            else torch.stack(outputs).sum(0)
            if self.join == "add"
            else outputs[0] * outputs[1]
        )


def list_of(*layers):
    return torch.nn.Sequential(*layers)


def flat():
    nn = torch.nn
    return list_of(
        nn.Linear(13, 8),
        Residual(list_of(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))),
        Residual(list_of(nn.Linear(8, 6), nn.ReLU()), list_of(nn.Linear(8, 6))),
        Parallel(
            "cat",
            deep=list_of(nn.Linear(6, 5), Parallel("add", a=list_of(nn.Linear(5, 3)), b=list_of(nn.Linear(5, 3), nn.Sigmoid()))),
            wide=list_of(nn.Identity()),
        ),
        nn.Linear(9, 1),
    )  # fmt: skip


FLAT = """model:
  - {type: Linear, out_features: 8}
  - {type: Residual, layers: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 8}]}
  - {type: Residual, layers: [{type: Linear, out_features: 6}, ReLU], shortcut: [{type: Linear, out_features: 6}]}
  - type: Parallel
    branches:
      deep:
        - {type: Linear, out_features: 5}
        - type: Parallel
          join: add
          branches: {a: [{type: Linear, out_features: 3}], b: [{type: Linear, out_features: 3}, Sigmoid]}
      wide: [Identity]
  - {type: Linear, out_features: 1}
"""


def images():
    nn = torch.nn
    return list_of(
        nn.Unflatten(1, (1, 1, 13)),
        Residual(list_of(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)), list_of(nn.Conv2d(1, 4, 1, stride=2))),
        Parallel("mul", all=list_of(nn.Identity()),
                 gate=list_of(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())),
        nn.Flatten(),
        nn.Linear(28, 1),
    )  # fmt: skip


IMAGES = """model:
  - {type: Unflatten, dim: 1, unflattened_size: [1, 1, 13]}
  - type: Residual
    layers: [{type: Conv2d, out_channels: 4, kernel_size: 3, stride: 2, padding: 1}, BatchNorm2d]
    shortcut: [{type: Conv2d, out_channels: 4, kernel_size: 1, stride: 2}]
  - type: Parallel
    join: mul
    branches: {all: [Identity], gate: [{type: AdaptiveAvgPool2d, output_size: 1}, {type: Conv2d, out_channels: 4, kernel_size: 1}, Sigmoid]}
  - Flatten
  - {type: Linear, out_features: 1}
"""


@pytest.mark.parametrize(("text", "make"), [(FLAT, flat), (IMAGES, images)], ids=["flat", "images"])
def test_branches_compute_what_torch_does(text, make):
    experiment = build(check(parse(text + REST + "seed: 5\n")))
    torch.manual_seed(5)
    wanted, model = make(), experiment.model
    for (name, weight), (other, value) in zip(wanted.state_dict().items(), model.state_dict().items(), strict=True):
        assert name == other
        np.testing.assert_array_equal(weight.numpy(), value.numpy(), err_msg=name)  # the same seed, the same order
    inputs = experiment.data.train.inputs[:32]
    x, y = torch.tensor(inputs, requires_grad=True), mytorch.tensor(inputs, requires_grad=True)
    out, ours = wanted(x), model(y)
    np.testing.assert_allclose(ours.detach().numpy(), out.detach().numpy(), rtol=1e-5, atol=1e-6)
    out.square().mean().backward()
    ours.square().mean().backward()
    pairs = [(x, y), *zip(wanted.parameters(), model.parameters(), strict=True)]
    for theirs, own in pairs:
        np.testing.assert_allclose(own.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-5)


OWN = """
import TORCH
from TORCH import nn

class MyNet(nn.Module):
    def __init__(self, in_features: int, hidden: int, num_classes: int):
        super().__init__()
        self.first = nn.Linear(in_features, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.last = nn.Linear(hidden, num_classes)

    def forward(self, x):
        return self.last(TORCH.tanh(self.norm(self.first(x))))

class LogCosh(nn.Module):
    def forward(self, output, target):
        return (output - target).cosh().log().mean()
"""


def test_a_model_and_loss_of_ones_own_train_as_in_torch(tmp_path):
    from mytorch.training.loop.loop import Training
    from mytorch.training.loop.progress import Progress
    from mytorch.training.runs.run import Run

    (tmp_path / "own.py").write_text(OWN.replace("TORCH", "mytorch"))
    (tmp_path / "own.yaml").write_text(
        "imports: [own.py]\nseed: 3\nmodel: {type: MyNet, hidden: 16}\nloss: LogCosh\noptimizer: {type: Adam, lr: 0.01}\n"
        "train: {epochs: 20}\nmetrics: [mae]\n"
        "dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: full, shuffle: false}\n"
    )
    experiment = build(load_config(tmp_path / "own.yaml"))
    own: dict[str, type] = {}
    exec(OWN.replace("TORCH", "torch"), own)
    torch.manual_seed(3)
    model, loss = own["MyNet"](13, 16, 1), own["LogCosh"]()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.tensor(experiment.data.train.inputs), torch.tensor(experiment.data.train.targets)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    run = Run.create(tmp_path / "runs", "own")
    Training(experiment, run).run(Progress(20, "quiet"))
    rows = [line.split(",") for line in run.metrics.read_text().splitlines()]
    ours = [float(row[rows[0].index("train_loss")]) for row in rows[1:]]
    np.testing.assert_allclose(ours, losses, rtol=1e-4)
    assert losses[-1] < losses[0] / 2


# Those with layers of their own name no schema: theirs is another, which `mytorch schema --imports` prints.
STARTERS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if "\nimports:" not in path.read_text("utf-8"))


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.name)
def test_the_starter_configs_fit_the_schema_that_they_name(path):
    from jsonschema import Draft202012Validator

    first = path.read_text(encoding="utf-8").splitlines()[0]
    schema = json.loads((path.parent / first.partition("$schema=")[2]).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(load(path).data)
    validator.validate(parse(load_config(path).to_yaml()).data)
    for text in (FLAT, IMAGES, "model: Linear\n"):
        validator.validate(parse(text + REST).data)
    assert not validator.is_valid(parse(FLAT.replace("shortcut", "shortcuts") + REST).data)
