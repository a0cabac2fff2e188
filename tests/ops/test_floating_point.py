"""Signs, exponents, infinities, logarithms at their edges, integers' divisors and shifts, and `renorm`."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mytorch
from mytorch import nn

INF, NAN = math.inf, math.nan
X = (NAN, INF, -INF, 0.0, -0.0, 1.5, -2.5)


def same(found, expected):
    """Equal, in NaNs and in the signs of zeros too."""
    found = found.numpy() if hasattr(found, "numpy") else np.asarray(found)
    np.testing.assert_array_equal(found, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[known], np.signbit(np.asarray(expected, float))[known])


@pytest.fixture
def x():
    return mytorch.tensor(X, dtype=mytorch.float64)


def test_edges_of_unary_functions(x):
    assert x.signbit().tolist() == [math.copysign(1, v) < 0 for v in X]
    assert x.isposinf().tolist() == [v == INF for v in X]
    assert x.isneginf().tolist() == [v == -INF for v in X]
    assert x.isreal().all()
    same(x.nan_to_num(), [0, np.finfo(float).max, np.finfo(float).min, 0, -0.0, 1.5, -2.5])
    same(x.nan_to_num(7.0, 8.0, 9.0), [7, 8, 9, 0, -0.0, 1.5, -2.5])
    same(mytorch.frac(x)[3:], [0, 0.0, 0.5, -0.5])
    same(mytorch.sinc(x)[3:5], [1, 1])
    same(mytorch.logit(mytorch.tensor([0.0, 1.0, 2.0, 0.5])), [-INF, INF, NAN, 0])
    same(mytorch.special.entr(x)[:5], [NAN, -INF, -INF, 0, 0])


def test_edges_of_binary_functions(x):
    zero = mytorch.zeros(7, dtype=mytorch.float64)
    same(mytorch.copysign(mytorch.full((7,), 3.0), x)[1:], [3, -3, 3, -3, 3, -3])
    same(mytorch.copysign(x, -0.0)[1:], [-INF, -INF, -0.0, -0.0, -1.5, -2.5])
    same(mytorch.heaviside(x, zero + 9), [0, 1, 0, 9, 9, 1, 0])
    assert mytorch.fmax(x, zero).tolist() == [0, INF, 0, 0, 0, 1.5, 0]
    same(mytorch.fmin(x, zero + 1), [1, 1, -INF, 0, -0.0, 1, -2.5])
    same(mytorch.xlogy(zero, x), [NAN, 0, 0, 0, 0, 0, 0])
    same(mytorch.special.xlog1py(zero, x - 1), [NAN, 0, 0, 0, 0, 0, 0])
    same(mytorch.logaddexp(x, x)[1:3], [INF, -INF])
    same(mytorch.hypot(x, zero + INF)[1:], [INF] * 6)
    same(mytorch.nextafter(zero[:2], mytorch.tensor([1.0, -1.0])), [5e-324, -5e-324])


@pytest.mark.parametrize("dtype", [mytorch.float16, mytorch.float32, mytorch.float64])
def test_frexp_takes_apart_what_ldexp_puts_together(dtype):
    smallest = float(np.finfo(dtype.numpy).smallest_subnormal)
    x = mytorch.tensor([smallest, -3.0, 0.0, mytorch.finfo(dtype).max, 0.5], dtype=dtype)
    parts = mytorch.frexp(x)
    mantissa, exponent = parts
    assert parts.mantissa is mantissa
    assert mantissa.dtype is dtype
    assert exponent.dtype is mytorch.int32
    assert (mantissa[x != 0].abs() >= 0.5).all()
    assert (mantissa.abs() < 1).all()
    np.testing.assert_array_equal(np.ldexp(mantissa.numpy().astype(float), exponent.numpy()), x.numpy().astype(float))
    assert mytorch.ldexp(mytorch.tensor([3]), mytorch.tensor([-1])).tolist() == [1.5]
    tiny = mytorch.tensor([2.0**-1000], dtype=mytorch.float64)
    assert mytorch.ldexp(tiny, mytorch.tensor([1100])).tolist() == [2.0**100]
    with pytest.raises(NotImplementedError, match="ldexp"):
        mytorch.ldexp(tiny, mytorch.tensor([True]))


def test_gradients_at_edges():
    x = mytorch.tensor([0.0, 2.0], requires_grad=True)
    y = mytorch.tensor([0.0, 1.0], requires_grad=True)
    assert mytorch.autograd.grad(mytorch.xlogy(x, y).sum(), x)[0].tolist() == [0.0, 0.0]
    x = mytorch.tensor([NAN, INF, 1.0], requires_grad=True)
    assert mytorch.autograd.grad(x.nan_to_num().sum(), x)[0].tolist() == [0.0, 0.0, 1.0]
    a, b = (mytorch.tensor(v, requires_grad=True) for v in ([NAN, 1.0, 2.0, 3.0], [1.0, NAN, 2.0, 5.0]))
    for function, winner in ((mytorch.fmax, [0.0, 1.0, 1.0, 0.0]), (mytorch.fmin, [0.0, 1.0, 1.0, 1.0])):
        first, second = mytorch.autograd.grad(function(a, b).sum(), (a, b))
        assert first.tolist() == winner
        assert second.tolist() == [1 - w for w in winner]
    x = mytorch.tensor([-0.5, 0.5, 1.5], requires_grad=True)
    assert mytorch.autograd.grad(x.logit(0.1).sum(), x)[0].tolist() == [0.0, 4.0, 0.0]
    (g,) = mytorch.autograd.grad(x.logit().sum(), x)
    assert mytorch.isnan(g).tolist() == [True, False, True]
    x = mytorch.zeros(2, requires_grad=True)
    (g,) = mytorch.autograd.grad(mytorch.sinc(x).sum(), x, create_graph=True)
    (second,) = mytorch.autograd.grad(g.sum(), x)
    assert g.tolist() == second.tolist() == [0.0, 0.0]


def test_float_power_is_double():
    assert mytorch.float_power(mytorch.tensor([2, 3]), -1).dtype is mytorch.float64
    assert mytorch.float_power(2, mytorch.tensor([0.5])).tolist() == [math.sqrt(2)]
    x = mytorch.tensor([2.0], dtype=mytorch.float64)
    assert x.float_power_(3).tolist() == [8.0]
    with pytest.raises(RuntimeError, match="requires dtype"):
        mytorch.tensor([2.0]).float_power_(3)


def test_shifts():
    x = mytorch.tensor([1, -8, 7])
    assert (x << 2).tolist() == [4, -32, 28]
    assert (x >> 1).tolist() == [0, -4, 3]
    assert (2 << mytorch.tensor([0, 3])).tolist() == [2, 16]
    assert (100 >> mytorch.tensor([0, 3])).tolist() == [100, 12]
    assert (x << 64).tolist() == [0, 0, 0]
    assert (x >> 100).tolist() == [0, -1, 0]
    assert (x << -1).tolist() == [0, 0, 0]
    x <<= 1
    assert x.tolist() == [2, -16, 14]
    x >>= 2
    assert x.tolist() == [0, -4, 3]
    assert (mytorch.tensor([200], dtype=mytorch.uint8) << 1).tolist() == [144]
    for wrong in (mytorch.tensor([1.0]), mytorch.tensor([True])):
        with pytest.raises(NotImplementedError, match="bitwise_left_shift"):
            wrong << wrong


def test_divisors_and_multiples():
    a, b = mytorch.tensor([12, -12, 0, 7]), mytorch.tensor([18, 8, 0, 0])
    assert mytorch.gcd(a, b).tolist() == [6, 4, 0, 7]
    assert mytorch.lcm(a, b).tolist() == [36, 24, 0, 0]
    assert mytorch.gcd(a.int(), b).dtype is mytorch.int64
    with pytest.raises(NotImplementedError, match="gcd"):
        mytorch.gcd(a.bool(), b.bool())
    with pytest.raises(TypeError, match="must be Tensor"):
        mytorch.lcm(a, 2)


def test_refused_arguments():
    f, i = mytorch.tensor([1.0]), mytorch.tensor([1])
    for name in ("hypot", "nextafter", "logaddexp", "logaddexp2"):
        with pytest.raises(NotImplementedError, match="int64"):
            getattr(mytorch, name)(i, i)
    with pytest.raises(NotImplementedError, match="frac"):
        mytorch.frac(i)
    with pytest.raises(RuntimeError, match="only supports floating-point"):
        mytorch.frexp(i)
    with pytest.raises(RuntimeError, match="different dtypes"):
        mytorch.heaviside(f, i)
    for name in ("xlogy", "float_power"):
        with pytest.raises(TypeError, match="invalid combination"):
            getattr(mytorch, name)(2, 3)
    for name in ("xlogy", "hypot", "fmax", "copysign"):
        with pytest.raises(NotImplementedError):
            getattr(mytorch, name)(mytorch.tensor([1j]), f)
    with pytest.raises(NotImplementedError, match="logit"):
        mytorch.logit(mytorch.tensor([1j]))
    for name in ("isposinf", "isneginf"):
        with pytest.raises(RuntimeError, match="complex"):
            getattr(mytorch, name)(mytorch.tensor([1j]))


def test_in_place_needs_a_fitting_type():
    i = mytorch.tensor([1, 2])
    for name in ("lgamma_", "sinc_", "deg2rad_", "erfc_"):
        with pytest.raises(RuntimeError, match="can't be cast"):
            getattr(i, name)()


def test_renorm():
    x = mytorch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], requires_grad=True)
    out = mytorch.renorm(x, 2, 0, 1)
    np.testing.assert_allclose(out.detach().numpy(), [[0.6, 0.8], [0.3, 0.4], [0, 0]], rtol=1e-6)
    x64 = mytorch.rand(2, 3, 2, dtype=mytorch.float64).requires_grad_()
    for p in (1, 2, 3, INF):
        assert mytorch.autograd.gradcheck(lambda x, p=p: x.renorm(p, 1, 0.5), x64)
    same(x.detach().clone().renorm_(2, -1, 1).norm(dim=0) <= 1, [True, True])
    for wrong, message in (((0, 0, 1), "non-positive"), ((2, 0, -1), "maxnorm"), ((2, 5, 1), "out of range")):
        with pytest.raises((RuntimeError, IndexError), match=message):
            x.renorm(*wrong)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        x[0].renorm(2, 0, 1)


def test_methods_of_activations_and_in_place_functions_at_top_level():
    x = mytorch.tensor([-1.0, 0.25, 2.0])
    same(x.hardshrink(0.5), [-1, 0, 2])
    same(x.prelu(mytorch.tensor([0.5])), [-0.5, 0.25, 2])
    assert x.softmax(0, mytorch.float64).dtype is mytorch.log_softmax(x, 0, mytorch.float64).dtype is mytorch.float64
    with pytest.raises(TypeError, match="dim"):
        mytorch.softmax(x)
    y = x.clone()
    assert mytorch.clamp_(y, 0, 1) is y
    same(y, [0, 0.25, 1])
    same(nn.functional.relu(mytorch.neg_(y)), [0, 0, 0])
    same(mytorch.greater_equal(x, 0.25), [False, True, True])
    same(x.clone().less_(0), [1, 0, 0])
    assert mytorch.arctan2 is not None
    same(mytorch.arctan2(x, x), mytorch.atan2(x, x).numpy())


def test_every_name_of_the_in_place_functions_is_a_method():
    from mytorch import inplace_functions

    for name in inplace_functions.__all__:
        assert getattr(mytorch, name) is getattr(mytorch.Tensor, name)
        assert name.endswith("_")
