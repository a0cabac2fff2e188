"""`where` gives NumPy's result to the bit: NaN and infinities, broadcasting, numbers, other types, any layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytorch.backend.selection import FEW, where


def _same(condition, x, y):
    found, expected = where(condition, x, y), np.where(condition, x, y)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)
    if found.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def _values(seed, shape, dtype):
    x = np.random.default_rng(seed).normal(0, 2, shape)
    x[np.abs(x) > 3] = np.inf
    x[np.abs(x) < 0.1] = np.nan
    x[(x > 0.1) & (x < 0.3)] = -0.0
    with np.errstate(invalid="ignore"):
        return x.astype(dtype)


NUMBERS = st.sampled_from([0, 0.0, -0.0, 1, -2.5, float("inf"), float("nan"), True])


@given(seed=st.integers(0, 1000), size=st.sampled_from([0, 1, FEW - 1, FEW, 2 * FEW + 3]), number=NUMBERS)
@pytest.mark.parametrize("dtype", ["f", "d", "e", "l", "?", "F"])
def test_numbers_and_arrays(dtype, seed, size, number):
    x, y = _values(seed, size, dtype), _values(seed + 1, size, dtype)
    condition = np.random.default_rng(seed).random(size) < 0.5
    for pair in (
        (x, y),
        (x, number),
        (number, y),
        (x, y.astype(np.result_type(dtype, "d"))),
        (number, number),
        (x, np.float32(1)),
    ):
        _same(condition, *pair)


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_broadcasting_and_layouts(dtype):
    x, y = _values(0, (8, 16, 20, 30), dtype), _values(1, (16, 1, 30), dtype)
    condition = _values(2, (8, 16, 20, 30), "d") > 0
    _same(condition, x, y)
    _same(condition[:, :1], x, y)
    _same(condition[:1], x[0], y)
    _same(condition, x[..., :1], y)
    _same(condition.transpose(0, 2, 3, 1), x.transpose(0, 2, 3, 1), 0)
    _same(condition[:, ::2], x[:, ::2], x[:, 1::2])
    _same(np.broadcast_to(condition[:1], condition.shape), x, y)
    _same(condition[..., ::-1], x, y[..., ::-1])


@pytest.mark.parametrize("dtype", ["f", "d"])
def test_nothing_but_zeros(dtype):
    condition = _values(0, FEW, "d") > 0
    zero = np.zeros((), dtype)
    _same(condition, zero, 0)
    _same(condition, 0.0, zero)
    _same(condition, zero, zero)
