"""Augmentation: what `dataset.augment` says, done to training batches, and tried out before a training.

The transforms work on a batch after the loader has given it, in the training's own thread, and draw from a stream of
their own, which a checkpoint holds. So neither `workers` nor a resume in the middle of an epoch changes a number, and
the other streams give the same numbers as without augmentation.

`Normalize` is for all images, those that are scored and predicted too. For these it is part of the data's preparation,
which is saved with the weights; training batches go through it at its place among the other transforms.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.creation.from_data import from_numpy
from mytorch.data.arrays import MappedRows
from mytorch.data.dataset import Dataset
from mytorch.data.preparation import Preparation, PreparationMismatchError, Split
from mytorch.data.prepare import PreparedData
from mytorch.data.transforms import Normalize, Transform
from mytorch.tensor import Tensor
from mytorch.training.errors import Problem, RunFailed
from mytorch.training.own_code import is_of_a_layer, told
from mytorch.training.random_streams import augmenting, keeping_streams

if TYPE_CHECKING:
    from mytorch.training.config.config import Config

KEY = ("dataset", "augment")
ROWS_TO_TRY = 8


class Augmentation:
    """The transforms of a config, in their order; without any, batches stay as they are."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, batch: Sequence[Tensor]) -> Sequence[Tensor]:
        """A batch of inputs and whatever belongs to them, with other inputs.

        Raises:
            RunFailed: a transform, which took the images of the trial, cannot take these.
        """
        if not self.transforms:
            return batch
        inputs, *others = batch
        with augmenting():
            for transform in self.transforms:
                try:
                    inputs = transform(inputs)
                except Exception as error:
                    if not is_of_a_layer(error):
                        raise
                    message = f"{type(transform).__name__} cannot take this batch: {told(error)}"
                    raise RunFailed(f"dataset.augment: {message}") from error
        return [inputs, *others]


def build_augmentation(config: Config) -> Augmentation:
    """The transforms of a config that has been checked."""
    transforms = config.dataset.augment
    return Augmentation([config.build((*KEY, index), one) for index, one in enumerate(transforms)])


def with_channels(config: Config, data: PreparedData, kept: Preparation | None = None) -> PreparedData:
    """The data with the config's `Normalize`, if it has one, in the preparation and on all parts.

    Raises:
        PreparationMismatchError: the preparation `kept`, which is to be taken over, has another one.
    """
    found = next((one for one in config.dataset.augment if one.target is Normalize), None)
    channels: Normalize | None = None if found is None else found.build()
    if kept is not None and kept.channels is not None and repr(kept.channels) != repr(channels):
        raise PreparationMismatchError(f"images went through {kept.channels}; write the same under dataset.augment")
    if channels is None or not is_of_images(data):
        return data
    splits: dict[str, Any] = {
        name: dataclasses.replace(split, inputs=split.inputs.with_channels(channels))
        for name, split in data.splits.items()
    }
    return dataclasses.replace(data, preparation=dataclasses.replace(data.preparation, channels=channels), **splits)


def rows_to_augment(data: PreparedData) -> Dataset[tuple[Tensor, ...]]:
    """The training rows as the first transform gets them."""
    return _before_channels(data).dataset()


def is_of_images(data: PreparedData) -> bool:
    """Whether the inputs are images: arrays (channels, height, width)."""
    return isinstance(data.train.inputs, MappedRows) and len(data.train.inputs.shape) == 4


def problems_of_augmentation(config: Config, data: PreparedData) -> list[Problem]:
    """What keeps the transforms from training images: all of them are tried out on a few, one after the other."""
    components = config.dataset.augment
    if not components:
        return []
    if not is_of_images(data):
        shape = " x ".join(map(str, data.train.inputs.shape[1:]))
        what = f"{shape} numbers" if isinstance(data.train.inputs, MappedRows) else "columns of a table"
        message = f"the transforms are for images (channels, height, width), and the rows of the data are {what}"
        return [config.problem(KEY, message)]
    places = [index for index, one in enumerate(components) if one.target is Normalize]
    if len(places) > 1:
        message = "Normalize is listed twice; the mean and std of one can do the work of both"
        return [config.problem((*KEY, places[1]), message)]
    images = from_numpy(_before_channels(data).inputs[:ROWS_TO_TRY])
    with keeping_streams():
        for index, component in enumerate(components):
            try:
                before, images = images, component.build()(images)
                message = _what_is_wrong(before, images)
            except Exception as error:
                if not is_of_a_layer(error):
                    raise
                message = told(error) if component.is_own else str(error)
            if message:
                return [config.problem((*KEY, index), f"{component.type}: {message}")]  # the others have not seen any
    return []


def _what_is_wrong(before: Tensor, after: Any) -> str:
    """Why a model that is scored on images as they are could not be trained on those that a transform gives."""
    if not isinstance(after, Tensor):
        return f"gives a {type(after).__name__}, expected a tensor"
    if after.shape != before.shape:
        sizes = [" x ".join(map(str, images.shape[1:])) for images in (after, before)]
        return f"makes images of {sizes[0]}, and those that are scored have {sizes[1]}; the size has to stay"
    if after.dtype != before.dtype:
        return f"makes pixels of {after.array.dtype}, expected {before.array.dtype}"
    return "" if np.isfinite(after.array).all() else "makes values that are not finite"


def _before_channels(data: PreparedData) -> Split:
    """The training rows without the config's `Normalize`."""
    split = data.train
    if data.preparation.channels is None:
        return split
    return dataclasses.replace(split, inputs=split.inputs.with_channels(None))
