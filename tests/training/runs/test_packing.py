"""What goes into a checkpoint comes back equal to the bit and of the same types."""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mytorch
from mytorch.training.runs.packing import pack, unpack

KEYS = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.tuples(st.integers(), st.text(max_size=2))
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


def there_and_back(tree):
    arrays, document = pack(tree)
    return unpack(arrays, json.loads(json.dumps(document)))


def same(a, b) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a, b)) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@settings(max_examples=200, deadline=None)
@given(TREES)
def test_plain_values(tree) -> None:
    assert same(there_and_back(tree), tree)


def test_dicts_of_all_kinds() -> None:
    tree = {"counter": Counter([5, 2, 5]), "ordered": OrderedDict(b=1, a=2), 0: {1.5: (2, (3,))}}
    assert same(there_and_back(tree), tree)
    state = defaultdict(dict)
    state[3]["step"] = 1
    assert there_and_back(state) == {3: {"step": 1}}


def test_arrays_tensors_and_numbers_of_numpy() -> None:
    shared = np.arange(6, dtype=np.float32).reshape(2, 3)
    tree = {"a": shared, "b": [shared, mytorch.tensor([1.5, math.nan])], "c": np.float64(0.1), "d": np.array(True)}
    arrays, _ = pack(tree)
    assert len(arrays) == 4
    back = there_and_back(tree)
    assert (back["a"] == shared).all()
    assert back["a"].dtype == np.float32
    assert back["b"][0] is back["a"]
    assert isinstance(back["b"][1], mytorch.Tensor)
    assert back["b"][1].array.tobytes() == tree["b"][1].array.tobytes()
    assert type(back["c"]) is np.float64
    assert back["c"] == 0.1
    assert back["d"].shape == ()
    assert math.isnan(there_and_back({"x": math.nan})["x"])


def test_names_that_collide() -> None:
    tree = {"a": {"b": np.zeros(1)}, "a.b": np.ones(2), 1: np.zeros(3), "1": np.zeros(4)}
    back = there_and_back(tree)
    assert [len(back["a"]["b"]), len(back["a.b"]), len(back[1]), len(back["1"])] == [1, 2, 3, 4]


@pytest.mark.parametrize("value", [object(), {1, 2}, len, b"bytes", 1j])
def test_what_cannot_be_kept_is_named(value) -> None:
    with pytest.raises(TypeError, match=r"optimizer\.state\.0: a checkpoint cannot hold"):
        pack({"optimizer": {"state": [value]}})
