"""What commands print: tables of scores for people, one JSON document for programs. And where `-o` may lead."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from mytorch.training.errors import UserError, suggest
from mytorch.training.runs.files import to_json


def print_scores(columns: Mapping[str, Mapping[str, float]], title: str) -> None:
    """A table with a row for each score and a column for each split.

    >>> print_scores({"train": {"mae": 1.25}, "test": {"mae": 2.5}}, "best")
    best      train       test
    mae        1.25        2.5
    """
    names = list(next(iter(columns.values())))
    width = max(len(title), *map(len, names))
    print(f"{title:<{width}}" + "".join(f"{column:>11}" for column in columns))
    for name in names:
        cells = [_number(scores[name]) for scores in columns.values()]
        print(f"{name:<{width}}" + "".join(f"{cell:>11}" for cell in cells))


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.6g}"


def print_json(document: Any) -> None:
    """The document on standard output, and nothing else there."""
    print(to_json(document), flush=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> None:
    """Cells of text in columns; those numbered in `right` are set to the right.

    >>> print_table(["run", "epochs"], [["boston", "150"], ["digits", "8"]], right=[1])
    run     epochs
    boston     150
    digits       8
    """
    from rich.cells import cell_len  # a Korean letter takes two places of a terminal

    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    for row in [header, *rows]:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if index in right else cell + space)
        print("  ".join(cells).rstrip())


def show_count(count: float) -> str:
    """A large number for people.

    >>> show_count(1664), show_count(12_345_678), show_count(4.1e9)
    ('1,664', '12.3 M', '4.1 G')
    """
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{round(count):,}"


def show_bytes(count: float) -> str:
    """A number of bytes for people.

    >>> show_bytes(0), show_bytes(16384), show_bytes(5_000_000)
    ('0', '16 KiB', '4.77 MiB')
    """
    for size, unit in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= size:
            return f"{count / size:.4g} {unit}" if count >= 1000 * size else f"{count / size:.3g} {unit}"
    return f"{round(count)} B" if count else "0"


def show_seconds(seconds: float) -> str:
    """A time for people.

    >>> show_seconds(0.4567), show_seconds(75), show_seconds(7322)
    ('0.46 s', '1 min 15 s', '2 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def can_draw(stream: TextIO) -> bool:
    """Whether a line can be drawn on the stream again and again, as on a terminal."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def check_choice(option: str, given: str, choices: Collection[str]) -> None:
    """Raise a UserError if an option is given none of its values."""
    if given not in choices:
        raise UserError(f"{option}: expected one of {', '.join(choices)}, got {given!r}{suggest(given, choices)}")


def check_output(path: Path) -> None:
    """Raise a UserError if the file that `-o` names cannot be there, before any work is done for it."""
    if path.is_dir():
        raise UserError(f"-o: {path} is a directory; give the name of a file")
    if not path.parent.is_dir():
        raise UserError(f"-o: {path}: there is no directory {str(path.parent)!r}")


def print_finding(finding: Mapping[str, Any], whose: str = "") -> None:
    """A finding as summary.json has it, with what to try.

    >>> print_finding({"message": "the loss rises", "advice": "a smaller optimizer.lr"}, "in 1 of 5 trainings, ")
    finding: in 1 of 5 trainings, the loss rises; try: a smaller optimizer.lr
    """
    print_folded(f"{whose}{finding['message']}; try: {finding['advice']}", first="finding: ", indent=" " * 9)


def print_folded(text: str, first: str = "", indent: str = "") -> None:
    """A long line behind `first`; on a terminal it is folded between words, and what follows is indented.

    >>> print_folded("numpy 2.4.0, typer 0.29.2", first="packages  ", indent=" " * 10)
    packages  numpy 2.4.0, typer 0.29.2
    """
    if not sys.stdout.isatty():
        print(first + text)
        return
    width = max(40, shutil.get_terminal_size().columns)
    print(textwrap.fill(text, width, initial_indent=first, subsequent_indent=indent, break_long_words=False,
                        break_on_hyphens=False))  # fmt: skip
