"""Functions of one number: rules of types, special values, accuracy. Values in general are in test_values.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mytorch as torch

REAL = [
    "exp",
    "expm1",
    "exp2",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "sigmoid",
]
SAME = ["neg", "abs", "square", "relu", "sign", "floor", "ceil", "trunc", "round"]


@pytest.mark.parametrize("name", REAL)
def test_integers_and_booleans_become_the_default_float(name):
    for dtype in (torch.int64, torch.uint8, torch.bool):
        assert getattr(torch, name)(torch.tensor([1, 0], dtype=dtype)).dtype is torch.float32
    torch.set_default_dtype(torch.float64)
    assert getattr(torch, name)(torch.tensor([1])).dtype is torch.float64


@pytest.mark.parametrize("name", REAL + SAME)
def test_floats_keep_their_type_and_numbers_stay_arrays(name):
    for dtype in (torch.float16, torch.float32, torch.float64):
        for value in (0.5, [0.5], [[0.5, 0.25]]):
            out = getattr(torch, name)(torch.tensor(value, dtype=dtype))
            assert out.dtype is dtype
            assert type(out.array) is np.ndarray
            assert out.shape == torch.tensor(value).shape


@pytest.mark.parametrize("name", SAME)
def test_integers_stay_integers(name):
    out = getattr(torch, name)(torch.tensor([3, -2]))
    assert out.dtype is torch.int64
    assert out.tolist() == {"neg": [-3, 2], "abs": [3, 2], "square": [9, 4], "relu": [3, 0], "sign": [1, -1]}.get(
        name, [3, -2]
    )


def test_whole_numbers_are_copied_by_rounding():
    x = torch.tensor([1, 2])
    assert not np.shares_memory(x.round().numpy(), x.numpy())


@pytest.mark.parametrize("name", ["neg", "abs", "relu", "floor", "ceil", "trunc", "round", "positive"])
def test_booleans_are_refused(name):
    with pytest.raises(RuntimeError, match=r"bool|Boolean"):
        getattr(torch, name)(torch.tensor([True]))


def test_special_values_give_no_warning_and_pytorchs_results():
    f = torch.tensor([0.0, -1.0, math.inf, -math.inf, math.nan])
    assert repr(f.log()) == "tensor([-inf, nan, inf, nan, nan])"
    assert repr(f.exp()) == "tensor([1.0000, 0.3679,    inf, 0.0000,    nan])"
    assert repr((1 / f)[:3]) == "tensor([inf, -1.,  0.])"
    assert f.sign().tolist() == [0.0, -1.0, 1.0, -1.0, 0.0]
    assert torch.sigmoid(torch.tensor([-1e4, 1e4, -200.0])).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_sigmoid_of_any_size_is_finite(dtype):
    x = torch.tensor([-3e4, -100.0, -10.0, 0.0, 10.0, 100.0, 3e4], dtype=dtype, requires_grad=True)
    y = x.sigmoid()
    y.sum().backward()
    assert bool(y.isfinite().all())
    assert bool(x.grad.isfinite().all())


@given(st.floats(-6, 6))
def test_erf_is_the_standard_librarys(x):
    assert torch.erf(torch.tensor(x, dtype=torch.float64)).item() == pytest.approx(math.erf(x), rel=4e-16, abs=5e-324)


def test_log10_of_powers_of_ten_is_exact():
    assert torch.log10(torch.tensor([1.0, 10.0, 100.0, 1000.0, 1e4, 1e5])).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_halves_round_to_even_and_decimals():
    assert torch.round(torch.tensor([0.5, 1.5, 2.5, -0.5])).tolist() == [0.0, 2.0, 2.0, 0.0]
    assert torch.round(torch.tensor([1234.5]), decimals=-2).tolist() == [1200.0]


def test_gradients_at_kinks():
    x = torch.tensor([0.0, -0.0], requires_grad=True)
    for function in (torch.abs, torch.relu):
        (g,) = torch.autograd.grad(function(x).sum(), x)
        assert g.tolist() == [0.0, 0.0]


def test_what_is_no_tensor_is_refused():
    for value in (1.0, None, "a", [1.0], np.ones(2)):
        with pytest.raises(TypeError, match=r"exp\(\): argument must be Tensor"):
            torch.exp(value)


def test_inverting_floats_is_refused():
    with pytest.raises(TypeError, match="invert"):
        ~torch.ones(1)
    with pytest.raises(NotImplementedError):
        torch.bitwise_not(torch.ones(1))
