"""The checkers themselves: right derivatives pass, wrong ones are caught and described."""

from __future__ import annotations

import pytest

import mytorch as torch
from mytorch.autograd import GradcheckError, gradcheck, gradgradcheck
from mytorch.autograd.application import apply
from mytorch.autograd.primitive import TABLE, Primitive


def x64(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@pytest.fixture
def wrong():
    """Entries with a mistake each; they leave the table afterwards."""
    made = {
        "wrong_factor": Primitive("wrong_factor", lambda xp, x: x * x, [lambda xp, g, _out, x: g * x]),
        "wrong_element": Primitive("wrong_element", lambda xp, x: x * 2, [lambda xp, g, _out, x: g * (2 + (x > 1.5))]),
        # The first derivative is right, but computed in a way whose own derivative is not.
        "wrong_second": Primitive(
            "wrong_second", lambda xp, x: x * x * x, [lambda xp, g, _out, x: xp.wrong_square(x) * (3 * g)]
        ),
        "wrong_square": Primitive("wrong_square", lambda xp, x: x * x, [lambda xp, g, _out, x: g * x]),
    }
    yield made
    for name in made:
        del TABLE[name]


def test_right_derivatives_pass():
    x, y = x64(0.5, 2.0), x64(1.5)
    assert gradcheck(lambda a, b: (a * b).exp() / (a + b), (x, y))
    assert gradgradcheck(lambda a, b: (a * b).exp() / (a + b), (x, y))
    assert x.tolist() == [0.5, 2.0]  # what was moved for the differences is put back
    assert x.grad is None


def test_a_wrong_derivative_is_caught(wrong):
    x = x64(1.0, 2.0)
    with pytest.raises(GradcheckError) as error:
        gradcheck(lambda x: apply(wrong["wrong_factor"], x), x)
    text = str(error.value)
    assert "output 0" in text
    assert "input 0" in text
    assert "is 1 by autograd and 2 by finite differences" in text
    assert "2 of 4 entries differ" in text
    assert not gradcheck(lambda x: apply(wrong["wrong_factor"], x), x, raise_exception=False)


def test_a_single_wrong_element_is_named(wrong):
    with pytest.raises(GradcheckError, match=r"output element \(1,\) by input element \(1,\) is 3 by autograd and 2"):
        gradcheck(lambda x: apply(wrong["wrong_element"], x), x64(1.0, 2.0, 0.5))


def test_a_wrong_second_derivative_is_caught(wrong):
    x = x64(1.0, 2.0)
    assert gradcheck(lambda x: apply(wrong["wrong_second"], x), x)
    with pytest.raises(GradcheckError):
        gradgradcheck(lambda x: apply(wrong["wrong_second"], x), x)
    assert not gradgradcheck(lambda x: apply(wrong["wrong_second"], x), x, raise_exception=False)


def test_a_forgotten_gradient_is_caught():
    with pytest.raises(GradcheckError, match="is 0 by autograd"):
        gradcheck(lambda x: x.detach() * 2 + x * 0, x64(1.0))


def test_several_inputs_and_outputs(wrong):
    x, y = x64(1.0), x64(2.0)
    with pytest.raises(GradcheckError, match="output 1 with respect to input 1"):
        gradcheck(lambda a, b: (a * b, apply(wrong["wrong_factor"], b) + a), (x, y))


def test_inputs_that_need_no_gradient_are_left_alone():
    x, scale = x64(1.0, 2.0), torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert gradcheck(lambda x, s, n: (x * s) ** n, (x, scale, 2))
    assert gradgradcheck(lambda x, s, n: (x * s) ** n, (x, scale, 2))


def test_given_directions():
    x = x64(1.0, 2.0)
    assert gradgradcheck(lambda x: x**3, x, grad_outputs=x64(1.0, -1.0))


def test_what_is_refused():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x * 2, torch.ones(2, dtype=torch.float64))
    with pytest.raises(NotImplementedError, match="forward mode"):
        gradcheck(lambda x: x * 2, x64(1.0), check_forward_ad=True)


def test_float32_is_warned_of():
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
        assert gradcheck(lambda x: x * 2, torch.ones(2, requires_grad=True), eps=1e-2, atol=1e-3)


def test_two_passes_that_differ():
    calls = []

    class Unsteady(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            calls.append(None)
            return g + 1e-7 * len(calls)

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Unsteady.apply, x64(1.0))
    calls.clear()
    assert gradcheck(Unsteady.apply, x64(1.0), nondet_tol=1e-3)


def test_types_of_gradients(wrong):
    x = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: x.float().double() * 2, x, check_grad_dtypes=True, atol=1e-1)


def test_empty_and_0d():
    assert gradcheck(lambda x: x.exp(), torch.zeros(0, 2, dtype=torch.float64, requires_grad=True))
    assert gradcheck(lambda x: x.exp(), torch.tensor(0.3, dtype=torch.float64, requires_grad=True))
