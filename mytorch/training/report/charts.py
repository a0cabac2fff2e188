"""The numbers behind the charts of the page, as plain data that becomes JSON; `report.js` draws them.

JSON knows no NaN and no infinity: they go as the strings "nan", "inf" and "-inf", an empty cell as null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mytorch.training.diagnostics.gradients_file import FIGURES, GradientRow
from mytorch.training.loop.prediction_table import Part, Predictions
from mytorch.training.metrics import confusion_matrix
from mytorch.training.report.describing import counted
from mytorch.training.runs.files import Row

Chart = dict[str, Any]
LINE_ROWS, POINTS, FLOW_CELLS = 2000, 1500, 12_000  # that are shown of a line, a split, the gradient flow
TABLE_CLASSES = 20  # up to so many classes a confusion matrix is a table of numbers
LISTED_CLASSES, LISTED_MISTAKES = 200, 15
_SPLITS = ("train", "validation", "test")  # each has its colour in all charts
_ALONE = ("learning_rate", "gradient_norm")  # the columns of a whole epoch that stand beside the scores
_SHARES = {"dead": "dead units (share)", "saturated": "saturated outputs (share)"}  # columns from 0 to 1


def number(value: float | None) -> float | str | None:
    """A number as JSON can hold it, to six digits.

    >>> number(0.123456789), number(None), number(float("-inf"))
    (0.123457, None, '-inf')
    """
    if value is None:
        return None
    return float(f"{value:.6g}") if math.isfinite(value) else str(float(value))


def numbers(values: Iterable[float | None]) -> list[float | str | None]:
    """The same of several."""
    return [number(value) for value in values]


def thinned(rows: Sequence[Any], most: int) -> list[Any]:
    """So many of the rows at most, evenly spaced, with the first and the last.

    >>> thinned(range(10), 4), thinned("abc", 4)
    ([0, 3, 6, 9], ['a', 'b', 'c'])
    """
    if len(rows) <= most:
        return list(rows)
    return [rows[place] for place in np.linspace(0, len(rows) - 1, most).round().astype(int)]


# --- curves -----------------------------------------------------------------------------------------------------------


def curves(rows: Sequence[Row], best_epoch: int | None) -> list[Chart]:
    """A chart for each figure of metrics.csv: the loss first, then the metrics, then what a whole epoch has one of."""
    if not rows:
        return []
    rows = thinned(rows, LINE_ROWS)
    columns = [name for name in rows[0] if name not in ("epoch", "seconds")]
    figures: dict[str, dict[str, str]] = {}
    for column in columns:
        split, _, figure = column.partition("_")
        if split not in _SPLITS or not figure:
            split, figure = "", column
        figures.setdefault(figure, {})[split] = column
    order = sorted(figures, key=lambda figure: (figure != "loss", "" in figures[figure], figure not in _ALONE))
    charts = []
    for figure in order:
        of_splits = figures[figure].items()
        series = [
            one
            for split, column in of_splits
            if (one := _series(split or _words(figure), _colour(split), rows, column))
        ]
        if series:
            charts.append(_lines(figure, series, best_epoch))
    return charts


def overlaid(runs: Mapping[str, Sequence[Row]]) -> list[Chart]:
    """A chart for each column of metrics.csv with a line for each run."""
    columns = dict.fromkeys(name for rows in runs.values() for name in (rows[0] if rows else ()))
    order = sorted(columns, key=lambda name: (not name.endswith("loss"), name.partition("_")[0] not in _SPLITS))
    charts = []
    for column in order:
        if column in ("epoch", "seconds"):
            continue
        series = [
            one
            for colour, (name, rows) in enumerate(runs.items())
            if (one := _series(name, colour, thinned(rows, LINE_ROWS), column))
        ]
        if series:
            charts.append(_lines(column, series, None))
    return charts


def _colour(split: str) -> int:
    """The number of the colour of a split's lines and points; that of the train rows for what is of no split."""
    return _SPLITS.index(split) if split in _SPLITS else 0


def _series(name: str, colour: int, rows: Sequence[Row], column: str) -> Chart | None:
    """A line through the epochs that have a value in the column; None if there are none."""
    there = [row for row in rows if row.get(column) is not None]
    if not there:
        return None
    epochs = [int(row["epoch"] or 0) for row in there]
    return {"name": name, "colour": colour, "x": epochs, "y": numbers(row[column] for row in there)}


def _lines(figure: str, series: list[Chart], best_epoch: int | None) -> Chart:
    values = [value for of in series for value in of["y"] if not isinstance(value, str)]
    is_wide = bool(values) and min(values) > 0 and max(values) > 50 * min(values)
    return {
        "kind": "lines",
        "title": _words(figure),
        "x": "epoch",
        "log": is_wide,
        "isShare": figure in _SHARES,
        "best": best_epoch,
        "series": series,
    }


def _words(name: str) -> str:
    return _SHARES.get(name, name.replace("_", " "))


# --- predictions ------------------------------------------------------------------------------------------------------


def scatter(predictions: Predictions, target_name: str) -> tuple[Chart, str]:
    """Predicted over true values of each split, and a note where not all rows are shown."""
    series, notes = [], []
    for split, part in predictions.parts.items():
        places = thinned(range(len(part.rows)), POINTS)
        if len(places) < len(part.rows):
            notes.append(f"{len(places):,} of {len(part.rows):,} {split} rows")
        series.append(
            {
                "name": split,
                "colour": _colour(split),
                "x": numbers(part.target[places].tolist()),
                "y": numbers(part.prediction[places].tolist()),
                "row": part.rows[places].tolist(),
            }
        )
    note = f"Shown are {' and '.join(notes)}, evenly spaced." if notes else ""
    chart = {"kind": "points", "title": f"predicted {target_name}", "x": f"true {target_name}", "series": series}
    return chart, note


def last_part(predictions: Predictions) -> tuple[str, Part]:
    """The split that stands for the run: the test rows if there are any, else validation, else train."""
    return list(predictions.parts.items())[-1]


def confusion(predictions: Predictions) -> dict[str, Any]:
    """The confusion matrix of the last split: a table of cells for few classes, a chart for many; and what goes wrong.

    In a table each cell has its count, its share of the row in words, and the class 0 to 10 of its colour.
    """
    names = predictions.class_names or []
    split, part = last_part(predictions)
    matrix = confusion_matrix(part.prediction, part.target, len(names))
    rows, columns = matrix.sum(axis=1), matrix.sum(axis=0)
    shares = matrix / np.maximum(rows, 1)[:, None]
    right, total = int(np.trace(matrix)), int(matrix.sum())
    share = right / max(total, 1)
    page: dict[str, Any] = {
        "split": split,
        "said": f"{right:,} of {counted(total, f'{split} row')} are right, {share:.1%}.",
        "names": names,
        "cells": [],
        "chart": None,
        "mistakes": _mistakes(matrix, shares, names),
        "classes": [
            [name, f"{rows[i]:,}", f"{matrix[i, i]:,}", _share(matrix[i, i], rows[i]), _share(matrix[i, i], columns[i])]
            for i, name in enumerate(names[:LISTED_CLASSES])
        ],
        "left_out": max(len(names) - LISTED_CLASSES, 0),
    }
    if len(names) <= TABLE_CLASSES:
        page["cells"] = [
            [(f"{count:,}", _percent(of_row), math.ceil(10 * of_row)) for count, of_row in zip(*pair, strict=True)]
            for pair in zip(matrix.tolist(), shares.tolist(), strict=True)
        ]
    else:
        filled = np.argwhere(matrix)
        page["chart"] = {
            "kind": "heat",
            "title": f"confusion matrix of the {split} rows",
            "names": names,
            "rows": rows.tolist(),
            "cells": [[int(i), int(j), int(matrix[i, j])] for i, j in filled],
        }
    return page


def _percent(share: float) -> str:
    return "< 1%" if 0 < share < 0.005 else f"{share:.0%}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _mistakes(matrix: Any, shares: Any, names: list[str]) -> list[list[str]]:
    """The most frequent mistakes: true, predicted, how often, and of how many of the true class's rows."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED_MISTAKES]
    places = [divmod(int(place), len(names)) for place in order if wrong.flat[place]]
    return [[names[i], names[j], f"{wrong[i, j]:,}", f"{shares[i, j]:.1%}"] for i, j in places]


# --- the gradient flow ------------------------------------------------------------------------------------------------


def flow(rows: Sequence[GradientRow]) -> Chart | None:
    """What gradients.csv says of each layer at each logging step; None without such rows."""
    if not rows:
        return None
    layers = list(dict.fromkeys((row.layer, row.type) for row in rows))
    by_step: dict[int, dict[tuple[str, str], GradientRow]] = {}
    for row in rows:
        by_step.setdefault(row.step, {})[row.layer, row.type] = row
    steps = thinned(list(by_step), max(FLOW_CELLS // (len(layers) * len(FIGURES)), 10))
    epochs = [next(iter(by_step[step].values())).epoch for step in steps]
    measures: dict[str, Any] = {}
    for measure in FIGURES:
        values = [
            numbers(getattr(by_step[step][layer], measure) if layer in by_step[step] else None for layer in layers)
            for step in steps
        ]
        if any(value is not None for of in values for value in of):
            measures[measure] = values
    return {
        "kind": "flow",
        "title": "gradient flow",
        "layers": [{"name": name, "type": kind} for name, kind in layers],
        "steps": steps,
        "epochs": epochs,
        "measures": measures,
        "note": f"{len(steps):,} of {len(by_step):,} logging steps are shown." if len(steps) < len(by_step) else "",
    }
