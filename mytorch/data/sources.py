"""The data sets that a config can name: constructor arguments are the settings, `load` reads the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np

from mytorch.data.cells import MISSING_VALUES
from mytorch.data.csv_file import read_csv, read_header
from mytorch.data.dialect import Dialect
from mytorch.data.folders import dataset_folders
from mytorch.data.generated import Digits, Moons, RandomTensors, Sine, Spirals, Xor
from mytorch.data.mnist import MNIST, FashionMNIST
from mytorch.data.names import did_you_mean
from mytorch.data.npy_source import Npy
from mytorch.data.table import DataError, Table, unknown_column
from mytorch.data.tabular import ArrayData, CategoryInputs, MissingPolicy, TabularData, Task, UnknownPolicy

__all__ = ["CSV", "SOURCES", "Boston", "Npy", "Source", "find_dataset_file"]


class Source(Protocol):
    """What a config's `dataset.type` names: built without touching a file, read by `load`."""

    def load(self) -> TabularData | ArrayData:
        """Read the data. Raises DataError."""
        ...


class CSV:
    """A CSV file, or several with the same header.

    Args:
        path: the file, relative to the current directory, or a pattern such as ``data/*.csv``; gzip-compressed or not.
        target: the column to predict.
        features: the columns to predict from, in this order; None takes all that are nothing else.
        drop: columns to leave out; their cells are not looked at.
        weight: the column with the rows' weights in the loss (0 or more).
        categorical: columns that hold categories although their cells look like numbers or dates.
        categories: what a text feature becomes, for all or column by column: ``one-hot``, an input of 0 or 1 for each
            category, or ``index``, one input with the category's number from 1, for an embedding.
        unknown_categories: ``error`` refuses a category that no training row has, ``ignore`` takes it for none of
            them (zeros, or index 0).
        delimiter: the character between fields; ``auto`` finds it out.
        decimal: the mark in front of decimals, ``.`` or ``,``.
        encoding: the text encoding.
        header: whether the first line names the columns; false calls them ``c1``, ``c2``, ..., a list gives names.
        missing: what a missing value does, for all columns or column by column (those not listed: ``error``).
            ``error`` refuses it, ``drop`` leaves the row out, ``mean`` and ``median`` fill in that of the
            training rows, or their most frequent category in a text column, ``constant`` the `fill_value`. A missing
            target or weight can only be refused or dropped.
        fill_value: the number or text for ``constant``: for all columns that hold its kind, or column by column.
        missing_values: the cells that stand for a missing value; None means the usual ones (empty, NA, NaN,
            ?, ...).
        task: ``auto`` makes a text target classification and a number target regression.
        max_categories: the most categories that a one-hot feature, and the most classes that a target, may
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
        weight: str | None = None,
        categorical: list[str] | None = None,
        categories: CategoryInputs | dict[str, CategoryInputs] = "one-hot",
        unknown_categories: UnknownPolicy = "error",
        delimiter: str = "auto",
        decimal: Literal[".", ","] = ".",
        encoding: str = "utf-8",
        header: bool | list[str] = True,
        missing: MissingPolicy | dict[str, MissingPolicy] = "error",
        fill_value: float | str | dict[str, float | str] | None = None,
        missing_values: list[str] | None = None,
        task: Literal["auto", "regression", "classification"] = "auto",
        max_categories: int = 100,
    ) -> None:
        for argument, names in (("features", features), ("drop", drop), ("categorical", categorical)):
            if isinstance(names, str):
                raise TypeError(f"CSV: {argument} expects a list of column names, got the string {names!r}")
        for argument, value, known in (
            *(("missing", policy, get_args(MissingPolicy)) for policy in _values(missing)),
            *(("categories", kind, get_args(CategoryInputs)) for kind in _values(categories)),
            ("unknown_categories", unknown_categories, get_args(UnknownPolicy)),
            ("task", task, ("auto", *get_args(Task))),
        ):
            if value not in known:
                raise ValueError(f"CSV: {argument}: expected one of {', '.join(known)}, got {value!r}")
        if ("constant" in _values(missing)) != (fill_value is not None):
            raise ValueError(
                "missing: constant needs fill_value: such as fill_value: 0 or fill_value: {town: unknown}"
                if fill_value is None
                else "fill_value is for missing: constant; write both, or neither"
            )
        self.path = path
        self.target = target
        self.features = features
        self.drop = drop or []
        self.weight = weight
        self.categorical = categorical or []
        self.categories = categories
        self.unknown_categories: UnknownPolicy = unknown_categories
        self.dialect = Dialect(delimiter, decimal, encoding, header if isinstance(header, bool) else tuple(header))
        self.missing = missing
        self.fill_value = fill_value
        self.missing_values = list(MISSING_VALUES) if missing_values is None else missing_values
        self.task = task
        self.max_categories = max_categories

    def load(self) -> TabularData:
        """Read the file and settle which column plays which part.

        Raises:
            DataError: for names that the file does not have or that contradict each other, and as `read_csv`
                does.
        """
        header = read_header(self.path, self.dialect)
        features = self._feature_names(header)
        used = [*features, self.target, *([] if self.weight is None else [self.weight])]
        for argument, names, known in (
            ("categorical", self.categorical, used),
            ("missing", self.missing, used),
            ("categories", self.categories, features),
            ("fill_value", self.fill_value, features),
        ):
            for name in names if isinstance(names, (list, dict)) else ():
                if name not in known:
                    part = "neither a feature nor the target" if known is used else "no feature"
                    raise DataError(f"{self.path}: {argument}: column {name!r} is {part}{did_you_mean(name, known)}")
        table = read_csv(
            self.path,
            dialect=self.dialect,
            columns=used,
            categorical=self.categorical,
            missing_values=self.missing_values,
        )
        missing = _by_column(self.missing, used, "error")
        return TabularData(
            table=table,
            features=features,
            target=self.target,
            task=self._task(table),
            missing=missing,
            categories=_by_column(self.categories, features, "one-hot"),
            fill_values={
                name: value for name, value in self._fill_values(table, features) if missing[name] == "constant"
            },
            unknown_categories=self.unknown_categories,
            weight=self.weight,
            max_categories=self.max_categories,
        )

    def _fill_values(self, table: Table, features: list[str]) -> Iterator[tuple[str, float | str]]:
        """One value for all columns is for those that can hold it."""
        if isinstance(self.fill_value, dict):
            yield from self.fill_value.items()
        elif self.fill_value is not None:
            for name in features:
                if table[name].is_text == isinstance(self.fill_value, str):
                    yield name, self.fill_value

    def _feature_names(self, header: Sequence[str]) -> list[str]:
        for argument, names in (
            ("target", [self.target]),
            ("weight", [] if self.weight is None else [self.weight]),
            ("features", self.features or []),
            ("drop", self.drop),
        ):
            for name in names:
                if name not in header:
                    raise DataError(f"{argument}: {unknown_column(self.path, name, header)}")
        for part, used in (("target", self.target), ("weight", self.weight)):
            if used in self.drop:
                raise DataError(f"{self.path}: the {part} {used!r} is also under 'drop'")
        if self.target == self.weight:
            raise DataError(f"{self.path}: the target {self.target!r} is also the weight")
        if self.features is None:
            features = [name for name in header if name not in (self.target, self.weight, *self.drop)]
        else:
            features = self.features
            for name in features:
                if name in (self.target, self.weight):
                    part = "target" if name == self.target else "weight"
                    raise DataError(f"{self.path}: the {part} {name!r} is also among the features")
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


SOURCES: dict[str, type[Source]] = {
    "boston": Boston,
    "csv": CSV,
    "npy": Npy,
    "mnist": MNIST,
    "fashion-mnist": FashionMNIST,
    "digits": Digits,
    "xor": Xor,
    "moons": Moons,
    "spirals": Spirals,
    "sine": Sine,
    "random": RandomTensors,
}


def _values(setting: Any) -> list[Any]:
    return list(setting.values()) if isinstance(setting, Mapping) else [setting]


def _by_column(setting: Any, columns: Sequence[str], default: str) -> dict[str, Any]:
    """A setting that is one for all columns or a mapping, as a mapping of all columns."""
    if isinstance(setting, Mapping):
        return {name: setting.get(name, default) for name in columns}
    return dict.fromkeys(columns, setting)


def find_dataset_file(name: str) -> Path:
    """Return the path of a data file that ships: in ``./datasets``, in the package, or in its checkout.

    Raises:
        DataError: if it is in none of these; lists them.
    """
    folders = dataset_folders()
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"no file {name!r} in any of: {', '.join(str(folder.absolute()) for folder in folders)}")
