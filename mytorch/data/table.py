"""A table in memory: named columns of numbers or text, which know the file and line that each row came from."""

from __future__ import annotations

import bisect
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.names import did_you_mean

__all__ = ["Column", "DataError", "Table", "shorten", "unknown_column"]


class DataError(ValueError):
    """Something is wrong with a data file or with how its columns were asked for; the message says where."""


@dataclass(frozen=True)
class Column:
    """One column: `values` are float64 numbers (NaN where missing) or str objects ("" where missing)."""

    values: npt.NDArray[Any]
    missing: npt.NDArray[np.bool_]

    @property
    def is_text(self) -> bool:
        """Whether the column holds text, not numbers."""
        return self.values.dtype == object

    @classmethod
    def join(cls, parts: Sequence[Column]) -> Column:
        """The parts below each other. A part without any value takes the kind of the others."""
        is_text = any(part.is_text for part in parts)
        values = [
            np.full(len(part.values), "", dtype=object) if is_text and not part.is_text else part.values
            for part in parts
        ]
        return cls(np.concatenate(values), np.concatenate([part.missing for part in parts]))


@dataclass(frozen=True)
class Table:
    """Columns of equal length under their names, in file order.

    `source` names the table in messages (the path), `lines[i]` is the 1-based line of the file on which row
    i starts. A table of several files has `files`: for each the first row and its name.

    >>> column = Column(np.array([1.0, 2.0]), np.array([False, False]))
    >>> table = Table("t.csv", {"x": column}, np.array([2, 3]))
    >>> len(table), table.names, table["x"].values
    (2, ['x'], array([1., 2.]))
    """

    source: str
    columns: dict[str, Column]
    lines: npt.NDArray[np.int64]
    files: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            raise DataError(unknown_column(self.source, name, self.names))
        return self.columns[name]

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return list(self.columns)

    def where(self, row: int, column: str) -> str:
        """Return the place of a cell as messages give it.

        >>> Table("t.csv", {}, np.array([2, 3])).where(1, "rm")
        "t.csv:3: column 'rm'"
        """
        starts = [start for start, _ in self.files]
        file = self.files[bisect.bisect_right(starts, row) - 1][1] if self.files else self.source
        return f"{file}:{self.lines[row]}: column {column!r}"

    @classmethod
    def join(cls, source: str, parts: Sequence[Table]) -> Table:
        """The rows of all parts, one below the other, under one name. There is at least one part."""
        columns = {name: Column.join([part.columns[name] for part in parts]) for name in parts[0].columns}
        files: list[tuple[int, str]] = []
        row = 0
        for part in parts:
            if not files or files[-1][1] != part.source:
                files.append((row, part.source))
            row += len(part)
        several = tuple(files) if len(files) > 1 else ()
        return cls(source if several else parts[0].source, columns, np.concatenate([p.lines for p in parts]), several)


def unknown_column(path: str | os.PathLike[str], name: str, header: Sequence[str]) -> str:
    """The message that there is no column of that name, with what may have been meant."""
    if len(header) == 1:
        other = next((mark for mark in ";\t|, " if mark in header[0]), None)
        if other is not None:
            only = f"the header is one field {shorten(header[0])}"
            return f"{path}: no column {name!r}; {only}: is the delimiter {other!r}?"
    listed = ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")
    return f"{path}: no column {name!r}{did_you_mean(name, header) or ';'} the columns are: {listed}"


def shorten(cell: str) -> str:
    """A cell as messages quote it."""
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
