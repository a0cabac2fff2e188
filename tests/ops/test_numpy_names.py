"""`axis` and `keepdims`, which PyTorch takes for `dim` and `keepdim`: methods and functions."""

from __future__ import annotations

import pytest

import mytorch as torch

x = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "amax", "argmin", "std", "logsumexp", "any", "norm"])
def test_reductions(name):
    expected = getattr(x, name)(dim=1, keepdim=True)
    assert torch.equal(getattr(x, name)(axis=1, keepdims=True), expected)
    assert torch.equal(getattr(torch, name)(x, axis=1, keepdims=True), expected)


def test_other_functions():
    assert torch.cat([x, x], axis=1).shape == (2, 6)
    assert torch.stack([x, x], axis=-1).shape == (2, 3, 2)
    assert torch.equal(x.cumsum(axis=0), x.cumsum(0))
    assert torch.equal(x.max(axis=1).values, x.max(1).values)
    assert x.unsqueeze(axis=0).shape == (1, 2, 3)
    assert torch.equal(torch.sum(x, axis=0, out=torch.zeros(3)), x.sum(0))


def test_both_names_at_once_are_refused():
    with pytest.raises(TypeError, match="sum\\(\\) got both 'dim' and 'axis', which mean the same"):
        x.sum(dim=0, axis=1)


def test_the_signature_is_pytorchs():
    import inspect

    assert list(inspect.signature(torch.Tensor.mean).parameters)[1:3] == ["dim", "keepdim"]
