"""`mytorch lr-find`, as a user meets it: the suggestion, the line to paste, the picture, and what it refuses."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from mytorch.training.config.config import load_config
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

CONFIG = """\
name: tiny
dataset: {type: csv, path: data.csv, target: y, batch_size: 16}
model:
  - {type: Linear, out_features: 32}
  - ReLU
  - {type: Linear, out_features: 32}
  - ReLU
  - {type: Linear, out_features: 1}
loss: MSELoss
optimizer: {type: Adam, lr: 0.5, betas: [0.8, 0.99]}
train: {epochs: 20}
metrics: []
"""
OWN = """\
from mytorch import optim


class TwoGroups(optim.SGD):
    def __init__(self, params, lr: float = 0.1):
        params = list(params)
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": lr / 10}]
        super().__init__(groups, lr=lr)


class WithoutRate(optim.SGD):
    def __init__(self, params, speed: float = 0.1):
        super().__init__(params, lr=speed)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    points = [((i * 7 % 40) / 20 - 1, (i * 11 % 64) / 32 - 1) for i in range(64)]
    rows = "".join(f"{a},{b},{a * a - b + 0.5 * a * b}\n" for a, b in points)
    (tmp_path / "data.csv").write_text("a,b,y\n" + rows)
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


@pytest.fixture
def found(mytorch_command, project):
    def find(*arguments, check=0):
        done = mytorch_command("lr-find", "tiny.yaml", "--json", *arguments, cwd=project, check=check)
        return json.loads(done.stdout)

    return find


def test_the_suggested_rate_trains_better_than_a_hundredth_and_a_hundredfold(mytorch_command, project, found) -> None:
    rate = found()["suggestion"]
    losses = {}
    for factor in (0.01, 1, 100):
        mytorch_command("train", "tiny.yaml", f"optimizer.lr={rate * factor}", "-q", cwd=project, check={0, 1})
        rows = read_metrics(Run.find(project / "runs", None).metrics)
        losses[factor] = rows[-1]["train_loss"] if len(rows) == 20 else float("inf")
    assert losses[1] < 0.5 * losses[0.01]
    assert losses[1] < 0.5 * losses[100]


def test_what_is_printed_can_be_pasted(mytorch_command, project) -> None:
    printed = mytorch_command("lr-find", "tiny.yaml", cwd=project).stdout
    line = re.search(r"optimizer: \{.*\}", printed)
    assert line is not None
    assert re.fullmatch(r"optimizer: \{type: Adam, lr: [\d.e-]+, betas: \[0.8, 0.99\]\}", line[0])
    (tmp := project / "pasted.yaml").write_text(re.sub(r"optimizer: .*", line[0], CONFIG))
    change = re.search(r"^  (optimizer\.lr=\S+)$", printed, re.MULTILINE)
    assert change is not None
    assert load_config(tmp).optimizer == load_config(project / "tiny.yaml", [change[1]]).optimizer
    assert load_config(tmp).optimizer.arguments["lr"] != 0.5


def test_nothing_is_left_behind_but_the_picture(mytorch_command, project, monkeypatch) -> None:
    (project / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(project / "tmp"))
    before = set(project.rglob("*"))
    done = mytorch_command("lr-find", "tiny.yaml", cwd=project)
    picture = project / "runs" / "lr-find-tiny.png"
    assert set(project.rglob("*")) - before == {project / "runs", picture}
    assert "plot: runs/lr-find-tiny.png" in done.stdout
    with Image.open(picture) as image:
        image.load()
        assert image.format == "PNG"
    mytorch_command("lr-find", "tiny.yaml", "-o", "한글.png", cwd=project)
    assert (project / "한글.png").read_bytes() == picture.read_bytes()


def test_the_suggestion_is_told_even_where_no_picture_can_be(mytorch_command, project) -> None:
    (project / "runs").write_text("a file")
    done = mytorch_command("lr-find", "tiny.yaml", "--json", cwd=project, check=1)
    assert json.loads(done.stdout)["suggestion"] > 0
    assert json.loads(done.stdout)["plot"] is None
    assert "cannot write runs/lr-find-tiny.png: " in done.stderr


def test_the_steps_are_those_of_the_training(found) -> None:
    """Whatever rate the config has; batches are gone through again and again, and clipped and accumulated."""
    seen = found(
        "train.clip_grad_norm=0.05", "optimizer.lr=0.003", "--from", "0.003", "--to", "0.003000001", check={0, 1}
    )
    again = found("train.clip_grad_norm=0.05", "optimizer.lr=9", "--from", "0.003", "--to", "0.003000001", check={0, 1})
    assert [step["loss"] for step in seen["steps"]] == [step["loss"] for step in again["steps"]]
    assert len(seen["steps"]) == 100  # 25 times through the four batches
    unclipped = found("--from", "0.003", "--to", "0.003000001", check={0, 1})
    assert unclipped["steps"][0] == seen["steps"][0]
    assert unclipped["steps"][1:] != seen["steps"][1:]
    other = found("train.accumulate=2", "--from", "0.003", "--to", "0.003000001", check={0, 1})
    assert other["steps"][0] != seen["steps"][0]  # of twice as many rows


def test_the_first_epoch_is_that_of_a_training(mytorch_command, project, found) -> None:
    seen = found("--from", "0.01", "--to", "0.0100000001", check={0, 1})
    mytorch_command("train", "tiny.yaml", "optimizer.lr=0.01", "train.epochs=1", "-q", cwd=project)
    trained = read_metrics(Run.find(project / "runs", None).metrics)[0]["train_loss"]
    assert sum(step["loss"] for step in seen["steps"][:4]) / 4 == pytest.approx(trained, rel=1e-6)


def test_schedule_and_warmup_are_off_and_max_lr_is_told(found) -> None:
    plain = found()
    cycle = found("scheduler={type: OneCycleLR, max_lr: 0.1, cycle_momentum: false}")
    warm = found("train.warmup_steps=50", "train.ema={decay: 0.9}")
    assert cycle["steps"] == plain["steps"] == warm["steps"]
    rate = plain["suggestion"]
    assert cycle["overrides"] == [f"optimizer.lr={rate}", f"scheduler.max_lr={rate}"]
    assert cycle["lines"][1] == f"scheduler: {{type: OneCycleLR, max_lr: {rate}, cycle_momentum: false}}"
    assert len(plain["lines"]) == 1


def test_own_optimizers(mytorch_command, project, found) -> None:
    seen = found("imports=[own.py]", "optimizer=TwoGroups")
    assert seen["optimizer"] == "TwoGroups"
    assert seen["lines"] == [f"optimizer: {{type: TwoGroups, lr: {seen['suggestion']}}}"]
    arguments = ("lr-find", "tiny.yaml", "imports=[own.py]", "optimizer=WithoutRate")
    refused = mytorch_command(*arguments, cwd=project, check=2)
    assert "optimizer: WithoutRate takes no argument lr" in refused.stderr


@pytest.mark.parametrize("kind", ["LBFGS", "Rprop"])
def test_optimizers_that_choose_their_steps_themselves(mytorch_command, project, kind) -> None:
    refused = mytorch_command("lr-find", "tiny.yaml", f"optimizer={kind}", cwd=project, check=2)
    assert f"optimizer: {kind}" in refused.stderr
    assert "a range test is not for it" in refused.stderr
    assert not (project / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "1e-6"], "--to goes on to larger rates"),
        (["optimizer=SGD", "--from", "1e4", "--to", "1e9"], "every rate of the test is too large"),
        (["optimizer=SGD", "--from", "1e30", "--to", "1e35"], "no longer finite"),
    ],
)
def test_no_suggestion(mytorch_command, project, arguments, said) -> None:
    done = mytorch_command("lr-find", "tiny.yaml", *arguments, "--json", cwd=project, check=1)
    assert "no learning rate can be suggested for tiny" in done.stderr
    seen = json.loads(done.stdout)
    assert said in seen["reason"]
    assert said in done.stderr
    assert (seen["suggestion"], seen["lines"]) == (None, [])


def test_one_batch(found) -> None:
    assert 1e-4 < found("dataset.batch_size=full")["suggestion"] < 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "1", "--to", "0.1"], "--from and --to: expected two rates above 0"),
        (["--from", "0"], "--from and --to"),
        (["--from", "nan"], "--from and --to"),
        (["--steps", "3"], "--steps: expected 20 or more, got 3"),
        (["-o", "rates.pdf"], "expected the name of a PNG file"),
        (["-o", "nowhere/rates.png"], "there is no directory 'nowhere'"),
        (["optimizer.lr=x"], "optimizer.lr"),
    ],
)
def test_mistakes(mytorch_command, project, arguments, said) -> None:
    assert said in mytorch_command("lr-find", "tiny.yaml", *arguments, cwd=project, check=2).stderr


def test_finetuning_begins_with_the_weights_of_the_run(mytorch_command, project, found) -> None:
    mytorch_command("train", "tiny.yaml", "optimizer.lr=0.02", "-q", cwd=project)
    begun = found("finetune={from: tiny}", check={0, 1})["steps"][0]["loss"]
    assert begun < 0.5 * found()["steps"][0]["loss"]


def test_ctrl_c(mytorch_command, project, monkeypatch) -> None:
    import os
    import signal

    from mytorch.training.loop.loop import Training

    step = Training.step

    def interrupted(training, *batches):
        if training.steps == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return step(training, *batches)

    monkeypatch.setattr(Training, "step", interrupted)
    done = mytorch_command("lr-find", "tiny.yaml", cwd=project, check=130)
    assert "stopped; nothing was written" in done.stderr
    assert not (project / "runs").exists()
