"""Writes to views are seen by the tensor that they show, and by its other views, in value and in gradient."""

from __future__ import annotations

import gc
import weakref

import pytest

import mytorch as torch


def test_a_write_to_a_view_changes_the_gradient_of_its_base():
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    b = w * 1
    b[0].mul_(10.0)
    assert b.tolist() == [20.0, 3.0]
    b.sum().backward()
    assert w.grad.tolist() == [10.0, 1.0]


def test_another_view_sees_it_too():
    w = torch.tensor([2.0, 3.0], requires_grad=True)
    b = w * 1
    other = b.view(2, 1)
    b[1].mul_(w[0])
    other.sum().backward()  # w0 + w1 * w0
    assert w.grad.tolist() == [4.0, 2.0]


def test_views_that_are_gone_are_forgotten():
    b = torch.zeros(4)
    for _ in range(1000):
        b[0]
    assert len(b.views) < 100


def test_views_and_bases_are_freed_at_once():
    gc.disable()
    try:
        w = torch.ones(2, requires_grad=True)
        b = w * 2
        v = b[0]
        v.mul_(3.0)
        gone = weakref.ref(b), weakref.ref(v)
        del b, v
        assert gone[0]() is None
        assert gone[1]() is None
    finally:
        gc.enable()


def test_a_view_of_nothing():
    w = torch.ones(3, requires_grad=True)
    b = w * 2
    b[3:].mul_(w[3:])
    b.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0, 2.0]


def test_strided_views_show_the_memory_of_the_whole():
    x = torch.arange(6.0)
    y = x[3:].as_strided((2, 2), (1, 2), 0)
    assert y.tolist() == [[0.0, 2.0], [1.0, 3.0]]
    y.mul_(10)
    assert x.tolist() == [0.0, 10.0, 20.0, 30.0, 4.0, 5.0]
    x.unfold(0, 2, 4)[1].zero_()
    assert x.tolist() == [0.0, 10.0, 20.0, 30.0, 0.0, 0.0]
    assert torch.as_strided(x, (2,), (3,)).storage_offset() == 0
    versions = x._version, y._version
    x.add_(1)
    assert (x._version, y._version) == (versions[0] + 1, versions[1] + 1)


def test_the_gradient_of_windows_is_the_sum_over_those_that_show_an_element():
    w = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    w.unfold(0, 2, 1).sum().backward()
    assert w.grad.tolist() == [1.0, 2.0, 2.0, 1.0]
    w.grad = None
    w[1:].as_strided((3,), (1,), 0).sum().backward()  # what lies before the slice gets nothing
    assert w.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.as_strided((7,), (1,)), RuntimeError, "requiring a storage size of 28 are out of bounds"),
        (lambda x: x.as_strided((2,), (1,), 5), RuntimeError, "storage offset 5"),
        (lambda x: x.as_strided((2,), (-1,)), RuntimeError, "Negative strides"),
        (lambda x: x.as_strided((-2,), (1,)), RuntimeError, "negative sizes"),
        (lambda x: x.as_strided((2,), (1,), -1), RuntimeError, "invalid storage offset -1"),
        (lambda x: x.as_strided((2, 2), (1,)), RuntimeError, "mismatch in length of strides and shape"),
        (lambda x: x.unfold(0, 7, 1), RuntimeError, "maximum size for tensor at dimension 0 is 6 but size is 7"),
        (lambda x: x.unfold(0, -1, 1), RuntimeError, "size is -1 but must be >= 0"),
        (lambda x: x.unfold(0, 2, 0), RuntimeError, "step is 0 but must be > 0"),
        (lambda x: x.unfold(1, 2, 1), IndexError, "Dimension out of range"),
        (lambda x: x.slice_scatter(torch.ones(2), 0, 1), RuntimeError, "expected src to have a size equal"),
        (lambda x: torch.slice_copy(x, 0, 0, 3, 0), RuntimeError, "slice step must be positive"),
        (lambda x: x.resize_(-1), RuntimeError, "not negative"),
        (lambda x: x.set_(torch.ones(1, dtype=torch.int32)), RuntimeError, "Could not set tensor of type"),
        (lambda x: x.requires_grad_().resize_(2), RuntimeError, "cannot resize variables that require grad"),
        (lambda x: x.requires_grad_().set_(torch.ones(1)), RuntimeError, "set_"),
        (lambda x: x.requires_grad_().t_(), RuntimeError, "a leaf Variable that requires grad"),
        (lambda x: x.requires_grad_().apply_(abs), RuntimeError, r"Can't call apply_\(\) on Variable that requires"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.arange(6.0))


def test_views_that_take_the_tensors_place_count_as_writes():
    w = torch.ones(2, 3, requires_grad=True)
    h = w * 2
    y = h * h
    h.t_()
    assert h.shape == (3, 2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    with torch.no_grad():
        w.t_()
    assert (w.shape, w.is_leaf, w.requires_grad) == ((3, 2), True, True)


def test_a_grown_tensor_leaves_its_old_memory_to_the_others():
    x = torch.arange(4.0)
    y = x[2:]
    y.resize_(3)
    assert y[:2].tolist() == [2.0, 3.0]
    y.zero_()
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_what_is_shown_once_of_a_repeated_tensor_can_be_written_to():
    x = torch.zeros(3)
    x.expand(2, 3)[1].add_(1)
    x.expand(1, 3).add_(1)
    assert x.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        x.expand(2, 3).add_(1)


def test_parts_of_a_vector_are_views():
    x = torch.zeros(2)
    x.select(0, 1).add_(1)
    for number in x:
        number.add_(1)
    assert x.tolist() == [1.0, 2.0]
