"""`mytorch train --seeds` and `--folds`: several runs under one directory, their table and their picture."""

from __future__ import annotations

import csv
import json
import statistics

import pytest

from mytorch.training.commands.several import mean_history, parse_seeds
from mytorch.training.plots.series import plot_series

SMALL = """\
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 3}
metrics: [mae]
"""
FAILS_FOR_SEED_1 = """\
from mytorch import nn, initial_seed

class Breaks(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = float("inf") if initial_seed() == 1 else 1.0

    def forward(self, x):
        return x * self.factor
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def series_in(folder):
    (path,) = (folder / "runs" / "small").iterdir()
    return path


def test_findings_are_told_once_of_all_trainings(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--seeds", "0-1", cwd=folder)
    assert "finding" not in done.stdout
    change = ["optimizer={type: Adam, lr: 100}", "train.epochs=4", "--name", "wild"]
    done = mytorch_command("train", "small.yaml", *change, "--seeds", "0-2", cwd=folder)
    told = [line for line in done.stdout.splitlines() if line.startswith("finding: ")]
    (series,) = (folder / "runs" / "wild").iterdir()
    findings = json.loads((series / "summary.json").read_text())["findings"]
    assert len(told) == len(findings) == len({finding["kind"] for finding in findings}) > 0
    for line, finding in zip(told, findings, strict=True):
        names = finding["trainings"]
        assert line.startswith(
            f"finding: in {len(names)} of 3 trainings, such as {names[0]}: {finding['message']}; try:"
        )
        for name in ("seed-0", "seed-1", "seed-2"):
            kinds = [one["kind"] for one in json.loads((series / name / "summary.json").read_text())["findings"]]
            assert (finding["kind"] in kinds) == (name in names)


def test_seeds_give_the_scores_of_single_trainings_and_their_mean(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--seeds", "3,5-6", cwd=folder)
    assert "training small 3 times in runs/small/" in done.stdout
    series = series_in(folder)
    summary = json.loads((series / "summary.json").read_text())
    assert list(summary["scores"]) == ["seed-3", "seed-5", "seed-6"]
    alone = json.loads(mytorch_command("train", "small.yaml", "seed=5", "--name", "alone", "--json", cwd=folder).stdout)
    assert summary["scores"]["seed-5"]["test.mae"] == alone["best"]["test"]["mae"]
    values = [scores["test.mae"] for scores in summary["scores"].values()]
    assert len(set(values)) == 3
    assert summary["mean"]["test.mae"] == pytest.approx(statistics.mean(values))
    assert summary["std"]["test.mae"] == pytest.approx(statistics.stdev(values))
    with open(series / "scores.csv") as file:
        rows = {row["training"]: float(row["test.mae"]) for row in csv.DictReader(file)}
    assert rows == {
        **dict(zip(summary["scores"], values, strict=True)),
        "mean": summary["mean"]["test.mae"],
        "std": summary["std"]["test.mae"],
    }
    assert f"{summary['mean']['test.mae']:.4g}" in done.stdout
    assert (series / "series.png").stat().st_size > 5000
    listed = mytorch_command("runs", "--json", cwd=folder).stdout
    assert [run["name"] for run in json.loads(listed)["runs"]] == ["small"] * 3 + ["alone"]
    assert mytorch_command("eval", series / "seed-5", "--json", cwd=folder).stdout  # a run as any other


def test_one_seed_is_one_training(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--seeds", "3", cwd=folder)
    assert "\ntraining small 1 time in " in f"\n{done.stdout}"
    assert "\n1 training in " in done.stdout


def test_every_row_is_a_test_row_once(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--folds", "3", "--json", cwd=folder)
    summary = json.loads(done.stdout)
    assert list(summary["scores"]) == ["fold-1", "fold-2", "fold-3"]
    rows = [
        json.loads(mytorch_command("eval", f"{summary['series']}/fold-{fold}", "--json", cwd=folder).stdout)["rows"]
        for fold in (1, 2, 3)
    ]
    assert rows == [169, 169, 168]
    assert sum(rows) == 506
    both = json.loads(mytorch_command(
        "train", "small.yaml", "train.epochs=1", "--seeds", "0-1", "--folds", "2", "--json", cwd=folder
    ).stdout)  # fmt: skip
    assert list(both["scores"]) == ["seed-0-fold-1", "seed-0-fold-2", "seed-1-fold-1", "seed-1-fold-2"]


def test_a_series_that_was_stopped_is_gone_on_with(folder, mytorch_command, monkeypatch):
    whole = json.loads(mytorch_command("train", "small.yaml", "--seeds", "0-2", "--json", cwd=folder).stdout)
    (series_in(folder)).rename(folder / "whole")
    from mytorch.training.loop.loop import Training

    step, taken = Training.step, []

    def stop_in_the_second(self, *batch):
        taken.append(self)
        if len(taken) == 17:  # of 15 steps each
            raise KeyboardInterrupt
        return step(self, *batch)

    monkeypatch.setattr(Training, "step", stop_in_the_second)
    stopped = mytorch_command("train", "small.yaml", "--seeds", "0-2", cwd=folder, check=130)
    series = series_in(folder)
    relative = series.relative_to(folder)
    assert stopped.stderr.strip().endswith(f"stopped in {relative}/seed-1\ngo on with: mytorch resume {relative}")
    monkeypatch.setattr(Training, "step", step)
    assert "name one run of it" in mytorch_command("resume", "train.epochs=9", cwd=folder, check=2).stderr
    done = mytorch_command("resume", cwd=folder)
    assert "2 of 3 trainings are left" in done.stdout
    assert json.loads((series / "summary.json").read_text())["scores"] == whole["scores"]
    for name in ("seed-0", "seed-1", "seed-2"):
        weights = "checkpoints/best.safetensors"
        assert (series / name / weights).read_bytes() == (folder / "whole" / name / weights).read_bytes()
    assert "is finished" in mytorch_command("resume", relative, cwd=folder, check=2).stderr


def test_data_beside_the_config_is_found_by_the_runs_too(tmp_path, mytorch_command):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "points.csv").write_text("x,y\n" + "".join(f"{i},{2 * i}\n" for i in range(30)))
    config = SMALL.replace("boston", "csv, path: points.csv, target: y")
    (tmp_path / "configs" / "small.yaml").write_text(config)
    mytorch_command("train", "configs/small.yaml", "--seeds", "0-1", "--expect", "test.mae<=1e9", cwd=tmp_path)
    path = series_in(tmp_path) / "seed-1"
    assert mytorch_command("eval", path.relative_to(tmp_path), cwd=tmp_path).stdout
    assert "test.mae: {max: 1000000000.0}" in (path / "config.yaml").read_text()


def test_one_that_fails_does_not_keep_the_others(folder, mytorch_command):
    (folder / "layers.py").write_text(FAILS_FOR_SEED_1)
    changes = ["imports=[layers.py]", "model=[{type: Linear, out_features: 1}, Breaks]"]
    done = mytorch_command("train", "small.yaml", *changes, "--seeds", "0-2", cwd=folder, check=1)
    assert "1 of 3 trainings failed:\n  seed-1: epoch 1, step 1 of 5: the loss is" in done.stderr
    summary = json.loads((series_in(folder) / "summary.json").read_text())
    assert list(summary["scores"]) == ["seed-0", "seed-2"]
    assert list(summary["failures"]) == ["seed-1"]
    done = mytorch_command("train", "small.yaml", *changes, "--seeds", "1", cwd=folder, check=1)
    assert "every training of" in done.stderr


def test_gates_are_judged_on_the_means(folder, mytorch_command):
    expect = ["--seeds", "0-1", "--expect", "test.mae<=0.001", "--expect", "seconds<600", "--junit", "gates.xml"]
    done = mytorch_command("train", "small.yaml", "expect={train.loss: {falls_by: 1%}}", *expect, cwd=folder, check=1)
    summary = json.loads((series_in(folder) / "summary.json").read_text())
    assert f"test.mae <= 0.001: expected at most 0.001, got {summary['mean']['test.mae']:.4g}" in done.stderr
    assert [gate["passed"] for gate in summary["gates"]] == [True, False, True]
    assert 'failures="1"' in (folder / "gates.xml").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seeds", "a"], "--seeds: expected seeds such as 0-4 or 1,7,20, got 'a'"),
        (["--seeds", "4-1"], "'4-1' ends before it begins"),
        (["--seeds", "1,1"], "a seed is listed twice in '1,1'"),
        (["--seeds", "0-5000"], "more than 1000 seeds"),
        (["--seeds", "0-99", "--folds", "11"], "these are 1100 trainings"),
        (["--folds", "1"], "--folds: expected 2 or more, got 1"),
        (["--folds", "507"], "leaves one part empty"),
        (["--seeds", "0-1", "seed=3"], "--seeds sets seed for each training; leave out seed=..."),
        (["--folds", "3", "dataset.test=null"], "--folds sets dataset.test for each training"),
        (["--seeds", "0-1", "--smoke"], "--smoke trains a few batches only"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(folder, mytorch_command, options, message):
    assert message in mytorch_command("train", "small.yaml", *options, cwd=folder, check=2).stderr
    assert not (folder / "runs").exists()


def test_no_more_seeds_than_asked_for():
    assert parse_seeds(" 0 , 2 - 3 ") == [0, 2, 3]


def test_means_go_as_far_as_all_histories():
    short, long = (
        [{"epoch": 1, "a": 1.0, "b": None}],
        [{"epoch": 1, "a": 3.0, "b": 2.0}, {"epoch": 2, "a": 9.0, "b": 2.0}],
    )
    assert mean_history([short, long]) == [{"epoch": 1, "a": 2.0, "b": None}]


def test_a_picture_needs_rows(tmp_path):
    with pytest.raises(ValueError, match="at least one training"):
        plot_series({"seed-0": []}, {}, "nothing", tmp_path / "nothing.png")
