"""Small sets of points for trying things out, drawn from a seed: XOR, two moons, spirals, a sine.

Each function gives the columns of inputs (count, columns) and the targets (count,). Rows come in random order, so that
any split of them has all classes. The file needs NumPy alone: exported scripts hold its functions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["draw_moons", "draw_sine", "draw_spirals", "draw_xor"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def draw_xor(count: int, noise: float, seed: int) -> tuple[Floats, Ints]:
    """The corners of a square of side 1, each moved at random; class 1 where x or y is 1, and not both.

    >>> points, classes = draw_xor(4, 0.0, 0)
    >>> sorted(zip(points.tolist(), classes.tolist()))
    [([0.0, 0.0], 0), ([0.0, 1.0], 1), ([1.0, 0.0], 1), ([1.0, 1.0], 0)]
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    corner = generator.permutation(count) % 4
    x, y = corner // 2, corner % 2
    points = np.stack([x, y], axis=1) + noise * generator.standard_normal((count, 2))
    return points, x ^ y


def draw_moons(count: int, noise: float, seed: int) -> tuple[Floats, Ints]:
    """Two half circles of radius 1, one upside down, each with an end in the other; points moved at random.

    >>> points, classes = draw_moons(1000, 0.0, 0)
    >>> np.allclose(np.hypot(*points[classes == 0].T), 1), float(points[classes == 1].max()) <= 2
    (True, True)
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    moon = generator.permutation(count) % 2
    angle = generator.uniform(0, np.pi, count)
    side = 1 - 2 * moon
    points = np.stack([moon + side * np.cos(angle), moon / 2 + side * np.sin(angle)], axis=1)
    return points + noise * generator.standard_normal((count, 2)), moon


def draw_spirals(count: int, noise: float, classes: int, turns: float, seed: int) -> tuple[Floats, Ints]:
    """Arms that wind around the origin, one for each class, out to radius 1; points moved at random.

    >>> points, classes = draw_spirals(900, 0.0, 3, 1.0, 0)
    >>> float(np.hypot(*points.T).max()) <= 1, np.bincount(classes).tolist()
    (True, [300, 300, 300])
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    arm = generator.permutation(count) % classes
    radius = generator.uniform(0.05, 1, count)  # nearer to the origin the arms meet
    angle = 2 * np.pi * (turns * radius + arm / classes)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + noise * generator.standard_normal((count, 2)), arm


def draw_sine(count: int, noise: float, periods: float, seed: int) -> tuple[Floats, Floats]:
    """x between -1 and 1, and y the sine of it, with so many periods in between; y is moved at random.

    >>> x, y = draw_sine(100, 0.0, 2.0, 0)
    >>> np.allclose(y, np.sin(2 * np.pi * x[:, 0]))
    True
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    x = generator.uniform(-1, 1, count)
    y = np.sin(np.pi * periods * x) + noise * generator.standard_normal(count)
    return x[:, None], y
