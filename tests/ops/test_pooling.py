"""Pooling, enlarging and batch norm of images: what is written, kept and told where, beyond the recorded cases."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import mytorch as torch
from mytorch.autograd.primitive import NUMPY
from mytorch.nn import functional as F


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(6, 2, 2, 0), (7, 2, 2, 0), (6, 3, 3, 1), (6, 3, 2, 1), (7, 2, 3, 0), (5, 4, 1, 2)],
)
def test_gradients_of_maxima_are_written_everywhere(monkeypatch, size, kernel, stride, padding):
    """Fresh memory is filled with NaN: no place may keep it. Many values are equal: the first of them counts."""
    monkeypatch.setattr(NUMPY, "empty", lambda shape, dtype=float: np.full(shape, np.nan, dtype), raising=False)
    values = np.random.default_rng(0).integers(0, 3, (2, 3, size, size)).astype(float)
    x = torch.from_numpy(values).requires_grad_()
    out = F.max_pool2d(x, kernel, stride, padding)
    slopes = np.random.default_rng(1).standard_normal(out.shape)
    out.backward(torch.from_numpy(slopes))
    expected = np.zeros_like(values)
    padded = np.pad(values, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    for n, c, i, j in np.ndindex(*slopes.shape):
        top, left = i * stride, j * stride
        window = padded[n, c, top : top + kernel, left : left + kernel]
        row, column = np.unravel_index(window.argmax(), window.shape)
        assert out[n, c, i, j].item() == window.max()
        expected[n, c, top + row - padding, left + column - padding] += slopes[n, c, i, j]
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_indices_of_uneven_adaptive_maxima_are_those_of_the_first():
    x = torch.full((1, 1, 5, 5), -float("inf"))
    x[0, 0, 3, 1] = x[0, 0, 3, 0] = 2.0
    out, indices = F.adaptive_max_pool2d(x, (2, 3), return_indices=True)
    assert out.tolist() == [[[[-np.inf] * 3, [2.0, 2.0, -np.inf]]]]
    assert indices.tolist() == [[[[0, 1, 3], [15, 16, 13]]]]


def test_batch_norm_keeps_nothing_of_the_size_of_the_images():
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((32, 16, 32, 32)).astype(np.float32))
    x.requires_grad_()
    tracemalloc.start()
    out = F.batch_norm(x, None, None, training=True)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert out.array.nbytes == 2**21
    assert held < 1.2 * 2**21
    assert peak < 2 * 2**21


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_an_infinite_number_stays_near_when_images_are_enlarged(mode):
    x = torch.zeros(1, 1, 9, 9)
    x[0, 0, 4, 4] = float("inf")
    out = F.interpolate(x, scale_factor=2, mode=mode).numpy()[0, 0]
    assert np.isfinite(out[:4]).all()
    assert np.isfinite(out[:, -4:]).all()
    assert not np.isfinite(out[8, 8])


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
@pytest.mark.parametrize("sizes", [(2, 3), (5, 8), (7, 9)])
def test_what_is_not_finite_stays_in_the_windows_of_an_adaptive_average(number, sizes):
    def windows(row, column):
        """Which windows see a place: those that are not 0 where it alone is 1."""
        x = torch.zeros(1, 2, 5, 6)
        x[0, 1, row, column] = 1.0
        return F.adaptive_avg_pool2d(x, sizes).numpy() != 0

    x = torch.ones(1, 2, 5, 6)
    x[0, 1, 3, 2] = number
    x.requires_grad_()
    out = F.adaptive_avg_pool2d(x, sizes)
    seen = windows(3, 2)
    assert not np.isfinite(out.detach().numpy()[seen]).any()
    np.testing.assert_allclose(out.detach().numpy()[~seen], 1.0, rtol=1e-6)
    g = torch.zeros(1, 2, *sizes)
    g[0, 0, 1, 2] = number
    out.backward(g)
    expected = np.array([[windows(r, c)[0, 1, 1, 2] for c in range(6)] for r in range(5)])
    assert (np.isfinite(x.grad.numpy()[0, 0]) == ~expected).all()
    assert not x.grad.numpy()[0, 1].any()


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_averages_of_integers_are_refused_where_they_would_be_wrong(dtype):
    x = torch.ones(1, 1, 4, 4).to(dtype)
    with pytest.raises(NotImplementedError, match='"adaptive_avg_pool2d" not implemented for'):
        F.adaptive_avg_pool2d(x, 2)
    if dtype == torch.int64:
        assert F.avg_pool2d(x, 2).tolist() == [[[[1, 1], [1, 1]]]]
    else:
        with pytest.raises(NotImplementedError, match='"avg_pool2d" not implemented for'):
            F.avg_pool2d(x, 2)
