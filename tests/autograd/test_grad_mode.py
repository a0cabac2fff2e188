"""Switching recording on and off: as contexts, decorators, on generators, in threads."""

from __future__ import annotations

import threading

import pytest

import mytorch as torch

w = torch.ones(2, requires_grad=True)


def recorded():
    return (w * 2).requires_grad


def test_contexts_nest_and_come_back():
    assert recorded()
    with torch.no_grad():
        assert not recorded()
        with torch.enable_grad():
            assert recorded()
            with torch.set_grad_enabled(False):
                assert not recorded()
            assert recorded()
        assert not recorded()
    assert recorded()


def test_an_exception_restores_the_mode():
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert recorded()


def test_one_context_object_can_be_entered_again():
    off = torch.no_grad()
    for _ in range(2):
        with off:
            assert not recorded()
        assert recorded()


OFF = {
    "no_grad()": lambda: torch.no_grad(),
    "no_grad": lambda: torch.no_grad,
    "set_grad_enabled(False)": lambda: torch.set_grad_enabled(False),
    "inference_mode()": lambda: torch.inference_mode(),
    "inference_mode": lambda: torch.inference_mode,
}


@pytest.mark.parametrize("make", OFF.values(), ids=OFF)
def test_decorators_switch_off(make):
    decorator = make()

    @decorator
    def function(a, *, b):
        """Documented."""
        return a, b, recorded()

    assert function(1, b=2) == (1, 2, False)
    assert function.__name__ == "function"
    assert function.__doc__ == "Documented."
    assert recorded()


@pytest.mark.parametrize("decorator", [torch.enable_grad(), torch.enable_grad])
def test_decorators_switch_on(decorator):
    with torch.no_grad():
        assert decorator(recorded)()
        assert not recorded()


def test_set_grad_enabled_acts_at_once():
    torch.set_grad_enabled(False)
    assert not torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_a_decorator_does_not():
    off = torch.set_grad_enabled(False)(recorded)
    assert torch.is_grad_enabled()
    assert not off()


def test_generators_hold_the_mode_only_while_they_run():
    @torch.no_grad()
    def numbers():
        got = []
        try:
            for i in range(3):
                got.append((yield i, recorded()))
        finally:
            got.append(recorded())
        return got

    generator = numbers()
    assert next(generator) == (0, False)
    assert recorded()
    assert generator.send("a") == (1, False)
    assert recorded()
    generator.send("b")
    with pytest.raises(StopIteration) as stop:
        generator.send("c")
    assert stop.value.value == ["a", "b", "c", False]
    assert recorded()


def test_generators_pass_exceptions_in_and_close():
    seen = []

    @torch.no_grad()
    def numbers():
        try:
            yield 1
        except KeyError:
            seen.append(("caught", recorded()))
            yield 2
        finally:
            seen.append(("closed", recorded()))

    generator = numbers()
    next(generator)
    assert generator.throw(KeyError) == 2
    generator.close()
    assert seen == [("caught", False), ("closed", False)]


def test_inference_mode():
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not recorded()
        with torch.inference_mode(False):
            assert recorded()
            assert not torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode(mode=False):
        assert recorded()


def test_each_thread_has_its_own_switch():
    found = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: found.append(recorded()))
        thread.start()
        thread.join()
    assert found == [True]


def test_results_of_unrecorded_operations_are_leaves():
    with torch.no_grad():
        y = w * 2
    assert y.is_leaf
    assert y.grad_fn is None
    y.requires_grad_()
    (y * w).sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]
    w.grad = None


def test_a_backward_pass_inside_no_grad_works():
    x = torch.tensor([2.0], requires_grad=True)
    y = x**3
    with torch.no_grad():
        y.backward()
    assert x.grad.item() == 12.0


def test_decorating_a_class_acts_on_its_making():
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @torch.no_grad()
        class Made:
            def __init__(self):
                self.recording = torch.is_grad_enabled()

            def recording_later(self):
                return torch.is_grad_enabled()

    made = Made()
    assert (made.recording, made.recording_later()) == (False, True)


def test_multithreading_is_accepted():
    torch.autograd.set_multithreading_enabled(False)
    with torch.autograd.set_multithreading_enabled(True):
        pass

    @torch.autograd.set_multithreading_enabled(False)
    def double(x):
        return 2 * x

    assert double(2) == 4
