"""Writes to views are seen by the tensor that they show, and by its other views, in value and in gradient."""

from __future__ import annotations

import gc
import weakref

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
