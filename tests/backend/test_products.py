"""Products are NumPy's to rounding, and have the same bits on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

from mytorch.backend import products, threads

LARGE = [
    ((128, 784), (784, 256)), ((1000, 300), (300, 70)), ((70, 300), (300, 1000)), ((513, 129), (129, 511)),
    ((33, 4000), (4000, 200)), ((64, 64, 64), (64, 64, 128)), ((16, 4, 64, 80), (16, 4, 80, 100)),
    ((16, 1, 64, 80), (16, 4, 80, 200)),
]  # fmt: skip


@pytest.fixture
def on_threads():
    """Calls a function on so many threads."""
    before = threads.get_count()

    def call(count, function, *arguments):
        threads.set_count(count)
        return function(*arguments)

    yield call
    threads.set_count(before)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize(("x", "y"), LARGE)
def test_the_same_bits_on_any_number_of_threads(x, y, dtype, on_threads):
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=x).astype(dtype), draw.normal(size=y).astype(dtype)
    turned = np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2)
    for first, second in ((a, b), (turned, b), (a, np.asfortranarray(b))):
        expected = on_threads(1, products.matmul, first, second)
        exact = np.matmul(first.astype("d"), second.astype("d"))
        np.testing.assert_allclose(expected, exact, rtol=1e-4, atol=1e-3 if dtype == "f" else 1e-10)
        for count in (1, 2, 3, 8):
            out = np.full_like(expected, np.nan)
            np.testing.assert_array_equal(on_threads(count, products.matmul, first, second), expected)
            assert on_threads(count, products.matmul, first, second, out) is out
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, bool, np.complex64])
def test_other_types_and_shapes_are_numpys(dtype):
    a, b = np.ones((300, 300), dtype), np.ones((300, 300), dtype)
    np.testing.assert_array_equal(products.matmul(a, b), np.matmul(a, b))
    for x, y in (((3,), (3,)), ((2, 3), (3,)), ((5, 2, 3), (3, 2)), ((0, 3), (3, 2)), ((400, 0), (0, 400))):
        a, b = np.ones(x), np.ones(y)
        np.testing.assert_array_equal(products.matmul(a, b), np.matmul(a, b))


def test_shapes_that_do_not_fit_are_numpys_error():
    with pytest.raises(ValueError, match="mismatch"):
        products.matmul(np.ones((512, 300)), np.ones((301, 512)))
