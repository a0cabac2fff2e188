"""How the pictures look, in one place: the palette, the style, figures with places in pixels, ticks, legends and names.

matplotlib is imported where a picture is drawn, without pyplot, and a picture looks the same whatever the user's
matplotlibrc says: it is drawn under matplotlib's own defaults and the style below, and the settings are put back after
it. Places are given in pixels, so that no time goes into the search for a layout. The colours are those of Okabe and
Ito (2008), which colour-blind readers can tell apart.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mytorch.backend import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

Floats = NDArray[np.float64]

BLUE, ORANGE, GREEN, GREY, INK, PALE = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#222222", "#E4E4E4"
SKY, AMBER, PURPLE = "#56B4E9", "#E69F00", "#CC79A7"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY, INK)  # for lines, in this order
_DPI = 100
_STEPS = (1, 2, 2.5, 5, 10)  # between ticks, times a power of ten
# The first one comes with matplotlib; the others are for Korean names, and used where the system has them.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans CJK KR",
    "Noto Sans CJK JP",  # the first in a file with all of them, under which matplotlib knows it
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

LINE_ROWS, SCATTER_ROWS = 400, 5000  # a line of more rows is a smear: evenly spaced ones are shown; so for points
ABOVE = 1.03  # where the legend stands, in heights of the axes
FEW_EPOCHS = 20  # are drawn as points too, as one alone has no line


@contextlib.contextmanager
def picture(path: str | os.PathLike[str]) -> Iterator[Figure]:
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


def add_axes(figure: Figure, whole: tuple[int, int], box: tuple[int, int, int, int]) -> Axes:
    """New axes on a figure of ``whole`` (width, height), at ``box`` (left, bottom, width, height), in pixels."""
    width, height = whole
    set_size(figure, whole)
    return figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))


def set_size(figure: Figure, whole: tuple[int, int]) -> None:
    """Make the figure so many pixels wide and high."""
    figure.set_size_inches(whole[0] / _DPI, whole[1] / _DPI)


def legend_above(axes: Axes, keys: Sequence[Any]) -> None:
    """The names of what is drawn in a row between the axes and their title."""
    axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(0, ABOVE), ncols=max(len(keys), 1))


def set_whole_ticks(axes: Axes, about: int) -> None:
    """For something counted on the x axis: no ticks between two epochs or rows."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(about, steps=_STEPS, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def set_value_ticks(axis: Axis, values: Floats, about: int = 5, whole: bool = False) -> None:
    """Round numbers, with a unit for large ones; only whole ones for counts."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(about, steps=_STEPS, integer=whole, min_n_ticks=1 if whole else 2))
    axis.set_major_formatter(_number_format(values))


def set_scale(axes: Axes, values: Floats, wide_from: float = 30) -> None:
    """A logarithmic y axis where the values are positive and span more than a factor of ``wide_from``."""
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    values = values[np.isfinite(values)]
    wide = len(values) > 0 and values.min() > 0 and values.max() > wide_from * values.min()
    axes.set_yscale("log" if wide else "linear")
    set_value_ticks(axes.yaxis, values)
    if len(values) and values.max() - values.min() <= 1e-9 * np.abs(values).max():
        axes.set_ylim(limits_of(values))  # else matplotlib magnifies the last digits
    if wide:
        between = (1.0, 3.0) if values.max() < 1e5 * values.min() else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=between, numticks=9))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _number_format(values: Floats) -> Formatter:
    """Plain numbers, and 250k or 1.25M for large ones, as a common factor beside the axis is easily overlooked."""
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return EngFormatter(sep="") if 1e4 <= largest < 1e15 else StrMethodFormatter("{x:.7g}")


def text_width(text: str, size: float) -> float:
    """In pixels."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    width, _, _ = TextToPath().get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return width * _DPI / 72


def column_of(rows: Sequence[Mapping[str, float | None]], name: str) -> Floats:
    """A column of metrics.csv; NaN, which draws a gap, for what is missing or infinite."""
    column = np.array([math.nan if (value := row.get(name)) is None else value for row in rows], dtype=np.float64)
    column[~np.isfinite(column)] = math.nan
    return column


def limits_of(values: Floats) -> tuple[float, float]:
    """Where an axis begins and ends that shows all finite values, with a little space around them."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low), abs(high))
    margin = 0.04 * (high - low) if high - low > 1e-9 * largest else largest / 2 or 1.0
    return low - margin, high + margin


def shorten(name: str, length: int) -> str:
    """Leave the middle out of a long name: many differ in a number at the end."""
    tail = length // 3
    return name if len(name) <= length else f"{name[: length - tail - 1]}…{name[-tail:]}"


def shorten_to_cells(name: str, cells: int) -> str:
    """The same by width: a Korean letter is as wide as two Latin ones.

    >>> shorten_to_cells("boston: loss", 12), shorten_to_cells("보스턴: loss", 10)
    ('boston: loss', '보스턴:…ss')
    """
    length = len(name)
    while sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in shorten(name, length)) > cells:
        length -= 1
    return shorten(name, length)
