"""The quick road for a part of a CSV file: cells are found and numbers read by NumPy, a column at a time.

It takes lines with one record each, cells bare or in quotes from end to end. `plain_columns` gives None for anything
else, and for any mistake, which the careful road (`csv_file`) then finds again and reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.cells import ColumnReader
from mytorch.data.decimals import PADDING, Places, parse_decimals, words_of
from mytorch.data.dialect import Dialect
from mytorch.data.table import Column

__all__ = ["plain_columns"]

_SEPARATELY = 1 / 8  # up to this share of a column's cells are read one by one


@dataclass(frozen=True)
class _Cells:
    """The bytes of a part, and where the cells of each column (columns, rows) start and end in it."""

    raw: bytes
    text: npt.NDArray[np.uint8]
    starts: Places
    ends: Places

    def of(self, column: int, rows: Any = slice(None)) -> list[str]:
        # Without a step of Python for each cell: there are millions.
        slices = map(slice, self.starts[column, rows].tolist(), self.ends[column, rows].tolist())
        if self.raw.isascii():
            return list(map(self.raw.decode("ascii").__getitem__, slices))
        return [cell.decode("utf-8", "surrogatepass") for cell in map(self.raw.__getitem__, slices)]


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
    words = words_of(found.raw)
    lines = range(start, start + len(texts))
    columns: dict[str, Column | None] = {}
    many: list[int] = []  # columns of numbers of which too many are not of the simple kind
    for position, name in enumerate(header):
        reader = readers.get(name)
        if reader is None:
            continue
        if reader.is_text is not False or reader.has_numeric_marker:
            columns[name] = reader.read(found.of(position), path, lines)
            continue
        values, others = parse_decimals(
            found.text, words, found.starts[position], found.ends[position], dialect.decimal
        )
        rows = np.flatnonzero(others)
        if len(rows) > _SEPARATELY * len(texts):
            many.append(position)
            columns[name] = None
            continue
        try:
            for row, cell in zip(rows.tolist(), found.of(position, rows), strict=True):
                values[row] = reader.convert(cell)
        except ValueError:
            return None
        columns[name] = reader.numbers(values)
    if many:
        numbers = _by_loadtxt(texts, dialect, many)
        for number, position in enumerate(many):
            reader = readers[header[position]]
            columns[header[position]] = (
                reader.read(found.of(position), path, lines)
                if numbers is None
                else reader.numbers(np.ascontiguousarray(numbers[:, number]))
            )
    return {name: column for name in readers if (column := columns[name]) is not None}


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
    return _Cells(raw, text, starts, ends)


def _by_loadtxt(texts: Sequence[str], dialect: Dialect, columns: list[int]) -> npt.NDArray[np.float64] | None:
    """Numbers with exponents or many digits by NumPy's parser, None if it meets anything else."""
    if dialect.decimal != "." or any('"' in text for text in texts):
        return None
    try:
        numbers = np.loadtxt(texts, delimiter=dialect.delimiter, comments=None, usecols=columns, ndmin=2)
    except ValueError:
        return None
    return numbers if len(numbers) == len(texts) and np.isfinite(numbers).all() else None
