"""From a table to arrays for a model: split the rows, learn a `Preparation` on the training rows, apply it.

Everything that is learned (fill values, categories, shifts and scales) is learned on the training rows
alone. The work is done in float64 and rounded to float32 once, at the end.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.normalize import NormalizeKind, Normalizer
from mytorch.data.sources import Source, TabularData, Task
from mytorch.data.split import Rows, SplitRule, split_rows
from mytorch.data.table import Column, DataError, Table, did_you_mean

__all__ = ["DataWarning", "Feature", "Preparation", "PreparedData", "Split", "prepare"]


class DataWarning(UserWarning):
    """The data can be used, but something in it deserves a look."""


@dataclass(frozen=True)
class Split:
    """The rows of one part, ready for a model.

    `inputs` is float32 (n, features). `targets` is float32 (n, 1) for regression and int64 (n,) class
    numbers for classification; `original_targets` is the same before normalisation, float64 (n, 1) for
    regression. `rows` are the row numbers in the file, from 0.
    """

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[Any]
    original_targets: npt.NDArray[Any]
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Feature:
    """How one column becomes inputs: a number stays one input, text becomes one input of 0 or 1 a category.

    `categories` is None for numbers. `fill` replaces a missing value; None refuses it. A category that was
    not among the training rows gives zeros in all inputs of the column, and a `DataWarning`.
    """

    name: str
    categories: list[str] | None = None
    fill: float | str | None = None

    @classmethod
    def fit(cls, data: TabularData, name: str, rows: Rows) -> Feature:
        """Learn the categories and the fill value of a column from the training rows."""
        column, policy = data.table[name], data.missing[name]
        present = column.values[rows][~column.missing[rows]]
        if len(present) == 0:
            raise DataError(f"{data.table.source}: column {name!r} has no value in any training row; drop the column")
        if not column.is_text:
            if policy not in ("mean", "median"):
                return cls(name)
            return cls(name, fill=float(np.mean(present) if policy == "mean" else np.median(present)))
        categories, counts = np.unique(present.astype(str), return_counts=True)
        _check_count(data, name, len(categories), "different values in the training rows", "a text feature")
        fill = str(categories[np.argmax(counts)]) if policy in ("mean", "median") else None
        return cls(name, categories.tolist(), fill)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs that the column becomes."""
        return [self.name] if self.categories is None else [f"{self.name}={value}" for value in self.categories]

    def inputs(self, table: Table, rows: Rows) -> npt.NDArray[np.float64]:
        """Return the inputs of `rows` as float64 (n, inputs).

        Raises:
            DataError: for a missing value without a fill, and for text where the training rows held numbers.
        """
        column = table[self.name]
        if column.is_text != (self.categories is not None):
            expected, got = ("text", "numbers") if self.categories is not None else ("numbers", "text")
            raise DataError(f"{table.source}: column {self.name!r}: expected {expected}, as in training, got {got}")
        values, missing = column.values[rows], column.missing[rows]
        if missing.any():
            if self.fill is None:
                raise _missing_value(table, self.name, rows[missing])
            values = np.where(missing, self.fill, values)
        if self.categories is None:
            return values.astype(np.float64)[:, None]
        number = {category: position for position, category in enumerate(self.categories)}
        codes = np.array([number.get(value, -1) for value in values.tolist()], dtype=np.int64)
        if (codes < 0).any():
            new = rows[codes < 0]
            listed = ", ".join(map(repr, sorted(set(values[codes < 0].tolist()))[:5]))
            warnings.warn(
                f"{table.where(int(new[0]), self.name)}: {len(new)} of {len(rows)} rows hold values that no "
                f"training row has ({listed}); their inputs are all zeros",
                DataWarning,
                stacklevel=2,
            )
        return np.asarray(codes[:, None] == np.arange(len(self.categories)), dtype=np.float64)


@dataclass(frozen=True)
class Preparation:
    """All that was learned from the training rows, to treat other rows alike; kept with a trained model.

    `class_names` is None for regression. The list of classes is taken from all rows: it is part of the
    question, not of the answer.
    """

    features: list[Feature]
    target_name: str
    task: Task
    class_names: list[str] | None
    input_normalizer: Normalizer
    target_normalizer: Normalizer

    @classmethod
    def fit(
        cls, data: TabularData, rows: Rows, normalize_inputs: NormalizeKind, normalize_target: NormalizeKind
    ) -> Preparation:
        """Learn from the training rows `rows`. Raises DataError if they cannot be used."""
        features = [Feature.fit(data, name, rows) for name in data.features]
        inputs = np.hstack([feature.inputs(data.table, rows) for feature in features])
        one_hot = np.hstack([np.full(len(f.input_names), f.categories is not None) for f in features])
        if data.task == "classification":
            if normalize_target != "none":
                raise DataError(
                    f"normalize: the target {data.target!r} holds classes, which cannot be normalised "
                    f"({normalize_target}); use none"
                )
            targets, class_names = np.zeros((1, 1)), _class_names(data, rows)
        else:
            targets, class_names = data.table[data.target].values[rows][:, None], None
        return cls(
            features,
            data.target,
            data.task,
            class_names,
            Normalizer.fit(normalize_inputs, inputs, leave=one_hot),
            Normalizer.fit(normalize_target, targets),
        )

    @property
    def feature_names(self) -> list[str]:
        """The names of the inputs, ``column`` or ``column=category``, in order."""
        return [name for feature in self.features for name in feature.input_names]

    @property
    def columns(self) -> list[str]:
        """The columns that `inputs` needs: what to give `read_csv` as `columns`."""
        return [feature.name for feature in self.features]

    @property
    def text_columns(self) -> list[str]:
        """The columns that hold categories: what to give `read_csv` as `categorical`."""
        return [feature.name for feature in self.features if feature.categories is not None]

    def inputs(self, table: Table, rows: Rows | None = None) -> npt.NDArray[np.float32]:
        """Return the inputs of `rows` (None: all) of a table as float32 (n, len(feature_names)).

        Raises:
            DataError: as `Feature.inputs`, and for a value that float32 cannot hold.
        """
        rows = np.arange(len(table)) if rows is None else rows
        values = np.hstack([feature.inputs(table, rows) for feature in self.features])
        return _to_float32(self.input_normalizer.apply(values), table, rows, self.feature_names)

    def split(self, table: Table, rows: Rows) -> Split:
        """Return inputs and targets of `rows`.

        Raises:
            DataError: as `inputs`, and for a target that is missing or an unknown class.
        """
        column = table[self.target_name]
        if column.missing[rows].any():
            raise _missing_value(table, self.target_name, rows[column.missing[rows]])
        if self.class_names is None:
            original = column.values[rows].astype(np.float64)[:, None]
            targets = _to_float32(self.target_normalizer.apply(original), table, rows, [self.target_name])
            return Split(self.inputs(table, rows), targets, original, rows)
        labels = self._labels(table, rows)
        return Split(self.inputs(table, rows), labels, labels, rows)

    def _labels(self, table: Table, rows: Rows) -> npt.NDArray[np.int64]:
        assert self.class_names is not None
        number = {name: position for position, name in enumerate(self.class_names)}
        labels = np.empty(len(rows), dtype=np.int64)
        for position, name in enumerate(_as_class_names(table[self.target_name], rows)):
            if name not in number:
                where = table.where(int(rows[position]), self.target_name)
                raise DataError(f"{where}: unknown class {name!r}{did_you_mean(name, number)}")
            labels[position] = number[name]
        return labels

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_dict` gives an equal preparation back."""
        return {
            "features": [
                {"name": feature.name, "categories": feature.categories, "fill": feature.fill}
                for feature in self.features
            ],
            "target_name": self.target_name,
            "task": self.task,
            "class_names": self.class_names,
            "input_normalizer": self.input_normalizer.to_dict(),
            "target_normalizer": self.target_normalizer.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Preparation:
        """Build a preparation from `to_dict`'s result. Raises DataError if it is no such thing."""
        try:
            return cls(
                [Feature(**feature) for feature in state["features"]],
                state["target_name"],
                state["task"],
                state["class_names"],
                Normalizer.from_dict(state["input_normalizer"]),
                Normalizer.from_dict(state["target_normalizer"]),
            )
        except (KeyError, TypeError) as error:
            raise DataError(f"not a saved preparation: {error!r}") from error


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
) -> PreparedData:
    """Load a source, leave out rows with missing values where the source says so, split, fit and apply.

    The test rows are taken first, the validation rows from what is left, in the same way. Random fractions
    are drawn from a generator of their own (PCG64 of `seed`), so that a split never changes the model's
    random numbers.

    Raises:
        DataError: for anything in the data or the settings that cannot be used.

    >>> from mytorch.data.sources import Boston
    >>> data = prepare(Boston(), test=SplitRule(every=4), normalize_inputs="minmax")
    >>> data.train.inputs.shape, data.test.targets.shape, data.test.rows[:3]
    ((379, 13), (127, 1), array([0, 4, 8]))
    """
    data = source.load()
    generator = np.random.Generator(np.random.PCG64(seed % 2**64))
    train_rows, test_rows, validation_rows = _usable_rows(data), None, None
    if test is not None:
        test_rows, train_rows = split_rows(train_rows, test, generator)
    if validation is not None:
        validation_rows, train_rows = split_rows(train_rows, validation, generator)
    if len(train_rows) < 2:
        raise DataError(f"{data.table.source}: {len(train_rows)} training row is left; at least 2 are needed")
    preparation = Preparation.fit(data, train_rows, normalize_inputs, normalize_target)
    return PreparedData(
        preparation.split(data.table, train_rows),
        None if validation_rows is None else preparation.split(data.table, validation_rows),
        None if test_rows is None else preparation.split(data.table, test_rows),
        preparation,
    )


def _usable_rows(data: TabularData) -> Rows:
    """Return the rows that stay, having looked at every missing value."""
    keep = np.ones(len(data.table), dtype=bool)
    for name, policy in data.missing.items():
        missing = data.table[name].missing
        if policy == "drop":
            keep &= ~missing
        elif missing.any() and (policy == "error" or name == data.target):
            raise _missing_value(data.table, name, np.flatnonzero(missing), is_target=name == data.target)
    if not keep.any():
        raise DataError(f"{data.table.source}: every row has a missing value, so that 'missing: drop' leaves none")
    return np.flatnonzero(keep)


def _missing_value(table: Table, name: str, rows: Rows, is_target: bool = False) -> DataError:
    more = f" (and {len(rows) - 1} more in this column)" if len(rows) > 1 else ""
    cure = "drop" if is_target else "drop, mean or median"
    return DataError(
        f"{table.where(int(rows[0]), name)}: the value is missing{more}; fill it in, or set missing: {cure}"
    )


def _check_count(data: TabularData, name: str, count: int, what: str, role: str) -> None:
    if count > data.max_categories:
        raise DataError(
            f"{data.table.source}: column {name!r} has {count} {what}, more than {role} may have "
            f"(max_categories={data.max_categories}); drop the column, or raise max_categories"
        )


def _as_class_names(column: Column, rows: Rows) -> list[str]:
    values = column.values[rows].tolist()
    return values if column.is_text else [str(int(value)) if value.is_integer() else str(value) for value in values]


def _class_names(data: TabularData, train_rows: Rows) -> list[str]:
    """Return the sorted names of the classes of all rows that stay; numbers sort as numbers."""
    column = data.table[data.target]
    present = _usable_rows(data)
    if not column.is_text:
        fractions = present[column.values[present] % 1 != 0]
        if len(fractions):
            where = data.table.where(int(fractions[0]), data.target)
            raise DataError(
                f"{where}: a class is text or a whole number, got {column.values[fractions[0]]:g}; "
                "use task: regression, or list the column under 'categorical'"
            )
    distinct = set(_as_class_names(column, present))
    names = sorted(distinct) if column.is_text else sorted(distinct, key=int)
    _check_count(data, data.target, len(names), "different values", "a classification target")
    if len(names) < 2:
        raise DataError(f"{data.table.source}: target {data.target!r} has one class only, {names[0]!r}")
    unseen = sorted(distinct - set(_as_class_names(column, train_rows)))
    if unseen:
        listed = ", ".join(map(repr, unseen))
        warnings.warn(
            f"{data.table.source}: no training row has the class {listed} of {data.target!r}",
            DataWarning,
            stacklevel=2,
        )
    return names


def _to_float32(values: npt.NDArray[np.float64], table: Table, rows: Rows, names: list[str]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        result = values.astype(np.float32)
    if not np.isfinite(result).all():
        row, column = np.argwhere(~np.isfinite(result))[0]
        where = table.where(int(rows[row]), names[column])
        raise DataError(
            f"{where}: {values[row, column]:g} is too large for float32; normalise the column or rescale it"
        )
    return result
