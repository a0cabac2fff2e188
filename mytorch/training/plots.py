"""The pictures of a run, PNG files: loss curves, predictions against the truth, the confusion matrix.

matplotlib is imported where a picture is drawn, and no more of it than `mytorch.training.picture` needs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    Box,
    Floats,
    Key,
    Panel,
    Picture,
    Scale,
    loss_scale,
    span,
    whole_ticks,
)

# A line of more rows than this is a smear; evenly spaced ones are shown. Just so for points.
_LINE_ROWS, _SCATTER_ROWS = 400, 5000
_COUNTS_UP_TO = 40  # classes; above it a cell is too small for a number


def plot_loss(
    rows: Sequence[Mapping[str, float | None]],
    path: str | os.PathLike[str],
    title: str,
    best_epoch: int | None = None,
) -> None:
    """Draw train and validation loss over the epochs, and the learning rate as a thin line if it changes.

    ``rows`` are those of metrics.csv. The best epoch, by default that of the lowest validation loss (train
    loss where there is none), is marked. The loss axis is logarithmic where the losses span more than a
    factor of 30.
    """
    epochs, learning_rate = _column(rows, "epoch"), _column(rows, "learning_rate")
    losses = {"train loss": _column(rows, "train_loss"), "validation loss": _column(rows, "validation_loss")}
    losses = {label: column for label, column in losses.items() if np.isfinite(column).any()}

    picture = Picture(880, 480)
    box = Box(70, 55, 740, 350)
    panel = Panel(picture, box, span(epochs, 0.0), loss_scale(losses.values()))
    panel.draw_grid(whole_ticks(panel.x_scale), panel.y_scale.ticks(), "epoch")

    legend = [Key(label, colour) for label, colour in zip(losses, (BLUE, ORANGE), strict=False)]
    if np.isfinite(learning_rate).any() and np.nanmin(learning_rate) < np.nanmax(learning_rate):
        second = Panel(picture, box, panel.x_scale, Scale(0.0, float(np.nanmax(learning_rate)) * 1.08))
        second.draw_right_labels(second.y_scale.ticks())
        second.line(epochs, learning_rate, GREY, width=0.9, dashed=True)
        legend.append(Key("learning rate (right)", GREY, width=0.9, dashed=True))
    elif np.isfinite(learning_rate).any():
        legend.append(Key(f"learning rate {np.nanmax(learning_rate):.3g}", GREY, width=0.0))

    for column, colour in zip(losses.values(), (BLUE, ORANGE), strict=False):
        panel.line(epochs, column, colour)
        if len(rows) == 1:
            panel.dots(epochs, column, colour)
    if not losses:
        picture.text(box.left + box.width / 2, box.bottom + box.height / 2, "no finite loss", align="center")
    else:
        judged = list(losses.values())[-1]
        best = epochs == (epochs[np.nanargmin(judged)] if best_epoch is None else best_epoch)
        panel.dots(epochs[best], judged[best], GREEN, size=8.0)
        legend += [
            Key(f"best epoch {epoch:.0f}: {loss:.4g}", GREEN, dot=True)
            for epoch, loss in zip(epochs[best], judged[best], strict=True)
        ]

    picture.text(box.left, 447, title, size=12, bold=True)
    picture.legend(box.left, 419, legend)
    picture.write(path)


def plot_predictions(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    target_name: str,
    path: str | os.PathLike[str],
) -> None:
    """Draw true and predicted values in row order, and beside that one against the other, for train and test.

    ``train`` and ``test`` are ``(true, predicted)`` with one value a row, in the target's own units, which
    the mean absolute error (MAE) in the titles has too. All four share the range of values. Of very long
    splits evenly spaced rows are drawn; the MAE is always that of all rows. Raises ``ValueError`` for arrays
    that do not fit each other.
    """
    splits = {"train": _true_and_predicted(train), "test": _true_and_predicted(test)}
    values = span(np.concatenate([column for pair in splits.values() for column in pair]), 0.04)
    target_name = _shorten(target_name)

    picture = Picture(1440, 400)
    for (split, (true, predicted)), left in zip(splits.items(), (50, 770), strict=True):
        picture.text(left, 365, f"{split}: {_mean_absolute_error(true, predicted)}", size=12, bold=True)

        step = max(math.ceil(len(true) / _LINE_ROWS), 1)
        shown = np.arange(0, len(true), step, dtype=np.float64)
        in_order = Panel(picture, Box(left, 55, 340, 270), span(shown, 0.0), values)
        in_order.draw_grid(
            whole_ticks(in_order.x_scale),
            values.ticks(),
            "row" if step == 1 else f"row (one in {step} is drawn)",
        )
        in_order.line(shown, true[::step], INK, width=0.9)
        in_order.line(shown, predicted[::step], ORANGE, width=1.1)
        picture.legend(
            left, 338, [Key(f"true {target_name}", INK, width=0.9), Key("predicted", ORANGE, width=1.1)]
        )

        step = max(math.ceil(len(true) / _SCATTER_ROWS), 1)
        scatter = Panel(picture, Box(left + 395, 55, 270, 270), values, values)
        scatter.draw_grid(values.ticks(), values.ticks(), f"true {target_name}")
        scatter.line(values.ends(), values.ends(), GREY, width=1.0)
        alpha = 0.55 if len(true) < 1000 else 0.25
        scatter.dots(true[::step], predicted[::step], BLUE, size=4.2, alpha=alpha)
        picture.text(left + 395, 338, f"predicted {target_name}")
    picture.write(path)


def plot_confusion(
    matrix: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str], title: str
) -> None:
    """Draw a confusion matrix: counts as numbers, the share of the true class's rows as colour.

    ``matrix[i, j]`` counts the rows of class ``i`` that were predicted as ``j``, as
    `mytorch.training.metrics.confusion_matrix` gives it. Raises ``ValueError`` if the names do not fit its
    shape.
    """
    counts = np.asarray(matrix)
    classes = len(class_names)
    if classes == 0 or counts.shape != (classes, classes):
        raise ValueError(
            f"expected a matrix of shape {(classes, classes)} for {classes} classes, got {counts.shape}"
        )
    names = [_shorten(str(name)) for name in class_names]

    wanted = max(42, 9 * len(str(counts.max())) + 4, 320 // classes)  # so that the counts fit in
    cell = min(wanted, max(1000 // classes, 3))  # pixels
    side = cell * classes
    size = min(9.0, cell * 0.6)  # of the names, in points
    picture = Picture(1, 1)
    longest = max(picture.text_width(name, size) for name in names)
    upright = longest > 0.9 * cell
    box = Box(math.ceil(longest) + 50, 45 + math.ceil(longest if upright else 1.5 * size), side, side)
    picture = Picture(max(box.left + side + 30, box.left + 400), box.bottom + side + 75)

    _draw_cells(picture, box, counts)
    if classes <= _COUNTS_UP_TO:
        _write_counts(picture, box, counts)
    if size >= 3:  # more than 200 classes leave no room for names
        for index, name in enumerate(names):
            middle = (index + 0.5) * cell
            picture.text(box.left - 6, box.bottom + side - middle, name, size, align="right", valign="center")
            x, y = box.left + middle, box.bottom - 6
            if upright:
                picture.text(x, y, name, size, align="right", valign="center", upright=True)
            else:
                picture.text(x, y, name, size, align="center", valign="top")
    picture.text(box.left + side / 2, 12, "predicted", align="center")
    picture.text(16, box.bottom + side / 2, "true", align="center", valign="center", upright=True)
    right, total = int(np.trace(counts)), int(counts.sum())
    picture.text(box.left, box.bottom + side + 42, title, size=12, bold=True)
    said = f"{right} of {total} right ({right / max(total, 1):.1%}); colour: share of the row"
    picture.text(box.left, box.bottom + side + 16, said)
    picture.write(path, few_colours=False)


def _draw_cells(picture: Picture, box: Box, counts: NDArray[Any]) -> None:
    cell, shares = box.width // len(counts), _row_shares(counts)
    right, top = box.left + box.width, box.bottom + box.height
    picture.rectangle(box.left, box.bottom, box.width, box.height, _blue(0.0))
    for row, column in zip(*np.nonzero(counts), strict=True):
        place = (box.left + column * cell, top - (row + 1) * cell)
        picture.rectangle(*place, cell, cell, _blue(shares[row, column]))
    for edge in range(cell, box.width, cell):
        picture.line([box.left, right], [box.bottom + edge] * 2, "white", width=0.7)
        picture.line([box.left + edge] * 2, [box.bottom, top], "white", width=0.7)


def _write_counts(picture: Picture, box: Box, counts: NDArray[Any]) -> None:
    cell, shares = box.width / len(counts), _row_shares(counts)
    size = min(13.0, cell * 0.3, cell / len(str(counts.max())))
    for (row, column), count in np.ndenumerate(counts):
        if count or len(counts) <= 6:  # in a large matrix the zeros would hide the rest
            x, y = box.left + (column + 0.5) * cell, box.bottom + box.height - (row + 0.5) * cell
            colour = "white" if shares[row, column] > 0.5 else INK
            picture.text(x, y, str(count), size, colour, align="center", valign="center")


# --- data ---------------------------------------------------------------------------------------------------


def _column(rows: Sequence[Mapping[str, float | None]], name: str) -> Floats:
    """A column of metrics.csv; NaN, which draws a gap, for what is missing or infinite."""
    column = np.array(
        [math.nan if (value := row.get(name)) is None else value for row in rows], dtype=np.float64
    )
    column[~np.isfinite(column)] = math.nan
    return column


def _true_and_predicted(pair: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    true, predicted = (np.asarray(values, dtype=np.float64) for values in pair)
    if true.shape != predicted.shape or true.shape not in ((true.size,), (true.size, 1)):
        raise ValueError(
            f"expected true and predicted values, one a row, got shapes {true.shape}, {predicted.shape}"
        )
    return true.ravel(), predicted.ravel()


def _mean_absolute_error(true: Floats, predicted: Floats) -> str:
    if not len(true):
        return "no rows"
    error = float(np.abs(true - predicted).mean())
    return f"MAE {error:,.0f}" if error >= 1e4 else f"MAE {error:.4g}"


def _row_shares(counts: NDArray[Any]) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def _shorten(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"


def _blue(share: float) -> tuple[float, float, float]:
    """From nearly white for 0 to a dark blue for 1."""
    white, blue = np.array((0.955, 0.965, 0.975)), np.array((0.0, 0.28, 0.50))
    red, green, blue_ = white + (blue - white) * share
    return float(red), float(green), float(blue_)
