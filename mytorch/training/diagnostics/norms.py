"""How large arrays are: 2-norms of weights and gradients, mean and deviation of outputs, as cheaply as NumPy can."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


def gradient_norm(parameters: Iterable[Any]) -> float:
    """The 2-norm of all gradients taken together; parameters without a gradient count as 0.

    >>> import mytorch
    >>> from mytorch import nn
    >>> w = nn.Parameter(mytorch.tensor([3.0, 4.0]))
    >>> (w * w).sum().backward()
    >>> gradient_norm([w])
    10.0
    """
    return math.sqrt(sum(_dot(p.grad.array) for p in parameters if p.grad is not None))


def square(array: Array) -> float:
    """The sum of the squares of all numbers, also where float32 has none that is so large or so small.

    >>> print(f"{square(np.float32([3e-30, 4e-30])) ** 0.5:.4g}")
    5e-30
    """
    found = _dot(array)
    # Gradients that vanish are small: their squares would be 0, and they would look like none at all.
    return found if 1e-25 < found < 1e35 or not array.size else _dot(array.astype(np.result_type(array, np.float64)))


def _dot(array: Array) -> float:
    values = array.ravel(order="K")
    return float(np.vdot(values, values).real)


class Moments(NamedTuple):
    """How many numbers there are, their mean, and the sum of the squares of what they differ from it."""

    size: int
    mean: float
    squares: float

    @property
    def deviation(self) -> float:
        """The standard deviation: the root of the mean square."""
        return math.sqrt(self.squares / self.size) if self.squares >= 0 else math.nan

    def joined(self, other: Moments) -> Moments:
        """Those of both sets of numbers together (Chan, Golub and LeVeque 1983, equation 2.1)."""
        size, apart = self.size + other.size, other.mean - self.mean
        mean = self.mean + apart * other.size / size
        return Moments(size, mean, self.squares + other.squares + apart**2 * self.size * other.size / size)


def moments(array: Array) -> Moments:
    """The moments of all numbers of an array, in two passes over it and without a copy, where rounding allows it.

    >>> found = moments(np.array([[1.0, 2.0], [3.0, 6.0]]))
    >>> found.mean, round(found.deviation, 4)
    (3.0, 1.8708)
    """
    values = array.ravel(order="K")
    if values.dtype.itemsize < 4:
        values = values.astype(np.float32)
    mean = float(np.add.reduce(values)) / values.size
    whole = float(np.dot(values, values))
    squares = whole - values.size * mean**2
    if not 1e-3 * whole < squares < 1e35:  # the digits of a small difference of large numbers are rounding
        values = values - np.float64(mean)
        squares = float(np.dot(values, values))
    return Moments(values.size, mean, squares)
