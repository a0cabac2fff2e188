"""What is measured in a logging step, in which steps, for all kinds of models; that it changes nothing; its files."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.diagnostics.gradients_file import COLUMNS, GradientRow, GradientsLog, read_gradients
from mytorch.training.diagnostics.layers import layers_of
from mytorch.training.diagnostics.measuring import MODEL_COLUMNS, Diagnostics, is_logging_step, whole_model
from mytorch.training.diagnostics.norms import moments, square
from mytorch.training.errors import UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import reopen
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states

CONFIG = """\
name: small
dataset: {type: csv, path: rows.csv, target: y, test: {every: 4}, batch_size: 8}
model: [{type: Linear, out_features: 6}, ReLU, {type: Dropout, p: 0.2}, {type: Linear, out_features: 4}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: SGD, lr: 0.05}
train: {epochs: 3}
diagnostics: {every_steps: 1}
plots: []
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3))
    rows = [[*row, row.sum()] for row in x]
    lines = [",".join(f"{value:.4f}" for value in row) for row in rows]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    (tmp_path / "own.py").write_text(OWN)
    path = tmp_path / "small.yaml"
    path.write_text(CONFIG)
    return path


def trained(config: Path, *overrides: str) -> tuple[Training, Run]:
    experiment = build(load_config(config, overrides))
    run = Run.create(config.parent / "runs", "small")
    run.config.write_text(experiment.config.to_yaml())
    training = Training(experiment, run)
    training.run(Progress(1, "quiet"))
    return training, run


# --- the figures ----------------------------------------------------------------------------------------------------


def test_figures_of_a_step_beside_their_definitions(tmp_path: Path) -> None:
    mytorch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2), nn.Sigmoid())
    x = mytorch.randn(7, 3) * 4
    optimizer = mytorch.optim.SGD(model.parameters(), lr=0.1)
    diagnostics = Diagnostics(model, 1, is_on=True)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    diagnostics.open(tmp_path / "gradients.csv")
    with diagnostics:
        measured = diagnostics.begin(1, 1, 1)
        assert measured is not None
        with measured.looking():
            model(x).square().sum().backward()
        gradients = [p.grad.numpy().copy() for p in model.parameters()]
        nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
        optimizer.step()
        rows = measured.rows()
    after = [p.detach().numpy() for p in model.parameters()]

    def norm(arrays: list) -> float:
        return float(np.linalg.norm(np.concatenate([a.ravel() for a in arrays])))

    assert [row.layer for row in rows] == ["0", "1", "2", "3"]
    for row, part in ((rows[0], slice(0, 2)), (rows[2], slice(2, 4))):
        assert row.gradient_norm == pytest.approx(norm(gradients[part]), rel=1e-5)
        assert row.weight_norm == pytest.approx(norm(before[part]), rel=1e-5)
        change = norm([a - b for a, b in zip(after[part], before[part], strict=True)])
        assert row.update_ratio == pytest.approx(change / norm(before[part]), rel=1e-4)
        assert (row.dead, row.saturated) == (None, None)
    hidden = np.maximum(x.numpy() @ before[0].T + before[1], 0)
    output = 1 / (1 + np.exp(-(hidden @ before[2].T + before[3])))
    assert rows[1].activation_mean == pytest.approx(hidden.mean(), rel=1e-5)
    assert rows[1].activation_std == pytest.approx(hidden.std(), rel=1e-5)
    assert rows[1].dead == pytest.approx((hidden == 0).all(axis=0).mean())
    assert rows[3].saturated == pytest.approx(((output < 0.01) | (output > 0.99)).mean())
    assert (rows[1].gradient_norm, rows[1].weight_norm, rows[1].update_ratio) == (None, None, None)
    assert whole_model(rows)["weight_norm"] == pytest.approx(norm(before), rel=1e-5)
    everything = norm([a - b for a, b in zip(after, before, strict=True)])
    assert whole_model(rows)["update_ratio"] == pytest.approx(everything / norm(before), rel=1e-4)


def test_norms_of_numbers_whose_squares_float32_does_not_have() -> None:
    assert math.sqrt(square(np.float32([3e-30, 4e-30]))) == pytest.approx(5e-30)
    assert math.sqrt(square(np.float32([3e30, 4e30]))) == pytest.approx(5e30)
    assert square(np.zeros(3, np.float32)) == 0
    found = moments(np.float32(1000 + 0.01 * np.arange(10)))
    assert found.deviation == pytest.approx(0.01 * np.arange(10).std(), rel=1e-2)
    parts = moments(np.arange(5.0)).joined(moments(np.arange(5.0, 12.0)))
    assert (parts.size, parts.mean, parts.deviation) == (12, 5.5, pytest.approx(np.arange(12.0).std()))


def test_a_layer_is_there_once_and_so_are_its_parameters() -> None:
    shared = nn.Linear(2, 2)
    tied = nn.Linear(2, 2)
    tied.weight = shared.weight
    tied.bias.requires_grad_(False)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.Flatten(), tied)
    found = [(layer.name, len(layer.parameters), len(layer.trainable)) for layer in layers_of(model)]
    assert found == [("0", 2, 2), ("1", 0, 0), ("4", 1, 0)]


# --- which steps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "epochs"), [(1, 1000), (6, 150), (6, 60), (94, 15), (1000, 1), (1000, 100), (3, 20000)]
)
def test_few_steps_are_measured_but_enough(steps: int, epochs: int) -> None:
    places = ((epoch, place) for epoch in range(1, epochs + 1) for place in range(1, steps + 1))
    logged = [step for step, (e, i) in enumerate(places, 1) if is_logging_step(step, e, i, steps)]
    assert logged[0] == 1
    assert logged[-1] == steps * epochs, "of a round number of epochs"
    assert 9 <= len(logged) <= 0.03 * steps * epochs
    assert len(logged) < 800


def test_every_so_many_steps() -> None:
    assert [step for step in range(1, 11) if is_logging_step(step, 1, step, 99, every_steps=4)] == [1, 4, 8]


# --- whole trainings ------------------------------------------------------------------------------------------------


def test_measuring_changes_no_bit(config: Path) -> None:
    runs = [trained(config, f"diagnostics={choice}")[1] for choice in ("off", "on", "{every_steps: 1}")]
    weights = [checkpoint.load(run.last_checkpoint)[0] for run in runs]
    for name, array in weights[0].items():
        assert all((array == other[name]).all() for other in weights[1:])
    metrics = [[{**row, "seconds": 0} for row in read_metrics(run.metrics)] for run in runs]
    for off, others in zip(metrics[0], zip(*metrics[1:], strict=True), strict=True):
        assert not set(off) & set(MODEL_COLUMNS)
        assert all({name: other[name] for name in off} == off for other in others)
    assert not runs[0].gradients.exists()
    assert {row.step for row in read_gradients(runs[2].gradients)} == set(range(1, 13))


def test_metrics_csv_has_what_the_last_logging_step_of_the_epoch_has_seen(config: Path) -> None:
    _, run = trained(config, "diagnostics={every_steps: 7}")  # epochs of 4 steps: 1, 7 and none
    rows = read_gradients(run.gradients)
    assert [step for step, _ in itertools.groupby(row.step for row in rows)] == [1, 7]
    first, second, third = read_metrics(run.metrics)
    assert {name: first[name] for name in MODEL_COLUMNS} == whole_model([row for row in rows if row.step == 1])
    assert {name: second[name] for name in MODEL_COLUMNS} == whole_model([row for row in rows if row.step == 7])
    assert {third[name] for name in MODEL_COLUMNS} == {None}
    assert list(first)[:5] == ["epoch", "seconds", "learning_rate", "gradient_norm", "weight_norm"]


OWN = """
import mytorch
from mytorch import nn
from mytorch.nn import functional as F

class Functional(nn.Module):
    def __init__(self, in_features: int, out_features: int) -> None:
        self.scale = nn.Parameter(mytorch.ones(1))
        self.first = nn.Linear(in_features, 4)
        self.twice = nn.Linear(4, 4)
        self.unused = nn.Linear(4, 4)
        self.last = nn.Linear(4, out_features)

    def forward(self, x):
        hidden = self.twice(F.relu(self.twice(F.relu(self.first(x)))))
        return self.last(hidden.detach()) * self.scale

class AsSequence(nn.Module):
    def forward(self, x):
        return x.unsqueeze(2)

class Alone(nn.Module):
    def __init__(self, in_features: int, out_features: int) -> None:
        self.weight = nn.Parameter(mytorch.ones(in_features, out_features) / 3)

    def forward(self, x):
        return x @ self.weight
"""


@pytest.mark.parametrize(
    "overrides",
    [
        ["imports=[own.py]", "model=Functional"],
        ["imports=[own.py]", "model=Alone"],
        ["imports=[own.py]", "model=[AsSequence, {type: LSTM, hidden_size: 3, batch_first: true}, LastStep, {type: Linear, out_features: 1}]"],
        ["optimizer={type: LBFGS, lr: 0.1, max_iter: 3}"],
        ["train.accumulate=3"],
        ["train.ema={decay: 0.9}", "train.clip_grad_norm=0.01"],
        ["train.swa={start_epoch: 2}", "train.clip_grad_value=0.01"],
    ],
    ids=lambda overrides: overrides[-1].split("=")[1][:12],
)  # fmt: skip
def test_all_kinds_of_trainings(config: Path, overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(config.parent)
    training, run = trained(config, *overrides)
    rows = read_gradients(run.gradients)
    assert {row.step for row in rows} == set(range(1, training.steps + 1))
    assert {row.layer for row in rows} == {layer.name for layer in layers_of(training.model)}
    cut_off = ("first", "twice", "unused") if "Functional" in overrides[-1] else ()
    for row in rows:
        if row.weight_norm is not None and row.layer not in cut_off:
            assert row.gradient_norm > 0
            assert row.update_ratio > 0
        assert (row.activation_std is None) == (row.layer == "unused")
    if "Functional" in overrides[-1]:
        by_name = {row.layer: row for row in rows}
        assert by_name["unused"].activation_mean is None
        assert {by_name[name].gradient_norm for name in cut_off} == {0.0}
    steps = range(1, training.steps_per_epoch + 1)
    each = [math.hypot(*(row.gradient_norm or 0 for row in rows if row.step == step)) for step in steps]
    assert np.mean(each) == pytest.approx(read_metrics(run.metrics)[0]["gradient_norm"], rel=1e-4)


def test_frozen_layers_have_weights_but_no_gradient(config: Path) -> None:
    _, first = trained(config)
    _, run = trained(config, f"finetune={{from: {first.path}, freeze: ['0.*']}}")
    frozen, *_, last = [row for row in read_gradients(run.gradients) if row.step == 1]
    assert (frozen.gradient_norm, frozen.update_ratio) == (None, None)
    assert frozen.weight_norm > 0
    assert last.gradient_norm > 0


def test_a_training_that_an_older_version_began_goes_on(config: Path) -> None:
    _, run = trained(config, "diagnostics=off", "train.epochs=2")
    header = run.metrics.read_text().partition("\n")[0]
    text = run.config.read_text()
    assert "diagnostics" in text
    arrays, metadata = checkpoint.load(states(run)[0])
    metadata["config"] = run_config = (
        metadata["config"].replace("diagnostics: off\n", "").replace("diagnostics: 'off'\n", "")
    )
    assert "diagnostics" not in run_config
    checkpoint.save(states(run)[0], arrays, metadata)
    run.config.write_text(run_config)
    training, _ = reopen(run, ["train.epochs=4"], force=False)
    training.run(Progress(1, "quiet"))
    lines = run.metrics.read_text().splitlines()
    assert lines[0] == header
    assert len(lines) == 5
    assert {row.epoch for row in read_gradients(run.gradients)} == {4}


def test_diagnostics_cannot_be_switched_off_on_the_way(config: Path) -> None:
    _, run = trained(config, "train.epochs=1", "diagnostics=on")
    with pytest.raises(
        UserError, match=r"cannot go on with other columns in its metrics.csv:\n  diagnostics: .* -> text 'off'"
    ):
        reopen(run, ["train.epochs=2", "diagnostics=off"], force=True)


# --- the file -------------------------------------------------------------------------------------------------------


def test_rows_are_read_back_as_they_were(tmp_path: Path) -> None:
    rows = [
        GradientRow(1, 1, 'a,"b"', "Linear", 1e-30, 2.5, 0.001, -1.0, math.inf, None, None),
        GradientRow(1, 1, "층.0", "ReLU", dead=0.25),
    ]
    with GradientsLog(tmp_path / "g.csv") as log:
        log.append_step(rows)
    assert read_gradients(tmp_path / "g.csv") == rows
    with open(tmp_path / "g.csv", "a", encoding="utf-8") as file:
        file.write("1,2,0,Lin")  # of a process that was killed
    assert read_gradients(tmp_path / "g.csv") == rows
    with GradientsLog(tmp_path / "g.csv", log.text) as again:
        again.append_step(rows[:1])
    with open(tmp_path / "g.csv", encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    assert read_gradients(tmp_path / "g.csv") == [*rows, rows[0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,step\n", "expected a gradients.csv with the columns epoch,step,layer"),
        (",".join(COLUMNS) + "\n1,2\n", "g.csv:2: expected 11 cells, got 2"),
        (",".join(COLUMNS) + "\n1,1,0,Linear,x,,,,,,\n", "g.csv:2: expected numbers"),
        (None, "cannot read the gradients"),
    ],
)
def test_another_file_is_told(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "g.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read_gradients(tmp_path / "g.csv")


# --- the config -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["on", "off", "true", "false", "null", "{every_steps: 5}", "'on'"])
def test_the_key_is_written_back(config: Path, tmp_path: Path, written: str) -> None:
    (config).write_text(CONFIG.replace("diagnostics: {every_steps: 1}", f"diagnostics: {written}"))
    loaded = load_config(config)
    assert loaded.diagnostics.is_on == (written not in ("off", "false"))
    assert loaded.diagnostics.every_steps == (5 if "every" in written else None)
    (tmp_path / "again.yaml").write_text(loaded.to_yaml())
    assert load_config(tmp_path / "again.yaml") == loaded
    changed = load_config(config, ["diagnostics.every_steps=3"] if written != "true" and written != "false" else [])
    assert changed.diagnostics.every_steps == 3 or written in ("true", "false")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("maybe", r"diagnostics: expected on, off or \{every_steps: N\}, got text 'maybe'"),
        ("1", r"diagnostics: expected on, off or \{every_steps: N\}, got 1"),
        ("{}", r"diagnostics: expected on, off or \{every_steps: N\}, got \{\}"),
        ("{every_steps: 0}", r"diagnostics.every_steps: expected an integer of at least 1, got 0"),
        ("{every_step: 1}", r"diagnostics: unknown key 'every_step'; did you mean 'every_steps'\?"),
    ],
)
def test_what_is_wrong_with_the_key(config: Path, written: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_config(config, [f"diagnostics={written}"])
