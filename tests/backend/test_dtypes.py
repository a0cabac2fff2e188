"""Element types: names, limits and promotion."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytorch.backend import dtypes

types = st.sampled_from([d.numpy for d in dtypes.PROMOTED])


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
    with pytest.raises(TypeError, match=r"can't convert np.ndarray of type numpy.str_. The only supported"):
        dtypes.of(np.dtype("U1"))


def test_wide_unsigned_integers_have_no_promotion_among_integers():
    assert dtypes.promote_types(dtypes.uint16, dtypes.uint16) is dtypes.uint16
    assert dtypes.promote_types(dtypes.uint32, dtypes.float16) is dtypes.float16
    for other in (dtypes.bool_, dtypes.uint8, dtypes.int64, dtypes.uint64, dtypes.complex64):
        with pytest.raises(RuntimeError, match="Promotion for uint16, uint32, uint64 types is not supported"):
            dtypes.promote_types(dtypes.uint16, other)


@given(st.integers(-(2**70), 2**70), st.sampled_from([d.numpy for d in dtypes.ALL if d.numpy.kind in "iu"]))
def test_whole_numbers_fit_or_are_refused(value, dtype):
    limits = np.iinfo(dtype)
    if (limits.min if limits.min else -limits.max) <= value <= limits.max:
        assert int(dtypes.fitted(value, dtype)) == value % 2**limits.bits - (
            2**limits.bits if value < 0 > limits.min else 0
        )
    else:
        with pytest.raises(RuntimeError, match=f"type {dtype} without overflow"):
            dtypes.fitted(value, dtype)


def test_other_numbers_fit_or_are_refused():
    f16, f32, i8, b = (np.dtype(t) for t in (np.float16, np.float32, np.int8, np.bool_))
    assert dtypes.fitted(2.9, i8) == 2
    assert dtypes.fitted(-0.9, i8) == 0
    assert dtypes.fitted(3 + 0j, f32) == 3
    assert np.isinf(dtypes.fitted(float("inf"), f16))
    assert dtypes.fitted(0.5, b) == np.True_
    for value, dtype in ((1e5, f16), (1e39, f32), (1j, f32), (float("nan"), i8), (float("inf"), i8), (128, i8)):
        with pytest.raises(RuntimeError, match="without overflow"):
            dtypes.fitted(value, dtype)


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
