"""Rows on their way through `mytorch predict`: samples, how they become batches, what is told of them in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mytorch.data.feature import UnknownCategories

__all__ = ["Inputs", "Notes", "Samples", "in_batches"]


@dataclass(frozen=True)
class Samples:
    """Rows in a row: `inputs` float32 (n, ...) as the model takes them, `cells` the texts of each named column.

    `skipped` marks rows that get no prediction, None where there are none.
    """

    inputs: npt.NDArray[np.float32]
    cells: list[list[str]]
    skipped: npt.NDArray[np.bool_] | None = None


@dataclass
class Notes:
    """What is worth telling when all has been read; `tell` prints a line at once."""

    tell: Callable[[str], None]
    unknown: dict[str, tuple[int, str, str]] = field(default_factory=dict)  # column: rows, first place, its value
    skipped: int = 0

    def add_unknown(self, warning: UnknownCategories) -> None:
        """Count rows with a category that training never saw."""
        count, place, value = self.unknown.get(warning.name, (0, warning.place, warning.value))
        self.unknown[warning.name] = (count + warning.count, place, value)

    def tell_all(self) -> None:
        """Print what was counted."""
        for count, place, value in self.unknown.values():
            rows = "1 row holds a value" if count == 1 else f"{count} rows hold values"
            self.tell(
                f"warning: {place}: {rows} that no training row has (first {value!r}): counted as none of the known"
            )
        if self.skipped:
            rows = "1 row has" if self.skipped == 1 else f"{self.skipped} rows have"
            self.tell(
                f"warning: {rows} no prediction: a value is missing, and training leaves such rows out (missing: drop)"
            )


class Inputs(Protocol):
    """A kind of input: `names` are the columns that tell its rows apart."""

    names: list[str]

    def parts(self) -> Iterator[Samples]:
        """The samples, some at a time. Raises DataError."""
        ...


def in_batches(parts: Iterable[Samples], size: int) -> Iterator[Samples]:
    """The same samples, so many at a time; fewer only at the end.

    >>> parts = [Samples(np.zeros((len(ids), 1), np.float32), [list(ids)]) for ids in ("abc", "de")]
    >>> [(len(batch.inputs), batch.cells) for batch in in_batches(parts, 4)]
    [(4, [['a', 'b', 'c', 'd']]), (1, [['e']])]
    """
    waiting: list[Samples] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += len(part.inputs)
        if count < size:
            continue
        joined = _join(waiting)
        whole = count - count % size
        for start in range(0, whole, size):
            yield _rows_of(joined, slice(start, start + size))
        waiting, count = ([_rows_of(joined, slice(whole, count))], count - whole) if whole < count else ([], 0)
    if waiting:
        yield _join(waiting)


def _join(parts: Sequence[Samples]) -> Samples:
    if len(parts) == 1:
        return parts[0]
    skipped = None
    if any(part.skipped is not None for part in parts):
        skipped = np.concatenate(
            [np.zeros(len(part.inputs), bool) if part.skipped is None else part.skipped for part in parts]
        )
    cells = [[cell for column in columns for cell in column] for columns in zip(*(p.cells for p in parts), strict=True)]
    return Samples(np.concatenate([part.inputs for part in parts]), cells, skipped)


def _rows_of(samples: Samples, rows: slice) -> Samples:
    skipped = None if samples.skipped is None else samples.skipped[rows]
    return Samples(samples.inputs[rows], [column[rows] for column in samples.cells], skipped)
