"""Searching, counting, histograms: values against NumPy, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch

NAN = float("nan")
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_searchsorted(dtype, right):
    rows = np.sort(RANDOM.integers(0, 9, (2, 3, 5)), axis=-1).astype(dtype)
    values = RANDOM.integers(0, 11, (2, 3, 4)).astype(dtype)
    side = "right" if right else "left"
    wanted = np.array([[np.searchsorted(rows[i, j], values[i, j], side) for j in range(3)] for i in range(2)])
    ours = torch.searchsorted(torch.tensor(rows), torch.tensor(values), right=right)
    assert ours.dtype is torch.int64
    np.testing.assert_array_equal(ours.numpy(), wanted)
    one = rows[0, 0]
    np.testing.assert_array_equal(
        torch.searchsorted(torch.tensor(one), torch.tensor(values), side=side).numpy(),
        np.searchsorted(one, values, side),
    )
    turned = torch.searchsorted(
        torch.tensor(rows[..., ::-1].copy()),
        torch.tensor(values),
        sorter=torch.arange(4, -1, -1).expand(2, 3, 5),
        right=right,
    )
    np.testing.assert_array_equal(turned.numpy(), wanted)


def test_buckets():
    edges = torch.tensor([1.0, 3.0])
    assert torch.bucketize(torch.tensor([0.0, 1.0, 2.0, NAN]), edges).tolist() == [0, 0, 1, 2]
    assert torch.bucketize(1, edges, right=True, out_int32=True).dtype is torch.int32
    assert torch.searchsorted(torch.tensor([1, 2]), 1.5).item() == 1, "a float is not cut to the row's integers"
    assert torch.searchsorted(torch.zeros(0), torch.ones(2)).tolist() == [0, 0]


def test_which_are_not_zero():
    x = torch.tensor([[0, 3], [NAN, 0]])
    assert torch.argwhere(x).tolist() == [[0, 1], [1, 0]]
    assert torch.count_nonzero(x).item() == 2
    assert x.count_nonzero(dim=(0,)).tolist() == [1, 1]
    assert x.nonzero_static(size=3, fill_value=9).tolist() == [[0, 1], [1, 0], [9, 9]]
    assert x.nonzero_static(size=1).tolist() == [[0, 1]]


def test_unravel_index():
    flat = np.arange(24).reshape(2, 12)
    for ours, wanted in zip(
        torch.unravel_index(torch.tensor(flat), (2, 3, 4)), np.unravel_index(flat, (2, 3, 4)), strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), wanted)
    assert torch.unravel_index(torch.tensor(3), 5)[0].item() == 3


def test_isin():
    x = torch.tensor([[1.0, NAN], [3.0, 4.0]])
    assert torch.isin(x, torch.tensor([NAN, 3, 1])).tolist() == [[True, False], [True, False]]
    assert torch.isin(x, 4, invert=True).tolist() == [[True, True], [True, False]]
    assert torch.isin(2, torch.tensor([1, 2])).item() is True


def test_unique_consecutive():
    x = torch.tensor([[1, 1, 2], [1, 1, 2], [1, 1, 2]])
    values, inverse, counts = x.unique_consecutive(return_inverse=True, return_counts=True)
    assert values.tolist() == [1, 2, 1, 2, 1, 2]
    assert inverse.tolist() == [[0, 0, 1], [2, 2, 3], [4, 4, 5]]
    assert counts.tolist() == [2, 1, 2, 1, 2, 1]
    values, counts = x.unique_consecutive(return_counts=True, dim=1)
    assert (values.tolist(), counts.tolist()) == ([[1, 2]] * 3, [2, 1])
    assert torch.unique_consecutive(torch.zeros(0)).tolist() == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("density", [False, True])
def test_histograms(dtype, density):
    x, w = RANDOM.normal(size=(40, 2)).astype(dtype), RANDOM.uniform(size=40).astype(dtype)
    wanted, edges = np.histogram(x[:, 0], 7, weights=w, density=density)
    ours = torch.histogram(torch.tensor(x[:, 0]), 7, weight=torch.tensor(w), density=density)
    np.testing.assert_allclose(ours.hist.numpy(), wanted, 1e-5)
    np.testing.assert_allclose(ours.bin_edges.numpy(), edges, 1e-5, 1e-6)
    wanted, edges = np.histogram(x[:, 0], [-1, 0, 0.5], density=density)
    ours = torch.histogram(
        torch.tensor(x[:, 0]), torch.tensor([-1, 0, 0.5], dtype=getattr(torch, dtype.__name__)), density=density
    )
    np.testing.assert_allclose(ours.hist.numpy(), wanted, 1e-5)
    wanted, _ = np.histogramdd(x, [3, 4], range=[(-1, 1), (-2, 2)], weights=w, density=density)
    ours = torch.histogramdd(torch.tensor(x), [3, 4], range=(-1, 1, -2, 2), weight=torch.tensor(w), density=density)
    np.testing.assert_allclose(ours.hist.numpy(), wanted, 1e-5)
    assert [len(e) for e in ours.bin_edges] == [4, 5]


def test_histc():
    x = RANDOM.normal(size=100)
    np.testing.assert_array_equal(torch.histc(torch.tensor(x), 8).numpy(), np.histogram(x, 8)[0])
    np.testing.assert_array_equal(torch.histc(torch.tensor(x), 8, -1, 1).numpy(), np.histogram(x, 8, (-1, 1))[0])
    assert torch.histc(torch.tensor([1.0, NAN, 5.0]), 2, 0, 2).tolist() == [0, 1]
    assert torch.histc(torch.tensor([1.0, 1.0]), 4).tolist() == [0, 0, 2, 0]
    assert torch.histc(torch.zeros(0), 3).tolist() == [0, 0, 0]


def test_histogram_without_elements_or_without_a_range():
    hist, edges = torch.histogram(torch.zeros(0), 2)
    assert (hist.tolist(), edges.tolist()) == ([0, 0], [0, 0.5, 1])
    hist, edges = torch.histogram(torch.ones(3), 2)
    assert (hist.tolist(), edges.tolist()) == ([0, 3], [0.5, 1, 1.5])


ROW = "torch.tensor([1.0, 2.0, 3.0])"


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("torch.searchsorted(torch.tensor(1.0), torch.zeros(2))", RuntimeError),
        ("torch.searchsorted(torch.zeros(2, 3), torch.zeros(3, 3))", RuntimeError),
        ("torch.searchsorted(torch.zeros(2, 3), 1.0)", RuntimeError),
        (f"torch.searchsorted({ROW}, 1.0, right=True, side='left')", RuntimeError),
        (f"torch.searchsorted({ROW}, 1.0, side='up')", RuntimeError),
        (f"torch.searchsorted({ROW}, 1.0, sorter=torch.tensor([0, 1]))", RuntimeError),
        (f"torch.searchsorted({ROW}, 1.0, sorter=torch.tensor([0, 1, 3]))", RuntimeError),
        (f"torch.searchsorted({ROW}, 1.0, sorter=torch.tensor([0.0, 1.0, 2.0]))", RuntimeError),
        ("torch.searchsorted(torch.tensor([True]), True)", NotImplementedError),
        ("torch.bucketize(torch.ones(2), torch.ones(1, 2))", RuntimeError),
        ("torch.isin(1, 2)", TypeError),
        ("torch.isin(torch.tensor([True]), torch.tensor([True]))", RuntimeError),
        ("torch.unique_consecutive(torch.tensor(1), dim=0)", IndexError),
        ("torch.unique_consecutive(torch.zeros(0, 2), dim=1)", RuntimeError),
        ("torch.unravel_index(torch.tensor([1.0]), (2, 2))", TypeError),
        ("torch.unravel_index(torch.tensor([1]), 'ab')", TypeError),
        ("torch.unravel_index(torch.tensor([1]), (2.0, 2))", TypeError),
        ("torch.unravel_index(torch.tensor([1]), (2, -2))", ValueError),
        ("torch.unravel_index(torch.tensor([1]), (2, 0))", RuntimeError),
        ("torch.nonzero_static(torch.zeros(2), size=-1)", RuntimeError),
        (f"torch.histc({ROW}, 2.5)", TypeError),
        (f"torch.histc({ROW}, 0)", RuntimeError),
        (f"torch.histc({ROW}, 3, 2, 1)", RuntimeError),
        ("torch.histc(torch.tensor([1.0, NAN]))", RuntimeError),
        ("torch.histc(torch.tensor([1]))", NotImplementedError),
        (f"torch.histogram({ROW}, 0)", RuntimeError),
        (f"torch.histogram({ROW}, 2, range=(2.0, 1.0))", RuntimeError),
        (f"torch.histogram({ROW}, 2, range=(2.0,))", RuntimeError),
        (f"torch.histogram({ROW}, {ROW}, range=(1.0, 2.0))", TypeError),
        (f"torch.histogram({ROW}, {ROW}.double())", RuntimeError),
        (f"torch.histogram({ROW}, torch.ones(1, 2))", RuntimeError),
        (f"torch.histogram({ROW}, torch.ones(0))", RuntimeError),
        (f"torch.histogram({ROW}, 2, weight=torch.ones(2))", RuntimeError),
        (f"torch.histogram({ROW}, 2, weight=torch.ones(3).double())", RuntimeError),
        ("torch.histogram(torch.tensor([1.0, NAN]))", RuntimeError),
        ("torch.histogram(torch.tensor([1]))", NotImplementedError),
        ("torch.histogramdd(torch.zeros(3), [2])", RuntimeError),
        ("torch.histogramdd(torch.zeros(3, 2), [2])", RuntimeError),
    ],
)
def test_refused(expression, error):
    with pytest.raises(error):
        eval(expression)
