"""Element types: names, limits and promotion."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytorch.backend import dtypes

types = st.sampled_from([d.numpy for d in dtypes.ALL])


def test_names_and_properties():
    assert [repr(d) for d in (dtypes.float32, dtypes.bool_, dtypes.complex64)] == [
        "torch.float32",
        "torch.bool",
        "torch.complex64",
    ]
    assert (dtypes.half, dtypes.double, dtypes.long, dtypes.short) == (
        dtypes.float16,
        dtypes.float64,
        dtypes.int64,
        dtypes.int16,
    )
    assert [d.is_floating_point for d in (dtypes.float16, dtypes.int8, dtypes.complex64)] == [True, False, False]
    assert [d.is_signed for d in (dtypes.float16, dtypes.int8, dtypes.uint8, dtypes.bool_)] == [
        True,
        True,
        False,
        False,
    ]
    assert dtypes.complex64.is_complex
    assert dtypes.float64.to_complex() is dtypes.complex128
    assert dtypes.complex64.to_real() is dtypes.float32
    assert dtypes.int16.itemsize == 2


def test_every_type_exists_once():
    assert copy.copy(dtypes.float32) is copy.deepcopy(dtypes.float32) is dtypes.float32
    for d in dtypes.ALL:
        assert dtypes.of(d.numpy) is d
        assert dtypes.to_numpy(d) is d.numpy


def test_what_stands_for_a_type():
    for value, expected in (
        (float, "float64"),
        (int, "int64"),
        (bool, "bool"),
        (complex, "complex128"),
        (np.float32, "float32"),
        (np.dtype("int8"), "int8"),
    ):
        assert dtypes.of(dtypes.to_numpy(value)).name == expected
    for value in ("float32", None, 3, str):
        with pytest.raises(TypeError, match=r"dtype must be a torch.dtype"):
            dtypes.to_numpy(value)
    with pytest.raises(TypeError, match="can't convert a NumPy array of type uint16"):
        dtypes.of(np.dtype(np.uint16))


@given(types, types)
def test_promotion_is_symmetric_and_holds_both(a, b):
    common = dtypes.promote(a, b)
    assert common == dtypes.promote(b, a)
    assert dtypes.CATEGORY[common.kind] == max(dtypes.CATEGORY[a.kind], dtypes.CATEGORY[b.kind])
    assert dtypes.promote(a, a) == a
    if a.kind in "iu" and b.kind == "f":
        assert common == b  # an integer never widens a float


@given(types, types, types)
def test_promotion_does_not_depend_on_the_order(a, b, c):
    left = dtypes.promote(dtypes.promote(a, b), c)
    if {a.kind, b.kind, c.kind} <= {"f", "c", "b"}:
        assert left == dtypes.promote(a, dtypes.promote(b, c))


def test_ranks():
    vector, scalar = np.zeros(2, np.float32), np.zeros((), np.float64)
    assert dtypes.common_dtype(vector, scalar) == np.float32
    assert dtypes.common_dtype(scalar, vector.astype(np.int8)) == np.float64
    assert dtypes.common_dtype(vector.astype(np.int8), 2.5) == np.float32
    assert dtypes.common_dtype(scalar, 2.5) == np.float64
    assert dtypes.common_dtype(vector, 1j) == np.complex64
    assert dtypes.common_dtype(True, 2) == np.int64
    with pytest.raises(TypeError, match="expected a number, got str"):
        dtypes.common_dtype(vector, "a")


def test_casts():
    assert dtypes.can_cast(dtypes.int64, dtypes.float16)
    assert not dtypes.can_cast(dtypes.float16, dtypes.int64)
    assert not dtypes.can_cast(dtypes.int8, dtypes.bool_)


def test_limits():
    assert repr(dtypes.finfo(dtypes.float16)) == (
        "finfo(resolution=0.001, min=-65504, max=65504, eps=0.000976562, smallest_normal=6.10352e-05, tiny=6.10352e-05, dtype=float16)"
    )
    assert dtypes.finfo().dtype == "float32"
    assert dtypes.iinfo(dtypes.uint8).max == 255
    assert repr(dtypes.iinfo(dtypes.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    with pytest.raises(TypeError, match="iinfo"):
        dtypes.finfo(dtypes.int8)
    with pytest.raises(TypeError, match="finfo"):
        dtypes.iinfo(dtypes.float16)
