"""Drawing on pixels: white pictures, lines, dots, rectangles and texts on them, scales, and panels for data.

A training of a second should not wait another second for its plots. So they are drawn with the one part of
matplotlib that turns lines and letters into pixels, its Agg renderer: figures and axes would take longer to
import and four times as long to draw. matplotlib's global settings are not changed. The colours are those of
Okabe and Ito (2008), which colour-blind readers can tell apart.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training import atomic

Floats = NDArray[np.float64]
Colour = str | tuple[float, float, float]

BLUE, ORANGE, GREEN, GREY, INK, PALE = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#222222", "#E4E4E4"
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


# --- scales -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
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


def span(values: Floats, margin: float) -> Scale:
    """The scale from the smallest to the largest value, and a share of that on both sides."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value: put it in the middle
        around = abs(high) / 2 or 1.0
        return Scale(low - around, high + around)
    return Scale(low - margin * (high - low), high + margin * (high - low))


def loss_scale(columns: Iterable[Floats]) -> Scale:
    """A logarithmic scale for losses that span more than a factor of 30, else a linear one."""
    losses = np.concatenate([np.zeros(0), *columns])
    losses = losses[np.isfinite(losses)]
    if len(losses) and losses.min() > 0 and losses.max() > 30 * losses.min():
        return Scale(losses.min() / 1.25, losses.max() * 1.25, log=True)
    return span(losses, 0.06)


def whole_ticks(scale: Scale) -> list[float]:
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
class Box:
    """A rectangle of a picture, in pixels from its lower left corner."""

    left: int
    bottom: int
    width: int
    height: int


@dataclass(frozen=True)
class Key:
    """An entry of a legend."""

    label: str
    colour: str
    width: float = 1.6
    dashed: bool = False
    dot: bool = False


class Picture:
    """A white picture, measured in pixels from its lower left corner; text and lines are sized in points.

    What is drawn first lies below.
    """

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.backends import backend_agg
        from matplotlib.transforms import IdentityTransform

        self.height = height
        agg: Any = backend_agg  # its methods have no annotations
        self._renderer = agg.RendererAgg(width, height, _DPI)
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
        with _no_word_of_missing_letters():
            self._renderer.draw_text(self._pen(colour), x, self.height - y, text, font, angle)

    def text_width(self, text: str, size: float = 9.0, bold: bool = False) -> float:
        """In pixels."""
        font = self._font(text, size, bold)
        with _no_word_of_missing_letters():
            return float(self._renderer.get_text_width_height_descent(text, font, ismath=False)[0])

    def legend(self, x: float, y: float, keys: Sequence[Key]) -> None:
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


@contextlib.contextmanager
def _no_word_of_missing_letters() -> Iterator[None]:
    """matplotlib warns of letters that no font of the system has; the picture shows it well enough."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


class Panel:
    """A box of a picture in which data is drawn: turns values into pixels."""

    def __init__(self, picture: Picture, box: Box, x_scale: Scale, y_scale: Scale) -> None:
        self.picture, self.box, self.x_scale, self.y_scale = picture, box, x_scale, y_scale

    def x(self, values: ArrayLike) -> Floats:
        return self.box.left + self.x_scale.fraction(values) * self.box.width

    def y(self, values: ArrayLike) -> Floats:
        return self.box.bottom + self.y_scale.fraction(values) * self.box.height

    def line(
        self, xs: ArrayLike, ys: ArrayLike, colour: str, width: float = 1.6, dashed: bool = False
    ) -> None:
        self.picture.line(self.x(xs), self.y(ys), colour, width, dashed)

    def dots(self, xs: ArrayLike, ys: ArrayLike, colour: str, size: float = 6.0, alpha: float = 1.0) -> None:
        self.picture.dots(self.x(xs), self.y(ys), colour, size, alpha)

    def draw_grid(self, x_ticks: Sequence[float], y_ticks: Sequence[float], x_label: str) -> None:
        """Grid lines and their labels, the two lines that bound the panel, the name below."""
        left, bottom = self.box.left, self.box.bottom
        right, top = left + self.box.width, bottom + self.box.height
        for x, label in zip(np.round(self.x(x_ticks)), self.x_scale.labels(x_ticks), strict=True):
            self.picture.line([x, x], [bottom, top], PALE, width=0.8)
            self.picture.text(x, bottom - 6, label, align="center", valign="top")
        for y, label in zip(np.round(self.y(y_ticks)), self.y_scale.labels(y_ticks), strict=True):
            self.picture.line([left, right], [y, y], PALE, width=0.8)
            self.picture.text(left - 6, y, label, align="right", valign="center")
        self.picture.line([left, left, right], [top, bottom, bottom], GREY, width=0.8)
        self.picture.text((left + right) / 2, 14, x_label, align="center")

    def draw_right_labels(self, y_ticks: Sequence[float]) -> None:
        right = self.box.left + self.box.width
        for y, label in zip(np.round(self.y(y_ticks)), self.y_scale.labels(y_ticks), strict=True):
            self.picture.text(right + 6, y, label, colour=GREY, valign="center")
