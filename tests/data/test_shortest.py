"""The shortest decimals of float32 numbers: each is read back as the same number, and none is shorter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytorch.data.shortest import shortest_decimals

LISTS = {
    "halves of powers of two": 2.0 ** np.arange(-40, 40),
    "just below powers of two": np.nextafter(2.0 ** np.arange(-20, 40, dtype=np.float32), np.float32(0)),
    "powers of ten": 10.0 ** np.arange(-8, 12),
    "just below powers of ten": np.nextafter(10.0 ** np.arange(-8, 12, dtype=np.float32), np.float32(0)),
    "whole": np.arange(-50, 50),
    "of many sizes": 10 ** np.random.default_rng(0).uniform(-10, 12, 20_000),
    "of one size": np.random.default_rng(1).normal(22, 9, 20_000),
    "probabilities": np.random.default_rng(2).random(20_000),
}


def digits(text: str) -> str:
    """The digits that count, without point, exponent and the zeros around them."""
    return text.lstrip("-").partition("e")[0].replace(".", "").strip("0")


@pytest.mark.parametrize("name", LISTS)
def test_numpys_digits(name):
    values = LISTS[name].astype(np.float32)
    texts = [text.decode() for text in shortest_decimals(values)]
    np.testing.assert_array_equal(np.array(texts, dtype=np.float64).astype(np.float32), values)
    assert list(map(digits, texts)) == [digits(str(value)) for value in values]


@given(st.lists(st.floats(width=32), max_size=20))
def test_any_float32_comes_back(numbers):
    values = np.array(numbers, dtype=np.float32)
    texts = shortest_decimals(values)
    back = np.array([float(text) for text in texts], dtype=np.float32)
    np.testing.assert_array_equal(back, values)
    assert (np.signbit(back) == np.signbit(values))[~np.isnan(values)].all()


def test_how_they_are_written():
    values = [0.0, -0.0, 1, -2.5, 1234567.0, 1.1e-4, 9.9e-5, 3e20, np.inf, -np.inf, np.nan, 0.1]
    assert [text.decode() for text in shortest_decimals(np.array(values))] == [
        "0.0", "-0.0", "1.0", "-2.5", "1234567.0", "0.00011", "9.9e-05", "3e+20", "inf", "-inf", "nan", "0.1",
    ]  # fmt: skip


def test_nothing_and_float64():
    assert shortest_decimals(np.zeros(0)) == []
    assert shortest_decimals(np.array([0.1, 1e300])) == [b"0.1", b"inf"]
