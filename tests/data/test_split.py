"""Splitting rows: which are taken, that a seed decides, and what cannot be split."""

from __future__ import annotations

import numpy as np
import pytest

from mytorch.data.split import SplitRule, split_rows
from mytorch.data.table import DataError


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def test_every_takes_the_first_of_each_group():
    taken, rest = split_rows(np.arange(506), SplitRule(every=4), generator())
    assert taken.tolist() == list(range(0, 506, 4))
    assert len(taken) == 127
    assert len(rest) == 379
    assert not set(taken) & set(rest)


def test_every_counts_positions_not_row_numbers():
    taken, rest = split_rows(np.array([1, 5, 7, 8]), SplitRule(every=3), generator())
    assert taken.tolist() == [1, 8]
    assert rest.tolist() == [5, 7]


def test_fraction_is_rounded_sorted_and_complete():
    taken, rest = split_rows(np.arange(100, 479), SplitRule(fraction=0.1), generator())
    assert len(taken) == 38
    assert taken.tolist() == sorted(taken.tolist())
    assert rest.tolist() == sorted(rest.tolist())
    assert sorted([*taken, *rest]) == list(range(100, 479))


def test_the_generator_decides():
    first, again, other = (
        split_rows(np.arange(100), SplitRule(fraction=0.3), generator(seed))[0].tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_every_row_is_taken_about_as_often():
    rng = generator()
    counts = np.zeros(20)
    for _ in range(2000):
        counts[split_rows(np.arange(20), SplitRule(fraction=0.25), rng)[0]] += 1
    assert (abs(counts - 500) < 5 * np.sqrt(2000 * 0.25 * 0.75)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected {every: N}, {fraction: F} or {fold: K, folds: N}, got none"),
        ({"every": 2, "fraction": 0.5}, "expected {every: N}, {fraction: F} or {fold: K, folds: N}, got several"),
        ({"every": 1}, "expected 'every' of 2 or more, got 1"),
        ({"fraction": 0.0}, r"expected a 'fraction' between 0 and 1, got 0\.0"),
        ({"fraction": 1.0}, "between 0 and 1, got 1"),
        ({"fraction": float("nan")}, "between 0 and 1, got nan"),
        ({"fold": 1}, "fold and folds go together"),
        ({"fold": 1, "folds": 1}, "expected 'folds' of 2 or more, got 1"),
        ({"fold": 6, "folds": 5}, "expected a 'fold' from 1 to 5, the number of folds, got 6"),
    ],
)
def test_rules_are_checked(arguments, message):
    with pytest.raises(DataError, match=message):
        SplitRule(**arguments)


@pytest.mark.parametrize(
    ("count", "rule"),
    [
        (4, SplitRule(fraction=0.1)),
        (4, SplitRule(fraction=0.9)),
        (1, SplitRule(every=2)),
        (0, SplitRule(every=2)),
    ],
)
def test_empty_parts_are_errors(count, rule):
    with pytest.raises(DataError, match=rf"of {count} rows leaves one part empty"):
        split_rows(np.arange(count), rule, generator())


@pytest.mark.parametrize("classes", [None, np.array(["b", "a", "a"] * 7 + ["c"] * 5)])
def test_each_row_is_in_exactly_one_fold_and_classes_are_shared_out(classes):
    rows = np.arange(26)
    folds = [
        split_rows(rows, SplitRule(fold=fold, folds=4), np.random.default_rng(5), classes)[0] for fold in range(1, 5)
    ]
    assert sorted(np.concatenate(folds)) == list(rows)
    assert sorted(map(len, folds)) == [6, 6, 7, 7]
    assert any(np.any(np.diff(fold) > 1) for fold in folds)  # not just pieces of the file
    if classes is not None:
        for name in "abc":
            counts = [np.sum(classes[fold] == name) for fold in folds]
            assert max(counts) - min(counts) <= 1
