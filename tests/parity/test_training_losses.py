"""Sums of losses, class weights and frozen layers in whole trainings, beside the same program in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from mytorch.data import Split
from mytorch.training.building.experiment import build
from mytorch.training.building.losses import balanced_class_weights
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.run import Run

EPOCHS = 5
CONFIG = """
seed: 3
dataset: {{type: csv, path: d.csv, target: {target}, drop: [{drop}], normalize: {{inputs: standard}}, batch_size: full}}
model: [{{type: Linear, out_features: 6}}, BatchNorm1d, Tanh, {{type: Linear, out_features: {outputs}}}]
loss: {loss}
optimizer: {{type: Adam, lr: 0.05}}
train: {{epochs: {epochs}}}
metrics: []
{finetune}
"""


@pytest.fixture
def training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    rows = ["a,b,number,word,flag"]
    for _ in range(60):
        a, b = generator.normal(size=2)
        word = generator.choice(["red", "green", "blue"], p=[0.7, 0.2, 0.1])
        rows.append(f"{a},{b},{a * b},{word},{int(a > 1)}")
    Path("d.csv").write_text("\n".join(rows) + "\n")

    def make(target: str, loss: str, outputs: int, finetune: str = "") -> Training:
        drop = ", ".join({"number", "word", "flag"} - {target})
        text = CONFIG.format(target=target, drop=drop, loss=loss, outputs=outputs, finetune=finetune, epochs=EPOCHS)
        Path("c.yaml").write_text(text)
        return Training(build(load_config("c.yaml")), Run.create("runs", "c"))

    return make


def losses_of(training: Training) -> list[float]:
    training.run(Progress(EPOCHS, "quiet"))
    lines = [line.split(",") for line in training.directory.metrics.read_text().splitlines()]
    column = lines[0].index("train_loss")
    return [float(line[column]) for line in lines[1:]]


def losses_in_torch(training: Training, loss, frozen: int = 0, weights=None) -> list[float]:
    """The same training, begun with `weights` if they are given; the first `frozen` layers are not trained."""
    train, outputs = training.experiment.data.train, training.experiment.model[3].out_features
    torch.manual_seed(3)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 6), torch.nn.BatchNorm1d(6), torch.nn.Tanh(), torch.nn.Linear(6, outputs)
    )
    if weights is not None:
        model.load_state_dict(weights)
    for layer in list(model)[:frozen]:
        layer.requires_grad_(False).eval()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.05)
    inputs, targets = torch.from_numpy(train.inputs), torch.from_numpy(train.targets)
    losses = []
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        value = loss(model(inputs), targets)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def test_a_sum_of_losses(training):
    ours = training("number", "[MSELoss, {type: L1Loss, factor: 0.5}, {type: HuberLoss, delta: 0.3, factor: 2}]", 1)
    mse, l1, huber = torch.nn.MSELoss(), torch.nn.L1Loss(), torch.nn.HuberLoss(delta=0.3)
    expected = losses_in_torch(ours, lambda x, y: mse(x, y) + 0.5 * l1(x, y) + 2 * huber(x, y))
    np.testing.assert_allclose(losses_of(ours), expected, rtol=1e-5)


def balanced(targets: np.ndarray) -> np.ndarray:
    return compute_class_weight("balanced", classes=np.unique(targets), y=targets)


@pytest.mark.parametrize(("name", "options"), [("CrossEntropyLoss", {}), ("MultiMarginLoss", {"p": 2})])
def test_balanced_classes(training, name, options):
    arguments = "".join(f", {key}: {value}" for key, value in options.items())
    ours = training("word", f"{{type: {name}, weight: balanced{arguments}}}", 3)
    weight = torch.from_numpy(balanced(ours.experiment.data.train.targets)).float()
    expected = losses_in_torch(ours, getattr(torch.nn, name)(weight=weight, **options))
    np.testing.assert_allclose(losses_of(ours), expected, rtol=1e-5)


def test_balanced_positives(training):
    ours = training("flag", "{type: BCEWithLogitsLoss, pos_weight: balanced}", 1)
    targets = ours.experiment.data.train.targets
    pos_weight = torch.tensor([(targets == 0).sum() / (targets == 1).sum()])
    expected = losses_in_torch(ours, torch.nn.BCEWithLogitsLoss(pos_weight=pos_weight))
    np.testing.assert_allclose(losses_of(ours), expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_the_formula_is_scikit_learns(seed):
    generator = np.random.default_rng(seed)
    targets = np.concatenate([np.arange(4), generator.integers(0, 4, 40)])
    names, numbers = list("abcd"), np.arange(len(targets))
    rows = Split(None, targets, targets, numbers)
    np.testing.assert_allclose(balanced_class_weights(rows, names), balanced(targets), rtol=1e-12)
    counts = generator.integers(1, 5, len(targets))  # a row of weight 3 is a row that is there three times
    rows = Split(None, targets, targets, numbers, counts.astype(np.float32))
    np.testing.assert_allclose(balanced_class_weights(rows, names), balanced(np.repeat(targets, counts)), rtol=1e-12)


def test_frozen_layers_and_weights_from_pytorch(training, tmp_path):
    torch.manual_seed(9)
    other = torch.nn.Sequential(torch.nn.Linear(2, 6), torch.nn.BatchNorm1d(6), torch.nn.Tanh(), torch.nn.Linear(6, 1))
    other(torch.randn(50, 2) * 3 + 1)  # running statistics of its own
    torch.save(other.state_dict(), tmp_path / "w.pt")
    ours = training("number", "MSELoss", 1, 'finetune: {from: w.pt, freeze: ["0", "1"]}')
    expected = losses_in_torch(ours, torch.nn.MSELoss(), frozen=2, weights=other.state_dict())
    np.testing.assert_allclose(losses_of(ours), expected, rtol=1e-5)
    for name, tensor in ours.model.state_dict().items():
        is_frozen = np.array_equal(tensor.numpy(), other.state_dict()[name].numpy())
        assert is_frozen == (not name.startswith("3")), name
