"""The pictures of a run, PNG files: loss curves, predictions against the truth, the confusion matrix.

matplotlib is imported where a picture is drawn, without pyplot, and a picture looks the same whatever the
user's matplotlibrc says: it is drawn under matplotlib's own defaults and the style below, and the settings are
put back after it. Places are given in pixels, for a layout that matplotlib finds by itself costs as much time
as the drawing. The colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

Floats = NDArray[np.float64]

BLUE, ORANGE, GREEN, GREY, INK, PALE = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#222222", "#E4E4E4"
_DPI = 100
# The first one comes with matplotlib; the others are for Korean names, and used where the system has them.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
)
_STYLE = {
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelpad": 6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # fixed: else matplotlib measures every label to find a place for the title
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
    "legend.frameon": False,
    "legend.borderpad": 0,
    "legend.borderaxespad": 0,
    "legend.columnspacing": 1.8,
    "lines.linewidth": 1.6,
}

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
    epochs, rate = _column(rows, "epoch"), _column(rows, "learning_rate")
    losses = {"train loss": _column(rows, "train_loss"), "validation loss": _column(rows, "validation_loss")}
    losses = {label: column for label, column in losses.items() if np.isfinite(column).any()}

    with _picture(path) as figure:
        axes = _axes(figure, (880, 480), (72, 58, 738, 340))
        axes.set_title(_shorten(title, 70), pad=32)
        axes.set_xlabel("epoch")
        axes.margins(x=0, y=0.06)
        marker = "o" if len(rows) <= 20 else None  # few epochs are points, and one alone has no line
        keys = [
            axes.plot(epochs, column, color=colour, marker=marker, markersize=4, label=label)[0]
            for (label, column), colour in zip(losses.items(), (BLUE, ORANGE), strict=False)
        ]
        _set_loss_scale(axes, np.concatenate([np.zeros(0), *losses.values()]))
        _set_whole_ticks(axes, 10)

        if np.isfinite(rate).any():
            keys += _plot_rate(axes, epochs, rate)
        if losses:
            judged = list(losses.values())[-1]
            best = epochs == (epochs[np.nanargmin(judged)] if best_epoch is None else best_epoch)
            for epoch, loss in zip(epochs[best], judged[best], strict=True):
                label = f"best epoch {epoch:.0f}: {loss:.4g}"
                keys += axes.plot([epoch], [loss], "o", color=GREEN, markersize=8, label=label, clip_on=False)
        else:
            axes.text(0.5, 0.5, "no finite loss", ha="center", transform=axes.transAxes)
        _legend_above(axes, keys)


def _set_loss_scale(axes: Axes, losses: Floats) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    losses = losses[np.isfinite(losses)]
    if len(losses) and losses.min() > 0 and losses.max() > 30 * losses.min():
        axes.set_yscale("log")
        few = losses.max() < 1e5 * losses.min()
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if few else (1.0,), numticks=9))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(_number_format(losses))


def _plot_rate(axes: Axes, epochs: Floats, rate: Floats) -> list[Any]:
    """The learning rate on an axis of its own, behind the losses; only a word in the legend if it is constant."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    highest = float(np.nanmax(rate))
    if np.nanmin(rate) == highest:
        return [Line2D([], [], linestyle="none", label=f"learning rate {highest:.3g}")]
    right: Axes = axes.twinx()
    right.set_zorder(-1)
    axes.patch.set_visible(False)
    right.grid(False)
    right.spines[:].set_visible(False)
    right.tick_params(axis="y", labelcolor=GREY)
    right.set_ylim(0, 1.08 * highest)
    right.yaxis.set_major_locator(MaxNLocator(6))
    right.yaxis.set_major_formatter(_number_format(rate))
    return right.plot(epochs, rate, "--", color=GREY, linewidth=0.9, label="learning rate (right)")


def plot_predictions(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    target_name: str,
    path: str | os.PathLike[str],
    test_name: str = "test",
) -> None:
    """Draw true and predicted values in row order, and beside that one against the other, for train and test.

    ``train`` and ``test`` are ``(true, predicted)`` with one value a row, in the target's own units, which
    the mean absolute error (MAE) in the titles has too. ``test_name`` says which rows the second pair holds,
    such as ``"validation"``. All four share the range of values. Of very long splits evenly spaced rows are
    drawn; the MAE is always that of all rows. Raises ``ValueError`` for arrays that do not fit each other.
    """
    splits = (("train", *_true_and_predicted(train)), (test_name, *_true_and_predicted(test)))
    values = np.concatenate([column for _, *columns in splits for column in columns])
    target_name = _shorten(target_name, 20)

    with _picture(path) as figure:
        for (split, true, predicted), left in zip(splits, (50, 770), strict=True):
            step = max(math.ceil(len(true) / _LINE_ROWS), 1)
            shown = np.arange(0, len(true), step)
            in_order = _axes(figure, (1440, 410), (left, 58, 350, 270))
            in_order.set_title(f"{split}: {_mean_absolute_error(true, predicted)}", pad=32)
            in_order.set_xlabel("row" if step == 1 else f"row (one in {step} is drawn)")
            in_order.margins(x=0.01)
            _set_value_axis(in_order.yaxis, values)
            keys = in_order.plot(shown, true[::step], color=INK, linewidth=0.9, label=f"true {target_name}")
            keys += in_order.plot(shown, predicted[::step], color=ORANGE, linewidth=1.1, label="predicted")
            _set_whole_ticks(in_order, 7)
            _legend_above(in_order, keys)

            step = max(math.ceil(len(true) / _SCATTER_ROWS), 1)
            scatter = _axes(figure, (1440, 410), (left + 405, 58, 270, 270))
            scatter.set_xlabel(f"true {target_name}")
            scatter.text(0, 1.035, f"predicted {target_name}", transform=scatter.transAxes)
            _set_value_axis(scatter.xaxis, values)
            _set_value_axis(scatter.yaxis, values)
            scatter.axline((0, 0), slope=1, color=GREY, linewidth=1.0)
            alpha = 0.55 if len(true) < 1000 else 0.25
            scatter.plot(
                true[::step], predicted[::step], "o", color=BLUE, markersize=4.2, markeredgewidth=0, alpha=alpha
            )


def plot_confusion(
    matrix: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str], title: str
) -> None:
    """Draw a confusion matrix: counts as numbers, the share of the true class's rows as colour.

    ``matrix[i, j]`` counts the rows of class ``i`` that were predicted as ``j``, as
    `mytorch.training.metrics.confusion_matrix` gives it. Raises ``ValueError`` if the names do not fit its
    shape.
    """
    ...
