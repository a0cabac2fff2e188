"""Images in another size: against formulas written for one element, and recorded figures of PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mytorch as torch
from mytorch.nn import functional as F

R = np.random.default_rng(0)


def at(row, position, mode):
    """The value of a sequence at a position between its elements; borders are repeated."""

    def element(i):
        return row[min(max(i, 0), len(row) - 1)]

    before = math.floor(position)
    t = position - before
    if mode == "linear":
        return (1 - t) * element(before) + t * element(before + 1)
    a = -0.75  # Keys' kernel in its usual form, |x| <= 1 and 1 < |x| < 2
    near, far = (lambda x: (a + 2) * x**3 - (a + 3) * x**2 + 1), (lambda x: a * (x**3 - 5 * x**2 + 8 * x - 4))
    weights = (far(1 + t), near(t), near(1 - t), far(2 - t))
    return sum(w * element(before - 1 + k) for k, w in enumerate(weights))


def position(o, n, size, align):
    if align:
        return o * (n - 1) / (size - 1) if size > 1 else 0
    return (o + 0.5) * n / size - 0.5


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize(("n", "size"), [(5, 3), (3, 7), (4, 4), (2, 1), (1, 3), (7, 2)])
def test_linear_and_cubic_along_one_axis(n, size, align):
    row = R.standard_normal(n)
    linear = F.interpolate(torch.from_numpy(row[None, None]), size, mode="linear", align_corners=align)
    expected = [at(row, max(position(o, n, size, align), 0), "linear") for o in range(size)]
    np.testing.assert_allclose(linear.numpy()[0, 0], expected, rtol=1e-12)
    image = torch.from_numpy(row[None, None, None])
    cubic = F.interpolate(image, (1, size), mode="bicubic", align_corners=align)
    expected = [at(row, position(o, n, size, align), "cubic") for o in range(size)]
    np.testing.assert_allclose(cubic.numpy()[0, 0, 0], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_nearest_and_exact(dims):
    shape = (4, 5, 6)[:dims]
    x = torch.arange(math.prod(shape)).float().reshape(1, 1, *shape)
    target = (6, 3, 2)[:dims]
    for mode, shift in (("nearest", 0), ("nearest-exact", 0.5)):
        index = [[int((o + shift) * n / s) for o in range(s)] for n, s in zip(shape, target, strict=True)]
        found = F.interpolate(x, target, mode=mode)
        assert found.tolist() == [[x.array[0, 0][np.ix_(*index)].tolist()]]


def test_interpolation_works_axis_by_axis():
    x = torch.from_numpy(R.standard_normal((2, 3, 4, 5)))
    both = F.interpolate(x, (7, 3), mode="bilinear")
    rows = F.interpolate(x.reshape(2, 12, 5), 3, mode="linear").reshape(2, 3, 4, 3)
    columns = F.interpolate(rows.permute(0, 1, 3, 2).reshape(2, 9, 4), 7, mode="linear")
    np.testing.assert_allclose(both.numpy(), columns.reshape(2, 3, 3, 7).permute(0, 1, 3, 2).numpy(), rtol=1e-12)
    volume = F.interpolate(x[:, :, None], (1, 7, 3), mode="trilinear")
    np.testing.assert_allclose(volume[:, :, 0].numpy(), both.numpy(), rtol=1e-12)


def test_sizes_from_factors():
    x = torch.arange(10.0).reshape(1, 1, 10)
    assert F.interpolate(x, scale_factor=0.37).shape == (1, 1, 3)
    # The positions come from the factor, or from the sizes when that is asked for.
    assert F.interpolate(x, scale_factor=0.37).flatten().tolist() == [0, 2, 5]
    assert F.interpolate(x, scale_factor=0.37, recompute_scale_factor=True).flatten().tolist() == [0, 3, 6]
    assert F.interpolate(x[..., None], scale_factor=(0.5, 2)).shape == (1, 1, 5, 2)


def test_area_averages():
    x = torch.arange(6.0).reshape(1, 1, 6)
    assert F.interpolate(x, 3, mode="area").tolist() == [[[0.5, 2.5, 4.5]]]
    assert F.interpolate(x, scale_factor=0.5, mode="area").tolist() == [[[0.5, 2.5, 4.5]]]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("size", [(3, 9), (8, 8), (1, 2)])
def test_antialiasing_keeps_what_is_constant(mode, size):
    x = torch.full((1, 1, 8, 8), 3.0, dtype=torch.float64)
    np.testing.assert_allclose(F.interpolate(x, size, mode=mode, antialias=True).numpy(), 3.0, rtol=1e-12)


def test_antialiasing_sees_every_element():
    x = torch.zeros(1, 1, 1, 12, dtype=torch.float64, requires_grad=True)
    F.interpolate(x, (1, 3), mode="bilinear", antialias=True).sum().backward()
    assert (x.grad > 0).all()
    plain = torch.zeros_like(x).requires_grad_()
    F.interpolate(plain, (1, 3), mode="bilinear").sum().backward()
    assert not (plain.grad > 0).all()


def test_bytes_are_rounded_and_stay_in_range():
    x = torch.tensor([[[[0, 255, 0, 255]]]], dtype=torch.uint8)
    found = F.interpolate(x, (1, 8), mode="bicubic")
    exact = F.interpolate(x.double(), (1, 8), mode="bicubic").numpy()
    assert found.dtype == torch.uint8
    assert exact.min() < 0
    assert exact.max() > 255
    np.testing.assert_allclose(found.numpy(), exact.clip(0, 255), atol=0.51)


def test_infinity_stays_where_it_is():
    x = torch.tensor([[[1.0, math.inf, 2.0]]])
    assert F.interpolate(x, 6).tolist() == [[[1, 1, math.inf, math.inf, 2, 2]]]
    assert F.interpolate(x, 3, mode="linear").tolist() == x.tolist()


def test_half_precision_is_computed_in_single():
    x = torch.from_numpy(R.standard_normal((1, 1, 40)).astype(np.float16))
    found = F.interpolate(x, 33, mode="linear")
    exact = F.interpolate(x.float(), 33, mode="linear").numpy().astype(np.float16)
    assert found.numpy().tolist() == exact.tolist()


@pytest.mark.parametrize(
    ("shape", "options", "error", "message"),
    [
        ((1, 1, 4), {}, ValueError, "either size or scale_factor should be defined"),
        ((1, 1, 4), {"size": 2, "scale_factor": 2}, ValueError, "only one of size or scale_factor"),
        ((1, 1, 4), {"size": (2, 2)}, ValueError, "output size must have the same number of spatial dimensions"),
        ((1, 1, 4), {"scale_factor": (2, 2)}, ValueError, "scale_factor must have the same number"),
        ((1, 1, 4), {"size": 2.0}, TypeError, "expected size to be one of int"),
        ((1, 1, 4), {"size": 2, "align_corners": False}, ValueError, "align_corners option can only be set"),
        ((1, 1, 4), {"size": 2, "recompute_scale_factor": True}, ValueError, "not meaningful with an explicit size"),
        ((1, 1, 4), {"size": 2, "mode": "bilinear"}, NotImplementedError, "Got 3D input, but bilinear mode needs 4D"),
        ((1, 1, 4), {"size": 2, "mode": "cubic"}, NotImplementedError, r"\(got cubic\)"),
        ((4,), {"size": (), "mode": "nearest"}, NotImplementedError, r"\(got 1D\)"),
        ((1, 1, 4), {"size": 2, "mode": "linear", "antialias": True}, ValueError, "Anti-alias option is restricted"),
        ((1, 1, 2, 2), {"size": 2, "mode": "lanczos"}, ValueError, "Lanczos mode requires antialias=True"),
        ((1, 1, 4), {"size": 0}, RuntimeError, "should be greater than 0"),
        ((1, 0, 4), {"size": 2}, RuntimeError, "Non-empty 3D data tensor expected"),
    ],
)
def test_refusals(shape, options, error, message):
    with pytest.raises(error, match=message):
        F.interpolate(torch.zeros(shape), **options)
    with pytest.raises(NotImplementedError, match="not implemented for"):
        F.interpolate(torch.zeros(1, 1, 4, dtype=torch.int64), 2)


@pytest.mark.parametrize("name", ["upsample", "upsample_nearest", "upsample_bilinear"])
def test_old_names_warn(name):
    x = torch.from_numpy(R.standard_normal((1, 1, 3, 3)))
    with pytest.warns(UserWarning, match=f"`nn.functional.{name}` is deprecated"):
        found = getattr(F, name)(x, 5)
    options = {"mode": "bilinear", "align_corners": True} if name == "upsample_bilinear" else {}
    assert found.tolist() == F.interpolate(x, 5, **options).tolist()
