"""The pictures of a run, PNG files: loss curves, predictions against the truth, the confusion matrix.

matplotlib is imported where a picture is drawn, without pyplot, and a picture looks the same whatever the
user's matplotlibrc says: it is drawn under matplotlib's own defaults and the style below, and the settings are
put back after it. Places are given in pixels, so that no time goes into the search for a layout. The colours
are those of Okabe and Ito (2008), which colour-blind readers can tell apart.
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
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

Floats = NDArray[np.float64]

BLUE, ORANGE, GREEN, GREY, INK, PALE = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#222222", "#E4E4E4"
_DPI = 100
_STEPS = (1, 2, 2.5, 5, 10)  # between ticks, times a power of ten
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
    "axes.xmargin": 0,
    "axes.ymargin": 0.06,
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
_ABOVE = 1.03  # where the legend stands, in heights of the axes
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
        axes = _axes(figure, (880, 480), (80, 58, 730, 340))
        axes.set_title(_shorten(title, 70), pad=28)
        axes.set_xlabel("epoch")
        marker = "o" if len(rows) <= 20 else None  # few epochs are points, and one alone has no line
        keys = [
            axes.plot(epochs, column, color=colour, marker=marker, markersize=4, label=label)[0]
            for (label, column), colour in zip(losses.items(), (BLUE, ORANGE), strict=False)
        ]
        _set_loss_scale(axes, np.concatenate([np.zeros(0), *losses.values()]))
        _set_whole_ticks(axes, 9)

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
        _legend_above(axes, keys)


def _set_loss_scale(axes: Axes, losses: Floats) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    losses = losses[np.isfinite(losses)]
    wide = len(losses) > 0 and losses.min() > 0 and losses.max() > 30 * losses.min()
    axes.set_yscale("log" if wide else "linear")
    _set_value_ticks(axes.yaxis, losses)
    if wide:
        between = (1.0, 3.0) if losses.max() < 1e5 * losses.min() else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=between, numticks=9))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _plot_rate(axes: Axes, epochs: Floats, rate: Floats) -> list[Any]:
    """The learning rate on an axis of its own, behind the losses; a constant one is only said."""
    highest = float(np.nanmax(rate))
    if np.nanmin(rate) == highest:
        said = f"learning rate {highest:.3g}"
        axes.text(1, _ABOVE, said, color=GREY, ha="right", va="bottom", transform=axes.transAxes)
        return []
    right: Axes = axes.twinx()
    right.set_zorder(-1)
    axes.patch.set_visible(False)
    right.grid(False)
    right.spines[:].set_visible(False)
    right.tick_params(axis="y", labelcolor=GREY)
    right.set_ylim(0, 1.08 * highest)
    _set_value_ticks(right.yaxis, rate)
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
    dots: dict[str, Any] = {"marker": "o", "linestyle": "none", "markeredgewidth": 0}
    limits, target_name = _limits(values), _shorten(target_name, 20)

    with _picture(path) as figure:
        for (split, true, predicted), left in zip(splits, (58, 792), strict=True):
            step = max(math.ceil(len(true) / _LINE_ROWS), 1)
            shown = np.arange(0, len(true), step)
            in_order = _axes(figure, (1475, 410), (left, 58, 340, 270))
            in_order.set_title(f"{split}: {_mean_absolute_error(true, predicted)}", pad=28)
            in_order.set_xlabel("row" if step == 1 else f"row (one in {step} is drawn)")
            in_order.set_ylim(limits)
            _set_value_ticks(in_order.yaxis, values)
            keys = in_order.plot(shown, true[::step], color=GREY, linewidth=0.9, label=f"true {target_name}")
            keys += in_order.plot(
                shown, predicted[::step], **dots, color=ORANGE, markersize=3, label="predicted", clip_on=False
            )
            _set_whole_ticks(in_order, 5)
            _legend_above(in_order, keys)

            step = max(math.ceil(len(true) / _SCATTER_ROWS), 1)
            scatter = _axes(figure, (1475, 410), (left + 398, 58, 270, 270))
            scatter.set_xlabel(f"true {target_name}")
            scatter.text(0, _ABOVE, f"predicted {target_name}", va="bottom", transform=scatter.transAxes)
            scatter.set(xlim=limits, ylim=limits)
            _set_value_ticks(scatter.xaxis, values)
            _set_value_ticks(scatter.yaxis, values)
            scatter.axline((0, 0), slope=1, color=GREY, linewidth=1.0)
            alpha = 0.55 if len(true) < 1000 else 0.25
            scatter.plot(true[::step], predicted[::step], **dots, color=BLUE, markersize=4.2, alpha=alpha)


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
    names = [_shorten(str(name), 24) for name in class_names]
    right, total = int(np.trace(counts)), int(counts.sum())

    wanted = max(42, 9 * len(str(counts.max())) + 4, 320 // classes)  # so that the counts fit in
    cell = min(wanted, max(1000 // classes, 3))  # pixels
    side = cell * classes
    size = min(9.0, cell * 0.6)  # of the names, in points

    with _picture(path) as figure:
        longest = math.ceil(max(_text_width(name, size) for name in names))
        upright = longest > 0.9 * cell
        left, bottom = longest + 50, (longest if upright else 15) + 45
        whole = (max(left + side + 30, left + 400), bottom + side + 75)
        axes = _axes(figure, whole, (left, bottom, side, side))
        axes.set_title(_shorten(title, 45), pad=28)
        said = f"{right} of {total} right ({right / max(total, 1):.1%}); colour: share of the row"
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
    from matplotlib.colors import LinearSegmentedColormap

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = LinearSegmentedColormap.from_list("share", ["#F4F6F9", "#004780"])
    axes.imshow(shares, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    edges, ends = np.arange(1, len(counts)) - 0.5, (-0.5, len(counts) - 0.5)
    axes.hlines(edges, *ends, color="white", linewidth=0.7)
    axes.vlines(edges, *ends, color="white", linewidth=0.7)
    if len(counts) > _COUNTS_UP_TO:
        return
    size = min(13.0, cell * 0.3, 0.9 * cell / len(str(counts.max())))
    for (row, column), count in np.ndenumerate(counts):
        if count or len(counts) <= 6:  # in a large matrix the zeros would hide the rest
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(count), color=colour, fontsize=size, ha="center", va="center_baseline")


# --- on a picture -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _picture(path: str | os.PathLike[str]) -> Iterator[Figure]:
    """An empty figure in our style, which is written to ``path`` when the ``with`` block ends."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager

    there = set(fontManager.get_font_names())
    fonts = {"font.family": [font for font in _FONTS if font in there]}
    with matplotlib.style.context(["default", {**_STYLE, **fonts}]), warnings.catch_warnings():
        # A letter that no font of the system has; the picture shows it well enough.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(dpi=_DPI)
        FigureCanvasAgg(figure)
        yield figure
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 3})
    atomic.write_bytes(path, buffer.getvalue())


def _axes(figure: Figure, whole: tuple[int, int], box: tuple[int, int, int, int]) -> Axes:
    """New axes on a figure of ``whole`` (width, height), at ``box`` (left, bottom, width, height), in pixels."""
    width, height = whole
    figure.set_size_inches(width / _DPI, height / _DPI)
    return figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def _legend_above(axes: Axes, keys: Sequence[Any]) -> None:
    axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, _ABOVE), ncols=max(len(keys), 1))


def _set_whole_ticks(axes: Axes, about: int) -> None:
    """For something counted on the x axis: no ticks between two epochs or rows."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(about, steps=_STEPS, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _set_value_ticks(axis: Axis, values: Floats) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(5, steps=_STEPS))
    axis.set_major_formatter(_number_format(values))


def _number_format(values: Floats) -> Formatter:
    """Plain numbers, and 250k or 1.25M for large ones, as a common factor beside the axis is easily overlooked."""
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return EngFormatter(sep="") if 1e4 <= largest < 1e15 else StrMethodFormatter("{x:.7g}")


def _text_width(text: str, size: float) -> float:
    """In pixels."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return width * _DPI / 72


# --- data ---------------------------------------------------------------------------------------------------


def _column(rows: Sequence[Mapping[str, float | None]], name: str) -> Floats:
    """A column of metrics.csv; NaN, which draws a gap, for what is missing or infinite."""
    column = np.array([math.nan if (value := row.get(name)) is None else value for row in rows], dtype=np.float64)
    column[~np.isfinite(column)] = math.nan
    return column


def _true_and_predicted(pair: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    true, predicted = (np.asarray(values, dtype=np.float64) for values in pair)
    if true.shape != predicted.shape or true.shape not in ((true.size,), (true.size, 1)):
        raise ValueError(f"expected true and predicted values, one a row, got shapes {true.shape}, {predicted.shape}")
    return true.ravel(), predicted.ravel()


def _limits(values: Floats) -> tuple[float, float]:
    """Where an axis begins and ends that shows all finite values, with a little space around them."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low), abs(high))
    margin = 0.04 * (high - low) if high - low > 1e-9 * largest else largest / 2 or 1.0
    return low - margin, high + margin


def _mean_absolute_error(true: Floats, predicted: Floats) -> str:
    if not len(true):
        return "no rows"
    error = float(np.abs(true - predicted).mean())
    return f"MAE {error:,.0f}" if error >= 1e4 else f"MAE {error:.4g}"


def _shorten(name: str, length: int) -> str:
    """Leave the middle out of a long name: many differ in a number at the end."""
    tail = length // 3
    return name if len(name) <= length else f"{name[: length - tail - 1]}…{name[-tail:]}"
