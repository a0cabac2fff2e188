"""Transforms that move whole pixels or paint over them: random crops, flips and erased rectangles."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np

from mytorch.backend import random
from mytorch.data.transforms.base import ArrayTransform, Fill, Images, by_channel, check_probability

ATTEMPTS = 10  # at a rectangle that fits into the image; then nothing is erased


def uniform(count: int, low: float = 0.0, high: float = 1.0) -> Any:
    """Numbers from the default stream, those of `torch.empty(count).uniform_(low, high)`."""
    return random.uniform(random.default_generator, count, np.float32, low, high)


def integers(count: int, below: int) -> Any:
    """Whole numbers from the default stream, those of `torch.randint(0, below, (count,))`."""
    return random.randint(random.default_generator, count, np.int64, 0, below)


class RandomCrop(ArrayTransform):
    """A piece of each image at a random place, as `torchvision.transforms.RandomCrop`.

    Args:
        size: (height, width) of the piece, or one number for both; None: as large as the image was before padding.
        padding: pixels that are added on all sides first, or (left and right, top and bottom), or (left, top, right,
            bottom).
        pad_if_needed: pad further where the image is smaller than the piece.
        fill: what is added where `padding_mode` is ``constant``.
        padding_mode: ``constant``, ``edge`` (the last pixel again and again), ``reflect`` (mirrored without the last
            pixel) or ``symmetric`` (with it).

    Raises:
        ValueError: for settings that make no sense; on a call, if the piece is larger than the padded image.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> RandomCrop(2, padding=1)(mytorch.ones(1, 3, 3)).tolist()
    [[[0.0, 0.0], [1.0, 0.0]]]
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] | tuple[int, int, int, int] | None = None,
        pad_if_needed: bool = False,
        fill: Fill = 0,
        padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant",
    ) -> None:
        if size is None and padding is None:
            raise ValueError("size or padding is needed: without both, the image stays as it is")
        if size is not None and min(np.atleast_1d(size)) < 1:
            raise ValueError(f"size: expected at least 1 pixel, got {size}")
        if padding is not None and (np.size(padding) not in (1, 2, 4) or min(np.atleast_1d(padding)) < 0):
            raise ValueError(f"padding: expected 1, 2 or 4 numbers of at least 0, got {padding}")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError(f"padding_mode: expected constant, edge, reflect or symmetric, got {padding_mode!r}")
        self.size, self.padding, self.pad_if_needed = size, padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    def transform(self, images: Images) -> Images:
        """Every piece is a window of the padded batch: all are copied by one look-up in the view of all windows."""
        (height, width), (left, top, right, bottom) = self.sizes(*images.shape[2:])
        padded = self._padded(images, (top, bottom), (left, right))
        rows, columns = padded.shape[2] - height + 1, padded.shape[3] - width + 1
        if rows < 1 or columns < 1:
            raise ValueError(
                f"size: a piece of {height} x {width} is larger than the image of {padded.shape[2]} x {padded.shape[3]}"
            )
        if rows == columns == 1:
            return padded
        count = len(images)
        top_rows, left_columns = integers(count, rows), integers(count, columns)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
        pieces: Images = windows[np.arange(count), :, top_rows, left_columns]
        return pieces

    def sizes(self, rows: int, columns: int) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
        """(height, width) of a piece of images of this size; what is added left, on top, right and at the bottom."""
        size = (rows, columns) if self.size is None else self.size
        height, width = (size, size) if isinstance(size, int) else size
        sides = [int(side) for side in np.atleast_1d(0 if self.padding is None else self.padding)]
        left, top, right, bottom = (sides * 4)[:4]
        if self.pad_if_needed:
            across, down = max(width - columns - left - right, 0), max(height - rows - top - bottom, 0)
            left, top, right, bottom = left + across, top + down, right + across, bottom + down
        return (height, width), (left, top, right, bottom)

    def _padded(self, images: Images, rows: tuple[int, int], columns: tuple[int, int]) -> Images:
        if not any((*rows, *columns)):
            return images
        if self.padding_mode != "constant":
            height, width = images.shape[2:]
            if self.padding_mode == "reflect" and (max(rows) >= height or max(columns) >= width):
                raise ValueError(
                    f"padding: reflect needs less than the image's size, {height} x {width}, got {rows}, {columns}"
                )
            return np.pad(images, ((0, 0), (0, 0), rows, columns), mode=self.padding_mode)
        count, channels, height, width = images.shape
        padded = np.empty((count, channels, height + sum(rows), width + sum(columns)), images.dtype)
        padded[:] = by_channel("fill", self.fill, images)
        padded[:, :, rows[0] : rows[0] + height, columns[0] : columns[0] + width] = images
        return padded


class RandomFlip(ArrayTransform):
    """What the two flips share: each image is mirrored along `axis` with probability `p`.

    Raises:
        ValueError: p is no probability.
    """

    axis: ClassVar[int]

    def __init__(self, p: float = 0.5) -> None:
        check_probability(p)
        self.p = p

    def transform(self, images: Images) -> Images:
        """Only the images that are mirrored are moved."""
        chosen = uniform(len(images)) < self.p
        result = images.copy()
        result[chosen] = np.flip(images[chosen], self.axis)
        return result


class RandomHorizontalFlip(RandomFlip):
    """Mirrors each image left to right with probability `p`, as `torchvision.transforms.RandomHorizontalFlip`.

    >>> import mytorch
    >>> RandomHorizontalFlip(p=1.0)(mytorch.tensor([[[1, 2, 3]]])).tolist()
    [[[3, 2, 1]]]
    """

    axis = -1


class RandomVerticalFlip(RandomFlip):
    """Mirrors each image top to bottom with probability `p`, as `torchvision.transforms.RandomVerticalFlip`.

    >>> import mytorch
    >>> RandomVerticalFlip(p=1.0)(mytorch.tensor([[[1], [2]]])).tolist()
    [[[2], [1]]]
    """

    axis = -2


class RandomErasing(ArrayTransform):
    """Paints over a rectangle of each image with probability `p`, as `torchvision.transforms.RandomErasing`.

    Source: Z. Zhong and others, "Random Erasing Data Augmentation", 2020.

    Args:
        p: the probability for an image.
        scale: the smallest and largest part of the image's area.
        ratio: the smallest and largest height / width of the rectangle.
        value: what is painted: a number, one for each channel, or ``random`` for normal noise.

    Raises:
        ValueError: for a range that is none.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> RandomErasing(p=1.0, scale=(0.2, 0.3))(mytorch.ones(1, 4, 4))
    tensor([[[0., 0., 0., 1.],
             [1., 1., 1., 1.],
             [1., 1., 1., 1.],
             [1., 1., 1., 1.]]])
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float | list[float] | Literal["random"] = 0,
    ) -> None:
        check_probability(p)
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale: expected two parts of the area, 0 <= low <= high <= 1, got {scale}")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"ratio: expected 0 < low <= high, got {ratio}")
        if isinstance(value, str) and value != "random":
            raise ValueError(f"value: expected a number, one for each channel, or 'random', got {value!r}")
        self.p, self.scale, self.ratio, self.value = p, scale, ratio, value

    def transform(self, images: Images) -> Images:
        """All rectangles are painted at once, through a mask."""
        height, width = images.shape[2:]
        chosen = uniform(len(images)) < self.p
        heights, widths = self._sizes(int(chosen.sum()), height, width)
        tops = np.floor(uniform(len(heights)) * (height - heights + 1))
        lefts = np.floor(uniform(len(heights)) * (width - widths + 1))
        in_rows = _within(np.arange(height), tops, heights)[:, None, :, None]
        in_columns = _within(np.arange(width), lefts, widths)[:, None, None, :]
        some = images[chosen]
        paint: Any
        if isinstance(self.value, str):  # "random"
            paint = random.normal(random.default_generator, some.shape, images.dtype)
        else:
            paint = by_channel("value", self.value, images)
        result = images.copy()
        result[chosen] = np.where(in_rows & in_columns, paint, some)
        return result

    def _sizes(self, count: int, height: int, width: int) -> tuple[Any, Any]:
        """Height and width of so many rectangles; 0 where none was found that is smaller than the image."""
        heights, widths = np.zeros(count), np.zeros(count)
        missing = np.arange(count)
        for _ in range(ATTEMPTS):
            if not len(missing):
                break
            area = height * width * uniform(len(missing), *self.scale).astype(np.float64)
            ratio = np.exp(uniform(len(missing), *map(math.log, self.ratio)).astype(np.float64))
            h, w = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
            fits = (h < height) & (w < width)
            heights[missing[fits]], widths[missing[fits]] = h[fits], w[fits]
            missing = missing[~fits]
        return heights, widths


def _within(places: Any, starts: Any, lengths: Any) -> Any:
    """A row for each start: which of the places lie in start ... start + length."""
    return (places >= starts[:, None]) & (places < (starts + lengths)[:, None])
