"""The loss over a plane of weights: as contours with the training's path, and as a surface in three dimensions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.plots.style import (
    INK,
    ORANGE,
    PALE,
    add_axes,
    picture,
    set_size,
    set_value_ticks,
    shorten_to_cells,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

Floats = NDArray[np.float64]
CONTOURS = 18
WIDE_FROM = 10  # times the lowest loss: from there on contours and colours go by the logarithm
COLOURS = "viridis"
START, END = "#FFFFFF", ORANGE  # of the path
BARE = "#F3F3F3"  # where there is no finite loss


def plot_landscape(
    across: ArrayLike,
    up: ArrayLike,
    losses: ArrayLike,
    trail: ArrayLike | None,
    path: str | os.PathLike[str],
    title: str,
    said: str,
    labels: Sequence[str] = ("direction 1", "direction 2"),
) -> None:
    """Draw contours of ``losses[i, j]`` at ``across[j]``, ``up[i]``; losses that are not finite are left bare.

    ``trail`` are the coordinates of the training's path, first to last, or None. The weights are at (0, 0). ``said``
    stands below the title.

    Raises ``ValueError`` if no loss is finite.
    """
    x, y, values = _checked(across, up, losses)
    norm, levels = _scale(values)
    with picture(path) as figure:
        whole, left, side, bottom = (744, 670), 100, 500, 92
        axes = add_axes(figure, whole, (left, bottom, side, side))
        axes.set_title(shorten_to_cells(title, 60), pad=26)
        axes.text(0, 1 + 10 / side, said, transform=axes.transAxes)
        axes.set_facecolor(BARE)
        axes.grid(False)
        masked = np.ma.masked_invalid(values)
        below = "min" if np.nanmin(values) < levels[0] else "neither"
        filled = axes.contourf(x, y, masked, levels=levels, norm=norm, cmap=COLOURS, extend=below)
        axes.contour(x, y, masked, levels=levels, colors="white", linewidths=0.5, alpha=0.5)
        _draw_trail(axes, trail, x, y)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.set_xlim(x[0], x[-1])
        axes.set_ylim(y[0], y[-1])
        set_value_ticks(axes.xaxis, x)
        set_value_ticks(axes.yaxis, y)
        beside = add_axes(figure, whole, (left + side + 24, bottom, 16, side))
        bar = figure.colorbar(filled, cax=beside)
        beside.set_xlabel("loss")
        beside.xaxis.set_label_position("top")
        bar.outline.set_visible(False)
        bar.set_ticks(levels[::3].tolist(), labels=told_apart(levels[::3]))
        bar.minorticks_off()


def plot_surface(
    across: ArrayLike,
    up: ArrayLike,
    losses: ArrayLike,
    trail: ArrayLike | None,
    path: str | os.PathLike[str],
    title: str,
    said: str,
    labels: Sequence[str] = ("direction 1", "direction 2"),
) -> None:
    """Draw the same as a surface; over decades its height is the logarithm of the loss, cut off as the colours are."""
    x, y, values = _checked(across, up, losses)
    norm, levels = _scale(values)
    is_log = _is_wide(values)
    heights = np.log10(np.maximum(values, levels[0])) if is_log else values
    whole = (700, 620)
    with picture(path) as figure:
        set_size(figure, whole)
        axes: Any = figure.add_axes((0.0, 0.03, 0.97, 0.9), projection="3d", computed_zorder=False)
        axes.set_box_aspect(None, zoom=0.88)
        figure.text(0.04, 0.95, shorten_to_cells(title, 60), fontsize=12, fontweight="bold", va="center")
        figure.text(0.04, 0.915, said, va="center")
        import matplotlib

        finite = np.isfinite(heights)
        colours = matplotlib.colormaps[COLOURS](norm(np.where(finite, values, np.nan)))
        colours[~finite] = 0.0  # and see-through
        shown = np.where(finite, heights, np.nanmax(heights[finite]))
        grid = np.meshgrid(x, y)
        axes.plot_surface(
            *grid,
            shown,
            facecolors=colours,
            rstride=1,
            cstride=1,
            linewidth=0.2,
            edgecolor=(1, 1, 1, 0.25),
            shade=False,
        )
        if trail is not None:
            _draw_trail_on_surface(axes, np.asarray(trail, dtype=np.float64), x, y, heights)
        axes.set_xlabel(labels[0], labelpad=12)
        axes.set_ylabel(labels[1], labelpad=12)
        axes.set_zlabel("loss", labelpad=14)
        axes.view_init(elev=32, azim=-58)
        if is_log:
            from matplotlib.ticker import FuncFormatter

            axes.zaxis.set_major_formatter(FuncFormatter(lambda height, _: f"{10**height:.2g}"))
        for axis, places in ((axes.xaxis, x), (axes.yaxis, y)):
            set_value_ticks(axis, places)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color((1, 1, 1, 0))
            axis._axinfo["grid"]["color"] = PALE


def _checked(across: ArrayLike, up: ArrayLike, losses: ArrayLike) -> tuple[Floats, Floats, Floats]:
    x, y, values = (np.array(part, dtype=np.float64) for part in (across, up, losses))
    values[~np.isfinite(values)] = np.nan
    if not np.isfinite(values).any():
        raise ValueError("expected at least one finite loss, got none")
    return x, y, values


def _is_wide(values: Floats) -> bool:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return low > 0 and high > WIDE_FROM * low


def _scale(values: Floats) -> tuple[Normalize, Floats]:
    """How losses become colours, and where the contours are.

    Over decades they begin at a tenth of what the lowest hundredth of the places has at most: the one place of a
    problem that is solved exactly, at 1e-9 say, would leave the rest a single colour.
    """
    from matplotlib.colors import LogNorm, Normalize

    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high - low <= 1e-12 * max(abs(high), abs(low)):  # flat
        low, high = low - abs(low) / 10 - 1e-12, high + abs(high) / 10 + 1e-12
    if _is_wide(values):
        low = max(low, float(np.nanpercentile(values, 1)) / 10)
        return LogNorm(low, high), np.geomspace(low, high, CONTOURS)
    return Normalize(low, high), np.linspace(low, high, CONTOURS)


def told_apart(numbers: ArrayLike) -> list[str]:
    """Numbers of three digits, or of as many more as it takes that no two read the same.

    >>> told_apart([0.1, 2.34567]), told_apart([0.69315, 0.69334])
    (['0.1', '2.35'], ['0.6932', '0.6933'])
    """
    values = np.asarray(numbers, dtype=np.float64).tolist()
    texts: list[str] = []
    for digits in range(3, 9):
        texts = [f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _draw_trail(axes: Axes, trail: ArrayLike | None, x: Floats, y: Floats) -> None:
    """The path with its start and end; without one the weights alone."""
    from matplotlib.lines import Line2D

    points = np.zeros((1, 2)) if trail is None else np.asarray(trail, dtype=np.float64)
    axes.plot(*points.T, color=INK, linewidth=2.6, zorder=3)
    axes.plot(*points.T, color="white", linewidth=1.2, marker=".", markersize=4, zorder=4)
    look: dict[str, Any] = {"markeredgecolor": INK, "linestyle": "", "zorder": 5}
    keys: list[Line2D] = []
    if trail is not None:
        keys += axes.plot(*points[0], "o", color=START, label="start", markersize=8, **look)
        keys += axes.plot(*points[-1], "s", color=END, label="end", markersize=8, **look)
    keys += axes.plot(
        0, 0, "x", color=INK, markersize=8, markeredgewidth=2, linestyle="", zorder=6, label="the weights"
    )
    axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, -0.115), ncols=3)


def _draw_trail_on_surface(axes: Any, trail: Floats, x: Floats, y: Floats, heights: Floats) -> None:
    """The part of the path that lies on the plane that is shown, at the plane's own loss."""
    low, high = np.array([x[0], y[0]]), np.array([x[-1], y[-1]])
    within: NDArray[np.bool_] = np.all((trail >= low) & (trail <= high), axis=1)
    on = [*trail[within].T, _between(x, y, heights, trail[within])]
    axes.plot(*on, color=INK, linewidth=2.6, zorder=4)
    axes.plot(*on, color="white", linewidth=1.2, zorder=5)
    for place, colour in ((0, START), (-1, END)):
        if within[place]:
            axes.plot(*(part[[place]] for part in on), "o", color=colour, markeredgecolor=INK, zorder=6)


def _between(x: Floats, y: Floats, heights: Floats, points: Floats) -> Floats:
    """The heights of points, from the four around each."""
    j = np.clip(np.searchsorted(x, points[:, 0]) - 1, 0, len(x) - 2)
    i = np.clip(np.searchsorted(y, points[:, 1]) - 1, 0, len(y) - 2)
    right = (points[:, 0] - x[j]) / (x[j + 1] - x[j])
    above = (points[:, 1] - y[i]) / (y[i + 1] - y[i])
    below_line = heights[i, j] * (1 - right) + heights[i, j + 1] * right
    above_line = heights[i + 1, j] * (1 - right) + heights[i + 1, j + 1] * right
    return np.asarray(below_line * (1 - above) + above_line * above)
