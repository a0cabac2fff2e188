"""Reductions against NumPy for any shape and dimensions, and PyTorch's rules for ties, NaN and nothing at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch as torch

NUMPY = {"sum": np.sum, "mean": np.mean, "amax": np.max, "amin": np.min, "any": np.any, "all": np.all, "prod": np.prod}


@st.composite
def reductions(draw):
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4))
    dims = draw(st.none() | st.sets(st.integers(0, len(shape) - 1), min_size=1).map(tuple)) if shape else None
    signs = tuple(draw(st.booleans()) for _ in dims or ())
    given_dims = None if dims is None else tuple(d - len(shape) if s else d for d, s in zip(dims, signs, strict=True))
    return shape, dims, given_dims, draw(st.booleans())


@given(reductions(), st.sampled_from(sorted(NUMPY)))
def test_values_and_shapes_are_numpys(case, name):
    shape, dims, given_dims, keep = case
    if name == "prod" and dims is not None:
        dims, given_dims = dims[:1], given_dims[0]
    x = np.random.default_rng(0).standard_normal(shape).round(2)
    found = getattr(torch.tensor(x), name)(given_dims, keep)
    np.testing.assert_allclose(found.numpy(), NUMPY[name](x, axis=dims, keepdims=keep), rtol=1e-12)


@given(reductions())
def test_gradients_have_the_inputs_shape(case):
    shape, _, dims, keep = case
    for name in ("sum", "mean", "amax", "logsumexp", "norm", "std"):
        x = torch.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
        if name == "logsumexp" and dims is None:
            continue
        out = x.norm(dim=dims, keepdim=keep) if name == "norm" else getattr(x, name)(dim=dims, keepdim=keep)
        out.sum().backward()
        assert x.grad.shape == shape


def test_sums_of_integers_and_booleans_are_int64():
    for dtype in (torch.bool, torch.uint8, torch.int32):
        x = torch.tensor([1, 1, 0], dtype=dtype)
        assert (x.sum().dtype, x.prod().dtype, x.cumsum(0).dtype) == (torch.int64,) * 3
    assert torch.tensor([200, 200], dtype=torch.uint8).sum().item() == 400
    assert torch.ones(2).sum(dtype=torch.float64).dtype is torch.float64


def test_float16_is_added_up_in_float32():
    x = torch.full((5000,), 0.1, dtype=torch.float16)
    assert x.sum().item() == pytest.approx(500, rel=1e-3)
    assert x.reshape(2500, 2).sum(0)[0].item() == pytest.approx(250, rel=1e-3)
    assert x.mean().item() == pytest.approx(0.1, rel=1e-3)
    assert x.cumsum(0)[-1].item() == pytest.approx(500, rel=1e-3)
    assert x.norm().dtype is torch.float16


def test_nothing_at_all():
    empty = torch.zeros(0, 3)
    assert empty.sum().item() == 0
    assert empty.prod().item() == 1
    assert math.isnan(empty.mean().item())
    assert empty.sum(0).tolist() == [0.0, 0.0, 0.0]
    assert empty.any().item() is False
    assert empty.all().item() is True
    assert empty.max(1).values.shape == (0,)
    for name in ("max", "min", "amax", "amin"):
        with pytest.raises(RuntimeError, match=rf"{name}\(\): Expected reduction dim to be specified"):
            getattr(empty, name)()
        with pytest.raises(IndexError, match=rf"{name}\(\): Expected reduction dim 0 to have non-zero size"):
            getattr(empty, name)(0)
    with pytest.raises(IndexError, match="argmax"):
        empty.argmax()


def test_nan_is_largest_and_smallest():
    x = torch.tensor([1.0, math.nan, 3.0])
    for name in ("max", "min", "amax", "amin"):
        assert math.isnan(getattr(x, name)().item())
    assert (x.argmax().item(), x.argmin().item(), x.max(0).indices.item()) == (1, 1, 1)


def test_ties():
    x = torch.tensor([[1.0, 3.0, 3.0]], requires_grad=True)
    gradient = lambda y: torch.autograd.grad(y.sum(), x)[0].tolist()  # noqa: E731
    assert gradient(x.max()) == [[0.0, 0.5, 0.5]]
    assert gradient(x.amax(1)) == [[0.0, 0.5, 0.5]]
    assert gradient(x.max(1).values) == [[0.0, 1.0, 0.0]]
    assert x.argmax(1).tolist() == [1]


def test_pairs_have_names_and_print():
    pair = torch.tensor([3, 1]).min(0)
    assert pair.values.item() == pair[0].item() == 1
    assert repr(pair) == "torch.return_types.min(\nvalues=tensor(1),\nindices=tensor(1))"
    values, indices = torch.tensor([[1.0, 5.0]]).max(1, keepdim=True)
    assert values.tolist() == [[5.0]]
    assert indices.tolist() == [[1]]


def test_products_with_zeros_differentiate_twice():
    for values in ([2.0, 3.0], [0.0, 3.0, 2.0], [0.0, 0.0, 2.0]):
        x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
        for function in (lambda x: x.prod(), lambda x: x.prod(0, keepdim=True), lambda x: x.cumprod(0)):
            assert torch.autograd.gradcheck(function, x)
            assert torch.autograd.gradgradcheck(function, x)


def test_logsumexp_neither_overflows_nor_loses_infinities():
    assert torch.tensor([1000.0, 1000.0]).logsumexp(0).item() == pytest.approx(1000 + math.log(2))
    assert torch.tensor([-math.inf, -math.inf]).logsumexp(0).item() == -math.inf
    assert torch.tensor([math.inf, 1.0]).logsumexp(0).item() == math.inf


def test_variance_without_degrees_of_freedom():
    assert math.isnan(torch.tensor([1.0]).var().item())
    assert torch.tensor([1.0]).var(correction=0).item() == 0
    assert torch.tensor([1.0, 2.0]).var(unbiased=False).item() == 0.25
    assert torch.tensor([1.0, 3.0]).std(False).item() == 1.0


def test_what_is_refused():
    i, f = torch.tensor([1, 2]), torch.ones(2, 2)
    with pytest.raises(RuntimeError, match=r"Got: torch.int64"):
        i.mean()
    for name in ("var", "std", "norm"):
        with pytest.raises(RuntimeError, match="floating point"):
            getattr(i, name)()
    with pytest.raises(IndexError, match=r"range of \[-2, 1\], but got 2"):
        f.sum(2)
    with pytest.raises(RuntimeError, match="dim 1 appears multiple times"):
        f.sum((1, -1))
    with pytest.raises(TypeError, match="dim must be an int"):
        f.sum("a")
    with pytest.raises(RuntimeError, match="bool"):
        (f > 0).argmax()
