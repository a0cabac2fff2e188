"""Rows of things that arrows join: their order within a row, and then their places from left to right.

An arrow leads from one row to the next; one over several rows has an item in each that it passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Generic, TypeVar

GAP = 22.0  # between boxes side by side
SWEEPS = 10


@dataclass(eq=False)
class Item:
    """A thing in a row: something to be drawn, or a place that an arrow goes through (`link` is its number)."""

    left: float = 0.0  # how far it reaches from its anchor
    right: float = 0.0
    height: float = 0.0
    link: int | None = None
    row: int = 0
    x: float = 0.0  # of its anchor
    above: list[Segment[Any]] = field(default_factory=list)
    below: list[Segment[Any]] = field(default_factory=list)


AnItem = TypeVar("AnItem", bound=Item)


@dataclass(eq=False)
class Segment(Generic[AnItem]):
    """The part of an arrow from one row to the next; `start` and `end` are where it is tied, from the anchors."""

    link: int
    upper: AnItem
    lower: AnItem
    weight: float
    start: float = 0.0
    end: float = 0.0
    lane: int | None = None  # among those that go to the next column


Rows = Sequence[Sequence[Item]]


# --- order ----------------------------------------------------------------------------------------------------------


def put_in_order(rows: Sequence[list[AnItem]]) -> None:
    """By turns downwards and upwards to the mean of the neighbours; the best order that was seen stays."""
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            means = {id(item): _mean_place(item, place, rows, down) for place, item in enumerate(row)}
            row.sort(key=lambda item, means=means: means[id(item)])  # type: ignore[misc]
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    for row, items in zip(rows, best, strict=True):
        row[:] = items


def _mean_place(item: Item, place: int, rows: Rows, down: bool) -> float:
    """The mean place of its neighbours in the row before (or behind), in steps of its own row."""
    others = [s.upper for s in item.above] if down else [s.lower for s in item.below]
    if not others:
        return float(place)
    row = rows[others[0].row]
    places = {id(other): number for number, other in enumerate(row)}
    return sum(places[id(other)] for other in others) / len(others) / len(row) * len(rows[item.row])


def _crossings(rows: Rows) -> int:
    count = 0
    for row, following in pairwise(rows):
        places = {id(item): place for place, item in enumerate(following)}
        ends = [sorted(places[id(s.lower)] for s in item.below) for item in row]
        for index, mine in enumerate(ends):
            for others in ends[index + 1 :]:
                count += sum(a > b for a in mine for b in others)
    return count


# --- places ---------------------------------------------------------------------------------------------------------


def place_across(rows: Rows, chains: Iterable[Sequence[Segment[Any]]]) -> None:
    """Find each `x`: as near to the neighbours as the order and the distances allow; `chains` are whole arrows."""
    for row in rows:
        _spread(row, [0.0] * len(row), [1.0] * len(row))
    for sweep in range(2 * SWEEPS + 1):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            wanted, weights = [], []
            for item in row:
                segments = item.above if down else item.below
                weight = sum(s.weight for s in segments)
                there = [
                    s.weight * (s.upper.x + s.start - s.end if down else s.lower.x + s.end - s.start) for s in segments
                ]
                wanted.append(sum(there) / weight if segments else item.x)
                weights.append(weight or 0.5)
            _spread(row, wanted, weights)
    for item in [one for row in rows for one in row]:
        if item.link is None and not item.above and item.below:  # it goes where it is needed, if there is space
            row = rows[item.row]
            there = [s.lower.x + s.end - s.start for s in item.below]
            wanted = [sum(there) / len(there) if one is item else one.x for one in row]
            _spread(row, wanted, [0.01 if one is item else 1.0 for one in row])
    for chain in chains:
        _straighten([one for one in (chain[0].upper, *(s.lower for s in chain)) if one.link is not None], rows)


def _straighten(passes: Sequence[Item], rows: Rows) -> None:
    """An arrow that passes several rows makes no bend on its way, where there is space for that."""
    places = [item.x for item in passes]
    for x in (max(places, default=0.0), min(places, default=0.0)):
        if all(_fits(item, x, rows) for item in passes):
            for item in passes:
                item.x = x
            return


def _fits(item: Item, x: float, rows: Rows) -> bool:
    row = rows[item.row]
    at = row.index(item)
    return (at == 0 or row[at - 1].x + _least_apart(row[at - 1], item) <= x) and (
        at + 1 == len(row) or x + _least_apart(item, row[at + 1]) <= row[at + 1].x
    )


def _least_apart(left: Item, right: Item) -> float:
    """How far the anchors of neighbours must be apart."""
    gap = GAP if left.link is None or right.link is None else GAP / 2
    return left.right + gap + right.left


def _spread(row: Sequence[Item], wanted: list[float], weights: list[float]) -> None:
    """Put the items of a row as near as can be to where they are wanted, none nearer to the next than is allowed.

    Least squares under these bounds are an isotonic regression, found by merging neighbours that are out of order.
    """
    offsets, reach = [], 0.0
    for index, item in enumerate(row):
        if index:
            reach += _least_apart(row[index - 1], item)
        offsets.append(reach)
    blocks: list[list[float]] = []  # mean, weight, count
    for want, offset, weight in zip(wanted, offsets, weights, strict=True):
        blocks.append([want - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, heavy, count = blocks.pop()
            other = blocks[-1]
            other[0] = (other[0] * other[1] + mean * heavy) / (other[1] + heavy)
            other[1] += heavy
            other[2] += count
    places = iter([mean for mean, _, count in blocks for _ in range(int(count))])
    for item, offset in zip(row, offsets, strict=True):
        item.x = next(places) + offset
