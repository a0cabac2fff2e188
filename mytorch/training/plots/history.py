"""How a training went, epoch by epoch: the losses with the learning rate, and a small picture for each metric."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.training.plots.style import (
    ABOVE,
    AMBER,
    BLUE,
    FEW_EPOCHS,
    GREEN,
    GREY,
    ORANGE,
    Floats,
    add_axes,
    column_of,
    legend_above,
    picture,
    set_scale,
    set_value_ticks,
    set_whole_ticks,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, float | None]]
NO_METRICS = frozenset({"epoch", "seconds", "train_loss", "validation_loss"})  # columns that have no panel of their own
PART_COLOURS = {"train": BLUE, "validation": ORANGE, "test": AMBER, "": GREY}  # in the order of the legend
LOG_FROM = {"learning rate": math.inf, "gradient norm": 1000.0}  # highest over lowest; of the others 100
ACROSS = 3  # panels
PANEL, LEFT = (276, 156), 74  # their size, and where the first one stands, in pixels


def plot_loss(
    rows: Rows,
    path: str | os.PathLike[str],
    title: str,
    best_epoch: int | None = None,
) -> None:
    """Draw train and validation loss over the epochs, and the learning rate as a thin line if it changes.

    ``rows`` are those of metrics.csv. The best epoch, by default that of the lowest validation loss (train
    loss where there is none), is marked. The loss axis is logarithmic where the losses span more than a
    factor of 30.
    """
    epochs, rate = column_of(rows, "epoch"), column_of(rows, "learning_rate")
    losses = {"train loss": column_of(rows, "train_loss"), "validation loss": column_of(rows, "validation_loss")}
    losses = {label: column for label, column in losses.items() if np.isfinite(column).any()}

    with picture(path) as figure:
        axes = add_axes(figure, (880, 480), (80, 58, 730, 340))
        axes.set_title(shorten(title, 70), pad=28)
        axes.set_xlabel("epoch")
        marker = "o" if len(rows) <= FEW_EPOCHS else None  # few epochs are points, and one alone has no line
        keys = [
            axes.plot(epochs, column, color=colour, marker=marker, markersize=4, label=label)[0]
            for (label, column), colour in zip(losses.items(), (BLUE, ORANGE), strict=False)
        ]
        set_scale(axes, np.concatenate([np.zeros(0), *losses.values()]))
        set_whole_ticks(axes, 9)

        if np.isfinite(rate).any():
            keys += _plot_rate(axes, epochs, rate)
        if losses:
            judged = list(losses.values())[-1]
            best = epochs == (epochs[np.nanargmin(judged)] if best_epoch is None else best_epoch)
            for epoch, loss in zip(epochs[best], judged[best], strict=True):
                label = f"best epoch {epoch:.0f}: {loss:.4g}"
                keys += axes.plot([epoch], [loss], "o", color=GREEN, markersize=8, label=label, clip_on=False)
        else:
            axes.set_yticks([])
            axes.text(0.5, 0.9, "no finite loss", ha="center", transform=axes.transAxes)
        legend_above(axes, keys)


def _plot_rate(axes: Axes, epochs: Floats, rate: Floats) -> list[Any]:
    """The learning rate on an axis of its own, behind the losses; a constant one is only said."""
    highest = float(np.nanmax(rate))
    if np.nanmin(rate) == highest:
        said = f"learning rate {highest:.3g}"
        axes.text(1, ABOVE, said, color=GREY, ha="right", va="bottom", transform=axes.transAxes)
        return []
    right: Axes = axes.twinx()
    right.set_zorder(-1)
    axes.patch.set_visible(False)
    right.grid(False)
    right.spines[:].set_visible(False)
    right.tick_params(axis="y", labelcolor=GREY)
    right.set_ylim(0, 1.08 * highest)
    set_value_ticks(right.yaxis, rate)
    return right.plot(epochs, rate, "--", color=GREY, linewidth=0.9, label="learning rate (right)")


def plot_metrics(rows: Rows, path: str | os.PathLike[str], title: str, best_epoch: int | None = None) -> None:
    """Draw every metric over the epochs in a small picture of its own, and so the learning rate and gradient norm.

    ``rows`` are those of metrics.csv: ``validation_mae`` and ``train_mae`` are two lines of one picture. The epoch
    ``best_epoch`` is marked and its value told; without it the last value is.
    """
    epochs = column_of(rows, "epoch")
    panels = _panels(rows)
    across = min(ACROSS, max(len(panels), 1))
    down = max(math.ceil(len(panels) / across), 1)
    wide, high = PANEL
    whole = (max(20 + across * (wide + 84), 520), 98 + down * (high + 66))

    with picture(path) as figure:
        for index, (name, lines) in enumerate(panels.items()):
            left, bottom = LEFT + index % across * (wide + 84), whole[1] - 88 - high - index // across * (high + 66)
            axes = add_axes(figure, whole, (left, bottom, wide, high))
            axes.set_title(shorten(name, 17), fontsize=9.5, pad=7)
            _draw_metric(axes, epochs, lines, best_epoch, LOG_FROM.get(name, 100))
            if index + across >= len(panels):
                axes.set_xlabel("epoch")
        if not panels:
            axes = add_axes(figure, whole, (LEFT, 78, 396, high))
            axes.set_axis_off()
            axes.text(0, 0.5, "no metrics in this run", transform=axes.transAxes)
        figure.text(
            LEFT / whole[0], 1 - 16 / whole[1], shorten(title, 30 * across), fontsize=12, fontweight="bold", va="top"
        )
        _tell_parts(figure, panels, LEFT / whole[0], 1 - 36 / whole[1])


def _panels(rows: Rows) -> dict[str, dict[str, Floats]]:
    """By metric the columns of the parts that it was computed of; the learning rate and the rest come last."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in NO_METRICS))
    metrics: dict[str, dict[str, Floats]] = {}
    others: dict[str, dict[str, Floats]] = {}
    for name in names:
        part, _, metric = name.partition("_")
        if part in ("train", "validation", "test") and metric:
            metrics.setdefault(metric, {})[part] = column_of(rows, name)
        elif any(row.get(name) is not None for row in rows):
            others[name.replace("_", " ")] = {"": column_of(rows, name)}
    return metrics | others


def _draw_metric(axes: Axes, epochs: Floats, lines: dict[str, Floats], best_epoch: int | None, log_from: float) -> None:
    set_whole_ticks(axes, 4)
    if not any(np.isfinite(values).any() for values in lines.values()):
        axes.set_yticks([])
        axes.set_xlim(0.5, max(len(epochs), 1) + 0.5)
        axes.text(0.5, 0.5, "no finite value", color=GREY, ha="center", transform=axes.transAxes)
        return
    marker, width = ("o" if len(epochs) <= FEW_EPOCHS else None), (1.2 if len(epochs) <= 1000 else 0.5)
    if "" in lines:  # a figure of logging steps, which not every epoch has
        there = np.isfinite(lines[""])
        epochs, lines = epochs[there], {"": lines[""][there]}
    for part, values in lines.items():
        axes.plot(epochs, values, color=PART_COLOURS[part], marker=marker, markersize=3, linewidth=width)
    set_scale(axes, np.concatenate(list(lines.values())), wide_from=log_from)
    judged = lines.get("validation", next(iter(lines.values())))
    at = np.flatnonzero(epochs == best_epoch)
    if best_epoch is not None and len(at) and np.isfinite(judged[at[0]]):
        axes.plot([best_epoch], [judged[at[0]]], "o", color=GREEN, markersize=6, clip_on=False)
        said = f"{judged[at[0]]:.4g} at epoch {best_epoch:,}"
    else:
        said = f"last {judged[-1]:.4g}"
    axes.text(1, ABOVE, said, color=GREY, fontsize=8, ha="right", va="bottom", transform=axes.transAxes)


def _tell_parts(figure: Any, panels: Mapping[str, Mapping[str, Floats]], x: float, y: float) -> None:
    """The colours of the parts in words of that colour, as a legend in each picture would hide it."""
    from matplotlib.lines import Line2D

    parts = list(dict.fromkeys(part for lines in panels.values() for part in lines if part))
    if parts:
        keys = [Line2D([], [], color=PART_COLOURS[part], label=part) for part in parts]
        figure.legend(handles=keys, loc="upper left", bbox_to_anchor=(x, y), ncols=len(keys))
