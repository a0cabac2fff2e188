"""Reading a table from a CSV file: named columns of numbers or text, errors with file, line and column.

A file of numbers alone goes through NumPy's C parser; whatever that refuses (missing values, text, quoted
cells, mistakes) is read again by the csv module, which is slower and can say exactly what is wrong and
where. Both roads give the same table for the same file.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

__all__ = ["MISSING_VALUES", "Column", "DataError", "Table", "read_csv", "read_header"]

#: Cells that stand for a missing value (spaces around them do not count).
MISSING_VALUES = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL")

_CHUNK_ROWS = 8192  # rows held as Python strings at one time
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_DATE_OR_TIME = re.compile(r"(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}:\d{2}).*", re.ASCII)


class DataError(ValueError):
    """Something is wrong with a data file or with how its columns were asked for; the message says where."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known name nearest to `name`, or an empty string.

    >>> did_you_mean("medvv", ["rm", "medv"])
    "; did you mean 'medv'?"
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True)
class Column:
    """One column: `values` are float64 numbers (NaN where missing) or str objects ("" where missing)."""

    values: npt.NDArray[Any]
    missing: npt.NDArray[np.bool_]

    @property
    def is_text(self) -> bool:
        """Whether the column holds text, not numbers."""
        return self.values.dtype == object


@dataclass(frozen=True)
class Table:
    """Columns of equal length under their names, in file order.

    `source` names the table in messages (the path), `lines[i]` is the 1-based line of the file on which row
    i starts.

    >>> column = Column(np.array([1.0, 2.0]), np.array([False, False]))
    >>> table = Table("t.csv", {"x": column}, np.array([2, 3]))
    >>> len(table), table.names, table["x"].values
    (2, ['x'], array([1., 2.]))
    """

    source: str
    columns: dict[str, Column]
    lines: npt.NDArray[np.int64]

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
        return f"{self.source}:{self.lines[row]}: column {column!r}"


def read_header(path: str | os.PathLike[str], *, delimiter: str = ",", encoding: str = "utf-8") -> list[str]:
    """Return the column names of a CSV file, reading no further. Raises DataError as `read_csv` does."""
    with _open_text(path, encoding) as handle:
        return _next_header(path, _csv_reader(handle, path, delimiter))


def read_csv(
    path: str | os.PathLike[str],
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    columns: Sequence[str] | None = None,
    categorical: Collection[str] = (),
    missing_values: Collection[str] = MISSING_VALUES,
) -> Table:
    """Read a CSV file with a header line into a `Table`.

    Fields may be quoted, a byte order mark and any line ending are understood, blank lines are skipped, and
    spaces around a cell do not count. A gzip-compressed file is recognised by its content. A column is
    numbers if its cells are, and text otherwise; one that mixes both is refused, and so are dates and
    infinities. A number is written in decimal (``-1``, ``.5``, ``1e-3``).

    Args:
        path: the file.
        delimiter: the one character between fields; write ``"\\t"`` for a tab.
        encoding: the text encoding.
        columns: the columns to keep, in this order; None keeps all. The cells of the others are not looked
            at.
        categorical: columns to keep as text whatever their cells look like (codes, years, dates).
        missing_values: cells that stand for a missing value.

    Raises:
        DataError: for any mistake in the file or the arguments; names the file, the line and the column.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> _ = path.write_text("age,city\\n31,Seoul\\n,Busan\\n")
    >>> table = read_csv(path)
    >>> table["age"].values, table["age"].missing, table["city"].values
    (array([31., nan]), array([False,  True]), array(['Seoul', 'Busan'], dtype=object))
    """
    with _open_text(path, encoding) as handle:
        reader = _csv_reader(handle, path, delimiter)
        header = _next_header(path, reader)
        kept = header if columns is None else list(columns)
        for name in [*kept, *categorical]:
            if name not in header:
                raise DataError(unknown_column(path, name, header))
        # A marker such as -999 is a number to the C parser, which knows nothing of missing values.
        only_text_markers = not any(_NUMBER.fullmatch(marker) for marker in missing_values)
        table = None
        if only_text_markers and not categorical:
            table = _read_numbers(path, handle, reader.line_num, delimiter, header, kept)
    if table is not None:
        return table

    with _open_text(path, encoding) as handle:
        reader = _csv_reader(handle, path, delimiter)
        _next_header(path, reader)
        builders = {name: _ColumnBuilder(path, name, name in categorical, missing_values) for name in kept}
        positions = [header.index(name) for name in kept]
        all_lines: list[int] = []
        records = _records(path, reader, len(header))
        while chunk := list(itertools.islice(records, _CHUNK_ROWS)):
            lines = [line for line, _ in chunk]
            cells = list(zip(*(record for _, record in chunk), strict=True))
            for position, builder in zip(positions, builders.values(), strict=True):
                builder.add(cells[position], lines)
            all_lines += lines
    if not all_lines:
        raise DataError(f"{path}: has a header and no rows")
    built = {name: builder.finish() for name, builder in builders.items()}
    return Table(str(path), built, np.array(all_lines, dtype=np.int64))


def _read_numbers(
    path: str | os.PathLike[str],
    handle: TextIO,
    header_lines: int,
    delimiter: str,
    header: list[str],
    kept: list[str],
) -> Table | None:
    """Read the rest of a file of plain finite numbers, or return None where anything else is met."""
    numbered = ((number, line) for number, line in enumerate(handle, header_lines + 1) if line.strip("\r\n"))
    lines: list[int] = []

    def noted() -> Iterator[str]:
        for number, line in itertools.chain([first], numbered):
            lines.append(number)
            yield line

    try:
        first = next(numbered)
        values = np.loadtxt(noted(), delimiter=delimiter, comments=None, ndmin=2)
    except (StopIteration, ValueError):
        return None
    if values.shape[1] != len(header) or not np.isfinite(values).all():
        return None
    present = np.zeros(len(values), dtype=bool)
    columns = {name: Column(values[:, header.index(name)].copy(), present) for name in kept}
    return Table(str(path), columns, np.array(lines, dtype=np.int64))


class _ColumnBuilder:
    """Collects the cells of one column; the first one that is not missing decides: numbers or text."""

    def __init__(
        self, path: str | os.PathLike[str], name: str, forced_text: bool, missing_values: Collection[str]
    ) -> None:
        self.path = path
        self.name = name
        self.forced_text = forced_text
        self.missing_values = frozenset(missing_values)
        self.numeric_markers = [marker for marker in missing_values if _NUMBER.fullmatch(marker)]
        self.is_text: bool | None = True if forced_text else None
        self.first = ("", 0)  # the cell and line that decided
        self.values: list[npt.NDArray[Any]] = []
        self.missing: list[npt.NDArray[np.bool_]] = []
        self.texts: dict[str, str] = {}  # one object for equal cells: categories repeat a lot

    def add(self, cells: Sequence[str], lines: Sequence[int]) -> None:
        numbers = None if self.is_text else self._plain_numbers(cells)
        if numbers is not None:
            if self.is_text is None:
                self.is_text, self.first = False, (cells[0], lines[0])
            self.values.append(numbers)
            self.missing.append(np.zeros(len(cells), dtype=bool))
            return
        stripped = [cell.strip() for cell in cells]
        missing = [cell in self.missing_values for cell in stripped]
        if self.is_text is None:
            self._decide(stripped, missing, lines)
        take: Any = self._text if self.is_text else self._number
        blank: Any = "" if self.is_text else np.nan
        found = zip(stripped, missing, lines, strict=True)
        taken = [blank if gone else take(cell, line) for cell, gone, line in found]
        self.values.append(np.array(taken, dtype=object if self.is_text else np.float64))
        self.missing.append(np.array(missing, dtype=bool))

    def finish(self) -> Column:
        if self.is_text:  # chunks before the first cell that decided hold nothing but missing values
            self.values = [
                np.full(len(part), "", dtype=object) if part.dtype != object else part for part in self.values
            ]
        return Column(np.concatenate(self.values), np.concatenate(self.missing))

    def _plain_numbers(self, cells: Sequence[str]) -> npt.NDArray[np.float64] | None:
        """Convert a chunk at one go if nothing in it needs a second look, else return None."""
        joined = "".join(cells)
        # float() would take 1_000, digits of any script, and a marker such as -999.
        if not joined.isascii() or any(mark in joined for mark in ("_", *self.numeric_markers)):
            return None
        try:
            numbers = np.array([float(cell) for cell in cells], dtype=np.float64)
        except ValueError:
            return None
        return numbers if np.isfinite(numbers).all() else None

    def _decide(self, cells: Sequence[str], missing: Sequence[bool], lines: Sequence[int]) -> None:
        for cell, gone, line in zip(cells, missing, lines, strict=True):
            if not gone:
                self.is_text, self.first = (
                    not (_NUMBER.fullmatch(cell) or _NOT_FINITE.fullmatch(cell)),
                    (cell, line),
                )
                if self.is_text and _DATE_OR_TIME.fullmatch(cell):
                    self._fail(
                        line,
                        f"{_short(cell)} looks like a date or a time, and these are not read; turn it into "
                        "numbers (year, month, days since the start), drop the column, or list it under "
                        "'categorical' to read it as text",
                    )
                return

    def _number(self, cell: str, line: int) -> float:
        if not _NUMBER.fullmatch(cell):
            if _NOT_FINITE.fullmatch(cell):
                self._fail(line, f"expected a finite number, got {_short(cell)}")
            hint = "write decimals with a point" if _DECIMAL_COMMA.fullmatch(cell) else "correct the cell"
            self._fail(
                line,
                f"expected a number, as on line {self.first[1]}, got {_short(cell)}; {hint}, or list the "
                "column under 'categorical' to read it as text",
            )
        number = float(cell)
        if not np.isfinite(number):
            self._fail(line, f"{_short(cell)} is too large for a 64-bit float")
        return number

    def _text(self, cell: str, line: int) -> str:
        if not self.forced_text and _NUMBER.fullmatch(cell):
            self._fail(
                line,
                f"expected text, as {_short(self.first[0])} on line {self.first[1]}, got the number "
                f"{_short(cell)}; correct the file, drop the column, or list it under 'categorical' to read "
                "it as text",
            )
        return self.texts.setdefault(cell, cell)

    def _fail(self, line: int, what: str) -> None:
        raise DataError(f"{self.path}:{line}: column {self.name!r}: {what}")


def _csv_reader(handle: TextIO, path: str | os.PathLike[str], delimiter: str) -> Any:
    if len(delimiter) != 1 or delimiter.isalnum() or delimiter in '"\r\n\0.+-_':
        raise DataError(f'{path}: expected a delimiter of one character such as "," ";" or "\\t", got {delimiter!r}')

    def lines() -> Iterator[str]:
        for number, line in enumerate(handle, 1):
            if "\0" in line:
                raise DataError(f"{path}:{number}: holds a NUL byte, so this is no text file")
            yield line

    return csv.reader(lines(), delimiter=delimiter, strict=True)


def _next_record(path: str | os.PathLike[str], reader: Any) -> tuple[int, list[str]] | None:
    """Return the next record that is not blank, with the line on which it starts; None at the end."""
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return None
        except csv.Error as error:
            raise DataError(f"{path}:{line}: cannot be read as CSV: {error}; check the quotes") from error
        if len(record) > 1 or (record and record[0].strip()):
            return line, record


def _records(path: str | os.PathLike[str], reader: Any, width: int) -> Iterator[tuple[int, list[str]]]:
    while (found := _next_record(path, reader)) is not None:
        line, record = found
        if len(record) != width:
            raise DataError(f"{path}:{line}: expected {width} fields, as in the header, got {len(record)}")
        yield found


def _next_header(path: str | os.PathLike[str], reader: Any) -> list[str]:
    found = _next_record(path, reader)
    if found is None:
        raise DataError(f"{path}: is empty; expected a header line with column names")
    line, record = found
    header = [name.strip() for name in record]
    if all(_NUMBER.fullmatch(name) for name in header):
        raise DataError(f"{path}:{line}: expected a header line with column names, got numbers; add a line of names")
    for position, name in enumerate(header, 1):
        first = header.index(name) + 1
        if not name:
            raise DataError(f"{path}:{line}: column {position} has no name in the header; give it one")
        if first != position:
            raise DataError(f"{path}:{line}: columns {first} and {position} have the same name {name!r}; rename one")
    return header


def unknown_column(path: str | os.PathLike[str], name: str, header: Sequence[str]) -> str:
    if len(header) == 1:
        other = next((mark for mark in ";\t|," if mark in header[0]), None)
        if other is not None:
            only = f"the header is one field {_short(header[0])}"
            return f"{path}: no column {name!r}; {only}: is the delimiter {other!r}?"
    listed = ", ".join(header[:20]) + (", ..." if len(header) > 20 else "")
    return f"{path}: no column {name!r}{did_you_mean(name, header) or ';'} the columns are: {listed}"


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


@contextmanager
def _open_text(path: str | os.PathLike[str], encoding: str) -> Iterator[TextIO]:
    """Open a text file, compressed or not, and turn what goes wrong while it is read into a DataError."""
    try:
        "".encode(encoding)
    except LookupError as error:
        raise DataError(f"{path}: unknown encoding {encoding!r}") from error
    try:
        _check_is_file(Path(path))
        with open(path, "rb") as raw:
            yield _text_stream(path, raw, encoding)
    except UnicodeDecodeError as error:
        raise DataError(_encoding_message(path, encoding)) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed file is damaged: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        inside = sorted(entry.name for entry in path.iterdir() if ".csv" in entry.suffixes)
        listed = f"; CSV files in it: {', '.join(inside[:10])}" if inside else ""
        raise DataError(f"{path}: is a directory, expected a CSV file{listed}")
    if path.exists():
        return
    folder = str(path.parent.absolute())
    if not path.parent.is_dir():
        raise DataError(f"{path}: no such file; there is no directory {folder!r}")
    raise DataError(f"{path}: no such file in {folder!r}{did_you_mean(path.name, os.listdir(folder))}")


def _text_stream(path: str | os.PathLike[str], raw: io.BufferedReader, encoding: str) -> TextIO:
    binary = _binary_stream(raw)
    start = binary.peek(4)[:4]
    if start == b"PK\x03\x04":
        raise DataError(f"{path}: is a ZIP file or an Excel workbook, not text; save it as CSV")
    codec = encoding.lower().replace("_", "-")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and not codec.startswith(("utf-16", "utf-32")):
        raise DataError(f"{path}: is not {encoding}; it looks like UTF-16: set encoding to 'utf-16'")
    # Excel writes a byte order mark in front of UTF-8; it is no part of the first name.
    return io.TextIOWrapper(binary, encoding="utf-8-sig" if codec in ("utf-8", "utf8") else encoding, newline="")


def _binary_stream(raw: io.BufferedReader) -> Any:
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw


def _encoding_message(path: str | os.PathLike[str], encoding: str) -> str:
    """Find the first line that does not decode; the decoder only knows its place in a block of the file."""
    decoder = codecs.getincrementaldecoder(encoding)()
    number, what = 0, "the last character is incomplete"
    with open(path, "rb") as raw:
        for number, line in enumerate(_binary_stream(raw), 1):  # noqa: B007 - the last number is needed
            try:
                decoder.decode(line)
            except UnicodeDecodeError as error:
                what = f"byte 0x{error.object[error.start]:02x} is not {encoding}"
                break
    return f"{path}:{number}: {what}; set encoding (often 'cp1252' or 'cp949') or repair the file"
