"""Formulas block by block give what they give at once, whatever the layout, also where blocks do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from mytorch.backend import blocks

R = np.random.default_rng(0)


def both(out, more, x, y):
    np.multiply(x, y, out=out)
    np.add(x, y, out=more)


LAYOUTS = {
    "in order": lambda x: x,
    "channels last": lambda x: np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1),
    "reversed": lambda x: np.ascontiguousarray(x.T).T,
    "with gaps": lambda x: np.repeat(x, 2, axis=2)[..., ::2],
}


@pytest.mark.parametrize("numbers", [7, 64, 10**6])
@pytest.mark.parametrize("first", LAYOUTS)
@pytest.mark.parametrize("second", LAYOUTS)
def test_elementwise(first, second, numbers, monkeypatch):
    monkeypatch.setattr(blocks, "NUMBERS", numbers)
    x, y = R.standard_normal((5, 3, 4)).astype(np.float32), R.standard_normal((5, 3, 4)).astype(np.float32)
    product, total = blocks.elementwise(both, LAYOUTS[first](x), LAYOUTS[second](y), results=2)
    np.testing.assert_array_equal(product, x * y)
    np.testing.assert_array_equal(total, x + y)
    assert product.dtype == np.float32
    if first != "with gaps":
        assert product.strides == LAYOUTS[first](x).strides


@pytest.mark.parametrize("numbers", [1, 8, 10**6])
def test_rows(numbers, monkeypatch):
    monkeypatch.setattr(blocks, "NUMBERS", numbers)
    x, out, sums = R.standard_normal((9, 4)), np.empty((9, 4)), np.empty(9)

    def kernel(x, out, sums):
        np.negative(x, out=out)
        sums[...] = x.sum(1)

    blocks.rows(kernel, x, out, sums)
    np.testing.assert_array_equal(out, -x)
    np.testing.assert_allclose(sums, x.sum(1))


def test_every_block_is_worked_on_once():
    seen = []
    blocks.over(lambda part: seen.append((part.start, part.stop)), 100, 7)
    assert seen == [(first, first + 7) for first in range(0, 100, 7)]
    blocks.over(seen.clear, 0, 7)
    assert seen
