"""`maximum` with a number: NumPy's results, bit for bit and in NumPy's memory layout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytorch.backend import extremes

SIZES = [0, 1, extremes.FEW - 1, extremes.FEW, extremes.MANY, extremes.MANY + 1, 3 * extremes.RUN + 5]


@given(
    size=st.sampled_from(SIZES) | st.integers(0, 50_000),
    number=st.sampled_from([0.0, -0.0, 1.0, -2.5, float("inf")]),
    dtype=st.sampled_from(["f", "d", "e"]),
    seed=st.integers(0, 100),
)
def test_equal_to_numpy(size: int, number: float, dtype: str, seed: int) -> None:
    x = np.random.default_rng(seed).normal(0, 3, size).astype(dtype)
    x[::7] = np.nan
    x[3::11] = -np.inf
    found, expected = extremes.maximum(x, number), np.maximum(x, np.asarray(number, dtype))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[found == 0]), np.signbit(expected[found == 0]))
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("shape", [(8, 3, 5, 7), (16, 8, 20, 20)])
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_keeps_the_order_of_memory(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape).transpose(axes)
    for view in (x, x[:, ::2], x[..., 1:], np.broadcast_to(x[:1], x.shape)):
        found, expected = extremes.maximum(view, 0), np.maximum(view, 0)
        np.testing.assert_array_equal(found, expected)
        assert found.strides == expected.strides
