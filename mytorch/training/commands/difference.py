"""How two arrays differ that should be the same to the bit: where, how many numbers, how far, and the first values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
VALUES_SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """A tensor that is not the same on both sides; None stands for one that is not there."""

    name: str
    arrays: tuple[Array | None, Array | None]

    @property
    def shapes(self) -> list[str]:
        """Shape and type on each side."""
        return ["not there" if a is None else f"{tuple(a.shape)} {a.dtype}" for a in self.arrays]

    @property
    def is_of_one_kind(self) -> bool:
        """Whether both are there, with equal shapes and types, so that their numbers can be compared."""
        return self.shapes[0] == self.shapes[1]

    def copy(self) -> Difference:
        """The same with arrays of its own."""
        a, b = (None if array is None else array.copy() for array in self.arrays)
        return Difference(self.name, (a, b))

    def to_data(self) -> dict[str, Any]:
        """For JSON; the numbers only where both sides are of one kind."""
        document: dict[str, Any] = {"tensor": self.name, "shapes": self.shapes}
        if self.is_of_one_kind:
            at, largest = self._places()
            document |= {
                "count": len(at),
                "size": self._side(0).size,
                "first": [self._at(i) for i in at[:VALUES_SHOWN]],
            }
            if largest is not None:
                document |= {"largest": self._at(largest), "largest_difference": self._distance(largest)}
        return document

    def lines(self) -> list[str]:
        """For people."""
        if not self.is_of_one_kind:
            return [f"{self.name}: {self.shapes[0]} | {self.shapes[1]}"]
        at, largest = self._places()
        shown = dict.fromkeys(f"  {self._text(i)}" for i in at[:VALUES_SHOWN])
        by = ""
        if largest is not None:
            by = f", by {self._distance(largest):.3g} at most"
            if largest not in at[:VALUES_SHOWN]:
                shown[f"  {self._text(largest)} (the largest)"] = None
        return [f"{self.name}, {self.shapes[0]}: {len(at)} of {self._side(0).size} numbers differ{by}", *shown]

    def _side(self, index: int) -> Array:
        array = self.arrays[index]
        assert array is not None
        return array

    def _places(self) -> tuple[list[int], int | None]:
        """Where the bits differ, in the flattened arrays, and where by most; None for what are no real numbers."""
        a, b = self._side(0), self._side(1)
        at = np.flatnonzero((_bytes(a) != _bytes(b)).any(axis=1))
        if a.dtype.kind != "f":
            return at.tolist(), None
        distance = np.abs(a.ravel()[at].astype(np.float64) - b.ravel()[at].astype(np.float64))
        return at.tolist(), int(at[np.argmax(np.where(np.isnan(distance), np.inf, distance))])

    def _distance(self, place: int) -> float:
        return abs(float(self._side(0).flat[place]) - float(self._side(1).flat[place]))

    def _index(self, place: int) -> tuple[int, ...]:
        return tuple(int(i) for i in np.unravel_index(place, self._side(0).shape))

    def _at(self, place: int) -> dict[str, Any]:
        return {"index": self._index(place), "values": [self._side(i).flat[place].item() for i in (0, 1)]}

    def _text(self, place: int) -> str:
        a, b = (str(self._side(i).flat[place]) for i in (0, 1))  # as many digits as the type has
        return f"at {self._index(place)}: {a} | {b}"


def differences_of(left: Mapping[str, Array], right: Mapping[str, Array]) -> list[Difference]:
    """What is not the same to the bit, in the order of the left side; then what only the right side has.

    >>> a, b = {"x": np.zeros(2), "y": np.array([1.0, 2.0])}, {"x": np.zeros(2), "y": np.array([1.0, 2.5])}
    >>> for line in differences_of(a, b)[0].lines():
    ...     print(line)
    y, (2,) float64: 1 of 2 numbers differ, by 0.5 at most
      at (1,): 2.0 | 2.5
    """
    names = dict.fromkeys([*left, *right])
    pairs = [Difference(name, (left.get(name), right.get(name))) for name in names]
    return [pair for pair in pairs if not _is_same(*pair.arrays)]


def _is_same(a: Array | None, b: Array | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _bytes(array: Array) -> Array:
    """A row of bytes for each number."""
    return np.frombuffer(array.tobytes(), np.uint8).reshape(array.size, array.itemsize)
