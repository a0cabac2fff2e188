"""What a data source gives: a table with the part that each column plays, or arrays; and its policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mytorch.data.table import Table

__all__ = ["ArrayData", "CategoryInputs", "MissingPolicy", "TabularData", "Task", "UnknownPolicy"]

Task = Literal["regression", "classification"]
MissingPolicy = Literal["error", "drop", "mean", "median", "constant"]
CategoryInputs = Literal["one-hot", "index"]
UnknownPolicy = Literal["error", "ignore"]


@dataclass(frozen=True)
class TabularData:
    """A table with the part that each column plays; what `prepare` works on.

    `missing` holds the policy of every used column, `fill_values` the fillings of those whose policy is ``constant``,
    `categories` what each feature's categories become. `weight` is the column with the rows' weights.
    `max_categories` bounds the one-hot columns of a text feature and the number of classes.
    """

    table: Table
    features: list[str]
    target: str
    task: Task
    missing: dict[str, MissingPolicy]
    categories: dict[str, CategoryInputs]
    fill_values: dict[str, float | str]
    unknown_categories: UnknownPolicy
    weight: str | None
    max_categories: int


@dataclass(frozen=True)
class ArrayData:
    """Inputs (n, ...) in memory or on the disk, targets and weights (n,), what the targets are for.

    `class_names` are the classes' names where the targets are their numbers, from 0; None names them by the targets'
    values. `test_rows` are the test rows of a data set that has its own; None lets the config set some aside. `divisor`
    is what all inputs are divided by before anything else: 255 turns pixels into numbers from 0 to 1; such inputs are
    not normalised by column.
    """

    source: str
    inputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    weights: npt.NDArray[np.float64] | None
    task: Task
    class_names: list[str] | None = None
    test_rows: npt.NDArray[np.int64] | None = None
    divisor: float | None = None
