"""Batches of samples: what is joined, what keeps its kind, and what cannot be joined."""

from __future__ import annotations

import types
from collections import OrderedDict, UserList, namedtuple

import numpy as np
import pytest

import mytorch
from mytorch.data.collate import default_collate, default_convert

Point = namedtuple("Point", "x y")


class Tagged(dict):
    """A mapping that carries more than its entries."""

    tag = ""


class Stubborn(UserList):
    """A sequence that cannot be written to."""

    def __setitem__(self, index, value):
        raise TypeError("read only")


@pytest.mark.parametrize(
    ("batch", "dtype", "values"),
    [
        ([1, 2], mytorch.int64, [1, 2]),
        ([1, 2.5], mytorch.float32, [1.0, 2.5]),
        ([1.5, 2], mytorch.float64, [1.5, 2.0]),
        ([True, False], mytorch.bool, [True, False]),
        ([np.float32(1), np.float32(2)], mytorch.float32, [1.0, 2.0]),
        ([np.float64(1), np.float64(2)], mytorch.float64, [1.0, 2.0]),
        ([np.bool_(True), np.bool_(False)], mytorch.bool, [True, False]),
        ([np.array([1, 2], np.int16)] * 2, mytorch.int16, [[1, 2], [1, 2]]),
        ([mytorch.ones(2), mytorch.zeros(2)], mytorch.float32, [[1.0, 1.0], [0.0, 0.0]]),
    ],
)
def test_numbers_arrays_and_tensors_become_one_tensor(batch, dtype, values):
    result = default_collate(batch)
    assert result.dtype == dtype
    assert result.tolist() == values


def test_text_stays():
    assert default_collate(["a", "b"]) == ["a", "b"]
    assert default_collate((b"a", b"b")) == (b"a", b"b")


def test_containers_are_joined_entry_by_entry():
    pair = default_collate([(1, "a"), (2, "b")])
    assert type(pair) is list
    assert pair[0].tolist() == [1, 2]
    assert pair[1] == ("a", "b")
    point = default_collate([Point(1, 2.0), Point(3, 4.0)])
    assert type(point) is Point
    assert point.y.tolist() == [2.0, 4.0]
    mapping = default_collate([OrderedDict(b=1, a=[1, 2]), OrderedDict(b=2, a=[3, 4])])
    assert type(mapping) is OrderedDict
    assert list(mapping) == ["b", "a"]
    assert [entry.tolist() for entry in mapping["a"]] == [[1, 3], [2, 4]]


def test_containers_keep_what_else_they_carry():
    sample = Tagged(a=1)
    sample.tag = "kept"
    assert default_collate([sample, Tagged(a=2)]).tag == "kept"
    assert sample["a"] == 1


def test_containers_that_cannot_be_rebuilt_become_plain():
    assert [entry.tolist() for entry in default_collate([range(2), range(2)])] == [[0, 0], [1, 1]]
    frozen = types.MappingProxyType({"a": 1})
    assert default_collate([frozen, frozen])["a"].tolist() == [1, 1]
    assert type(default_collate([Stubborn([1]), Stubborn([2])])) is list


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (
            [None, None],
            TypeError,
            "must contain tensors, numpy arrays, numbers, dicts or lists; found <class 'NoneType'>",
        ),
        ([np.array(["a"])], TypeError, "found <U1"),
        ([[1, 2], [3]], RuntimeError, "each element in list of batch should be of equal size"),
        ([2**70, 1], ValueError, "must fit into int64, got"),
        ([1, "a"], ValueError, "must fit into int64, got"),
        ([np.zeros(2), np.zeros(3)], RuntimeError, "stack expects each tensor to be equal size"),
    ],
)
def test_what_cannot_be_joined(batch, error, message):
    with pytest.raises(error, match=message):
        default_collate(batch)


def test_convert_turns_arrays_into_tensors_and_nothing_else():
    array = np.array([1.0, 2.0])
    result = default_convert({"a": array, "b": ["x", np.int64(3)], "c": (1, None), "d": Point(array, b"y")})
    assert result["a"].numpy() is array
    assert result["b"][0] == "x"
    assert result["b"][1].tolist() == 3
    assert result["c"] == [1, None]
    assert type(result["d"]) is Point
    assert type(result["d"].x) is mytorch.Tensor
    names = np.array(["a"])
    assert default_convert(names) is names
