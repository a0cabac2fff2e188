"""Hooks on what a graph keeps, hooks on several tensors, and places in the graph that stand for tensors."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch
from mytorch.autograd import grad, graph
from mytorch.utils.checkpoint import checkpoint


class Twice(torch.autograd.Function):
    """Saves its argument, its result and something in between."""

    @staticmethod
    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, y, x + 1, None)
        return y

    @staticmethod
    def backward(ctx, g):
        x, y, more, nothing = ctx.saved_tensors
        assert nothing is None
        assert torch.equal(y, x * x)
        return g * (x + more - 1)


@pytest.fixture
def packing():
    """Hooks that keep NumPy arrays, and what they were called with."""
    calls = []

    def pack(tensor):
        assert not torch.is_grad_enabled()
        calls.append(("pack", tuple(tensor.shape)))
        return tensor.numpy(force=True).copy()

    def unpack(array):
        calls.append(("unpack", array.shape))
        return torch.tensor(array)

    return calls, graph.saved_tensors_hooks(pack, unpack)


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


FUNCTIONS = {
    "input kept": lambda x: x * x,
    "result kept": lambda x: x.exp(),
    "both, deeper": lambda x: (x.sin() * x).exp() / x,
    "options": lambda x: x.cumprod(0).softmax(0),
    "several results": lambda x: x.sort().values * x.max(0).values,
    "matrices": lambda x: torch.outer(x, x) @ x,
    "user's function": Twice.apply,
    "user's function within": lambda x: Twice.apply(x * 2) * x,
    "number": lambda x: x**3,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_the_same(name, packing):
    function, (calls, hooks) = FUNCTIONS[name], packing
    plain, packed = leaf(0.5, 2.0), leaf(0.5, 2.0)
    with hooks:
        y = function(packed)
    expected = grad(function(plain).sum(), plain, create_graph=True)[0]
    found = grad(y.sum(), packed, create_graph=True)[0]
    np.testing.assert_allclose(found.numpy(force=True), expected.numpy(force=True), rtol=1e-6)
    second, expected = grad(found.sum(), packed)[0], grad(expected.sum(), plain)[0]
    np.testing.assert_allclose(second.numpy(), expected.numpy(), rtol=1e-6)
    packs = [c for c in calls if c[0] == "pack"]
    assert packs
    assert len(calls) > len(packs)


def test_what_is_packed_and_when(packing):
    calls, hooks = packing
    x = leaf(1.0, 2.0)
    with hooks:
        y = (x * 3).exp()
        (x + 1).sum()  # keeps nothing
        x.detach() * 2  # is not recorded
    assert calls == [("pack", (2,))]
    y.sum().backward()
    assert calls == [("pack", (2,)), ("unpack", (2,))]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    _ = x * x
    assert len(calls) == 2


def test_the_innermost_hooks_are_called(packing):
    calls, hooks = packing
    x, inner = leaf(2.0), []
    with hooks:
        with graph.saved_tensors_hooks(lambda t: inner.append(1) or t, lambda t: t):
            x.exp()
        assert (len(calls), inner) == (0, [1])
        x.exp()
    assert (len(calls), inner) == (1, [1])


def test_an_identity_keeps_the_tensors_themselves():
    x = leaf(2.0)
    with graph.save_on_cpu():
        y = x * x * x
    (first,) = grad(y, x, create_graph=True)
    assert (first.item(), grad(first, x)[0].item()) == (12, 12)


def test_checkpoints_within_hooks(packing):
    calls, hooks = packing
    x = leaf(0.5)
    with hooks:
        y = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False)
    y.backward()
    assert calls == []
    assert x.grad.item() == pytest.approx(np.cos(np.exp(0.5)) * np.exp(0.5))


def test_hooks_that_do_wrong():
    x = leaf(1.0)
    with (
        pytest.raises(RuntimeError, match="modifying its input in place"),
        graph.saved_tensors_hooks(lambda t: t.detach().mul_(2), lambda t: t),
    ):
        (x * 1).exp() * x
    with graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y, z = x.exp(), Twice.apply(x)
    for result in (y, z):
        with pytest.raises(TypeError, match="expected to be a Tensor but got result of type int"):
            result.backward()


def test_hooks_refused():
    refused = graph.disable_saved_tensors_hooks("not here")
    with refused, pytest.raises(RuntimeError, match="not here"), graph.save_on_cpu():
        pass
    with (
        graph.save_on_cpu(),
        pytest.raises(RuntimeError, match="nor here"),
        graph.disable_saved_tensors_hooks("nor here"),
    ):
        pass
    with graph.save_on_cpu():
        assert leaf(1.0).exp().requires_grad


# --- hooks on several tensors ---------------------------------------------------------------------------------------


def test_a_hook_on_all():
    a, b, c = leaf(1.0), leaf(2.0), leaf(3.0)
    seen = []
    product = a * b
    handle = graph.register_multi_grad_hook([a, product, c], seen.append)
    (product + c).backward(retain_graph=True)
    product.backward(inputs=[a], retain_graph=True)
    grad(product, b, retain_graph=True)
    values = [[None if g is None else g.item() for g in gradients] for gradients in seen]
    assert values == [[2, 1, 1], [2, 1, None], [None, 1, None]]
    handle.remove()
    product.backward(retain_graph=True)
    assert len(seen) == 3


def test_a_hook_on_any():
    a, b, seen = leaf(1.0), leaf(2.0), []
    with graph.register_multi_grad_hook([a, b, torch.ones(1)], seen.append, mode="any"):
        (a * b).backward()
        b.exp().backward()
    (a * b).backward()
    assert len(seen) == 2
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook([a], print, mode="some")


# --- edges ----------------------------------------------------------------------------------------------------------


def test_gradient_edges():
    x = leaf(1.0, 2.0)
    y = x * 3
    edge = graph.get_gradient_edge(y)
    z = (y * y).sum()
    assert [g.tolist() for g in grad(z, [edge, graph.get_gradient_edge(x)], retain_graph=True)] == [[6, 12], [18, 36]]
    assert grad(edge, x, torch.tensor([1.0, 10.0]))[0].tolist() == [3, 30]
    assert isinstance(edge.node, graph.Node)
    parts = graph.get_gradient_edge(x.sort().values)
    assert (parts.output_nr, parts.node.name()) == (0, "SortBackward0")
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(torch.ones(1))
