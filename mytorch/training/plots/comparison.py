"""The curves of several runs in one picture: a small picture for each loss and metric, a colour for each run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.training.plots.style import (
    FEW_EPOCHS,
    GREY,
    PALETTE,
    add_axes,
    column_of,
    picture,
    set_scale,
    set_whole_ticks,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float | None]]
ACROSS = 3  # panels
PANEL, LEFT, GAP = (276, 156), 74, (84, 66)  # their size, where the first one stands, what lies between, in pixels
DASHES = ("-", "--", ":", "-.")  # with the colours they tell 28 runs apart
NO_CURVES = frozenset({"epoch", "seconds"})


class Panels(NamedTuple):
    """Small axes in rows of `across`, on a figure that is `whole` (width, height) pixels large."""

    axes: list[Axes]
    across: int
    whole: tuple[int, int]


def panel_grid(figure: Figure, names: Sequence[str], head: int) -> Panels:
    """Axes for each column or score, with its name as the title, below a head of so many pixels."""
    (wide, high), across = PANEL, min(ACROSS, len(names))
    down = math.ceil(len(names) / across)
    whole = (max(20 + across * (wide + GAP[0]), 520), head + 10 + down * (high + GAP[1]))
    panels = []
    for index, name in enumerate(names):
        left = LEFT + index % across * (wide + GAP[0])
        bottom = whole[1] - head - high - index // across * (high + GAP[1])
        panels.append(add_axes(figure, whole, (left, bottom, wide, high)))
        panels[-1].set_title(shorten(name.replace("_", " "), 36), fontsize=9.5, pad=7)
    return Panels(panels, across, whole)


def plot_comparison(runs: Mapping[str, Rows], path: str | os.PathLike[str]) -> None:
    """Draw every column of the runs' metrics.csv over the epochs, the runs above each other.

    ``runs`` are the rows by the name that the legend gives the run. A column that a run does not have is left out of
    its picture. Raises ``ValueError`` if no run has a row.
    """
    columns = list(dict.fromkeys(name for rows in runs.values() for row in rows for name in row))
    panels = sorted((name for name in columns if name not in NO_CURVES), key=_rank)
    if not panels:
        raise ValueError("expected at least one run with rows, got none")
    with picture(path) as figure:
        grid = panel_grid(figure, panels, 22 + 18 * len(runs) + 34)
        for index, (name, axes) in enumerate(zip(panels, grid.axes, strict=True)):
            set_whole_ticks(axes, 4)
            if index + grid.across >= len(panels):
                axes.set_xlabel("epoch")
            seen = [np.zeros(0)]
            for number, rows in enumerate(runs.values()):
                values = column_of(rows, name)
                if np.isfinite(values).any():
                    marker = "o" if len(rows) <= FEW_EPOCHS else None
                    axes.plot(
                        column_of(rows, "epoch"), values, marker=marker, markersize=3, linewidth=1.2, **_look(number)
                    )
                    seen.append(values)
            set_scale(axes, np.concatenate(seen))
            if len(seen) == 1:
                axes.set_yticks([])
                axes.text(0.5, 0.5, "no finite value", color=GREY, ha="center", transform=axes.transAxes)
        from matplotlib.lines import Line2D

        keys = [Line2D([], [], label=shorten(name, 70), **_look(number)) for number, name in enumerate(runs)]
        figure.legend(
            handles=keys, loc="upper left", bbox_to_anchor=(LEFT / grid.whole[0], 1 - 14 / grid.whole[1]), ncols=1
        )


def _look(number: int) -> dict[str, Any]:
    return {
        "color": PALETTE[number % len(PALETTE)],
        "linestyle": DASHES[number // len(PALETTE) % len(DASHES)],
    }


def _rank(column: str) -> int:
    """Losses come first, then the metrics, then how it was trained; each in the order of the files."""
    if column in ("train_loss", "validation_loss"):
        return 0
    return 1 if column.startswith(("train_", "validation_", "test_")) else 2
