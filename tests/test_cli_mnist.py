"""MNIST on the command line: trained, evaluated, used, handed on; and without its files: what is said then."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from mytorch.data.mnist import MNIST, FashionMNIST

CONFIG = """\
name: small
dataset: {type: mnist, validation: {fraction: 0.2}, batch_size: 20}
model:
  - {type: Conv2d, out_channels: 4, kernel_size: 3, stride: 2}
  - ReLU
  - {type: MaxPool2d, kernel_size: 2}
  - Flatten
  - {type: Linear, out_features: 10}
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 3}
metrics: [accuracy]
"""


@pytest.fixture
def folder(tmp_path, put_mnist):
    """A directory with a config and with files of a few images, of a pattern for each class, which count as MNIST's."""
    generator = np.random.default_rng(0)
    patterns = generator.integers(0, 200, (10, 28, 28))
    labels = {prefix: np.arange(count) % 10 for prefix, count in (("train", 200), ("t10k", 50))}
    images = {prefix: patterns[of] + generator.integers(0, 56, (len(of), 28, 28)) for prefix, of in labels.items()}
    put_mnist(tmp_path / "datasets" / "mnist", images, labels)
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_trained_evaluated_and_gone_on_with(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--json", cwd=folder)
    document = json.loads(done.stdout)
    assert document["best"]["test"]["accuracy"] > 0.8
    rows = rows_of(folder / "runs" / "latest" / "predictions.csv")
    assert [int(row["row"]) for row in rows if row["split"] == "test"] == list(range(200, 250))
    assert len(rows) == 250
    scores = json.loads(mytorch_command("eval", "--json", cwd=folder).stdout)
    assert document["best"]["test"] == scores["scores"]
    assert "the same to the bit: weights" in mytorch_command("resume", "--verify", cwd=folder).stdout
    mytorch_command("resume", "train.epochs=4", cwd=folder)
    assert json.loads((folder / "runs" / "latest" / "summary.json").read_text())["epochs"] == 4
    checked = mytorch_command("check", "small.yaml", cwd=folder).stdout
    assert "1 x 28 x 28 numbers" in checked
    assert "160 train, 40 validation, 50 test" in checked


def test_predictions_of_every_kind_of_file_are_those_of_the_training(folder, mytorch_command):
    mytorch_command("train", "small.yaml", cwd=folder)
    trained = rows_of(folder / "runs" / "latest" / "predictions.csv")
    expected = [row for row in trained if row["split"] == "test"]
    rows = []
    images = MNIST(part="test", folder=str(folder / "datasets" / "mnist")).load().inputs[:, 0]
    np.save(folder / "images.npy", images)
    (folder / "png").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "png" / f"{number:02}.png")
    for given in ("png", "datasets/mnist/t10k-images-idx3-ubyte.gz", "images.npy"):
        mytorch_command("predict", "small", given, "-o", "out.csv", cwd=folder)
        rows = rows_of(folder / "out.csv")
        assert [row["class"] for row in rows] == [row["prediction"] for row in expected]
        for name in MNIST.class_names:
            column = f"probability:{name}"
            one, other = ([float(row[column]) for row in each] for each in (rows, expected))
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-9)
    np.save(folder / "scaled.npy", images / np.float32(255))
    refused = mytorch_command("predict", "small", "scaled.npy", cwd=folder, check=2)
    assert "the model was trained on pixels, whole numbers from 0 to 255: write --divide 1" in refused.stderr
    np.save(folder / "floats.npy", images.astype(np.float32))
    mytorch_command("predict", "small", "floats.npy", "--divide", "1", "-o", "floats.csv", cwd=folder)
    assert rows_of(folder / "floats.csv") == rows


def test_names_of_classes_travel(folder, mytorch_command, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "sha256", MNIST.sha256)
    (folder / "datasets" / "mnist").rename(folder / "datasets" / "fashion-mnist")
    changes = ["dataset.type=fashion-mnist", "dataset.flatten=true", "model=[{type: Linear, out_features: 10}]"]
    mytorch_command("train", "small.yaml", *changes, cwd=folder)
    rows = rows_of(folder / "runs" / "latest" / "predictions.csv")
    assert {row["target"] for row in rows} == set(FashionMNIST.class_names)
    given = "datasets/fashion-mnist/t10k-images-idx3-ubyte.gz"
    mytorch_command("predict", "small", given, "-o", "out.csv", cwd=folder)
    assert list(rows_of(folder / "out.csv")[0])[2:4] == ["probability:T-shirt/top", "probability:Trouser"]


def test_a_smoke_test_needs_neither_files_nor_network(folder, mytorch_command):
    done = mytorch_command("train", "small.yaml", "--smoke", cwd=folder)
    assert "smoke test of small passed" in done.stdout
    assert "made-up" not in done.stdout, "the files are there"
    (folder / "datasets" / "mnist" / "train-labels-idx1-ubyte.gz").unlink()
    done = mytorch_command("train", "small.yaml", "--smoke", cwd=folder)
    assert "made-up images stood in for train-labels-idx1-ubyte\n" in done.stdout
    document = json.loads(mytorch_command("train", "small.yaml", "--smoke", "--json", cwd=folder).stdout)
    assert document["stand_in_for"] == ["train-labels-idx1-ubyte"]


def test_without_files_and_network_one_line_says_what_to_do(folder, mytorch_command):
    for path in (folder / "datasets" / "mnist").iterdir():
        path.unlink()
    refused = mytorch_command("train", "small.yaml", cwd=folder, check=2)
    (line,) = (line for line in refused.stderr.splitlines() if not line.startswith("downloading"))
    assert "small.yaml:2:10: dataset: mnist: cannot be downloaded (127.0.0.1:9: no connection); put " in line
    assert line.endswith(f"into {folder / 'datasets' / 'mnist'}")
    assert not (folder / "runs").exists()


def test_a_check_needs_neither_files_nor_network(folder, mytorch_command):
    (folder / "datasets" / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    done = mytorch_command("check", "small.yaml", cwd=folder)
    assert "fewer than there will be, stand in for t10k-labels-idx1-ubyte\n" in done.stdout
    assert "downloading" not in done.stderr


def test_a_linear_layer_on_images_is_told_to_flatten_them(folder, mytorch_command):
    refused = mytorch_command("check", "small.yaml", "model=[{type: Linear, out_features: 10}]", cwd=folder, check=2)
    assert "the model ends with the shape (1, 28, 10)" in refused.stderr
    assert "end with Flatten and {type: Linear, out_features: 10}" in refused.stderr


def test_what_does_not_go_together(folder, mytorch_command):
    refused = mytorch_command("train", "small.yaml", "dataset.test={every: 4}", cwd=folder, check=2)
    assert "has 50 test rows of its own; leave out test: {every: 4}" in refused.stderr
    refused = mytorch_command("train", "small.yaml", "dataset.part=all", "dataset.limit=0", cwd=folder, check=2)
    assert "dataset.part" in refused.stderr
    mytorch_command("train", "small.yaml", "dataset.part=train", "--folds", "2", "train.epochs=1", cwd=folder)
