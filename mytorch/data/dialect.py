"""How a CSV file is written: delimiter, decimal mark, encoding, header; and finding out the delimiter."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

from mytorch.data.table import DataError

__all__ = ["Dialect", "detect_delimiter"]

DELIMITERS = (",", ";", "\t", "|")
RECORDS_LOOKED_AT = 100


@dataclass(frozen=True)
class Dialect:
    r"""The way in which a CSV file is written.

    Args:
        delimiter: the one character between fields, ``"\t"`` for a tab; ``auto`` takes the one of ``, ; |`` and tab
            that fits the first lines.
        decimal: the mark in front of decimals, ``.`` or ``,``.
        encoding: the text encoding; a byte order mark in front of UTF-8 does not matter.
        header: whether the first line holds the columns' names. False calls them ``c1``, ``c2``, ...; a list is the
            names of a file without a header.

    Raises:
        DataError: for values that make no sense.

    >>> Dialect(delimiter=";", decimal=",")
    Dialect(delimiter=';', decimal=',', encoding='utf-8', header=True)
    """

    delimiter: str = "auto"
    decimal: str = "."
    encoding: str = "utf-8"
    header: bool | tuple[str, ...] = True

    def __post_init__(self) -> None:
        given = self.delimiter
        mark = "\t" if given in ("\\t", "tab") else given
        object.__setattr__(self, "delimiter", mark)
        if mark != "auto" and (len(mark) != 1 or mark.isalnum() or mark in '"\r\n\0.+-_'):
            raise DataError(f'expected a delimiter of one character such as "," ";" or "\\t", or auto, got {given!r}')
        if self.decimal not in (".", ","):
            raise DataError(f"decimal: expected '.' or ',', got {self.decimal!r}")
        if mark == self.decimal:
            raise DataError(f"delimiter and decimal are both {mark!r}; numbers with decimals would have to be quoted")
        if not isinstance(self.header, bool):
            names = tuple(self.header)
            object.__setattr__(self, "header", names)
            twice = next((name for name in names if names.count(name) > 1), None)
            if not names or "" in names or twice is not None:
                raise DataError(f"header: expected true, false or a list of different names, got {list(names)}")


def detect_delimiter(path: str, dialect: Dialect, first_lines: Sequence[str]) -> str:
    """The delimiter of the file at `path`: the dialect's own, or for ``auto`` what fits its first lines.

    A candidate splits the first line. Of several, the one is taken that gives all of the first lines equally many
    fields. A file without any candidate has one column.

    Raises:
        DataError: more than one candidate fits.
    """
    if dialect.delimiter != "auto":
        return dialect.delimiter
    lines = [line for line in first_lines if line.strip()][:RECORDS_LOOKED_AT]
    records = {mark: _records(lines, mark) for mark in DELIMITERS if mark != dialect.decimal}
    splitting = {mark: found for mark, found in records.items() if found and len(found[0]) > 1}
    if len(splitting) < 2:
        return next(iter(splitting), "," if dialect.decimal == "." else ";")
    fitting = {mark: found for mark, found in splitting.items() if _are_even(found)} or splitting
    if len(fitting) > 1:
        told = ", ".join(f"{mark!r} gives {len(found[0])} fields" for mark, found in fitting.items())
        raise DataError(
            f"{path}:1: cannot tell the delimiter: {told}; write which it is, for example "
            f"delimiter: {next(iter(fitting))!r}"
        )
    return next(iter(fitting))


def _records(lines: list[str], mark: str) -> list[list[str]]:
    """The records with this delimiter as far as they can be read, none where quotes stand in wrong places."""
    records: list[list[str]] = []
    try:
        for record in csv.reader(lines, delimiter=mark, strict=True):
            records.append(record)
    except csv.Error as error:
        if "unexpected end of data" not in str(error):  # the sample may end inside of quotes
            return []
    return records


def _are_even(records: list[list[str]]) -> bool:
    """Whether all have equally many fields, and no quoted field was cut in two."""
    return len({len(record) for record in records}) == 1 and not any(
        field.count('"') % 2 for record in records for field in record
    )
