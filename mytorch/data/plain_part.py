"""The quick road for a block of a CSV file: cells are found and numbers read by NumPy, a column at a time.

It takes lines with one record each, cells bare or in quotes from end to end. `plain_columns` gives None for anything
else, and for any mistake, which the careful road (`csv_file`) then finds again and reports.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.cells import ColumnReader
from mytorch.data.decimals import LONGEST, PADDING, Places, Words, parse_decimals, words_of
from mytorch.data.dialect import Dialect
from mytorch.data.table import Column

__all__ = ["plain_columns"]

_NEWLINE = ord("\n")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits mixed: keys of different cells then hardly ever agree
_SEPARATELY = 1 / 8  # up to this share of a column's cells are read one by one


@dataclass(frozen=True)
class _Cells:
    """The bytes of a block, the lines of its rows, and where the cells of each column (columns, rows) start and end."""

    raw: bytes
    lines: npt.NDArray[np.int64]
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
        if self._ascii is None or "_" in self._ascii:  # `float` takes 1_000, and digits of any script
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
        if lengths.max(initial=0) > LONGEST:
            return None
        parts = []
        key = np.zeros(len(ends), np.uint64)
        for place in range(0, int(lengths.max(initial=0)), 8):  # eight bytes at a time, from the end
            cleared = np.clip(8 + place - lengths, 0, 8).astype(np.uint64) << np.uint64(3)
            part = self.words[ends - 8 - place] >> cleared << cleared
            part[cleared == 64] = 0  # NumPy's shifts by all 64 bits are not the same on all machines
            parts.append(part)
            key = key * _MULTIPLIER + part
        keys, which = np.unique(key, return_inverse=True)
        rows = np.empty(len(keys), np.int64)
        rows[which] = np.arange(len(which))  # one of each
        if any((part[rows][which] != part).any() for part in parts):  # two cells of one key
            return None
        return self.of(column, rows), which


def plain_columns(
    path: str,
    block: bytes,
    start: int,
    dialect: Dialect,
    header: list[str],
    readers: dict[str, ColumnReader],
) -> tuple[npt.NDArray[np.int64], dict[str, Column]] | None:
    """The lines and columns of a block of plain records that begins on line `start`; None if something else is met.

    Raises:
        DataError: as `ColumnReader.read`.
    """
    found = _find_cells(block, start, dialect.delimiter, len(header))
    if found is None:
        return None
    columns = {}
    numeric = []
    for position, name in enumerate(header):
        reader = readers.get(name)
        if reader is None:
            continue
        if reader.is_text is False and not reader.has_numeric_marker:
            numeric.append(position)
        else:
            columns[name] = _read_distinct(found, position, reader, path)
    # All columns of numbers at once: NumPy's calls would take as long as their work on a column of some thousand rows.
    starts, ends = (places[numeric] for places in (found.starts, found.ends))
    values, others = parse_decimals(found.text, found.words, starts.ravel(), ends.ravel(), dialect.decimal)
    for position, numbers, left in zip(numeric, values.reshape(ends.shape), others.reshape(ends.shape), strict=True):
        reader = readers[header[position]]
        columns[reader.name] = _read_numbers(found, position, reader, path, numbers, np.flatnonzero(left))
    return found.lines, {name: columns[name] for name in readers}


def _read_numbers(
    found: _Cells, position: int, reader: ColumnReader, path: str, numbers: npt.NDArray[np.float64], left: Places
) -> Column:
    """A column of numbers, of which those in some rows are left to read."""
    if len(left) > _SEPARATELY * len(numbers):
        by_float = found.by_float(position) if reader.decimal == "." else None
        return reader.read(found.of(position), path, found.lines) if by_float is None else reader.numbers(by_float)
    if len(left):
        numbers[left] = reader.read(found.of(position, left), path, found.lines[left]).values
    return reader.numbers(numbers)


def _read_distinct(found: _Cells, position: int, reader: ColumnReader, path: str) -> Column:
    """A column by its different cells: a column of categories has few of them."""
    distinct = found.distinct(position)
    if distinct is None or reader.is_text is None:
        return reader.read(found.of(position), path, found.lines)
    cells, which = distinct
    column = reader.read(cells, path, found.lines[: len(cells)])
    return Column(column.values[which], column.missing[which])


def _find_cells(block: bytes, start: int, delimiter: str, width: int) -> _Cells | None:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if b"\r" in block or b"\0" in block or not delimiter.isascii():
        return None
    if not block.endswith(b"\n"):
        block += b"\n"
    raw = PADDING + block
    text = np.frombuffer(raw, np.uint8)
    is_newline = text == _NEWLINE  # `PADDING` ends with one
    is_blank = is_newline[len(PADDING) :] & is_newline[len(PADDING) - 1 : -1]
    lines = np.arange(start, start + np.count_nonzero(is_newline) - 1)
    if is_blank.any():
        lines = lines[~is_blank[is_newline[len(PADDING) :]]]
        raw = PADDING + text[len(PADDING) :][~is_blank].tobytes()
        text = np.frombuffer(raw, np.uint8)
        is_newline = text == _NEWLINE
    is_end = is_newline | (text == ord(delimiter))
    is_end[: len(PADDING)] = False
    ends = np.flatnonzero(is_end)
    if len(ends) != len(lines) * width:
        return None
    ends = np.ascontiguousarray(ends.reshape(-1, width).T)
    if (text[ends[-1]] != _NEWLINE).any():  # a line with fewer cells, another with more
        return None
    starts = np.empty_like(ends)
    starts[1:] = ends[:-1] + 1
    starts[0, :1] = len(PADDING)
    starts[0, 1:] = ends[-1, :-1] + 1
    if b'"' in raw:
        quoted = (text[starts] == ord('"')) & (text[ends - 1] == ord('"')) & (ends - starts > 1)
        if np.count_nonzero(text == ord('"')) != 2 * np.count_nonzero(quoted):  # quotes or delimiters inside of quotes
            return None
        starts, ends = starts + quoted, ends - quoted
    found = _Cells(raw, lines, delimiter.encode(), text, words_of(raw), starts, ends)
    if width == 1 and not all(map(str.strip, found.of(0))):  # a blank line, of spaces or of quotes
        return None
    return found
