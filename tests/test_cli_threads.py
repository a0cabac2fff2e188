"""`--threads` and `train.threads`: their number changes no bit, and a run may go on with another one."""

from __future__ import annotations

import pytest
from safetensors.numpy import load_file

CONFIG = """\
name: small
dataset: {type: digits, count: 300, test: {every: 4}, batch_size: 64, augment: [{type: RandomCrop, padding: 2}]}
model:
  - {type: Conv2d, out_channels: 16, kernel_size: 3, padding: 1}
  - BatchNorm2d
  - ReLU
  - {type: MaxPool2d, kernel_size: 2}
  - Flatten
  - {type: Linear, out_features: 256}
  - {type: Dropout, p: 0.2}
  - {type: Linear, out_features: 10}
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 2}
metrics: [accuracy]
plots: []
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def files_of(folder, name):
    """What a run leaves behind, but for times."""
    (run,) = (folder / "runs" / name).iterdir()
    weights = load_file(run / "checkpoints" / "best.safetensors")
    lines = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    place = lines[0].index("seconds")
    metrics = [line[:place] + line[place + 1 :] for line in lines]
    return {key: array.tobytes() for key, array in weights.items()}, metrics, (run / "predictions.csv").read_text()


def test_one_thread_or_two_make_the_same_bits_and_so_does_a_change_between(folder, mytorch_command):
    mytorch_command("train", "small.yaml", "--threads", "1", "--name", "one", "-q", cwd=folder)
    mytorch_command("train", "small.yaml", "train.threads=2", "--name", "two", "-q", cwd=folder)
    assert files_of(folder, "one") == files_of(folder, "two")
    mytorch_command("train", "small.yaml", "--threads", "1", "--name", "both", "train.epochs=1", "-q", cwd=folder)
    resumed = mytorch_command("resume", "both", "--threads", "2", "train.epochs=2", cwd=folder)
    assert "changed: train.threads: 1 -> 2" in resumed.stderr
    assert files_of(folder, "both") == files_of(folder, "one")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--threads", "0"], "Invalid value for '--threads'"),
        (["--threads", "x"], "Invalid value for '--threads'"),
        (["train.threads=0"], "train.threads: expected a number of at least 1, got 0"),
        (["train.threads=1.5"], "train.threads: expected an integer, got 1.5"),
    ],
)
def test_numbers_that_are_none(folder, mytorch_command, options, told):
    assert told in mytorch_command("train", "small.yaml", *options, cwd=folder, check=2).stderr
    assert not (folder / "runs").exists()
