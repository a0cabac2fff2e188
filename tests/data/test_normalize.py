"""Normalising columns: the formulas, the way back, columns that do not vary, and saving."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mytorch.data.normalize import Normalizer
from mytorch.data.table import DataError

VALUES = np.array([[1.0, -2.0, 0.1], [2.0, 6.0, 0.1], [6.0, 2.0, 0.1]])


def test_minmax():
    normalizer = Normalizer.fit("minmax", VALUES)
    np.testing.assert_allclose(normalizer.apply(VALUES), [[0, 0, 0], [0.2, 1, 0], [1, 0.5, 0]])
    np.testing.assert_allclose(normalizer.apply(np.array([[11.0, -10.0, 1.1]])), [[2, -1, 1]])


def test_standard_divides_by_n():
    normalizer = Normalizer.fit("standard", VALUES)
    np.testing.assert_allclose(normalizer.shift, [3, 2, 0.1])
    np.testing.assert_allclose(normalizer.scale, [np.sqrt(14 / 3), np.sqrt(32 / 3), 1])
    result = normalizer.apply(VALUES)
    np.testing.assert_allclose(result.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(result.std(axis=0), [1, 1, 0])


def test_none_changes_nothing():
    normalizer = Normalizer.fit("none", VALUES)
    np.testing.assert_array_equal(normalizer.apply(VALUES), VALUES)
    np.testing.assert_array_equal(normalizer.invert(VALUES), VALUES)


@pytest.mark.parametrize("kind", ["minmax", "standard"])
def test_a_constant_column_becomes_exactly_zero_and_comes_back(kind):
    values = np.full((379, 1), 0.1)  # the rounded mean of these differs from 0.1
    normalizer = Normalizer.fit(kind, values)
    assert (normalizer.apply(values) == 0).all()
    assert (normalizer.invert(np.zeros((1, 1))) == 0.1).all()


@pytest.mark.parametrize("kind", ["minmax", "standard"])
def test_columns_left_alone(kind):
    normalizer = Normalizer.fit(kind, VALUES, leave=np.array([False, True, True]))
    result = normalizer.apply(VALUES)
    np.testing.assert_array_equal(result[:, 1:], VALUES[:, 1:])
    assert abs(result[:, 0]).max() <= 2


@pytest.mark.parametrize("kind", ["none", "minmax", "standard"])
@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6, allow_subnormal=False),
    )
)
def test_invert_undoes_apply_and_saving_is_exact(kind, values):
    normalizer = Normalizer.fit(kind, values)
    result = normalizer.apply(values)
    assert np.isfinite(result).all()
    np.testing.assert_allclose(normalizer.invert(result), values, rtol=1e-12, atol=1e-9)
    loaded = Normalizer.from_dict(json.loads(json.dumps(normalizer.to_dict())))
    assert loaded.kind == normalizer.kind
    np.testing.assert_array_equal(loaded.apply(values), result)


def test_invert_takes_float32_and_gives_float64():
    normalizer = Normalizer.fit("minmax", VALUES)
    assert normalizer.invert(VALUES.astype(np.float32)).dtype == np.float64


def test_errors():
    with pytest.raises(
        DataError, match=r"expected one of none, minmax, standard, got 'minmx'; did you mean 'minmax'\?"
    ):
        Normalizer.fit("minmx", VALUES)
    with pytest.raises(DataError, match="no rows to fit on"):
        Normalizer.fit("minmax", VALUES[:0])
    for kind in ("minmax", "standard"):
        with pytest.raises(DataError, match=rf"{kind} overflows: the values reach from -1\.5e\+308 to 1\.5e\+308"):
            Normalizer.fit(kind, np.array([[-1.5e308], [1.5e308]]))


@pytest.mark.parametrize(
    "state",
    [{}, {"kind": "minmax", "shift": [1.0]}, {"kind": "x", "shift": [1.0], "scale": [1.0]}]
    + [{"kind": "minmax", "shift": shift, "scale": [1.0]} for shift in ([1.0, 2.0], 1.0, "a", None)],
)
def test_from_dict_refuses_what_was_not_saved(state):
    with pytest.raises(DataError, match="not a saved normalizer"):
        Normalizer.from_dict(state)
