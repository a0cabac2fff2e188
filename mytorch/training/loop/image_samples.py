"""What plots of images show: a few samples, and the filters of the first layer; kept in a run's `images.safetensors`.

A run can so be drawn again without its data and without own code, as with its `predictions.csv`. Samples are chosen
by what the best weights say of them: mistakes first, of these the surest (or the largest errors), then others of all
classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytorch import nn
from mytorch.training.building.experiment import Experiment
from mytorch.training.loop.prediction_table import Part, Predictions
from mytorch.training.runs import checkpoint

SAMPLES, MISTAKES = 32, 24  # that are shown, and how many of them may be mistakes
LARGEST = 1 << 24  # bytes of all samples together, and of all filters


@dataclass(frozen=True)
class ImageSamples:
    """Some rows of a split as images, and the first layer's weights as images.

    `places` are the samples' places among the predictions of `split`. `images` are (n, channels, height, width) as the
    data set has them, `filters` (n, channels, height, width); empty if the first layer has none. `layer` is its name.
    """

    split: str
    places: NDArray[np.int64]
    images: NDArray[Any]
    layer: str
    filters: NDArray[np.float32]


def image_samples(experiment: Experiment, predictions: Predictions) -> ImageSamples | None:
    """What there is to show of a trained experiment; None if its data are no images."""
    shape = experiment.data.image_shape
    if shape is None:
        return None
    split, part = list(predictions.parts.items())[-1]  # as all plots: the test rows if there are any
    inputs = experiment.data.splits[split].inputs
    places = choose(part, len(predictions.class_names or ()))
    if len(part.rows) != len(inputs) or math.prod(shape) * inputs.array.itemsize * len(places) > LARGEST:
        places = places[:0]  # rows with several targets, or images too large to be kept
    images = inputs.array[inputs.rows[places]].reshape(len(places), *shape)
    layer, filters = filters_of(experiment.model, shape)
    return ImageSamples(split, places, images, layer, filters)


def choose(part: Part, classes: int) -> NDArray[np.int64]:
    """The places of the samples: mistakes, the worst first, then others class by class in turn."""
    if part.probabilities is None:
        errors = np.abs(part.prediction - part.target)
        worst = np.argsort(-errors, kind="stable")[:MISTAKES]
        others = np.setdiff1d(np.arange(len(errors)), worst)
        step = max(len(others) // (SAMPLES - MISTAKES), 1)
        return np.concatenate([worst, others[::step]])[:SAMPLES]
    is_wrong = part.prediction != part.target
    sureness = part.probabilities[np.arange(len(is_wrong)), part.prediction]
    mistakes = np.flatnonzero(is_wrong)
    mistakes = mistakes[np.argsort(-sureness[mistakes], kind="stable")][:MISTAKES]
    turns: list[tuple[int, int, int]] = []
    for number in range(classes):
        right = np.flatnonzero(~is_wrong & (part.target == number))[:SAMPLES]
        turns += [(turn, number, place) for turn, place in enumerate(right.tolist())]
    others = np.array([place for _, _, place in sorted(turns)], np.int64)
    return np.concatenate([mistakes, others])[:SAMPLES]


def filters_of(model: nn.Module, shape: tuple[int, int, int]) -> tuple[str, NDArray[np.float32]]:
    """Name and weights of the first layer that has any, if they are such of images."""
    nothing = np.zeros((0, *shape), np.float32)
    for name, module in model.named_modules():
        weight = module._parameters.get("weight")
        if weight is None or weight.ndim < 2:
            continue
        values = np.asarray(weight.detach().array, np.float32)
        label = f"{type(module).__name__} {name}".rstrip()
        if values.nbytes > LARGEST:
            return label, nothing
        if isinstance(module, nn.Conv2d) and module.in_channels == shape[0]:
            return label, values
        if isinstance(module, nn.Linear) and module.in_features == math.prod(shape):
            return label, values.reshape(-1, *shape)
        return label, nothing
    return "", nothing


def write_samples(path: Path, samples: ImageSamples) -> None:
    """Write them in one atomic step."""
    arrays = {"places": samples.places, "images": samples.images, "filters": samples.filters}
    checkpoint.save(path, arrays, {"split": samples.split, "layer": samples.layer})


def read_samples(path: Path) -> ImageSamples:
    """Read a file of `write_samples`. Raises `UserError`, naming it, if it is missing or damaged."""
    arrays, metadata = checkpoint.load(path)
    return ImageSamples(metadata["split"], arrays["places"], arrays["images"], metadata["layer"], arrays["filters"])
