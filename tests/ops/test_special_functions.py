"""Gamma, error and Bessel functions against figures recorded with 50 digits; their limits, types and identities."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.ops import bessel, error_function, gamma, incomplete_gamma

FIGURES = json.loads((Path(__file__).parents[1] / "golden" / "special_functions.json").read_text(encoding="utf-8"))
FUNCTIONS = {
    "lgamma": gamma.lgamma,
    "digamma": gamma.digamma,
    "polygamma1": lambda x: gamma.polygamma(1, x),
    "polygamma4": lambda x: gamma.polygamma(4, x),
    "zeta": gamma.zeta,
    "igamma": incomplete_gamma.igamma,
    "igammac": incomplete_gamma.igammac,
    "erfc": error_function.erfc,
    "erfcx": error_function.erfcx,
    "erfinv": error_function.erfinv,
    "ndtri": error_function.ndtri,
    "log_ndtr": error_function.log_ndtr,
    "i0": bessel.i0,
    "i0e": bessel.i0e,
    "i1": bessel.i1,
    "i1e": bessel.i1e,
}
UNARY = [name for name in FUNCTIONS if name not in ("zeta", "igamma", "igammac")]
INF, NAN = math.inf, math.nan


def double(*values):
    return mytorch.tensor(values, dtype=mytorch.float64)


def test_all_recorded_functions_are_tested():
    assert set(FIGURES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FIGURES)
def test_recorded_values(name):
    *at, expected = np.array(FIGURES[name]).T
    found = FUNCTIONS[name](*[mytorch.from_numpy(np.ascontiguousarray(x)) for x in at]).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-13, atol=1e-14 if name in ("lgamma", "digamma") else 1e-300)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_types_are_the_rounded_double(name, dtype):
    at = [np.ascontiguousarray(x).astype(dtype) for x in np.array(FIGURES[name]).T[:-1]]
    found = FUNCTIONS[name](*[mytorch.from_numpy(x) for x in at]).numpy()
    wide = FUNCTIONS[name](*[mytorch.from_numpy(x.astype(np.float64)) for x in at]).numpy()
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, wide.astype(dtype))


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_shapes(name, shape):
    out = FUNCTIONS[name](mytorch.full(shape, 0.5))
    assert tuple(out.shape) == shape
    assert out.dtype is mytorch.float32


@pytest.mark.parametrize("name", UNARY)
def test_integers_give_the_default_float(name):
    assert FUNCTIONS[name](mytorch.tensor([1, 0])).dtype is mytorch.float32
    assert FUNCTIONS[name](mytorch.tensor([True])).dtype is mytorch.float32


AT = (NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.0)
LIMITS = {
    "lgamma": (NAN, INF, INF, INF, INF, 0, INF, 0),
    "digamma": (NAN, INF, NAN, -INF, INF, None, NAN, None),
    "polygamma1": (NAN, 0, None, INF, INF, None, INF, None),
    "erfc": (NAN, 0, 2, 1, 1, None, None, None),
    "erfcx": (NAN, 0, INF, 1, 1, None, None, None),
    "erfinv": (NAN, NAN, NAN, 0, -0.0, INF, -INF, NAN),
    "ndtri": (NAN, NAN, NAN, -INF, -INF, INF, NAN, NAN),
    "log_ndtr": (NAN, 0, -INF, math.log(0.5), math.log(0.5), None, None, None),
    "i0": (NAN, INF, INF, 1, 1, None, None, None),
    "i1": (NAN, INF, -INF, 0, -0.0, None, None, None),
    "i0e": (NAN, 0, 0, 1, 1, None, None, None),
    "i1e": (NAN, 0, -0.0, 0, -0.0, None, None, None),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name):
    found = FUNCTIONS[name](double(*AT)).tolist()
    for x, value, expected in zip(AT, found, LIMITS[name], strict=True):
        if expected is not None:
            assert value == pytest.approx(expected, abs=0, rel=1e-15, nan_ok=True), x
            if expected == 0 and name != "log_ndtr":
                assert math.copysign(1, value) == math.copysign(1, expected), x


def test_limits_of_the_incomplete_gamma_functions():
    a = double(0, 0, INF, INF, 1, 1, -1, NAN, 1, 1)
    x = double(0, 1, 1, INF, 0, INF, 1, 1, NAN, -1)
    expected = [NAN, 1, 0, NAN, 0, 1, NAN, NAN, NAN, NAN]
    np.testing.assert_array_equal(mytorch.igamma(a, x).numpy(), expected)
    np.testing.assert_array_equal(mytorch.igammac(a, x).numpy(), 1 - np.array(expected))


def test_zeta_beyond_its_domain():
    found = gamma.zeta(double(0.5, 1, 2, 2.5, 2, NAN), double(1, 1, -3, -1.5, NAN, 1)).tolist()
    np.testing.assert_array_equal(found, [NAN, INF, INF, NAN, NAN, NAN])
    assert gamma.zeta(2, mytorch.tensor([1])).item() == pytest.approx(math.pi**2 / 6)
    with pytest.raises(TypeError, match="one must be a Tensor"):
        gamma.zeta(2, 3)


def test_the_recurrence_of_the_gamma_function():
    x = mytorch.linspace(-9.9, 30, 1001, dtype=mytorch.float64)
    step = mytorch.lgamma(x + 1) - mytorch.lgamma(x)
    np.testing.assert_allclose(step.numpy(), np.log(np.abs(x.numpy())), atol=1e-12)
    np.testing.assert_allclose((mytorch.digamma(x + 1) - mytorch.digamma(x)).numpy(), 1 / x.numpy(), rtol=1e-10)


def test_the_two_incomplete_gamma_functions_add_up_where_methods_meet():
    for a in (0.2, 0.49, 0.51, 9.99, 10.01, 9999.0, 10001.0):
        for x in (0.9 * a, 1.1 * a, a, a + 1, a + 1 - 1e-9):
            total = mytorch.igamma(double(a), double(x)) + mytorch.igammac(double(a), double(x))
            assert total.item() == pytest.approx(1, abs=1e-14)
    for edge in (0.9, 1.1):  # Temme's expansion begins at a = 10,000 and ends a tenth away from a
        at = edge * 20000.0
        near, far = (mytorch.igammac(double(20000.0), double(at + d)).item() for d in (-1e-7, 1e-7))
        assert near == pytest.approx(far, rel=1e-6)


def test_inverses():
    p = mytorch.linspace(1e-6, 1 - 1e-6, 501, dtype=mytorch.float64)
    np.testing.assert_allclose(error_function.ndtr(error_function.ndtri(p)).numpy(), p.numpy(), rtol=1e-13)
    y = 2 * p - 1
    np.testing.assert_allclose(mytorch.erf(mytorch.erfinv(y)).numpy(), y.numpy(), rtol=1e-13, atol=1e-15)


def test_mvlgamma_is_a_sum():
    x = double(2.5, 4.0)
    expected = 1.5 * math.log(math.pi) + x.lgamma() + (x - 0.5).lgamma() + (x - 1).lgamma()
    np.testing.assert_allclose(mytorch.mvlgamma(x, 3).numpy(), expected.numpy(), rtol=1e-14)
    for p, error in ((0, RuntimeError), (1.5, TypeError)):
        with pytest.raises(error, match="p"):
            mytorch.mvlgamma(x, p)


def test_polygamma_refuses():
    with pytest.raises(RuntimeError, match="does not support negative n"):
        mytorch.polygamma(-1, double(1))
    with pytest.raises(TypeError, match="must be int"):
        mytorch.polygamma(1.5, double(1))
    assert mytorch.polygamma(200, double(1.5)).item() == -INF


@pytest.mark.parametrize(
    ("function", "name"), [(mytorch.igamma, "igamma"), (mytorch.igammac, "igammac"), (gamma.zeta, "zeta")]
)
def test_the_derivative_by_the_first_argument_is_refused(function, name):
    a, x = double(1.5, 2.5).requires_grad_(), double(0.7, 3.0)
    with pytest.raises(NotImplementedError, match=f"the derivative for '{name}: input' is not implemented"):
        function(a, x).sum().backward()


@pytest.mark.parametrize("function", [mytorch.igamma, mytorch.igammac, gamma.zeta])
def test_the_derivative_by_the_second_argument(function):
    a, x = double(1.5, 2.5, 7.0), double(0.7, 3.0, 6.0).requires_grad_()
    assert mytorch.autograd.gradcheck(lambda x: function(a, x), x)
    assert mytorch.autograd.gradgradcheck(lambda x: function(a, x), x)


@pytest.mark.parametrize("name", UNARY)
def test_complex_numbers_are_refused(name):
    with pytest.raises(NotImplementedError, match="complex64"):
        FUNCTIONS[name](mytorch.tensor([1j]))


def test_refused_types():
    for function in (mytorch.igamma, mytorch.igammac):
        with pytest.raises(NotImplementedError, match=r"not implemented for torch\.int64"):
            function(mytorch.tensor(1), mytorch.tensor(1))
        with pytest.raises(TypeError, match="must be Tensor"):
            function(double(1), 1.0)
