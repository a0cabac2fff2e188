"""`mytorch bisect`, seen from the command line: runs that are equal, that diverge, and that cannot be reproduced."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.runs import checkpoint

CONFIG = """\
name: tiny
dataset: {type: csv, path: data.csv, target: y, validation: {every: 4}, batch_size: 4}
model: [{type: Linear, out_features: 3}, BatchNorm1d, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 4}
checkpoint: {every_steps: 4}
"""
NOISE = """\
import numpy as np
from mytorch import nn
class Noise(nn.Module):
    def forward(self, x):
        return x + float(np.random.default_rng().random()) / 1000
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory, mytorch_command):
    """Runs of 12 steps in 4 epochs: two that are equal, and others, each under a name of its own."""
    folder = tmp_path_factory.mktemp("bisect")
    (folder / "data.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(16)))
    (folder / "tiny.yaml").write_text(CONFIG)
    (folder / "noise.py").write_text(NOISE)
    changes = {
        "first": [],
        "second": [],
        "longer": ["train.epochs=6"],
        "lr": ["optimizer.lr=0.02"],
        "seed": ["seed=1"],
        "schedule": ["scheduler={type: StepLR, step_size: 2}"],
        "dropout": ["model.2.p=0.4"],
        "noisy": ["imports=[noise.py]", "model.2=Noise"],
        "noisy-too": ["imports=[noise.py]", "model.2=Noise"],
    }
    for name, overrides in changes.items():
        mytorch_command("train", "tiny.yaml", "-q", "--name", name, *overrides, cwd=folder)
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy that a test may change; paths in the configs lead to the original's data."""
    return Path(shutil.copytree(trained, tmp_path / "copy", symlinks=True))


@pytest.fixture
def found(mytorch_command):
    def find(folder, left, right, check=1):
        done = mytorch_command("bisect", left, right, "--json", cwd=folder, check=check)
        document = json.loads(done.stdout)
        assert document["state"] == ("different" if check else "equal")
        return document

    return find


def state_of(folder: Path, name: str, step: int) -> Path:
    (path,) = folder.glob(f"runs/{name}/*/checkpoints/state-{step:08d}.safetensors")
    return path


def change_a_weight(path: Path) -> None:
    arrays, metadata = checkpoint.load(path)
    weight = arrays["model.3.weight"]
    weight[0, 1] = np.nextafter(weight[0, 1], np.float32(9))
    checkpoint.save(path, arrays, metadata)


def test_equal_runs(trained, mytorch_command, found):
    out = mytorch_command("bisect", "first", "second", cwd=trained).stdout
    assert "config" in out.splitlines()[1], "their names differ"
    assert out.endswith("the same to the bit: the checkpoints of step 12, the newest that both can have\n")
    document = found(trained, "first", "second", check=0)
    assert (document["begin"], document["end"], document["replayed"]) == (12, 12, False)


def test_a_longer_run_is_equal_as_far_as_the_shorter_goes(trained, found):
    document = found(trained, "first", "longer", check=0)
    # The longer one keeps its checkpoints of the steps 16 and 18 only, so both are trained again.
    assert (document["begin"], document["end"], document["replayed"]) == (0, 12, True)


def test_a_checkpoint_of_one_run_alone_is_compared_with_its_replay(folder, found):
    state_of(folder, "first", 12).unlink()
    state_of(folder, "second", 8).unlink()
    document = found(folder, "first", "second", check=0)
    assert (document["begin"], document["end"], document["replayed"]) == (0, 8, True)
    change_a_weight(state_of(folder, "first", 8))
    document = found(folder, "first", "second")
    assert (document["first"], document["stored"]) == (None, None)
    (unlike,) = document["unlike_replay"]
    assert (unlike["step"], [d["tensor"] for d in unlike["differences"]]) == (8, ["3.weight in the model"])


def test_another_learning_rate_shows_in_the_weights_of_the_first_step(trained, mytorch_command, found):
    done = mytorch_command("bisect", "first", "lr", cwd=trained, check=1)
    assert re.search(r"optimizer\.lr +0\.01 +0\.02", done.stdout)
    assert (
        "the first difference is in step 1 (epoch 1, step 1 of 3):\n  0.weight in the model, (3, 2) float32:"
        in done.stdout
    )
    assert "still the same just before it: gradient of" in done.stdout
    assert done.stderr == "error: the runs differ: step 1, 0.weight in the model\n"
    first = found(trained, "first", "lr")["first"]
    assert first["step"] == 1
    assert first["losses"][0] == first["losses"][1]
    assert 0 < first["largest_difference"] < 0.1


def test_another_seed_shows_before_the_first_step(trained, found):
    document = found(trained, "first", "seed")
    assert document["first"]["step"] == 0
    assert document["first"]["tensor"] == "0.weight in the model"
    assert document["first"]["same_before"] is None


def test_a_schedule_shows_in_the_step_after_it_has_changed_the_rate(trained, found):
    first = found(trained, "first", "schedule")["first"]
    assert first["step"] == 7, "StepLR lowers the rate after two epochs of three steps"
    assert first["tensor"] == "0.weight in the model"
    assert first["places"] == ["epoch 3, step 1 of 3"] * 2


def test_another_layer_shows_in_its_output(trained, found):
    first = found(trained, "first", "dropout")["first"]
    assert (first["step"], first["tensor"]) == (1, "output of layer 2 (Dropout)")
    assert first["same_before"] == "output of layer 1 (BatchNorm1d)"
    assert found(trained, "first", "noisy")["first"]["tensor"] == "output of layer 2 (Dropout | Noise)"


def test_a_layer_without_a_seed_is_found_out(trained, mytorch_command):
    done = mytorch_command("bisect", "noisy", "noisy-too", cwd=trained, check=1)
    assert "output of layer 2 (Noise), (4, 3) float32: 12 of 12 numbers differ" in done.stdout
    assert "note: no config key explains this: does a layer or data set of your own draw from a stream" in done.stdout


def test_a_weight_that_was_changed_by_hand_before_the_training_went_on(folder, mytorch_command, found):
    newest = state_of(folder, "second", 12)
    newest.unlink()
    change_a_weight(state_of(folder, "second", 8))
    (run,) = folder.glob("runs/second/*")
    (run / "summary.json").unlink()
    mytorch_command("resume", run, "-q", "--force", cwd=folder)
    document = found(folder, "first", "second")
    assert document["first"] is None, "what the configs say is the same"
    assert document["stored"]["step"] == 8
    (difference,) = document["stored"]["differences"]
    assert (difference["tensor"], difference["count"]) == ("3.weight in the model", 1)
    assert difference["first"][0]["index"] == [0, 1]
    (unlike,) = document["unlike_replay"]
    assert (unlike["run"], unlike["step"]) == (str(run.relative_to(folder)), 8)
    text = mytorch_command("bisect", "first", "second", cwd=folder, check=1)
    assert "both replays are the same, but not what the runs have stored" in text.stdout
    assert "the checkpoints of step 8 differ, the first that both have:" in text.stdout
    assert "or it was changed by hand" in text.stdout
    assert "in what they stored after step 8, not in their replays" in text.stderr


def test_it_begins_at_the_newest_checkpoint_that_is_the_same(folder, mytorch_command, found):
    (run,) = folder.glob("runs/second/*")
    mytorch_command(
        "resume", run, "train.epochs=8", "optimizer.lr=0.5", "--force", "-q", "checkpoint.keep=9", cwd=folder
    )
    (run,) = folder.glob("runs/first/*")
    mytorch_command("resume", run, "train.epochs=8", "-q", "checkpoint.keep=9", cwd=folder)
    document = found(folder, "first", "second")
    assert document["begin"] == 12
    assert (document["first"]["step"], document["first"]["tensor"]) == (13, "0.weight in the model")


def test_data_and_versions_that_have_changed_are_told(folder, found):
    data = folder / "data.csv"
    for path in [*folder.glob("runs/first/*/config.yaml"), *folder.glob("runs/lr/*/config.yaml")]:
        path.write_text(re.sub(r"path: .*data\.csv", f"path: {data}", path.read_text()))
    data.write_text(data.read_text() + "9,9,9\n")
    path = state_of(folder, "lr", 12)
    arrays, metadata = checkpoint.load(path)
    checkpoint.save(path, arrays, metadata | {"versions": metadata["versions"] | {"numpy": "1.0"}})
    notes = "\n".join(found(folder, "first", "lr")["notes"])
    assert "was trained on other data: the validation rows: 4 rows -> 5 rows" in notes
    assert "was trained with numpy 1.0, now it is numpy" in notes


def test_a_damaged_checkpoint_is_passed_over(folder, found):
    path = state_of(folder, "second", 12)
    path.write_bytes(path.read_bytes()[:-9])
    document = found(folder, "first", "second", check=0)
    assert document["end"] == 8
    assert "state-00000012.safetensors: the checkpoint is damaged" in "\n".join(document["notes"])


def test_runs_that_cannot_be_compared(folder, mytorch_command):
    assert "bisect takes two runs, got 1" in mytorch_command("bisect", "first", cwd=folder, check=2).stderr
    assert "both are the same run" in mytorch_command("bisect", "first", "first", cwd=folder, check=2).stderr
    for name in ("first", "second"):
        for path in folder.glob(f"runs/{name}/*/checkpoints/state-*"):
            path.unlink()
    assert (
        "has a checkpoint that can be read" in mytorch_command("bisect", "first", "second", cwd=folder, check=2).stderr
    )


def test_a_replay_that_fails(folder, mytorch_command):
    for name in ("wild", "wilder"):
        command = (
            "train",
            "tiny.yaml",
            "-q",
            "--name",
            name,
            "optimizer={type: SGD, lr: 1e30}",
            "checkpoint.every_steps=1",
        )
        mytorch_command(*command, cwd=folder, check=1)
    done = mytorch_command("bisect", "wild", "wilder", cwd=folder)
    assert "the same to the bit" in done.stdout
