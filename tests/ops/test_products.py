"""Products and distances: values against NumPy, numbers that are ignored or converted, and what is refused."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import mytorch as torch

R = np.random.default_rng(0)
A, B, V, W = R.standard_normal((2, 3)), R.standard_normal((3, 4)), R.standard_normal(3), R.standard_normal(2)
S, T = R.standard_normal((5, 2, 3)), R.standard_normal((5, 3, 4))

WITH_PRODUCT = {
    "addmv": ((2,), (A, V), A @ V),
    "addr": ((2, 3), (W, V), np.outer(W, V)),
    "addbmm": ((2, 4), (S, T), (S @ T).sum(0)),
    "baddbmm": ((5, 2, 4), (S, T), S @ T),
    "addmm": ((2, 4), (A, B), A @ B),
}


def tensors(*arrays, dtype=None):
    return [torch.tensor(a.tolist(), dtype=dtype or torch.float64) for a in arrays]


@pytest.mark.parametrize("name", WITH_PRODUCT)
def test_sums_with_a_product(name):
    shape, factors, product = WITH_PRODUCT[name]
    x = R.standard_normal(shape)
    for start in (x, x[..., :1], np.array(0.3)):
        (given, *others) = tensors(start, *factors)
        found = getattr(torch, name)(given, *others, beta=0.5, alpha=-2)
        np.testing.assert_allclose(found.numpy(), 0.5 * start - 2 * product, rtol=1e-12)
    (given, *others) = tensors(x, *factors)
    assert getattr(given, f"{name}_")(*others) is given
    np.testing.assert_allclose(given.numpy(), x + product, rtol=1e-12)


@pytest.mark.parametrize("name", WITH_PRODUCT)
def test_with_beta_0_the_input_is_ignored(name):
    shape, factors, product = WITH_PRODUCT[name]
    (given, *others) = tensors(np.full(shape, np.nan), *factors)
    given.requires_grad_()
    found = getattr(torch, name)(given, *others, beta=0)
    np.testing.assert_allclose(found.detach().numpy(), product, rtol=1e-12)
    found.sum().backward()
    assert not given.grad.numpy().any()


def test_numbers_take_the_type_of_integers():
    ones = [torch.ones(*s, dtype=torch.int64) for s in ((2,), (2, 3), (3,))]
    assert torch.addmv(*ones, beta=0.5, alpha=2.9).tolist() == [6, 6]
    both = torch.tensor([True, False])
    assert torch.addr(torch.tensor(False), both, both, beta=0, alpha=3).tolist() == [[True, False], [False, False]]
    assert torch.addr(ones[0], ones[0].float(), ones[0]).dtype == torch.float32
    bytes_ = torch.full((2,), 200, dtype=torch.uint8)
    assert torch.addr(bytes_[:1], bytes_[:1], bytes_[:1], alpha=-1).tolist() == [[(200 - 200 * 200) % 256]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, i: torch.addmv(f(2), f(2, 3), f(2)), r"size mismatch, got input \(2\), mat \(2x3\), vec \(2\)"),
        (lambda f, i: torch.addmv(f(3), f(2, 3), f(3)), "size mismatch"),
        (lambda f, i: torch.addmv(f(1, 2), f(2, 3), f(3)), "vector . matrix @ vector expected, got 2, 2, 1"),
        (lambda f, i: torch.addmv(i(2), f(2, 3), f(3)), "same dtype, but got torch.int64, torch.float32"),
        (lambda f, i: torch.addr(f(2, 3), f(2, 1), f(3)), "Expected 1-D argument vec1, but got 2-D"),
        (lambda f, i: torch.addr(f(2, 2), f(2), f(3)), r"expanded size of the tensor \(3\) must match"),
        (lambda f, i: torch.addbmm(f(1), f(2, 2), f(2, 2, 2)), "batch1 must be a 3D tensor"),
        (lambda f, i: torch.addbmm(f(1), f(2, 2, 2), f(3, 2, 2)), "same number of batches, got 2 and 3"),
        (lambda f, i: torch.addbmm(f(1), f(2, 2, 2), f(2, 3, 2)), "Incompatible matrix sizes for bmm"),
        (lambda f, i: torch.baddbmm(f(5), f(2, 2, 2), f(2, 2, 2)), r"expanded size of the tensor \(2\)"),
        (lambda f, i: torch.inner(f(2), f(3)), "the last dimension must match"),
        (lambda f, i: torch.cross(f(2, 3), f(3)), "same number of dimensions"),
        (lambda f, i: torch.cross(f(2, 2), f(2, 2)), "no dimension of size 3 in input"),
        (lambda f, i: torch.cross(f(2, 3), f(2, 3), 0), "inputs dimension 0 must have length 3. Got 2 and 2"),
        (lambda f, i: torch.inverse(f(2, 3)), "batches of square matrices, but they are 2 by 3"),
        (lambda f, i: torch.inverse(f(2)), "at least 2 dimensions"),
        (lambda f, i: torch.inverse(i(2, 2)), "Expected a floating point or complex tensor"),
        (lambda f, i: torch.inverse(f(2, 2)), "singular"),
        (lambda f, i: torch.chain_matmul(), "one or more matrices"),
        (lambda f, i: torch.chain_matmul(f(2)), "Tensor dimension is 1, expected 2"),
        (lambda f, i: torch.cdist(f(2), f(2, 2)), "at least 2D tensors, X1 got: 1D"),
        (lambda f, i: torch.cdist(f(2, 2), f(2, 3)), "X1: 2 X2: 3"),
        (lambda f, i: torch.cdist(f(2, 2), i(2, 2)), "X2 got: torch.int64"),
        (lambda f, i: torch.cdist(f(2, 2), f(2, 2), p=-1), "non-negative p values"),
        (lambda f, i: torch.cdist(f(2, 2), f(2, 2).double()), "found torch.float32 and torch.float64"),
        (lambda f, i: torch.pdist(f(2)), "pdist only supports 2D tensors, got: 1D"),
        (lambda f, i: torch.pdist(i(2, 2)), "floating-point dtypes"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(torch.ones, lambda *s: torch.ones(*s, dtype=torch.int64))


def test_other_products():
    a, b, v, w = tensors(A, B, V, W)
    np.testing.assert_allclose(torch.kron(a, b).numpy(), np.kron(A, B))
    np.testing.assert_allclose(torch.kron(v, b).numpy(), np.kron(V, B))
    np.testing.assert_allclose(torch.inner(a, b.t()).numpy(), np.inner(A, B.T))
    np.testing.assert_allclose(torch.inner(torch.tensor(2.0), a).numpy(), 2 * A)
    np.testing.assert_allclose(torch.vdot(v, v).numpy(), V @ V)
    np.testing.assert_allclose(torch.ger(w, v).numpy(), np.outer(W, V))
    np.testing.assert_allclose(torch.cross(a, -a.flip(0)).numpy(), np.cross(A, -A[::-1]))
    np.testing.assert_allclose(torch.cross(a.t(), a.t()[:, :1]).numpy(), np.cross(A, A[:1]).T, atol=1e-15)
    assert torch.cross(torch.tensor([[1], [0], [0]]), torch.tensor([[0], [1], [0]])).tolist() == [[0], [0], [1]]


def test_chain_matmul_takes_the_cheapest_order(monkeypatch):
    from mytorch.ops import linalg

    sizes, spent = (2, 9, 1, 8, 3), []
    matrices = [torch.from_numpy(R.standard_normal(s)) for s in itertools.pairwise(sizes)]
    product = linalg.mm

    def counted(x, y):
        spent.append(x.shape[0] * x.shape[1] * y.shape[1])
        return product(x, y)

    monkeypatch.setattr(linalg, "mm", counted)
    found = torch.chain_matmul(*matrices)
    np.testing.assert_allclose(found.numpy(), np.linalg.multi_dot([m.numpy() for m in matrices]))
    assert sum(spent) == 2 * 9 * 1 + 1 * 8 * 3 + 2 * 1 * 3
    assert torch.chain_matmul(matrices[0]) is matrices[0]


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 10])
def test_matrix_power(n):
    x = np.eye(3) + 0.3 * R.standard_normal((2, 3, 3))
    found = torch.matrix_power(torch.from_numpy(x), n)
    np.testing.assert_allclose(found.numpy(), np.linalg.matrix_power(x, n), rtol=1e-9, atol=1e-12)
    assert not np.shares_memory(found.numpy(), x)


P = [0, 0.5, 1, 1.5, 2, 3, math.inf]


def distance(x, y, p):
    size = np.abs(x - y)
    if p == 0:
        return (size != 0).sum()
    return size.max() if p == math.inf else (size**p).sum() ** (1 / p)


@pytest.mark.parametrize("p", P)
def test_distances(p):
    x, y = R.standard_normal((4, 3)), R.standard_normal((5, 3))
    expected = [[distance(a, b, p) for b in y] for a in x]
    mine, other = tensors(x, y)
    np.testing.assert_allclose(torch.cdist(mine, other, p).numpy(), expected, rtol=1e-10)
    pairs = [distance(x[i], x[j], p) for i in range(4) for j in range(i + 1, 4)]
    np.testing.assert_allclose(torch.pdist(mine, p).numpy(), pairs, rtol=1e-10)
    np.testing.assert_allclose(torch.dist(mine, other[:1], p).numpy(), distance(x, y[:1], p), rtol=1e-10)


@pytest.mark.parametrize("p", P[1:])  # with p 0 there is no gradient at all
def test_a_distance_0_has_no_gradient(p):
    x = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    torch.cdist(x, x.detach(), p).sum().backward()
    assert x.grad.tolist() == [[0.0] * 3] * 2


def test_the_largest_difference_pulls_at_all_that_have_it():
    x = torch.zeros(1, 3, requires_grad=True)
    torch.cdist(x, torch.tensor([[2.0, -2.0, 1.0]]), math.inf).sum().backward()
    assert x.grad.tolist() == [[-1.0, 1.0, 0.0]]


def test_euclidean_distances_by_products():
    x, y = (torch.from_numpy(R.standard_normal((n, 3))).requires_grad_() for n in (30, 4))
    weights = torch.from_numpy(R.standard_normal((30, 4)))
    found = []
    for mode in ("use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist", "use_mm_for_euclid_dist_if_necessary"):
        out = torch.cdist(x, y, compute_mode=mode)
        found.append([out.detach().numpy(), *(g.numpy() for g in torch.autograd.grad((out * weights).sum(), (x, y)))])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)
    assert (found[0][0] == found[2][0]).all()  # many vectors: by products
    assert (found[0][0] != found[1][0]).any()
    with pytest.raises(ValueError, match="x is not a valid value for compute_mode"):
        torch.cdist(x, y, compute_mode="x")


def test_empty_sets():
    assert torch.cdist(torch.zeros(0, 3), torch.zeros(2, 3)).shape == (0, 2)
    assert torch.cdist(torch.zeros(2, 0), torch.zeros(2, 0), math.inf).tolist() == [[0, 0], [0, 0]]
    assert torch.pdist(torch.zeros(1, 3)).shape == (0,)
    assert torch.kron(torch.zeros(0, 2), torch.zeros(3, 2)).shape == (0, 4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, q: torch.lerp(x, x, q), lambda x, q: torch.addcmul(x, x, x, value=q),
        lambda x, q: torch.addmm(x, x, x, beta=q, alpha=q), lambda x, q: torch.addmv(x[0], x, x[0], alpha=q),
        lambda x, q: torch.baddbmm(x[None], x[None], x[None], beta=q), lambda x, q: torch.logit(x, q),
        lambda x, q: torch.nn.functional.huber_loss(x, x + 1, delta=q),
    ],
)  # fmt: skip
def test_a_number_of_numpys_leaves_float32_as_it_is(function):
    x = torch.linspace(0.1, 0.9, 9).reshape(3, 3)
    found = function(x, np.float64(0.25))
    assert found.dtype == torch.float32
    assert found.tolist() == function(x, 0.25).tolist()
