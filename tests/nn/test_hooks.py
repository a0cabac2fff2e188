"""Hooks of modules, before and after forward and backward."""

from __future__ import annotations

import pytest

import mytorch as torch
from mytorch import nn
from mytorch.nn.modules import module as every


class Twice(nn.Module):
    def forward(self, x, times=2):
        return x * times


def test_forward_pre_hook():
    layer, x = Twice(), torch.ones(1)
    seen = []
    layer.register_forward_pre_hook(lambda module, args: seen.append((module, args)))
    layer.register_forward_pre_hook(lambda module, args: args[0] + 1)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 10,))
    assert layer(x).item() == 40
    assert seen == [(layer, (x,))]


def test_forward_hook():
    layer = Twice()
    layer.register_forward_hook(lambda module, args, out: out + 1)
    layer.register_forward_hook(lambda module, args, out: out * 10)
    layer.register_forward_hook(lambda module, args, out: None)
    assert layer(torch.ones(1)).item() == 30


def test_hooks_with_keyword_arguments():
    layer, seen = Twice(), []
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"times": kwargs["times"] + 1}), with_kwargs=True)
    layer.register_forward_pre_hook(lambda m, args, kwargs: None, with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True)
    assert layer(torch.ones(1), times=4).item() == 5
    assert seen == [{"times": 5}]


def test_prepend_and_remove():
    layer, order = Twice(), []
    first = layer.register_forward_hook(lambda *_: order.append("a"))
    layer.register_forward_hook(lambda *_: order.append("b"), prepend=True)
    layer.register_forward_pre_hook(lambda *_: order.append("c"))
    layer.register_forward_pre_hook(lambda *_: order.append("d"), prepend=True)
    layer(torch.ones(1))
    assert order == ["d", "c", "b", "a"]
    first.remove()
    first.remove()
    layer(torch.ones(1))
    assert order[4:] == ["d", "c", "b"]
    with layer.register_forward_hook(lambda *_: order.append("e")):
        layer(torch.ones(1))
    layer(torch.ones(1))
    assert order.count("e") == 1


def test_always_call():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    layer, seen = Broken(), []
    layer.register_forward_hook(lambda m, args, out: seen.append(("always", out)), always_call=True)
    layer.register_forward_hook(lambda m, args, out: seen.append(("sometimes", out)))
    with pytest.raises(ValueError, match="broken"):
        layer(1)
    assert seen == [("always", None)]


def test_full_backward_hook():
    layer, seen = Twice(), []
    layer.register_full_backward_hook(lambda m, gin, gout: seen.append((gin[0].tolist(), gout[0].tolist())))
    x = torch.ones(2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([2.0, 2.0], [1.0, 1.0])]
    assert x.grad.tolist() == [2.0, 2.0]


def test_backward_hooks_replace_gradients():
    layer = Twice()
    layer.register_full_backward_pre_hook(lambda m, gout: (gout[0] * 3,))
    layer.register_full_backward_hook(lambda m, gin, gout: (gin[0] + gout[0],))
    x = torch.ones(2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]


def test_backward_hook_of_a_layer_with_parameters():
    layer, seen = nn.Linear(2, 3), []
    layer.register_full_backward_hook(lambda m, gin, gout: seen.append((gin, gout[0].shape)))
    with pytest.warns(
        UserWarning, match="Full backward hook is firing when gradients are computed with respect to module"
    ):
        layer(torch.ones(4, 2)).sum().backward()  # the input needs no gradient
    assert seen == [((None,), (4, 3))]
    assert layer.weight.grad.shape == (3, 2)
    seen.clear()
    layer(torch.ones(4, 2, requires_grad=True)).sum().backward()
    assert (seen[0][0][0].shape, seen[0][1]) == ((4, 2), (4, 3))


def test_backward_hook_with_several_inputs_and_outputs():
    class Swap(nn.Module):
        def forward(self, x, number, y):
            return y * 2, number, x * 3

    layer, seen = Swap(), []
    layer.register_full_backward_hook(lambda m, gin, gout: seen.append((gin, gout)))
    x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    a, number, b = layer(x, 7, y)
    assert number == 7
    (a + 10 * b).sum().backward()
    ((gin, gout),) = seen
    assert [None if g is None else g.item() for g in gin] == [30.0, None, 2.0]
    assert [None if g is None else g.item() for g in gout] == [1.0, None, 10.0]


def test_backward_hook_and_higher_orders():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, gin, gout: (gin[0] * 2,))
    x = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    t = torch.tanh(x).item()
    assert first.item() == pytest.approx(2 * (1 - t * t))
    # the second walk reaches the input past the output, and so is not seen by the hook
    assert second.item() == pytest.approx(2 * -2 * t * (1 - t * t), rel=1e-12)


def test_backward_hooks_without_recording():
    layer = Twice()
    layer.register_full_backward_hook(lambda *_: pytest.fail("must not be called"))
    with torch.no_grad():
        assert layer(torch.ones(1, requires_grad=True)).item() == 2


def test_backward_hook_that_returns_nonsense():
    layer = Twice()
    layer.register_full_backward_hook(lambda m, gin, gout: (gin[0], gin[0]))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        layer(torch.ones(1, requires_grad=True)).backward()
    fixed = nn.Linear(1, 1)
    fixed.register_full_backward_hook(lambda m, gin, gout: gout)
    with pytest.warns(UserWarning, match="hook is firing"), pytest.raises(RuntimeError, match="must return None"):
        fixed(torch.ones(1, 1)).backward()


def test_output_that_is_no_tensor():
    class Odd(nn.Module):
        def forward(self, x):
            return {"out": x}

    layer = Odd()
    layer.register_full_backward_hook(lambda *_: None)
    x = torch.ones(1, requires_grad=True)
    assert list(layer(x)) == ["out"]


def test_hooks_on_all_modules():
    told = []
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    handles = [
        every.register_module_forward_pre_hook(lambda m, args: told.append(("pre", type(m).__name__))),
        every.register_module_forward_hook(lambda m, args, out: told.append(("after", type(m).__name__))),
        every.register_module_full_backward_pre_hook(lambda m, gout: told.append(("back pre", type(m).__name__))),
        every.register_module_full_backward_hook(lambda m, gin, gout: told.append(("back", type(m).__name__))),
    ]
    net[1].register_forward_hook(lambda *_: told.append("own"))
    net(torch.ones(1, 2, requires_grad=True)).sum().backward()
    assert told == [
        ("pre", "Sequential"), ("pre", "Linear"), ("after", "Linear"), ("pre", "Tanh"), ("after", "Tanh"), "own",
        ("after", "Sequential"), ("back pre", "Sequential"), ("back pre", "Tanh"), ("back", "Tanh"),
        ("back pre", "Linear"), ("back", "Linear"), ("back", "Sequential"),
    ]  # fmt: skip
    for handle in handles:
        handle.remove()
    told.clear()
    net(torch.ones(1, 2))
    assert told == ["own"]


def test_hooks_on_registration():
    told = []
    with (
        every.register_module_parameter_registration_hook(lambda m, name, p: told.append(name)),
        every.register_module_buffer_registration_hook(lambda m, name, b: b + 1),
        every.register_module_module_registration_hook(lambda m, name, child: told.append(name)),
    ):
        net = nn.Module()
        net.w = nn.Parameter(torch.zeros(1))
        net.child = nn.ReLU()
        net.add_module("other", nn.ReLU())
        net.register_buffer("b", torch.zeros(1))
    assert (told, net.b.item()) == (["w", "child", "other"], 1)
    net.late = nn.Parameter(torch.zeros(1))
    assert told == ["w", "child", "other"]


def test_backward_hooks_of_the_older_kind():
    layer, seen = nn.Linear(2, 1), []
    layer.register_backward_hook(lambda m, gin, gout: seen.append((m, len(gin), tuple(gout[0].shape))))
    layer(torch.ones(3, 2)).sum().backward()
    assert seen == [(layer, 3, (3, 1))]
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full backward hooks"):
        layer.register_full_backward_hook(print)
    full = nn.Linear(1, 1)
    full.register_full_backward_hook(lambda *_: None)
    with pytest.raises(RuntimeError, match="Cannot use both"):
        full.register_backward_hook(print)


def test_a_hook_that_is_called_always_and_fails():
    class Failing(nn.Module):
        def forward(self, x):
            raise ValueError("boom")

    def fail(*_):
        raise KeyError("hook")

    layer = Failing()
    layer.register_forward_hook(fail, always_call=True)
    with pytest.warns(UserWarning, match="silenced as another error was raised in forward"), pytest.raises(ValueError):
        layer(torch.ones(1))
    assert len(layer._forward_hooks) == 1
    assert not layer._forward_pre_hooks
    assert not layer._backward_hooks
