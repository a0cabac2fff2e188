"""predictions.csv: what a trained model says of every row, beside the truth, so that a run can be looked at by itself.

    split,row,target,prediction                                  numbers, in the target's own units
    train,1,21.6,22.84...
    split,row,target,prediction,probability:cat,probability:dog  classes
    test,0,dog,cat,0.75,0.25

`row` is the row's number in the data file, from 0; a row with several targets has a line for each, in their order.
Where the rows have weights there is a column `weight` too, as the training uses them: with mean 1 over the split.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytorch.backend import atomic
from mytorch.data.prepare import Split
from mytorch.training.building.experiment import Experiment
from mytorch.training.errors import UserError
from mytorch.training.loop.scoring import as_scored, true_values
from mytorch.training.metrics.base import softmax
from mytorch.training.runs.files import csv_text

COLUMNS = ["split", "row", "target", "prediction"]
PROBABILITY = "probability:"
ROWS_AT_ONCE = 10_000  # written at a time, which bounds the memory

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """The rows of one split: their numbers, true and predicted values or class numbers, each class's probability."""

    rows: NDArray[np.int64]
    target: NDArray[Any]
    prediction: NDArray[Any]
    probabilities: Floats | None = None
    weights: Floats | None = None


@dataclass(frozen=True)
class Predictions:
    """The predictions of all splits by their names; `class_names` is None where numbers are predicted."""

    parts: Mapping[str, Part]
    class_names: list[str] | None = None


def predictions_of(experiment: Experiment, outputs: Mapping[str, NDArray[Any]]) -> Predictions:
    """What a model's raw outputs, by split, say in the target's own units, or as classes and probabilities."""
    names = None
    if experiment.kind != "regression":
        names = experiment.data.class_names or ["0", "1"]  # a binary loss may have a column of these numbers
    parts = {
        name: _part(experiment, split, outputs[name], is_of_classes=names is not None)
        for name, split in experiment.data.splits.items()
    }
    return Predictions(parts, names)


def _part(experiment: Experiment, split: Split, output: NDArray[Any], *, is_of_classes: bool) -> Part:
    scored, target = as_scored(experiment, output), true_values(experiment, split)
    weights = None if split.weights is None else split.weights.astype(np.float64)
    if not is_of_classes:
        outputs = target.size // len(target)
        weights = None if weights is None else np.repeat(weights, outputs)
        rows = np.repeat(split.rows, outputs)
        return Part(rows, target.ravel(), np.asarray(scored, np.float64).ravel(), None, weights)
    probabilities = softmax(np.asarray(scored, np.float64))
    return Part(split.rows, target, scored.argmax(axis=1), probabilities, weights)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write all parts in one atomic step; numbers are read back to the same bits, probabilities to nine digits."""
    classes = [f"{PROBABILITY}{name}" for name in predictions.class_names or ()]
    has_weights = any(part.weights is not None for part in predictions.parts.values())
    with atomic.replacing(path) as file:
        file.write(csv_text([[*COLUMNS, *(["weight"] if has_weights else []), *classes]]).encode())
        for name, part in predictions.parts.items():
            for start in range(0, len(part.rows), ROWS_AT_ONCE):
                columns = _columns(part, slice(start, start + ROWS_AT_ONCE), predictions.class_names)
                file.write(csv_text(zip(repeat(name), *columns)).encode())


def _columns(part: Part, rows: slice, class_names: list[str] | None) -> Iterator[list[Any]]:
    """The columns behind the split's name, of some rows."""
    yield part.rows[rows].tolist()
    for column in (part.target, part.prediction):
        values = column[rows].tolist()
        yield values if class_names is None else [class_names[number] for number in values]
    if part.weights is not None:
        yield part.weights[rows].tolist()
    if part.probabilities is not None:
        for column in part.probabilities[rows].T:
            yield [f"{value:.9g}" for value in column.tolist()]


def read_predictions(path: Path) -> Predictions:
    """The predictions of a file of `write_predictions`. Raises `UserError`, naming it, for anything else."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot read the predictions: {getattr(error, 'strerror', None) or error}") from None
    header, rows = (rows[0], rows[1:]) if rows else ([], [])
    names = [name.removeprefix(PROBABILITY) for name in header if name.startswith(PROBABILITY)]
    has_weights = "weight" in header
    if header[:4] != COLUMNS or len(header) != 4 + has_weights + len(names):
        raise UserError(f"{path}: expected a predictions.csv whose first columns are {', '.join(COLUMNS)}")
    try:
        by_split: dict[str, list[list[str]]] = {}
        for row in rows:
            by_split.setdefault(row[0], []).append(row)
        return Predictions(
            {name: _read_part(cells, names, has_weights) for name, cells in by_split.items()}, names or None
        )
    except (ValueError, IndexError) as error:  # a row too short, no number, no class
        raise UserError(f"{path}: not as mytorch wrote it: {error}") from None


def _read_part(cells: list[list[str]], names: list[str], has_weights: bool) -> Part:
    columns = list(zip(*cells, strict=True))
    if len(columns) != 4 + has_weights + len(names):
        raise ValueError("a row has too many or too few cells")
    number = {name: position for position, name in enumerate(names)}
    if any(name not in number for name in {*columns[2], *columns[3]}) and names:
        raise ValueError("a class has no column of probabilities")
    target, prediction = (
        np.array([number[cell] for cell in column]) if names else _floats(column) for column in columns[2:4]
    )
    return Part(
        np.array([int(cell) for cell in columns[1]]),
        target,
        prediction,
        np.stack([_floats(column) for column in columns[4 + has_weights :]], axis=1) if names else None,
        _floats(columns[4]) if has_weights else None,
    )


def _floats(cells: Sequence[str]) -> Floats:
    return np.array([float(cell) for cell in cells])
