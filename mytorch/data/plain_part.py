"""The quick road for a part of a CSV file: cells are found and numbers read by NumPy, a column at a time.

It takes lines with one record each, cells bare or in quotes from end to end. `plain_columns` gives None for anything
else, and for any mistake, which the careful road (`csv_file`) then finds again and reports.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.cells import ColumnReader
from mytorch.data.decimals import LONGEST, PADDING, Places, Words, parse_decimals, words_of
from mytorch.data.dialect import Dialect
from mytorch.data.table import Column

__all__ = ["plain_columns"]

_SEPARATELY = 1 / 8  # up to this share of a column's cells are read one by one


@dataclass(frozen=True)
class _Cells:
    """The bytes of a part, and where the cells of each column (columns, rows) start and end in it."""

    raw: bytes
    delimiter: bytes
    text: npt.NDArray[np.uint8]
    words: Words
    starts: Places
    ends: Places

    @functools.cached_property
    def _ascii(self) -> str | None:
        return self.raw.decode("ascii") if self.raw.isascii() else None

    def of(self, column: int, rows: Any = slice(None)) -> list[str]:
        """The cells of a column, in these rows."""
        # Without a step of Python for each cell: there are millions.
        slices = map(slice, self.starts[column, rows].tolist(), self.ends[column, rows].tolist())
        if self._ascii is not None:
            return list(map(self._ascii.__getitem__, slices))
        return [cell.decode("utf-8", "surrogatepass") for cell in map(self.raw.__getitem__, slices)]

    def by_float(self, column: int) -> npt.NDArray[np.float64] | None:
        """The cells of a column by Python's `float`, None if one is no number for it or not finite."""
        if (
            self._ascii is None or "_" in self._ascii
        ):  # which `float` takes in a number: 1_000, and digits of any script
            return None
        try:
            numbers = np.fromiter(map(float, self._pieces[column :: len(self.ends)]), np.float64, self.ends.shape[1])
        except ValueError:
            return None
        return numbers if np.isfinite(numbers).all() else None

    @functools.cached_property
    def _pieces(self) -> list[bytes]:
        """All cells, record by record."""
        return self.raw[len(PADDING) :].replace(b"\n", self.delimiter).split(self.delimiter)

    def distinct(self, column: int) -> tuple[list[str], Places] | None:
        """The different cells of a column, and which of them stands in each row; None if one is a long text."""
        starts, ends = self.starts[column], self.ends[column]
        lengths = ends - starts
        if lengths.max() > LONGEST:
            return None
        numbers = np.zeros(len(ends), np.int64)
        for place in range(0, int(lengths.max()), 8):  # eight bytes at a time, from the end
            cleared = np.clip(8 + place - lengths, 0, 8).astype(np.uint64) << np.uint64(3)
            words = self.words[ends - 8 - place] >> cleared << cleared
            words[cleared == 64] = 0  # NumPy's shifts by all 64 bits are not the same on all machines
            of_words, which = np.unique(words, return_inverse=True)
            numbers = numbers * len(of_words) + which
        _, first, which = np.unique(numbers, return_index=True, return_inverse=True)
        return self.of(column, first), which


def plain_columns(
    path: str,
    texts: Sequence[str],
    start: int,
    dialect: Dialect,
    header: list[str],
    readers: dict[str, ColumnReader],
) -> dict[str, Column] | None:
    """The columns of lines that are plain records, the first on line `start`; None where something else is met.

    Raises:
        DataError: as `ColumnReader.read`.
    """
    found = _find_cells(texts, dialect.delimiter, len(header))
    if found is None:
        return None
    lines = range(start, start + len(texts))
    columns: dict[str, Column] = {}
    for position, name in enumerate(header):
        reader = readers.get(name)
        if reader is None:
            continue
        if reader.is_text is not False or reader.has_numeric_marker:
            columns[name] = _read_distinct(found, position, reader, path, lines)
            continue
        values, others = parse_decimals(
            found.text, found.words, found.starts[position], found.ends[position], dialect.decimal
        )
        rows = np.flatnonzero(others)
        if len(rows) > _SEPARATELY * len(texts):
            numbers = found.by_float(position) if dialect.decimal == "." else None
            columns[name] = reader.read(found.of(position), path, lines) if numbers is None else reader.numbers(numbers)
            continue
        if len(rows):
            try:
                for row, cell in zip(rows.tolist(), found.of(position, rows), strict=True):
                    values[row] = reader.convert(cell)
            except ValueError:
                return None
        columns[name] = reader.numbers(values)
    return {name: columns[name] for name in readers}


def _read_distinct(found: _Cells, position: int, reader: ColumnReader, path: str, lines: Sequence[int]) -> Column:
    """A column by its different cells: a column of categories has few of them."""
    distinct = found.distinct(position)
    if distinct is None or reader.is_text is None:
        return reader.read(found.of(position), path, lines)
    cells, which = distinct
    column = reader.read(cells, path, lines[: len(cells)])
    return Column(column.values[which], column.missing[which])


def _find_cells(texts: Sequence[str], delimiter: str, width: int) -> _Cells | None:
    whole = "".join(texts)
    if "\r" in whole:
        whole = whole.replace("\r\n", "\n")
    if "\r" in whole or "\0" in whole or any(map(str.isspace, texts)) or not delimiter.isascii():
        return None
    raw = PADDING + whole.encode("utf-8", "surrogatepass") + (b"" if whole.endswith("\n") else b"\n")
    text = np.frombuffer(raw, np.uint8)
    behind = text[len(PADDING) :]
    ends = np.flatnonzero((behind == ord(delimiter)) | (behind == ord("\n"))) + len(PADDING)
    if len(ends) != len(texts) * width:
        return None
    starts = np.concatenate([[len(PADDING)], ends[:-1] + 1])
    starts, ends = (np.ascontiguousarray(places.reshape(-1, width).T) for places in (starts, ends))
    if (text[ends[-1]] != ord("\n")).any():  # a line with fewer cells, another with more
        return None
    if b'"' in raw:
        quoted = (text[starts] == ord('"')) & (text[ends - 1] == ord('"')) & (ends - starts > 1)
        if raw.count(b'"') != 2 * np.count_nonzero(quoted):  # quotes or delimiters inside of quotes
            return None
        starts, ends = starts + quoted, ends - quoted
    return _Cells(raw, delimiter.encode(), text, words_of(raw), starts, ends)
