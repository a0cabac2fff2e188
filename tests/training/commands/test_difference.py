"""How two arrays differ: bit for bit, NaN, signs of zero, other shapes."""

from __future__ import annotations

import numpy as np
import pytest

from mytorch.training.commands.difference import Difference, differences_of


def lines(a, b) -> list[str]:
    (difference,) = differences_of({"x": a}, {"x": b})
    return difference.lines()


def test_equal_bits_are_no_difference():
    values = np.array([1.0, np.nan, -0.0])
    assert differences_of({"x": values}, {"x": values.copy()}) == []


def test_a_sign_of_zero_is_one():
    assert lines(np.array([0.0, 1.0]), np.array([-0.0, 1.0])) == [
        "x, (2,) float64: 1 of 2 numbers differ, by 0 at most",
        "  at (0,): 0.0 | -0.0",
    ]


def test_the_largest_comes_last_unless_it_is_among_the_first():
    a = np.zeros((2, 4), np.float32)
    b = a + np.array([[0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]], np.float32)
    assert lines(a, b) == [
        "x, (2, 4) float32: 8 of 8 numbers differ, by 0.7 at most",
        "  at (0, 0): 0.0 | 0.1",
        "  at (0, 1): 0.0 | 0.1",
        "  at (0, 2): 0.0 | 0.1",
        "  at (1, 2): 0.0 | 0.7 (the largest)",
    ]
    assert len(lines(a, np.where(b == b.max(), 0, b))) == 4


def test_nan_is_as_far_as_can_be():
    data = differences_of({"x": np.array([1.0, 5.0])}, {"x": np.array([2.0, np.nan])})[0].to_data()
    assert data["largest"]["index"] == (1,)
    assert np.isnan(data["largest_difference"])


def test_integers_have_no_distance():
    data = differences_of({"x": np.array([1, 5])}, {"x": np.array([1, 6])})[0].to_data()
    assert (data["count"], data["first"]) == (1, [{"index": (1,), "values": [5, 6]}])
    assert "largest" not in data


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (np.zeros(3), "x: (2,) float64 | (3,) float64"),
        (np.zeros(2, np.float32), "x: (2,) float64 | (2,) float32"),
        (None, "x: (2,) float64 | not there"),
    ],
)
def test_other_kinds(other, text):
    right = {} if other is None else {"x": other}
    (difference,) = differences_of({"x": np.zeros(2)}, right)
    assert difference.lines() == [text]
    assert "count" not in difference.to_data()


def test_the_order_is_that_of_the_left_side():
    left, right = {"b": np.zeros(1), "a": np.zeros(1)}, {"c": np.ones(1), "a": np.ones(1)}
    assert [difference.name for difference in differences_of(left, right)] == ["b", "a", "c"]


def test_a_number_without_dimensions_and_a_copy():
    difference = Difference("x", (np.array(1.0), np.array(2.0)))
    copied = difference.copy()
    difference.arrays[0][...] = 7  # type: ignore[index]
    assert copied.lines()[1] == "  at (): 1.0 | 2.0"
