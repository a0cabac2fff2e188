"""Products of matrices against NumPy, and PyTorch's messages where shapes do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch as torch
from mytorch.ops.contraction import einsum, tensordot


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


@given(arrays.mutually_broadcastable_shapes(signature="(n?,k),(k,m?)->(n?,m?)", max_dims=2, min_side=0, max_side=3))
def test_matmul_is_numpys_for_all_dimensions(case):
    (first, second), _ = case
    x, y = (torch.tensor(random(*shape), requires_grad=True) for shape in (first, second))
    out = x @ y
    np.testing.assert_allclose(out.detach().numpy(), x.detach().numpy() @ y.detach().numpy(), atol=1e-12)
    out.sum().backward()
    assert (x.grad.shape, y.grad.shape) == (first, second)


def test_arrays_on_either_side():
    a, b = random(2, 3), random(3, 2)
    assert isinstance(torch.tensor(a) @ b, torch.Tensor)
    assert isinstance(a @ torch.tensor(b), torch.Tensor)
    np.testing.assert_allclose((torch.tensor(a) @ b).numpy(), a @ b)
    np.testing.assert_allclose((a @ torch.tensor(b)).numpy(), a @ b)
    with pytest.raises(TypeError, match=r"matmul\(\): argument must be Tensor, not int"):
        torch.tensor(a) @ 2
    with pytest.raises(TypeError):
        "a" @ torch.tensor(a)


MESSAGES = [
    (lambda: torch.ones(2, 3) @ torch.ones(2, 3), r"mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    (lambda: torch.ones(2) @ torch.ones(3), r"inconsistent tensor size, expected tensor \[2\] and src \[3\]"),
    (lambda: torch.ones(2) @ torch.tensor(1.0), "need to be at least 1D, but they are 1D and 0D"),
    (
        lambda: torch.ones(2, 2, 3) @ torch.ones(3, 3, 1),
        r"The size of tensor a \(2\) must match the size of tensor b \(3\)",
    ),
    (lambda: torch.ones(2) @ torch.tensor([1, 2]), "torch.float32 and torch.int64"),
    (lambda: torch.mm(torch.ones(2), torch.ones(2, 2)), "must be matrices, but they are 1-D and 2-D"),
    (lambda: torch.bmm(torch.ones(2, 2), torch.ones(2, 2)), "batch1 and batch2 must be 3D tensors, got 2D and 2D"),
    (lambda: torch.nn.functional.linear(torch.ones(5, 3), torch.ones(2, 4)), r"cannot be multiplied \(5x3 and 4x2\)"),
    (
        lambda: torch.nn.functional.linear(torch.ones(5, 3), torch.ones(2, 3), torch.ones(3)),
        r"bias of shape \[3\] does not fit 2 output",
    ),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES)
def test_shapes_and_types_that_do_not_fit(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 3), (2, 4, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_its_formula(shape, bias):
    x, w, b = (torch.tensor(random(*s), requires_grad=True) for s in (shape, (5, 3), (5,)))
    fused = torch.nn.functional.linear(x, w, b if bias else None)
    plain = x @ w.t() + b if bias else x @ w.t()
    np.testing.assert_allclose(fused.detach().numpy(), plain.detach().numpy(), atol=1e-14)
    weights = torch.tensor(random(*fused.shape))
    inputs = [x, w, b] if bias else [x, w]
    for mine, other in zip(*(torch.autograd.grad((y * weights).sum(), inputs) for y in (fused, plain)), strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), atol=1e-13)


def test_linear_does_not_write_to_its_inputs():
    x, w, b = torch.ones(2, 3), torch.ones(4, 3), torch.ones(4)
    torch.nn.functional.linear(x, w, b)
    assert (x._version, w.sum().item(), b.sum().item()) == (0, 12.0, 4.0)


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), ("...ij,...jk->...ik", (2, 2, 3), (3, 2)), ("ij,ij,ij->j", (2, 3), (2, 3), (2, 3)), ("iij->j", (2, 2, 3)), (",i->i", (), (3,)),
    ("abc,cd->abd", (2, 1, 3), (3, 2)), ("ij,kl->", (2, 2), (2, 2)), ("...->...", (2, 3)), ("i...->...", (2, 3)), ("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("equation", "shapes"), [(e, s) for e, *s in EQUATIONS])
def test_einsum_is_numpys_and_differentiates_twice(equation, shapes):
    inputs = [torch.tensor(random(*s), requires_grad=True) for s in shapes]
    found = einsum(equation, *inputs)
    np.testing.assert_allclose(
        found.detach().numpy(), np.einsum(equation, *[x.detach().numpy() for x in inputs]), atol=1e-12
    )
    assert torch.autograd.gradcheck(lambda *xs: einsum(equation, *xs), inputs)
    assert torch.autograd.gradgradcheck(lambda *xs: einsum(equation, *xs), inputs)


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk", [(2, 3)], "fewer|more"), ("ij", [(2,)], "number of subscripts"), ("i->k", [(2,)], "subscript k does not appear"), ("i,i->i", [(2,), (3,)], "do not broadcast"),
        ("i!->i", [(2,)], "invalid subscript"), ("ij->ii", [(2, 2)], "appears more than once"), ("i", [(2, 3)], "no ellipsis"),
    ],
)  # fmt: skip
def test_equations_that_do_not_fit(equation, shapes, message):
    with pytest.raises(RuntimeError, match=message):
        einsum(equation, *[torch.zeros(s) for s in shapes])


@given(st.integers(0, 2))
def test_tensordot_is_numpys(n):
    a, b = random(2, 3, 2), random(*(2, 3, 2)[3 - n :], 4)
    np.testing.assert_allclose(
        tensordot(torch.tensor(a), torch.tensor(b), n).numpy(), np.tensordot(a, b, n), atol=1e-12
    )


def test_tensordot_checks():
    a = torch.ones(2, 3)
    assert tensordot(a, a, ([0, 1], [0, 1])).item() == 6
    for dims, message in ((1, "need to match"), (3, "dims <= min"), (-1, "dims >= 0"), (([0], [0, 1]), "same length")):
        with pytest.raises(RuntimeError, match=message):
            tensordot(a, a, dims)


def test_closeness():
    x = torch.tensor([1.0, float("inf"), float("nan")])
    assert x.isclose(x).tolist() == [True, True, False]
    assert x.isclose(x, equal_nan=True).all()
    assert torch.ones(2).allclose(torch.ones(2) + 1e-7)
    assert not torch.ones(2).equal(torch.ones(3))
    assert torch.ones(2).equal(torch.ones(2))
