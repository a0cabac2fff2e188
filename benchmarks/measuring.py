"""How rows are measured: results are compared, then the sides work in turn, A B C A B C, each time from the seed.

The ratio is the median of the ratios within the rounds, so that a machine whose speed drifts treats the sides alike.
Their interquartile range is told too: where it is wide, the machine was disturbed.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass

import numpy as np

from benchmarks.workload import Figures, Workload

TOLERANCE = 1e-4


class DifferentError(Exception):
    """Two sides of a workload came to different results."""


@dataclass(frozen=True)
class Row:
    """What was measured of one quantity of a workload: medians, of time in seconds a unit, of memory in bytes.

    `ratio` is PyTorch's / ours, `low` and `high` are its quartiles; `over_hand` is ours / by hand.
    """

    name: str
    title: str
    quantity: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    goal: float | None
    by_hand: float | None
    over_hand: float | None


def compare(who: str, expected: Figures, found: Figures) -> None:
    """Raise `DifferentError` unless the losses agree one by one, and all else in the norm of its differences.

    Weights are not compared one by one: where an input of ReLU is zero to rounding, one side lets a gradient through
    that the other stops, and a bias near zero is then off by a thousandth, as PyTorch's float32 is from its float64.
    """
    if expected.keys() != found.keys():
        raise DifferentError(f"{who}: figures {sorted(expected)} on one side, {sorted(found)} on the other")
    if expected["losses"].shape != found["losses"].shape:
        raise DifferentError(
            f"{who}: {len(expected['losses'])} losses on one side, {len(found['losses'])} on the other"
        )
    losses = np.abs(found["losses"] / expected["losses"] - 1)
    names = sorted(expected.keys() - {"losses"})
    one, other = (np.concatenate([[0.0], *(side[name].ravel() for name in names)]) for side in (expected, found))
    # A norm of zero is divided by, too: the gradients of a long chain vanish on both sides.
    rest = np.linalg.norm(other - one) / max(float(np.linalg.norm(one)), 1e-30)
    for what, error in (("losses differ", losses.max(initial=0.0)), ("results differ, in their norm,", rest)):
        if not error <= TOLERANCE:
            raise DifferentError(f"{who}: {what} by {error:.1e} (relative), more than {TOLERANCE:.0e}")


def check(workload: Workload) -> None:
    """Compare PyTorch's results and those by hand with ours. Raises `DifferentError`."""
    found = workload.ours().figures()
    compare(f"{workload.name}, ours and PyTorch's", workload.theirs().figures(), found)
    if hand := workload.by_hand():
        compare(f"{workload.name}, ours and by hand", hand.figures(), found)


def measure(workload: Workload, runs: int, clock: str = "wall") -> list[Row]:
    """The rows of a workload. Raises `DifferentError` if the sides do not agree."""
    check(workload)
    rounds = []
    for _ in range(min(runs, workload.most_runs)):
        taken = []
        for make in (workload.ours, workload.theirs, workload.by_hand):
            if side := make():
                gc.collect()
                gc.disable()
                try:
                    taken.append(side.measure(clock))
                finally:
                    gc.enable()
        rounds.append(taken)
    return [summary(workload, name, [[side[name] for side in taken] for taken in rounds]) for name in rounds[0][0]]


def summary(workload: Workload, quantity: str, rounds: list[list[float]]) -> Row:
    """The row of rounds that each have ours, PyTorch's and perhaps that by hand."""
    taken = np.array(rounds) / (workload.per if quantity == "time" else 1)
    ours, theirs, *hand = taken.T
    low, ratio, high = np.quantile(theirs / ours, (0.25, 0.5, 0.75))
    return Row(
        name=workload.name,
        title=workload.title,
        quantity=quantity,
        unit=workload.unit,
        ours=float(np.median(ours)),
        theirs=float(np.median(theirs)),
        ratio=float(ratio),
        low=float(low),
        high=float(high),
        goal=workload.goals.get(quantity),
        by_hand=float(np.median(hand[0])) if hand else None,
        over_hand=float(np.median(ours / hand[0])) if hand else None,
    )
