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
    """What `Npy.load` gives: inputs (n, ...) on the disk, targets and weights (n,), what the targets are for."""

    source: str
    inputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    weights: npt.NDArray[np.float64] | None
    task: Task
