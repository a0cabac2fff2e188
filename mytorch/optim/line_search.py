"""A line search that ends where the strong Wolfe conditions hold: the loss fell enough, and the slope with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mytorch.optim.flat import Array

ENOUGH_DECREASE = 1e-4  # c1: part of the fall that the slope at the start promises
ENOUGH_FLATTENING = 0.9  # c2: part of the slope at the start that may be left
SMALLEST_BRACKET = 1e-9  # in the parameters' unit


class Point(NamedTuple):
    """A place on the line: its distance from the start, and the loss, the gradient and the slope there."""

    t: Any
    loss: Any
    grad: Array
    slope: Any


def strong_wolfe(
    probe: Callable[[Any], tuple[float, Array]],
    t: Any,
    direction: Array,
    loss: float,
    grad: Array,
    slope: Any,
    max_probes: int,
) -> tuple[float, Array, Any, int]:
    """Find a step length by bracketing and zooming (Nocedal and Wright, Numerical Optimization, alg. 3.5 and 3.6).

    Args:
        probe: gives the loss and the flat gradient at a distance along the direction.
        t: the first distance to try.
        direction: the direction, a vector.
        loss, grad, slope: at the start; the slope is the gradient along the direction, negative.
        max_probes: after so many iterations the best point so far is taken.

    Returns:
        The loss, the gradient and the distance of the point, and how often `probe` was called.
    """

    def at(distance: Any) -> Point:
        value, there = probe(distance)
        return Point(distance, value, there, there.dot(direction))

    def too_high(point: Point) -> bool:
        return bool(point.loss > loss + ENOUGH_DECREASE * point.t * slope)

    def flat_enough(point: Point) -> bool:
        return bool(abs(point.slope) <= -ENOUGH_FLATTENING * slope)

    start = previous = Point(0, loss, grad, slope)
    new = at(t)
    probes = 1
    iteration = 0
    found = False
    while iteration < max_probes:
        if too_high(new) or (iteration > 1 and new.loss >= previous.loss):
            bracket = [previous, new]
            break
        if flat_enough(new):
            found, bracket = True, [new]
            break
        if new.slope >= 0:
            bracket = [previous, new]
            break
        bounds = (new.t + 0.01 * (new.t - previous.t), new.t * 10)
        further = cubic_minimum(previous, new, bounds)
        previous, new = new, at(further)
        probes += 1
        iteration += 1
    else:
        bracket = [start, new]

    stuck = False
    low, high = (0, 1) if bracket[0].loss <= bracket[-1].loss else (1, 0)
    widest = np.abs(direction).max()
    while not found and iteration < max_probes:
        ends = [point.t for point in bracket]
        if abs(ends[1] - ends[0]) * widest < SMALLEST_BRACKET:
            break
        t = cubic_minimum(bracket[0], bracket[1])
        # A point next to an end brings little: the second time in a row, or on the end itself, go a tenth inwards.
        margin = 0.1 * (max(ends) - min(ends))
        if min(max(ends) - t, t - min(ends)) < margin:
            if stuck or t >= max(ends) or t <= min(ends):
                t = max(ends) - margin if abs(t - max(ends)) < abs(t - min(ends)) else min(ends) + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = at(t)
        probes += 1
        iteration += 1
        if too_high(new) or new.loss >= bracket[low].loss:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
        else:
            if flat_enough(new):
                found = True
            elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = new
    best = bracket[low]
    return best.loss, best.grad, best.t, probes


def cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points with their slopes has its minimum, kept within bounds (eq. 3.59)."""
    lowest, highest = bounds if bounds is not None else (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if square < 0:
        return (lowest + highest) / 2.0
    d2 = np.sqrt(square)
    left, right = (a, b) if a.t <= b.t else (b, a)
    place = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
    return min(max(place, lowest), highest)
