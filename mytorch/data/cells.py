"""What a cell of a CSV file says: a number, text, a missing value, or something that is refused with a hint.

A `ColumnReader` holds one column's rules. The first cell that is not missing decides whether the column is numbers
or text; a column that mixes both is refused, and so is what looks like a number and is none for us (dates, thousands
marks, units), so that such a column never turns into a hundred categories in silence.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterable, Sequence
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from mytorch.data.table import Column, DataError, shorten

__all__ = ["MISSING_VALUES", "ColumnReader", "is_number"]

#: Cells that stand for a missing value (spaces around them do not count).
MISSING_VALUES = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL")

_KEPT_TEXTS = 65536  # distinct cells of a text column that are remembered

# By the decimal mark: what a number is, what is one with thousands marks, and what has the other decimal mark.
_NUMBER = {
    ".": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII),
    ",": re.compile(r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?", re.ASCII),
}
_THOUSANDS = {
    ".": re.compile(r"[+-]?\d{1,3}([,' _\u00a0\u2009\u202f]\d{3})+(\.\d*)?", re.ASCII),
    ",": re.compile(r"[+-]?\d{1,3}([.' _\u00a0\u2009\u202f]\d{3})+(,\d*)?", re.ASCII),
}
_NOT_FINITE = re.compile(r"[+-]?(inf|infinity|nan)", re.IGNORECASE)
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE_OR_TIME = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}:\d{2}"
    rf"|\d{{1,2}}\.?[- ]{_MONTH}[-, ]+\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}).*",
    re.ASCII | re.IGNORECASE,
)
_WITH_UNIT = re.compile(r"[+-]?([$€£¥₩] ?\d[\d.,]*|\d[\d.,]* ?[%$€£¥₩])")


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether the cell, without spaces around it, is a number in decimal notation (``-1``, ``.5``, ``1e-3``)."""
    return _NUMBER[decimal].fullmatch(cell) is not None


class ColumnReader:
    """Turns the cells of one column into a `Column`, part by part.

    Args:
        name: the column's name, for messages.
        decimal: the mark in front of decimals, ``.`` or ``,``.
        missing_values: the cells that stand for a missing value.
        is_text: True reads numbers as text too, False refuses text; None lets the first value decide.
    """

    def __init__(
        self,
        name: str,
        *,
        decimal: str = ".",
        missing_values: Collection[str] = MISSING_VALUES,
        is_text: bool | None = None,
    ) -> None:
        self.name = name
        self.decimal = decimal
        self.missing_values = frozenset(missing_values)
        self.has_numeric_marker = any(is_number(marker, decimal) for marker in missing_values)
        self.forced_text = is_text is True
        self.is_text = is_text
        self.first = ""  # how messages refer to the cell that decided
        self.texts: dict[str, str | None] = {}  # one object for equal cells; None: missing

    # --- parts of the column ----------------------------------------------------------------------------------------

    def read(self, cells: Sequence[str], path: str | os.PathLike[str], lines: Iterable[int]) -> Column:
        """A part from its cells, which stand on these lines of the file. Raises DataError at the first bad one."""
        if self.is_text is None:
            self._decide(cells, path, lines)
        if self.is_text is None:  # nothing but missing values so far
            return self.numbers(np.full(len(cells), np.nan))
        if self.is_text:
            return self._read_texts(cells, path, lines)
        values = self._plain_numbers(cells)
        if values is None:
            found = zip(cells, lines, strict=True)
            values = np.array([self._number(cell.strip(), path, line) for cell, line in found], dtype=np.float64)
        return self.numbers(values)

    def numbers(self, values: npt.NDArray[np.float64]) -> Column:
        """A part from its numbers, NaN where missing."""
        return Column(values, np.isnan(values))

    def convert(self, cell: str) -> float:
        """One cell of a column of numbers, NaN if missing. Raises ValueError if it is neither."""
        cell = cell.strip()
        if cell in self.missing_values:
            return math.nan
        if not is_number(cell, self.decimal):
            raise ValueError(cell)
        value = float(cell if self.decimal == "." else cell.replace(",", "."))
        if math.isinf(value):
            raise ValueError(cell)
        return value

    # --- numbers ----------------------------------------------------------------------------------------------------

    def _plain_numbers(self, cells: Sequence[str]) -> npt.NDArray[np.float64] | None:
        """Convert a part at one go if nothing in it needs a second look, else return None."""
        if self.has_numeric_marker:
            cells = [cell.strip() for cell in cells]
        joined = "".join(cells)
        if not joined.isascii() or "_" in joined:  # float() would take 1_000 and digits of any script
            return None
        if self.decimal == ",":
            if "." in joined:
                return None
            cells = [cell if cell in self.missing_values else cell.replace(",", ".") for cell in cells]
        markers = self.missing_values
        try:
            numbers = np.array([math.nan if cell in markers else float(cell) for cell in cells], dtype=np.float64)
        except ValueError:
            return None
        not_finite = np.flatnonzero(~np.isfinite(numbers)).tolist()
        return numbers if all(cells[position] in markers for position in not_finite) else None

    def _number(self, cell: str, path: str | os.PathLike[str], line: int) -> float:
        try:
            return self.convert(cell)
        except ValueError:
            pass
        if is_number(cell, self.decimal):
            self._fail(path, line, f"{shorten(cell)} is too large for a 64-bit float")
        if _NOT_FINITE.fullmatch(cell):
            self._fail(path, line, f"expected a finite number, got {shorten(cell)}")
        wrong = self._hint(cell) or (
            "correct the cell, add it to missing_values if it stands for a missing value, or list the column under "
            "'categorical' to read it as text"
        )
        self._fail(path, line, f"expected a number{self.first}, got {shorten(cell)}; {wrong}")

    # --- text -------------------------------------------------------------------------------------------------------

    def _read_texts(self, cells: Sequence[str], path: str | os.PathLike[str], lines: Iterable[int]) -> Column:
        if len(self.texts) > _KEPT_TEXTS:
            self.texts.clear()
        new = {cell: cell.strip() for cell in set(cells) - self.texts.keys()}
        numbers = {c for c, text in new.items() if text not in self.missing_values and is_number(text, self.decimal)}
        if numbers and not self.forced_text:
            cell, line = next((c, n) for c, n in zip(cells, lines, strict=True) if c in numbers)
            self._fail(
                path,
                line,
                f"expected text{self.first}, got the number {shorten(new[cell])}; correct the file, drop the "
                "column, or list it under 'categorical' to read it as text",
            )
        self.texts |= {cell: None if text in self.missing_values else text for cell, text in new.items()}
        texts = [self.texts[cell] for cell in cells]
        missing = np.array([text is None for text in texts], dtype=bool)
        values = np.array(texts, dtype=object)
        values[missing] = ""
        return Column(values, missing)

    # --- what kind of column it is ----------------------------------------------------------------------------------

    def _decide(self, cells: Sequence[str], path: str | os.PathLike[str], lines: Iterable[int]) -> None:
        for cell, line in zip(cells, lines, strict=True):
            cell = cell.strip()
            if cell in self.missing_values:
                continue
            self.is_text = not (is_number(cell, self.decimal) or _NOT_FINITE.fullmatch(cell))
            hint = self._hint(cell) if self.is_text else ""
            if hint:
                self._fail(path, line, f"{shorten(cell)} {hint.removeprefix('it ')}")
            shown = f" {shorten(cell)}" if self.is_text else ""
            self.first = f", as{shown} on line {line}"
            return

    def _hint(self, cell: str) -> str:
        """What is wrong with a cell that looks like a number or a date and is no number for us, else nothing."""
        other = "," if self.decimal == "." else "."
        plain = re.sub(rf"[^\d{re.escape(self.decimal)}+-]", "", cell)
        is_other_decimal = is_number(cell, other)
        as_text = "list it under 'categorical' to read it as text"
        if _THOUSANDS[self.decimal].fullmatch(cell):
            or_decimal = f", or set decimal: '{other}' if it has decimals" if is_other_decimal else ""
            return f"it looks like a number with thousands marks, which are not read; write {plain}{or_decimal}"
        if is_other_decimal:
            mark = "comma" if other == "," else "point"
            return f"it looks like a number with a decimal {mark}; set decimal: '{other}', or {as_text}"
        if _DATE_OR_TIME.fullmatch(cell):
            return (
                "it looks like a date or a time, and these are not read; turn it into numbers (year, month, days "
                f"since the start), drop the column, or {as_text}"
            )
        if _WITH_UNIT.fullmatch(cell):
            return f"it looks like a number with a unit; write the number alone, or {as_text}"
        return ""

    def _fail(self, path: str | os.PathLike[str], line: int, what: str) -> NoReturn:
        raise DataError(f"{path}:{line}: column {self.name!r}: {what}")
