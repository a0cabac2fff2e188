"""Predictions of numbers: against the truth, and their residuals."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mytorch.training.plots.style import (
    ABOVE,
    BLUE,
    GREY,
    LINE_ROWS,
    ORANGE,
    SCATTER_ROWS,
    Floats,
    add_axes,
    legend_above,
    limits_of,
    picture,
    set_value_ticks,
    set_whole_ticks,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTLIERS = 0.005  # of the rows at each end, which are drawn at the edge if they would squeeze all the rest


def plot_predictions(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike] | None,
    target_name: str,
    path: str | os.PathLike[str],
    test_name: str = "test",
) -> None:
    """Draw true and predicted values in row order, and beside that one against the other, for train and test.

    ``train`` and ``test`` are ``(true, predicted)`` with one value a row, in the target's own units, which
    the mean absolute error (MAE) in the titles has too; ``test`` is None where there are training rows alone.
    ``test_name`` says which rows the second pair holds, such as ``"validation"``. All share the range of values. Of
    very long splits evenly spaced rows are drawn; the MAE is always that of all rows. Raises ``ValueError`` for
    arrays that do not fit each other.
    """
    splits = [("train", *_true_and_predicted(train))]
    if test is not None:
        splits.append((test_name, *_true_and_predicted(test)))
    whole = (741 if test is None else 1475, 410)
    values = np.concatenate([column for _, *columns in splits for column in columns])
    dots: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgewidth": 0}
    limits, target_name = limits_of(values), shorten(target_name, 20)

    with picture(path) as figure:
        for (split, true, predicted), left in zip(splits, (58, 792), strict=False):
            step = max(math.ceil(len(true) / LINE_ROWS), 1)
            shown = np.arange(0, len(true), step)
            in_order = add_axes(figure, whole, (left, 58, 340, 270))
            in_order.set_title(f"{split}: {_mean_absolute_error(true, predicted)}", pad=28)
            in_order.set_xlabel("row" if step == 1 else f"row (one in {step} is drawn)")
            in_order.set_ylim(limits)
            set_value_ticks(in_order.yaxis, values)
            keys = in_order.plot(shown, true[::step], color=GREY, linewidth=0.9, label=f"true {target_name}")
            keys += in_order.plot(
                shown, predicted[::step], **dots, color=ORANGE, markersize=3, label="predicted", clip_on=False
            )
            set_whole_ticks(in_order, 5)
            legend_above(in_order, keys)

            step = max(math.ceil(len(true) / SCATTER_ROWS), 1)
            scatter = add_axes(figure, whole, (left + 398, 58, 270, 270))
            scatter.set_xlabel(f"true {target_name}")
            scatter.text(0, ABOVE, f"predicted {target_name}", va="bottom", transform=scatter.transAxes)
            scatter.set(xlim=limits, ylim=limits)
            set_value_ticks(scatter.xaxis, values)
            set_value_ticks(scatter.yaxis, values)
            scatter.axline((0, 0), slope=1, color=GREY, linewidth=1.0)
            alpha = 0.55 if len(true) < 1000 else 0.25
            scatter.plot(true[::step], predicted[::step], **dots, color=BLUE, markersize=4.2, alpha=alpha)


def plot_residuals(
    true: ArrayLike,
    predicted: ArrayLike,
    target_name: str,
    path: str | os.PathLike[str],
    part: str = "test",
) -> None:
    """Draw the residuals (predicted minus true) against the prediction, and their histogram beside that.

    One value a row, in the target's own units; ``part`` says which rows they are. Where a few rows are so far out that
    they would squeeze the rest into a line, they are drawn at the edge and counted. Raises ``ValueError`` for
    arrays that do not fit each other.
    """
    true, predicted = _true_and_predicted((true, predicted))
    residuals = predicted - true
    finite = np.isfinite(residuals)
    predicted, residuals = predicted[finite], residuals[finite]
    across, limits = _without_outliers(predicted), _without_outliers(residuals)
    is_out = (predicted < across[0]) | (predicted > across[1]) | (residuals < limits[0]) | (residuals > limits[1])
    target_name = shorten(target_name, 24)

    with picture(path) as figure:
        whole = (920, 440)
        scatter = add_axes(figure, whole, (96, 58, 500, 310))
        scatter.set_title(f"{part}: residuals of {target_name}", pad=28)
        said = _told(residuals, int(is_out.sum()), int((~finite).sum()))
        scatter.text(0, ABOVE, said, va="bottom", transform=scatter.transAxes)
        scatter.set(xlim=across, ylim=limits, xlabel=f"predicted {target_name}", ylabel="predicted - true")
        set_value_ticks(scatter.xaxis, np.array(across))
        set_value_ticks(scatter.yaxis, np.array(limits))
        scatter.axhline(0, color=GREY, linewidth=1.0)
        histogram = add_axes(figure, whole, (634, 58, 250, 310))
        histogram.set_yticks(scatter.get_yticks(), [])
        histogram.set(ylim=limits, xlabel="rows")
        histogram.axhline(0, color=GREY, linewidth=1.0)
        if len(residuals):
            step = max(math.ceil(len(residuals) / SCATTER_ROWS), 1)
            x, y = np.clip(predicted[::step], *across), np.clip(residuals[::step], *limits)
            alpha = 0.55 if len(residuals) < 1000 else 0.25
            scatter.plot(x, y, "o", color=BLUE, markersize=4.2, markeredgewidth=0, alpha=alpha, clip_on=False)
            _draw_histogram(histogram, residuals, limits)
        set_whole_ticks(histogram, 4)


def _draw_histogram(axes: Axes, residuals: Floats, limits: tuple[float, float]) -> None:
    """Lying on its side, with twice the cube root of the rows as the number of bars (Rice's rule), and the mean."""
    edges = np.linspace(*limits, min(max(round(2 * len(residuals) ** (1 / 3)), 8), 60) + 1)
    counts, _ = np.histogram(np.clip(residuals, *limits), edges)
    axes.barh(edges[:-1], counts, np.diff(edges), align="edge", color=BLUE, edgecolor="white", linewidth=0.4)
    axes.set_xlim(0, 1.08 * counts.max())
    mean = float(residuals.mean())
    if not limits[0] <= mean <= limits[1]:
        return
    axes.axhline(mean, color=ORANGE, linewidth=1.4)
    offset, side = (4, "bottom") if mean < limits[0] + 0.9 * (limits[1] - limits[0]) else (-4, "top")
    axes.annotate(
        "mean", (1, mean), (-2, offset), xycoords=("axes fraction", "data"), textcoords="offset points",
        color=ORANGE, ha="right", va=side, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1},
    )  # fmt: skip


def _without_outliers(values: Floats) -> tuple[float, float]:
    """The limits of an axis for the values, or for most of them if the others would squeeze them into a line."""
    if not len(values):
        return -1.0, 1.0
    whole, most = limits_of(values), limits_of(np.quantile(values, [OUTLIERS, 1 - OUTLIERS], method="nearest"))
    if whole[1] - whole[0] <= 4 * (most[1] - most[0]):
        return whole
    margin = 0.5 * (most[1] - most[0])
    return most[0] - margin, most[1] + margin


def _told(residuals: Floats, beyond: int, not_finite: int) -> str:
    if not len(residuals):
        return "no rows" if not not_finite else f"{not_finite:,} rows, none finite"
    rows = "1 row" if len(residuals) == 1 else f"{len(residuals):,} rows"
    said = f"{rows}, mean {residuals.mean():.3g}, standard deviation {residuals.std():.3g}"
    said += f"; {beyond:,} beyond the edge" if beyond else ""
    return said + (f"; {not_finite:,} not finite" if not_finite else "")


def _true_and_predicted(pair: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    true, predicted = (np.asarray(values, dtype=np.float64) for values in pair)
    if true.shape != predicted.shape or true.shape not in ((true.size,), (true.size, 1)):
        raise ValueError(f"expected true and predicted values, one a row, got shapes {true.shape}, {predicted.shape}")
    return true.ravel(), predicted.ravel()


def _mean_absolute_error(true: Floats, predicted: Floats) -> str:
    if not len(true):
        return "no rows"
    error = float(np.abs(true - predicted).mean())
    return f"MAE {error:,.0f}" if error >= 1e4 else f"MAE {error:.4g}"
