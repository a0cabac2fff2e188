"""Finite differences against given derivatives, for any function of arrays: is an element right, wrong, or at a kink?

A difference (f(x + h) - f(x - h)) / 2h is off by rounding, which grows as h shrinks, by curvature, which grows with h,
and it means nothing where f has a kink between the two points. So several h are tried, rounding is measured, and where
no h confirms a derivative the slopes to the left and to the right are looked at, and a point a little beside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]
Judgement = Literal["ok", "hidden", "kink", "jump", "wrong"]
Verdict = Literal["ok", "hidden", "kink", "wrong", "no gradient", "unused", "nothing to check"]


@dataclass(frozen=True)
class Precision:
    """What can be expected of differences in a floating point type.

    - `rounding`: the least relative error of a value.
    - `steps`: h, relative to an element (to 1 for one that is smaller), in the order in which they are tried. At the
      largest of them curvature is taken away by a difference with ten times that h (Richardson's extrapolation).
    - `one_sided`: the two of them, the larger one first, at which left and right slopes are compared.
    - `tolerance`: the relative error at which a derivative counts as right.
    """

    name: str
    rounding: float
    steps: tuple[float, ...]
    one_sided: tuple[float, float]
    tolerance: float


DOUBLE = Precision("float64", 2.0**-52, (1e-6, 1e-5, 1e-7, 1e-8), (1e-6, 1e-7), 1e-5)
SINGLE = Precision("float32", 2.0**-23, (1e-3, 1e-2, 1e-4), (1e-2, 1e-3), 1e-2)
DECIDES = 0.01  # rounding that is at most this share of a difference leaves it to be trusted
BESIDE = 1e-3  # how far beside a point the other one lies, relative to the size of the elements


@dataclass
class Function:
    """A function of arrays, which are changed in place, and what is claimed to be its gradients.

    - `value`: the function at the arrays as they are now. Equal arrays give equal bits.
    - `gradients`: by name; None where no gradient arrives.
    - `chosen`: the (flat) numbers of the elements that can be checked, for a name whose elements not all can.
    """

    arrays: Mapping[str, Array]
    value: Callable[[], float]
    gradients: Callable[[], Mapping[str, Array | None]]
    chosen: Mapping[str, Array] = field(default_factory=dict)


@dataclass
class Element:
    """One derivative, claimed and measured; `left` and `right` are the slopes to either side.

    It is `hidden` if it is so small that rounding hides whether it is right.
    """

    index: tuple[int, ...]
    autograd: float
    differences: float
    error: float  # relative
    judgement: Judgement = "ok"
    left: float = math.nan
    right: float = math.nan


@dataclass
class ArrayCheck:
    """What became of one array: a verdict, and the elements that were looked at."""

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    elements: list[Element] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        return self.verdict in ("wrong", "no gradient")

    @property
    def error(self) -> float | None:
        """The largest relative error, but for kinks; infinite where a gradient is not finite."""
        errors = [one.error for one in self.elements if one.judgement in ("ok", "hidden", "wrong")]
        return max(errors, default=None)

    def judged(self, *judgements: Judgement) -> list[Element]:
        return [one for one in self.elements if one.judgement in judgements]

    @property
    def worst(self) -> Element | None:
        """Of the wrong elements the one whose values lie farthest apart."""
        wrong = self.judged("wrong")
        if not wrong:
            return None
        return max(wrong, key=lambda one: (not math.isfinite(one.autograd), abs(one.autograd - one.differences)))


def check(function: Function, samples: int, seed: int, precision: Precision = DOUBLE) -> Iterator[ArrayCheck]:
    """Check each array of a function, one after the other.

    Of an array with more elements than `samples` so many are drawn; the one with the largest gradient is always among
    them. All the others are checked together, by one difference along a random direction, and where that is off the
    element that is to blame is searched by halving.
    """
    random = np.random.default_rng(seed)
    point = _Point(function, precision)
    beside = _Beside(function, precision, seed)
    for name in function.arrays:
        yield _check_array(point, beside, name, samples, random)


def _check_array(point: _Point, beside: _Beside, name: str, samples: int, random: np.random.Generator) -> ArrayCheck:
    array, gradient = point.function.arrays[name], point.gradients[name]
    chosen = point.function.chosen.get(name, np.arange(array.size))
    if not len(chosen):
        return ArrayCheck(name, array.shape, "nothing to check")
    numbers = chosen
    if len(chosen) > samples:
        numbers = random.permutation(chosen)[:samples]
        if gradient is not None:
            largest = chosen[np.argmax(np.abs(gradient.ravel()[chosen]))]
            numbers = np.union1d(numbers[: samples - (largest not in numbers)], largest)
        if (suspect := point.suspect(name, chosen, random)) is not None:
            numbers = np.union1d(numbers, suspect)
    elements = [beside.second_opinion(name, number, point.element(name, number)) for number in map(int, numbers)]
    judgements = {one.judgement for one in elements}
    verdict: Verdict = "wrong" if "wrong" in judgements else "ok"
    if gradient is None:
        verdict = "no gradient" if "wrong" in judgements else "unused"
    elif verdict == "ok" and judgements & {"kink", "jump"}:
        verdict = "kink"
    elif judgements == {"hidden"}:
        verdict = "hidden"
    return ArrayCheck(name, array.shape, verdict, elements)


class _Point:
    """A function at one point: its value there, how far rounding lets the value be off, and the claimed gradients."""

    def __init__(self, function: Function, precision: Precision) -> None:
        self.function, self.precision = function, precision
        self.gradients = dict(function.gradients())
        self.center = function.value()
        self.noise = max(8 * precision.rounding * abs(self.center), self._measured_noise())

    def _measured_noise(self) -> float:
        """How much values jump about on a line that is so short that the function itself is straight on it.

        Third differences take away all but the rounding (R. W. Hamming, "Introduction to Applied Numerical Analysis",
        1971); their median does not mind that the line crosses a kink. The line lies to one side of the point, which
        may be a kink itself.
        """
        random = np.random.default_rng(0)
        stride = self.precision.steps[0] * 1e-3
        arrays = self.function.arrays
        directions = {name: np.asarray(_scale(a) * random.standard_normal(a.shape)) for name, a in arrays.items()}
        values = []
        for step in range(1, 13):
            with _moved(arrays, {name: step * stride * d for name, d in directions.items()}):
                values.append(self.function.value())
        deviation = float(np.median(np.abs(np.diff(values, 3)))) / (0.6745 * math.sqrt(20))
        return 8 * deviation  # which is hardly ever exceeded

    def element(self, name: str, number: int) -> Element:
        """Compare one element: with each h in turn, until one confirms it."""
        array, gradient = self.function.arrays[name], self.gradients[name]
        claimed = 0.0 if gradient is None else float(gradient.flat[number])
        index = tuple(int(i) for i in np.unravel_index(number, array.shape))
        size = max(1.0, abs(float(array.flat[number])))
        tried = []
        for step in self.precision.steps:
            left, right = self._slopes(array, number, step * size)
            found = (left + right) / 2
            if claimed == left == right == 0.0:
                return Element(index, claimed, 0.0, 0.0)
            if not math.isfinite(claimed):
                return Element(index, claimed, found, math.inf, "wrong", left, right)
            if step == max(self.precision.steps):
                found += (found - sum(self._slopes(array, number, 10 * step * size)) / 2) / 99
            rounding, larger = self.noise / (step * size), max(abs(claimed), abs(found))
            # Where rounding hides a derivative, its error is told relative to what could be seen.
            error = abs(claimed - found) / max(larger, rounding / self.precision.tolerance, np.finfo(float).tiny)
            decides = rounding <= DECIDES * larger or claimed == 0.0
            tried.append((not decides, error if math.isfinite(error) else math.inf, found, left, right, rounding))
            if error <= self.precision.tolerance and (decides or step == max(self.precision.steps)):
                break  # also where rounding hides it: a smaller h would only make that worse
        is_hidden, error, found, left, right, rounding = min(tried)
        judgement: Judgement = "hidden" if is_hidden else "ok"
        is_right = error <= self.precision.tolerance
        if is_right and abs(right - left) <= max(DECIDES * max(abs(left), abs(right)), 4 * rounding):
            return Element(index, claimed, found, error, judgement)
        large, small = (self._slopes(array, number, step * size) for step in self.precision.one_sided)
        seen = _judge(claimed, large, small, self.noise / (self.precision.one_sided[1] * size))
        if not is_right or seen == "kink":  # |x| has a kink although the mean of its slopes is what autograd says
            judgement = seen
        return Element(index, claimed, found, error, judgement, *small)

    def _slopes(self, array: Array, number: int, h: float) -> tuple[float, float]:
        """Of the function along one element, to the left and to the right of the point."""
        held = array.flat[number]
        values = []
        try:
            for by in (-h, h):
                array.flat[number] = held + by
                values.append(self.function.value())
        finally:
            array.flat[number] = held
        return (self.center - values[0]) / h, (values[1] - self.center) / h

    def suspect(self, name: str, chosen: Array, random: np.random.Generator) -> int | None:
        """The element that seems to be wrong, if the elements are not all right together."""
        array, gradient = self.function.arrays[name], self.gradients[name]
        claimed = np.zeros(array.size) if gradient is None else gradient.ravel()
        bad = chosen[~np.isfinite(claimed[chosen])]
        if len(bad):
            return int(bad[0])
        direction = random.choice([-1.0, 1.0], array.size) * np.maximum(1.0, np.abs(array.ravel()))

        def error(numbers: Array, step: float) -> tuple[float, float]:
            along = np.zeros(array.size)
            along[numbers] = step * direction[numbers]
            move = along.reshape(array.shape)
            with _moved({name: array}, {name: move}):
                above = self.function.value()
            with _moved({name: array}, {name: -move}):
                below = self.function.value()
            parts = claimed[numbers] * direction[numbers]
            off = abs((above - below) / (2 * step) - parts.sum())
            return off, 10 * self.precision.tolerance * float(np.linalg.norm(parts)) + 4 * self.noise / step

        for step in self.precision.one_sided:
            off, allowed = error(chosen, step)
            if off <= allowed:
                return None
        numbers = chosen
        while len(numbers) > 1:
            halves = np.array_split(numbers, 2)
            numbers = max(halves, key=lambda half: error(half, step)[0])
        return int(numbers[0])


class _Beside:
    """The same function a little beside the point, where it is sure to have no kink; only computed if it is needed."""

    def __init__(self, function: Function, precision: Precision, seed: int) -> None:
        self.function, self.precision = function, precision
        random = np.random.default_rng(seed + 1)
        self.moves = {
            name: np.asarray(BESIDE * _scale(array) * random.standard_normal(array.shape))
            for name, array in function.arrays.items()
        }
        self.point: _Point | None = None

    def second_opinion(self, name: str, number: int, element: Element) -> Element:
        """An element that differences do not confirm is at a kink or a jump if they confirm it beside the point."""
        if element.judgement in ("ok", "hidden", "kink") or not math.isfinite(element.autograd):
            return element
        with _moved(self.function.arrays, self.moves):
            if self.point is None:
                self.point = _Point(self.function, self.precision)
            there = self.point.element(name, number)
        if there.judgement in ("ok", "hidden", "kink"):
            element.judgement = "jump" if element.judgement == "jump" else "kink"
        else:
            element.judgement = "wrong"
        return element


def _judge(claimed: float, large: tuple[float, float], small: tuple[float, float], rounding: float) -> Judgement:
    """What the slopes to the left and the right tell, with a larger and a smaller h: a kink, a jump, or neither.

    At a kink they differ by the same whatever h is, and a claimed derivative between them is one of those that can be
    chosen there. At a jump they grow as h shrinks.
    """
    if not np.isfinite([*large, *small]).all():
        return "wrong"
    if max(map(abs, small)) > 3 * max(map(abs, large)) + 10 * rounding:
        return "jump"
    gap = abs(small[1] - small[0])
    slack = 0.02 * gap + 2 * rounding
    same = all(abs(one - other) <= slack for one, other in zip(large, small, strict=True))
    if gap > 10 * rounding and same and min(small) - slack <= claimed <= max(small) + slack:
        return "kink"
    return "wrong"


def _scale(array: Array) -> float:
    """The size of an array's elements: their root mean square; 1 if there is nothing but zeros."""
    size = float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0
    return size if math.isfinite(size) and size > 0 else 1.0


@contextmanager
def _moved(arrays: Mapping[str, Array], moves: Mapping[str, Array]) -> Iterator[None]:
    """Arrays with something added to them, and put back to the bit."""
    held = {name: arrays[name].copy() for name in moves}
    try:
        for name, move in moves.items():
            arrays[name][...] += move
        yield
    finally:
        for name, before in held.items():
            arrays[name][...] = before
