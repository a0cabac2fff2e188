"""Dividing row numbers into parts: every N-th row, or a random fraction that a seed decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mytorch.data.table import DataError

__all__ = ["SplitRule", "split_rows"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """Which rows to take: one of `every` (rows 0, N, 2N, ...; N >= 2) and `fraction` (between 0 and 1).

    Raises:
        DataError: if both, neither or a value out of range is given.

    >>> SplitRule(every=4)
    SplitRule(every=4, fraction=None)
    """

    every: int | None = None
    fraction: float | None = None

    def __post_init__(self) -> None:
        if (self.every is None) == (self.fraction is None):
            came = "neither" if self.every is None else "both"
            raise DataError(f"expected either {{every: N}} or {{fraction: F}}, got {came}")
        if self.every is not None and self.every < 2:
            raise DataError(f"split: expected 'every' of 2 or more, got {self.every}")
        if self.fraction is not None and not 0.0 < self.fraction < 1.0:
            raise DataError(f"split: expected a 'fraction' between 0 and 1, got {self.fraction}")


def split_rows(rows: Rows, rule: SplitRule, generator: np.random.Generator) -> tuple[Rows, Rows]:
    """Divide `rows` into those that `rule` takes and the rest, both in their order in `rows`.

    A fraction takes ``round(fraction * len(rows))`` rows.

    Raises:
        DataError: if either part would be empty.

    >>> taken, rest = split_rows(np.arange(6), SplitRule(every=4), np.random.default_rng(0))
    >>> taken, rest
    (array([0, 4]), array([1, 2, 3, 5]))
    """
    taken = np.zeros(len(rows), dtype=bool)
    if rule.every is not None:
        taken[:: rule.every] = True
    elif rule.fraction is not None:
        count = round(rule.fraction * len(rows))
        taken[generator.permutation(len(rows))[:count]] = True
    if taken.all() or not taken.any():
        what = f"every: {rule.every}" if rule.every is not None else f"fraction: {rule.fraction}"
        raise DataError(f"split {{{what}}} of {len(rows)} rows leaves one part empty; more rows are needed")
    return rows[taken], rows[~taken]
