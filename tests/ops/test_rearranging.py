"""Joining, splitting, turning and shuffling: values, what is a view, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch
from mytorch.nn import functional as F


def shares_memory(view, base):
    return np.shares_memory(view.array, base.array)


@pytest.mark.parametrize("function", ["atleast_1d", "atleast_2d", "atleast_3d"])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (2, 3, 4), (1, 2, 3, 4), (0,)])
def test_at_least_so_many_dimensions(function, shape):
    x = torch.arange(float(np.prod(shape, dtype=int))).reshape(shape)
    found, expected = getattr(torch, function)(x), getattr(np, function)(x.array)
    assert found.shape == expected.shape
    assert found.tolist() == expected.tolist()
    assert not x.numel() or shares_memory(found, x)


def test_at_least_of_several_is_a_tuple():
    x, y = torch.tensor(1), torch.tensor([2])
    for found in (torch.atleast_2d(x, y), torch.atleast_2d([x, y])):
        assert [t.tolist() for t in found] == [[[1]], [[2]]]
        assert type(found) is tuple
    with pytest.raises(TypeError, match="atleast_1d"):
        torch.atleast_1d(3)
    with pytest.raises(TypeError, match="atleast_1d"):
        torch.atleast_1d([3])


@pytest.mark.parametrize("function", ["column_stack", "dstack", "vstack", "hstack"])
def test_stacks_are_numpys(function):
    for shapes in ([(3,), (3,)], [(2, 3), (2, 3)], [()], [(2, 3, 1), (2, 3, 1)]):
        arrays = [np.random.default_rng(i).standard_normal(s) for i, s in enumerate(shapes)]
        found = getattr(torch, function)([torch.from_numpy(a) for a in arrays])
        np.testing.assert_array_equal(found.numpy(), getattr(np, function)(arrays))


def test_column_stack_of_a_vector_and_a_matrix():
    found = torch.column_stack([torch.tensor([1, 2]), torch.tensor([[3, 4], [5, 6]])])
    assert found.tolist() == [[1, 3, 4], [2, 5, 6]]
    with pytest.raises(RuntimeError, match="non-empty"):
        torch.column_stack([])
    with pytest.raises(TypeError, match="must be tuple of Tensors"):
        torch.dstack(torch.zeros(2))


def test_block_diag_promotes_and_is_differentiable():
    a = torch.ones(1, 2, requires_grad=True)
    b = torch.tensor(3, dtype=torch.int32)
    out = torch.block_diag(a, b, torch.ones(2))
    assert out.tolist() == [[1, 1, 0, 0, 0], [0, 0, 3, 0, 0], [0, 0, 0, 1, 1]]
    (out * torch.arange(15.0).reshape(3, 5)).sum().backward()
    assert a.grad.tolist() == [[0, 1]]
    with pytest.raises(RuntimeError, match="Input 1 has 3 dimensions"):
        torch.block_diag(a, torch.ones(1, 1, 1))


@pytest.mark.parametrize("places", [1, 2, 3, 4, 7, (), (1,), (2, 4), (3, 1), (-2,), (0, 9)])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_tensor_split_is_numpys_array_split(places, dim):
    x = torch.arange(30).reshape(5, 6)
    expected = np.array_split(x.array, places, dim)
    for given in (places, torch.tensor(places, dtype=torch.int64)):
        found = torch.tensor_split(x, given, dim)
        assert [p.tolist() for p in found] == [p.tolist() for p in expected]
    assert all(shares_memory(p, x) for p in found if p.numel())


def test_writing_to_a_part_is_seen_by_the_whole_and_its_gradient():
    x = torch.ones(4, requires_grad=True)
    y = x * 1
    first, second = y.tensor_split(2)
    second.mul_(3)
    y.sum().backward()
    assert (y.tolist(), x.grad.tolist()) == ([1, 1, 3, 3], [1, 1, 3, 3])
    assert first.tolist() == [1, 1]


def test_splits_by_axis():
    x = torch.arange(24).reshape(2, 3, 4)
    for name, numpy in (("hsplit", np.hsplit), ("vsplit", np.vsplit), ("dsplit", np.dsplit)):
        for places in (1, [1], (1, 2)):
            found = getattr(x, name)(places)
            assert [p.tolist() for p in found] == [p.tolist() for p in numpy(x.array, places)]
    assert [p.tolist() for p in torch.arange(4).hsplit(2)] == [[0, 1], [2, 3]]
    with pytest.raises(RuntimeError, match="hsplit requires a tensor with at least 1 dimension, but"):
        torch.tensor(1).hsplit(1)
    with pytest.raises(RuntimeError, match="vsplit requires a tensor with at least 2 dimensions, but"):
        torch.arange(4).vsplit(2)
    with pytest.raises(RuntimeError, match="not divisible by the split_size 3"):
        x.dsplit(3)
    with pytest.raises(RuntimeError, match="number of sections must be larger than 0"):
        x.tensor_split(0)
    with pytest.raises(RuntimeError, match="long dtype"):
        x.tensor_split(torch.tensor(1.0))
    with pytest.raises(TypeError, match="must be int, tuple of ints or Tensor"):
        x.tensor_split(1.5)
    with pytest.raises(RuntimeError, match="0 dims"):
        torch.tensor(1).tensor_split(1)


def test_other_names_of_split_and_chunk():
    x = torch.arange(5)
    assert [p.tolist() for p in x.split_with_sizes([2, 3])] == [[0, 1], [2, 3, 4]]
    assert [p.tolist() for p in x.unsafe_split_with_sizes([2, 3])] == [[0, 1], [2, 3, 4]]
    assert [p.tolist() for p in x.unsafe_split(2)] == [[0, 1], [2, 3], [4]]
    assert [p.tolist() for p in x.unsafe_chunk(2)] == [[0, 1, 2], [3, 4]]


def test_broadcasting():
    x, y = torch.arange(3), torch.arange(2).reshape(2, 1)
    for given in ((x, y), ([x, y],)):
        a, b = torch.broadcast_tensors(*given)
        assert (a.tolist(), b.tolist()) == ([[0, 1, 2]] * 2, [[0] * 3, [1] * 3])
        assert shares_memory(a, x)
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(3\) must match the size of tensor b \(2\)"):
        torch.broadcast_tensors(x, torch.arange(2))
    assert repr(torch.broadcast_shapes((2, 1), 3, ())) == "torch.Size([2, 3])"
    with pytest.raises(RuntimeError, match="cannot be broadcast to a single shape"):
        torch.broadcast_shapes((2,), (3,))
    with pytest.raises(RuntimeError, match="negative dimension"):
        torch.broadcast_shapes((-2,))


def test_sum_to_size():
    x = torch.arange(6.0).reshape(2, 3)
    assert x.sum_to_size(2, 1).tolist() == [[3], [12]]
    assert x.sum_to_size((3,)).tolist() == [3, 5, 7]
    assert x.sum_to_size(()).tolist() == 15
    assert x.sum_to_size(2, 3) is x
    with pytest.raises(RuntimeError, match=r"size \[4\] is not expandable to size \[2, 3\]"):
        x.sum_to_size(4)


@pytest.mark.parametrize("k", range(-5, 6))
@pytest.mark.parametrize("dims", [(0, 1), (1, 0), (-1, 0), (1, 2)])
def test_turning_is_numpys(k, dims):
    x = torch.arange(24).reshape(2, 3, 4)
    turned = torch.rot90(x, k, dims)
    assert turned.tolist() == np.rot90(x.array, k, dims).tolist()
    assert not shares_memory(turned, x)
    assert x.fliplr().tolist() == np.fliplr(x.array).tolist()
    assert x.flipud().tolist() == np.flipud(x.array).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.rot90(1, (0,)), "total rotation dims == 2"),
        (lambda x: x[0].rot90(), "total dims >= 2"),
        (lambda x: x.rot90(1, (0, 2)), "Rotation dim out of range, dim = 2"),
        (lambda x: x.rot90(1, (0, -2)), "to be different"),
        (lambda x: x[0].fliplr(), "must be >= 2-d"),
        (lambda x: x[0, 0].flipud(), "must be >= 1-d"),
    ],
)
def test_turning_refusals(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(torch.zeros(2, 3))


def test_flattening_and_padding():
    x = torch.tensor([[1, 2], [3, 4]])
    assert shares_memory(torch.ravel(x), x)
    assert torch.ravel(x.t()).tolist() == [1, 3, 2, 4]
    assert torch.diagflat(x, 1).shape == (5, 5)
    assert torch.diagflat(torch.tensor(7)).tolist() == [[7]]
    assert torch.constant_pad_nd(x, (1, 0, 0, -1), 9).tolist() == [[9, 1, 2]]


def test_pixels_and_channels():
    x = torch.arange(36).reshape(1, 4, 3, 3)
    large = F.pixel_shuffle(x, 2)
    assert large.shape == (1, 1, 6, 6)
    for i, j, c in ((0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)):  # every channel became a grid
        assert large[0, 0, i::2, j::2].tolist() == x[0, c].tolist()
    assert F.pixel_unshuffle(large, 2).tolist() == x.tolist()
    assert F.channel_shuffle(x, 2)[0].tolist() == [x[0, c].tolist() for c in (0, 2, 1, 3)]
    assert F.pixel_shuffle(torch.zeros(0, 4, 1, 1), 2).shape == (0, 1, 2, 2)
    for call, message in (
        (lambda: F.pixel_shuffle(x[0, 0], 2), "at least 3 dimensions"),
        (lambda: F.pixel_shuffle(x, 3), "is not divisible by 9"),
        (lambda: F.pixel_shuffle(x, 0), "a positive upscale_factor"),
        (lambda: F.pixel_unshuffle(x, 2), "expects height to be divisible"),
        (lambda: F.pixel_unshuffle(torch.zeros(1, 2, 3), 2), "expects width to be divisible"),
        (lambda: F.channel_shuffle(x, 3), "Got 4 channels and 3 groups"),
        (lambda: F.channel_shuffle(x, 0), "to be positive"),
    ):
        with pytest.raises(RuntimeError, match=message):
            call()
