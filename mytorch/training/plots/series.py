"""Several trainings of one config in one picture: their curves with the mean, and where their scores lie."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mytorch.training.plots.comparison import Rows, panel_grid
from mytorch.training.plots.style import (
    BLUE,
    FEW_EPOCHS,
    GREY,
    INK,
    ORANGE,
    Floats,
    column_of,
    picture,
    set_scale,
    set_whole_ticks,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD = 88  # above the first panel, in pixels


def plot_series(
    curves: Mapping[str, Rows], scores: Mapping[str, Mapping[str, float]], title: str, path: str | os.PathLike[str]
) -> None:
    """Draw every loss and metric over the epochs, and a point for each final score, with means and deviations.

    ``curves`` are the rows of metrics.csv and ``scores`` the figures, such as ``test.mae``, of each training by its
    name. The mean of a curve is drawn as far as all trainings have the epoch; the band around the mean of the scores
    is one standard deviation to each side. Raises ``ValueError`` if no training has a row.
    """
    columns = dict.fromkeys(name for rows in curves.values() for row in rows for name in row)
    lines = [name for name in columns if name.startswith(("train_", "validation_"))]
    if not lines:
        raise ValueError("expected at least one training with rows, got none")
    figures = list(dict.fromkeys(name for of in scores.values() for name in of))

    with picture(path) as figure:
        panels = panel_grid(figure, [*lines, *figures], HEAD)
        figure.text(22 / panels.whole[0], 1 - 30 / panels.whole[1], shorten(title, 60), fontsize=12, weight="bold")
        for name, axes in zip(lines, panels.axes, strict=False):
            axes.set_xlabel("epoch")
            _draw_curves(axes, list(curves.values()), name)
        for name, axes in zip(figures, panels.axes[len(lines) :], strict=True):
            _draw_scores(axes, [of.get(name, math.nan) for of in scores.values()], list(scores))
        from matplotlib.lines import Line2D

        keys = [
            Line2D([], [], color=GREY, linewidth=0.8, alpha=0.7, label="each training"),
            Line2D([], [], color=BLUE, linewidth=2, label="mean"),
            Line2D([], [], color=ORANGE, marker="o", markersize=4, linestyle="none", label="score of one training"),
        ]
        figure.legend(
            handles=keys, loc="upper left", bbox_to_anchor=(22 / panels.whole[0], 1 - 36 / panels.whole[1]), ncols=3
        )


def _draw_curves(axes: Axes, runs: Sequence[Rows], name: str) -> None:
    set_whole_ticks(axes, 4)
    curves = [column_of(rows, name) for rows in runs]
    marker = "o" if max(map(len, curves)) <= FEW_EPOCHS else None
    for rows, values in zip(runs, curves, strict=True):
        axes.plot(column_of(rows, "epoch"), values, color=GREY, marker=marker, markersize=2.5, linewidth=0.8, alpha=0.7)
    shortest = min(map(len, curves))
    mean = np.mean([values[:shortest] for values in curves], axis=0)
    axes.plot(np.arange(1, shortest + 1), mean, color=BLUE, marker=marker, markersize=4, linewidth=2)
    set_scale(axes, np.concatenate(curves))


def _draw_scores(axes: Axes, values: Sequence[float], names: Sequence[str]) -> None:
    points: Floats = np.array([value if math.isfinite(value) else math.nan for value in values])
    places = np.arange(len(points))
    axes.plot(places, points, "o", color=ORANGE, markersize=4.5, clip_on=False)
    axes.set_xlim(-0.6, len(points) - 0.4)
    few = len(names) <= 6
    axes.set_xticks(places if few else [], [shorten(name, 12) for name in names] if few else None)
    axes.grid(visible=False, axis="x")
    finite = points[np.isfinite(points)]
    if len(finite):
        mean = finite.mean()
        axes.axhline(mean, color=BLUE, linewidth=1.4)
        if len(finite) > 1:
            deviation = finite.std(ddof=1)
            axes.axhspan(mean - deviation, mean + deviation, color=BLUE, alpha=0.12, linewidth=0)
            finite = np.append(finite, [mean - deviation, mean + deviation])
    set_scale(axes, finite, wide_from=math.inf)
    axes.title.set_color(INK)
