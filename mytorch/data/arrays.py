"""Preparing data whose inputs stay on the disk: only the rows of a batch are read and normalised.

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

__all__ = ["MappedRows", "prepare_arrays"]


class MappedRows:
    """Rows of an array on the disk, normalised as they are asked for; as much of an array as a model's inputs need.

    >>> rows = MappedRows(np.arange(8.0).reshape(4, 2), np.array([3, 0]), Normalizer.fit("none", np.ones((1, 2))))
    >>> rows.shape, rows[1:], rows[[0, 0]]
    ((2, 2), array([[0., 1.]], dtype=float32), array([[6., 7.],
           [6., 7.]], dtype=float32))
    """

    dtype = np.dtype(np.float32)

    def __init__(self, array: npt.NDArray[Any], rows: Rows, normalizer: Normalizer) -> None:
        self.array = np.asarray(array)  # still mapped: a view without the overhead of `np.memmap`
        self.rows = rows
        self.normalizer = normalizer
        self.shape = (len(rows), *array.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """The bytes that all rows would take."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        rows = self.rows[index]
        if np.ndim(rows) == 0:
            return self._prepared(self.array[rows]).astype(self.dtype)
        result = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start, block in blocks_of(self.array, rows):  # in float64 many rows would take much memory
            result[start : start + len(block)] = self._prepared(block)
        return result

    def _prepared(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """These values normalised: float64, or as they are if there is nothing to do."""
        if self.normalizer.kind == "none":
            return values
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

    The columns of inputs (n, columns) are called ``x0``, ``x1``, ...; inputs with more dimensions, such as images,
    have one shift and scale for all their numbers.
    """
    is_table = data.inputs.ndim == 2
    input_normalizer = _fit(normalize_inputs, data.inputs, parts["train"], is_table)
    class_names: list[str] | None = None
    original: npt.NDArray[Any]
    if data.task == "classification":
        refuse_normalized_classes(data.source, normalize_target)
        classes, numbers = np.unique(data.targets, return_inverse=True)
        if (classes % 1 != 0).any() or len(classes) < 2:
            raise DataError(f"{data.source}: the targets of a classification are at least 2 different whole numbers")
        class_names = [str(int(value)) for value in classes]
        target_normalizer = Normalizer.fit("none", np.zeros((1, 1)))
        original = numbers.astype(np.int64)
    else:
        original = data.targets.astype(np.float64)[:, None]
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


def _fit(kind: NormalizeKind, array: npt.NDArray[Any], rows: Rows, by_column: bool) -> Normalizer:
    """`Normalizer.fit` on rows that are read block by block; the mean first, then the deviation from it."""
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
        return Normalizer.from_statistics("none", np.zeros(columns), np.ones(columns), total, squares)
    count = len(rows) * (array[0].size // columns)
    for block in blocks():
        low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
        total += block.sum(axis=0)
    mean = total / count
    if kind == "standard":
        for block in blocks():
            squares += ((block - mean) ** 2).sum(axis=0)
    return Normalizer.from_statistics(kind, low, high, mean, np.sqrt(squares / count))
