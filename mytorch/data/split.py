"""Dividing row numbers into parts: every N-th row, a random fraction that a seed decides, or one of several folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mytorch.data.table import DataError

__all__ = ["SplitRule", "split_rows"]

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SplitRule:
    """Which rows to take; one of three ways.

    `every`: rows 0, N, 2N, ... (N >= 2). `fraction`: a random part of them, between 0 and 1. `fold` and `folds`: the
    rows are divided at random into so many folds of equal size (give or take one row), each with its share of every
    class, and fold number `fold`, from 1, is taken; each row is in exactly one of them.

    Raises:
        DataError: if none, several or a value out of range is given.

    >>> SplitRule(every=4).shown
    'every: 4'
    >>> SplitRule(fold=2, folds=5).shown
    'fold: 2, folds: 5'
    """

    every: int | None = None
    fraction: float | None = None
    fold: int | None = None
    folds: int | None = None

    def __post_init__(self) -> None:
        if (self.fold is None) != (self.folds is None):
            raise DataError("fold and folds go together: {fold: 1, folds: 5} takes the first of five folds")
        ways = sum(way is not None for way in (self.every, self.fraction, self.fold))
        if ways != 1:
            came = "none" if ways == 0 else "several"
            raise DataError(f"expected {{every: N}}, {{fraction: F}} or {{fold: K, folds: N}}, got {came}")
        if self.every is not None and self.every < 2:
            raise DataError(f"split: expected 'every' of 2 or more, got {self.every}")
        if self.fraction is not None and not 0.0 < self.fraction < 1.0:
            raise DataError(f"split: expected a 'fraction' between 0 and 1, got {self.fraction}")
        if self.fold is not None and self.folds is not None:
            if self.folds < 2:
                raise DataError(f"split: expected 'folds' of 2 or more, got {self.folds}")
            if not 1 <= self.fold <= self.folds:
                raise DataError(
                    f"split: expected a 'fold' from 1 to {self.folds}, the number of folds, got {self.fold}"
                )

    @property
    def shown(self) -> str:
        """The rule as a config writes it."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return ", ".join(f"{name}: {value}" for name, value in given.items())


def split_rows(
    rows: Rows, rule: SplitRule, generator: np.random.Generator, classes: npt.NDArray[Any] | None = None
) -> tuple[Rows, Rows]:
    """Divide `rows` into those that `rule` takes and the rest, both in their order in `rows`.

    A fraction takes ``round(fraction * len(rows))`` rows. `classes`, one for each of `rows`, is what folds share out
    evenly; None for targets that are numbers.

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
    elif rule.fold is not None and rule.folds is not None:
        order = generator.permutation(len(rows))
        if classes is not None:  # class by class, each in random order, dealt out like cards
            order = order[np.argsort(np.unique(classes[order], return_inverse=True)[1], kind="stable")]
        taken[order[rule.fold - 1 :: rule.folds]] = True
    if taken.all() or not taken.any() or (rule.folds or 0) > len(rows):  # this fold, or another
        raise DataError(f"split {{{rule.shown}}} of {len(rows)} rows leaves one part empty; more rows are needed")
    return rows[taken], rows[~taken]
