"""Samplers: which indices they give, and how often. That orders are PyTorch's is in test_loader.py."""

from __future__ import annotations

from collections import Counter

import pytest

import mytorch
from mytorch.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def generator(seed=0):
    return mytorch.Generator().manual_seed(seed)


def test_sequential():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert len(SequentialSampler("abc")) == 3


def test_random_without_replacement():
    sampler = RandomSampler(range(50))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert Counter(RandomSampler(range(5), num_samples=12)).most_common()[0][1] == 3
    assert len(RandomSampler(range(5), num_samples=12)) == 12


def test_random_follows_a_growing_data_source():
    source = [0, 1]
    sampler = RandomSampler(source)
    source.append(2)
    assert sorted(sampler) == [0, 1, 2]
    assert len(sampler) == 3


def test_random_with_replacement():
    drawn = list(RandomSampler(range(3), replacement=True, num_samples=100, generator=generator()))
    assert len(drawn) == 100
    assert set(drawn) == {0, 1, 2}


def test_own_generator_decides():
    assert list(RandomSampler(range(9), generator=generator(3))) == list(
        RandomSampler(range(9), generator=generator(3))
    )
    state = mytorch.get_rng_state().tolist()
    list(RandomSampler(range(9), generator=generator(3)))
    assert mytorch.get_rng_state().tolist() == state


def test_subset():
    sampler = SubsetRandomSampler([5, 7, 9], generator())
    assert sorted(sampler) == [5, 7, 9]
    assert len(sampler) == 3


def test_weighted():
    counts = Counter(WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=generator()))
    assert counts[0] == 0
    assert abs(counts[2] - 3000) < 5 * (4000 * 0.75 * 0.25) ** 0.5
    sampler = WeightedRandomSampler(mytorch.tensor([1.0, 2.0]), 2, replacement=False)
    assert sorted(sampler) == [0, 1]
    assert len(sampler) == 2
    assert sampler.weights.dtype == mytorch.float64


def test_batches():
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert list(BatchSampler(range(4), 2, True)) == [[0, 1], [2, 3]]
    assert [len(BatchSampler(range(5), 2, drop)) for drop in (False, True)] == [3, 2]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: iter(Sampler()), NotImplementedError, "should implement __iter__"),
        (
            lambda: RandomSampler([]),
            ValueError,
            "num_samples should be a positive integer value, but got num_samples=0",
        ),
        (lambda: RandomSampler([1], replacement=1), TypeError, "replacement should be a boolean value"),
        (
            lambda: WeightedRandomSampler([1.0], 0),
            ValueError,
            "num_samples should be a positive integer value",
        ),
        (
            lambda: WeightedRandomSampler([1.0], True),
            ValueError,
            "num_samples should be a positive integer value",
        ),
        (lambda: WeightedRandomSampler([1.0], 1, 1), ValueError, "replacement should be a boolean value"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"given weights have shape \(1, 1\)"),
        (lambda: BatchSampler([], 0, False), ValueError, "batch_size should be a positive integer value"),
        (
            lambda: BatchSampler([], 1, None),
            ValueError,
            "drop_last should be a boolean value, but got drop_last=None",
        ),
    ],
)
def test_arguments_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()
