"""Numbers as 0-d operands: of the array's type, kept, and never confused with one another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mytorch.backend import scalars


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [2, 0.1, -1e300, 1e-300, math.inf])
def test_a_number_takes_the_arrays_type_and_is_kept(number, dtype):
    array = np.ones(3, dtype)
    operand = scalars.as_operand(number, array)
    assert (operand.dtype, operand.shape) == (dtype, ())
    np.testing.assert_array_equal(array * operand, array * number)
    assert scalars.as_operand(number, array) is operand


def test_zeros_keep_their_signs():
    array = np.ones(2)
    for number in (0.0, -0.0, 0, -0.0, 0.0):
        assert math.copysign(1, scalars.as_operand(number, array)) == math.copysign(1, number)


def test_nan_does_not_pile_up():
    array = np.ones(2)
    before = len(scalars._float64)
    for _ in range(5):
        assert np.isnan(scalars.as_operand(float("nan"), array))
    assert len(scalars._float64) == before


def test_the_memory_for_numbers_is_bounded():
    array = np.ones(2, np.float32)
    for i in range(2 * scalars.ROOM):
        scalars.as_operand(i + 0.5, array)
    assert len(scalars._float32) <= scalars.ROOM


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex64])
def test_other_types_leave_the_number_to_numpy(dtype):
    assert scalars.as_operand(3, np.ones(2, dtype)) == 3
    assert type(scalars.as_operand(3, np.ones(2, dtype))) is int
