"""The pictures of a run, PNG files: loss curves, predictions against the truth, the confusion matrix.

A training of a second should not wait another second for its pictures. So matplotlib is imported where one is
drawn, and only its figure and its Agg canvas (``pyplot`` would import more and pick a window system); and the
pictures are made of matplotlib's lines and texts placed on pixels, without its axes, whose ticks cost three
times as much as all the rest. matplotlib's global settings are neither used nor changed. Legends stand above
the data and can hide none of it. The colours are those of Okabe and Ito (2008), which colour-blind readers
can tell apart.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training import atomic

BLUE, ORANGE, GREEN, GREY, INK, PALE = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#222222", "#E4E4E4"
# A line of more rows than this is a smear; evenly spaced ones are shown. Just so for points.
_LINE_ROWS, _SCATTER_ROWS = 400, 5000
_COUNTS_UP_TO = 40  # classes; above it a cell is too small for a number
_DPI = 100
# For names that the first of these has no letters for; one is used if the system has it.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
)

Floats = NDArray[np.float64]
Colour = str | tuple[float, float, float]


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
    epochs, learning_rate = _column(rows, "epoch"), _column(rows, "learning_rate")
    losses = {"train loss": _column(rows, "train_loss"), "validation loss": _column(rows, "validation_loss")}
    losses = {label: column for label, column in losses.items() if np.isfinite(column).any()}

    picture = _Picture(880, 480)
    box = _Box(70, 55, 740, 350)
    panel = _Panel(picture, box, _span(epochs, 0.0), _loss_scale(losses.values()))
    panel.draw_grid(_whole_ticks(panel.x_scale), panel.y_scale.ticks(), "epoch")

    legend = [_Key(label, colour) for label, colour in zip(losses, (BLUE, ORANGE), strict=False)]
    if np.isfinite(learning_rate).any() and np.nanmin(learning_rate) < np.nanmax(learning_rate):
        second = _Panel(picture, box, panel.x_scale, _Scale(0.0, float(np.nanmax(learning_rate)) * 1.08))
        second.draw_right_labels(second.y_scale.ticks())
        second.line(epochs, learning_rate, GREY, width=0.9, dashed=True)
        legend.append(_Key("learning rate (right)", GREY, width=0.9, dashed=True))
    elif np.isfinite(learning_rate).any():
        legend.append(_Key(f"learning rate {np.nanmax(learning_rate):.3g}", GREY, width=0.0))

    for column, colour in zip(losses.values(), (BLUE, ORANGE), strict=False):
        panel.line(epochs, column, colour, marker="o" if len(rows) == 1 else "")
    if not losses:
        picture.text(box.left + box.width / 2, box.bottom + box.height / 2, "no finite loss", align="center")
    else:
        judged = list(losses.values())[-1]
        best = int(np.nanargmin(judged)) if best_epoch is None else int(np.searchsorted(epochs, best_epoch))
        if best < len(epochs) and np.isfinite(judged[best]):
            panel.line(epochs[[best]], judged[[best]], GREEN, marker="o", size=8.0)
            legend.append(
                _Key(f"best epoch {epochs[best]:.0f}: {judged[best]:.4g}", GREEN, dot=True)
            )

    picture.text(box.left, 447, title, size=12, bold=True)
    picture.legend(box.left, 419, legend)
    picture.write(path)


def plot_predictions(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    target_name: str,
    path: str | os.PathLike[str],
) -> None:
    """Draw true and predicted values in row order, and beside that one against the other, for train and test.

    ``train`` and ``test`` are ``(true, predicted)`` with one value a row, in the target's own units, which
    the mean absolute error (MAE) in the titles has too. All four share the range of values. Of very long
    splits evenly spaced rows are drawn; the MAE is always that of all rows. Raises ``ValueError`` for arrays
    that do not fit each other.
    """
    splits = {"train": _true_and_predicted(train), "test": _true_and_predicted(test)}
    values = _span(np.concatenate([column for pair in splits.values() for column in pair]), 0.04)
    target_name = _shorten(target_name)

    picture = _Picture(1440, 400)
    for (split, (true, predicted)), left in zip(splits.items(), (50, 770), strict=True):
        picture.text(left, 365, f"{split}: {_mean_absolute_error(true, predicted)}", size=12, bold=True)

        step = max(math.ceil(len(true) / _LINE_ROWS), 1)
        shown = np.arange(0, len(true), step, dtype=np.float64)
        in_order = _Panel(picture, _Box(left, 55, 340, 270), _span(shown, 0.0), values)
        in_order.draw_grid(
            _whole_ticks(in_order.x_scale),
            values.ticks(),
            "row" if step == 1 else f"row (one in {step} is drawn)",
        )
        in_order.line(shown, true[::step], INK, width=0.9)
        in_order.line(shown, predicted[::step], ORANGE, width=1.1)
        picture.legend(
            left, 338, [_Key(f"true {target_name}", INK, width=0.9), _Key("predicted", ORANGE, width=1.1)]
        )

        step = max(math.ceil(len(true) / _SCATTER_ROWS), 1)
        scatter = _Panel(picture, _Box(left + 395, 55, 270, 270), values, values)
        scatter.draw_grid(values.ticks(), values.ticks(), f"true {target_name}")
        scatter.line(values.ends(), values.ends(), GREY, width=1.0)
        alpha = 0.55 if len(true) < 1000 else 0.25
        scatter.line(true[::step], predicted[::step], BLUE, width=0.0, marker="o", size=4.2, alpha=alpha)
        picture.text(left + 395, 338, f"predicted {target_name}")
    picture.write(path)


def plot_confusion(
    matrix: ArrayLike, class_names: Sequence[str], path: str | os.PathLike[str], title: str
) -> None:
    """Draw a confusion matrix: counts as numbers, the share of the true class's rows as colour.

    ``matrix[i, j]`` counts the rows of class ``i`` that were predicted as ``j``, as
    `mytorch.training.metrics.confusion_matrix` gives it. Raises ``ValueError`` if the names do not fit its
    shape.
    """
    counts = np.asarray(matrix)
    classes = len(class_names)
    if classes == 0 or counts.shape != (classes, classes):
        raise ValueError(
            f"expected a matrix of shape {(classes, classes)} for {classes} classes, got {counts.shape}"
        )
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [_shorten(str(name)) for name in class_names]

    with_counts = classes <= _COUNTS_UP_TO
    digits = len(str(counts.max()))
    cell = min(
        max(42, 9 * digits + 4 if with_counts else 0, 320 // classes), max(1000 // classes, 3)
    )  # pixels
    side = cell * classes
    size = min(9.0, cell * 0.6)  # of the names, in points
    picture = _Picture(1, 1)
    longest = max(picture.text_width(name, size) for name in names)
    upright = longest > 0.9 * cell
    box = _Box(math.ceil(longest) + 50, 45 + math.ceil(longest if upright else 1.5 * size), side, side)
    picture = _Picture(max(box.left + side + 30, box.left + 400), box.bottom + side + 75)

    picture.rectangle(box.left, box.bottom, side, side, _blue(0.0))
    for row, column in zip(*np.nonzero(counts), strict=True):
        x, y = box.left + column * cell, box.bottom + side - (row + 1) * cell
        picture.rectangle(x, y, cell, cell, _blue(shares[row, column]))
    for edge in range(cell, side, cell):
        picture.line([box.left, box.left + side], [box.bottom + edge] * 2, "white", width=0.7)
        picture.line([box.left + edge] * 2, [box.bottom, box.bottom + side], "white", width=0.7)
    if with_counts:
        fitting = min(13.0, cell * 0.3, cell / digits)
        for (row, column), count in np.ndenumerate(counts):
            if count or classes <= 6:  # in a large matrix the zeros would hide the rest
                x, y = box.left + (column + 0.5) * cell, box.bottom + side - (row + 0.5) * cell
                colour = "white" if shares[row, column] > 0.5 else INK
                picture.text(x, y, str(count), fitting, colour, align="center", valign="center")
    if size >= 3:  # more than 200 classes leave no room for names
        for index, name in enumerate(names):
            middle = (index + 0.5) * cell
            picture.text(box.left - 6, box.bottom + side - middle, name, size, align="right", valign="center")
            picture.text(
                box.left + middle,
                box.bottom - 6,
                name,
                size,
                align="center",
                valign="top",
                rotation=90 * upright,
            )
    picture.text(box.left + side / 2, 12, "predicted", align="center")
    picture.text(16, box.bottom + side / 2, "true", align="center", valign="center", rotation=90)
    right, total = int(np.trace(counts)), int(counts.sum())
    picture.text(box.left, box.bottom + side + 42, title, size=12, bold=True)
    said = f"{right} of {total} right ({right / max(total, 1):.1%}); colour: share of the row"
    picture.text(box.left, box.bottom + side + 16, said)
    picture.write(path, few_colours=False)


# --- data ---------------------------------------------------------------------------------------------------


def _column(rows: Sequence[Mapping[str, float | None]], name: str) -> Floats:
    """A column of metrics.csv; NaN, which draws a gap, for what is missing or infinite."""
    column = np.array(
        [math.nan if (value := row.get(name)) is None else value for row in rows], dtype=np.float64
    )
    column[~np.isfinite(column)] = math.nan
    return column


def _true_and_predicted(pair: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    true, predicted = (np.asarray(values, dtype=np.float64) for values in pair)
    if true.shape != predicted.shape or true.shape not in ((true.size,), (true.size, 1)):
        raise ValueError(
            f"expected true and predicted values, one a row, got shapes {true.shape}, {predicted.shape}"
        )
    return true.ravel(), predicted.ravel()


def _mean_absolute_error(true: Floats, predicted: Floats) -> str:
    if not len(true):
        return "no rows"
    error = float(np.abs(true - predicted).mean())
    return f"MAE {error:,.0f}" if error >= 1e4 else f"MAE {error:.4g}"


def _shorten(name: str) -> str:
    return name if len(name) <= 20 else name[:19] + "…"


def _blue(share: float) -> tuple[float, float, float]:
    """From nearly white for 0 to a dark blue for 1."""
    white, blue = np.array((0.955, 0.965, 0.975)), np.array((0.0, 0.28, 0.50))
    red, green, blue_ = white + (blue - white) * share
    return float(red), float(green), float(blue_)


# --- scales -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """The range of values that a side of a panel shows, linear or logarithmic."""

    low: float
    high: float
    log: bool = False

    def fraction(self, values: ArrayLike) -> Floats:
        """Where the values lie: 0 at ``low``, 1 at ``high``."""
        change = np.log10 if self.log else np.asarray
        low, high = change(self.low), change(self.high)
        return np.asarray((change(values) - low) / (high - low))

    def ends(self) -> Floats:
        return np.array([self.low, self.high])

    def labels(self, ticks: Sequence[float]) -> list[str]:
        return [f"{tick:.4g}" for tick in ticks] if self.log else _tick_labels(ticks)

    def ticks(self) -> list[float]:
        """Round values, about six of them."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 3) if len(decades) <= 6 else (1,)
            ticks = [step * 10.0**decade for decade in decades[:: len(decades) // 10 + 1] for step in steps]
        else:
            rough = (self.high - self.low) / 6
            unit = 10.0 ** math.floor(math.log10(rough))
            step = unit * min(
                (1, 2, 2.5, 5, 10), key=lambda candidate: abs(math.log(candidate * unit / rough))
            )
            ticks = [step * k for k in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [tick for tick in ticks if self.low <= tick <= self.high]


def _span(values: Floats, margin: float) -> _Scale:
    """The scale from the smallest to the largest value, and a share of that on both sides."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value: put it in the middle
        around = abs(high) / 2 or 1.0
        return _Scale(low - around, high + around)
    return _Scale(low - margin * (high - low), high + margin * (high - low))


def _loss_scale(columns: Iterable[Floats]) -> _Scale:
    losses = np.concatenate([np.zeros(0), *columns])
    losses = losses[np.isfinite(losses)]
    if len(losses) and losses.min() > 0 and losses.max() > 30 * losses.min():
        return _Scale(losses.min() / 1.25, losses.max() * 1.25, log=True)
    return _span(losses, 0.06)


def _whole_ticks(scale: _Scale) -> list[float]:
    """The ticks of something counted: none between two epochs or rows."""
    return [tick for tick in scale.ticks() if tick == round(tick)]


def _tick_labels(ticks: Sequence[float]) -> list[str]:
    """Short labels of ticks (250k, 1.25M) with as many digits as it takes to tell them apart."""
    largest = max(map(abs, ticks), default=0.0)
    step = min((b - a for a, b in itertools.pairwise(ticks)), default=1.0)
    unit, suffix = 1.0, ""
    if 1e4 <= largest < 1e10:
        unit, suffix = (1e6, "M") if largest >= 1e6 else (1e3, "k")
    digits = max(6, math.ceil(math.log10(largest / step)) + 2) if largest else 6
    labels = [f"{tick / unit:.{digits}g}{suffix if tick else ''}" for tick in ticks]
    return [label.replace("-", "−") for label in labels]  # noqa: RUF001 (the minus sign)


# --- drawing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Box:
    """A rectangle of a picture, in pixels from its lower left corner."""

    left: int
    bottom: int
    width: int
    height: int


@dataclass(frozen=True)
class _Key:
    """An entry of a legend."""

    label: str
    colour: str
    width: float = 1.6
    dashed: bool = False
    dot: bool = False


class _Picture:
    """A white picture of a size in pixels, counted from its lower left corner; sizes of text and lines are in points.

    What is drawn first lies below.
    """

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.backends.backend_agg import RendererAgg
        from matplotlib.transforms import IdentityTransform

        self.height = height
        self._renderer = RendererAgg(width, height, _DPI)
        self._pixels = IdentityTransform()
        self._fonts = list(_FONTS[:1])
        self.rectangle(0, 0, width, height, "white")

    def line(
        self, xs: ArrayLike, ys: ArrayLike, colour: str, width: float = 1.6, dashed: bool = False
    ) -> None:
        """A line through the points; NaN is a gap."""
        from matplotlib.path import Path

        pen = self._pen(colour)
        pen.set_linewidth(width)
        pen.set_joinstyle("round")
        pen.set_capstyle("butt" if dashed else "projecting")
        if dashed:
            pen.set_dashes(0, [3.7 * width, 1.6 * width])
        self._renderer.draw_path(pen, Path(np.column_stack([xs, ys])), self._pixels)

    def dots(self, xs: ArrayLike, ys: ArrayLike, colour: str, size: float = 6.0, alpha: float = 1.0) -> None:
        from matplotlib.colors import to_rgb
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        pen = self._pen(colour, alpha)
        pen.set_linewidth(0)
        circle = Affine2D().scale(size / 2 * _DPI / 72)
        points = Path(np.column_stack([xs, ys]))
        self._renderer.draw_markers(pen, Path.unit_circle(), circle, points, self._pixels, to_rgb(colour))

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        from matplotlib.colors import to_rgb
        from matplotlib.path import Path
        from matplotlib.transforms import Affine2D

        pen = self._pen(colour)
        pen.set_linewidth(0)
        pen.set_antialiased(0)
        place = Affine2D().scale(width, height).translate(x, y)
        self._renderer.draw_path(pen, Path.unit_rectangle(), place, to_rgb(colour))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 9.0,
        colour: str = INK,
        align: Literal["left", "center", "right"] = "left",
        valign: Literal["baseline", "center", "top"] = "baseline",
        upright: bool = False,
        bold: bool = False,
    ) -> None:
        """A line of text at a point; ``upright`` turns it, with its alignments, a quarter to the left."""
        along = {"left": 0.0, "center": 0.5, "right": 1.0}[align]
        along = along and along * self.text_width(text, size, bold)
        # Measured by the height of a capital letter, so that all texts of a row stand on one line.
        across = {"baseline": 0.0, "center": 0.5, "top": 1.0}[valign] * 0.73 * size * _DPI / 72
        x, y = (x + across, y - along) if upright else (x - along, y - across)
        font, angle = self._font(text, size, bold), 90 if upright else 0
        self._renderer.draw_text(self._pen(colour), x, self.height - y, text, font, angle)

    def text_width(self, text: str, size: float = 9.0, bold: bool = False) -> float:
        """In pixels."""
        font = self._font(text, size, bold)
        return float(self._renderer.get_text_width_height_descent(text, font, ismath=False)[0])

    def legend(self, x: float, y: float, keys: Sequence[_Key]) -> None:
        """The entries in one line, from ``x`` on, their text on the base line ``y``."""
        for key in keys:
            if key.dot:
                self.dots([x + 6], [y + 4.5], key.colour, size=7.0)
                x += 18
            elif key.width:
                self.line([x, x + 24], [y + 4.5, y + 4.5], key.colour, key.width, key.dashed)
                x += 31
            self.text(x, y, key.label)
            x += self.text_width(key.label) + 24

    def write(self, path: str | os.PathLike[str], few_colours: bool = True) -> None:
        from PIL import Image

        image = Image.fromarray(np.asarray(self._renderer.buffer_rgba())).convert("RGB")
        if few_colours:  # 256 do for lines; the file is a third as large, and written in half the time
            image = image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        image.save(buffer, format="png", compress_level=4, dpi=(_DPI, _DPI))
        atomic.write_bytes(path, buffer.getvalue())

    def _pen(self, colour: Colour, alpha: float = 1.0) -> Any:
        pen = self._renderer.new_gc()
        pen.set_foreground(colour)
        pen.set_alpha(alpha)
        return pen

    def _font(self, text: str, size: float, bold: bool) -> Any:
        from matplotlib.font_manager import FontProperties, fontManager

        if not text.isascii() and len(self._fonts) == 1:
            there = set(fontManager.get_font_names())
            self._fonts += [font for font in _FONTS[1:] if font in there]
        return FontProperties(family=self._fonts, size=size, weight="bold" if bold else "normal")


class _Panel:
    """A box of a picture in which data is drawn: turns values into pixels."""

    def __init__(self, picture: _Picture, box: _Box, x_scale: _Scale, y_scale: _Scale) -> None:
        self.picture, self.box, self.x_scale, self.y_scale = picture, box, x_scale, y_scale

    def x(self, values: ArrayLike) -> Floats:
        return self.box.left + self.x_scale.fraction(values) * self.box.width

    def y(self, values: ArrayLike) -> Floats:
        return self.box.bottom + self.y_scale.fraction(values) * self.box.height

    def line(self, xs: ArrayLike, ys: ArrayLike, colour: str, width: float = 1.6, **style: Any) -> None:
        self.picture.line(self.x(xs), self.y(ys), colour, width, **style)

    def draw_grid(self, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str) -> None:
        """Grid lines and their labels, the two lines that bound the panel, the name below."""
        left, bottom = self.box.left, self.box.bottom
        right, top = left + self.box.width, bottom + self.box.height
        for x, label in zip(np.round(self.x(x_ticks)), self.x_scale.labels(x_ticks), strict=True):
            self.picture.line([x, x], [bottom, top], PALE, width=0.8)
            self.picture.text(x, bottom - 6, label, align="center", valign="top")
        for y, label in zip(np.round(self.y(y_ticks)), self.y_scale.labels(y_ticks), strict=True):
            self.picture.line([left, right], [y, y], PALE, width=0.8)
            self.picture.text(left - 6, y, label, align="right", valign="center_baseline")
        self.picture.line([left, left, right], [top, bottom, bottom], GREY, width=0.8)
        self.picture.text((left + right) / 2, 14, x_label, align="center")

    def draw_right_labels(self, y_ticks: Sequence[float]) -> None:
        right = self.box.left + self.box.width
        for y, label in zip(np.round(self.y(y_ticks)), self.y_scale.labels(y_ticks), strict=True):
            self.picture.text(right + 6, y, label, colour=GREY, valign="center_baseline")
