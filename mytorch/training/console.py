"""What commands print: tables of scores for people, one JSON document for programs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

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
