"""Arrays and images for `mytorch predict`, in the shape of the training's samples and normalised as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mytorch.data.idx import read_idx_header, read_idx_parts
from mytorch.data.npy_source import open_npy
from mytorch.data.png import ImageShape, read_png
from mytorch.data.prepare import Preparation
from mytorch.data.table import DataError
from mytorch.training.errors import UserError
from mytorch.training.prediction.samples import Samples

__all__ = ["Arrays", "Images", "shown_shape"]

_NUMBERS_AT_ONCE = 1 << 22  # 16 MiB as float32


class Arrays:
    """Arrays in `.npy` or IDX files: many samples of the model's shape or, in `.npy`, one.

    An axis of 1, such as the channel of gray images, may be there or not, and samples may be in one row or not. Of
    `pixels` only numbers from 0 to 255 are taken.
    """

    def __init__(
        self,
        files: Sequence[str],
        kind: Literal["npy", "idx"],
        preparation: Preparation,
        shape: tuple[int, ...],
        divide: float | None,
        pixels: bool,
    ) -> None:
        self.files = files
        self.kind = kind
        self.pixels = pixels
        self.preparation = preparation
        self.shape = shape
        self.divide = divide
        self.names = ["file", "index"] if len(files) > 1 else ["index"]

    def parts(self) -> Iterator[Samples]:
        """The samples of all files, one after the other."""
        rows = rows_at_once(self.shape)
        for file in self.files:
            start = 0
            for block in self._blocks(file, rows):
                index = list(map(str, range(start, start + len(block))))
                if self.pixels and block.dtype != np.uint8:
                    _check_pixels(block, [f"{file}: sample {number}" for number in index])
                inputs = prepare_numbers(file, block, start, self.preparation, self.divide)
                yield Samples(inputs, [index] if len(self.files) == 1 else [[file] * len(block), index])
                start += len(block)

    def _blocks(self, file: str, rows: int) -> Iterator[npt.NDArray[Any]]:
        if self.kind == "idx":
            found = read_idx_header(file).shape
            for block in read_idx_parts(file, rows):
                yield self._as_samples(file, block, found)
            return
        array = open_npy(file)
        if _fits(array.shape[1:], self.shape):
            for start in range(0, len(array), rows):
                yield self._as_samples(file, array[start : start + rows], array.shape)
        else:  # one sample
            yield self._as_samples(file, array[None], array.shape)

    def _as_samples(self, file: str, block: npt.NDArray[Any], found: tuple[int, ...]) -> npt.NDArray[Any]:
        if not _fits(block.shape[1:], self.shape):
            one = f", or of one, {shown_shape(self.shape)}" if self.kind == "npy" else ""
            raise DataError(
                f"{file}: has the shape {shown_shape(found)}; expected samples as the model was trained on, "
                f"n x {shown_shape(self.shape)}{one}"
            )
        return block.reshape(len(block), *self.shape)


class Images:
    """PNG files, one sample each. Of `pixels` only numbers from 0 to 255 are taken."""

    def __init__(
        self, files: Sequence[str], preparation: Preparation, shape: tuple[int, ...], divide: float | None, pixels: bool
    ) -> None:
        self.files = files
        self.pixels = pixels
        self.names = ["file"]
        self.preparation = preparation
        self.shape = shape
        self.divide = divide
        try:
            self.image = ImageShape(shape)
        except ValueError as error:
            raise UserError(f"{files[0]}: the model was trained on {error}") from None

    def parts(self) -> Iterator[Samples]:
        """The samples in the order of the files."""
        rows = rows_at_once(self.shape)
        for start in range(0, len(self.files), rows):
            files = list(self.files[start : start + rows])
            images = np.stack([read_png(file, self.image) for file in files])
            if self.pixels:
                _check_pixels(images, files)
            yield Samples(prepare_numbers(files[0], images, 0, self.preparation, self.divide), [files])


def rows_at_once(shape: tuple[int, ...]) -> int:
    """How many samples of a shape are read together."""
    return max(1, min(4096, _NUMBERS_AT_ONCE // max(1, int(np.prod(shape)))))


def prepare_numbers(
    file: str, block: npt.NDArray[Any], first: int, preparation: Preparation, divide: float | None
) -> npt.NDArray[np.float32]:
    """Samples as the model takes them: divided, missing values filled in, normalised.

    Raises:
        DataError: a value is missing or infinite; `first` is the number of the first sample in the file.
    """
    values = block.astype(np.float64)
    if divide is not None:
        values = (values / divide).astype(np.float32).astype(np.float64)  # as an array that was divided and saved
    for position, feature in enumerate(preparation.features):
        if isinstance(feature.fill, float):
            column = values[:, position]
            column[np.isnan(column)] = feature.fill
    with np.errstate(over="ignore"):
        inputs = preparation.input_normalizer.apply(values).astype(np.float32)
        if preparation.channels is not None:
            inputs = preparation.channels.transform(inputs)
    if not np.isfinite(inputs).all():
        place = tuple(np.argwhere(~np.isfinite(inputs))[0])
        name = f", column {preparation.features[place[1]].name!r}" if preparation.features else ""
        raise DataError(f"{file}: sample {first + int(place[0])}{name}: {values[place]:g} is no finite float32 number")
    return inputs


def _check_pixels(block: npt.NDArray[Any], names: Sequence[str]) -> None:
    """Raise DataError for a number that no byte can be; `names` are what the samples of the block are called."""
    wrong = np.argwhere((block < 0) | (block > 255))
    if len(wrong):
        at = tuple(wrong[0])
        raise DataError(
            f"{names[at[0]]}: holds the number {block[at]}, and the model was trained on pixels from 0 to 255: "
            "write --divide 257 for pixels of 16 bits, or --divide 1 for the numbers as they are"
        )


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a sample may be taken for one of the wanted shape: the same but for axes of 1, or all in one row."""
    in_one_row = len(wanted) == 1 and len(shape) > 1 and int(np.prod(shape)) == wanted[0]
    return in_one_row or [size for size in shape if size != 1] == [size for size in wanted if size != 1]


def shown_shape(shape: tuple[int, ...]) -> str:
    """A shape as messages have it."""
    return " x ".join(map(str, shape)) or "()"
