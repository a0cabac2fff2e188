"""Scripts exported for MNIST read the IDX files themselves, and PyTorch's losses are those here; so do ONNX files."""

from __future__ import annotations

import contextlib
import io
import re
import runpy

import numpy as np
import pytest

from mytorch.data.mnist import MNIST
from mytorch.interop.pytorch_script import export_script
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

CONFIG = """\
name: small
dataset: {type: mnist, batch_size: 32}
model:
  - {type: Conv2d, out_channels: 4, kernel_size: 3, stride: 2, bias: false}
  - BatchNorm2d
  - ReLU
  - Flatten
  - {type: Dropout, p: 0.2}
  - {type: Linear, out_features: 10}
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 1e-2}
scheduler: {type: OneCycleLR, max_lr: 1e-2}
train: {epochs: 3}
metrics: [accuracy]
"""
FLAT = ["dataset.flatten=true", "model=[{type: Linear, out_features: 16}, Tanh, {type: Linear, out_features: 10}]"]


@pytest.fixture
def folder(tmp_path, put_mnist, monkeypatch):
    """A directory with the config and files of a few images, one of them packed, which count as MNIST's."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    labels = {prefix: generator.integers(0, 10, count) for prefix, count in (("train", 200), ("t10k", 50))}
    images = {
        prefix: generator.integers(0, 230, (len(of), 28, 28)) + of[:, None, None] for prefix, of in labels.items()
    }
    put_mnist(tmp_path / "datasets" / "mnist", images, labels, packed=["train-images"])
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["dataset.validation={fraction: 0.2}", "dataset.normalize={inputs: standard}", "dataset.limit=150"],
        [*FLAT, "dataset.normalize={inputs: minmax}"],
        [*FLAT, "dataset.part=train", "dataset.limit=100", "dataset.test={fold: 2, folds: 3}"],
        ["dataset.part=test", "dataset.validation={every: 5}", "dataset.batch_size=8"],
    ],
)
def test_the_script_trains_the_same(folder, changes):
    path = folder / "train.py"
    path.write_text(export_script(build(load_config("small.yaml", changes)), path), encoding="utf-8")
    experiment = build(load_config("small.yaml", changes))
    run = Run.create(folder / "runs", "here")
    summary = Training(experiment, run).run(Progress(3, "quiet"))
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(path), run_name="__main__")
    losses = [float(loss) for loss in re.findall(r"train_loss ([\d.e+-]+)", out.getvalue())][:3]
    assert losses == pytest.approx([row["train_loss"] for row in read_metrics(run.metrics)], rel=1e-4)
    final = "\n".join(line for line in out.getvalue().splitlines() if line.startswith("final"))
    for part, scores in summary["final"].items():
        for name, value in scores.items():
            (found,) = re.findall(rf"{part}_{name} ([\d.e+-]+)", final)
            assert float(found) == pytest.approx(value, rel=1e-4, abs=1e-6), (part, name)


def test_onnx_takes_pixels(folder, mytorch_command):
    import onnxruntime

    mytorch_command("train", "small.yaml", cwd=folder)
    mytorch_command("export", "--to", "onnx", "-o", "small.onnx", cwd=folder)
    images = "datasets/mnist/t10k-images-idx3-ubyte"
    mytorch_command("predict", "small", images, "-o", "out.csv", cwd=folder)
    expected = np.loadtxt(folder / "out.csv", delimiter=",", skiprows=1)[:, 2:]
    session = onnxruntime.InferenceSession(str(folder / "small.onnx"), providers=["CPUExecutionProvider"])
    pixels = MNIST(part="test").load().inputs.astype(np.float32)
    (probabilities,) = session.run(None, {"input": pixels})
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4, atol=1e-6)
