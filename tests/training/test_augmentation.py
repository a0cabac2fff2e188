"""`dataset.augment`: what it changes and what not, resumes to the bit, and `Normalize` wherever a model is used."""

from __future__ import annotations

import csv
import json
import random

import numpy as np
import pytest

import mytorch
from mytorch.data.transforms import RandomCrop
from mytorch.training import random_streams
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import ConfigError, RunFailed, Stopped
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.resume import reopen
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.trained import load_model, load_trained
from mytorch.training.loop.verify import digests, replay
from mytorch.training.prediction.predict import predict
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states

CONFIG = """\
name: shapes
seed: 3
dataset:
  type: npy
  inputs: x.npy
  targets: y.npy
  test: {every: 4}
  validation: {every: 5}
  augment: AUGMENT
  batch_size: 9
model:
  - {type: Conv2d, out_channels: 3, kernel_size: 3}
  - Tanh
  - Flatten
  - {type: Dropout, p: 0.2}
  - {type: Linear, out_features: 3}
loss: CrossEntropyLoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 3}
checkpoint: {every_epochs: 100}
plots: []
"""
ALL = """
    - {type: RandomCrop, padding: 1}
    - RandomHorizontalFlip
    - {type: RandomRotation, degrees: 20, interpolation: bilinear}
    - {type: Normalize, mean: [0.4, 0.5], std: [0.3, 0.2]}
    - {type: RandomErasing, value: random}"""
STEPS = 3 * 4  # of 60 rows, 36 are trained on, 9 in a batch


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.random((60, 2, 6, 6), np.float32))
    np.save("y.npy", np.arange(60) % 3)
    (tmp_path / "shapes.yaml").write_text(CONFIG.replace("AUGMENT", ALL))
    return tmp_path


class StopAfter(StopRequest):
    def __init__(self, training, step):
        self.training, self.step = training, step

    @property
    def signal(self):
        return 15 if self.training.steps >= self.step else None


def run_training(training, stop_after=10**9):
    try:
        training.run(Progress(1, "quiet"), StopAfter(training, stop_after))
    except Stopped:
        return False
    return True


def trained(folder, *overrides, stop_after=10**9):
    experiment = build(load_config(folder / "shapes.yaml", overrides))
    run = Run.create(folder / "runs", "shapes")
    run.config.write_text(experiment.config.to_yaml())
    run_training(Training(experiment, run), stop_after)
    return run


def rows(run):
    return [row | {"seconds": 0} for row in csv.DictReader(run.metrics.read_text().splitlines())]


def problems(folder, *overrides):
    with pytest.raises(ConfigError) as caught:
        build(load_config(folder / "shapes.yaml", overrides))
    return [problem.message for problem in caught.value.problems]


# --- random numbers -----------------------------------------------------------------------------------------------------


def test_augmentation_that_changes_nothing_changes_no_number(folder):
    """Its draws come from a stream of their own: weights, shuffles and dropout are those of a training without it."""
    without = trained(folder, "dataset.augment=[]")
    idle = "dataset.augment=[{type: RandomHorizontalFlip, p: 0.0}, {type: RandomErasing, p: 0.0}]"
    same = trained(folder, idle)
    assert rows(same) == rows(without)
    assert same.last_checkpoint.read_bytes() == without.last_checkpoint.read_bytes()
    assert rows(trained(folder)) != rows(without)


def test_each_epoch_has_other_images(folder):
    training = Training(build(load_config(folder / "shapes.yaml", ["dataset.shuffle=false"])), Run(folder))
    first, second = (training.next_batches(iter(training.batches))[0][0] for _ in range(2))
    assert first.shape == second.shape == (9, 2, 6, 6)
    assert (first != second).any()


def test_workers_change_no_number(folder):
    assert rows(trained(folder, "dataset.workers=3")) == rows(trained(folder))


def test_the_stream_goes_by_the_seed(folder):
    mytorch.seed()
    one = rows(trained(folder))
    assert rows(trained(folder)) == one
    random_streams.seed_streams(0)
    with random_streams.augmenting():
        first = mytorch.rand(3)
    random_streams.seed_streams(1)
    with random_streams.augmenting():
        assert (mytorch.rand(3) != first).all()


def test_an_error_inside_gives_the_streams_back():
    random_streams.seed_streams(0)
    expected = mytorch.manual_seed(0).get_state()
    with pytest.raises(ZeroDivisionError), random_streams.augmenting():
        mytorch.rand(3 // 0)
    assert (mytorch.get_rng_state() == expected).all()


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop_after", [1, 3, 4, 6, STEPS - 1])
def test_stopped_and_gone_on_with_at_any_step(folder, stop_after, workers):
    whole = trained(folder, f"dataset.workers={workers}")
    stopped = trained(folder, f"dataset.workers={workers}", stop_after=stop_after)
    assert not stopped.summary.exists()
    for seed in (random.seed, np.random.seed, mytorch.seed, random_streams._augmentation.seed):  # another process
        seed()
    training, notes = reopen(stopped, [], force=False)
    assert notes == []
    assert run_training(training)
    assert rows(stopped) == rows(whole)
    for which in ("best_checkpoint", "last_checkpoint", "predictions", "gradients"):
        assert getattr(stopped, which).read_bytes() == getattr(whole, which).read_bytes()
    (arrays, metadata), (others, other) = (checkpoint.load(states(run)[0]) for run in (stopped, whole))
    assert digests(arrays, metadata["state"]) == digests(others, other["state"])


def test_verify_replays_augmented_steps(folder):
    run = trained(folder, "checkpoint={every_steps: 5, keep: 5}")
    assert replay(run)["steps"] > 0


def test_a_checkpoint_of_before_there_was_augmentation(folder):
    streams = random_streams.get_streams()
    drawn = random.random()
    del streams["augmentation"]
    random_streams.set_streams(streams)
    assert random.random() == drawn


# --- Normalize is for all images ----------------------------------------------------------------------------------------


def test_normalize_is_what_scores_and_predictions_are_made_with(folder, capsys):
    """A training with `Normalize` is one on images that were normalised before, and the same for files to predict."""
    images = np.load("x.npy")
    normalize = "{type: Normalize, mean: [0.4, 0.5], std: [0.3, 0.2]}"
    mean, std = np.float32([0.4, 0.5])[:, None, None], np.float32([0.3, 0.2])[:, None, None]
    np.save("before.npy", (images - mean) / std)
    here = trained(folder, f"dataset.augment=[{normalize}]")
    there = trained(folder, "dataset.augment=[]", "dataset.inputs=before.npy")
    assert rows(here) == rows(there)
    assert here.predictions.read_bytes() == there.predictions.read_bytes()

    _, metadata = checkpoint.load(here.best_checkpoint)
    assert metadata["preparation"]["channels"] == {"mean": [0.4, 0.5], "std": [0.3, 0.2]}
    assert load_model(here).experiment.data.preparation.channels.mean == [0.4, 0.5]
    inputs = load_trained(here).experiment.data.test.inputs
    assert (inputs[:] == np.load("before.npy")[::4]).all()
    assert (inputs[2] == np.load("before.npy")[8]).all()

    predict(str(here), ["x.npy"], runs_dir=folder / "runs", output=folder / "here.csv")
    predict(str(there), ["before.npy"], runs_dir=folder / "runs", output=folder / "there.csv")
    assert (folder / "here.csv").read_bytes() == (folder / "there.csv").read_bytes()


def test_a_preparation_that_is_kept_has_the_same_normalize(folder):
    run = trained(folder)
    keep = f"finetune={{from: {run}, preparation: keep}}"
    said = "Normalize(mean=[0.4, 0.5], std=[0.3, 0.2])"
    for augment in ("[]", "[{type: Normalize, mean: 0.5, std: 0.5}]"):
        assert problems(folder, keep, f"dataset.augment={augment}") == [
            f"finetune.preparation: keep: images went through {said}; write the same under dataset.augment"
        ]
    assert build(load_config(folder / "shapes.yaml", [keep])).data.preparation.channels is not None


def test_normalize_stands_at_its_place_in_a_training(folder):
    """A crop before it fills in black, one behind it the mean."""
    crop = "{type: RandomCrop, padding: 6}"
    normalize = "{type: Normalize, mean: 0.5, std: 1}"
    for order, filled in (((crop, normalize), -0.5), ((normalize, crop), 0.0)):
        config = load_config(folder / "shapes.yaml", [f"dataset.augment=[{', '.join(order)}]"])
        inputs, *_ = Training(build(config), Run(folder)).first_batch()
        values, counts = np.unique(inputs.numpy(), return_counts=True)
        assert values[counts.argmax()] == filled


# --- configs ------------------------------------------------------------------------------------------------------------


def test_a_config_is_written_in_full_and_read_again(folder):
    config = load_config(folder / "shapes.yaml")
    assert isinstance(build(config).augmentation.transforms[0], RandomCrop)
    (folder / "again.yaml").write_text(config.to_yaml())
    assert load_config(folder / "again.yaml") == config
    assert "padding_mode: constant" in config.to_yaml()
    assert "augment" not in load_config(folder / "shapes.yaml", ["dataset.augment=[]"]).to_yaml()


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("[RandomCop]", "dataset.augment.0: unknown transform 'RandomCop'; did you mean 'RandomCrop'?"),
        ("[ReLU]", "dataset.augment.0: 'ReLU' is a layer, not a transform"),
        ("RandomCrop", "dataset.augment: expected a list, got text 'RandomCrop'; for example augment: [{type: RandomCrop, "
         "padding: 2}, RandomHorizontalFlip]"),
        ("[{type: RandomRotation, degree: 9, degrees: 9}]",
         "dataset.augment.0: RandomRotation has no argument 'degree'; did you mean 'degrees'?"),
        ("[RandomVerticalFlip, {type: RandomHorizontalFlip, p: 2}]",
         "dataset.augment.1.p: RandomHorizontalFlip: p is a probability from 0 to 1, got 2.0"),
        ("[{type: RandomCrop, size: 5}]",
         "dataset.augment.0: RandomCrop: makes images of 2 x 5 x 5, and those that are scored have 2 x 6 x 6; the size has "
         "to stay"),
        ("[RandomVerticalFlip, {type: Normalize, mean: [1, 2, 3], std: 1}]",
         "dataset.augment.1: Normalize: mean has numbers for 3 channels, and the images have 2"),
        ("[{type: Normalize, mean: 0, std: 1}, {type: Normalize, mean: 0, std: 1}]",
         "dataset.augment.1: Normalize is listed twice; the mean and std of one can do the work of both"),
        ("[{type: Normalize, mean: 0, std: 1e-39}]", "dataset.augment.0: Normalize: makes values that are not finite"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(folder, augment, message):
    assert problems(folder, f"dataset.augment={augment}") == [message]


def test_data_without_images(folder):
    np.save("x.npy", np.zeros((60, 8), np.float32))
    model = "model=[{type: Linear, out_features: 3}]"
    assert problems(folder, model) == [
        "dataset.augment: the transforms are for images (channels, height, width), and the rows of the data are 8 numbers"
    ]
    table = [
        "dataset={type: boston, augment: [RandomHorizontalFlip]}",
        "model=[{type: Linear, out_features: 1}]",
        "loss=MSELoss",
    ]
    assert problems(folder, *table)[0].endswith("and the rows of the data are columns of a table")


OWN = """
import mytorch
from mytorch.data.transforms import Transform


class Noise(Transform):
    def __init__(self, size: float = 0.1) -> None:
        self.size = size

    def forward(self, images):
        return images + self.size * mytorch.randn(*images.shape)


class Brittle(Transform):
    def forward(self, images):
        if len(images) > 8:
            raise ValueError("too many")
        return images


class Broken(Transform):
    def forward(self, images):
        return images.mean(0)


class Halved(Transform):
    def forward(self, images):
        return images.half()
"""


def test_a_transform_of_ones_own(folder):
    (folder / "own.py").write_text(OWN)
    imports = "imports=[own.py]"
    noisy = (imports, "dataset.augment=[{type: Noise, size: 0.5}]")
    run = trained(folder, *noisy)
    assert rows(trained(folder, *noisy)) == rows(run)  # mytorch.randn draws from the stream of augmentation
    still = trained(folder, imports, "dataset.augment=[{type: Noise, size: 0.0}]")
    assert rows(still) == rows(trained(folder, "dataset.augment=[]"))
    assert problems(folder, imports, "dataset.augment=[Broken]") == [
        "dataset.augment.0: Broken: makes images of 6 x 6, and those that are scored have 2 x 6 x 6; the size has to stay"
    ]
    assert problems(folder, imports, "dataset.augment=[Halved]") == [
        "dataset.augment.0: Halved: makes pixels of float16, expected float32"
    ]
    with pytest.raises(RunFailed, match=r"dataset.augment: Brittle cannot take this batch: too many \(.*own.py:17\)"):
        trained(folder, imports, "dataset.augment=[Brittle]")


def test_check_tells_it(folder, mytorch_command):
    done = mytorch_command("check", "shapes.yaml", cwd=folder)
    assert "augment   RandomCrop, RandomHorizontalFlip, RandomRotation, Normalize, RandomErasing\n" in done.stdout
    (document,) = json.loads(mytorch_command("check", "shapes.yaml", "--json", cwd=folder).stdout)["configs"]
    assert document["augment"][0]["type"] == "RandomCrop"
    assert document["augment"][0]["padding"] == 1
