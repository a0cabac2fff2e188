"""Reading CSV files into tables, quickly where they are plain and with care where they are not.

A file is read in blocks of a megabyte. The kinds of the columns known, a block in which nothing needs a second look
is read by `plain_part`; others, and the first lines, by the csv module and cell by cell, which is slower and can say
exactly what is wrong and where. Both roads give the same table for the same file.
"""

from __future__ import annotations

import csv
import math
import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from mytorch.data.cells import MISSING_VALUES, ColumnReader, is_number
from mytorch.data.dialect import Dialect, detect_delimiter
from mytorch.data.names import did_you_mean
from mytorch.data.plain_part import plain_columns
from mytorch.data.table import Column, DataError, Table, shorten, unknown_column
from mytorch.data.text import lines_of, matching_files, open_blocks

__all__ = ["read_csv", "read_csv_parts", "read_header"]

_FIRST_LINES = 512  # always read with care: they show what kind each column is
_LINES_LOOKED_AT = 512  # for the delimiter
_BLOCKS_LOOKED_AT = 16


def read_header(path: str | os.PathLike[str], dialect: Dialect | None = None) -> list[str]:
    """Return the column names of a CSV file (of a pattern: the first one), reading no further.

    Raises:
        DataError: as `read_csv`.
    """
    first = matching_files(path)[0]
    dialect = dialect or Dialect()
    with open_blocks(first, dialect.encoding) as blocks:
        lines = _Lines(first, blocks)
        return _header(lines, _with_delimiter(dialect, lines))


def read_csv(
    path: str | os.PathLike[str],
    *,
    dialect: Dialect | None = None,
    columns: Sequence[str] | None = None,
    categorical: Collection[str] = (),
    missing_values: Collection[str] = MISSING_VALUES,
) -> Table:
    """Read a CSV file, or all that a pattern such as ``data/*.csv`` fits, into one `Table`.

    Fields may be quoted, a byte order mark and any line ending are understood, blank lines are skipped, and
    spaces around a cell do not count. A gzip-compressed file is recognised by its content. A column is
    numbers if its cells are, and text otherwise; one that mixes both is refused, and so are dates, thousands
    marks, units and infinities. A number is written in decimal (``-1``, ``.5``, ``1e-3``).

    Args:
        path: the file or pattern.
        dialect: how the file is written; None is `Dialect`'s defaults.
        columns: the columns to keep, in this order; None keeps all. The cells of the others are not looked
            at.
        categorical: columns to keep as text whatever their cells look like (codes, years, dates).
        missing_values: cells that stand for a missing value.

    Raises:
        DataError: for any mistake in the file or the arguments; names the file, the line and the column.

    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age,city\\n31,Seoul\\n,Busan\\n")
    >>> table = read_csv(path)
    >>> table["age"].values, table["age"].missing, table["city"].values
    (array([31., nan]), array([False,  True]), array(['Seoul', 'Busan'], dtype=object))
    """
    parts = list(
        read_csv_parts(path, dialect=dialect, columns=columns, categorical=categorical, missing_values=missing_values)
    )
    if not parts:
        raise DataError(f"{path}: has a header and no rows")
    return Table.join(str(path), parts)


def read_csv_parts(
    path: str | os.PathLike[str],
    *,
    dialect: Dialect | None = None,
    columns: Sequence[str] | Callable[[str, list[str]], Sequence[str]] | None = None,
    categorical: Collection[str] = (),
    numeric: Collection[str] = (),
    verbatim: Collection[str] = (),
    may_lack: Collection[str] = (),
    missing_values: Collection[str] = MISSING_VALUES,
    stream: BinaryIO | None = None,
) -> Iterator[Table]:
    """The same in parts of some hundred kilobytes of the file, so that memory stays bounded whatever the file's size.

    Columns listed under `numeric` are numbers even if the first part has no value in them. In others such a part is
    numbers (NaN), also where later parts turn out to be text. Those under `verbatim` are text in which nothing stands
    for a missing value. `columns` may be a function, which is given the first file's name and header. A file without
    a header may lack the columns `may_lack`, all of them. A `stream`, such as standard input, is read in place of the
    file; `path` is then its name.

    Raises:
        DataError: as `read_csv`, once the reading comes to the mistake.
    """
    dialect = dialect or Dialect()
    files = matching_files(path) if stream is None else [os.fspath(path)]
    header: list[str] = []
    readers: dict[str, ColumnReader] = {}
    for file in files:
        with open_blocks(file, dialect.encoding, stream) as blocks:
            lines = _Lines(file, blocks)
            dialect = _with_delimiter(dialect, lines)
            names = _header(lines, dialect, may_lack)
            if not header:
                header = names
                kept = list(columns(file, header) if callable(columns) else header if columns is None else columns)
                for name in [*kept, *categorical, *numeric, *verbatim]:
                    if name not in header:
                        raise DataError(unknown_column(file, name, header))
                for name in kept:
                    is_text = True if name in categorical or name in verbatim else False if name in numeric else None
                    readers[name] = ColumnReader(
                        name,
                        decimal=dialect.decimal,
                        missing_values=() if name in verbatim else missing_values,
                        is_text=is_text,
                    )
            elif names != header:
                raise DataError(_header_difference(file, names, files[0], header))
            yield from _parts(lines, dialect, header, readers)


def _with_delimiter(dialect: Dialect, lines: _Lines) -> Dialect:
    """The dialect with the delimiter that the file has, if it is to be found out; no line is used up."""
    if dialect.delimiter != "auto":
        return dialect
    return replace(dialect, delimiter=detect_delimiter(lines.path, dialect, lines.peek(_LINES_LOOKED_AT)))


def _parts(lines: _Lines, dialect: Dialect, header: list[str], readers: dict[str, ColumnReader]) -> Iterator[Table]:
    """The rows of one file, behind its header."""
    numbers, columns = _careful_part(lines, lines.number + _FIRST_LINES, dialect, header, readers)
    if len(numbers):
        yield Table(lines.path, columns, numbers)
    while block := lines.peek_block():
        found = None
        with suppress(DataError):  # the careful road finds it again, and first what stands first
            found = plain_columns(lines.path, block, lines.number + 1, dialect, header, readers)
        if found is None:
            found = _careful_part(lines, lines.number + _count_lines(block), dialect, header, readers)
        else:
            lines.skip_block()
        numbers, columns = found
        if len(numbers):
            yield Table(lines.path, columns, numbers)


def _careful_part(
    lines: _Lines, last: int, dialect: Dialect, header: list[str], readers: dict[str, ColumnReader]
) -> tuple[Any, dict[str, Column]]:
    """The records that start on lines up to `last`, with the numbers of these lines."""
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    numbers: list[int] = []
    records: list[list[str]] = []
    while (found := _next_record(lines, reader, last)) is not None:
        line, record = found
        if len(record) != len(header):
            raise DataError(f"{lines.path}:{line}: expected {len(header)} fields, as in the header, got {len(record)}")
        numbers.append(line)
        records.append(record)
    cells = list(zip(*records, strict=True)) or [()] * len(header)
    columns = {name: one.read(cells[header.index(name)], lines.path, numbers) for name, one in readers.items()}
    return np.array(numbers, dtype=np.int64), columns


class _Lines:
    """The lines of an open file, counted; lines that were taken can be put back, and whole blocks be taken at once."""

    def __init__(self, path: str, blocks: Iterator[bytes]) -> None:
        self.path = path
        self.blocks = blocks
        self.number = 0  # of the line that was given last
        self.waiting: deque[bytes] = deque()  # the next lines
        self.block = b""  # those after them

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if not self.waiting and not self._read_lines():
            raise StopIteration
        line = self.waiting.popleft().decode("utf-8", "surrogatepass")
        self.number += 1
        if "\0" in line:
            raise DataError(f"{self.path}:{self.number}: holds a NUL byte, so this is no text file")
        return line

    def peek(self, count: int) -> list[str]:
        """The next lines, which stay; fewer at the end of the file, or where they are long."""
        self.skip_blank_blocks()
        blocks: list[bytes] = []
        texts: list[str] = []
        while len(texts) < count and len(blocks) < _BLOCKS_LOOKED_AT and (block := self.peek_block()):
            self.block = b""
            blocks.append(block)
            texts += lines_of(block)
        self.blocks = chain(blocks, self.blocks)
        return texts[:count]

    def put_back(self, texts: list[str]) -> None:
        self.waiting.extendleft(text.encode("utf-8", "surrogatepass") for text in reversed(texts))
        self.number -= len(texts)

    def peek_block(self) -> bytes:
        """What waits, or the next block, which stays; nothing at the end of the file."""
        self.block = b"".join(self.waiting) + self.block or next(self.blocks, b"")
        self.waiting.clear()
        return self.block

    def skip_block(self) -> None:
        """Leave out what `peek_block` gave."""
        self.number += _count_lines(self.block)
        self.block = b""

    def skip_blank_blocks(self) -> None:
        """Leave out blocks of nothing but line ends, which line by line would take long."""
        while not self.waiting and (block := self.peek_block()) and not block.strip(b"\r\n"):
            self.skip_block()

    def _read_lines(self) -> bool:
        block, self.block = self.block or next(self.blocks, b""), b""
        self.waiting.extend(block.splitlines(keepends=True))
        return bool(block)


def _count_lines(block: bytes) -> int:
    if b"\r" in block:
        return len(block.splitlines())
    ends = int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord("\n")))  # `bytes.count` takes five times as long
    return ends + (not block.endswith(b"\n"))


def _next_record(lines: _Lines, reader: Any, last: float = math.inf) -> tuple[int, list[str]] | None:
    """The next record that is not blank and starts on a line up to `last`, with that line; None if there is none."""
    while lines.number < last:
        line = lines.number + 1
        try:
            record = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            raise DataError(f"{lines.path}:{line}: cannot be read as CSV: {error}; check the quotes") from error
        if len(record) > 1 or (record and record[0].strip()):
            return line, record
    return None


def _header(lines: _Lines, dialect: Dialect, may_lack: Collection[str] = ()) -> list[str]:
    """The columns' names; afterwards the first row is the next line."""
    texts = lines.peek(_FIRST_LINES)
    start = lines.number
    found = _next_record(lines, csv.reader(lines, delimiter=dialect.delimiter, strict=True))
    if found is None:
        raise DataError(f"{lines.path}: is empty; expected a header line with column names")
    line, record = found
    if dialect.header is not True:
        lines.put_back(texts[: lines.number - start])
        names = list(dialect.header or (f"c{position}" for position in range(1, len(record) + 1)))
        if len(names) != len(record):
            names, all_names = [name for name in names if name not in may_lack], names
        if len(names) != len(record):
            raise DataError(
                f"{lines.path}:{line}: expected {len(all_names)} fields, as 'header' names, got {len(record)}"
            )
        return names
    header = [name.strip() for name in record]
    if all(is_number(name, dialect.decimal) for name in header):
        raise DataError(
            f"{lines.path}:{line}: expected a header line with column names, got numbers; add a line of names, or "
            "set header: false (columns c1, c2, ...) or header: [names]"
        )
    positions: dict[str, int] = {}
    for position, name in enumerate(header, 1):
        first = positions.setdefault(name, position)
        if not name:
            raise DataError(f"{lines.path}:{line}: column {position} has no name in the header; give it one")
        if first != position:
            raise DataError(
                f"{lines.path}:{line}: columns {first} and {position} have the same name {name!r}; rename one"
            )
    return header


def _header_difference(path: str, names: list[str], first_path: str, first: list[str]) -> str:
    place = f"{path}:1: the header differs from that of {first_path}"
    missing = [name for name in first if name not in names]
    if missing:
        near = did_you_mean(missing[0], [name for name in names if name not in first])
        return f"{place}: no column {shorten(missing[0])}{near}"
    more = [name for name in names if name not in first]
    if more:
        return f"{place}: the column {shorten(more[0])} is not in it"
    position = next(i for i, (name, other) in enumerate(zip(names, first, strict=True)) if name != other)
    return f"{place}: column {position + 1} is {shorten(names[position])}, expected {shorten(first[position])}"
