"""Hooks on tensors and nodes, and retain_grad."""

from __future__ import annotations

import pytest

import mytorch as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_a_hook_sees_and_replaces_a_leafs_gradient():
    x, seen = leaf(1.0), []
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 3).sum().backward()
    assert seen == [3.0, 30.0]
    assert x.grad.item() == 30.0
    assert torch.autograd.grad((x * 3).sum(), x)[0].item() == 30.0


def test_a_hook_in_between_changes_what_flows_on():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g + 1)
    z = y * 3
    z.sum().backward()
    assert x.grad.item() == 8.0


def test_a_hook_is_called_once_with_the_whole_gradient():
    x, seen = leaf(1.0), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.item()))
    ((y * 3) + (y * 4) + y).sum().backward()
    assert seen == [8.0]


def test_a_hook_can_be_taken_away():
    x, seen = leaf(1.0), []
    handle = x.register_hook(lambda g: seen.append(1))
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: seen.append(2)):
        (x * 1).sum().backward()
    (x * 1).sum().backward()
    assert seen == [2]


def test_hooks_need_a_gradient():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.ones(1).register_hook(print)
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        torch.ones(1).retain_grad()


def test_retain_grad_keeps_a_gradient_in_between():
    x = leaf(1.0)
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward(retain_graph=True)
    assert y.grad.item() == 4.0
    (y * 1).sum().backward()
    assert y.grad.item() == 5.0
    x.retain_grad()  # does nothing on a leaf
    assert not x.retains_grad


def test_retain_grad_sees_what_hooks_made():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g * 7)
    y.retain_grad()
    y.sum().backward()
    assert y.grad.item() == 7.0


def test_after_accumulation():
    x, seen = leaf(1.0), []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert seen == [2.0, 5.0]
    handle.remove()
    (x * 3).sum().backward()
    assert len(seen) == 2
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_hooks_on_nodes():
    x, seen = leaf(1.0, 2.0), []
    y = x * 2
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs[0].tolist(), outputs[0].tolist())))
    y.sum().backward()
    assert seen == [([2.0, 2.0], [1.0, 1.0])]
    z = x * 2
    z.grad_fn.register_prehook(lambda outputs: (outputs[0] * 5,))
    x.grad = None
    z.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


def test_hooks_with_create_graph_get_differentiable_gradients():
    x, seen = leaf(2.0), []
    y = x * x
    y.register_hook(lambda g: seen.append(g.requires_grad))
    (y * y).sum().backward(create_graph=True)
    assert seen == [True]


def test_what_a_hook_returns_is_checked():
    for result, error, match in (
        (3, TypeError, "expected Variable, but hook returned 'int'"),
        (torch.ones(3), RuntimeError, "hook 'wrong' has changed the size of value"),
    ):

        def wrong(g, result=result):
            return result

        x = torch.ones(2, requires_grad=True)
        x.register_hook(wrong)
        with pytest.raises(error, match=match):
            (x * 2).sum().backward()
