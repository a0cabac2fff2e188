"""Pictures of data that are images: samples with what the model says of them, and the filters of the first layer."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mytorch.training.plots.style import BLUE, GREY, INK, ORANGE, PALE, Floats, picture, set_size, shorten, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]  # (..., height, width, 3)

SAMPLE_SIDE, FILTER_SIDE = 84, 56  # about how many pixels an image of the grid gets
ACROSS = 8
MARGIN, GAP = 30, 10  # around the grid, between images, in pixels
FRAME = 3  # of a mistake
HEAD, LINE = 62, 14  # heights of the title with its line below, and of a caption's line
FILTERS = 64  # at most
WIDEST = 11  # pixels of a letter in a caption, roughly
WHITE = 255


class Caption(NamedTuple):
    """What stands below an image: the truth, and what the model says; whether that is wrong."""

    target: str
    prediction: str
    is_wrong: bool = False


def plot_samples(
    images: NDArray[Any], captions: Sequence[Caption], path: str | os.PathLike[str], title: str, told: str
) -> None:
    """Draw images (n, channels, height, width) in a grid, each with its caption; mistakes have a frame.

    ``told`` is the line below the title. One channel is drawn in gray, three in colours, of others the first; bytes
    go from 0 to 255, other numbers from their smallest to their largest. Raises ``ValueError`` for another number of
    captions than images.
    """
    if images.ndim != 4 or len(images) != len(captions):
        raise ValueError(
            f"expected images (n, channels, height, width) and n captions, got {images.shape} and {len(captions)}"
        )
    cells = _sized(_colours(images), SAMPLE_SIDE)
    for cell, caption in zip(cells, captions, strict=True):
        if caption.is_wrong:
            _paint_frame(cell, ORANGE, FRAME)
    grid = _Grid(cells, ACROSS, below=2 * LINE + 4)
    with picture(path) as figure:
        grid.draw(figure, title, told)
        room = grid.cell[1] + GAP - 5
        for index, caption in enumerate(captions):
            x, y = grid.place(index)
            for line, text in enumerate((caption.target, caption.prediction)):
                colour = INK if line == 0 else ORANGE if caption.is_wrong else GREY
                _write(figure, grid, (x, y - LINE * (line + 1)), _fitting(text, room), colour)


def plot_filters(
    weights: NDArray[Any], layer: str, path: str | os.PathLike[str], title: str, *, in_colour: bool = False
) -> None:
    """Draw filters (n, channels, height, width) in a grid, white for 0, orange for positive and blue for negative.

    With ``in_colour`` filters of three channels are drawn as the colour that they look for, gray for 0. Else each
    channel of a filter is an image of its own. ``layer`` is what they are called. Of very many those with the largest
    weights are drawn. Raises ``ValueError`` if there are none.
    """
    if weights.ndim != 4 or not weights.size:
        raise ValueError(f"expected filters (n, channels, height, width), got {weights.shape}")
    in_colour = in_colour and weights.shape[1] == 3
    filters = weights if in_colour else weights.reshape(-1, 1, *weights.shape[2:])
    count = len(filters)
    if count > FILTERS:
        norms = np.abs(filters).reshape(count, -1).sum(axis=1)
        filters = filters[np.sort(np.argsort(-norms, kind="stable")[:FILTERS])]
    largest = float(np.abs(filters).max()) or 1.0
    size = " x ".join(map(str, weights.shape[2:]))
    shown = f"{count} filters of {size}"
    if count > FILTERS:
        shown = f"the {FILTERS} of {shown} with the largest weights"
    if in_colour:
        told = f"{shown}; gray is 0"
        pixels = np.rint(127.5 + 127.5 / largest * filters.transpose(0, 2, 3, 1)).astype(np.uint8)
    else:
        told = f"{shown}; white is 0, orange positive, blue negative, up to {largest:.2g}"
        pixels = _diverging(filters[:, 0] / largest)
    cells = _sized(pixels, FILTER_SIDE)
    for cell in cells:
        _paint_frame(cell, PALE, 1)  # else white edges would get lost
    grid = _Grid(cells, ACROSS, below=0)
    with picture(path) as figure:
        grid.draw(figure, f"{title}: {layer}", told)


class _Grid:
    """Where the images of a grid stand: rows of so many, with some pixels below each for what is written there."""

    def __init__(self, cells: Pixels, across: int, below: int) -> None:
        self.cells, self.cell = cells, cells.shape[1:3]
        self.across = min(across, max(len(cells), 1))
        self.pitch = (self.cell[0] + below + GAP, self.cell[1] + GAP)
        self.down = math.ceil(len(cells) / self.across)
        self.height = HEAD + self.down * self.pitch[0] + MARGIN - GAP
        self.width = 2 * MARGIN + self.across * self.pitch[1] - GAP

    def place(self, index: int) -> tuple[int, int]:
        """The lower left corner of an image, from that of the picture."""
        row, column = divmod(index, self.across)
        top = self.height - HEAD - row * self.pitch[0]
        return MARGIN + column * self.pitch[1], top - self.cell[0]

    def draw(self, figure: Figure, title: str, told: str) -> None:
        """The title, the line below it and all images, put together to one: their pixels stay as they are."""
        title = shorten(title, 60)
        self.width = max(self.width, 2 * MARGIN + math.ceil(max(text_width(title, 12) * 1.15, text_width(told, 9))))
        set_size(figure, (self.width, self.height))
        whole = np.full((self.down * self.pitch[0], self.across * self.pitch[1], 3), WHITE, np.uint8)
        for index, cell in enumerate(self.cells):
            row, column = divmod(index, self.across)
            y, x = row * self.pitch[0], column * self.pitch[1]
            whole[y : y + self.cell[0], x : x + self.cell[1]] = cell
        figure.figimage(whole, MARGIN, self.height - HEAD - len(whole), origin="upper")
        _write(figure, self, (MARGIN, self.height - 28), title, INK, fontsize=12, fontweight="bold")
        _write(figure, self, (MARGIN, self.height - 48), told, INK, fontsize=9)


def _write(figure: Figure, grid: _Grid, place: tuple[int, int], text: str, colour: str, **style: Any) -> None:
    figure.text(place[0] / grid.width, place[1] / grid.height, text, color=colour, **{"fontsize": 8, **style})


def _fitting(text: str, room: int) -> str:
    """A text that is no wider than so many pixels."""
    if len(text) * WIDEST <= room:  # measuring all texts would take 17 ms
        return text
    length = len(text)
    while length > 4 and text_width(shorten(text, length), 8) > room:
        length -= 1
    return shorten(text, length)


def _colours(images: NDArray[Any]) -> Pixels:
    """Images (n, height, width, 3) as bytes."""
    channels = images if images.shape[1] == 3 else images[:, :1].repeat(3, axis=1)
    if images.dtype != np.uint8:
        values = np.asarray(channels, np.float64)
        low, high = (values.min(), values.max()) if values.size else (0.0, 0.0)
        channels = np.rint((values - low) * (WHITE / (high - low or 1.0))).astype(np.uint8)
    return channels.transpose(0, 2, 3, 1)


def _diverging(values: Floats) -> Pixels:
    """Numbers from -1 to 1 as colours."""
    end = np.where(values[..., None] < 0, _bytes_of(BLUE), _bytes_of(ORANGE))
    return np.rint(WHITE + np.abs(values)[..., None] * (end - WHITE)).astype(np.uint8)


def _sized(images: Pixels, side: int) -> Pixels:
    """The images about so many pixels large: each pixel becomes a square, or several become their mean."""
    height, width = images.shape[1:3]
    times = side // max(height, width)
    if times >= 1:
        return images.repeat(times, axis=1).repeat(times, axis=2)
    step = math.ceil(max(height, width) / side)
    height, width = max(height // step, 1) * step, max(width // step, 1) * step
    padded = np.pad(
        images,
        ((0, 0), (0, max(height - images.shape[1], 0)), (0, max(width - images.shape[2], 0)), (0, 0)),
        mode="edge",
    )
    blocks = padded[:, :height, :width].reshape(len(images), height // step, step, width // step, step, 3)
    return np.rint(blocks.mean(axis=(2, 4))).astype(np.uint8)


def _paint_frame(cell: Pixels, colour: str, width: int) -> None:
    for edge in (cell[:width], cell[-width:], cell[:, :width], cell[:, -width:]):
        edge[:] = _bytes_of(colour)


def _bytes_of(colour: str) -> list[int]:
    """Red, green and blue of #RRGGBB."""
    return list(bytes.fromhex(colour[1:]))
