"""`mytorch runs`, `plot` and `compare`: runs that are there, seen from the command line."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIG = """\
name: small
dataset: {type: boston, test: {every: 4}, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 5}
metrics: [mae, r2]
"""
CHANGES = ("optimizer.lr=1e-1", "model.0.out_features=16", "train.epochs=7")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, mytorch_command):
    """Two runs named `small`, and `bad`, which failed."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "small.yaml").write_text(CONFIG)
    mytorch_command("train", "small.yaml", "-q", cwd=folder)
    mytorch_command("train", "small.yaml", *CHANGES, "-q", cwd=folder)
    mytorch_command(
        "train", "small.yaml", "optimizer={type: SGD, lr: 1e30}", "-q", "--name", "bad", cwd=folder, check=1
    )
    made = [*runs_of(folder), *runs_of(folder, "bad")]
    for second, run in enumerate(made):  # they may be of one second, and would be sorted by their names then
        run.rename(run.with_name(f"20260131-14250{second}"))
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "copy", symlinks=True))


def runs_of(folder: Path, name: str = "small") -> list[Path]:
    return sorted((folder / "runs" / name).iterdir(), key=lambda path: (len(path.name), path.name))


def listed(mytorch_command, folder: Path, *arguments: str) -> list[dict]:
    return json.loads(mytorch_command("runs", "--json", *arguments, cwd=folder).stdout)["runs"]


def test_runs_lists_all_with_the_newest_last(trained, mytorch_command):
    first, second = runs_of(trained)
    (bad,) = runs_of(trained, "bad")
    lines = mytorch_command("runs", cwd=trained).stdout.splitlines()
    assert lines[0].split() == ["run", "state", "epochs", "best", "time"]
    mae = json.loads((second / "summary.json").read_text())["best"]["test"]["mae"]
    assert [line.split()[0] for line in lines[1:]] == [f"small/{first.name}", f"small/{second.name}", f"bad/{bad.name}"]
    assert lines[2].split()[1:6] == ["finished", "7", "test", "mae", f"{mae:.4g}"]
    assert lines[3].split()[1:] == ["failed", "0/5", "-", "-"]


def test_runs_as_json_sorted_and_filtered(trained, mytorch_command):
    first, second = (json.loads((run / "summary.json").read_text()) for run in runs_of(trained))
    by_best = listed(mytorch_command, trained, "--sort", "best", "--state", "finished")
    assert [line["best"]["value"] for line in by_best] == sorted(s["best"]["test"]["mae"] for s in (first, second))
    mytorch_command("train", "small.yaml", "metrics=[r2]", "-q", "--name", "by-r2", cwd=trained)
    mytorch_command("train", "small.yaml", "metrics=[r2]", "optimizer.lr=1e-5", "-q", "--name", "by-r2", cwd=trained)
    by_r2 = [
        line["best"]["value"] for line in listed(mytorch_command, trained, "--sort", "best") if line["name"] == "by-r2"
    ]
    shutil.rmtree(trained / "runs" / "by-r2")
    assert by_r2 == sorted(by_r2, reverse=True)  # of which more is better
    assert by_r2[0] > by_r2[1]
    assert [line["state"] for line in listed(mytorch_command, trained, "--sort", "state")] == [
        "finished",
        "finished",
        "failed",
    ]
    (failed,) = listed(mytorch_command, trained, "--state", "failed")
    assert failed == {
        "run": f"runs/bad/{runs_of(trained, 'bad')[0].name}", "name": "bad", "state": "failed",
        "epochs": 0, "planned_epochs": 5, "best": None, "seconds": None,
    }  # fmt: skip
    assert listed(mytorch_command, trained, "--state", "running") == []
    assert "no run in runs is running" in mytorch_command("runs", "--state", "running", cwd=trained).stdout


def test_a_run_is_running_until_it_is_killed(folder, mytorch_command):
    arguments = ["train", "small.yaml", "train.epochs=1000000", "--name", "long", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    process = subprocess.Popen([sys.executable, str(ROOT / "cli.py"), *arguments], cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not list(folder.glob("runs/long/*/checkpoints/state-*.safetensors")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        (line,) = listed(mytorch_command, folder, "--state", "running")
        assert line["name"] == "long"
    finally:
        process.kill()
        process.wait()
    assert (runs_of(folder, "long")[0] / "lock").exists(), "a killed run leaves its lock file"
    (line,) = listed(mytorch_command, folder, "--state", "interrupted")
    assert line["name"] == "long"
    assert line["planned_epochs"] == 1000000
    assert line["best"]["split"] == "validation"
    assert line["best"]["metric"] == "mae"


def test_what_resume_makes_of_a_state(folder, mytorch_command):
    # One that was extended and stopped before its new end is no longer finished, although its summary is there.
    last = runs_of(folder)[-1]
    state = max((last / "checkpoints").glob("state-*"))
    extended = state.with_name(f"state-{int(state.stem[6:]) + 2:08d}.safetensors")
    shutil.copy(state, extended)
    assert [line["state"] for line in listed(mytorch_command, folder)] == ["finished", "interrupted", "failed"]
    extended.unlink()
    (last / "failure.json").write_text("{}")
    assert listed(mytorch_command, folder)[1]["state"] == "failed"
    mytorch_command("resume", str(last), "train.epochs=9", "-q", cwd=folder)
    assert [(line["state"], line["epochs"]) for line in listed(mytorch_command, folder)][1] == ("finished", 9)
    assert not (last / "failure.json").exists()


def test_damaged_files_of_one_run_do_not_hide_the_others(folder, mytorch_command):
    first = runs_of(folder)[0]
    (first / "summary.json").write_text("{")
    (first / "metrics.csv").write_bytes(b"\xff\xfe")
    (first / "config.yaml").write_text("a: [")
    lines = listed(mytorch_command, folder)
    assert [line["state"] for line in lines] == ["interrupted", "finished", "failed"]
    assert (lines[0]["epochs"], lines[0]["planned_epochs"], lines[0]["best"]) == (0, None, None)


def test_mistakes_of_runs(folder, tmp_path, mytorch_command):
    assert "did you mean 'best'?" in mytorch_command("runs", "--sort", "bst", cwd=folder, check=2).stderr
    assert "expected one of running, finished, interrupted, failed" in mytorch_command(
        "runs", "--state", "done", cwd=folder, check=2
    ).stderr  # fmt: skip
    assert "there are no runs in runs yet" in mytorch_command("runs", cwd=tmp_path, check=2).stderr


def test_plot_draws_the_same_pictures_again(folder, mytorch_command):
    run = runs_of(folder)[0]
    before = {path.name: path.read_bytes() for path in (run / "plots").iterdir()}
    assert set(before) == {"loss.png", "predictions.png", "gradient-flow.png"}
    shutil.rmtree(run / "plots")
    relative = run.relative_to(folder)
    done = mytorch_command("plot", str(relative), cwd=folder)
    after = {path.name: path.read_bytes() for path in (run / "plots").iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) == {
        "gradient-flow.png",
        "layers.png",
        "loss.png",
        "metrics.png",
        "predictions.png",
        "residuals.png",
    }, "all of them"
    assert (
        f"{relative}, predictions.csv (epoch 5)\nplots:   {relative}/plots/gradient-flow.png, {relative}/plots/layers.png, "
        in done.stdout
    )
    document = json.loads(mytorch_command("plot", str(relative), "--json", cwd=folder).stdout)
    assert document["plots"] == [f"{relative}/plots/{name}" for name in sorted(after)]


def test_plot_of_a_run_without_epochs_or_weights(folder, mytorch_command):
    assert "no epoch of it was completed" in mytorch_command("plot", "bad", cwd=folder, check=2).stderr
    run = runs_of(folder)[0]
    (run / "checkpoints" / "best.safetensors").unlink()
    done = mytorch_command("plot", str(run), cwd=folder, check=2)
    assert f"{run}/checkpoints/best.safetensors: no such checkpoint file" in done.stderr


def test_compare_shows_what_differs(trained, tmp_path, mytorch_command):
    first, second = (str(run.relative_to(trained / "runs")) for run in runs_of(trained))
    done = mytorch_command("compare", first, second, "-o", str(tmp_path / "two.png"), cwd=trained)
    lines = [line.split() for line in done.stdout.splitlines()]
    blank = lines.index([])
    assert lines[:blank] == [
        ["config", first, second],
        ["model.0.out_features", "8", "16"],
        ["optimizer.lr", "0.01", "0.1"],
        ["train.epochs", "5", "7"],
    ]
    best = [json.loads((run / "summary.json").read_text())["best"] for run in runs_of(trained)]
    assert ["test.mae", *(f"{of['test']['mae']:.4g}" for of in best)] in lines[blank:]
    assert ["state", "finished", "finished"] in lines[blank:]
    assert lines[-1] == ["plot:", str(tmp_path / "two.png")]
    assert (tmp_path / "two.png").read_bytes().startswith(b"\x89PNG")


def test_compare_as_json_with_a_run_that_failed(folder, mytorch_command):
    document = json.loads(mytorch_command("compare", "small", "bad", "--json", cwd=folder).stdout)
    small, bad = document["runs"]
    summary = json.loads((runs_of(folder)[-1] / "summary.json").read_text())
    assert small["scores"]["test.r2"] == summary["best"]["test"]["r2"]
    assert (small["config"]["optimizer.type"], bad["config"]["optimizer.type"]) == ("AdamW", "SGD")
    assert "optimizer.betas.0" in small["config"]
    assert "optimizer.betas.0" not in bad["config"]
    assert (bad["state"], bad["scores"]) == ("failed", {})
    assert document["plot"] == "runs/comparison.png"
    assert (folder / document["plot"]).is_file()
    assert len(listed(mytorch_command, folder)) == 3, "the picture among the runs is no run"


def test_compare_of_equal_configs(folder, mytorch_command):
    mytorch_command("train", "small.yaml", "-q", cwd=folder)
    first, _, third = (str(run.relative_to(folder / "runs")) for run in runs_of(folder))
    assert mytorch_command("compare", first, third, cwd=folder).stdout.startswith("the configs are the same\n")


def test_mistakes_of_compare(folder, mytorch_command):
    for arguments, code, told in [
        (["small"], 2, "two runs or more, got 1"),
        (["small", "latest", "small"], 2, "the same run is named twice"),
        (["small", "bad", "-o", "x.jpg"], 2, "expected the name of a PNG file, such as comparison.png, got 'x.jpg'"),
        (["small", "bad", "-o", "nowhere/x.png"], 2, "-o: nowhere/x.png: there is no directory 'nowhere'"),
        (["small", "nothing"], 2, "no run 'nothing'"),
    ]:
        assert told in mytorch_command("compare", *arguments, cwd=folder, check=code).stderr


def test_a_comparison_on_a_full_disk(trained, tmp_path, mytorch_command, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mytorch.training.plots.comparison.plot_comparison", full)
    path = tmp_path / "two.png"
    failed = mytorch_command("compare", *runs_of(trained), "-o", path, cwd=trained, check=1)
    assert failed.stderr == f"error: cannot write {path}: {os.strerror(errno.ENOSPC)}; -o FILE.png chooses another\n"
