"""Options of `train` as a person meets them on the command line: what is printed, going on, verifying, gates."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFIG = """\
name: small
dataset: {type: boston, test: {every: 4}, validation: {fraction: 0.2}, normalize: {inputs: standard, target: standard}, batch_size: 32}
model: [{type: Linear, out_features: 8}, BatchNorm1d, Tanh, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 6}
checkpoint: {every_steps: 3}
metrics: [mae]
"""
ALL = (
    "train.accumulate=3", "train.warmup_steps=5", "train.clip_grad_value=0.5", "train.clip_grad_norm=1",
    "train.ema={decay: 0.9}", "scheduler={type: ReduceLROnPlateau, patience: 1}",
    "train.early_stopping={patience: 3, min_delta: 0.05}", "train.epochs=40",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def summary_of(folder: Path) -> dict:
    return json.loads((folder / "runs" / "latest" / "summary.json").read_text())


def test_early_stopping(folder: Path, mytorch_command) -> None:
    done = mytorch_command("train", "small.yaml", *ALL, cwd=folder)
    summary = summary_of(folder)
    assert summary["stopped_early"]
    said = f"stopped early after epoch {summary['epochs']} of 40: validation_loss has not improved by more than 0.05"
    assert said in done.stdout
    assert f"{summary['epochs']}/40" in mytorch_command("runs", cwd=folder).stdout
    refused = mytorch_command("resume", cwd=folder, check=2)
    assert f"is finished: early stopping ended it after epoch {summary['epochs']} of 40" in refused.stderr
    assert "train.early_stopping.patience=6" in refused.stderr
    assert "the same to the bit: weights" in mytorch_command("resume", "--verify", cwd=folder).stdout
    mytorch_command("resume", "train.early_stopping=null", cwd=folder)
    assert (summary_of(folder)["stopped_early"], summary_of(folder)["epochs"]) == (False, 40)


def test_json_tells_it_too(folder: Path, mytorch_command) -> None:
    done = mytorch_command("train", "small.yaml", "--json", *ALL, cwd=folder)
    assert json.loads(done.stdout)["stopped_early"] is True
    assert json.loads(mytorch_command("runs", "--json", cwd=folder).stdout)["runs"][0]["state"] == "finished"


def test_smoke(folder: Path, mytorch_command) -> None:
    assert "passed" in mytorch_command("train", "small.yaml", "--smoke", *ALL, cwd=folder).stdout


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_killed_and_gone_on_with(folder: Path, mytorch_command) -> None:
    """Whatever is averaged, gathered and counted is there again after a kill -9."""
    changes = [*ALL, "train.early_stopping=null", "train.epochs=150"]
    mytorch_command("train", "small.yaml", *changes, cwd=folder)
    whole = {**summary_of(folder), "seconds": 0}
    best = (folder / "runs" / "latest" / "checkpoints" / "best.safetensors").read_bytes()
    cli = str(Path(__file__).parents[1] / "cli.py")
    process = subprocess.Popen(
        [sys.executable, cli, "train", "small.yaml", "-q", "--runs-dir", "killed", *changes], cwd=folder
    )
    deadline = time.monotonic() + 60
    while (
        not list(folder.glob("killed/small/*/checkpoints/state-0*[1-9]*.safetensors")) and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(folder.glob("killed/small/*/summary.json")), "it was over before it could be killed"
    mytorch_command("resume", "--runs-dir", "killed", cwd=folder)
    run = folder / "killed" / "latest"
    assert {**json.loads((run / "summary.json").read_text()), "seconds": 0} == whole
    assert (run / "checkpoints" / "best.safetensors").read_bytes() == best


def test_gates_of_the_command_line_are_judged_again_by_resume(folder: Path, mytorch_command) -> None:
    gates = ("--expect", "test.mae<100", "--expect", "test.mae>=0.001", "--expect", "seconds<=600")
    done = mytorch_command("train", "small.yaml", *gates, cwd=folder)
    assert "passed  test.mae < 100" in done.stdout
    text = (folder / "runs" / "latest" / "config.yaml").read_text()
    assert "test.mae: {min: 0.001, less_than: 100.0}" in text
    done = mytorch_command("resume", "train.epochs=8", cwd=folder)
    assert all(f"passed  {gate}" in done.stdout for gate in ("test.mae < 100", "test.mae >= 0.001"))
    assert len(summary_of(folder)["gates"]) == 3
    done = mytorch_command("train", "small.yaml", "--expect", "test.mae<0.1", cwd=folder, check=1)
    done = mytorch_command("resume", "train.epochs=8", cwd=folder, check=1)
    assert "test.mae < 0.1: expected less than 0.1" in done.stderr


def test_a_gate_that_contradicts_the_config(folder: Path, mytorch_command) -> None:
    done = mytorch_command(
        "train", "small.yaml", "expect={test.mae: {min: 3}}", "--expect", "test.mae<=2", cwd=folder, check=2
    )
    assert "--expect test.mae <= 2: no number is at least 3 and at most 2" in done.stderr
    assert not (folder / "runs").exists()


def test_a_fall_is_judged_by_the_last_epoch_of_a_training_that_was_stopped_early(folder: Path, mytorch_command) -> None:
    fall = "expect={train.loss: {falls_by: 1%, by_epoch: 39}, validation.loss: {falls_by: 1%}}"
    assert (
        "passed  train.loss falls by 1% by epoch 39"
        in mytorch_command("train", "small.yaml", *ALL, fall, cwd=folder).stdout
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.accumulate=2", "small.yaml"),
        ("train.warmup_epochs=-1", "train.warmup_epochs: expected a number of at least 1, got -1"),
        ("train.early_stopping={patience: 3, monitor: test_mae}", "unknown figure 'test_mae'"),
        ("train.swa={start_epoch: 7}", "train.swa.start_epoch: expected an epoch of this training, at most 6, got 7"),
    ],
)
def test_mistakes(folder: Path, mytorch_command, change: str, message: str) -> None:
    optimizer = ["optimizer=LBFGS"] if "accumulate" in change else []
    done = mytorch_command("train", "small.yaml", change, *optimizer, cwd=folder, check=2)
    assert message in done.stderr or "train.accumulate: LBFGS" in done.stderr
    assert not (folder / "runs").exists()
