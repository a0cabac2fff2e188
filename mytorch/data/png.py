"""PNG images as arrays in the shape that a model takes: gray or colours, channels first, last or none.

Pixels are numbers from 0 to 255 (65535 in images of 16 bits), as they stand in the file. Nothing is resized: an image
of another size is refused, before its pixels are unpacked.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.table import DataError

__all__ = ["ImageShape", "read_png"]

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # pillow's, by the number of channels
_GRAY_16_BIT = ("I", "I;16", "I;16B", "I;16L")


class ImageShape:
    """How the samples of shape `shape` are images: (height, width), with channels first or last, or all in one row.

    Raises:
        ValueError: such samples are no images.

    >>> str(ImageShape((3, 28, 20))), ImageShape((28, 20)).channels_of(width=28, height=20)
    ('20 x 28 pixels', None)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.layouts: list[tuple[int, int, int, bool]] = []  # channels, height, width, whether channels are last
        if len(shape) == 2:
            self.layouts = [(1, *shape, False)]
        elif len(shape) == 3:
            self.layouts = [(shape[0], *shape[1:], False)] if shape[0] in _MODES else []
            self.layouts += [(shape[2], *shape[:2], True)] if shape[2] in _MODES else []
        if not self.layouts and len(shape) != 1:
            raise ValueError(f"samples of the shape {shape}, which are no images")

    def channels_of(self, width: int, height: int) -> tuple[int, bool] | None:
        """How many channels an image of this size has and whether they are last; None if it is not of this shape."""
        if len(self.shape) == 1:
            return (1, False) if width * height == self.shape[0] else None
        sizes = {(w, h): (channels, last) for channels, h, w, last in reversed(self.layouts)}
        return sizes.get((width, height))

    def __str__(self) -> str:
        """As messages describe it."""
        sizes = dict.fromkeys(f"{width} x {height}" for _, height, width, _ in self.layouts)
        return f"{' or '.join(sizes) if sizes else self.shape[0]} pixels"


def read_png(path: str | os.PathLike[str], image: ImageShape) -> npt.NDArray[Any]:
    """The pixels of a PNG file as an array of shape `image.shape`.

    Colours become gray, and gray becomes colours, where the shape wants it.

    Raises:
        DataError: no PNG file, damaged, of another size, or with pixels one can see through.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=["PNG"]) as opened:
            found = image.channels_of(opened.width, opened.height)
            if found is None:
                raise DataError(
                    f"{path}: is an image of {opened.width} x {opened.height} pixels (width x height), expected {image}"
                )
            channels, channels_last = found
            pixels = _pixels(path, opened, channels)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is no PNG image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{path}: has far more pixels than expected ({image})") from error
    except (OSError, SyntaxError, ValueError) as error:  # what pillow raises where a file is damaged
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: the image cannot be read: {error}") from error
    if channels > 1 and not channels_last:
        pixels = np.moveaxis(pixels, -1, 0)
    return pixels.reshape(image.shape)


def _pixels(path: str | os.PathLike[str], opened: Any, channels: int) -> npt.NDArray[Any]:
    """The pixels, (height, width) or (height, width, channels)."""
    if opened.mode in _GRAY_16_BIT:
        if channels != 1:
            raise DataError(f"{path}: is gray with 16 bits a pixel, expected {channels} channels of 8 bits")
        return np.asarray(opened).astype(np.uint16)
    if opened.mode == "P" or "transparency" in opened.info:
        opened = opened.convert("RGBA")
    if channels != 4 and opened.mode in ("LA", "RGBA"):
        if np.asarray(opened.getchannel("A")).min() < 255:
            raise DataError(f"{path}: has pixels one can see through; put the image on a background")
        opened = opened.convert(opened.mode[:-1])
    return np.asarray(opened.convert(_MODES[channels]))
