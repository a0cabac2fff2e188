"""The files of a run that are tables and JSON: the rows of metrics.csv and the like, and the summaries."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mytorch.backend import atomic
from mytorch.training.errors import RunFailed, UserError

if TYPE_CHECKING:
    from mytorch.training.runs.run import Run

Row = dict[str, float | None]


def metric_columns(
    metrics: Sequence[str], validation: bool = True, loss_parts: Sequence[str] = (), of_model: Sequence[str] = ()
) -> list[str]:
    """The columns of metrics.csv, in order; the metrics are only those of the validation rows, if there are any.

    `loss_parts` are the losses that make up the loss, if there are several; `of_model` are figures of the model.

    >>> metric_columns(["mae"])[4:]
    ['train_loss', 'validation_loss', 'validation_mae']
    >>> metric_columns(["mae"], validation=False)
    ['epoch', 'seconds', 'learning_rate', 'gradient_norm', 'train_loss']
    """
    columns = ["epoch", "seconds", "learning_rate", "gradient_norm", *of_model, "train_loss"]
    columns += [f"train_{part}" for part in loss_parts]
    if validation:
        columns += ["validation_loss", *(f"validation_{name}" for name in (*metrics, *loss_parts))]
    return columns


class MetricsLog:
    """Writes metrics.csv: a header, then a row an epoch, each handed to the system as soon as it is known.

    Numbers are written with ``repr`` and read back to the same bits by `read_metrics`; ``None`` is an empty
    cell. `text` is all that the file holds. Refuses to write over a file that is there, unless it is told with
    ``so_far`` what to go on from: then what follows that in the file, rows of a training that was killed, is cut off.

    >>> from mytorch.training.runs.run import Run
    >>> with Run.throwaway("example") as run:
    ...     with MetricsLog(run.metrics, ["epoch", "train_loss"]) as log:
    ...         log.append({"epoch": 1, "train_loss": 0.1})
    ...     read_metrics(run.metrics)
    [{'epoch': 1, 'train_loss': 0.1}]
    """

    def __init__(self, path: str | os.PathLike[str], columns: Sequence[str], so_far: str = "") -> None:
        self.columns = list(columns)
        self._names = set(self.columns)
        self._lines = [so_far]
        if so_far:
            _cut_back(Path(path), so_far.encode())
        # Without a buffer, so that a row that could not be written is not tried again when the file is closed.
        self._file = open(path, "ab" if so_far else "xb", buffering=0)  # noqa: SIM115 (closed by close)
        if not so_far:
            try:
                self.add_text(csv_text([self.columns]))
            except BaseException:
                self.close()
                raise

    @property
    def text(self) -> str:
        """The file's contents."""
        self._lines = ["".join(self._lines)]
        return self._lines[0]

    def append(self, row: Mapping[str, float | None]) -> None:
        """Add an epoch's row. Raises ``ValueError`` if it has not exactly the log's columns."""
        if row.keys() != self._names:
            raise ValueError(f"expected a row with the columns {self.columns}, got {list(row)}")
        # Numbers need no quotes. Of a small network an epoch takes 0.2 ms, so a row must not take long.
        self.add_text(",".join([_cell(column, row[column]) for column in self.columns]) + "\n")

    def close(self) -> None:
        """Close the file; all rows are in it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add_text(self, lines: str) -> None:
        """Add whole lines."""
        data = lines.encode()
        while data:
            data = data[self._file.write(data) :]
        self._lines.append(lines)


def _cut_back(path: Path, so_far: bytes) -> None:
    """Let the file hold ``so_far`` alone: it is shortened if it begins so, else (lost or changed) written anew."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes().startswith(so_far):
            os.truncate(path, len(so_far))
            return
    atomic.write_bytes(path, so_far)


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if column == "epoch" else repr(float(value))


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV.

    >>> csv_text([["split", "loss"], ["a,b", 0.1]])
    'split,loss\\n"a,b",0.1\\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def read_metrics(path: str | os.PathLike[str]) -> list[Row]:
    """The rows of a metrics.csv: ``epoch`` an ``int``, all else ``float``, an empty cell ``None``.

    A last line without its line end, which a killed run may leave, is no row. Raises `UserError`, naming file
    and line, for a file that is missing or holds anything else.
    """
    path = Path(path)
    return rows_of(read_text(path, "metrics"), path)


def read_text(path: Path, what: str) -> str:
    """The text of a file of a run. Raises `UserError`, which calls it `what`, if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the {what}: {getattr(error, 'strerror', None) or error}") from None


def rows_of(text: str, path: Path = Path("metrics.csv")) -> list[Row]:
    """The rows in the text of a metrics.csv, as `read_metrics` gives them; `path` is for messages.

    >>> rows_of("epoch,train_loss\\n1,0.5\\n2,")
    [{'epoch': 1, 'train_loss': 0.5}]
    """
    lines = list(csv.reader(text[: text.rfind("\n") + 1].splitlines()))
    if not lines or lines[0][:1] != ["epoch"]:
        raise UserError(f"{path}: expected a metrics.csv whose first column is 'epoch'")
    columns = lines[0]
    rows: list[Row] = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(columns):
            raise UserError(f"{path}:{number}: expected {len(columns)} cells, got {len(cells)}")
        try:
            row: Row = {name: float(cell) if cell else None for name, cell in zip(columns, cells, strict=True)}
            row["epoch"] = int(cells[0])
        except ValueError as error:
            raise UserError(f"{path}:{number}: expected numbers: {error}") from None
        rows.append(row)
    return rows


@contextlib.contextmanager
def writing(run: Run, what_holds: str) -> Iterator[None]:
    """Turns an `OSError` of the block into a `RunFailed` that says `what_holds` nevertheless."""
    try:
        yield
    except OSError as error:
        raise RunFailed(f"cannot write in {run}: {error.strerror or error}; {what_holds}") from error


def to_json(document: Any) -> str:
    """``document`` as JSON text that every reader accepts, with NumPy's numbers and arrays as plain ones.

    JSON has no NaN and no infinity: they become the strings ``"nan"``, ``"inf"`` and ``"-inf"``, which
    ``float`` reads back. (``null`` would lose which it was, and compares as less than every number in ``jq``:
    a gate would pass.)

    >>> print(to_json({"loss": np.float32(0.5), "mae": float("nan")}))
    {
      "loss": 0.5,
      "mae": "nan"
    }
    """
    return json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def write_summary(path: str | os.PathLike[str], summary: Mapping[str, Any]) -> None:
    """Write a summary.json or eval.json in one atomic step; the format is that of `to_json`."""
    atomic.write_text(path, to_json(summary) + "\n")
