"""How gradients flow through a model while it learns: a map of layers and steps, and beside it how far weights moved.

Layers go across, from input to output, time goes down. Gradients that vanish on their way back are a map that gets dark
towards the left; a layer that learns too slowly or too fast beside its size is blue or red on the right.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mytorch.training.plots.style import (
    GREY,
    PURPLE,
    Floats,
    add_axes,
    picture,
    set_size,
    shorten,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

ROWS = 600  # logging steps: more are evenly thinned out
RATIOS = (-6.0, 0.0)  # powers of ten of the update ratio; 1e-3 in the middle is what is usual where all goes well
ZERO, NOT_FINITE, MISSING = "#000000", PURPLE, "#D4D4D4"
NAME, TICK = 26, 7.5  # letters of a layer's name, and the size of its font
WIDE = 34  # letters of a title that a narrow picture has place for


class Row(Protocol):
    """What is drawn of a row of gradients.csv."""

    @property
    def epoch(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def layer(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def gradient_norm(self) -> float | None: ...
    @property
    def weight_norm(self) -> float | None: ...
    @property
    def update_ratio(self) -> float | None: ...


class Grid:
    """The rows as tables: a line for each logging step, a column for each layer that has weights."""

    def __init__(self, rows: Sequence[Row]) -> None:
        with_weights = [row for row in rows if row.weight_norm is not None]
        self.layers = list(dict.fromkeys((row.layer, row.type) for row in with_weights))
        self.names = [f"{layer} {kind}" for layer, kind in self.layers]
        epochs = {row.step: row.epoch for row in with_weights}
        self.steps, self.epochs = list(epochs), list(epochs.values())
        line = {step: i for i, step in enumerate(self.steps)}
        column = {layer: j for j, layer in enumerate(self.layers)}
        places = [(line[row.step], column[row.layer, row.type], row) for row in with_weights]
        shape = len(self.steps), len(self.layers)
        self.gradients, self.weights, self.ratios = (np.full(shape, np.nan) for _ in range(3))
        self.has_gradient, self.has_ratio = np.zeros(shape, bool), np.zeros(shape, bool)
        for i, j, row in places:
            self.weights[i, j] = row.weight_norm
            if row.gradient_norm is not None:
                self.gradients[i, j], self.has_gradient[i, j] = row.gradient_norm, True
            if row.update_ratio is not None:
                self.ratios[i, j], self.has_ratio[i, j] = row.update_ratio, True


def plot_gradient_flow(rows: Sequence[Row], path: str | os.PathLike[str], title: str) -> None:
    """Draw the gradient norm and the update ratio of each layer with weights in each logging step.

    ``rows`` are those of gradients.csv. Colours are logarithmic. The update ratio's middle is 1e-3, and it is white.
    Zero is black, what is not finite pink, and grey where there is no number, as of a frozen layer.
    """
    grid = Grid(rows)
    with picture(path) as figure:
        if not grid.layers:
            axes = add_axes(figure, (520, 160), (30, 30, 460, 80))
            axes.set_axis_off()
            axes.set_title(shorten(title, 40), pad=7)
            axes.text(0, 0.5, "no gradients of layers in this run", transform=axes.transAxes)
        else:
            _draw(figure, grid, title)


def _draw(figure: Figure, grid: Grid, title: str) -> None:
    from matplotlib import colormaps

    lines = np.unique(np.linspace(0, len(grid.steps) - 1, min(len(grid.steps), ROWS)).round().astype(int))
    wide = min(max(len(grid.layers) * 14, 190), 760)
    high = min(max(len(lines) * 16, 120), 480)
    every = math.ceil(len(grid.layers) * (TICK + 5) / wide)  # so that the names do not touch
    labelled = range(0, len(grid.layers), every)
    names = [shorten(grid.names[index], NAME) for index in labelled]
    widths = [text_width(name, TICK) for name in names]
    upright = max(widths) > wide / len(grid.layers) * every - 6
    below = round(max(widths)) + 14 if upright else 24
    panels = {
        "gradient norm": (grid.gradients, grid.has_gradient, colormaps["viridis"], _limits(grid.gradients)),
        "update ratio": (grid.ratios, grid.has_ratio, colormaps["RdBu_r"], RATIOS),
    }
    images = [_image(table[lines], there[lines], colours, limits) for table, there, colours, limits in panels.values()]
    told = images[0][1] | images[1][1]
    left, beside, between = 76, 72, 62  # of a panel: before it, behind it (its bar of colours), and before the second
    key = 34 if told else 8
    whole = (left + 2 * wide + 2 * beside + between + 10, high + below + key + 92)
    for index, (name, (_, _, colours, limits)) in enumerate(panels.items()):
        box = (left + index * (wide + beside + between), below + key, wide, high)
        axes = add_axes(figure, whole, box)
        image = images[index][0]
        axes.imshow(image, aspect="auto", interpolation="nearest")
        axes.text(0, 1 + 8 / high, name, va="bottom", transform=axes.transAxes)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_xticks(labelled, names, fontsize=TICK, rotation=90 if upright else 0)
        counted = grid.steps if index == 0 else grid.epochs
        _label_lines(axes, [counted[line] for line in lines], high)
        axes.set_ylabel("step" if index == 0 else "epoch", labelpad=4)
        bar = add_axes(figure, whole, (box[0] + wide + 12, box[1], 10, high))
        _draw_bar(bar, colours, limits, high)
    set_size(figure, whole)
    letters = round(WIDE * whole[0] / 520)
    figure.text(22 / whole[0], 1 - 14 / whole[1], shorten(title, letters), fontsize=12, weight="bold", va="top")
    hint = "layers from input to output, time downwards"
    figure.text(22 / whole[0], 1 - 35 / whole[1], hint, fontsize=8, color=GREY, va="top")
    if told:
        _draw_key(figure, whole, told)


def _limits(table: Floats) -> tuple[float, float]:
    """Powers of ten between which the numbers lie, at least one apart."""
    positive = table[np.isfinite(table) & (table > 0)]
    if not len(positive):
        return -1.0, 0.0
    low, high = math.log10(positive.min()), math.log10(positive.max())
    if high - low < 1:
        low, high = (low + high) / 2 - 0.5, (low + high) / 2 + 0.5
    return low, high


def _image(table: Floats, there: Any, colours: Colormap, limits: tuple[float, float]) -> tuple[Any, dict[str, str]]:
    """The colour of each cell, and what the colours beside the scale stand for, of those that occur."""
    from matplotlib.colors import to_rgba

    low, high = limits
    with np.errstate(all="ignore"):
        image = colours(np.clip((np.log10(table) - low) / (high - low), 0, 1))
    odd = {
        "zero": (ZERO, there & (table == 0)),
        "not finite": (NOT_FINITE, there & ~np.isfinite(table)),
        "no number": (MISSING, ~there),
    }
    found = {}
    for name, (colour, cells) in odd.items():
        if cells.any():
            image[cells] = to_rgba(colour)
            found[name] = colour
    return image, found


def _label_lines(axes: Axes, numbers: Sequence[int], high: int) -> None:
    """Numbers beside some lines, evenly spread; each number once."""
    about = max(min(len(numbers), high // 40), 1)
    lines = np.unique(np.linspace(0, len(numbers) - 1, about).round().astype(int))
    fresh = [line for before, line in zip([None, *lines], lines, strict=False)
             if before is None or numbers[line] != numbers[before]]  # fmt: skip
    axes.set_yticks(fresh, [f"{numbers[line]:,}" for line in fresh], fontsize=TICK)


def _draw_bar(bar: Axes, colours: Colormap, limits: tuple[float, float], high: int) -> None:
    """The scale of colours, with powers of ten."""
    low, top = limits
    bar.imshow(colours(np.linspace(1, 0, 256))[:, None], aspect="auto", extent=(0, 1, low, top))
    apart = max(1, math.ceil((top - low) * 26 / high))
    powers = [power for power in range(math.ceil(low), math.floor(top) + 1) if power % apart == 0]
    if len(powers) > 1:
        bar.set_yticks(powers, [f"1e{power}" if power else "1" for power in powers], fontsize=TICK)
    else:
        values = np.linspace(low, top, 4)
        bar.set_yticks(values, [f"{10**value:.2g}" for value in values], fontsize=TICK)
    bar.yaxis.tick_right()
    bar.set_xticks([])
    bar.grid(False)
    bar.spines[:].set_visible(False)


def _draw_key(figure: Figure, whole: tuple[int, int], told: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=colour, marker="s", markersize=7, linestyle="none", label=name)
        for name, colour in told.items()
    ]
    place = (22 / whole[0], 8 / whole[1])
    figure.legend(handles=keys, loc="lower left", bbox_to_anchor=place, ncols=len(keys), fontsize=8, handletextpad=0.2)
