"""What an epoch has summed up so far; a checkpoint within the epoch has it too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Sums:
    """What an epoch has summed up so far, and the learning rate that it began with."""

    loss: float = 0.0
    norms: float = 0.0
    rate: float = 0.0
    parts: tuple[float, ...] = ()  # of each loss of a list

    def as_tuple(self) -> tuple[float, float, float, tuple[float, ...]]:
        """For a checkpoint, in the order of the fields."""
        return self.loss, self.norms, self.rate, self.parts

    def add_parts(self, values: Iterable[float], rows: int) -> None:
        """Add the losses of a list, as they were on a batch of so many rows."""
        added = [value * rows for value in values]
        self.parts = tuple(a + b for a, b in zip(self.parts or [0.0] * len(added), added, strict=True))
