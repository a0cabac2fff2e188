"""`mytorch landscape`, as a user meets it: the losses, the path that is replayed, the pictures, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mytorch.training.loop.loop import Training
from mytorch.training.runs.run import Run

CONFIG = """\
name: tiny
dataset: {type: csv, path: data.csv, target: y, test: {every: 4}, batch_size: 16}
model: [{type: Linear, out_features: 6}, BatchNorm1d, ReLU, {type: Dropout, p: 0.2}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.02}
train: {epochs: 6}
metrics: [mae]
plots: []
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    points = [((i * 7 % 40) / 20 - 1, (i * 11 % 64) / 32 - 1) for i in range(64)]
    rows = "".join(f"{a},{b},{a * a - b + 0.5 * a * b}\n" for a, b in points)
    (tmp_path / "data.csv").write_text("a,b,y\n" + rows)
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def train(mytorch_command, project):
    def call(*overrides: str) -> Run:
        mytorch_command("train", "tiny.yaml", "-q", *overrides, cwd=project, check={0, 1})
        return Run.find(project / "runs", None)

    return call


@pytest.fixture
def show(mytorch_command, project):
    def call(*arguments: str):
        done = mytorch_command("landscape", "--grid", "5", "--json", *arguments, cwd=project)
        return json.loads(done.stdout)

    return call


def table_of(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader((run.plots / "landscape.csv").read_text().splitlines()))


@pytest.mark.parametrize("directions", ["random", "path"])
def test_the_loss_at_the_weights_is_the_run_s_own(train, show, directions) -> None:
    run = train()
    summary = json.loads(run.summary.read_text())
    for split in ("train", "test"):
        seen = show("--directions", directions, "--split", split)
        own = summary["best"][split]["loss"]
        column, row = seen["across"].index(0.0), seen["up"].index(0.0)
        assert seen["losses"][row][column] == own
        assert seen["loss"] == own
        assert len({loss for line in seen["losses"] for loss in line}) == 25


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("dataset.validation.every=5", "checkpoint.every_steps=2", "train.early_stopping.patience=2"),
        ("train.ema={decay: 0.8}",),
        ("train.swa={start_epoch: 4}", "dataset.shuffle=false"),
        ("optimizer=LBFGS", "dataset.batch_size=full", "model.3.p=0"),
    ],
)
def test_the_replay_comes_to_the_weights_of_the_run(train, show, overrides) -> None:
    train(*overrides)
    path = show()["path"]
    assert path["is_exact"], path["unlike"]
    assert path["steps"][0] == 0
    assert len(path["points"]) == len(path["steps"])
    if not overrides:
        assert path["steps"] == list(range(19))  # 6 epochs of 3 steps
        assert path["points"][-1] == [0, 0]


def test_changed_data_is_told(mytorch_command, train, project) -> None:
    train()
    lines = (project / "data.csv").read_text().splitlines()
    lines[2] = "0.5,0.5,3"  # row 1; row 0 is a test row
    (project / "data.csv").write_text("\n".join(lines) + "\n")
    done = mytorch_command("landscape", "--grid", "5", "--json", cwd=project)
    path = json.loads(done.stdout)["path"]
    assert not path["is_exact"]
    assert "after epoch 6 its weights are not those of last.safetensors" in done.stderr
    assert "the train rows: 48 rows -> 48 rows with other values" in done.stderr


def test_the_path_s_own_directions_show_most_of_it(train, show) -> None:
    train()
    along, random = show("--directions", "path"), show("--directions", "random")
    assert along["path"]["share"] == pytest.approx(sum(along["shares"]), rel=1e-3)
    assert along["path"]["share"] > 0.8 > random["path"]["share"]
    assert along["shares"][0] > along["shares"][1]
    across, up = along["across"], along["up"]
    assert all(across[0] < a < across[-1] and up[0] < b < up[-1] for a, b in along["path"]["points"])


def test_files(mytorch_command, train, project) -> None:
    run = train()
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    done = mytorch_command("landscape", "--grid", "4", cwd=project)
    new = {path for path in project.rglob("*") if path.is_file()} - set(before)
    names = ("landscape.png", "landscape-3d.png", "landscape.csv")
    assert new == {run.plots / name for name in names}
    assert all(path.read_bytes() == content for path, content in before.items())
    assert "18 steps replayed: it came to the run's weights to the bit" in done.stdout
    for name in names[:2]:
        with Image.open(run.plots / name) as image:
            image.load()
    rows = table_of(run)
    assert len(rows) == 16
    assert ["0.0", "0.0"] in [[row["a"], row["b"]] for row in rows]  # also where the number is even
    mytorch_command("landscape", "--grid", "4", "-o", "평면.png", cwd=project)
    for own, other in zip(names, ("평면.png", "평면-3d.png", "평면.csv"), strict=True):
        assert (project / other).read_bytes() == (run.plots / own).read_bytes()


def test_seeds_and_no_path(train, show, monkeypatch) -> None:
    train()
    first = show("--no-path")

    def never(*_arguments):
        raise AssertionError("it was replayed")

    with monkeypatch.context() as context:
        context.setattr(Training, "run", never)
        assert show("--no-path") == first
        assert first["path"] is None
        other = show("--no-path", "--seed", "1")
    assert other["losses"] != first["losses"]
    assert other["loss"] == first["loss"]
    assert show("--seed", "0")["losses"] == first["losses"]


def test_rows(train, show) -> None:
    train()
    few = show("--no-path", "--rows", "10")
    assert (few["rows"], show("--no-path")["rows"]) == (10, 48)
    assert few == show("--no-path", "--rows", "10")


def test_losses_that_are_not_finite_are_left_bare(mytorch_command, train, project) -> None:
    train("loss=PoissonNLLLoss", "metrics=[]")  # exp of the output
    done = mytorch_command("landscape", "--grid", "5", "--no-path", "--span", "1e4", cwd=project)
    assert "not finite at" in done.stdout
    run = Run.find(project / "runs", None)
    losses = np.array([float(row["loss"]) for row in table_of(run)])
    assert 0 < np.isfinite(losses).sum() < 25


def test_an_interrupted_run(mytorch_command, train, show, monkeypatch) -> None:
    with monkeypatch.context() as context:
        step = Training.step

        def interrupted(training, *batches):
            if training.steps == 7:
                os.kill(os.getpid(), signal.SIGINT)
            return step(training, *batches)

        context.setattr(Training, "step", interrupted)
        with pytest.raises(AssertionError):  # by its exit code
            train()
    path = show()["path"]
    assert path["is_exact"]
    assert path["steps"][-1] == 6  # the last weights are those after the second epoch


def test_ctrl_c(mytorch_command, train, project, monkeypatch) -> None:
    run = train()
    step = Training.step

    def interrupted(training, *batches):
        os.kill(os.getpid(), signal.SIGINT)
        return step(training, *batches)

    monkeypatch.setattr(Training, "step", interrupted)
    done = mytorch_command("landscape", cwd=project, check=130)
    assert "stopped; nothing was written" in done.stderr
    assert not list(run.plots.glob("landscape*"))


MISTAKES = [
    (["--directions", "paths"], "--directions: expected one of random, path, got 'paths'; did you mean 'path'?"),
    (["--directions", "path", "--no-path"], "--no-path leaves out"),
    (["--grid", "2"], "--grid: expected 3 to 501"),
    (["--span", "0"], "--span: expected a length above 0"),
    (["--rows", "0"], "--rows: expected 1 or more"),
    (["--seed", "-1"], "--seed: expected 0 or more"),
    (["--split", "validation"], "sets no validation rows aside; there is: train, test"),
    (["-o", "x.svg"], "expected the name of a PNG file"),
    (["--checkpoint", "none.safetensors"], "none.safetensors: no such checkpoint file"),
    (["nothing"], "no run 'nothing'"),
]


def test_mistakes(mytorch_command, train, project) -> None:
    train("train.epochs=1")
    for arguments, said in MISTAKES:
        assert said in mytorch_command("landscape", *arguments, cwd=project, check=2).stderr


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_cannot_be_written_is_told_before_the_work(
    mytorch_command, train, project, monkeypatch, is_there
) -> None:
    run = train("train.epochs=1")
    shutil.rmtree(run.plots)
    if is_there:
        access = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and Path(path).name != run.plots.name)
    else:
        run.plots.write_text("a file")
    monkeypatch.setattr(Training, "step", lambda *_: pytest.fail("the training is replayed"))
    done = mytorch_command("landscape", cwd=project, check=1)
    assert f"cannot write {run.plots.relative_to(project)}: " in done.stderr
    assert "-o FILE.png" in done.stderr


def test_a_path_without_a_plane(mytorch_command, train, project) -> None:
    train("train.epochs=1", "dataset.batch_size=full")
    done = mytorch_command("landscape", "--directions", "path", cwd=project, check=2)
    assert "straight line" in done.stderr
    assert "--directions random" in done.stderr


def test_a_run_without_weights(mytorch_command, train, project) -> None:
    train("optimizer={type: SGD, lr: 1e30}")
    done = mytorch_command("landscape", cwd=project, check=2)
    assert "no such checkpoint file" in done.stderr
