"""Predictions as lines of text: CSV or JSON lines, to a file, which is there when it is whole, or standard output."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt

from mytorch.backend import atomic
from mytorch.data.shortest import shortest_decimals
from mytorch.training.console import check_output
from mytorch.training.errors import RunFailed

__all__ = ["Format", "Lines", "number_cells", "opened_output"]

Format = Literal["csv", "jsonl"]
Cells = list[bytes]


class Lines:
    """Rows of cells as lines in a format, whose columns have these names.

    A cell is the text of a number as it is, or comes from `text`.

    >>> lines = Lines("csv", ["name", "price"])
    >>> lines.head, lines.of([[lines.text("Salem, MA")], [b"24.1"]])
    (b'name,price\\n', b'"Salem, MA",24.1\\n')
    >>> lines = Lines("jsonl", ["name", "price"])
    >>> lines.head, lines.of([[lines.text("Salem, MA")], [b"24.1"]])
    (b'', b'{"name": "Salem, MA", "price": 24.1}\\n')
    """

    def __init__(self, kind: Format, names: Sequence[str]) -> None:
        self.text: Callable[[str], bytes]
        if kind == "csv":
            self.text = _csv_text
            self.nothing = b"" if len(names) > 1 else b'""'  # an empty line would not count as a row
            self.head = b",".join(map(_csv_text, names)) + b"\n"
            self.template = b",".join([b"%b"] * len(names)) + b"\n"
        else:
            self.text = _json_text
            self.nothing = b"null"
            self.head = b""
            keys = [_json_text(name).replace(b"%", b"%%") for name in names]
            self.template = b"{" + b", ".join(key + b": %b" for key in keys) + b"}\n"

    def of(self, columns: Sequence[Cells]) -> bytes:
        """The lines of rows, given by their columns."""
        return b"".join(map(self.template.__mod__, zip(*columns, strict=True)))

    def numbers(self, cells: Cells, values: npt.NDArray[Any]) -> Cells:
        """Cells of numbers, where JSON has no word for those that are not finite."""
        if self.nothing == b"null":
            for row in np.flatnonzero(~np.isfinite(values)).tolist():
                cells[row] = b"null"
        return cells


def number_cells(values: npt.NDArray[Any], *, exact: bool) -> Cells:
    """Numbers in decimal: as float32 as short as can be, or with all that float64 has.

    >>> number_cells(np.array([0.1, 24.0]), exact=False)
    [b'0.1', b'24.0']
    """
    if exact:
        return [repr(value).encode() for value in values.astype(np.float64).tolist()]
    return shortest_decimals(values)


def _csv_text(text: str) -> bytes:
    if any(mark in text for mark in ',"\r\n') or text != text.strip():
        text = '"' + text.replace('"', '""') + '"'
    return text.encode("utf-8", "surrogateescape")


def _json_text(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "backslashreplace")


@contextmanager
def opened_output(path: Path | None) -> Iterator[BinaryIO]:
    """Where to write: a new file that takes the name `path` at the end, packed if that ends in .gz, or standard output.

    A reader of standard output that goes away, such as `head`, ends the program as it ends others.

    Raises:
        UserError: the file cannot be there.
        RunFailed: it cannot be written.
    """
    if path is None:
        with _ending_with_the_reader():
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    check_output(path)
    try:
        is_device = path.exists() and not path.is_file()  # or a pipe, which nothing may take the place of
        with open(path, "wb") if is_device else atomic.replacing(path) as file:
            if path.suffix != ".gz":
                yield file
                return
            with gzip.GzipFile(path.stem, "wb", 6, file, mtime=0) as packed:
                yield cast(BinaryIO, packed)
    except OSError as error:
        raise RunFailed(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _ending_with_the_reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Python would try to write what is left when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + 13)  # what a shell says of a program that SIGPIPE ended
