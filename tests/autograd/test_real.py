"""Gradients of complex tensors are refused wherever one could begin."""

from __future__ import annotations

import pytest

import mytorch as torch
from mytorch import nn

Z = torch.tensor([1 + 2j, 3.0])
X = torch.ones(2, requires_grad=True)

ENTRANCES = {
    "requires_grad_": lambda: torch.tensor([1j]).requires_grad_(),
    "factory": lambda: torch.tensor([1j], requires_grad=True),
    "zeros": lambda: torch.zeros(2, dtype=torch.complex64, requires_grad=True),
    "parameter": lambda: nn.Parameter(torch.zeros(2, dtype=torch.complex128)),
    "complex operand": lambda: X * Z,
    "complex operand in front": lambda: Z - X,
    "complex number": lambda: X * 2j,
    "conversion": lambda: X.to(torch.complex64),
}


@pytest.mark.parametrize("name", ENTRANCES)
def test_it_is_refused(name):
    with pytest.raises(RuntimeError, match="derivatives of complex tensors are not offered"):
        ENTRANCES[name]()


def test_what_is_allowed():
    with torch.no_grad():
        assert (X * Z).tolist() == [1 + 2j, 3]
    assert (X.detach() * 2j).tolist() == [2j, 2j]
    assert not nn.Parameter(Z, requires_grad=False).requires_grad
    assert not torch.tensor([1j]).requires_grad_(False).requires_grad
