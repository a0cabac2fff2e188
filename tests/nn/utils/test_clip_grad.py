"""Clipping of gradients, and parameters as a vector."""

from __future__ import annotations

import math

import numpy as np
import pytest

import mytorch as torch
from mytorch import nn


def parameters():
    made = []
    for values in ([3.0, -4.0], [[12.0]], None):
        p = nn.Parameter(torch.zeros(2) if values is None else torch.zeros(np.shape(values)))
        p.grad = None if values is None else torch.tensor(values)
        made.append(p)
    return made


@pytest.mark.parametrize(
    ("norm_type", "expected"),
    [(2, 13.0), (2.0, 13.0), (1, 19.0), (math.inf, 12.0), ("inf", 12.0), (3, 1819 ** (1 / 3))],
)
def test_norms(norm_type, expected):
    norm = nn.utils.clip_grad_norm_(parameters(), 1e9, norm_type)
    assert norm.item() == pytest.approx(expected, rel=1e-6)
    assert (norm.dtype, norm.shape, norm.requires_grad) == (torch.float32, (), False)


def test_other_norms():
    grads = [torch.tensor([0.0, 3.0]), torch.tensor([5.0])]
    assert nn.utils.get_total_norm(grads, 0).item() == 2
    assert nn.utils.get_total_norm(grads, -math.inf).item() == 0
    assert nn.utils.get_total_norm([]).item() == 0
    assert nn.utils.get_total_norm(torch.tensor([3.0, 4.0])).item() == 5


def test_clipping_the_norm():
    ps = parameters()
    assert nn.utils.clip_grad_norm_(ps, 6.5).item() == 13
    np.testing.assert_allclose(ps[0].grad.tolist(), [1.5, -2.0], rtol=1e-6)
    np.testing.assert_allclose(ps[1].grad.tolist(), [[6.0]], rtol=1e-6)
    assert ps[2].grad is None
    before = [p.grad.tolist() for p in ps[:2]]
    nn.utils.clip_grad_norm_((p for p in ps), 100)
    assert [p.grad.tolist() for p in ps[:2]] == before


def test_clipping_keeps_memory_and_counts_the_change():
    (p, *_) = parameters()
    array, version = p.grad.array, p.grad._version
    nn.utils.clip_grad_norm_(p, 1.0)
    assert p.grad.array is array
    assert p.grad._version > version


def test_types_are_kept():
    p = nn.Parameter(torch.zeros(2, dtype=torch.float16))
    p.grad = torch.tensor([3.0, 4.0], dtype=torch.float16)
    nn.utils.clip_grad_norm_(p, 1.0)
    assert p.grad.dtype == torch.float16


def test_nonfinite():
    p = nn.Parameter(torch.zeros(1))
    p.grad = torch.tensor([math.nan])
    assert math.isnan(nn.utils.clip_grad_norm_(p, 1.0).item())


def test_clipping_values():
    ps = parameters()
    nn.utils.clip_grad_value_(ps, 3.5)
    assert [p.grad.tolist() for p in ps[:2]] == [[3.0, -3.5], [[3.5]]]
    nn.utils.clip_grad_value_(ps[0], 1)
    assert ps[0].grad.tolist() == [1.0, -1.0]


def test_a_vector_and_back():
    net = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (9,)
    assert vector.requires_grad
    nn.utils.vector_to_parameters(torch.arange(9.0), net.parameters())
    assert net.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert net.bias.tolist() == [6, 7, 8]
    with pytest.raises(RuntimeError, match=r"shape '\[3\]' is invalid for input of size 1"):
        nn.utils.vector_to_parameters(torch.arange(7.0), net.parameters())
