"""Writes to views, and to tensors that have views: values, histories and gradients of both orders as PyTorch's."""

from __future__ import annotations

import pytest
import torch

import mytorch


def write_to_a_row(T, w):
    b = T.zeros(2, 3, dtype=T.float64)
    v, u = b[0], b.t()
    v.add_(w)
    v.mul_(w)
    u[1].mul_(3.0)
    return (b * b).sum()


def write_to_a_result_and_its_view(T, w):
    b = w * 2
    v = b[1:]
    v.mul_(w[:2])
    b.mul_(2)
    return v.sum() + b.prod()


def a_reshaped_view_sees_the_write(T, w):
    b = w * 1
    c = b.view(3, 1)
    b.mul_(w)
    return (c * c).sum()


def zeroing_a_view_stops_the_gradient(T, w):
    b = w * 1
    b.view(3, 1)[1].zero_()
    return (b * w).sum()


def copying_into_a_slice(T, w):
    b = w * 1
    b[1:].copy_(w[:2] * 5)
    return (b**3).sum()


def a_view_of_a_view(T, w):
    b = T.ones(3, 4, dtype=T.float64) * w.unsqueeze(1)
    b[:, 1:][1].mul_(w.sum())
    b.transpose(0, 1)[2].add_(w)
    return (b * b).sum()


def a_plain_tensor_becomes_part_of_the_graph(T, w):
    x = T.zeros(4, dtype=T.float64)
    v = x[1:]
    x[:3].copy_(w)
    return (v * v).sum() + (x**3).sum()


def fill_between(T, w):
    b = w.exp() * 1
    b[0].fill_(2.0)
    c = b * w
    c[1:].sub_(w[:2])
    return (c * c * w).sum()


PROGRAMS = [
    write_to_a_row,
    write_to_a_result_and_its_view,
    a_reshaped_view_sees_the_write,
    zeroing_a_view_stops_the_gradient,
    copying_into_a_slice,
    a_view_of_a_view,
    a_plain_tensor_becomes_part_of_the_graph,
    fill_between,
]


def run(T, program):
    w = T.tensor([1.0, -2.0, 3.0], dtype=T.float64, requires_grad=True)
    result = program(T, w)
    (first,) = T.autograd.grad(result, w, create_graph=True)
    (second,) = T.autograd.grad((first * first).sum(), w, allow_unused=True) if first.requires_grad else (None,)
    return result.item(), first.tolist(), None if second is None else second.tolist()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_programs(program):
    ours, theirs = run(mytorch, program), run(torch, program)
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, rel=1e-12)


@pytest.mark.parametrize("T", [mytorch, torch], ids=["mytorch", "torch"])
def test_what_knows_of_the_gradient(T):
    w = T.ones(3, requires_grad=True)
    x = T.zeros(3)
    before = x[0:2]
    x.copy_(w)
    assert before.requires_grad
    assert x[1:].requires_grad
    x.zero_()
    assert before.requires_grad
    before.sum().backward()
    assert w.grad.tolist() == [0, 0, 0]
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        w[0].add_(1)
    with T.no_grad():
        w[0].add_(1)
    assert w.tolist() == [2, 1, 1]
