"""Transforms that turn, move, stretch and shear images; a pixel's colour is looked up where it came from.

For each pixel of the result an affine map gives its place in the image, which lies between pixels or outside. All
pixels of a batch are looked up at once.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mytorch.data.transforms.base import ArrayTransform, Fill, Images, by_channel
from mytorch.data.transforms.moving import uniform

Interpolation = Literal["nearest", "bilinear"]
Floats = npt.NDArray[np.float64]


class RandomRotation(ArrayTransform):
    """Turns each image by a random angle about its middle, as `torchvision.transforms.RandomRotation`.

    Args:
        degrees: the smallest and the largest angle, counter-clockwise; one number stands for (-degrees, degrees).
        interpolation: ``nearest`` takes the nearest pixel, ``bilinear`` weighs the four around.
        center: (x, y) of the middle in pixels, from the upper left corner; None: that of the image.
        fill: the colour of what lies outside of the image. Bilinear, it blends into the edge.

    Raises:
        ValueError: for settings that make no sense.
        TypeError: on a call, for ``bilinear`` and images whose pixels are integers.

    >>> import mytorch
    >>> RandomRotation((90, 90))(mytorch.tensor([[[1, 2], [3, 4]]])).tolist()
    [[[2, 4], [1, 3]]]
    """

    def __init__(
        self,
        degrees: float | tuple[float, float],
        interpolation: Interpolation = "nearest",
        center: tuple[float, float] | None = None,
        fill: Fill = 0,
    ) -> None:
        as_range("degrees", degrees)
        _check_interpolation(interpolation)
        self.degrees, self.interpolation, self.center, self.fill = degrees, interpolation, center, fill

    def transform(self, images: Images) -> Images:
        """Turned backward, as y points downward."""
        angles = -np.radians(uniform(len(images), *as_range("degrees", self.degrees)).astype(np.float64))
        turned = _matrices(angles, np.ones(len(images)), np.zeros((2, len(images))))
        return _moved(images, turned, np.zeros((2, len(images))), self.center, self.interpolation, self.fill)


class RandomAffine(ArrayTransform):
    """Turns, moves, scales and shears each image at random, as `torchvision.transforms.RandomAffine`.

    Args:
        degrees: the smallest and the largest angle, clockwise; one number stands for (-degrees, degrees).
        translate: how far it is moved at most, across and down, as parts of the width and height.
        scale: the smallest and largest factor; None does not scale.
        shear: the smallest and largest angle of shearing along x in degrees, then along y; one number stands for
            (-shear, shear) along x. None does not shear.
        interpolation, fill, center: as in `RandomRotation`.

    Raises:
        ValueError: for settings that make no sense.
        TypeError: on a call, for ``bilinear`` and images whose pixels are integers.

    >>> import mytorch
    >>> RandomAffine(0, scale=(2, 2))(mytorch.arange(16).reshape(1, 4, 4)).tolist()
    [[[5, 5, 6, 6], [5, 5, 6, 6], [9, 9, 10, 10], [9, 9, 10, 10]]]
    """

    def __init__(
        self,
        degrees: float | tuple[float, float],
        translate: tuple[float, float] | None = None,
        scale: tuple[float, float] | None = None,
        shear: float | tuple[float, float] | tuple[float, float, float, float] | None = None,
        interpolation: Interpolation = "nearest",
        fill: Fill = 0,
        center: tuple[float, float] | None = None,
    ) -> None:
        as_range("degrees", degrees)
        _check_interpolation(interpolation)
        if translate is not None and not all(0 <= part <= 1 for part in translate):
            raise ValueError(f"translate: expected two parts of width and height from 0 to 1, got {translate}")
        if scale is not None and not 0 < scale[0] <= scale[1]:
            raise ValueError(f"scale: expected 0 < low <= high, got {scale}")
        self.degrees, self.translate, self.scale, self.shear = degrees, translate, scale, shear
        self.interpolation, self.fill, self.center = interpolation, fill, center
        if any(not -90 < angle < 90 for angles in self.shears() for angle in angles):
            raise ValueError(f"shear: expected angles between -90 and 90 degrees, got {shear}")

    def shears(self) -> list[tuple[float, float]]:
        """The ranges of the angles along x and, if there is one, along y."""
        if self.shear is None:
            return []
        if isinstance(self.shear, (int, float)):
            return [as_range("shear", self.shear)]
        return [as_range("shear", self.shear[i : i + 2]) for i in range(0, len(self.shear), 2)]

    def transform(self, images: Images) -> Images:
        """Drawn are the angles, the shifts across, the shifts down, the scales, the shears, for all images each."""
        count = len(images)
        angles = np.radians(uniform(count, *as_range("degrees", self.degrees)).astype(np.float64))
        shifts = np.zeros((2, count))
        for shift, part, size in zip(shifts, self.translate or (), images.shape[:1:-1], strict=False):
            shift[:] = np.rint(uniform(count, -part * size, part * size))
        scales = np.ones(count) if self.scale is None else uniform(count, *self.scale).astype(np.float64)
        shears = np.zeros((2, count))
        for shear, (low, high) in zip(shears, self.shears(), strict=False):
            shear[:] = np.radians(uniform(count, low, high))
        matrices = _matrices(angles, scales, shears)
        return _moved(images, matrices, shifts, self.center, self.interpolation, self.fill)


def as_range(name: str, given: Any) -> tuple[float, float]:
    """Low and high of a range of angles; a number stands for itself on both sides of zero."""
    if isinstance(given, (int, float)):
        if given < 0:
            raise ValueError(f"{name}: one number is at least 0 and stands for (-{name}, {name}), got {given}")
        return -float(given), float(given)
    low, high = given
    if low > high:
        raise ValueError(f"{name}: expected the smallest and the largest, got {given}")
    return float(low), float(high)


def _check_interpolation(interpolation: str) -> None:
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation: expected nearest or bilinear, got {interpolation!r}")


def _matrices(angles: Floats, scales: Floats, shears: Floats) -> Floats:
    """For each image the matrix (2, 2) that takes (x, y) of the image, from its middle, to (x, y) of the result.

    It is rotation times shear along y times shear along x times scale.
    """
    sine, cosine = np.sin(angles), np.cos(angles)
    along_x, along_y = np.tan(shears)
    none, one = np.zeros_like(angles), np.ones_like(angles)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    shear_y = np.array([[one, none], [-along_y, one]])
    shear_x = np.array([[one, -along_x], [none, one]])
    product: Floats = np.einsum("ijn,jkn,kln->nil", rotation, shear_y, shear_x)
    return product * scales[:, None, None]


def _moved(
    images: Images,
    matrices: Floats,
    shifts: Floats,
    center: tuple[float, float] | None,
    interpolation: str,
    fill: Fill,
) -> Images:
    """The images through their matrices about the center, then moved by `shifts` (across, down) pixels."""
    count, channels, height, width = images.shape
    if interpolation == "bilinear" and images.dtype.kind != "f":
        raise TypeError(f"interpolation: bilinear needs images of floating-point numbers, got {images.dtype}")
    middle_x, middle_y = ((width - 1) / 2, (height - 1) / 2) if center is None else (center[0] - 0.5, center[1] - 0.5)
    inverse = np.linalg.inv(matrices)
    # A frame of one pixel is all that lies outside: places further out are taken back to it.
    framed = np.empty((count, height + 2, width + 2, channels), images.dtype)
    framed[:] = by_channel("fill", fill, images)[:, 0, 0]
    framed[:, 1:-1, 1:-1] = images.transpose(0, 2, 3, 1)
    pixels = framed.reshape(-1, channels)
    first = (np.arange(count) * (height + 2) * (width + 2))[:, None, None]  # pixel of each image

    across = np.arange(width) - middle_x - shifts[0][:, None, None]  # (count, 1, width)
    down = np.arange(height)[:, None] - middle_y - shifts[1][:, None, None]  # (count, height, 1)
    x, y = (row[:, 0, None, None] * across + row[:, 1, None, None] * down for row in (inverse[:, 0], inverse[:, 1]))
    x = np.clip(x + (middle_x + 1), 0, width + 1)  # in the frame
    y = np.clip(y + (middle_y + 1), 0, height + 1)
    if interpolation == "nearest":
        result = pixels.take(first + np.rint(y).astype(np.int64) * (width + 2) + np.rint(x).astype(np.int64), axis=0)
        return np.moveaxis(result, -1, 1)
    left, above = np.minimum(x.astype(np.int64), width), np.minimum(y.astype(np.int64), height)
    right_share, below_share = (x - left).astype(images.dtype)[..., None], (y - above).astype(images.dtype)[..., None]
    corner = first + above * (width + 2) + left
    upper = _between(pixels.take(corner, axis=0), pixels.take(corner + 1, axis=0), right_share)
    corner += width + 2
    lower = _between(pixels.take(corner, axis=0), pixels.take(corner + 1, axis=0), right_share)
    return np.moveaxis(_between(upper, lower, below_share), -1, 1)


def _between(one: Images, other: Images, share: Images) -> Images:
    """`one` where the share is 0, `other` where it is 1; the other's memory is used up."""
    other -= one
    other *= share
    other += one
    return other
