"""Warm-up, schedules on plateau, clipping, accumulation, averages, LBFGS: what they do in a training, and mistakes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import ConfigError
from mytorch.training.loop.loop import Training, load_weights
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.scoring import score
from mytorch.training.loop.smoke import run_smoke
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

CONFIG = """\
name: small
seed: 1
dataset: {type: csv, path: data.csv, target: y, validation: {every: 5}, test: {every: 4}, batch_size: 16}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: SGD, lr: 0.1}
train: {epochs: 4}
metrics: [mae, r2]
"""
WITH_BATCH_NORM = (
    "model=[{type: Linear, out_features: 8}, BatchNorm1d, {type: Dropout, p: 0.3}, {type: Linear, out_features: 1}]"
)
PLATEAU = "scheduler={type: ReduceLROnPlateau, patience: 0, threshold: 10, threshold_mode: abs, factor: 0.5}"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    table = np.random.default_rng(0).standard_normal((200, 4))
    table[:, 3] = table[:, 0] - table[:, 1] ** 2
    lines = ["a,b,c,y", *(",".join(map(str, row)) for row in table.round(4).tolist())]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path / "small.yaml"


def prepare(config: Path, *overrides: str) -> Training:
    experiment = build(load_config(config, overrides))
    run = Run.create(config.parent / "runs", "small")
    run.config.write_text(experiment.config.to_yaml())
    return Training(experiment, run)


def train(config: Path, *overrides: str) -> Training:
    training = prepare(config, *overrides)
    training.run(Progress(1, "quiet"))
    return training


def column(training: Training, name: str) -> list[float | None]:
    return [row[name] for row in read_metrics(training.directory.metrics)]


def summary_of(training: Training) -> dict:
    return json.loads(training.directory.summary.read_text())


# --- accumulation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["{type: SGD, lr: 0.1, momentum: 0.9}", "{type: AdamW, lr: 0.01}"])
def test_four_batches_of_16_are_one_of_64(config: Path, optimizer: str) -> None:
    changes = [f"optimizer={optimizer}", "train.clip_grad_norm=1.0", "train.epochs=8"]  # 120 rows: 8 batches, one of 8
    small, large = train(config, *changes, "train.accumulate=4"), train(config, *changes, "dataset.batch_size=64")
    assert len(small.batches) == 8
    assert summary_of(small)["steps"] == summary_of(large)["steps"] == 16
    for name in ("train_loss", "validation_loss", "gradient_norm", "learning_rate"):
        np.testing.assert_allclose(column(small, name), column(large, name), rtol=2e-5)
    for (name, ours), other in zip(small.model.named_parameters(), large.model.parameters(), strict=True):
        np.testing.assert_allclose(ours.array, other.array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_weights_of_rows_count_across_the_batches_of_a_step(config: Path) -> None:
    rows = list(csv.DictReader((config.parent / "data.csv").read_text().splitlines()))
    lines = [",".join([*row.values(), str(index % 3)]) for index, row in enumerate(rows)]
    (config.parent / "data.csv").write_text("\n".join(["a,b,c,y,w", *lines]) + "\n")
    changes = ["dataset.weight=w"]
    small, large = train(config, *changes, "train.accumulate=4"), train(config, *changes, "dataset.batch_size=64")
    np.testing.assert_allclose(column(small, "train_loss"), column(large, "train_loss"), rtol=2e-5)


def test_a_schedule_by_batches_counts_steps(config: Path) -> None:
    training = train(config, "train.accumulate=3", "scheduler={type: OneCycleLR, max_lr: 0.2, cycle_momentum: false}")
    assert training.scheduler.total_steps == 4 * 3  # 8 batches make 3 steps
    assert training.scheduler.last_epoch == 12


# --- learning rates -----------------------------------------------------------------------------------------------------


def test_warm_up_by_steps(config: Path) -> None:
    training = train(config, "train.warmup_steps=19")  # 8 steps an epoch
    expected = [0.1 * step / 20 for step in (1, 9, 17)]
    assert column(training, "learning_rate") == pytest.approx([*expected, 0.1])
    assert training.optimizer.param_groups[0]["lr"] == 0.1


def test_warm_up_by_epochs_counts_steps(config: Path) -> None:
    by_epochs = train(config, "train.warmup_epochs=2", "train.accumulate=2")
    by_steps = train(config, "train.warmup_steps=8", "train.accumulate=2")
    assert column(by_epochs, "train_loss") == column(by_steps, "train_loss")


@pytest.mark.parametrize(
    "scheduler",
    ["{type: StepLR, step_size: 1, gamma: 0.5}", "{type: CosineAnnealingLR}", "{type: OneCycleLR, max_lr: 0.3}"],
)
def test_warm_up_multiplies_the_rates_of_any_schedule(config: Path, scheduler: str) -> None:
    changes = ["optimizer.momentum=0.9", f"scheduler={scheduler}"]
    plain, warm = train(config, *changes), train(config, *changes, "train.warmup_steps=20")
    factors = np.array([1, 9, 17, 21]) / 21
    np.testing.assert_allclose(column(warm, "learning_rate"), factors * column(plain, "learning_rate"), rtol=1e-12)


def test_on_plateau(config: Path) -> None:
    training = train(config, PLATEAU)  # nothing gets better by 10
    assert training.experiment.config.train.scheduler_monitor == "validation_loss"
    assert column(training, "learning_rate") == [0.1, 0.1, 0.05, 0.025]
    assert training.scheduler.best == column(training, "validation_loss")[0]
    training = train(config, PLATEAU, "dataset.validation=null")
    assert training.scheduler.best == column(training, "train_loss")[0]
    changes = [PLATEAU.replace("{", "{mode: max, "), "train.scheduler_monitor=validation_r2"]
    training = train(config, *changes, "train.warmup_epochs=1")
    assert training.scheduler.best == column(training, "validation_r2")[0]
    assert column(training, "learning_rate") == pytest.approx([0.1 / 9, 0.1, 0.05, 0.025])


# --- gradients ----------------------------------------------------------------------------------------------------------


def test_clip_by_value_leaves_small_gradients_and_reports_the_norm_before(config: Path) -> None:
    plain, loose = train(config), train(config, "train.clip_grad_value=1000")
    assert column(plain, "train_loss") == column(loose, "train_loss")
    tight = prepare(config, "train.clip_grad_value=0.001", "train.clip_grad_norm=0.002")
    batch = next(iter(tight.batches))
    before = [p.array.copy() for p in tight.parameters]
    _, norm = tight.step(batch)
    assert norm > 0.1
    moved = np.concatenate([(a - p.array).ravel() for a, p in zip(before, tight.parameters, strict=True)]) / 0.1
    assert np.abs(moved).max() <= 0.001
    assert np.sqrt((moved**2).sum()) == pytest.approx(0.002, rel=1e-3)


def test_lbfgs_reports_the_loss_before_its_step(config: Path) -> None:
    training = prepare(config, "optimizer={type: LBFGS, line_search_fn: strong_wolfe}", "dataset.batch_size=full")
    batch = next(iter(training.batches))
    inputs, targets = batch
    before = training.loss(training.model(inputs), targets).item()
    loss, _ = training.step(batch)
    after = training.loss(training.model(inputs), targets).item()
    assert loss == before
    assert after < 0.5 * before
    assert training.optimizer.state_dict()["state"][0]["func_evals"] > 2


# --- averages -----------------------------------------------------------------------------------------------------------


def test_the_training_goes_on_with_its_own_weights(config: Path) -> None:
    changes = [WITH_BATCH_NORM, "optimizer={type: Adam, lr: 0.02}"]
    plain = train(config, *changes)
    for average in ("train.ema={decay: 0.9}", "train.swa={start_epoch: 2}"):
        training = train(config, *changes, average)
        assert column(training, "train_loss") == column(plain, "train_loss")
        assert column(training, "validation_loss") != column(plain, "validation_loss")


def test_exponential_average_of_every_step(config: Path) -> None:
    training = prepare(config, "train.ema={decay: 0.75}")
    expected: list[np.ndarray] = []
    for batch in training.batches:
        training.step(batch)
        weights = [p.array.copy() for p in training.parameters]
        expected = [0.75 * a + 0.25 * b for a, b in zip(expected, weights, strict=True)] if expected else weights
    for average, value in zip(training.averaging.scored.parameters(), expected, strict=True):
        np.testing.assert_allclose(average.array, value, rtol=1e-5, atol=1e-7)


def test_mean_of_the_weights_after_each_epoch(config: Path) -> None:
    training = prepare(config, "train.swa={start_epoch: 3}", "train.epochs=5", "dataset.validation=null")
    after: list[dict[str, np.ndarray]] = []

    class Look(Progress):
        def epoch(self, *_: object) -> None:
            after.append({name: p.array.copy() for name, p in training.model.named_parameters()})

    training.run(Look(1, "quiet"))
    weights, _ = checkpoint.load(training.directory.best_checkpoint)
    assert len(after) == 5
    for name, array in weights.items():
        np.testing.assert_allclose(array, np.mean([one[name] for one in after[2:]], axis=0), rtol=1e-5, atol=1e-7)


def test_rates_of_swa(config: Path) -> None:
    training = train(config, "train.swa={start_epoch: 3, lr: 0.03}", "scheduler={type: ExponentialLR, gamma: 0.5}")
    assert column(training, "learning_rate") == [0.1, 0.05, 0.03, 0.03]


@pytest.mark.parametrize("average", ["train.ema={decay: 0.9}", "train.swa={start_epoch: 2}"])
@pytest.mark.parametrize("validation", [True, False])
def test_scores_and_files_are_those_of_the_average(config: Path, average: str, validation: bool) -> None:
    changes = [WITH_BATCH_NORM, average] + ([] if validation else ["dataset.validation=null"])
    training = train(config, *changes)
    summary = summary_of(training)
    for path, scores in (
        (training.directory.last_checkpoint, summary["final"]),
        (training.directory.best_checkpoint, summary["best"]),
    ):
        experiment = build(load_config(training.directory.config))
        load_weights(experiment.model, checkpoint.load(path)[0])
        for name, split in experiment.data.splits.items():
            assert score(experiment, split) == scores[name]
    if validation:
        assert summary["final"]["validation"]["loss"] == column(training, "validation_loss")[-1]


def test_statistics_of_batch_norm_fit_the_mean(config: Path) -> None:
    """Those of the trained model would be of other activations."""
    changes = [WITH_BATCH_NORM.replace("0.3", "0.0"), "train.swa={start_epoch: 2}", "train.epochs=6"]
    training = train(config, *changes, "dataset.shuffle=false")
    averaged = training.averaging.scored
    inputs = mytorch.tensor(training.experiment.data.train.inputs)
    activations = averaged[0](inputs).array
    norm = averaged[1]
    assert isinstance(norm, nn.BatchNorm1d)
    batches = [activations[start : start + 16].mean(axis=0) for start in range(0, 120, 16)]
    np.testing.assert_allclose(norm.running_mean.numpy(), np.mean(batches, axis=0), rtol=1e-4, atol=1e-6)
    assert norm.momentum == 0.1


def test_statistics_of_batch_norm_where_neighbouring_rows_are_alike(config: Path) -> None:
    """Within batches in the order of the file the inputs would hardly vary."""
    header, *rows = (config.parent / "data.csv").read_text().splitlines()
    rows.sort(key=lambda row: float(row.split(",")[0]))
    (config.parent / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    model = "model=[BatchNorm1d, {type: Linear, out_features: 1}]"
    training = train(config, model, "train.swa={start_epoch: 1}")
    variance = training.experiment.data.train.inputs.var(axis=0)
    np.testing.assert_allclose(training.averaging.scored[0].running_var.numpy(), variance, rtol=0.15)


# --- smoke, mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        ["train.warmup_steps=100000"],
        ["train.accumulate=3"],
        ["optimizer={type: LBFGS, line_search_fn: strong_wolfe}"],
        ["train.ema={decay: 0.999}", PLATEAU],
    ],
)
def test_smoke(config: Path, changes: list[str]) -> None:
    seen = run_smoke(prepare(config, *changes))
    assert seen["repeated_batch"]["after"] < 0.9 * seen["repeated_batch"]["before"]
    assert len(seen["losses"]) == (3 if "accumulate" in changes[0] else 5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["optimizer=LBFGS", "train.accumulate=2"],
            "train.accumulate: LBFGS computes a batch's loss many times in a step; give it larger batches instead",
        ),
        (["train.warmup_steps=2", "train.warmup_epochs=2"], "train.warmup_epochs: warmup_steps says the same"),
        (["train.ema={decay: 0.9}", "train.swa={start_epoch: 2}"], "train.swa: ema averages the weights too"),
        (["train.swa={start_epoch: 5}"], "train.swa.start_epoch: expected an epoch of this training, at most 4, got 5"),
        (["train.ema={decay: 1}"], "train.ema.decay: expected a number less than 1, got 1"),
        (["train.ema=0.9"], "train.ema: expected a mapping, got 0.9; for example ema: {decay: 0.999}"),
        ([PLATEAU, "train.scheduler_step=batch"], "train.scheduler_step: ReduceLROnPlateau looks at a figure that"),
        (
            ["scheduler={type: StepLR, step_size: 2}", "train.scheduler_monitor=validation_loss"],
            "train.scheduler_monitor: StepLR looks at no figure; scheduler_monitor is for ReduceLROnPlateau",
        ),
        (
            [PLATEAU, "train.scheduler_monitor=validation_r2"],
            "scheduler.mode: validation_r2 is best where it is highest; write mode: max",
        ),
        ([PLATEAU, "train.scheduler_monitor=val_loss"], "train.scheduler_monitor: unknown figure 'val_loss'"),
        (["loss={type: MSELoss, reduction: sum}", "train.accumulate=2"], "train.accumulate: several batches are made"),
        (["train.accumulate=0"], "train.accumulate: expected a number of at least 1, got 0"),
        (["train.clip_grad_value=0"], "train.clip_grad_value: expected a number greater than 0, got 0"),
    ],
)
def test_mistakes_are_named_with_their_place(config: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(load_config(config, overrides))
    assert message in str(caught.value)
    assert str(caught.value).startswith(("override '", str(config)))
