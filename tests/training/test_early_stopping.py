"""Early stopping: when it ends a training, which weights are the best, and what is said of such a run afterwards."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.commands.run_table import best_row, line_of
from mytorch.training.config.config import load_config
from mytorch.training.config.sections import EarlyStopping
from mytorch.training.errors import ConfigError, UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import reopen
from mytorch.training.loop.verify import replay
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.outcome import state_of
from mytorch.training.runs.run import Run
from mytorch.training.stopping import Monitor, Patience

CONFIG = """\
name: small
seed: 1
dataset: {type: csv, path: data.csv, target: y, validation: {every: 3}, test: {every: 4}, batch_size: 8}
model: [{type: Linear, out_features: 16}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.03}
train:
  epochs: 60
  early_stopping: {patience: 4}
metrics: [mae, r2]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rows = np.random.default_rng(0).standard_normal((80, 5))
    rows[:, 4] += rows[:, 0]  # half of it is noise, which is soon learned by heart
    lines = ["a,b,c,d,y", *(",".join(map(str, row)) for row in rows.round(3).tolist())]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path / "small.yaml"


def train(config: Path, *overrides: str) -> Run:
    experiment = build(load_config(config, overrides))
    run = Run.create(config.parent / "runs", "small")
    run.config.write_text(experiment.config.to_yaml())
    Training(experiment, run).run(Progress(1, "quiet"))
    return run


def summary_of(run: Run) -> dict:
    return json.loads(run.summary.read_text())


def count_to(values: list[float], patience: int, min_delta: float = 0.0, direction: str = "min") -> tuple[int, int]:
    """After which epoch it is over (0 for not at all), and the best epoch."""
    one = Patience(EarlyStopping(patience=patience, min_delta=min_delta), Monitor("validation_loss", direction))
    for epoch, value in enumerate(values, start=1):
        one.look_at([{"epoch": epoch, "validation_loss": value}])
        if one.is_over:
            return epoch, one.best_epoch
    return 0, one.best_epoch


def test_counting() -> None:
    assert count_to([5, 4, 3, 3, 3], 3) == (0, 3)
    assert count_to([5, 4, 3, 3, 3, 2.9], 2) == (5, 3)
    assert count_to([5, 4, 3, 3, 2.9, 3, 3], 2) == (7, 5)
    assert count_to([5, 4.5, 4.2, 4, 1], 3, min_delta=1) == (4, 1)
    assert count_to([5, 4.5, 4.2, 3.9, 3.8], 3, min_delta=1) == (0, 4)
    assert count_to([0.1, 0.5, 0.4, 0.5], 2, direction="max") == (4, 2)
    assert count_to([math.nan, math.nan], 2) == (2, 0)
    assert count_to([math.nan, 3, math.nan, 2], 2) == (0, 4)


def test_it_ends_after_patience_epochs_and_the_best_weights_are_kept(config: Path) -> None:
    run = train(config)
    rows, summary = read_metrics(run.metrics), summary_of(run)
    losses = [row["validation_loss"] for row in rows]
    best = losses.index(min(losses)) + 1
    assert len(rows) == best + 4 < 60
    assert (summary["stopped_early"], summary["epochs"], summary["best_epoch"]) == (True, len(rows), best)
    assert summary["best"]["validation"]["loss"] == losses[best - 1]
    assert summary["final"]["validation"]["loss"] == losses[-1]
    assert checkpoint.load(run.best_checkpoint)[1]["epoch"] == best
    assert checkpoint.load(run.last_checkpoint)[1]["epoch"] == len(rows)


def test_it_does_not_change_what_comes_before(config: Path) -> None:
    run, without = train(config), train(config, "train.early_stopping=null")
    losses, others = ([row["validation_loss"] for row in read_metrics(r.metrics)] for r in (run, without))
    assert losses == others[: len(losses)]
    assert summary_of(without)["stopped_early"] is False


def test_the_best_epoch_is_that_of_the_monitored_figure(config: Path) -> None:
    run = train(config, "train.early_stopping.monitor=validation_r2", "train.early_stopping.patience=6")
    rows = read_metrics(run.metrics)
    scores = [row["validation_r2"] for row in rows]
    best = scores.index(max(scores)) + 1
    assert summary_of(run)["best_epoch"] == best == len(rows) - 6
    assert best_row(rows, "validation_r2")["epoch"] == best
    run.summary.unlink()
    assert line_of(run).best.epoch == best  # which `mytorch runs` tells of a run that has no summary yet


def test_the_train_loss_needs_no_validation_rows(config: Path) -> None:
    run = train(
        config, "dataset.validation=null", "train.early_stopping={monitor: train_loss, patience: 2, min_delta: 0.05}"
    )
    losses = [row["train_loss"] for row in read_metrics(run.metrics)]
    assert summary_of(run)["stopped_early"]
    assert summary_of(run)["best_epoch"] == losses.index(min(losses)) + 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["dataset.validation=null"],
            "small.yaml:9:19: train.early_stopping.monitor: validation_loss needs validation rows, and the config sets "
            "none aside; write validation: {fraction: 0.1} into the dataset, or name train_loss",
        ),
        (
            ["train.early_stopping.monitor=validation_mea"],
            "override 'train.early_stopping.monitor=validation_mea': train.early_stopping.monitor: unknown figure "
            "'validation_mea'; did you mean 'validation_mae'?",
        ),
        (["train.early_stopping.patience=0"], "train.early_stopping.patience: expected a number of at least 1, got 0"),
        (["train.early_stopping.min_delta=-1"], "min_delta: expected a number of at least 0, got -1"),
        (["train.early_stopping=5"], "expected a mapping, got 5; for example early_stopping: {patience: 10}"),
        (["train.early_stopping={}"], "train.early_stopping: missing key 'patience'"),
        (["train.early_stopping.patince=5"], "unknown key 'patince'; did you mean 'patience'?"),
    ],
)
def test_mistakes_are_named_with_their_place(config: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(load_config(config, overrides))
    assert message in str(caught.value)


# --- afterwards -------------------------------------------------------------------------------------------------------


def test_such_a_run_is_finished(config: Path) -> None:
    run = train(config)
    epochs = summary_of(run)["epochs"]
    assert state_of(run) == "finished"
    line = line_of(run)
    assert (line.epochs, line.planned, line.best.epoch) == (epochs, 60, summary_of(run)["best_epoch"])
    for overrides in ([], ["train.epochs=100"], ["train.early_stopping.patience=3"]):
        with pytest.raises(UserError) as caught:
            reopen(run, overrides, force=False)
        assert f"early stopping ended it after epoch {epochs} of " in str(caught.value)
        assert "train.early_stopping=null" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    ["train.early_stopping.patience=9", "train.early_stopping.min_delta=0.0", "train.early_stopping=null"],
)
def test_going_on_gives_what_a_training_with_the_change_would_have_given(config: Path, change: str) -> None:
    base = ["train.early_stopping.min_delta=0.5", "train.epochs=40", "optimizer.lr=0.001"]
    run, whole = train(config, *base), train(config, *base, change)
    assert summary_of(run)["epochs"] < summary_of(whole)["epochs"]
    training, notes = reopen(run, [change], force=False)
    assert any(note.startswith("changed: train.early_stopping") for note in notes)
    training.run(Progress(1, "quiet"))
    assert summary_of(run) | {"seconds": 0} == summary_of(whole) | {"seconds": 0}
    assert run.last_checkpoint.read_bytes() == whole.last_checkpoint.read_bytes()
    assert run.best_checkpoint.read_bytes() == whole.best_checkpoint.read_bytes()
    assert len(read_metrics(run.metrics)) == len(read_metrics(whole.metrics))


def test_another_figure_makes_another_epoch_the_best(config: Path) -> None:
    run = train(config)
    change = ["train.early_stopping={monitor: validation_r2, patience: 30}"]
    with pytest.raises(UserError, match="monitor: text 'validation_loss' -> text 'validation_r2'"):
        reopen(run, change, force=False)
    training, notes = reopen(run, change, force=True)
    assert any("another figure" in note for note in notes)
    before = training.epoch
    training.run(Progress(1, "quiet"))
    assert summary_of(run)["best_epoch"] > before


def test_a_summary_that_was_lost_is_written_again(config: Path) -> None:
    run = train(config)
    expected = summary_of(run)
    run.summary.unlink()
    training, _ = reopen(run, [], force=False)
    assert training.is_complete
    training.run(Progress(1, "quiet"))
    assert summary_of(run) | {"seconds": 0} == expected | {"seconds": 0}


def test_its_steps_can_be_verified(config: Path) -> None:
    run = train(config, "checkpoint.every_steps=11")
    assert replay(run)["steps"] > 0
    steps = summary_of(run)["steps"]
    assert replay(run, 1000)["steps"] == steps % 11  # from the checkpoint before the last, to the end
