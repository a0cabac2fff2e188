"""The picture of a learning-rate range test: the loss over the rate, as it was and smoothed, and what is suggested."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from mytorch.training.plots.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    add_axes,
    legend_above,
    limits_of,
    picture,
    set_value_ticks,
    shorten_to_cells,
)

WHOLE, BOX = (760, 420), (76, 58, 656, 272)  # the figure; left, bottom, width and height of the axes; in pixels
HEADROOM = 1.3  # times the loss of the start: what diverges leaves the picture above it


def plot_lr_range(
    rates: Sequence[float],
    losses: Sequence[float],
    smoothed: Sequence[float],
    suggestion: float | None,
    path: str | os.PathLike[str],
    title: str,
) -> None:
    """Draw the losses over the rates on a logarithmic axis; ``suggestion`` None marks none.

    Raises ``ValueError`` if there is no step.
    """
    if not len(rates):
        raise ValueError("expected at least one step, got none")
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    with picture(path) as figure:
        axes = add_axes(figure, WHOLE, BOX)
        axes.set_title(shorten_to_cells(title, 60), pad=30)
        axes.set_xscale("log")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        few = "o" if len(rates) < 2 else None  # one point has no line
        (raw,) = axes.plot(rates, losses, color=GREY, linewidth=0.8, alpha=0.7, marker=few, label="loss of the step")
        (line,) = axes.plot(rates, smoothed, color=BLUE, linewidth=2, marker=few, label="smoothed")
        keys: list[Line2D] = [raw, line]
        if suggestion is not None:
            label = f"suggestion: {short(suggestion)}"
            keys.append(axes.axvline(suggestion, color=ORANGE, linewidth=1.4, linestyle="--", label=label))
            place = int(np.abs(np.log(np.asarray(rates) / suggestion)).argmin())
            axes.plot([suggestion], [smoothed[place]], "o", color=ORANGE, markeredgecolor=INK, markersize=7, zorder=3)
        axes.xaxis.set_major_locator(LogLocator(numticks=12))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: short(rate)))
        values = np.asarray([*losses, *smoothed], dtype=np.float64)
        shown = np.concatenate([values[values <= _ceiling(smoothed)], np.asarray(smoothed[:1], dtype=np.float64)])
        axes.set_ylim(limits_of(shown))
        set_value_ticks(axes.yaxis, shown)
        legend_above(axes, keys)


def short(rate: float) -> str:
    """A rate as configs write it.

    >>> short(1e-7), short(0.0019), short(1.0), short(10.0)
    ('1e-7', '1.9e-3', '1', '10')
    """
    if 1 <= rate < 1000:
        return f"{rate:g}"
    digits, _, power = f"{rate:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def _ceiling(smoothed: Sequence[float]) -> float:
    """The largest loss that is shown: a loss that diverges would press all else flat."""
    lowest = min(smoothed)
    before = max(smoothed[: list(smoothed).index(lowest) + 1])
    return lowest + HEADROOM * (before - lowest) if before > lowest else max(smoothed)
