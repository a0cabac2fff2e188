"""Convolutions: every way to compute them, any layout in memory, and how much memory they take."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

import mytorch as torch
from mytorch.autograd.primitive import NUMPY
from mytorch.backend import threads
from mytorch.nn import functional as F
from mytorch.ops import conv_kernels
from mytorch.ops.conv_kernels import correlate, correlate_back, correlate_kernel
from mytorch.ops.windows import Geometry, channels_first, channels_last

GEOMETRIES = [
    Geometry((1, 1), (0, 0), (1, 1)), Geometry((1, 1), (1, 2), (1, 1)), Geometry((2, 1), (1, 0), (1, 1)),
    Geometry((3, 4), (2, 2), (1, 1)), Geometry((1, 2), (0, 1), (2, 1)), Geometry((2, 3), (3, 2), (3, 2)),
    Geometry((1, 1), (5, 1), (6, 2)),
]  # fmt: skip


def by_definition(x, w, sizes, geometry, groups):
    """The sum that defines a convolution, term by term; channels-last images."""
    outputs, each = w.shape[:2]
    out = np.zeros((len(x), *sizes, outputs))
    for place in np.ndindex(*sizes):
        for k in np.ndindex(*w.shape[2:]):
            at = [o * s - p + i * d for o, i, s, p, d in zip(place, k, *geometry, strict=True)]
            if all(0 <= i < n for i, n in zip(at, x.shape[1:-1], strict=True)):
                for o, c in itertools.product(range(outputs), range(each)):
                    from_channel = o // (outputs // groups) * each + c
                    out[(slice(None), *place, o)] += x[(slice(None), *at, from_channel)] * w[(o, c, *k)]
    return out


@pytest.mark.parametrize(("cache", "small"), [(2**20, 10**6), (2000, 10**6), (300, 200), (2**20, 0)])
@pytest.mark.parametrize(("channels", "outputs", "groups"), [(2, 3, 1), (6, 6, 6), (10, 12, 2), (1, 17, 1)])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_every_way_computes_the_definition(monkeypatch, geometry, cache, small, channels, outputs, groups):
    """All block sizes and both ways to lower, against loops, and the other two parts by what makes them adjoints."""
    monkeypatch.setattr(conv_kernels, "CACHE", cache)
    monkeypatch.setattr(conv_kernels, "SMALL", small)
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 8, 11, channels))
    w = random.standard_normal((outputs, channels // groups, 3, 2))
    sizes = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x.shape[1:-1], w.shape[2:], *geometry, strict=True)
    )
    out = correlate(NUMPY, x, w, None, sizes, geometry, groups)
    np.testing.assert_allclose(out, by_definition(x, w, sizes, geometry, groups), rtol=1e-9, atol=1e-9)
    g = random.standard_normal(out.shape)
    total = np.sum(out * g)
    back = correlate_back(NUMPY, g, w, None, x.shape[1:-1], geometry, groups)
    assert np.sum(back * x) == pytest.approx(total)
    kernel = correlate_kernel(NUMPY, x, g, w.shape[2:], geometry, groups)
    assert np.sum(kernel * w) == pytest.approx(total)
    bias = random.standard_normal(outputs)
    np.testing.assert_allclose(correlate(NUMPY, x, w, bias, sizes, geometry, groups), out + bias, rtol=1e-9, atol=1e-9)


LAYOUTS = {
    "as PyTorch": np.ascontiguousarray,
    "channels last": lambda x: channels_first(np.ascontiguousarray(channels_last(x))),
    "transposed": lambda x: np.ascontiguousarray(x.swapaxes(2, 3)).swapaxes(2, 3),
    "every other": lambda x: np.repeat(x, 2, axis=3)[..., ::2],
    "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2}, {"dilation": 2, "padding": 1}, {"groups": 2}])
def test_the_layout_in_memory_does_not_matter(layout, options):
    random = np.random.default_rng(0)
    x, w = random.standard_normal((2, 4, 9, 10)), random.standard_normal((6, 4 // options.get("groups", 1), 3, 3))
    results = []
    for arrange in (np.ascontiguousarray, LAYOUTS[layout]):
        tx, tw = torch.from_numpy(arrange(x)).requires_grad_(), torch.from_numpy(arrange(w)).requires_grad_()
        out = F.conv2d(tx, tw, **options)
        out.backward(torch.from_numpy(arrange(np.cos(out.detach().numpy()))))
        results.append((out.detach().numpy(), tx.grad.numpy(), tw.grad.numpy()))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_results_are_channels_last_in_memory_and_gradients_of_weights_are_not():
    x, w = torch.ones(2, 3, 6, 6, requires_grad=True), torch.ones(4, 3, 3, 3, requires_grad=True)
    out = F.conv2d(x, w)
    assert channels_last(out.array).flags.c_contiguous
    out.sum().backward()
    assert channels_last(x.grad.array).flags.c_contiguous
    assert w.grad.array.flags.c_contiguous


@pytest.mark.parametrize("dims", [1, 3])
@pytest.mark.parametrize("cache", [2**20, 2000])
def test_sequences_and_volumes(monkeypatch, dims, cache):
    """Also where the only axis of a sequence is cut in pieces."""
    monkeypatch.setattr(conv_kernels, "CACHE", cache)
    random = np.random.default_rng(0)
    space = (90,) if dims == 1 else (5, 6, 7)
    x, w, b = (random.standard_normal(shape) for shape in ((2, *space, 4), (3, 4, *(2,) * dims), (3,)))
    geometry = Geometry((1,) * dims, (1,) * dims, (2,) * dims)
    out = correlate(NUMPY, x, w, b, space, geometry, 1)
    np.testing.assert_allclose(out, by_definition(x, w, space, geometry, 1) + b, rtol=1e-9, atol=1e-9)
    g = random.standard_normal(out.shape)
    total = np.sum((out - b) * g)
    assert np.sum(correlate_back(NUMPY, g, w, None, space, geometry, 1) * x) == pytest.approx(total)
    assert np.sum(correlate_kernel(NUMPY, x, g, w.shape[2:], geometry, 1) * w) == pytest.approx(total)


@pytest.fixture
def one_thread():
    before = threads.get_count()
    threads.set_count(1)
    yield
    threads.set_count(before)


# Images, output channels, kernel, groups.
SHAPES = [
    ((1, 160, 160, 16), 16, 5, 1), ((16, 48, 48, 16), 16, 5, 1), ((64, 24, 24, 20), 20, 5, 1),
    ((64, 28, 28, 1), 6, 5, 1), ((64, 28, 28, 1), 20, 5, 1), ((64, 14, 14, 16), 16, 3, 1), ((64, 16, 16, 32), 32, 3, 1), ((16, 32, 32, 64), 64, 3, 1),
    ((16, 32, 32, 32), 32, 3, 4), ((16, 32, 32, 32), 32, 3, 32), ((32, 512, 32), 64, 5, 1), ((4, 16, 16, 16, 8), 16, 3, 1),
]  # fmt: skip


@pytest.mark.parametrize(("images", "outputs", "k", "groups"), SHAPES, ids=str)
def test_extra_memory_is_a_fraction_of_what_im2col_takes(one_thread, images, outputs, k, groups):
    dims, channels, space = len(images) - 2, images[-1], images[1:-1]
    x = np.random.default_rng(0).standard_normal(images).astype(np.float32)
    w = np.ones((outputs, channels // groups, *(k,) * dims), np.float32)
    g = np.ones((*images[:-1], outputs), np.float32)
    geometry = Geometry((1,) * dims, (k // 2,) * dims, (1,) * dims)
    parts = (
        (channels, lambda: correlate(NUMPY, x, w, None, space, geometry, groups)),
        (outputs, lambda: correlate_back(NUMPY, g, w, None, space, geometry, groups)),
        (channels, lambda: correlate_kernel(NUMPY, x, g, w.shape[2:], geometry, groups)),
    )
    for lowered, part in parts:
        tracemalloc.start()
        result = part()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak - result.nbytes < x.nbytes // channels * lowered * k**dims / k


def test_types():
    for dtype in (torch.float32, torch.float64):
        x = torch.ones(1, 2, 4, 4, dtype=dtype, requires_grad=True)
        w = torch.ones(3, 2, 2, 2, dtype=dtype, requires_grad=True)
        out = F.conv2d(x, w, torch.ones(3, dtype=dtype))
        out.sum().backward()
        assert out.dtype == x.grad.dtype == w.grad.dtype == dtype
    with pytest.raises(RuntimeError, match=r"Input type \(float\w*\) and weight type \(float64\) should be the same"):
        F.conv2d(torch.ones(1, 2, 4, 4), torch.ones(3, 2, 2, 2, dtype=torch.float64))
    with pytest.raises(TypeError, match="conv2d"):
        F.conv2d(np.ones((1, 2, 4, 4)), torch.ones(3, 2, 2, 2))


def test_an_infinite_number_stays_in_its_windows():
    x = torch.zeros(1, 1, 6, 6)
    x[0, 0, 2, 2] = float("inf")
    out = F.conv2d(x, torch.ones(1, 1, 2, 2)).numpy()[0, 0]
    assert np.isinf(out).sum() == 4
    assert not np.isnan(out).any()


def test_an_infinite_number_stays_in_its_windows_and_its_channel():
    x = torch.zeros(1, 2, 6, 6)
    x[0, 1, 2, 2] = float("inf")
    out = F.conv2d(x, torch.ones(2, 1, 2, 2), groups=2).numpy()[0]
    assert not out[0].any()
    assert np.isinf(out[1]).sum() == 4
    assert not np.isnan(out).any()


def test_a_kernel_of_nothing_is_refused():
    for function, shape in ((F.conv2d, (1, 1, 0, 3)), (F.conv_transpose1d, (1, 1, 0))):
        with pytest.raises(RuntimeError, match="kernel size should be greater than zero"):
            function(torch.ones(*shape[:2], *[4] * (len(shape) - 2)), torch.ones(shape))
