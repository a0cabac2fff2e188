"""Data of a user's own: what a class of theirs gives, as the arrays that `prepare` works on.

A class may give its rows all at once, by a method `load` that returns a pair of arrays, or one by one, as PyTorch's map
style data sets do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mytorch.data.dataset import Dataset
from mytorch.data.npy_source import blocks_of, refuse_not_finite
from mytorch.data.table import DataError
from mytorch.data.tabular import ArrayData, TabularData, Task
from mytorch.tensor import Tensor

__all__ = ["as_data"]

WHAT_LOAD_GIVES = "a pair (inputs, targets), with weights as a third if need be"


def as_data(given: Any, name: str, task: Literal["regression", "classification"] | None = None) -> Any:
    """The `TabularData` or `ArrayData` of what a user's class is or gives.

    Args:
        given: `TabularData` or `ArrayData`, which are checked or taken as they are; a `Dataset` whose samples are
            pairs; or a pair of arrays or tensors (inputs, targets), or these and the rows' weights.
        name: what messages call it.
        task: what the targets are for; None takes whole numbers for classes.

    Raises:
        DataError: it is something else, or the arrays cannot be trained on.

    >>> data = as_data((np.eye(3), [0.5, 1.5, 2.5]), "Own")
    >>> data.inputs.shape, data.targets, data.task
    ((3, 3), array([0.5, 1.5, 2.5]), 'regression')
    """
    if isinstance(given, TabularData):
        return given
    if isinstance(given, ArrayData):
        checked = _checked(given.source, given.inputs, given.targets, given.weights, given.task)
        return replace(given, targets=checked.targets, weights=checked.weights)
    if isinstance(given, Dataset):
        given = _rows_of(given, name)
    elif not (isinstance(given, (tuple, list)) and len(given) in (2, 3)):
        raise DataError(f"{name}: load() has to give {WHAT_LOAD_GIVES}, got a {type(given).__name__}")
    inputs, targets = _array(given[0]), _array(given[1])
    return _checked(name, inputs, targets, _array(given[2]) if len(given) == 3 else None, task)


def _array(values: Any) -> npt.NDArray[Any]:
    return values.detach().array if isinstance(values, Tensor) else np.asarray(values)


def _rows_of(dataset: Dataset[Any], name: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """All samples of a data set, put one on top of the other."""
    try:
        count = len(dataset)  # type: ignore[arg-type]
    except TypeError:
        raise DataError(f"{name}: has no __len__; a data set has __len__ and __getitem__") from None
    inputs: list[npt.NDArray[Any]] = []
    targets: list[npt.NDArray[Any]] = []
    for index in range(count):
        sample = dataset[index]
        if not (isinstance(sample, (tuple, list)) and len(sample) == 2):
            raise DataError(f"{name}: row {index}: expected a pair (inputs, target), got a {type(sample).__name__}")
        one, target = map(_array, sample)
        if inputs and one.shape != inputs[0].shape:
            raise DataError(f"{name}: row {index}: the inputs have the shape {one.shape}, row 0 has {inputs[0].shape}")
        if target.size != 1:
            raise DataError(f"{name}: row {index}: expected one number as the target, got the shape {target.shape}")
        inputs.append(one)
        targets.append(target.reshape(()))
    if not inputs:
        raise DataError(f"{name}: has no rows")
    return np.stack(inputs), np.stack(targets)


def _checked(
    name: str,
    inputs: npt.NDArray[Any],
    targets: npt.NDArray[Any],
    weights: npt.NDArray[Any] | None,
    task: Task | None,
) -> ArrayData:
    """Arrays whose kinds and shapes are as they should be, all numbers finite."""
    for what, array in (("inputs", inputs), ("targets", targets), ("weights", weights)):
        if array is not None and array.dtype.kind not in "biuf":
            raise DataError(f"{name}: the {what} have to be numbers, got elements of the type {array.dtype}")
    if inputs.ndim < 2 or 0 in inputs.shape:
        raise DataError(f"{name}: expected inputs of the shape (rows, ...), got {inputs.shape}")
    targets = _one_a_row(f"{name}: targets", targets, len(inputs))
    for start, block in blocks_of(inputs, np.arange(len(inputs))):
        refuse_not_finite(f"{name}: inputs", block, start)
    if weights is not None:
        weights = _one_a_row(f"{name}: weights", weights, len(inputs)).astype(np.float64)
        if (weights < 0).any():
            row = int(np.argmax(weights < 0))
            raise DataError(f"{name}: weights: row {row}: a weight is at least 0, got {weights[row]:g}")
    if task is None:
        task = "classification" if targets.dtype.kind in "biu" else "regression"
    if task not in ("regression", "classification"):
        raise DataError(f"{name}: task has to be 'regression' or 'classification', got {task!r}")
    return ArrayData(name, inputs, targets, weights, task)


def _one_a_row(name: str, values: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    if values.shape not in ((rows,), (rows, 1)):
        raise DataError(f"{name}: expected the shape ({rows},), one number a row, got {values.shape}")
    values = values.reshape(-1)
    refuse_not_finite(name, values, 0)
    return values
