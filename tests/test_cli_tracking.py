"""Trackers, predictions.csv and plots from the command line; the tracker is the one of docs/tracking.md."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from pathlib import Path

import pytest

DOCS = (Path(__file__).parents[1] / "docs" / "tracking.md").read_text(encoding="utf-8")
CONFIG = """\
name: small
imports: [tracker.py]
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 3}
log: [{type: Best, metric: mae}]
"""


@pytest.fixture
def folder(tmp_path):
    (code,) = re.findall(r"<!-- tracker.py -->\n```python\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)
    (tmp_path / "tracker.py").write_text(code)
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def run_of(folder: Path) -> Path:
    return max((folder / "runs" / "small").iterdir())


def test_the_tracker_of_the_docs(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "-q", cwd=folder)
    rows = list(csv.DictReader((run_of(folder) / "metrics.csv").read_text().splitlines()))
    maes, best, expected = [float(row["validation_mae"]) for row in rows], float("inf"), []
    for epoch, mae in enumerate(maes, start=1):
        if mae < best:
            best = mae
            expected.append(f"epoch {epoch}, step {5 * epoch}: validation_mae {mae:.4g}")
    assert done.stdout.splitlines() == expected
    assert "log: [{type: Best, metric: mae}]" in DOCS


def test_one_that_fails_and_is_mended(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "log.0.metric=mea", "-q", cwd=folder, check=1)
    run = run_of(folder)
    relative = run.relative_to(folder)
    code = (folder / "tracker.py").read_text().splitlines()
    line = next(number for number, text in enumerate(code, start=1) if "if row" in text)
    assert done.stderr.splitlines() == [
        f"error: log.0 (Best): on_epoch_end failed: KeyError: 'validation_mea' ({folder}/tracker.py:{line})",
        f"checkpoint: {relative}/checkpoints/state-00000005.safetensors",
        f"go on with: mytorch resume {relative}",
    ]
    stamp = re.compile(r"\d{8}-\d{6}(-\d+)?")
    told, shown = (stamp.sub("TIME", text) for text in (done.stderr, DOCS))
    assert told.replace(str(folder), "/home/ada/houses") in shown, "the docs show it"
    assert (run / "failure.json").is_file()
    listed = json.loads(mytorch_command("runs", "--json", cwd=folder).stdout)["runs"]
    assert [one["state"] for one in listed] == ["failed"]
    done = mytorch_command("resume", "log.0.metric=mae", "-q", cwd=folder)
    assert done.stderr == "changed: log.0.metric: text 'mea' -> text 'mae'\n"
    assert done.stdout.startswith("epoch 2, step 10: validation_mae ")
    assert (run / "summary.json").is_file()


def test_an_unknown_tracker_is_suggested(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "log=[tensorbord]", cwd=folder, check=2)
    assert "log.0: unknown callback 'tensorbord'; did you mean 'tensorboard'?" in done.stderr
    done = mytorch_command("train", "small.yaml", "log=[{type: Best, metrics: mae}]", cwd=folder, check=2)
    assert "log.0: Best has no argument 'metrics'; did you mean 'metric'?" in done.stderr


def test_tensorboard_without_its_package(folder, mytorch_command, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboardX" else find(name))
    done = mytorch_command("train", "small.yaml", "log=[tensorboard]", cwd=folder, check=2)
    assert done.stderr == "error: log: tensorboard needs the package tensorboardX: pip install 'mytorch[tensorboard]'\n"
    assert not (folder / "runs").exists()
    mytorch_command("train", "small.yaml", "log=[tensorboard]", "--smoke", cwd=folder)


def test_predictions_and_all_plots(folder, mytorch_command):
    mytorch_command("train", "small.yaml", "log=[]", "plots=[residuals]", "-q", cwd=folder)
    run = run_of(folder)
    assert [path.name for path in (run / "plots").iterdir()] == ["residuals.png"]
    rows = list(csv.DictReader((run / "predictions.csv").read_text().splitlines()))
    test = [row for row in rows if row["split"] == "test"]
    mae = sum(abs(float(row["prediction"]) - float(row["target"])) for row in test) / len(test)
    best = json.loads((run / "summary.json").read_text())["best"]
    assert mae == pytest.approx(best["test"]["mae"], rel=1e-6)
    (folder / "tracker.py").unlink()  # neither own code nor data is needed
    done = mytorch_command("plot", "--json", cwd=folder)
    drawn = [Path(path).stem for path in json.loads(done.stdout)["plots"]]
    assert drawn == ["gradient-flow", "layers", "loss", "metrics", "predictions", "residuals"]


def test_the_schema_knows_trackers_and_plots(folder, mytorch_command):
    schema = json.loads(mytorch_command("schema", "--imports", "tracker.py", cwd=folder).stdout)
    named = {one["title"]: one["properties"] for one in schema["$defs"]["callback"]["anyOf"] if "title" in one}
    assert set(named["tensorboard"]) == {"type", "every_steps", "histograms", "images", "plots"}
    assert named["Best"]["metric"] == {"type": "string", "default": "loss"}
    assert schema["properties"]["log"]["items"] == {"$ref": "#/$defs/callback"}
    assert {"const": "all"} in schema["properties"]["plots"]["anyOf"]
