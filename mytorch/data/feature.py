"""How one column of a table becomes inputs of a model, as learned from the training rows."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.names import did_you_mean
from mytorch.data.split import Rows
from mytorch.data.table import DataError, Table
from mytorch.data.tabular import TabularData, UnknownPolicy

__all__ = ["DataWarning", "Feature", "UnknownCategories", "check_count", "missing_value"]


class DataWarning(UserWarning):
    """The data can be used, but something in it deserves a look."""


class UnknownCategories(DataWarning):
    """Rows hold categories that no training row has, and count as none of the known.

    `count` is how many of them there are in column `name`, `place` where the first is, `value` what it holds.
    """

    def __init__(self, message: str, name: str, count: int, place: str, value: str) -> None:
        super().__init__(message)
        self.name = name
        self.count = count
        self.place = place
        self.value = value


@dataclass(frozen=True)
class Feature:
    """How one column becomes inputs: a number stays one input, text becomes inputs by its category.

    `categories` is None for numbers, else sorted. With `one_hot` there is one input of 0 or 1 for each category,
    otherwise one input that holds the category's number, from 1, as an embedding wants it. `fill` replaces a missing
    value; None refuses it. A category that no training row has is refused (`unknown` ``error``), or gives zeros
    (``ignore``): no category, or number 0.
    """

    name: str
    categories: list[str] | None = None
    fill: float | str | None = None
    one_hot: bool = True
    unknown: UnknownPolicy = "ignore"

    @classmethod
    def fit(cls, data: TabularData, name: str, rows: Rows) -> Feature:
        """Learn the categories and the fill value of a column from the training rows."""
        column, policy = data.table[name], data.missing[name]
        present = column.values[rows][~column.missing[rows]]
        constant = data.fill_values.get(name) if policy == "constant" else None
        if len(present) == 0:
            raise DataError(f"{data.table.source}: column {name!r} has no value in any training row; drop the column")
        if isinstance(constant, str) != column.is_text and constant is not None:
            holds, write = ("text", f"{{{name}: unknown}}") if column.is_text else ("numbers", f"{{{name}: 0}}")
            raise DataError(
                f"{data.table.source}: fill_value: column {name!r} holds {holds}, and {constant!r} is none; write for "
                f"example fill_value: {write}"
            )
        if not column.is_text:
            if policy in ("mean", "median"):
                constant = float(np.mean(present) if policy == "mean" else np.median(present))
            return cls(name, fill=constant)
        categories, counts = np.unique(present.astype(str), return_counts=True)
        fill = str(categories[np.argmax(counts)]) if policy in ("mean", "median") else constant
        known = sorted({*categories.tolist(), *([] if fill is None else [str(fill)])})
        one_hot = data.categories[name] == "one-hot"
        if one_hot:
            check_count(data, name, len(known), "different values in the training rows", "a text feature")
        return cls(name, known, fill, one_hot, data.unknown_categories)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs that the column becomes."""
        if self.categories is None or not self.one_hot:
            return [self.name]
        return [f"{self.name}={value}" for value in self.categories]

    def inputs(self, table: Table, rows: Rows) -> npt.NDArray[np.float64]:
        """Return the inputs of `rows` as float64 (n, inputs).

        Raises:
            DataError: for a missing value without a fill, an unknown category, and text in place of numbers.
        """
        column = table[self.name]
        values, missing = column.values[rows], column.missing[rows]
        if missing.any():
            if self.fill is None:
                raise missing_value(table, self.name, rows[missing])
            values = np.where(missing, np.array(self.fill, dtype=object), values)
        if column.is_text != (self.categories is not None) and not missing.all():
            expected, got = ("text", "numbers") if self.categories is not None else ("numbers", "text")
            raise DataError(f"{table.source}: column {self.name!r}: expected {expected}, as in training, got {got}")
        if self.categories is None:
            return values.astype(np.float64)[:, None]
        number = {category: position for position, category in enumerate(self.categories, 1)}
        codes = np.array([number.get(value, 0) for value in values.tolist()], dtype=np.int64)
        if (codes == 0).any():
            self._meet_unknown(table, rows[codes == 0], len(rows))
        if not self.one_hot:
            return codes.astype(np.float64)[:, None]
        return np.asarray(codes[:, None] == np.arange(1, len(number) + 1), dtype=np.float64)

    def _meet_unknown(self, table: Table, rows: Rows, of: int) -> None:
        """Refuse or report the categories in `rows`, which no training row has."""
        assert self.categories is not None
        where, values = table.where(int(rows[0]), self.name), table[self.name].values[rows].tolist()
        if self.unknown == "error":
            more = f" (and {len(rows) - 1} more rows with such)" if len(rows) > 1 else ""
            shown = ", ".join(map(repr, self.categories[:10])) + (", ..." if len(self.categories) > 10 else "")
            raise DataError(
                f"{where}: no training row has {values[0]!r}{more}{did_you_mean(values[0], self.categories) or ';'} "
                f"known are {shown}; correct the cell, or set unknown_categories: ignore"
            )
        listed = ", ".join(map(repr, sorted(set(values))[:5]))
        zeros = "their inputs are all zeros" if self.one_hot else "they count as number 0"
        message = f"{where}: {len(rows)} of {of} rows hold values that no training row has ({listed}); {zeros}"
        warnings.warn(UnknownCategories(message, self.name, len(rows), where, values[0]), stacklevel=4)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able form; ``Feature(**state)`` gives an equal feature back."""
        return asdict(self)


def missing_value(table: Table, name: str, rows: Rows, *, in_features: bool = True) -> DataError:
    """The error about the values that column `name` lacks in `rows`."""
    more = f" (and {len(rows) - 1} more in this column)" if len(rows) > 1 else ""
    cure = "drop, mean, median or constant" if in_features else "drop"
    return DataError(
        f"{table.where(int(rows[0]), name)}: the value is missing{more}; fill it in, or set missing: {cure}, for all "
        f"columns or for this one: missing: {{{name}: drop}}"
    )


def check_count(data: TabularData, name: str, count: int, what: str, role: str) -> None:
    """Refuse a column with more categories than the source allows."""
    if count > data.max_categories:
        raise DataError(
            f"{data.table.source}: column {name!r} has {count} {what}, more than {role} may have "
            f"(max_categories={data.max_categories}); drop the column, or raise max_categories"
        )
