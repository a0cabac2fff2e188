"""Writing by index: values against NumPy's assignment, gradients by hand, writing through views, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch

NAN = float("nan")


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    "indices",
    [([0, 2],), (None, [1, 1, 0]), ([[0], [2]], [1, 0]), ([True, False, True],), ([-1], [0]), (2, [0, 1]), ([], [])],
)
def test_index_put_is_an_assignment(indices):
    x = np.arange(6.0).reshape(3, 2)
    places = tuple(slice(None) if i is None else np.array(i, dtype=None if np.size(i) else np.int64) for i in indices)
    given = tuple(None if i is None else torch.tensor(p) for i, p in zip(indices, places, strict=True))
    values = 10 + np.arange(float(x[places].size)).reshape(x[places].shape)
    wanted, sums = x.copy(), x.copy()
    wanted[places] = values
    np.add.at(sums, places, values)
    ours = torch.tensor(x).index_put(given, torch.tensor(values))
    if len(np.unique(np.arange(6).reshape(3, 2)[places])) == values.size:  # else who wins is nobody's promise
        np.testing.assert_array_equal(ours.numpy(), wanted)
    np.testing.assert_array_equal(torch.tensor(x).index_put(given, torch.tensor(values), accumulate=True).numpy(), sums)


def test_an_index_that_is_changed_later_does_not_change_the_gradient():
    x, v, i = leaf(1, 2, 3), leaf(5, 6), torch.tensor([0, 1])
    picked, put = x[i], x.index_put((i,), v)
    written = x * 1
    written[i] = v
    i[0] = 2
    weights = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
    (picked.sum() + (put * weights).sum() + (written * weights).sum()).backward()
    assert x.grad.tolist() == [1, 1, 200]
    assert v.grad.tolist() == [2, 20]


def test_writing_through_a_view_reaches_the_base():
    x, v = leaf(1, 2, 3, 4), leaf(7)
    base = x * 1
    base[1:].index_put_((torch.tensor([0]),), v)
    base[:2].put_(torch.tensor([-2]), v * 2)
    assert base.tolist() == [14, 7, 3, 4]
    base.sum().backward()
    assert x.grad.tolist() == [0, 0, 1, 1]
    assert v.grad.tolist() == [3]


def test_index_fill_counts_a_repeated_index_once():
    x, value = leaf(1, 2, 3), torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    out = x.index_fill(0, torch.tensor([0, -1, 2]), value)
    assert out.tolist() == [5, 2, 5]
    out.sum().backward()
    assert (x.grad.tolist(), value.grad.item()) == ([0, 1, 0], 2)


def test_index_copy_and_put_and_take():
    x, part = leaf(1, 2, 3), leaf(8, 9)
    assert x.index_copy(0, torch.tensor([2, 0]), part).tolist() == [9, 2, 8]
    (x.put(torch.tensor([-1, 0]), part) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert (x.grad.tolist(), part.grad.tolist()) == ([0, 2, 0], [3, 1])
    m = torch.arange(6).reshape(2, 3)
    assert m.t().take(torch.tensor([[1, -1]])).tolist() == [[3, 5]]  # in the order of m.t(), not of the memory
    assert m.take(torch.tensor(4)).item() == 4
    taken = m.take(torch.tensor(0))
    taken.fill_(100)
    assert m[0, 0].item() == 0, "take gives a copy"


def test_masked_scatter():
    mask = torch.tensor([[True, False], [True, True]])
    x, source = leaf(1, 2), leaf(5, 6, 7, 8)
    out = x.masked_scatter(mask, source)
    assert out.tolist() == [[5, 2], [6, 7]]
    out.sum().backward()
    assert (x.grad.tolist(), source.grad.tolist()) == ([0, 1], [1, 1, 1, 0])


def test_fill_diagonal():
    x = torch.zeros(5, 2)
    assert x.fill_diagonal_(1) is x
    assert x.nonzero().tolist() == [[0, 0], [1, 1]]
    wanted = np.zeros((7, 3))
    np.fill_diagonal(wanted, 4, wrap=True)
    np.testing.assert_array_equal(torch.zeros(7, 3).fill_diagonal_(4, wrap=True).numpy(), wanted)
    a = torch.ones(2, 2, requires_grad=True)
    (a * 3).fill_diagonal_(0).sum().backward()
    assert a.grad.tolist() == [[0, 3], [3, 0]]


def reduced_by_hand(x, index, source, reduce, include_self):
    out = list(x)
    for place in set(index):
        found = [s for s, i in zip(source, index, strict=True) if i == place] + [x[place]] * include_self
        out[place] = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce](found)
    return out


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce(reduce, include_self):
    random = np.random.default_rng(0)
    x, source, index = random.normal(size=4), random.normal(size=6), [0, 3, 0, 0, 1, 3]
    wanted = reduced_by_hand(x, index, source, reduce, include_self)
    given = torch.tensor(x), 0, torch.tensor(index), torch.tensor(source), reduce
    np.testing.assert_allclose(torch.scatter_reduce(*given, include_self=include_self).numpy(), wanted)
    in_place = torch.tensor(x).scatter_reduce_(*given[1:], include_self=include_self)
    np.testing.assert_allclose(in_place.numpy(), wanted)
    if reduce != "sum":
        np.testing.assert_allclose(torch.index_reduce(*given, include_self=include_self).numpy(), wanted)


def test_a_product_with_zeros_has_the_derivatives_of_a_product():
    """Two zeros at one place: the first derivatives by both are 0, and the mixed second one is the rest."""
    source, index = leaf(0, 2, 0, 3), torch.tensor([0, 0, 0, 0])
    x = leaf(5)
    out = x.scatter_reduce(0, index, source, "prod")
    (first,) = torch.autograd.grad(out.sum(), source, create_graph=True)
    assert first.tolist() == [0, 0, 0, 0]
    (second,) = torch.autograd.grad(first[0], source)
    assert second.tolist() == [0, 0, 30, 0]


def test_equal_extrema_share_the_gradient():
    x, source = leaf(4, 1), leaf(4, 4, 3)
    x.scatter_reduce(0, torch.tensor([0, 0, 1]), source, "amax").sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1 / 3, 0])
    np.testing.assert_allclose(source.grad.numpy(), [1 / 3, 1 / 3, 1])


def test_integers_are_averaged_downwards():
    x, index = torch.tensor([1, 2]), torch.tensor([0, 0])
    assert x.scatter_reduce(0, index, torch.tensor([-4, -4]), "mean").tolist() == [-3, 2]
    assert x.scatter_reduce(0, index, torch.tensor([-4, -5]), "amax", include_self=False).tolist() == [-4, 2]
    ours = torch.tensor([True, True]).scatter_reduce(0, index, torch.tensor([False, False]), "amin", include_self=False)
    assert ours.tolist() == [False, True]


X, AT, V = "torch.zeros(2, 3)", "torch.tensor([0])", "torch.ones(1, 3)"


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        (f"{X}.index_put({AT}, {V})", TypeError),
        (f"{X}.index_put((), {V})", RuntimeError),
        (f"{X}.index_put(({AT},), {V}.double())", RuntimeError),
        (f"{X}.index_put(({AT},), torch.ones(2))", RuntimeError),
        (f"{X}.index_put((torch.tensor([2]),), {V})", IndexError),
        (f"{X}.index_fill(0, torch.tensor([2]), 1)", IndexError),
        (f"{X}.index_fill(0, {AT}.int(), 1)", IndexError),
        (f"{X}.index_fill(0, torch.tensor([[0]]), 1)", RuntimeError),
        (f"{X}.index_fill(0, {AT}, 'a')", TypeError),
        (f"{X}.index_copy(0, {AT}.int(), {V})", RuntimeError),
        (f"{X}.index_copy(0, torch.tensor([[0]]), {V})", IndexError),
        (f"{X}.index_copy(0, torch.tensor([-1]), {V})", IndexError),
        (f"{X}.index_copy(0, torch.tensor([0, 1]), {V})", IndexError),
        (f"{X}.index_copy(0, {AT}, torch.ones(3))", IndexError),
        (f"{X}.index_copy(0, {AT}, torch.ones(1, 2))", RuntimeError),
        (f"{X}.index_copy(0, {AT}, {V}.double())", RuntimeError),
        (f"{X}.take(torch.tensor([6]))", IndexError),
        (f"{X}.take({AT}.int())", RuntimeError),
        (f"{X}.put({AT}, torch.ones(2))", IndexError),
        (f"{X}.masked_scatter({AT}, {V})", RuntimeError),
        (f"{X}.masked_scatter(torch.tensor([True, False]), {V})", RuntimeError),
        (f"{X}.masked_scatter(torch.ones(2, 3, dtype=torch.bool), {V})", RuntimeError),
        ("torch.zeros(3).fill_diagonal_(1)", RuntimeError),
        ("torch.zeros(3, 3, 2).fill_diagonal_(1)", RuntimeError),
        (f"{X}.scatter_reduce(0, torch.tensor([[0]]), {V}, 'mul')", RuntimeError),
        (f"{X}.bool().scatter_reduce(0, torch.tensor([[0]]), {V}.bool(), 'mean')", NotImplementedError),
        (f"{X}.index_reduce(0, {AT}, {V}, 'sum')", RuntimeError),
        (f"{X}.index_reduce(0, {AT}, torch.ones(1, 2), 'prod')", RuntimeError),
        (f"{X}.index_reduce(0, {AT}, {V}.double(), 'prod')", RuntimeError),
        (f"{X}.index_reduce(0, {AT}.short(), {V}, 'prod')", RuntimeError),
        (f"{X}.index_reduce(0, torch.tensor([0, 1]), {V}, 'prod')", RuntimeError),
        (f"{X}.index_reduce(0, torch.tensor([[0]]), {V}, 'prod')", IndexError),
        (f"{X}.index_reduce(0, torch.tensor([2]), {V}, 'prod')", IndexError),
        (f"{X}.bool().index_reduce(0, {AT}, {V}.bool(), 'prod')", NotImplementedError),
    ],
)
def test_refused(expression, error):
    with pytest.raises(error):
        eval(expression)


def test_one_number_behaves_as_a_vector_of_one():
    x, i = torch.tensor(1.0, requires_grad=True), torch.tensor([0])
    for out in (
        x.index_fill(0, i, 3), x.index_copy(0, i, torch.tensor(3.0)), x.put(i, torch.tensor([3.0])),
        x.scatter_reduce(0, i, torch.tensor([3.0]), "sum", include_self=False),
        x.index_reduce(0, i, torch.tensor(3.0), "amax"),
    ):  # fmt: skip
        assert out.shape == ()
        assert out.item() == 3
        (g,) = torch.autograd.grad(out, x)
        assert g.item() == 0
