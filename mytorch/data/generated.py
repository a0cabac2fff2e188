"""Data sets that are computed from their arguments instead of read: images of digits, sets of points, random tensors.

Each has a random generator of its own: its `seed` is the data's, and neither it nor any other argument changes the
weights that a model begins with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mytorch.backend.generator import Generator
from mytorch.creation.random import randn
from mytorch.data.drawn_digits import draw_digits
from mytorch.data.point_sets import draw_moons, draw_sine, draw_spirals, draw_xor
from mytorch.data.table import Column, Table
from mytorch.data.tabular import ArrayData, MissingPolicy, TabularData

__all__ = ["GENERATED", "Digits", "Generated", "Moons", "RandomTensors", "Sine", "Spirals", "Xor"]

MOST_POINTS = 10_000_000
MOST_IMAGES = 1_000_000  # 784 MB
MOST_NUMBERS = 100_000_000  # 400 MB
NO_LIMIT = (0, math.inf)

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class Generated:
    """A source whose attributes are the arguments of `draw`, the function that gives its inputs and targets.

    `limits` has the smallest and the largest value of each argument but the seed.
    """

    draw: ClassVar[Callable[..., Arrays]]
    limits: ClassVar[dict[str, tuple[float, float]]]

    def __post_init__(self) -> None:
        for name, (least, most) in self.limits.items():
            self.check(name, least, most)
        self.check("seed", 0, 2**64 - 1)

    def check(self, name: str, least: float, most: float) -> None:
        """Raise ValueError if an argument is not between these two."""
        value = getattr(self, name)
        if not least <= value <= most:
            limits = f"of at least {least:,}" if most == math.inf else f"from {least:,} to {most:,}"
            raise ValueError(f"{name}: expected a number {limits}, got {value}")

    def arrays(self) -> Arrays:
        """The inputs and the targets."""
        return type(self).draw(**vars(self))


class PointSet(Generated):
    """A source whose rows are points: a table with a column for each coordinate, and at the end the target."""

    columns: ClassVar[tuple[str, ...]]

    def load(self) -> TabularData:
        """Draw the points."""
        inputs, targets = self.arrays()
        none_missing = np.zeros(len(targets), bool)
        columns = [Column(values.astype(np.float64), none_missing) for values in (*inputs.T, targets)]
        *features, target = self.columns
        missing: dict[str, MissingPolicy] = dict.fromkeys(self.columns, "error")
        return TabularData(
            table=Table(
                type(self).__name__.lower(),
                dict(zip(self.columns, columns, strict=True)),
                np.arange(1, len(targets) + 1),
            ),
            features=features,
            target=target,
            task="classification" if target == "class" else "regression",
            missing=missing,
            categories=dict.fromkeys(features, "one-hot"),
            fill_values={},
            unknown_categories="error",
            weight=None,
            max_categories=MOST_POINTS,
        )


@dataclass(frozen=True)
class Xor(PointSet):
    """The exclusive or: points around the corners of a square, class 1 where x or y is near 1 and not both.

    Args:
        count: the number of points; 4 of them with ``noise: 0`` are the truth table.
        noise: the standard deviation of x and y.
        seed: decides the points.

    >>> data = Xor(count=8).load()
    >>> data.features, data.target, data.table["class"].values.tolist()
    (['x', 'y'], 'class', [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    """

    count: int = 200
    noise: float = 0.1
    seed: int = 0

    draw = staticmethod(draw_xor)
    limits: ClassVar = {"count": (4, MOST_POINTS), "noise": NO_LIMIT}
    columns = ("x", "y", "class")


@dataclass(frozen=True)
class Moons(PointSet):
    """Two half circles, each with an end inside of the other: two classes that no straight line parts.

    Args:
        count: the number of points.
        noise: the standard deviation of x and y; the circles have radius 1.
        seed: decides the points.

    >>> len(Moons(count=50).load().table)
    50
    """

    count: int = 1000
    noise: float = 0.1
    seed: int = 0

    draw = staticmethod(draw_moons)
    limits: ClassVar = {"count": (2, MOST_POINTS), "noise": NO_LIMIT}
    columns = ("x", "y", "class")


@dataclass(frozen=True)
class Spirals(PointSet):
    """Spiral arms around the origin, one for each class.

    Args:
        count: the number of points.
        noise: the standard deviation of x and y; the arms reach to radius 1.
        classes: the number of arms.
        turns: how often an arm goes around; negative: the other way.
        seed: decides the points.

    >>> set(Spirals(classes=2).load().table["class"].values.tolist())
    {0.0, 1.0}
    """

    count: int = 1200
    noise: float = 0.02
    classes: int = 3
    turns: float = 1.0
    seed: int = 0

    draw = staticmethod(draw_spirals)
    limits: ClassVar = {"classes": (2, 100), "count": (2, MOST_POINTS), "noise": NO_LIMIT, "turns": (-100, 100)}
    columns = ("x", "y", "class")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("count", self.classes, MOST_POINTS)  # at least one point of each class


@dataclass(frozen=True)
class Sine(PointSet):
    """A curve to fit: y is a sine of x, which is between -1 and 1.

    Args:
        count: the number of points.
        noise: the standard deviation of what is added to y.
        periods: how many periods of the sine there are.
        seed: decides the points.

    >>> data = Sine().load()
    >>> data.features, data.target, data.task
    (['x'], 'y', 'regression')
    """

    count: int = 400
    noise: float = 0.05
    periods: float = 2.0
    seed: int = 0

    draw = staticmethod(draw_sine)
    limits: ClassVar = {"count": (2, MOST_POINTS), "noise": NO_LIMIT, "periods": (0, 1000)}
    columns = ("x", "y")


@dataclass(frozen=True)
class Digits(Generated):
    """Images of handwritten digits, 28 x 28 pixels, drawn by `mytorch.data.drawn_digits`.

    White ink on black: bytes from 0 to 255, which become inputs from 0 to 1.

    Args:
        count: the number of images, of each digit equally many as far as it goes.
        shift: how far a digit is from the middle at most, in pixels, to each side and up and down.
        scale: by what part it is larger or smaller at most, in width and in height.
        rotation: by how many degrees it is turned at most.
        shear: how slanted it is at most: how far its top is to the side, as a part of its height.
        bend: how crooked it is: the standard deviation of its curves' points, as a part of its height.
        stroke: the width of the pen in pixels; it varies by up to 40 %.
        noise: the standard deviation of each pixel, as a part of full ink.
        seed: decides the images.

    >>> data = Digits(count=20).load()
    >>> data.inputs.shape, data.inputs.dtype, sorted(data.targets.tolist())[:4]
    ((20, 1, 28, 28), dtype('uint8'), [0, 0, 1, 1])
    """

    count: int = 8000
    shift: float = 2.5
    scale: float = 0.2
    rotation: float = 15.0
    shear: float = 0.3
    bend: float = 0.06
    stroke: float = 2.2
    noise: float = 0.15
    seed: int = 0

    draw = staticmethod(draw_digits)
    limits: ClassVar = {
        "count": (10, MOST_IMAGES),
        "shift": (0, 28),
        "scale": (0, 0.9),
        "rotation": (0, 180),
        "shear": (0, 2),
        "bend": (0, 1),
        "stroke": (0.5, 20),
        "noise": (0, 10),
    }

    def load(self) -> ArrayData:
        """Draw the images."""
        images, digits = self.arrays()
        return ArrayData("digits", images, digits, None, "classification", list("0123456789"), divisor=255.0)


def draw_random(count: int, inputs: int, outputs: int, seed: int) -> Arrays:
    """What PyTorch draws with `torch.randn` from a generator of this seed: the inputs, then the targets."""
    generator = Generator().manual_seed(seed)
    return randn(count, inputs, generator=generator).array, randn(count, outputs, generator=generator).array


@dataclass(frozen=True)
class RandomTensors(Generated):
    """Standard normal inputs and targets, unrelated to each other: they can only be learned by heart.

    They are those of ``torch.manual_seed(seed)``, ``torch.randn(count, inputs)``, ``torch.randn(count, outputs)``.

    Args:
        count: the number of rows.
        inputs: numbers in a row of inputs.
        outputs: numbers in a row of targets.
        seed: decides the numbers.

    >>> data = RandomTensors().load()
    >>> data.inputs.shape, data.targets.shape
    ((64, 1000), (64, 10))
    """

    count: int = 64
    inputs: int = 1000
    outputs: int = 10
    seed: int = 0

    draw = staticmethod(draw_random)
    limits: ClassVar = {"count": (2, MOST_POINTS), "inputs": (1, MOST_NUMBERS), "outputs": (1, MOST_NUMBERS)}

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("inputs", "outputs"):
            self.check(name, 1, MOST_NUMBERS // self.count)

    def load(self) -> ArrayData:
        """Draw the tensors."""
        inputs, targets = self.arrays()
        return ArrayData("random", inputs, targets, None, "regression")


GENERATED = (Digits, Xor, Moons, Spirals, Sine, RandomTensors)
