"""Augmentation beside PyTorch: exported scripts with the same images, rotations by grid_sample, ONNX with `Normalize`."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import runpy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mytorch
from mytorch.data.transforms import RandomAffine, RandomCrop, RandomHorizontalFlip, RandomRotation
from mytorch.interop.pytorch_script import export_script
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.trained import load_trained
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

CONFIG = """\
name: shapes
seed: 3
dataset: {type: npy, inputs: x.npy, targets: y.npy, test: {every: 4}, validation: {every: 5}, batch_size: 9, augment: AUGMENT}
model: [{type: Conv2d, out_channels: 3, kernel_size: 3, bias: false}, BatchNorm2d, Tanh, Flatten, {type: Dropout, p: 0.2}, {type: Linear, out_features: 3}]
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 3}
"""
NORMALIZE = "{type: Normalize, mean: [0.4, 0.5], std: [0.3, 0.2]}"
LISTS = {
    "usual": f"[{{type: RandomCrop, padding: 1}}, RandomHorizontalFlip, {NORMALIZE}]",
    "rotation": "[RandomVerticalFlip, {type: RandomRotation, degrees: [-5, 40], interpolation: bilinear, fill: 0.5}]",
    "nearest": f"[{NORMALIZE}, {{type: RandomRotation, degrees: 30, center: [2, 3]}}]",
    "affine": "[{type: RandomAffine, degrees: 9, translate: [0.2, 0.1], scale: [0.8, 1.1], shear: [-5, 5, -9, 9], "
    "interpolation: bilinear}]",
    "crops": "[{type: RandomCrop, padding: [1, 2], padding_mode: reflect}, {type: RandomCrop, size: 6, padding: [0, 1, 2, 0], "
    "padding_mode: edge, pad_if_needed: true}]",
    "only normalize": f"[{{type: RandomHorizontalFlip, p: 0}}, {NORMALIZE}]",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.random((60, 2, 6, 6), np.float32))
    np.save("y.npy", np.arange(60) % 3)
    return tmp_path


def experiment_of(folder, augment, *overrides):
    (folder / "shapes.yaml").write_text(CONFIG.replace("AUGMENT", augment))
    return build(load_config(folder / "shapes.yaml", overrides))


def trained(folder, experiment):
    run = Run.create(folder / "runs", "shapes")
    run.config.write_text(experiment.config.to_yaml())
    Training(experiment, run).run(Progress(1, "quiet"))
    return run


@pytest.mark.parametrize("name", LISTS)
def test_a_script_trains_on_the_same_images(folder, name):
    options = ["train.accumulate=2", "train.swa={start_epoch: 2}"] if name == "usual" else []
    experiment = experiment_of(folder, LISTS[name], *options)
    (folder / "script.py").write_text(export_script(experiment, folder / "script.py"))
    rows = read_metrics(trained(folder, experiment).metrics)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):  # in this process, which has loaded PyTorch already
        runpy.run_path("script.py", run_name="__main__")
    lines = [
        dict(re.findall(r"(\w+) ([\d.e-]+)", line)) for line in out.getvalue().splitlines() if line[:6] == "epoch "
    ]
    assert len(lines) == len(rows) == 3
    for line, row in zip(lines, rows, strict=True):
        for column in ("train_loss", "validation_loss"):
            assert float(line[column]) == pytest.approx(row[column], rel=1e-4)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("[RandomHorizontalFlip, RandomErasing]", "dataset.augment.1: RandomErasing: a script for PyTorch cannot do this yet"),
        ("[{type: RandomCrop, padding: 1, padding_mode: symmetric}]",
         "dataset.augment.0: RandomCrop: a script for PyTorch cannot do padding_mode: symmetric yet"),
        ("[{type: RandomRotation, degrees: 9, fill: [0, 1]}]",
         "dataset.augment.0: RandomRotation: a script for PyTorch cannot do a fill for each channel yet"),
    ],
)  # fmt: skip
def test_what_a_script_cannot_do(folder, augment, message):
    experiment = experiment_of(folder, augment)
    with pytest.raises(UserError, match=re.escape(message)):
        export_script(experiment, folder / "script.py")


def test_a_script_does_not_take_ones_own_for_what_it_derives_from(folder):
    (folder / "own.py").write_text(
        "from mytorch.data.transforms import RandomRotation\n\n\n"
        "class Squared(RandomRotation):\n    def transform(self, images):\n        return super().transform(images) ** 2\n"
    )
    experiment = experiment_of(folder, "[{type: Squared, degrees: 9}]", "imports=[own.py]")
    with pytest.raises(UserError, match=r"dataset\.augment\.0: Squared: a script for PyTorch cannot do this yet"):
        export_script(experiment, folder / "script.py")


def test_one_image_draws_what_torchvision_draws():
    """For one image the numbers are those of `torch.randint` and `torch.rand`, in torchvision's order."""
    image = np.random.default_rng(0).random((3, 8, 8), np.float32)
    for seed in range(5):
        torch.manual_seed(seed)
        padded = F.pad(torch.tensor(image), (2, 2, 2, 2))
        top, left = (int(torch.randint(0, 12 - 8 + 1, (1,))) for _ in range(2))
        expected = padded[:, top : top + 8, left : left + 8]
        if torch.rand(1) < 0.5:
            expected = expected.flip(-1)
        mytorch.manual_seed(seed)
        result = RandomHorizontalFlip()(RandomCrop(8, padding=2)(mytorch.from_numpy(image)))
        assert (result.numpy() == expected.numpy()).all()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_rotations_are_those_of_grid_sample(interpolation):
    images = np.random.default_rng(0).random((4, 2, 7, 9), np.float32)
    mytorch.manual_seed(1)
    result = RandomRotation(50, interpolation)(mytorch.from_numpy(images)).numpy()
    torch.manual_seed(1)
    angle = torch.deg2rad(torch.empty(4).uniform_(-50, 50)).double()
    sine, cosine, ratio = angle.sin(), angle.cos(), 9 / 7
    none = torch.zeros(4)
    theta = torch.stack([cosine, -sine / ratio, none, sine * ratio, cosine, none], 1).reshape(4, 2, 3)
    grid = F.affine_grid(theta.float(), [4, 2, 7, 9], align_corners=False)
    expected = F.grid_sample(torch.tensor(images), grid, interpolation, "zeros", align_corners=False)
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-5)
    same = RandomAffine(0, scale=(1, 1), interpolation=interpolation)(mytorch.from_numpy(images))
    np.testing.assert_allclose(same.numpy(), images, atol=1e-6)


def test_an_onnx_model_takes_images_as_they_are(folder):
    onnxruntime = pytest.importorskip("onnxruntime")
    from mytorch.interop.onnx_model import model_of, to_bytes

    run = trained(folder, experiment_of(folder, LISTS["usual"], "dataset.normalize.inputs=standard"))
    session = onnxruntime.InferenceSession(to_bytes(model_of(load_trained(run).experiment)))
    (given,) = session.run(None, {"input": np.load("x.npy")[::4]})
    table = [row for row in csv.DictReader(run.predictions.read_text().splitlines()) if row["split"] == "test"]
    expected = [[float(row[f"probability:{name}"]) for name in "012"] for row in table]
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-6)
