"""Whole programs against the live PyTorch: random graphs with shared parts, writes in place, hooks and higher orders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mytorch

pytestmark = pytest.mark.filterwarnings("ignore")

# Every step takes two earlier results of shape (2, 3) or (3,) or () and gives a (2, 3) one.
STEPS = {
    "add": lambda lib, a, b: a + b,
    "mul": lambda lib, a, b: a * b,
    "sub and tanh": lambda lib, a, b: (a - b).tanh(),
    "div": lambda lib, a, b: a / (b * b + 1),
    "matmul": lambda lib, a, b: (a @ b.t()) @ b * 0.1,
    "where": lambda lib, a, b: lib.where(a.detach() > b.detach(), a, b * 2),
    "reduce": lambda lib, a, b: a.sum(0) * b.mean() + a.amax(1, keepdim=True),
    "softplus": lambda lib, a, b: (a.clamp(-3, 3).exp() + 1).log() + b[0],
    "view": lambda lib, a, b: (a.t().reshape(2, 3) + b.flip(1).roll(1, 1)).sigmoid(),
    "index": lambda lib, a, b: a[[1, 0]] * b[:, [0, 0, 2]],
    "cat": lambda lib, a, b: lib.cat([a[:, :1], b[:, 1:]], 1),
    "stack": lambda lib, a, b: lib.stack([a, b], 1)[:, 1] + a.cumsum(1),
    "norm": lambda lib, a, b: a / (1 + b.norm()) + a.var(1, keepdim=True),
    "gather": lambda lib, a, b: a.gather(1, lib.tensor([[0, 2, 2], [1, 1, 0]])) + b.max(1, keepdim=True).values,
}
WRITES = {
    "add_": lambda a, b: a.clone().add_(b),
    "mul_": lambda a, b: a.clone().mul_(b),
    "row": lambda a, b: _assigned(a.clone(), 0, b[1]),
    "mask": lambda a, b: _assigned(a.clone(), a.detach() > 0, 0.5),
    "sin_": lambda a, b: a.clone().sin_().sub_(b),
}


def _assigned(x, index, value):
    x[index] = value
    return x


@st.composite
def programs(draw):
    names = st.sampled_from([*STEPS, *WRITES])
    return [(draw(names), draw(st.integers(0, 50)), draw(st.integers(0, 50))) for _ in range(draw(st.integers(1, 8)))]


def run(lib, program, values):
    leaves = [lib.tensor(v, dtype=lib.float64, requires_grad=True) for v in values]
    made = list(leaves)
    for name, i, j in program:
        a, b = made[i % len(made)], made[j % len(made)]
        made.append(STEPS[name](lib, a, b) if name in STEPS else WRITES[name](a, b))
    weights = lib.tensor(np.cos(np.arange(6)).reshape(2, 3))
    result = (made[-1] * weights).sum() + (made[-1] ** 2).mean()
    first = lib.autograd.grad(result, leaves, create_graph=True, allow_unused=True)
    total = sum((g * g).sum() for g in first if g is not None and g.requires_grad)
    second = [None] * len(leaves)
    if isinstance(total, (mytorch.Tensor, torch.Tensor)):
        second = lib.autograd.grad(total, leaves, allow_unused=True)
    return [None if t is None else t.detach().numpy() for t in (result, *first, *second)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(programs(), st.integers(0, 1000))
def test_random_programs(program, seed):
    values = np.random.default_rng(seed).uniform(-1.5, 1.5, (3, 2, 3))
    for mine, other in zip(*(run(lib, program, values) for lib in (mytorch, torch)), strict=True):
        # PyTorch sometimes has zeros where nothing depends on the input, and we None; the other way round would be wrong.
        assert other is not None or mine is None or not mine.any()
        if mine is None:
            assert other is None or not other.any()
        elif other is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9)


def test_backward_fills_the_same_leaves():
    def program(lib):
        seen = []
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        w = lib.tensor([3.0, -1.0], requires_grad=True)
        x.register_hook(lambda g: seen.append(g.tolist()))
        y = x * w
        y.register_hook(lambda g: g * 2)
        y.retain_grad()
        z = (y.exp() * w).sum() + y[0]
        z.backward(retain_graph=True)
        z.backward(inputs=[w])
        with lib.no_grad():
            x -= 0.1 * x.grad
            w.add_(w.grad, alpha=-0.1)
        return seen + [t.tolist() for t in (x.grad, w.grad, y.grad, x, w)]

    for mine, other in zip(program(mytorch), program(torch), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_training_by_hand_gives_the_same_curve():
    def curve(lib):
        lib.manual_seed(0)
        x, y = lib.randn(64, 10), lib.randn(64, 1)
        w1, w2 = (lib.randn(10, 20) * 0.3).requires_grad_(), (lib.randn(20, 1) * 0.3).requires_grad_()
        losses = []
        for _ in range(100):
            loss = ((x @ w1).clamp(min=0) @ w2 - y).pow(2).mean()
            losses.append(loss.item())
            loss.backward()
            with lib.no_grad():
                for w in (w1, w2):
                    w -= 0.05 * w.grad
                    w.grad.zero_()
        return losses

    np.testing.assert_allclose(curve(mytorch), curve(torch), rtol=1e-4)


def test_hessian_vector_products():
    def product(lib):
        x = lib.tensor([0.3, -0.7, 1.1], dtype=lib.float64, requires_grad=True)
        f = (x.sin() * x.exp()).prod() + x.norm(3) + x.logsumexp(0) + (x**3).cumsum(0).sum()
        (g,) = lib.autograd.grad(f, x, create_graph=True)
        (h,) = lib.autograd.grad((g * lib.tensor([1.0, -2.0, 0.5], dtype=lib.float64)).sum(), x, create_graph=True)
        (third,) = lib.autograd.grad(h.sum(), x)
        return [t.detach().numpy() for t in (g, h, third)]

    for mine, other in zip(product(mytorch), product(torch), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9)


def test_next_functions_name_the_same_graph():
    def walk(lib):
        x = lib.ones(2, 3, requires_grad=True)
        w = lib.ones(3, 2, requires_grad=True)
        loss = ((x @ w).relu().exp() + x.sum(1, keepdim=True)).mean()
        names, front = [], [loss.grad_fn]
        while front:
            node = front.pop(0)
            names.append(node.name().removeprefix("torch::autograd::"))
            front += [f for f, _ in node.next_functions if f is not None]
        return names

    assert walk(mytorch) == walk(torch)
