"""Whatever write fails, at whatever moment: one clear message, the last good state survives, and it is gone on from."""

from __future__ import annotations

import builtins
import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mytorch.backend import atomic
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import reopen
from mytorch.training.loop.signals import StopRequest
from mytorch.training.runs import checkpoint
from mytorch.training.runs import run as run_module
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states

CONFIG = """\
name: tiny
dataset: {type: csv, path: DATA, target: y, validation: {every: 4}, batch_size: 4}
model: [{type: Linear, out_features: 2}, ReLU, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 2}
metrics: [mae]
checkpoint: {every_steps: 2}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rows = "".join(f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(16))
    (tmp_path / "data.csv").write_text("a,b,y\n" + rows)
    (tmp_path / "tiny.yaml").write_text(CONFIG.replace("DATA", str(tmp_path / "data.csv")))
    return tmp_path / "tiny.yaml"


class Disk:
    """Counts what is done to files, and fails at one of these calls, or from it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.fails_at, self.for_good = 0, -1, False
        for module in (atomic, run_module):
            monkeypatch.setattr(module, "open", self._open, raising=False)
        monkeypatch.setattr(os, "fsync", self._checked(lambda _: None))  # counted, but nothing goes to a real disk
        monkeypatch.setattr(os, "replace", self._checked(os.replace))

    def check(self) -> None:
        self.calls += 1
        if self.calls == self.fails_at or (self.for_good and self.calls > self.fails_at >= 0):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _checked(self, function: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.check()
            return function(*arguments)

        return call

    def _open(self, *arguments: Any, **options: Any) -> Any:
        self.check()
        file = builtins.open(*arguments, **options)  # noqa: SIM115
        return _File(file, self)


class _File:
    """A file of which half is written before a write fails, as on a disk that fills up."""

    def __init__(self, file: Any, disk: Disk) -> None:
        self._file, self._disk = file, disk

    def write(self, data: Any) -> int:
        try:
            self._disk.check()
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def train(config: Path, runs: Path) -> tuple[Run, Training]:
    experiment = build(load_config(config))
    run = Run.create(runs, "tiny")
    run.config.write_text(experiment.config.to_yaml())
    return run, Training(experiment, run)


def to_the_end(training: Training) -> None:
    training.run(Progress(1, "quiet"), StopRequest(tell=""))


def result(run: Run) -> list[Any]:
    rows = [line.split(",")[:1] + line.split(",")[2:] for line in run.metrics.read_text().splitlines()]
    files = (run.best_checkpoint, run.last_checkpoint, run.gradients, run.predictions)
    return [*(path.read_bytes() for path in files), rows]


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
def test_every_write_fails_in_turn(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, for_good: bool
) -> None:
    run, training = train(config, tmp_path / "whole")
    disk = Disk(monkeypatch)
    to_the_end(training)
    calls, expected = disk.calls, result(run)
    assert calls > 40
    for number in range(1, calls + 1, 7 if for_good else 1):
        disk.fails_at = -1
        run, training = train(config, tmp_path / "runs")
        disk.calls, disk.fails_at, disk.for_good = 0, number, for_good
        with pytest.raises(RunFailed, match="No space left on device") as caught:
            to_the_end(training)
        message = str(caught.value)
        assert "The training was stopped." in message
        disk.fails_at = -1
        for path in states(run):
            checkpoint.load(path)  # whole
        if not states(run):
            assert "no checkpoint had been written yet" in message
            with pytest.raises(UserError, match="no checkpoint to go on from"):
                reopen(run, [], force=False)
        else:
            if training.state_path is not None:
                assert f"checkpoint: {training.state_path}\ngo on with: mytorch resume {run}" in message
                assert training.state_path.exists()
            if not run.summary.exists():  # the very last call: the summary is there, its folder was not synced
                training, notes = reopen(run, [], force=False)
                assert notes == []
                to_the_end(training)
            assert result(run) == expected
            assert not list(run.path.rglob("*.tmp"))
        shutil.rmtree(run.path)


def test_every_write_of_a_resume_fails_in_turn(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a change of the config and lost metrics, so that all is written that a resume can write."""
    _, training = train(config, tmp_path / "whole")
    training.experiment.config.__dict__["train"] = training.experiment.config.train.model_copy(update={"epochs": 3})
    disk = Disk(monkeypatch)
    to_the_end(training)
    expected = result(training.directory)
    run, training = train(config, tmp_path / "stopped")
    to_the_end(training)
    run.metrics.unlink()

    def copy() -> Run:
        path = tmp_path / "runs" / "tiny" / "20260101-000000"
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(run.path, path)
        return Run(path)

    def finish(again: Run) -> None:
        reopened, _ = reopen(again, ["train.epochs=3"], force=False)
        to_the_end(reopened)

    again = copy()
    disk.calls = 0
    finish(again)
    assert result(again) == expected
    calls = disk.calls
    for number in range(1, calls + 1):
        again = copy()
        disk.calls, disk.fails_at = 0, number
        with pytest.raises((RunFailed, UserError), match="No space left on device"):
            finish(again)
        disk.fails_at = -1
        if number < calls:  # the very last call: the summary is there, its folder was not synced
            finish(again)
        assert result(again) == expected


@pytest.mark.skipif(os.name == "nt", reason="an open directory cannot be removed on Windows")
def test_a_runs_directory_that_vanishes(config: Path, tmp_path: Path) -> None:
    run, training = train(config, tmp_path / "runs")

    class Vanish(StopRequest):
        def __init__(self) -> None:
            pass

        @property
        def signal(self) -> int | None:  # type: ignore[override]
            if training.steps == 5 and run.path.exists():
                shutil.rmtree(tmp_path / "runs")
            return None

    with pytest.raises(RunFailed, match=r"epoch 2, step 3 of 3: cannot write .*: No such file or directory"):
        training.run(Progress(1, "quiet"), Vanish())
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_run_that_became_read_only(config: Path, tmp_path: Path) -> None:
    run, training = train(config, tmp_path / "runs")
    run.checkpoints.chmod(0o500)
    try:
        with pytest.raises(RunFailed, match="Permission denied"):
            to_the_end(training)
    finally:
        run.checkpoints.chmod(0o700)
