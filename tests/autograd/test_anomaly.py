"""Anomaly detection: the line that made a NaN, the forward call behind an error, and the state of the switch."""

from __future__ import annotations

import threading
import warnings

import pytest

import mytorch as torch
from mytorch.autograd import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from mytorch.autograd.grad_mode import mode


@pytest.fixture(autouse=True)
def _switched_off_again():
    yield
    assert mode.watch is None
    assert mode.observe is None


def make_nan(x):
    return x.sqrt() * 0  # the guilty line


class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, g):
        raise ValueError("bad luck")


def test_a_nan_names_the_function_and_shows_the_users_line():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with set_detect_anomaly(True), pytest.raises(RuntimeError) as caught:
        make_nan(x).sum().backward()
    message = str(caught.value)
    assert message.startswith("Function 'SqrtBackward0' returned nan values in its 0th output.")
    line = make_nan.__code__.co_firstlineno + 1
    assert f'test_anomaly.py", line {line}, in make_nan\n    return x.sqrt() * 0  # the guilty line' in message
    (note,) = caught.value.__notes__
    assert note.startswith("Error detected in SqrtBackward0. Traceback of forward call that caused the error:\n")
    assert "make_nan(x).sum().backward()" in note
    assert x.grad is None


def test_the_output_that_is_nan_is_numbered():
    class Second(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g, g * float("nan")

    x = torch.ones(2, requires_grad=True)
    with set_detect_anomaly(True), pytest.raises(RuntimeError, match="'SecondBackward' returned nan values in its 1th"):
        Second.apply(x, x).sum().backward()


def test_nothing_is_said_without_it_or_without_check_nan_or_without_a_nan():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    make_nan(x).sum().backward()
    with set_detect_anomaly(True, check_nan=False):
        make_nan(x).sum().backward()
    with set_detect_anomaly(True):
        x.exp().sum().backward()


def test_an_error_in_the_backward_pass_gets_the_forward_call_as_a_note():
    x = torch.ones(2, requires_grad=True)
    with set_detect_anomaly(True), pytest.raises(ValueError, match="bad luck") as caught:
        Failing.apply(x).sum().backward()
    assert "Error detected in FailingBackward." in caught.value.__notes__[0]
    assert "Failing.apply(x).sum().backward()" in caught.value.__notes__[0]
    with set_detect_anomaly(True):
        y = x * 2
        z = y * y  # keeps y
        y.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace") as caught:
            z.sum().backward()
    assert "z = y * y  # keeps y" in caught.value.__notes__[0]
    with pytest.raises(ValueError, match="bad luck") as caught:
        Failing.apply(x).sum().backward()
    assert not hasattr(caught.value, "__notes__")


def test_a_forward_pass_outside_leaves_no_line():
    x = torch.tensor([0.0], requires_grad=True)
    y = make_nan(x)
    with set_detect_anomaly(True), pytest.raises(RuntimeError, match="in its 0th output") as caught:
        y.sum().backward()
    assert str(caught.value).endswith("in its 0th output.")
    assert "No forward pass information available" in caught.value.__notes__[0]


def test_a_derivative_of_a_derivative_tells_its_descent():
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    with set_detect_anomaly(True):
        y = (x**1.5).sum()  # the forward
        (first,) = torch.autograd.grad(y, x, create_graph=True)  # the first derivative
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match="returned nan values") as caught:
            (second * 0).sum().backward()
    note = caught.value.__notes__[0]
    assert "Previous calculation was induced by PowBackward0" in note
    assert note.index("# the first derivative") < note.index("# the forward")


def test_the_switch_is_set_and_put_back():
    set_detect_anomaly(True)
    assert is_anomaly_enabled()
    with set_detect_anomaly(False):
        assert not is_anomaly_enabled()
    assert is_anomaly_enabled()
    with set_detect_anomaly(True, check_nan=False):
        assert not torch.autograd.is_anomaly_check_nan_enabled()
    assert torch.autograd.is_anomaly_check_nan_enabled()
    set_detect_anomaly(False)
    assert not is_anomaly_enabled()


def test_detect_anomaly_warns_of_its_cost():
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"):
        context = detect_anomaly()
    assert not is_anomaly_enabled()
    with context:
        assert is_anomaly_enabled()
    assert not is_anomaly_enabled()


def test_other_observers_go_on_observing():
    seen = []
    mode.observe = seen.append
    try:
        x = torch.ones(2, requires_grad=True)
        with set_detect_anomaly(True), set_detect_anomaly(True):
            y = x * 2
        assert seen == [y.grad_fn]
    finally:
        mode.observe = None


def test_each_thread_has_its_own_switch():
    found = []
    with set_detect_anomaly(True):
        thread = threading.Thread(target=lambda: found.append(is_anomaly_enabled()))
        thread.start()
        thread.join()
    assert found == [False]


def test_results_are_the_same_with_it():
    def gradient():
        torch.manual_seed(0)
        x = torch.randn(5, requires_grad=True)
        (x.tanh() * x).exp().sum().backward()
        return x.grad.tolist()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = gradient()
        with set_detect_anomaly(True):
            assert gradient() == plain
