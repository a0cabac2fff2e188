"""Fine-tuning and sums of losses as a person meets them: runs, messages, exit codes, resuming without the old run."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.runs import checkpoint

ROOT = Path(__file__).parents[1]
# When a run began, how long it took; scores, which differ with the BLAS kernels, and the spaces that align them.
VARYING = re.compile(r"\d{8}-\d{6}(-\d+)?| in [\d.]+ s|\d+\.\d+(e-\d+)?| +")
BASE = """\
name: base
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, BatchNorm1d, Tanh, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: [{type: MSELoss, factor: 0.5}, SmoothL1Loss]
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 3}
metrics: [mae]
checkpoint: {every_steps: 3, keep: 100}
"""
TUNED = (
    BASE.replace("name: base", "name: tuned")
    + """\
finetune:
  from: base
  freeze: ["0", "1"]
  new: ["4"]
  preparation: keep
"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mytorch_command):
    """A finished run of `base.yaml`, and `tuned.yaml`, which starts from it."""
    folder = tmp_path_factory.mktemp("finetune")
    (folder / "base.yaml").write_text(BASE)
    (folder / "tuned.yaml").write_text(TUNED)
    mytorch_command("train", "base.yaml", cwd=folder)
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    """The same for a test that changes it."""
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def run_of(folder: Path, name: str, runs: str = "runs") -> Path:
    return max((folder / runs / name).iterdir())


def weights(run: Path) -> dict[str, np.ndarray]:
    return checkpoint.load(run / "checkpoints" / "best.safetensors")[0]


def results(run: Path) -> list[object]:
    rows = [line.split(",")[:1] + line.split(",")[2:] for line in (run / "metrics.csv").read_text().splitlines()]
    files = [(run / "checkpoints" / f"{which}.safetensors").read_bytes() for which in ("best", "last")]
    return [rows, files, json.loads((run / "summary.json").read_text()) | {"seconds": 0}]


def test_each_loss_of_a_sum_is_in_the_files(folder):
    run = run_of(folder, "base")
    rows = list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))
    assert list(rows[0])[list(rows[0]).index("train_loss") :] == [
        "train_loss", "train_loss_MSELoss", "train_loss_SmoothL1Loss",
        "validation_loss", "validation_mae", "validation_loss_MSELoss", "validation_loss_SmoothL1Loss",
    ]  # fmt: skip
    for split in ("train", "validation"):
        for row in rows:
            parts = [float(row[f"{split}_loss_{name}"]) for name in ("MSELoss", "SmoothL1Loss")]
            assert float(row[f"{split}_loss"]) == pytest.approx(0.5 * parts[0] + parts[1], rel=1e-6)
    best = json.loads((run / "summary.json").read_text())["best"]["test"]
    assert list(best) == ["loss", "mae", "loss_MSELoss", "loss_SmoothL1Loss"]


def test_gates_know_them(folder, mytorch_command):
    done = mytorch_command("eval", "base", "--expect", "test.loss_MSELoss<=100", cwd=folder)
    assert "loss_SmoothL1Loss" in done.stdout
    done = mytorch_command("eval", "base", "--expect", "test.loss_SmoothL1Loss<=0", cwd=folder, check=1)
    assert "test.loss_SmoothL1Loss <= 0" in done.stdout + done.stderr
    done = mytorch_command("eval", "base", "--expect", "test.loss_L1Loss<=0", cwd=folder, check=2)
    assert "loss_SmoothL1Loss" in done.stderr
    done = mytorch_command("train", "base.yaml", "expect={train.loss_MSELoss: {falls_by: 99.9%}}", cwd=folder, check=1)
    assert "train.loss_MSELoss falls by 99.9% by epoch 3" in done.stdout


def test_runs_and_compare(folder, mytorch_command):
    """The figure of a run is its metric, not a loss of the sum."""
    table = mytorch_command("runs", cwd=folder).stdout
    assert "test mae" in table
    assert "loss_" not in table
    listed = [str(path) for path in sorted((folder / "runs" / "base").iterdir())]
    mytorch_command("train", "base.yaml", "loss=MSELoss", "name=single", cwd=folder)
    compared = mytorch_command("compare", listed[0], "single", cwd=folder).stdout
    assert "loss.0.factor" in compared
    assert "test.loss_MSELoss" in compared


def test_finetune(copy, mytorch_command):
    done = mytorch_command("train", "tuned.yaml", cwd=copy)
    base, tuned = run_of(copy, "base"), run_of(copy, "tuned")
    assert done.stdout.splitlines()[1:5] == [
        f"starting from runs/base/{base.name}/checkpoints/best.safetensors",
        "  taken over: 0, 1",
        "  new: 4",
        "  frozen: 0, 1",
    ]
    assert "9 of 137 parameters trained" in done.stdout
    assert f"  from: runs/base/{base.name}\n" in (tuned / "config.yaml").read_text()
    before, after = weights(base), weights(tuned)
    assert [name for name in before if not np.array_equal(before[name], after[name])] == ["4.bias", "4.weight"]
    summary = json.loads((tuned / "summary.json").read_text())
    assert (summary["parameters"], summary["frozen_parameters"]) == (9, 128)


def test_from_then_on_the_old_run_is_not_needed(copy, mytorch_command):
    mytorch_command("train", "tuned.yaml", cwd=copy)
    whole = run_of(copy, "tuned")
    stopped = copy / "runs" / "stopped" / "20260101-000000"
    shutil.copytree(whole, stopped)
    shutil.rmtree(copy / "runs" / "base")
    # as if it had been killed in the middle of the second epoch
    (stopped / "summary.json").unlink()
    for path in stopped.glob("checkpoints/*"):
        if path.name > "state-00000006.safetensors" or path.name in ("best.safetensors", "last.safetensors"):
            path.unlink()
    done = mytorch_command("resume", "stopped", cwd=copy)
    assert "at epoch 2, step 2 of 5, from state-00000006.safetensors" in done.stdout
    assert results(stopped) == results(whole)
    mytorch_command("eval", "stopped", cwd=copy)
    mytorch_command("resume", "stopped", "--verify", cwd=copy)
    mytorch_command("plot", "stopped", cwd=copy)
    mytorch_command("resume", "stopped", "train.epochs=4", cwd=copy)
    # a new training from its config needs the old run, and says so
    failed = mytorch_command("train", stopped / "config.yaml", cwd=copy, check=2)
    assert (
        f"config.yaml:{1 + (stopped / 'config.yaml').read_text().splitlines().index('finetune:') + 1}" in failed.stderr
    )
    assert "finetune.from: no run 'runs/base/" in failed.stderr


def test_how_it_began_cannot_change(copy, mytorch_command):
    mytorch_command("train", "tuned.yaml", cwd=copy)
    for change in ("finetune.freeze=[]", "finetune=null", "finetune.from=tuned"):
        failed = mytorch_command("resume", "tuned", change, "train.epochs=5", "--force", cwd=copy, check=2)
        assert "finetune says how a training begins" in failed.stderr
        assert f"finetune.from=runs/tuned/{run_of(copy, 'tuned').name} KEY=VALUE" in failed.stderr
    failed = mytorch_command("resume", "tuned", "loss=MSELoss", "train.epochs=5", "--force", cwd=copy, check=2)
    assert "cannot go on with other columns in its metrics.csv" in failed.stderr
    mytorch_command("resume", "tuned", "loss.0.factor=2", "train.epochs=4", "--force", cwd=copy)


def test_other_ways_to_train(copy, mytorch_command):
    smoke = mytorch_command("train", "tuned.yaml", "--smoke", cwd=copy)
    assert "smoke test of tuned passed" in smoke.stdout
    mytorch_command("train", "tuned.yaml", "--runs-dir", "elsewhere", cwd=copy, check=2)
    shutil.copytree(copy / "runs", copy / "elsewhere", symlinks=True)
    shutil.rmtree(copy / "runs")
    done = mytorch_command("train", "tuned.yaml", "--runs-dir", "elsewhere", cwd=copy)
    assert "starting from elsewhere/base/" in done.stdout
    mytorch_command("train", "tuned.yaml", "--runs-dir", "elsewhere", "--seeds", "0-1", cwd=copy)
    first_layer = weights(run_of(copy, "base", "elsewhere"))["0.weight"]
    members = sorted(run_of(copy, "tuned", "elsewhere").glob("seed-*"))
    assert len(members) == 2
    for member in members:
        assert "  from: elsewhere/base/" in (member / "config.yaml").read_text()
        np.testing.assert_array_equal(weights(member)["0.weight"], first_layer)


def test_messages(folder, mytorch_command):
    failed = mytorch_command("train", "tuned.yaml", "finetune.from=nothing", cwd=folder, check=2)
    assert failed.stderr.startswith("error: override 'finetune.from=nothing': finetune.from: no run 'nothing'")
    failed = mytorch_command("train", "tuned.yaml", "model.0.out_features=9", "finetune.freeze=[]", cwd=folder, check=2)
    assert "tuned.yaml:10:9: finetune.from: the weights of runs/base/" in failed.stderr
    assert "  0.weight: [8, 13] there, [9, 13] here\n" in failed.stderr
    assert 'let these layers start anew with new: ["0", "1"]' in failed.stderr


def blocks(text: str, language: str) -> list[str]:
    return [part.partition("```")[0] for part in text.split(f"```{language}\n")[1:]]


def test_the_documentation_is_true(tmp_path, mytorch_command):
    """The commands of docs/training.md print what stands there, but for the times."""
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    text = text[text.index("## Several losses") : text.index("**Frozen** parameters")]
    for name in ("configs", "datasets"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("river.yaml", "tuned.yaml"):
        (config,) = (block for block in blocks(text, "yaml") if block.startswith(f"# {name}"))
        (tmp_path / name).write_text(config)
    mytorch_command("train", "configs/boston.yaml", cwd=tmp_path)
    commands = [part for block in blocks(text, "") for part in block.split("$ mytorch ")[1:]]
    assert len(commands) == 6
    for part in commands:
        line, _, shown = part.partition("\n")
        fails = shown.startswith("error: ")
        done = mytorch_command(*shlex.split(line), cwd=tmp_path, check=2 if fails else 0)
        printed = VARYING.sub("", done.stderr if fails else done.stdout)
        for expected in VARYING.sub("", shown.replace("...\n", "")).splitlines():
            assert expected in printed, line
