"""images.safetensors: which samples and filters it holds, and the plots that are drawn from it."""

from __future__ import annotations

import numpy as np
import pytest

from mytorch import nn
from mytorch.training.building.experiment import build
from mytorch.training.commands.redraw import redraw
from mytorch.training.commands.train import train
from mytorch.training.config.config import load_config
from mytorch.training.config.plot_choice import OF_CLASSES, OF_IMAGES, OF_NUMBERS
from mytorch.training.errors import ConfigError
from mytorch.training.loop.image_samples import (
    MISTAKES,
    SAMPLES,
    ImageSamples,
    choose,
    filters_of,
    image_samples,
    read_samples,
    write_samples,
)
from mytorch.training.loop.prediction_table import Part, predictions_of, read_predictions
from mytorch.training.loop.scoring import predict
from mytorch.training.loop.trained import load_trained
from mytorch.training.runs.run import Run

CONFIG = """\
name: shapes
dataset: {type: npy, inputs: x.npy, targets: y.npy, test: {every: 2}, batch_size: 16, augment: [RandomHorizontalFlip]}
model: [{type: Conv2d, out_channels: 4, kernel_size: 3}, ReLU, Flatten, {type: Linear, out_features: 3}]
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 0.003}
train: {epochs: 2}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.integers(0, 256, (200, 1, 8, 8)).astype(np.uint8))
    np.save("y.npy", rng.integers(0, 3, 200))
    (tmp_path / "shapes.yaml").write_text(CONFIG)
    return tmp_path


def trained(folder, *overrides):
    train(folder / "shapes.yaml", list(overrides), runs_dir=folder / "runs", quiet=True)
    return Run.find(folder / "runs", None)


def drawn(run):
    return {path.stem for path in run.plots.iterdir()}


def part_of(target, prediction, sure):
    probabilities = np.full((len(target), 3), 0.0)
    probabilities[np.arange(len(target)), prediction] = sure
    return Part(np.arange(len(target)), np.array(target), np.array(prediction), probabilities)


def test_mistakes_come_first_the_surest_of_them_first_then_all_classes_in_turn():
    part = part_of([0, 0, 0, 1, 1, 2, 2], [0, 2, 0, 1, 0, 2, 2], [0.9, 0.5, 0.8, 0.7, 0.6, 1.0, 0.9])
    assert choose(part, 3).tolist() == [4, 1, 0, 3, 5, 2, 6]


def test_of_many_rows_some():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 500)
    places = choose(part_of(target, (target + (rng.random(500) < 0.4)) % 3, rng.random(500)), 3)
    assert len(set(places.tolist())) == SAMPLES
    part = part_of(target, target, np.ones(500))
    assert np.bincount(target[choose(part, 3)]).tolist() == [11, 11, 10]
    wrong = part_of(target, (target + 1) % 3, np.ones(500))
    assert len(choose(wrong, 3)) == MISTAKES
    numbers = Part(np.arange(50), np.arange(50.0), np.arange(50.0) + np.arange(50) % 7)
    places = choose(numbers, 0)
    assert len(set(places.tolist())) == SAMPLES
    assert set(places[:7] % 7) == {6}


@pytest.mark.parametrize(
    ("model", "shape", "layer", "filters"),
    [
        (nn.Sequential(nn.Conv2d(3, 5, 3)), (3, 8, 8), "Conv2d 0", (5, 3, 3, 3)),
        (nn.Conv2d(1, 2, (3, 5)), (1, 8, 8), "Conv2d", (2, 1, 3, 5)),
        (nn.Sequential(nn.Flatten(), nn.Linear(48, 7)), (3, 4, 4), "Linear 1", (7, 3, 4, 4)),
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)), (1, 8, 8), "Conv2d 1", (2, 1, 3, 3)),
        (nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 7)), (1, 8, 8), "Linear 2", (0, 1, 8, 8)),
        (nn.Sequential(nn.ReLU()), (1, 8, 8), "", (0, 1, 8, 8)),
    ],
)
def test_the_filters_of_the_first_layer(model, shape, layer, filters):
    name, weights = filters_of(model, shape)
    assert (name, weights.shape) == (layer, filters)


def test_a_file_is_read_as_it_was_written(tmp_path):
    samples = ImageSamples(
        "test", np.array([3, 1]), np.ones((2, 1, 4, 4), np.uint8), "Conv2d 0", np.zeros((0, 1, 4, 4), np.float32)
    )
    write_samples(tmp_path / "images.safetensors", samples)
    again = read_samples(tmp_path / "images.safetensors")
    assert (again.split, again.layer, again.places.tolist()) == ("test", "Conv2d 0", [3, 1])
    assert again.images.dtype == np.uint8
    assert again.filters.shape == (0, 1, 4, 4)


def test_what_a_run_keeps_is_what_its_data_and_its_weights_say(folder):
    run = trained(folder)
    assert drawn(run) == {"loss", "confusion", "samples", "gradient-flow"}
    samples, predictions = read_samples(run.images), read_predictions(run.predictions)
    part = predictions.parts["test"]
    assert (samples.images == np.load("x.npy")[part.rows[samples.places]]).all()
    is_wrong = (part.target != part.prediction)[samples.places]
    assert is_wrong[:MISTAKES].all()
    assert not is_wrong[MISTAKES:].any()
    experiment = load_trained(run).experiment
    assert (samples.filters == experiment.model[0].weight.detach().numpy()).all()
    outputs = {name: predict(experiment.model, split.inputs) for name, split in experiment.data.splits.items()}
    again = image_samples(experiment, predictions_of(experiment, outputs))
    assert again.places.tolist() == samples.places.tolist()


def test_plot_needs_no_data(folder):
    run = trained(folder, "plots=all")
    assert drawn(run) == {*OF_CLASSES, *OF_IMAGES}
    before = {name: (run.plots / f"{name}.png").read_bytes() for name in OF_IMAGES}
    (folder / "x.npy").unlink()
    for path in run.plots.iterdir():
        path.unlink()
    redraw(None, runs_dir=folder / "runs")
    assert drawn(run) == {*OF_CLASSES, *OF_IMAGES}
    assert (run.plots / "filters.png").read_bytes() == before["filters"]
    assert (run.plots / "samples.png").read_bytes() == before["samples"]


def test_a_run_that_is_not_finished_and_an_older_one(folder):
    run = trained(folder, "plots=[]")
    run.failure.write_text("{}")  # as if it had failed before it wrote them
    redraw(None, runs_dir=folder / "runs")
    assert drawn(run) == {*OF_CLASSES, *OF_IMAGES}
    run.failure.unlink()
    run.images.unlink()
    for path in run.plots.iterdir():
        path.unlink()
    redraw(None, runs_dir=folder / "runs")
    assert drawn(run) == set(OF_CLASSES)


def test_numbers_from_images_and_rows_of_pixels(folder):
    numbers = ("loss=MSELoss", "dataset.task=regression", "plots=all")
    model = "model=[Flatten, {type: Linear, out_features: 1}]"
    assert drawn(trained(folder, *numbers, model)) == {*OF_NUMBERS, *OF_IMAGES}
    assert drawn(trained(folder, "loss=MSELoss", "dataset.task=regression", model)) == {
        "loss",
        "predictions",
        "gradient-flow",
    }
    np.save("x.npy", np.load("x.npy").reshape(200, 64))
    run = trained(folder, "dataset.augment=[]", "model=[{type: Linear, out_features: 3}]", "plots=[samples, filters]")
    assert drawn(run) == set(OF_IMAGES)
    assert read_samples(run.images).filters.shape == (3, 1, 8, 8)
    pooled = trained(folder, "dataset.augment=[]", "plots=[filters]",
                     "model=[{type: Unflatten, dim: 1, unflattened_size: [1, 64]}, {type: AvgPool1d, kernel_size: 2}, Flatten, "
                     "{type: Linear, out_features: 3}]")  # fmt: skip
    assert drawn(pooled) == set()  # the first weights see no image


def test_data_that_are_no_images_have_no_such_plots(folder):
    np.save("x.npy", np.load("x.npy").reshape(200, 64).astype(np.float32))
    model = "model=[{type: Linear, out_features: 3}]"
    with pytest.raises(
        ConfigError, match=r"plots.1: 'samples' is a plot of images, which the inputs are not; use loss, met"
    ):
        build(load_config(folder / "shapes.yaml", [model, "dataset.augment=[]", "plots=[loss, samples]"]))
    run = trained(folder, model, "dataset.augment=[]", "plots=all")
    assert drawn(run) == set(OF_CLASSES)
    assert not run.images.exists()
