"""From a source to the parts of a data set: split the rows, learn a `Preparation` on the training rows, apply it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mytorch.data.arrays import prepare_arrays
from mytorch.data.feature import DataWarning, missing_value
from mytorch.data.normalize import NormalizeKind, Normalizer
from mytorch.data.preparation import Preparation, Split
from mytorch.data.sources import Source
from mytorch.data.split import Rows, SplitRule, split_rows
from mytorch.data.table import DataError
from mytorch.data.tabular import ArrayData, TabularData, Task

__all__ = ["DataWarning", "Preparation", "PreparedData", "Split", "prepare"]


@dataclass(frozen=True)
class PreparedData:
    """The parts of a data set (None where not asked for) and the preparation that they share."""

    train: Split
    validation: Split | None
    test: Split | None
    preparation: Preparation

    @property
    def splits(self) -> dict[str, Split]:
        """The parts that there are, by name: ``train``, ``validation``, ``test``."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def input_normalizer(self) -> Normalizer:
        """Maps inputs to and from their own units."""
        return self.preparation.input_normalizer

    @property
    def target_normalizer(self) -> Normalizer:
        """Maps regression targets to and from their own units."""
        return self.preparation.target_normalizer

    @property
    def feature_names(self) -> list[str]:
        """The names of the inputs, in order."""
        return self.preparation.feature_names

    @property
    def input_format(self) -> dict[str, Any]:
        """The `shape` of one row of inputs; of arrays the `dtype` of the numbers in the file, None for tables."""
        inputs = self.train.inputs
        return {"shape": list(inputs.shape[1:]), "dtype": inputs.array.dtype.name if hasattr(inputs, "array") else None}

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width) where the inputs are images, else None."""
        shape: tuple[int, int, int] | None = getattr(self.train.inputs, "image_shape", None)
        return shape

    @property
    def target_name(self) -> str:
        """The column to predict."""
        return self.preparation.target_name

    @property
    def task(self) -> Task:
        """``regression`` or ``classification``."""
        return self.preparation.task

    @property
    def class_names(self) -> list[str] | None:
        """The class names by class number; None for regression."""
        return self.preparation.class_names


def prepare(
    source: Source,
    *,
    test: SplitRule | None = None,
    validation: SplitRule | None = None,
    normalize_inputs: NormalizeKind = "none",
    normalize_target: NormalizeKind = "none",
    seed: int = 0,
    kept: Preparation | None = None,
) -> PreparedData:
    """Load a source, leave out rows with missing values where the source says so, split, fit and apply.

    The test rows are taken first, the validation rows from what is left, in the same way. Random fractions
    are drawn from a generator of their own (PCG64 of `seed`), so that a split never changes the model's
    random numbers. With `kept` that preparation is used as far as `Preparation.taking_over` says.

    Raises:
        PreparationMismatchError: `kept` does not fit the data.
        DataError: for anything in the data or the settings that cannot be used.

    >>> from mytorch.data.sources import Boston
    >>> data = prepare(Boston(), test=SplitRule(every=4), normalize_inputs="minmax")
    >>> data.train.inputs.shape, data.test.targets.shape, data.test.rows[:3]
    ((379, 13), (127, 1), array([0, 4, 8]))
    """
    data = source.load()
    name = data.source if isinstance(data, ArrayData) else data.table.source
    usable = np.arange(len(data.inputs)) if isinstance(data, ArrayData) else _usable_rows(data)
    generator = np.random.Generator(np.random.PCG64(seed % 2**64))
    parts: dict[str, Rows] = {"train": usable}
    if isinstance(data, ArrayData) and data.test_rows is not None:
        if test is not None:
            raise DataError(
                f"{name}: has {len(data.test_rows)} test rows of its own; leave out test: {{{test.shown}}}, or take "
                "one part of the data alone, by part: train"
            )
        parts["test"], parts["train"] = data.test_rows, np.setdiff1d(usable, data.test_rows)
    if test is not None:
        parts["test"], parts["train"] = split_rows(parts["train"], test, generator, _classes(data, parts["train"]))
    if validation is not None:
        rest = parts["train"]
        parts["validation"], parts["train"] = split_rows(rest, validation, generator, _classes(data, rest))
    if len(parts["train"]) < 2:
        raise DataError(f"{name}: {len(parts['train'])} training row is left; at least 2 are needed")
    if isinstance(data, ArrayData):
        preparation, splits = prepare_arrays(data, parts, normalize_inputs, normalize_target, kept)
    else:
        preparation = Preparation.fit(data, parts["train"], normalize_inputs, normalize_target, usable)
        preparation = preparation if kept is None else preparation.taking_over(kept)
        splits = {part: preparation.split(data.table, rows) for part, rows in parts.items()}
    return PreparedData(splits["train"], splits.get("validation"), splits.get("test"), preparation)


def _classes(data: TabularData | ArrayData, rows: Rows) -> np.ndarray[Any, Any] | None:
    """The classes of the rows, whatever they are; None where the targets are numbers."""
    if data.task != "classification":
        return None
    targets = data.targets if isinstance(data, ArrayData) else data.table[data.target].values
    return np.asarray(targets)[rows]


def _usable_rows(data: TabularData) -> Rows:
    """Return the rows that stay, having looked at every missing value."""
    keep = np.ones(len(data.table), dtype=bool)
    for name, policy in data.missing.items():
        missing = data.table[name].missing
        if policy == "drop":
            keep &= ~missing
        elif not missing.any():
            continue
        elif name in (data.target, data.weight):
            raise missing_value(data.table, name, np.flatnonzero(missing), in_features=False)
        elif policy == "error" or (policy == "constant" and name not in data.fill_values):
            raise missing_value(data.table, name, np.flatnonzero(missing))
    if not keep.any():
        raise DataError(f"{data.table.source}: every row has a missing value, so that 'missing: drop' leaves none")
    return np.flatnonzero(keep)
