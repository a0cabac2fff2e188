"""Data sets and their combinations: samples, lengths, batches at one go, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch
from mytorch.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


class Squares(Dataset):
    def __getitem__(self, index):
        return index * index

    def __len__(self):
        return 4


class Batched(Squares):
    def __getitems__(self, indices):
        return [100 + index for index in indices]


class Short(Squares):
    def __getitems__(self, indices):
        return []


class Count(IterableDataset):
    def __iter__(self):
        return iter(range(3))

    def __len__(self):
        return 3


def test_tensors():
    dataset = TensorDataset(mytorch.arange(6).reshape(3, 2), mytorch.arange(3))
    assert len(dataset) == 3
    assert [part.tolist() for part in dataset[1]] == [[2, 3], 1]
    assert [part.tolist() for part in dataset[1:]] == [[[2, 3], [4, 5]], [1, 2]]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(mytorch.ones(2), mytorch.ones(3))
    with pytest.raises(TypeError, match=r"expects tensors, got ndarray; see mytorch\.as_tensor"):
        TensorDataset(np.ones(2))


def test_base_classes_have_to_be_filled_in():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="abstract"):
        IterableDataset()


def test_concatenation():
    dataset = Squares() + ConcatDataset([range(10, 12), "x"])
    assert len(dataset) == 7
    assert [dataset[index] for index in range(7)] == [0, 1, 4, 9, 10, 11, "x"]
    assert dataset[-7] == 0
    assert list(ConcatDataset([range(2), range(2)])) == [0, 1, 0, 1]
    with pytest.raises(IndexError, match="index 7 is out of range for 7 samples"):
        dataset[7]
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        dataset[-8]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Count()])


def test_chains():
    assert list(Count() + Count()) == [0, 1, 2, 0, 1, 2]
    assert len(ChainDataset([Count(), Count()])) == 6
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([Squares()]))


def test_subsets():
    subset = Subset(Squares(), [3, 1])
    assert len(subset) == 2
    assert [subset[0], subset[1]] == [9, 1]
    assert subset.__getitems__([1, 0]) == [1, 9]
    assert Subset(Batched(), [3, 1]).__getitems__([1, 0]) == [101, 103]
    assert Subset(Subset(Batched(), [3, 1]), [1]).__getitems__([0]) == [101]
    assert Subset(np.array([5, 6, 7]), [2, 0])[[0, 1]].tolist() == [7, 5]
    with pytest.raises(ValueError, match="returned 0 samples for 2 indices"):
        Subset(Short(), [3, 1]).__getitems__([0, 1])


def test_a_subset_that_would_be_bypassed_is_refused():
    class Half(Subset):
        def __getitem__(self, index):
            return 0

    class Whole(Half):
        def __getitems__(self, indices):
            return [self[index] for index in indices]

    with pytest.raises(NotImplementedError, match="Half overrides __getitem__ but not __getitems__"):
        Half(Squares(), [0])
    assert Whole(Squares(), [0]).__getitems__([0]) == [0]


def test_stacks():
    by_position = StackDataset(Squares(), Batched())
    assert by_position[2] == (4, 4)
    assert by_position.__getitems__([2, 3]) == [(4, 102), (9, 103)]
    by_name = StackDataset(a=Squares(), b=Batched())
    assert by_name[3] == {"a": 9, "b": 9}
    assert by_name.__getitems__([3]) == [{"a": 9, "b": 103}]
    assert len(by_name) == len(by_position) == 4
    with pytest.raises(ValueError, match="got both"):
        StackDataset(Squares(), b=Squares())
    with pytest.raises(ValueError, match="At least one dataset"):
        StackDataset()
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        StackDataset(Squares(), range(3))


def test_random_split():
    parts = random_split(range(10), [3, 7], mytorch.Generator().manual_seed(1))
    assert [len(part) for part in parts] == [3, 7]
    assert sorted(index for part in parts for index in part.indices) == list(range(10))
    assert [len(part) for part in random_split(range(11), [0.25] * 4)] == [3, 3, 3, 2]
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        assert [len(part) for part in random_split(range(1), [0.5, 0.5])] == [1, 0]
    with pytest.raises(ValueError, match="Sum of input lengths does not equal the length of the input dataset!"):
        random_split(range(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(range(10), [1.5, -0.5])
