"""What the suite measures: a `Workload` is one row, and a `Side` is one way to do it, a library's or NumPy's by hand.

The code of a model is written once: a function that takes the library, `mytorch` or `torch`, as its argument. What
differs between the two is that argument alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import mytorch

SEED = 0
Array = NDArray[Any]
Figures = dict[str, Array]
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


class Side(Protocol):
    """One of those that are compared. Each is used once, from the seed: to be checked, or to be measured."""

    def figures(self) -> Figures:
        """Do the first part of the work; return what came of it, which must be the same on all sides."""

    def measure(self, clock: str) -> dict[str, float]:
        """Do the work; return what it took: "time" in seconds, "memory" in bytes, or both."""


class Steps:
    """A side that repeats a step in this process.

    Args:
        step: does one step; returns the loss, if there is one.
        results: what is compared besides the losses.
        warm_up: steps before those that are timed; they are also those that are compared.
        steps: steps that are timed.
    """

    def __init__(
        self, step: Callable[[], float | None], results: Callable[[], Figures], warm_up: int, steps: int
    ) -> None:
        self.step, self.results, self._warm_up, self._steps = step, results, warm_up, steps

    def figures(self) -> Figures:
        losses = [loss for _ in range(self._warm_up) if (loss := self.step()) is not None]
        return {"losses": np.array(losses), **self.results()}

    def measure(self, clock: str) -> dict[str, float]:
        step, now = self.step, CLOCKS[clock]
        for _ in range(self._warm_up):
            step()
        started = now()
        for _ in range(self._steps):
            step()
        return {"time": now() - started}


@dataclass(frozen=True)
class Workload:
    """A row of the table; one for each quantity that it measures.

    Attributes:
        name: for `--only`.
        title: what the table says.
        build: makes the side of a library.
        hand: makes the side that is written by hand in NumPy; None where there is none.
        goals: the ratio to reach, PyTorch's / ours, for each quantity that has one.
        unit: what the printed time is for: a step, an operation, an epoch ...
        per: how many units one measurement has.
        most_runs: a limit on the rounds, where one takes long.
    """

    name: str
    title: str
    build: Callable[[Any], Side]
    hand: Callable[[], Side] | None = None
    goals: dict[str, float] = field(default_factory=dict)
    unit: str = "step"
    per: int = 1
    most_runs: int = 1000

    def ours(self) -> Side:
        return self.build(mytorch)

    def theirs(self) -> Side:
        import torch

        return self.build(torch)

    def by_hand(self) -> Side | None:
        return self.hand() if self.hand else None
