"""Ranks, running results, differences and statistics: values against NumPy, gradients by hand, what is refused."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import mytorch as torch

NAN = float("nan")
RANDOM = np.random.default_rng(0)


def leaf(values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def gradient_of(result, x):
    weights = torch.arange(1.0, result.numel() + 1, dtype=torch.float64).reshape(result.shape)
    return torch.autograd.grad((result * weights).sum(), x)[0].tolist()


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint"])
@pytest.mark.parametrize("ignore_nan", [False, True])
@pytest.mark.parametrize("dim", [None, 0, -1])
@pytest.mark.parametrize("keepdim", [False, True])
def test_quantiles(dim, keepdim, interpolation, ignore_nan):
    x, q = RANDOM.normal(size=(5, 4)), np.array([0, 0.3, 0.5, 1])
    x[1, 2] = NAN
    ours, numpys = (torch.nanquantile, np.nanquantile) if ignore_nan else (torch.quantile, np.quantile)
    given = {"dim": dim, "keepdim": keepdim, "interpolation": interpolation}
    wanted = numpys(x, q, axis=dim, keepdims=keepdim, method=interpolation)
    np.testing.assert_allclose(ours(torch.tensor(x), torch.tensor(q), **given).numpy(), wanted)
    one = ours(torch.tensor(x), 0.3, **given)
    np.testing.assert_allclose(one.numpy(), wanted[1])
    assert one.shape == wanted[1].shape


def test_the_nearest_quantile_rounds_to_even():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
    assert torch.quantile(x, torch.tensor([0.125, 0.375, 0.4]), interpolation="nearest").tolist() == [0, 2, 2]


def test_gradients_of_a_quantile():
    x, q = leaf([3.0, 1.0, 2.0]), leaf([0.25, 1.0])
    out = torch.quantile(x, q)
    np.testing.assert_allclose(gradient_of(out, x), [2, 0.5, 0.5])
    np.testing.assert_allclose(gradient_of(torch.quantile(x, q), q), [2, 0])  # per unit of q two ranks, of 1 each
    assert torch.isnan(torch.nanquantile(torch.tensor([NAN, NAN]), 0.5)).item()


def test_elements_by_rank():
    x = leaf([[3.0, 1.0, 2.0], [5.0, NAN, 4.0]])
    values, indices = x.kthvalue(2)
    assert (values.tolist(), indices.tolist()) == ([2, 5], [2, 0])
    assert gradient_of(values, x) == [[0, 0, 1], [2, 0, 0]]
    assert torch.nanmedian(x).item() == 3
    values, indices = x.nanmedian(1, keepdim=True)
    assert (values.tolist(), indices.tolist()) == ([[2], [4]], [[2], [2]])
    assert gradient_of(torch.nanmedian(x), x) == [[1, 0, 0], [0, 0, 0]]
    assert torch.msort(torch.tensor([[3, 1], [2, 5]])).tolist() == [[2, 1], [3, 5]]
    assert math.isnan(torch.nanmedian(torch.zeros(0)).item())
    assert torch.kthvalue(torch.tensor(4.0), 1).values.item() == 4


def test_the_most_frequent_element():
    x = leaf([[1.0, 2.0, 2.0, 1.0], [3.0, 3.0, 1.0, 3.0]])
    values, indices = x.mode()
    assert (values.tolist(), indices.tolist()) == ([1, 3], [3, 3])
    assert gradient_of(values, x) == [[0, 0, 0, 1], [0, 0, 0, 2]]
    assert x.mode(0, keepdim=True).values.tolist() == [[1, 2, 1, 1]]
    assert torch.mode(torch.tensor(5)).values.item() == 5
    assert torch.mode(torch.zeros(2, 0), 0).values.shape == (0,)


def test_running_extrema():
    x = leaf([2.0, 3.0, 1.0, 3.0, NAN, 5.0])
    values, indices = x[:4].cummax(0)
    assert (values.tolist(), indices.tolist()) == ([2, 3, 3, 3], [0, 1, 1, 3])
    assert gradient_of(values, x) == [1, 5, 0, 4, 0, 0]
    values, indices = x.detach().cummin(0)
    np.testing.assert_array_equal(values.numpy(), [2, 2, 1, 1, NAN, NAN])
    assert indices.tolist() == [0, 0, 2, 2, 4, 4]
    assert torch.cummax(torch.tensor(3), -1).indices.item() == 0


def test_running_logsumexp():
    x = RANDOM.normal(size=(3, 4))
    wanted = np.log(np.cumsum(np.exp(x), axis=1))
    np.testing.assert_allclose(torch.logcumsumexp(torch.tensor(x), 1).numpy(), wanted)
    far = leaf([-math.inf, 1000.0, 1000.0, -1000.0])
    out = torch.logcumsumexp(far, 0)
    np.testing.assert_allclose(out.tolist(), [-math.inf, 1000, 1000 + math.log(2), 1000 + math.log(2)])
    np.testing.assert_allclose(gradient_of(out[1:], far), [0, 3.5, 2.5, 0], atol=1e-12)
    near = leaf([0.0, math.log(2)])  # the weights of the two in the second result are 1/3 and 2/3
    out = torch.logcumsumexp(near, 0)
    (g,) = torch.autograd.grad(out[0] * 3 - out[1] * 9, near)
    np.testing.assert_allclose(g.tolist(), [0, -6], atol=1e-12)
    half = torch.logcumsumexp(torch.ones(4, dtype=torch.float16), 0)
    assert half.dtype is torch.float16


@pytest.mark.parametrize("n", [0, 1, 2, 9])
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, bool])
def test_differences(dtype, n):
    x = RANDOM.integers(0, 5, (3, 4)).astype(dtype)
    for dim in (0, -1):
        wanted = np.diff(x, n, dim)
        ours = torch.diff(torch.tensor(x), n, dim)
        np.testing.assert_array_equal(ours.numpy(), wanted)
        assert ours.numpy().dtype == dtype
    before, behind = x[:, :1], x[:, :2]
    ours = torch.diff(torch.tensor(x), n, 1, torch.tensor(before), torch.tensor(behind))
    np.testing.assert_array_equal(ours.numpy(), np.diff(x, n, 1, before, behind) if n else x)


def test_integrals():
    y, x = RANDOM.normal(size=(3, 4)), np.sort(RANDOM.normal(size=4))
    np.testing.assert_allclose(torch.trapezoid(torch.tensor(y), torch.tensor(x)).numpy(), np.trapezoid(y, x))
    np.testing.assert_allclose(torch.trapz(torch.tensor(y), dx=0.5, dim=0).numpy(), np.trapezoid(y, dx=0.5, axis=0))
    running = torch.cumulative_trapezoid(torch.tensor(y), torch.tensor(x))
    np.testing.assert_allclose(running.numpy(), [np.cumsum((r[1:] + r[:-1]) * np.diff(x)) / 2 for r in y])
    places = RANDOM.normal(size=(3, 1))
    np.testing.assert_allclose(
        torch.trapezoid(torch.tensor(y), torch.tensor(places), dim=0).numpy(), np.trapezoid(y, places, axis=0)
    )
    assert torch.trapezoid(torch.ones(2, 0)).tolist() == [0, 0]


@pytest.mark.parametrize("edge_order", [1, 2])
def test_derivatives(edge_order):
    x, places = RANDOM.normal(size=(4, 5)), np.cumsum(RANDOM.uniform(0.5, 1, 5))
    for ours, wanted in (
        (torch.gradient(torch.tensor(x), edge_order=edge_order), np.gradient(x, edge_order=edge_order)),
        (
            torch.gradient(torch.tensor(x), spacing=[2, 0.5], edge_order=edge_order),
            np.gradient(x, 2, 0.5, edge_order=edge_order),
        ),
        (
            torch.gradient(torch.tensor(x), spacing=(torch.tensor(places),), dim=1, edge_order=edge_order),
            [np.gradient(x, places, axis=1, edge_order=edge_order)],
        ),
    ):
        assert len(ours) == len(wanted)
        for a, b in zip(ours, wanted, strict=True):
            np.testing.assert_allclose(a.numpy(), b)
    spike = torch.gradient(torch.tensor([0.0, 0.0, math.inf, 0.0, 0.0]), dim=0)[0]
    assert spike[2].item() == 0, "an element has no part in its own derivative"
    assert torch.gradient(torch.tensor([1, 2, 4]))[0].tolist() == [1, 1.5, 2]
    assert torch.gradient(torch.tensor(1.0)) == ()


def test_without_nan():
    x = leaf([[1.0, NAN], [2.0, 4.0]])
    assert torch.nansum(x).item() == 7
    assert gradient_of(torch.nansum(x, 1), x) == [[1, 0], [2, 2]]
    assert torch.nanmean(x, 0, keepdim=True).tolist() == [[1.5, 4]]
    assert gradient_of(torch.nanmean(x, 1), x) == [[1, 0], [1, 1]]
    assert torch.nansum(torch.tensor([True, True])).dtype is torch.int64
    assert math.isnan(torch.nanmean(torch.tensor([NAN])).item())


def test_aminmax():
    x = leaf([[1.0, 3.0], [1.0, 2.0]])
    low, high = torch.aminmax(x)
    assert (low.item(), high.item()) == (1, 3)
    assert gradient_of(low, x) == [[0.5, 0], [0.5, 0]]
    assert x.aminmax(dim=1).max.tolist() == [3, 2]
    assert x.aminmax(keepdim=True).min.tolist() == [[1]]


def test_covariances():
    x, f, a = RANDOM.normal(size=(3, 6)), np.array([1, 2, 1, 3, 0, 1]), RANDOM.uniform(size=6)
    weights = {"fweights": torch.tensor(f), "aweights": torch.tensor(a)}
    np.testing.assert_allclose(torch.cov(torch.tensor(x)).numpy(), np.cov(x))
    for correction in (0, 1):
        np.testing.assert_allclose(
            torch.cov(torch.tensor(x), correction=correction, **weights).numpy(),
            np.cov(x, ddof=correction, fweights=f, aweights=a),
        )
    np.testing.assert_allclose(torch.corrcoef(torch.tensor(x)).numpy(), np.corrcoef(x))
    assert torch.corrcoef(torch.tensor([1.0, 2.0])).item() == 1
    assert torch.cov(torch.tensor([1, 2, 4])).dtype is torch.float32
    with pytest.warns(UserWarning, match="degrees of freedom"):
        assert torch.cov(torch.tensor([1.0, 2.0]), correction=3).item() == math.inf


ROW = "torch.tensor([1.0, 2.0, 3.0])"


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        (f"torch.quantile({ROW}, 1.5)", RuntimeError),
        (f"torch.quantile({ROW}, torch.tensor([1.5]))", RuntimeError),
        (f"torch.quantile({ROW}, torch.tensor([[0.5]]))", RuntimeError),
        (f"torch.quantile({ROW}, torch.tensor([0.5]).double())", RuntimeError),
        (f"torch.quantile({ROW}, 0.5, interpolation='cubic')", RuntimeError),
        ("torch.quantile(torch.tensor([1, 2]), 0.5)", RuntimeError),
        ("torch.quantile(torch.zeros(0), 0.5)", RuntimeError),
        (f"torch.kthvalue({ROW}, 0)", RuntimeError),
        (f"torch.kthvalue({ROW}, 4)", RuntimeError),
        ("torch.kthvalue(torch.zeros(0), 1)", IndexError),
        ("torch.kthvalue(torch.tensor([True]), 1)", NotImplementedError),
        ("torch.mode(torch.zeros(0))", IndexError),
        ("torch.nanmedian(torch.tensor([True]))", NotImplementedError),
        ("torch.nanmedian(torch.zeros(0, 2), 0)", IndexError),
        (f"torch.cummax({ROW}, 1)", IndexError),
        ("torch.logcumsumexp(torch.tensor([1]), 0)", NotImplementedError),
        ("torch.diff(torch.tensor(1))", RuntimeError),
        (f"torch.diff({ROW}, n=-1)", RuntimeError),
        (f"torch.diff({ROW}, prepend=torch.tensor(1.0))", RuntimeError),
        ("torch.diff(torch.zeros(2, 3), prepend=torch.zeros(1, 3))", RuntimeError),
        (f"torch.trapezoid({ROW}, torch.ones(2))", RuntimeError),
        (f"torch.trapezoid({ROW}, {ROW}, dx=1)", TypeError),
        ("torch.trapezoid(torch.tensor([True]))", RuntimeError),
        ("torch.trapezoid(torch.tensor(1.0))", IndexError),
        (f"torch.gradient({ROW}, edge_order=3)", RuntimeError),
        ("torch.gradient(torch.ones(1))", RuntimeError),
        (f"torch.gradient({ROW}, spacing=[1, 2])", RuntimeError),
        (f"torch.gradient({ROW}, spacing='a')", TypeError),
        (f"torch.gradient({ROW}, spacing=[torch.ones(3, 1)])", RuntimeError),
        ("torch.gradient(torch.ones(3).bool())", RuntimeError),
        ("torch.gradient(torch.ones(3).byte())", RuntimeError),
        ("torch.nanmean(torch.tensor([1]))", RuntimeError),
        ("torch.nansum(torch.tensor([1j]))", RuntimeError),
        ("torch.aminmax(torch.zeros(0))", RuntimeError),
        ("torch.aminmax(torch.zeros(0, 2), dim=0)", IndexError),
        (f"torch.aminmax({ROW}, dim=(0,))", TypeError),
        ("torch.cov(torch.zeros(1, 1, 1))", RuntimeError),
        ("torch.cov(torch.tensor([True]))", RuntimeError),
        (f"torch.cov({ROW}, fweights={ROW})", RuntimeError),
        (f"torch.cov({ROW}, aweights=-{ROW})", RuntimeError),
        (f"torch.cov({ROW}, aweights=torch.ones(1, 3))", RuntimeError),
        (f"torch.cov({ROW}, aweights=torch.ones(2))", RuntimeError),
        (f"torch.cov({ROW}, fweights=torch.tensor([0, 0, 0]))", RuntimeError),
        ("torch.corrcoef(torch.zeros(1, 1, 1))", RuntimeError),
    ],
)
def test_refused(expression, error):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error):
            eval(expression)
