"""The error function against the C library's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mytorch.ops import special


def test_erf_is_within_two_units_in_the_last_place():
    x = np.concatenate([np.linspace(-7, 7, 20001), np.logspace(-300, 0, 3001), [1.0, -1.0, 6.0, np.nextafter(1.0, 2)]])
    exact = np.array([math.erf(v) for v in x])
    assert (np.abs(special.erf(np, x) - exact) <= 2 * np.spacing(np.abs(exact))).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_erf_keeps_shape_and_type(dtype):
    for shape in [(), (0,), (2, 3)]:
        out = special.erf(np, np.ones(shape, dtype))
        assert (out.shape, out.dtype) == (shape, dtype)


def test_erf_limits():
    found = special.erf(np, np.array([np.nan, np.inf, -np.inf, -0.0, 1e300]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [1.0, -1.0, 0.0, 1.0]
    assert np.signbit(found[3])
