"""The data sets that a config can name: constructor arguments are the settings, `load` reads the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np

from mytorch.data.table import (
    MISSING_VALUES,
    DataError,
    Table,
    did_you_mean,
    read_csv,
    read_header,
    unknown_column,
)

__all__ = ["CSV", "SOURCES", "Boston", "MissingPolicy", "Source", "TabularData", "Task", "find_dataset_file"]

Task = Literal["regression", "classification"]
MissingPolicy = Literal["error", "drop", "mean", "median"]


@dataclass(frozen=True)
class TabularData:
    """A table with the part that each column plays; what `prepare` works on.

    `missing` holds the policy of every used column. `max_categories` bounds the one-hot columns of a text
    feature and the number of classes.
    """

    table: Table
    features: list[str]
    target: str
    task: Task
    missing: dict[str, MissingPolicy]
    max_categories: int = 100


class Source(Protocol):
    """What a config's `dataset.type` names: built without touching a file, read by `load`."""

    def load(self) -> TabularData:
        """Read the data. Raises DataError."""
        ...


class CSV:
    """A CSV file with a header line.

    Args:
        path: the file, relative to the current directory; may be gzip-compressed.
        target: the column to predict.
        features: the columns to predict from, in this order; None takes all but the target and `drop`.
        drop: columns to leave out; their cells are not looked at.
        categorical: columns that hold categories although their cells look like numbers or dates.
        delimiter: the character between fields.
        encoding: the text encoding.
        missing: what a missing value does, for all columns or column by column (those not listed: ``error``).
            ``error`` refuses it, ``drop`` leaves the row out, ``mean`` and ``median`` fill in that of the
            training rows, or their most frequent category in a text column. A missing target can only be
            refused or dropped.
        missing_values: the cells that stand for a missing value; None means the usual ones (empty, NA, NaN,
            ?, ...).
        task: ``auto`` makes a text target classification and a number target regression.
        max_categories: the most categories that a text feature, and the most classes that a target, may
            have.

    >>> CSV("houses.csv", target="price", drop=["id"]).target
    'price'
    """

    def __init__(
        self,
        path: str,
        target: str,
        features: list[str] | None = None,
        drop: list[str] | None = None,
        categorical: list[str] | None = None,
        delimiter: str = ",",
        encoding: str = "utf-8",
        missing: MissingPolicy | dict[str, MissingPolicy] = "error",
        missing_values: list[str] | None = None,
        task: Literal["auto", "regression", "classification"] = "auto",
        max_categories: int = 100,
    ) -> None:
        for argument, names in (("features", features), ("drop", drop), ("categorical", categorical)):
            if isinstance(names, str):
                raise TypeError(f"CSV: {argument} expects a list of column names, got the string {names!r}")
        policies = list(missing.values()) if isinstance(missing, dict) else [missing]
        for argument, value, known in (
            *(("missing", policy, get_args(MissingPolicy)) for policy in policies),
            ("task", task, ("auto", *get_args(Task))),
        ):
            if value not in known:
                raise ValueError(f"CSV: {argument}: expected one of {', '.join(known)}, got {value!r}")
        self.path = path
        self.target = target
        self.features = features
        self.drop = drop or []
        self.categorical = categorical or []
        self.delimiter = delimiter
        self.encoding = encoding
        self.missing = missing
        self.missing_values = list(MISSING_VALUES) if missing_values is None else missing_values
        self.task = task
        self.max_categories = max_categories

    def load(self) -> TabularData:
        """Read the file and settle which column plays which part.

        Raises:
            DataError: for names that the file does not have or that contradict each other, and as `read_csv`
                does.
        """
        header = read_header(self.path, delimiter=self.delimiter, encoding=self.encoding)
        features = self._feature_names(header)
        used = [*features, self.target]
        policies = self.missing if isinstance(self.missing, dict) else dict.fromkeys(used, self.missing)
        for argument, names in (("categorical", self.categorical), ("missing", policies)):
            for name in names:
                if name not in used:
                    raise DataError(
                        f"{self.path}: {argument}: column {name!r} is neither a feature nor the target"
                        f"{did_you_mean(name, used)}"
                    )
        table = read_csv(
            self.path,
            delimiter=self.delimiter,
            encoding=self.encoding,
            columns=used,
            categorical=self.categorical,
            missing_values=self.missing_values,
        )
        missing: dict[str, MissingPolicy] = {name: policies.get(name, "error") for name in used}
        return TabularData(table, features, self.target, self._task(table), missing, self.max_categories)

    def _feature_names(self, header: Sequence[str]) -> list[str]:
        for argument, names in (
            ("target", [self.target]),
            ("features", self.features or []),
            ("drop", self.drop),
        ):
            for name in names:
                if name not in header:
                    raise DataError(f"{argument}: {unknown_column(self.path, name, header)}")
        if self.target in self.drop:
            raise DataError(f"{self.path}: the target {self.target!r} is also under 'drop'")
        if self.features is None:
            features = [name for name in header if name != self.target and name not in self.drop]
        else:
            features = self.features
            for name in features:
                if name == self.target:
                    raise DataError(f"{self.path}: the target {name!r} is also among the features")
                if name in self.drop:
                    raise DataError(f"{self.path}: the feature {name!r} is also under 'drop'")
                if features.count(name) > 1:
                    raise DataError(f"{self.path}: the feature {name!r} is listed twice")
        if not features:
            raise DataError(f"{self.path}: no feature is left beside the target {self.target!r}")
        return features

    def _task(self, table: Table) -> Task:
        column = table[self.target]
        if self.task == "auto":
            return "classification" if column.is_text else "regression"
        if self.task == "regression" and column.is_text:
            row = int(np.flatnonzero(~column.missing)[0])
            raise DataError(
                f"{table.where(row, self.target)}: regression needs numbers, got {column.values[row]!r}; "
                "use task: classification, or another target"
            )
        return self.task


class Boston:
    """House prices in 506 census tracts around Boston (Harrison, Rubinfeld 1978); target ``medv`` in $1000.

    The file is ``datasets/boston.csv`` of the current directory, else the one that ships with the package.

    >>> data = Boston().load()
    >>> len(data.table), len(data.features), data.target
    (506, 13, 'medv')
    """

    def load(self) -> TabularData:
        """Read the file. Raises DataError if it is nowhere to be found."""
        return CSV(str(find_dataset_file("boston.csv")), target="medv").load()


SOURCES: dict[str, type[Source]] = {"boston": Boston, "csv": CSV}


def find_dataset_file(name: str) -> Path:
    """Return the path of a data file that ships: in ``./datasets``, in the package, or in its checkout.

    Raises:
        DataError: if it is in none of these; lists them.
    """
    package = Path(__file__).resolve().parents[1]
    folders = [Path("datasets"), package / "starter" / "datasets", package.parent / "datasets"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"no file {name!r} in any of: {', '.join(str(folder.absolute()) for folder in folders)}")
