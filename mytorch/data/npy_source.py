"""A data set in NumPy's `.npy` files, which are mapped, not read: the inputs may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from mytorch.data.split import Rows
from mytorch.data.table import DataError
from mytorch.data.tabular import ArrayData, Task

__all__ = ["Npy", "blocks_of", "open_npy", "refuse_not_finite"]

NUMBERS_AT_ONCE = 1 << 20  # in one look at the file: 4 MiB of float32


class Npy:
    """Inputs and targets in `.npy` files, as `numpy.save` writes them. The inputs may be larger than memory.

    Args:
        inputs: the file with the inputs, numbers of shape (n, ...), relative to the current directory.
        targets: the file with the targets, of shape (n,) or, for regression, (n, 1).
        weights: the file with the rows' weights in the loss, of shape (n,); None counts all rows alike.
        task: ``auto`` makes whole-number targets classification and others regression.

    >>> Npy("x.npy", "y.npy").task
    'auto'
    """

    file_arguments = ("inputs", "targets", "weights")

    def __init__(
        self,
        inputs: str,
        targets: str,
        weights: str | None = None,
        task: Literal["auto", "regression", "classification"] = "auto",
    ) -> None:
        if task not in ("auto", *get_args(Task)):
            raise ValueError(f"task: expected one of auto, {', '.join(get_args(Task))}, got {task!r}")
        self.inputs = inputs
        self.targets = targets
        self.weights = weights
        self.task = task

    def load(self) -> ArrayData:
        """Map the inputs, read the targets and look at every row once.

        Raises:
            DataError: a file is no such thing, lengths differ, or a value is not finite.
        """
        inputs = open_npy(self.inputs)
        targets = _read_numbers(self.targets, len(inputs), self.inputs)
        weights = None
        if inputs.ndim < 2 or 0 in inputs.shape:
            raise DataError(f"{self.inputs}: expected rows of numbers, shape (n, ...), got the shape {inputs.shape}")
        if self.weights is not None:
            weights = _read_numbers(self.weights, len(inputs), self.inputs).astype(np.float64)
            if (weights < 0).any():
                row = int(np.argmax(weights < 0))
                raise DataError(f"{self.weights}: row {row}: a weight is at least 0, got {weights[row]:g}")
        for start, block in blocks_of(inputs, np.arange(len(inputs))):
            refuse_not_finite(self.inputs, block, start)
        task: Task = "classification" if targets.dtype.kind in "biu" else "regression"
        if self.task != "auto":
            task = self.task
        return ArrayData(self.inputs, inputs, targets, weights, task)


def blocks_of(array: npt.NDArray[Any], rows: Rows) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    """Rows of the array, some megabytes at a time, each with the place of its first row in `rows`."""
    step = max(1, NUMBERS_AT_ONCE // max(1, array[0].size))
    for start in range(0, len(rows), step):
        yield start, array[rows[start : start + step]]


def open_npy(path: str) -> npt.NDArray[Any]:
    """The array of numbers in a `.npy` file, mapped, not read. Raises DataError if it is no such thing."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a broken header makes NumPy raise errors of a dozen kinds
        raise DataError(f"{path}: is no .npy file of numbers, or is cut short; write one with numpy.save") from error
    if not isinstance(array, np.ndarray):  # .npz
        array.close()
        raise DataError(f"{path}: is an .npz archive, which cannot be mapped; write its arrays with numpy.save")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}: expected numbers, got elements of the type {array.dtype}")
    return array


def _read_numbers(path: str, rows: int, inputs: str) -> npt.NDArray[Any]:
    array = np.array(open_npy(path))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{path}: expected one number a row, shape (n,) or (n, 1), got the shape {array.shape}")
    if len(array) != rows:
        raise DataError(f"{path}: has {len(array)} rows, {inputs} has {rows}")
    refuse_not_finite(path, array, 0)
    return array


def refuse_not_finite(path: str, block: npt.NDArray[Any], start: int) -> None:
    """Raise DataError if one of the rows, of which the first is number `start`, holds a value that is not finite."""
    if block.dtype.kind == "f" and not np.isfinite(block.astype(np.float32)).all():
        place = np.argwhere(~np.isfinite(block.astype(np.float32)))[0]
        value = block[tuple(place)]
        raise DataError(
            f"{path}: row {start + int(place[0])}: {value:g} is not finite as float32; missing values have to be "
            "filled in before"
        )
