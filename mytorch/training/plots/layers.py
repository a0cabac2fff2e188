"""The weights and gradients of each layer over the steps: what vanishes, what explodes, what never learns."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mytorch.training.plots.gradient_flow import Grid, Row
from mytorch.training.plots.style import (
    ABOVE,
    FEW_EPOCHS,
    GREY,
    INK,
    ORANGE,
    PALETTE,
    Floats,
    add_axes,
    picture,
    set_scale,
    set_whole_ticks,
    shorten,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {"weight": "norm of the weights", "gradient": "norm of the gradients"}
LINES_UP_TO = len(PALETTE)  # layers; more are rows of a map in colour
COLUMNS = 600  # of a map: more steps than this are evenly thinned out
POINTS = 1000  # of a line: of more steps it goes through medians


def plot_layers(rows: Sequence[Row], path: str | os.PathLike[str], title: str) -> None:
    """Draw the norms of each layer's weights and of their gradients over the logging steps.

    ``rows`` are those of gradients.csv. Few layers are lines, of very many steps through the medians of some; many are
    rows of a map: dark is small, bright large, black zero and red no number.
    """
    grid = Grid(rows)
    names, steps = grid.names, np.array(grid.steps, dtype=np.float64)
    tables = {"weight": grid.weights.T, "gradient": grid.gradients.T}
    no_number = int((~grid.has_gradient).sum())  # of frozen layers
    with picture(path) as figure:
        if not names:
            axes = add_axes(figure, (520, 160), (30, 30, 460, 80))
            axes.set_axis_off()
            axes.set_title(shorten(title, 40), pad=7)
            axes.text(0, 0.5, "no norms of layers in this run", transform=axes.transAxes)
        elif len(names) <= LINES_UP_TO:
            _draw_lines(figure, steps, names, tables, shorten(title, 60), no_number)
        else:
            _draw_maps(figure, steps, names, tables, shorten(title, 60))


def _draw_lines(
    figure: Figure, steps: Floats, names: list[str], tables: dict[str, Floats], title: str, no_number: int
) -> None:
    names = [shorten(name, 28) for name in names]
    whole = (700 + round(max(text_width(name, 9) for name in names)), 640)
    for index, (kind, table) in enumerate(tables.items()):
        axes = add_axes(figure, whole, (80, 350 - 290 * index, 560, 215))
        axes.text(0, ABOVE, KINDS[kind], va="bottom", transform=axes.transAxes)
        together = -(-len(steps) // POINTS)
        x, shown = _medians(steps, np.where(np.isfinite(table) & (table > 0), table, np.nan), together)
        marker = "o" if len(steps) <= FEW_EPOCHS else None
        keys = [
            axes.plot(x, values, color=colour, marker=marker, markersize=3.5, linewidth=1.3)[0]
            for values, colour in zip(shown, PALETTE, strict=False)
        ]
        set_scale(axes, shown.ravel(), wide_from=5)
        set_whole_ticks(axes, 8)
        if index == 0:
            axes.set_title(title, pad=28)
            axes.legend(keys, names, loc="upper left", bbox_to_anchor=(1.02, 1.02))
        else:
            axes.set_xlabel("step" if together == 1 else f"step (medians of {together})")
        _tell_gaps(axes, table, no_number if kind == "gradient" else 0)


def _medians(steps: Floats, table: Floats, together: int) -> tuple[Floats, Floats]:
    """The middle of every so many steps and the medians of their values, without those that are NaN."""
    if together == 1:
        return steps, table
    starts = range(0, len(steps), together)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")  # stays a gap
        medians = [np.nanmedian(table[:, start : start + together], axis=1) for start in starts]
    return np.array([steps[start : start + together].mean() for start in starts]), np.stack(medians, axis=1)


def _tell_gaps(axes: Axes, table: Floats, no_number: int) -> None:
    """A logarithmic axis has no place for zeros."""
    odd = {"zero": int((table == 0).sum()), "not finite": int((~np.isfinite(table)).sum()) - no_number}
    said = [f"{count:,} {what}" for what, count in odd.items() if count]
    if said:
        axes.text(1, ABOVE, f"not drawn: {', '.join(said)}", color=GREY, fontsize=8, ha="right", va="bottom",
                  transform=axes.transAxes)  # fmt: skip


def _draw_maps(figure: Figure, steps: Floats, names: list[str], tables: dict[str, Floats], title: str) -> None:
    height = min(max(len(names) * 13, 150), 520)
    every = -(-len(names) * 11 // height)  # so that the names do not touch
    labelled = range(0, len(names), every)
    shown = [shorten(names[index], 32) for index in labelled]
    left = 24 + round(max(text_width(name, 7.5) for name in shown))
    whole = (left + 560 + 100, 2 * height + 190)
    columns = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), COLUMNS)).round().astype(int))
    for index, (kind, table) in enumerate(tables.items()):
        bottom = 58 + (height + 52) * (1 - index)
        axes = add_axes(figure, whole, (left, bottom, 560, height))
        axes.text(0, 1 + 8 / height, KINDS[kind], va="bottom", transform=axes.transAxes)
        if index == 0:
            axes.set_title(title, pad=28)
        else:
            axes.set_xlabel("step")
        bar = add_axes(figure, whole, (left + 575, bottom, 12, height))
        _draw_map(figure, axes, bar, table[:, columns])
        axes.set_yticks(labelled, shown, fontsize=7.5)
        axes.grid(False)
        # The steps are not equally far apart: each has a column, some have their number below it.
        places = np.unique(np.linspace(0, len(columns) - 1, min(len(columns), 9)).round().astype(int))
        axes.set_xticks(places, [f"{steps[columns[place]]:,.0f}" for place in places])


def _draw_map(figure: Figure, axes: Axes, bar: Axes, table: Floats) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    positive = table[np.isfinite(table) & (table > 0)]
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 10.0)
    colours = colormaps["viridis"].with_extremes(bad=ORANGE, under="black")
    # LogNorm would take a zero for bad: below the lowest it is black.
    drawn = np.where(table == 0, low / 1e3, np.where(np.isfinite(table), table, np.nan))
    norm = LogNorm(low, max(high, 1.001 * low))
    image = axes.imshow(np.ma.masked_invalid(drawn), cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
    figure.colorbar(image, cax=bar)
    ticks = np.geomspace(low, max(high, 1.001 * low), 5)
    bar.set_yticks(ticks, [f"{tick:.2g}" for tick in ticks] if high > 1.001 * low else ["", "", f"{low:.2g}", "", ""])
    bar.grid(False)
    bar.minorticks_off()
    bar.tick_params(colors=INK)
    bar.spines[:].set_visible(False)
