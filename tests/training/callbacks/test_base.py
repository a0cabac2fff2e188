"""Callbacks: what they see and when, that they change no number, and what becomes of a training when one fails."""

from __future__ import annotations

import contextlib
import json
import random
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mytorch
from mytorch.training.callbacks.base import Callback, Callbacks, TrainingView, told_of_the_end
from mytorch.training.commands.train import resume, train
from mytorch.training.config.components import register
from mytorch.training.errors import ConfigError, Interrupted, RunFailed, UserError
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import newest_step, states

CONFIG = """\
name: small
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, {type: Dropout, p: 0.2}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
scheduler: {type: OneCycleLR, max_lr: 1e-2}
train: {epochs: 3}
plots: []
"""
STEPS = 5  # of an epoch
heard: list[tuple[Any, ...]] = []


class Watcher(Callback):
    """Writes down what it is told, draws from every random stream, and may fail."""

    def __init__(self, name: str = "a", fails_in: str = "", fails_at: int = 0) -> None:
        self.name, self.fails = name, (fails_in, fails_at)

    def note(self, method: str, training: TrainingView, *what: Any) -> None:
        mytorch.rand(3), random.random(), np.random.rand()
        heard.append((self.name, method, training.epoch, training.step, *what))
        if self.fails[0] == method and training.step >= self.fails[1]:
            raise KeyError("gone")

    def on_train_begin(self, training: TrainingView) -> None:
        self.note("begin", training, training.resumed, training.epochs, training.steps_per_epoch)

    def on_step_end(self, training: TrainingView, loss: float, gradient_norm: float) -> None:
        gradients = [p.grad for p in training.model.parameters()]
        total = float(np.sqrt(sum((g.array.astype(np.float64) ** 2).sum() for g in gradients)))
        self.note("step", training, loss, gradient_norm == pytest.approx(total, rel=1e-5), training.learning_rate)

    def on_epoch_end(self, training: TrainingView, row: Mapping[str, float | None]) -> None:
        self.note("epoch", training, dict(row))

    def on_checkpoint(self, training: TrainingView, path: Path) -> None:
        assert path.is_file()
        self.note("checkpoint", training, path.name)

    def on_train_end(self, training: TrainingView, result: Mapping[str, Any]) -> None:
        self.note("end", training, dict(result), sorted(path.name for path in (training.directory / "plots").iterdir()))


@pytest.fixture(autouse=True)
def watcher(monkeypatch):
    monkeypatch.setattr("mytorch.training.config.components._registered", {})
    monkeypatch.setattr("mytorch.training.own_code._own_folders", {Path(__file__).parent})
    register("callback")(Watcher)
    heard.clear()


@pytest.fixture
def start(tmp_path):
    """Train the config with such callbacks; returns the run."""
    (tmp_path / "small.yaml").write_text(CONFIG)

    def run(log: str, *overrides: str) -> Run:
        train(tmp_path / "small.yaml", [f"log={log}", *overrides], runs_dir=tmp_path / "runs", quiet=True)
        return Run.find(tmp_path / "runs", None)

    return run


def told(method: str) -> list[tuple[Any, ...]]:
    return [said for said in heard if said[1] == method]


def files(run: Run) -> list[Any]:
    rows = [row | {"seconds": 0} for row in read_metrics(run.metrics)]
    summary = json.loads(run.summary.read_text()) | {"seconds": 0}
    paths = (run.best_checkpoint, run.last_checkpoint, run.gradients, run.predictions)
    return [rows, summary, *(path.read_bytes() for path in paths)]


def test_what_is_told_and_that_it_changes_nothing(start):
    plain = start("[]")
    run = start("[Watcher]", "checkpoint.every_epochs=2", "plots=[loss]")
    assert files(run) == files(plain)

    assert heard[0] == ("a", "begin", 0, 0, False, 3, STEPS)
    steps, rows = told("step"), read_metrics(run.metrics)
    assert [said[2:4] for said in steps] == [(step // STEPS, step + 1) for step in range(3 * STEPS)]
    assert all(said[5] for said in steps), "the gradients are those of the step"
    assert [said[4] for said in told("epoch")] == rows
    assert [said[2:4] for said in told("epoch")] == [(epoch, epoch * STEPS) for epoch in (1, 2, 3)]
    assert [said[4] for said in told("checkpoint")] == ["state-00000010.safetensors", "state-00000015.safetensors"]
    assert steps[STEPS - 1][6] == rows[1]["learning_rate"], "that of the next step"
    assert heard[-1][1:4] == ("end", 3, 3 * STEPS)
    assert heard[-1][4] == json.loads(run.summary.read_text())
    assert heard[-1][5] == ["loss.png"], "all is written by then"


def test_several_are_called_in_order(start):
    start("[{type: Watcher, name: b}, {type: Watcher, name: a}]", "train.epochs=1")
    assert [said[:2] for said in heard[:4]] == [("b", "begin"), ("a", "begin"), ("b", "step"), ("a", "step")]


@pytest.mark.parametrize("step", [3, STEPS, 8, 3 * STEPS])
@pytest.mark.parametrize("method", ["step", "epoch", "checkpoint"])
def test_a_failure_ends_the_training_when_nothing_is_lost(start, method, step):
    whole = files(start("[]"))
    log = f"[{{type: Watcher, name: bad, fails_in: {method}, fails_at: {step}}}, {{type: Watcher, name: good}}]"
    with pytest.raises(RunFailed) as caught:
        start(log, "checkpoint.every_steps=4")
    run = Run.find(caught.value.args[0].split("mytorch resume ")[1].rsplit("/", 2)[0], None)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"log.0 (Watcher): on_{method}")
    assert "KeyError: 'gone'" in lines[0]
    assert f"({__file__}:" in lines[0]
    assert lines[1] == f"checkpoint: {states(run)[0]}"
    assert newest_step(run) >= step
    assert json.loads(run.failure.read_text())["message"] == str(caught.value)
    good = [said for said in heard if said[0] == "good"]
    assert good[-1][1] == "end"
    assert good[-1][4] == {"state": "failed", "message": str(caught.value)}
    bad = [said for said in heard if said[0] == "bad"]
    assert bad[-1][1] == method, "it is not called again"

    runs_dir = run.path.parent.parent
    heard.clear()
    resume(None, ["log=[Watcher]"], runs_dir=runs_dir, quiet=True)
    assert heard[0][1:5] == ("begin", *good[-1][2:4], True)
    assert files(run) == whole


def test_a_failure_before_the_first_step(start):
    with pytest.raises(RunFailed, match="on_train_begin failed: KeyError") as caught:
        start("[{type: Watcher, fails_in: begin}, {type: Watcher, name: good}]")
    assert str(caught.value).endswith("no checkpoint had been written yet")
    assert [said[:2] for said in heard] == [("a", "begin"), ("good", "begin"), ("good", "end")]


def test_a_failure_after_the_end_leaves_a_finished_run(start, tmp_path):
    whole = files(start("[]"))
    with pytest.raises(RunFailed, match=r"on_train_end failed: KeyError: 'gone'.*\nthe training is complete"):
        start("[{type: Watcher, fails_in: end}]")
    run = Run.find(tmp_path / "runs", None)
    assert files(run) == whole
    assert not run.failure.exists()


def test_a_failure_while_a_failure_is_told_is_a_warning(start, capsys):
    with pytest.raises(RunFailed, match=r"not finite|is nan|is inf"):
        start("[{type: Watcher, fails_in: end}]", "optimizer={type: SGD, lr: 1e30}", "scheduler=null")
    assert "warning: log.0 (Watcher): on_train_end failed" in capsys.readouterr().err
    assert heard[-1][4]["state"] == "failed"


def test_that_the_training_was_stopped_is_told(start):
    class Stops(Watcher):
        def on_step_end(self, training, loss, gradient_norm):
            super().on_step_end(training, loss, gradient_norm)
            if training.step == 7:
                signal.raise_signal(signal.SIGTERM)

    register("callback")(Stops)
    with pytest.raises(Interrupted):
        start("[Stops]")
    assert heard[-1][1:5] == ("end", 1, 7, {"state": "interrupted"})


def test_the_constructor_is_checked_like_any_other(start):
    with pytest.raises(ConfigError, match=r"log.0.name: expected text, got 3"):
        start("[{type: Watcher, name: 3}]")
    with pytest.raises(ConfigError, match="unknown callback 'Watchr'; did you mean 'Watcher'"):
        start("[Watchr]")
    with pytest.raises(ConfigError, match=r"log: expected a list.*for example log: \[tensorboard\]"):
        start("Watcher")


def test_a_package_that_is_missing_is_told_before_a_run_is_made(start, tmp_path, monkeypatch):
    monkeypatch.setattr(Watcher, "NEEDS", {"no_such_package": "pip install no-such-package"})
    with pytest.raises(
        UserError, match=r"^log: Watcher needs the package no_such_package: pip install no-such-package$"
    ):
        start("[Watcher]")
    assert not (tmp_path / "runs").exists()


def test_a_smoke_test_calls_none(start, tmp_path):
    start("[]", "train.epochs=1")
    train(tmp_path / "small.yaml", ["log=[Watcher]"], runs_dir=tmp_path / "runs", smoke=True, quiet=True)
    assert heard == []


def test_none_are_false():
    none = Callbacks()
    assert not none
    none.call("on_step_end", 1.0, 1.0)
    none.raise_failure("")
    with contextlib.suppress(KeyError), told_of_the_end(none):
        raise KeyError
