"""Preparing data whose inputs stay as they are, on the disk or as bytes: only the rows of a batch become float32.

`MappedRows` stands for the inputs of one part of such a data set. Targets and weights are held in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.feature import Feature
from mytorch.data.normalize import NormalizeKind, Normalizer
from mytorch.data.npy_source import blocks_of
from mytorch.data.preparation import Preparation, Split, refuse_normalized_classes, scaled_weights
from mytorch.data.split import Rows
from mytorch.data.table import DataError
from mytorch.data.tabular import ArrayData
from mytorch.data.transforms import Normalize

__all__ = ["MappedRows", "prepare_arrays"]

SMALLEST_IMAGE = 4  # pixels of a side


class MappedRows:
    """Rows of an array, normalised as they are asked for; as much of an array as a model's inputs need.

    `channels` is what images go through then; see `Preparation.channels`.

    >>> rows = MappedRows(np.arange(8.0).reshape(4, 2), np.array([3, 0]), Normalizer.fit("none", np.ones((1, 2))))
    >>> rows.shape, rows[1:], rows[[0, 0]]
    ((2, 2), array([[0., 1.]], dtype=float32), array([[6., 7.],
           [6., 7.]], dtype=float32))
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, array: npt.NDArray[Any], rows: Rows, normalizer: Normalizer, channels: Normalize | None = None
    ) -> None:
        self.channels = channels
        self.array = np.asarray(array)  # still mapped: a view without the overhead of `np.memmap`
        self.rows = rows
        self.normalizer = normalizer
        self.shape = (len(rows), *array.shape[1:])
        self.changes = bool(normalizer.shift.any() or (normalizer.scale != 1).any())
        # Of bytes that are only divided, by a number that float32 holds, the quotients rounded to float32 are those of
        # float64 to the bit, in a third of the time: 21 instead of 63 us for 128 images of 28 x 28.
        single = normalizer.scale.astype(self.dtype)
        self.divides_bytes = (
            array.dtype == np.uint8 and not normalizer.shift.any() and bool((single == normalizer.scale).all())
        )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """The bytes that all rows would take."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width) of a row; None if rows are no images.

        Images are arrays of that shape with 1 or 3 channels, and rows of bytes that fill a square.
        """
        sizes = self.shape[1:]
        if len(sizes) == 3 and sizes[0] in (1, 3) and min(sizes[1:]) >= SMALLEST_IMAGE:
            return sizes[0], sizes[1], sizes[2]
        side = math.isqrt(sizes[0])
        is_square = len(sizes) == 1 and side * side == sizes[0] and side >= SMALLEST_IMAGE
        return (1, side, side) if is_square and self.array.dtype == np.uint8 else None

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        rows = self.rows[index]
        if np.ndim(rows) == 0:
            return self[np.array([index])][0]
        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start, block in blocks_of(self.array, rows):  # in float64 many rows would take much memory
            result[start : start + len(block)] = self._prepared(block)
        return result if self.channels is None else self.channels.transform(result)

    def with_channels(self, channels: Normalize | None) -> MappedRows:
        """The same rows of images with this last step."""
        return MappedRows(self.array, self.rows, self.normalizer, channels)

    def _prepared(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """These values normalised, or as they are if there is nothing to do."""
        if not self.changes:
            return values
        if self.divides_bytes:
            return np.divide(values, self.normalizer.scale, dtype=self.dtype, casting="same_kind")
        scaled = values.astype(np.float64)
        scaled -= self.normalizer.shift
        scaled /= self.normalizer.scale
        return scaled


def prepare_arrays(
    data: ArrayData,
    parts: dict[str, Rows],
    normalize_inputs: NormalizeKind,
    normalize_target: NormalizeKind,
    kept: Preparation | None = None,
) -> tuple[Preparation, dict[str, Split]]:
    """What `Preparation.fit` and `.split` do for tables: learn from the rows under ``train``, make every part.

    The columns of inputs (n, columns) are called ``x0``, ``x1``, ...; inputs with more dimensions, such as images, and
    those with a divisor have one shift and scale for all their numbers.
    """
    is_table = data.inputs.ndim == 2 and data.divisor is None
    input_normalizer = _fit(normalize_inputs, data, parts["train"], is_table)
    class_names: list[str] | None = None
    original: npt.NDArray[Any]
    if data.task == "classification":
        refuse_normalized_classes(data.source, normalize_target)
        class_names, original = _classes(data)
        target_normalizer = Normalizer.fit("none", np.zeros((1, 1)))
    else:
        original = data.targets.astype(np.float64).reshape(len(data.targets), -1)  # (n,) or (n, outputs)
        target_normalizer = Normalizer.fit(normalize_target, original[parts["train"]])
    features = [Feature(f"x{column}") for column in range(data.inputs.shape[1])] if is_table else []
    preparation = Preparation(features, "target", data.task, class_names, input_normalizer, target_normalizer)
    preparation = preparation if kept is None else preparation.taking_over(kept)
    is_regression = data.task == "regression"
    prepared = preparation.target_normalizer.apply(original).astype(np.float32) if is_regression else original
    splits = {}
    for name, rows in parts.items():
        weights = None if data.weights is None else scaled_weights(data.weights[rows], f"{data.source}: weights")
        inputs = MappedRows(data.inputs, rows, preparation.input_normalizer)
        splits[name] = Split(inputs, prepared[rows], original[rows], rows, weights)
    return preparation, splits


def _classes(data: ArrayData) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The names of the classes, and the number of each row's."""
    classes, numbers = np.unique(data.targets, return_inverse=True)
    if (classes % 1 != 0).any() or len(classes) < 2:
        raise DataError(f"{data.source}: the targets of a classification are at least 2 different whole numbers")
    if data.class_names is None:
        return [str(int(value)) for value in classes], numbers.astype(np.int64)
    if classes[0] < 0 or classes[-1] >= len(data.class_names):
        said = f"targets from {classes[0]:g} to {classes[-1]:g}"
        raise DataError(f"{data.source}: expected the numbers of {len(data.class_names)} classes, from 0, got {said}")
    return list(data.class_names), data.targets.astype(np.int64)


def _fit(kind: NormalizeKind, data: ArrayData, rows: Rows, by_column: bool) -> Normalizer:
    """`Normalizer.fit` on rows that are read block by block; the mean first, then the deviation from it.

    What is learned from the numbers before the division is the same after it, but for ``none``.
    """
    array = data.inputs
    columns = array.shape[1] if by_column else 1

    def blocks() -> Iterator[npt.NDArray[np.float64]]:
        return (block.reshape(-1, columns).astype(np.float64) for _, block in blocks_of(array, rows))

    low, high, total, squares = (
        np.full(columns, np.inf),
        np.full(columns, -np.inf),
        np.zeros(columns),
        np.zeros(columns),
    )
    if kind == "none":  # nothing to learn
        return Normalizer(kind, np.zeros(columns), np.full(columns, data.divisor or 1.0))
    count = len(rows) * (array[0].size // columns)
    for block in blocks():
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
        total += block.sum(axis=0)
    mean = total / count
    if kind == "standard":
        for block in blocks():
            squares += ((block - mean) ** 2).sum(axis=0)
    return Normalizer.from_statistics(kind, low, high, mean, np.sqrt(squares / count))
