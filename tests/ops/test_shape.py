"""Shapes: which results are views, and that taking apart and joining are each other's inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch as torch

shapes = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4)


def counted(shape):
    return torch.arange(int(np.prod(shape))).reshape(shape)


VIEWS = {
    "reshape": lambda x: x.reshape(3, 2), "view": lambda x: x.view(6), "flatten": lambda x: x.flatten(), "t": lambda x: x.t(), "T": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0), "transpose": lambda x: x.transpose(0, 1), "unsqueeze": lambda x: x.unsqueeze(0), "squeeze": lambda x: x.squeeze(),
    "expand": lambda x: x.expand(4, 2, 3), "x[0]": lambda x: x[0], "x[0, 0]": lambda x: x[0, 0], "x[:, 1:]": lambda x: x[:, 1:], "x[None]": lambda x: x[None],
    "narrow": lambda x: x.narrow(0, 0, 1), "select": lambda x: x.select(0, 0), "split": lambda x: x.split(1)[0], "chunk": lambda x: x.chunk(2)[0], "unbind": lambda x: x.unbind()[0],
    "diagonal": lambda x: x.diagonal(), "detach": lambda x: x.detach(), "movedim": lambda x: x.movedim(0, 1), "view_as": lambda x: x.view_as(torch.ones(6)), "unflatten": lambda x: x.unflatten(1, (3, 1)),
    "mT": lambda x: x.mT, "iteration": lambda x: next(iter(x)), "broadcast_to": lambda x: x.broadcast_to((2, 2, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_and_the_count_of_changes(name):
    x = torch.zeros(2, 3)
    view = VIEWS[name](x)
    assert np.shares_memory(view.numpy(), x.numpy())
    x.fill_(7)
    assert bool((view == 7).all())
    assert view._version == 1


COPIES = {
    "clone": lambda x: x.clone(), "flip": lambda x: x.flip(0), "cat": lambda x: torch.cat([x]), "stack": lambda x: torch.stack([x]), "repeat": lambda x: x.repeat(1, 1),
    "reshape of a transpose": lambda x: x.t().reshape(6), "contiguous": lambda x: x.t().contiguous(), "x[[0]]": lambda x: x[[0]], "x[mask]": lambda x: x[x == 0],
    "roll": lambda x: x.roll(1), "double": lambda x: x.double(), "diag": lambda x: x.diag(), "tril": lambda x: x.tril(), "index_select": lambda x: x.index_select(0, torch.tensor([0])),
    "tensor": lambda x: torch.tensor(x.numpy()), "to copy": lambda x: x.to(torch.float32, copy=True),
}  # fmt: skip


@pytest.mark.parametrize("name", COPIES)
def test_copies_do_not(name):
    x = torch.zeros(2, 3)
    assert not np.shares_memory(COPIES[name](x).numpy(), x.numpy())


def test_a_view_that_memory_does_not_allow_is_refused():
    with pytest.raises(RuntimeError, match=r"view size is not compatible.*Use \.reshape"):
        torch.zeros(2, 3).t().view(6)
    assert torch.zeros(2, 3).t().view(3, 2, 1).shape == (3, 2, 1)


def test_memory_read_as_another_type():
    assert torch.tensor([1.0]).view(torch.int32).tolist() == [0x3F800000]
    assert torch.ones(2).view(torch.float64).shape == (1,)
    with pytest.raises(RuntimeError, match="cannot be read as float64"):
        torch.ones(3).view(torch.float64)
    with pytest.raises(RuntimeError, match="no gradient"):
        torch.ones(2, requires_grad=True).view(torch.int32)


def test_strides_and_contiguity():
    x = torch.zeros(2, 3)
    assert (x.stride(), x.t().stride(), x.stride(-1)) == ((3, 1), (1, 3), 1)
    assert x.is_contiguous()
    assert not x.t().is_contiguous()
    assert x.contiguous() is x
    assert torch.zeros(1).expand(3).stride() == (0,)


@given(shapes, st.data())
def test_any_order_of_dimensions_can_be_undone(shape, data):
    order = data.draw(st.permutations(range(len(shape))))
    x = counted(shape)
    y = x.permute(order)
    np.testing.assert_array_equal(y.numpy(), np.transpose(x.numpy(), order))
    assert y.permute(np.argsort(order).tolist()).equal(x)


@given(shapes, st.data())
def test_what_is_split_can_be_joined(shape, data):
    x, dim = counted(shape), data.draw(st.integers(-len(shape), len(shape) - 1))
    size = data.draw(st.integers(1, 5))
    assert torch.cat(x.split(size, dim), dim).equal(x)
    assert torch.cat(x.chunk(size, dim), dim).equal(x)
    if shape[dim]:
        assert torch.stack(x.unbind(dim), dim).equal(x)


@given(shapes, st.data())
def test_flip_and_roll_can_be_undone(shape, data):
    x = counted(shape)
    dims = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    steps = tuple(data.draw(st.integers(-5, 5)) for _ in dims)
    assert x.flip(dims).flip(dims).equal(x)
    assert x.roll(steps, dims).roll([-s for s in steps], dims).equal(x)
    np.testing.assert_array_equal(x.roll(steps, dims).numpy(), np.roll(x.numpy(), steps, dims))


@given(shapes, st.lists(st.integers(0, 3), min_size=4, max_size=5))
def test_repeat_is_numpys_tile(shape, times):
    np.testing.assert_array_equal(counted(shape).repeat(times).numpy(), np.tile(counted(shape).numpy(), times))


@given(shapes, st.integers(0, 3), st.integers(0, 3))
def test_flatten_and_unflatten(shape, start, end):
    if not start <= end < len(shape):
        return
    x = counted(shape)
    flat = x.flatten(start, end)
    assert flat.ndim == len(shape) - (end - start)
    assert flat.unflatten(start, shape[start : end + 1]).equal(x)


def test_one_size_can_be_left_open():
    assert torch.zeros(2, 6).reshape(-1, 4).shape == (3, 4)
    for shape, message in (
        ((-1, -1), "only one dimension can be inferred"),
        ((5, -1), r"shape '\[5, -1\]' is invalid for input of size 12"),
        ((-2,), "invalid shape dimension -2"),
    ):
        with pytest.raises(RuntimeError, match=message):
            torch.zeros(2, 6).reshape(shape)
    with pytest.raises(RuntimeError, match="ambiguous"):
        torch.zeros(0, 3).reshape(0, -1)


def test_joining_promotes_and_checks():
    assert torch.cat([torch.tensor([1]), torch.tensor([0.5])]).tolist() == [1.0, 0.5]
    assert torch.stack([torch.tensor(1), torch.tensor(0.5)]).dtype is torch.float32
    assert torch.cat([torch.zeros(0), torch.ones(2, 3)]).shape == (2, 3)  # an empty vector joins anything
    with pytest.raises(ValueError, match="non-empty list"):
        torch.cat([])
    with pytest.raises(TypeError, match="expected Tensor as element 1 in argument 0, but got int"):
        torch.cat([torch.ones(1), 1])
    with pytest.raises(RuntimeError, match=r"Expected size 3 but got size 4 for tensor number 1"):
        torch.cat([torch.zeros(2, 3), torch.zeros(2, 4)])
    with pytest.raises(RuntimeError, match=r"got \[2\] at entry 0 and \[3\] at entry 1"):
        torch.stack([torch.zeros(2), torch.zeros(3)])


@given(st.integers(1, 4), st.integers(1, 4), st.integers(-4, 4))
def test_diagonals_and_triangles_are_numpys(n, m, k):
    x = counted((n, m))
    np.testing.assert_array_equal(x.tril(k).numpy(), np.tril(x.numpy(), k))
    np.testing.assert_array_equal(x.triu(k).numpy(), np.triu(x.numpy(), k))
    np.testing.assert_array_equal(x.diagonal(k).numpy(), np.diagonal(x.numpy(), k))
    np.testing.assert_array_equal(x.diag(k).numpy(), np.diag(x.numpy(), k))
    np.testing.assert_array_equal(x[0].diag(k).numpy(), np.diag(x.numpy()[0], k))
