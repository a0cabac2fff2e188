"""The confusion matrix, readable for two classes and for hundreds."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.plots.style import INK, add_axes, picture, shorten, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNTS_UP_TO = 40  # classes; above it a cell is too small for a number


def plot_confusion(matrix: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str], title: str) -> None:
    """Draw a confusion matrix: counts as numbers, the share of the true class's rows as colour.

    ``matrix[i, j]`` counts the rows of class ``i`` that were predicted as ``j``, as
    `mytorch.training.metrics.confusion_matrix` gives it. Raises ``ValueError`` if the names do not fit its
    shape.
    """
    counts = np.asarray(matrix)
    classes = len(class_names)
    if classes == 0 or counts.shape != (classes, classes):
        raise ValueError(f"expected a matrix of shape {(classes, classes)} for {classes} classes, got {counts.shape}")
    names = [shorten(str(name), 24) for name in class_names]
    right, total = int(np.trace(counts)), int(counts.sum())

    wanted = max(42, 9 * len(str(counts.max())) + 4, 320 // classes)  # so that the counts fit in
    cell = min(wanted, max(1000 // classes, 3))  # pixels
    side = cell * classes
    size = min(9.0, cell * 0.6)  # of the names, in points

    with picture(path) as figure:
        longest = math.ceil(max(text_width(name, size) for name in names))
        upright = longest > 0.9 * cell
        left, bottom = longest + 50, (longest if upright else 15) + 45
        whole = (max(left + side + 30, left + 400), bottom + side + 75)
        axes = add_axes(figure, whole, (left, bottom, side, side))
        axes.set_title(shorten(title, 45), pad=28)
        said = f"{right} of {total} right ({right / max(total, 1):.1%}); colour: share of the row"
        said += ", small ones darker" if classes > COUNTS_UP_TO else ""
        axes.text(0, 1 + 10 / side, said, transform=axes.transAxes)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        _draw_cells(axes, counts, cell)
        if size >= 3:  # more than 200 classes leave no room for names
            axes.set_xticks(range(classes), names, fontsize=size, rotation=90 if upright else 0)
            axes.set_yticks(range(classes), names, fontsize=size)
        else:
            axes.set_xticks([])
            axes.set_yticks([])


def _draw_cells(axes: Axes, counts: NDArray[Any], cell: int) -> None:
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = LinearSegmentedColormap.from_list("share", ["#F4F6F9", "#004780"])
    # Without numbers a few rows that were mistaken must be seen by the colour alone.
    norm = PowerNorm(0.5 if len(counts) > COUNTS_UP_TO else 1, vmin=0, vmax=1)
    axes.imshow(shares, cmap=colours, norm=norm, interpolation="nearest")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    edges, ends = np.arange(1, len(counts)) - 0.5, (-0.5, len(counts) - 0.5)
    axes.hlines(edges, *ends, color="white", linewidth=0.7)
    axes.vlines(edges, *ends, color="white", linewidth=0.7)
    if len(counts) > COUNTS_UP_TO:
        return
    size = min(13.0, cell * 0.3, 0.9 * cell / len(str(counts.max())))
    for (row, column), count in np.ndenumerate(counts):
        if count or len(counts) <= 6:  # in a large matrix the zeros would hide the rest
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(count), color=colour, fontsize=size, ha="center", va="center_baseline")
