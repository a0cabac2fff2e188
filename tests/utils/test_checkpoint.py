"""Checkpoints: the plain run's gradients bit for bit, less memory in between, and an error when the rerun differs."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref

import numpy as np
import pytest

import mytorch as torch
from mytorch.ops.dropout import dropout
from mytorch.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

FORMS = pytest.mark.parametrize("use_reentrant", [False, True], ids=["recording", "reentrant"])


def block(x, w):
    """Simple and several-output operations, options, broadcasting and dropout."""
    h = dropout((x @ w).tanh(), 0.4)
    h = h * h.sum(1, keepdim=True).sigmoid()
    return dropout(h.exp().sqrt(), 0.2)


def run(wrapped, seed=0):
    """Loss, gradients and the next random number of a little net of three blocks, each wrapped in something."""
    torch.manual_seed(seed)
    x = torch.randn(6, 5, requires_grad=True)
    weights = [torch.randn(5, 5, requires_grad=True) for _ in range(3)]
    h = x
    for w in weights:
        h = wrapped(block, h, w)
    loss = h.sum()
    loss.backward()
    return [loss.item(), *(t.grad.numpy().copy() for t in (x, *weights)), torch.rand(1).item()]


def plain(function, *args):
    return function(*args)


def assert_same(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@FORMS
def test_gradients_are_those_of_the_plain_run(use_reentrant):
    assert_same(run(lambda *a: checkpoint(*a, use_reentrant=use_reentrant)), run(plain))


@FORMS
def test_nested(use_reentrant):
    def twice(function, *args):
        def inner(*args):
            return checkpoint(function, *args, use_reentrant=use_reentrant)

        def middle(*args):
            return checkpoint(inner, *args, use_reentrant=use_reentrant)

        return checkpoint(middle, *args, use_reentrant=use_reentrant)

    assert_same(run(twice), run(plain))


@FORMS
def test_the_random_numbers_matter(use_reentrant):
    """Without the old random numbers the second run drops other elements: so the test above can fail."""
    found = run(lambda *a: checkpoint(*a, use_reentrant=use_reentrant, preserve_rng_state=False))
    expected = run(plain)
    assert found[0] == expected[0]
    assert not np.array_equal(found[1], expected[1])


@FORMS
def test_the_random_stream_goes_on_as_if_nothing_had_been_computed_twice(use_reentrant):
    torch.manual_seed(0)
    x = torch.ones(100, requires_grad=True)
    y = checkpoint(lambda x: dropout(x, 0.5), x, use_reentrant=use_reentrant)
    expected = torch.get_rng_state()
    y.sum().backward()
    assert torch.get_rng_state().tolist() == expected.tolist()


@FORMS
def test_modules_and_closures_get_their_gradients(use_reentrant):
    """Parameters that are not arguments."""
    w = torch.full((3,), 2.0, requires_grad=True)
    x = torch.ones(3, requires_grad=True)
    checkpoint(lambda x: (x * w).exp(), x, use_reentrant=use_reentrant).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), np.exp(2.0) * np.ones(3), rtol=1e-6)


@FORMS
@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_sequential(use_reentrant, segments):
    def gradient(forward):
        torch.manual_seed(0)
        x = torch.randn(4, requires_grad=True)
        forward(x).sum().backward()
        return x.grad.tolist()

    steps = [torch.exp, torch.sin, lambda x: dropout(x, 0.5), torch.tanh, lambda x: x * x]

    def all_steps(x):
        for step in steps:
            x = step(x)
        return x

    found = gradient(lambda x: checkpoint_sequential(steps, segments, x, use_reentrant=use_reentrant))
    assert found == gradient(all_steps)


def test_sequential_takes_a_module_with_children():
    class Model:
        def children(self):
            return iter([torch.exp, torch.sin])

    x = torch.ones(2, requires_grad=True)
    assert checkpoint_sequential(Model(), 2, x, use_reentrant=False).tolist() == x.exp().sin().tolist()


@FORMS
def test_several_results_and_other_arguments(use_reentrant):
    def function(x, n, name):
        assert name == "name"
        return x * n, x.exp(), n

    x = torch.ones(2, requires_grad=True)
    a, b, n = checkpoint(function, x, 3, "name", use_reentrant=use_reentrant)
    assert n == 3
    (a + b).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 + np.exp(np.ones(2)), rtol=1e-6)


def test_arguments_by_name_and_in_containers():
    x, y = torch.ones(2, requires_grad=True), torch.full((2,), 3.0, requires_grad=True)
    z = checkpoint(lambda pair, *, scale: pair[0] * pair[1].exp() * scale, [x, y], use_reentrant=False, scale=2)
    z.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp([3.0, 3.0]), rtol=1e-6)
    np.testing.assert_allclose(y.grad.numpy(), 2 * np.exp([3.0, 3.0]), rtol=1e-6)


def test_every_kind_of_backward_pass_goes_through_the_recording_form():
    x, w = torch.tensor([0.3, 0.5], dtype=torch.float64), torch.tensor([2.0, -1.0], dtype=torch.float64)
    x.requires_grad_()
    w.requires_grad_()

    def function(x):
        return ((x * w).exp() * x.sin()) ** 2

    def second_derivatives(y):
        first = torch.autograd.grad(y.sum(), (x, w), create_graph=True)
        return first, torch.autograd.grad(sum((g**2).sum() for g in first), (x, w))

    expected = second_derivatives(function(x))
    for nesting in (1, 2, 3):
        wrapped = function
        for _ in range(nesting):
            wrapped = (lambda f: lambda x: checkpoint(f, x, use_reentrant=False))(wrapped)
        found = second_derivatives(wrapped(x))
        for a, b in zip(found, expected, strict=True):
            for one, other in zip(a, b, strict=True):
                np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-13)
    y = checkpoint(function, x, use_reentrant=False)
    y.sum().backward(inputs=[w])
    assert x.grad is None
    np.testing.assert_array_equal(w.grad.numpy(), expected[0][1].detach().numpy())


def test_backward_twice():
    x = torch.ones(2, requires_grad=True)
    y = checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * once)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_the_two_runs_of_a_function_of_ones_own_are_freed_apart():
    """The second derivative goes through the second run, and the value itself through the first."""

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    def both(function):
        x = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
        y = function(x)
        (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        (first * y).sum().backward()
        return x.grad.numpy()

    def fourth_power(x):
        return Square.apply(Square.apply(x))

    found = both(lambda x: checkpoint(fourth_power, x, use_reentrant=False))
    np.testing.assert_allclose(found, both(fourth_power), rtol=1e-14)
    np.testing.assert_allclose(found, 28 * np.array([0.5, -2.0]) ** 6)  # (4 x^3 x^4)'


@FORMS
def test_functions_of_ones_own_inside(use_reentrant):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = torch.ones(2, dtype=torch.float64, requires_grad=True)

    def function(x):
        return Exp.apply(Exp.apply(x))

    def gradients(y):
        if use_reentrant:
            x.grad = None
            y.sum().backward()
            return [x.grad]
        (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        return [first, *torch.autograd.grad(first.sum(), x)]

    expected = gradients(function(x))
    found = gradients(checkpoint(function, x, use_reentrant=use_reentrant))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-14)


@FORMS
def test_intermediate_results_are_freed_and_so_is_the_checkpoint(use_reentrant):
    inside = []

    class Token:
        pass

    def function(x):
        h = x.exp()
        for _ in range(3):
            h = h.sin() * h
            inside.append(weakref.ref(h))
        return h * 2

    gc.collect()
    gc.disable()
    try:
        token = Token()
        alive = weakref.ref(token)
        x = torch.ones(4, requires_grad=True)

        def outer(x, token=token):
            return function(x)

        y = checkpoint(outer, x, use_reentrant=use_reentrant)
        del outer, token
        assert [w() for w in inside] == [None] * 3
        assert alive() is not None
        y.sum().backward()
        assert [w() for w in inside] == [None] * 6
        del y
        assert alive() is None
    finally:
        gc.enable()


def test_a_function_that_does_something_else_the_second_time_is_an_error():
    calls = []

    def longer(x):
        calls.append(1)
        return x.exp().exp() if len(calls) == 1 else x.exp()

    x = torch.ones(4, requires_grad=True)
    with pytest.raises(CheckpointError, match=r"Number of operations during forward: 2\n.*during recomputation: 1"):
        checkpoint(longer, x, use_reentrant=False).sum().backward()

    def changing(kinds, check):
        made = []

        def function(x):
            made.append(1)
            return kinds[len(made) - 1](x)

        return checkpoint(function, x, use_reentrant=False, determinism_check=check)

    with pytest.raises(CheckpointError, match=r"saved ExpBackward0 .* recomputed SinBackward0"):
        changing([torch.exp, torch.sin], "none").sum().backward()
    other_shape = [lambda x: x.exp(), lambda x: torch.cat([x.detach(), x.detach()]).requires_grad_().exp()]
    with pytest.raises(CheckpointError, match=r"saved ExpBackward0 \[\(\(4,\), 'float32'\)\], recomputed .*\(8,\)"):
        changing(other_shape, "default").sum().backward()


def test_an_argument_that_was_changed_in_between_is_an_error():
    x = torch.ones(2, requires_grad=True)
    h = x * 1
    y = checkpoint(lambda h: h.exp(), h, use_reentrant=False)
    with torch.no_grad():
        h.add_(1)
    with pytest.raises(RuntimeError, match=r"an argument of a .* is at version 1; expected version 0"):
        y.sum().backward()


def test_the_contexts_are_entered_around_the_two_runs():
    entered = []

    @contextlib.contextmanager
    def noted(name):
        entered.append(name)
        yield

    x = torch.ones(2, requires_grad=True)
    y = checkpoint(torch.exp, x, use_reentrant=False, context_fn=lambda: (noted("first"), noted("again")))
    assert entered == ["first"]
    y.sum().backward()
    assert entered == ["first", "again"]


def test_the_older_form_has_its_limits():
    x = torch.ones(2, requires_grad=True)
    for walk in (lambda y: torch.autograd.grad(y, x), lambda y: y.backward(inputs=[x])):
        y = checkpoint(torch.exp, x, use_reentrant=True).sum()
        with pytest.raises(RuntimeError, match=r"When use_reentrant=True, torch\.utils.checkpoint is incompatible"):
            walk(y)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: scale"):
        checkpoint(torch.exp, x, use_reentrant=True, scale=2)
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        assert not checkpoint(torch.exp, x.detach(), use_reentrant=True).requires_grad
    with pytest.raises(RuntimeError, match="none of output has requires_grad=True"):
        checkpoint(lambda x: x.detach() * 2, x, use_reentrant=True).sum().backward()


def test_leaving_the_form_open_warns():
    x = torch.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        y = checkpoint(torch.exp, x)
    assert "Reentrant" in y.grad_fn.name()
    with pytest.warns(UserWarning, match="checkpoint_sequential: the use_reentrant"):
        checkpoint_sequential([torch.exp, torch.sin], 2, x)


def test_under_no_grad_it_is_the_function():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        assert not checkpoint(torch.exp, x, use_reentrant=False).requires_grad


def test_threads():
    found = {}

    def work(n):
        x = torch.full((20,), 0.1 * (n + 1), dtype=torch.float64, requires_grad=True)
        for _ in range(20):
            y = checkpoint(lambda x: x.exp().sin().tanh(), x, use_reentrant=False, preserve_rng_state=False)
            y.sum().backward()
        found[n] = x.grad.numpy().copy()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        together = found[n]
        work(n)
        np.testing.assert_array_equal(found[n], together)
