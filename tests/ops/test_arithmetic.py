"""Two operands: NumPy arrays and numbers on either side, broadcasting, promotion, division, refusals."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch as torch

OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod,
    "**": operator.pow, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 2.0])


@pytest.mark.parametrize("symbol", OPERATORS)
def test_arrays_and_numbers_on_either_side(symbol):
    op = OPERATORS[symbol]
    t = torch.tensor(A)
    for other in (B, np.float64(2.0), np.float32(2.0), np.int64(2), 2, 2.5, True):
        if symbol == "-" and other is True:
            continue
        for found, expected in ((op(t, other), op(A, other)), (op(other, t), op(other, A))):
            assert isinstance(found, torch.Tensor)
            np.testing.assert_allclose(found.numpy(), expected)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**", "%"])
def test_gradients_flow_past_arrays(symbol):
    op = OPERATORS[symbol]
    t = torch.tensor(A + 0.1, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: op(t, B), t)
    assert torch.autograd.gradcheck(lambda t: op(B, t), t)


def test_updates_across_the_border():
    a = np.ones(2)
    a += torch.tensor([1.0, 2.0])
    assert isinstance(a, torch.Tensor)
    assert a.tolist() == [2.0, 3.0]
    t = torch.ones(2)
    t += np.ones(2, np.float32)
    assert t.tolist() == [2.0, 2.0]


def test_numpy_functions_take_tensors():
    t = torch.tensor([1.0, 4.0])
    assert np.sqrt(t).tolist() == [1.0, 2.0]
    assert np.mean(np.asarray(t)) == 2.5
    with pytest.raises(RuntimeError, match="requires grad"):
        np.asarray(t.requires_grad_())


shapes = arrays.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3)


@given(shapes, st.sampled_from(["add", "sub", "mul", "div", "maximum", "pow"]))
def test_broadcasting_is_numpys_and_gradients_have_the_operands_shapes(case, name):
    (first, second), expected = case
    x = torch.full(first, 1.5, requires_grad=True)
    y = torch.full(second, 2.0, requires_grad=True)
    out = getattr(torch, name)(x, y)
    assert out.shape == expected
    out.sum().backward()
    assert (x.grad.shape, y.grad.shape) == (first, second)
    if name == "add":
        assert bool((x.grad == np.prod(expected) / max(np.prod(first), 1)).all())


@given(arrays.array_shapes(max_dims=3, max_side=4), arrays.array_shapes(max_dims=3, max_side=4))
def test_shapes_that_do_not_broadcast_are_named(first, second):
    try:
        np.broadcast_shapes(first, second)
    except ValueError:
        with pytest.raises(RuntimeError, match=r"The size of tensor a \(\d+\) must match the size of tensor b \(\d+\)"):
            torch.zeros(first) + torch.zeros(second)
        with pytest.raises(RuntimeError, match="must match the size"):
            torch.where(torch.ones(1).bool(), torch.zeros(first), torch.zeros(second))
    else:
        assert torch.zeros(first) + torch.zeros(second) is not None


# (left, right, sum): tensors with dimensions outrank 0-d tensors, which outrank numbers, within a category.
PROMOTIONS = [
    (torch.ones(2, dtype=torch.float32), torch.ones((), dtype=torch.float64), torch.float32),
    (torch.ones(2, dtype=torch.int8), torch.ones((), dtype=torch.int64), torch.int8),
    (torch.ones(2, dtype=torch.int64), torch.ones((), dtype=torch.float16), torch.float16),
    (torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.float16), torch.float16),
    (torch.ones((), dtype=torch.float32), torch.ones((), dtype=torch.float64), torch.float64),
    (torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.int8), torch.int16),
    (torch.ones(2, dtype=torch.bool), torch.ones(2, dtype=torch.uint8), torch.uint8),
    (torch.ones(2, dtype=torch.int32), 2.5, torch.float32),
    (torch.ones(2, dtype=torch.float16), 2.5, torch.float16),
    (torch.ones(2, dtype=torch.int32), 3, torch.int32),
    (torch.ones(2, dtype=torch.bool), 3, torch.int64),
    (torch.ones(2, dtype=torch.bool), True, torch.bool),
    (torch.ones((), dtype=torch.int32), 2.5, torch.float32),
    (torch.ones(2, dtype=torch.float32), np.ones(2), torch.float64),
]


@pytest.mark.parametrize(("left", "right", "expected"), PROMOTIONS)
def test_promotion(left, right, expected):
    assert (left + right).dtype is expected
    assert (right + left).dtype is expected
    if not isinstance(right, np.ndarray):
        assert torch.result_type(left, right) is expected


def test_gradients_keep_the_type_of_their_tensor():
    x = torch.ones(2, requires_grad=True)
    y = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (x * y * torch.tensor([1, 2])).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (torch.float32, torch.float64)


def test_division():
    i = torch.tensor([7, -7])
    assert (i / 2).dtype is torch.float32
    assert (i // 2).tolist() == [3, -4]
    assert torch.div(i, 2, rounding_mode="trunc").tolist() == [3, -3]
    assert (i % 3).tolist() == [1, 2]
    assert torch.fmod(i, 3).tolist() == [1, -1]
    assert repr(i / 0) == "tensor([inf, -inf])"
    for function in (operator.floordiv, operator.mod, torch.fmod):
        for zero in (0, torch.tensor(0), torch.tensor([1, 0])):
            with pytest.raises(RuntimeError, match="ZeroDivisionError"):
                function(i, zero)
    with pytest.raises(RuntimeError, match="rounding_mode to be one of None, 'trunc', or 'floor' but found 'up'"):
        torch.div(i, 2, rounding_mode="up")


def test_powers_of_integers():
    x = torch.tensor([1, -1, 2, 0])
    assert (x**2).tolist() == [1, 1, 4, 0]
    assert (x ** torch.tensor([-1, -3, -1, 0])).tolist() == [1, -1, 0, 1]
    with pytest.raises(RuntimeError, match="negative integer powers"):
        x**-1
    assert (torch.tensor([True, False]) ** 2).dtype is torch.int64


def test_power_at_zero_has_finite_gradients():
    x = torch.tensor([0.0, 2.0], requires_grad=True)
    for function in (lambda: x**0, lambda: x**2, lambda: x ** torch.tensor([0.0, 1.0]), lambda: x ** x.detach()):
        (g,) = torch.autograd.grad(function().sum(), x)
        assert bool(g.isfinite().all())


def test_ties_share_the_gradient():
    x, y = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 1.0], requires_grad=True)
    gx, gy = torch.autograd.grad(torch.maximum(x, y).sum(), [x, y])
    assert (gx.tolist(), gy.tolist()) == ([0.5, 1.0], [0.5, 0.0])


def test_comparison_with_what_is_no_number():
    x = torch.ones(2)
    assert (x == None) is False  # noqa: E711
    assert (x != "a") is True
    for function in (operator.lt, operator.add, operator.mul, operator.truediv):
        with pytest.raises(TypeError):
            function(x, None)


def test_booleans_are_not_subtracted():
    b = torch.tensor([True, False])
    for pair in ((b, b), (b, 1), (1, b), (torch.ones(2), True)):
        with pytest.raises(RuntimeError, match="Subtraction, the `-` operator, with"):
            operator.sub(*pair)


def test_where_takes_numbers_and_bytes():
    b = torch.tensor([True, False])
    assert torch.where(b, 1, 2).tolist() == [1, 2]
    assert torch.where(b.byte(), 1.5, torch.tensor([5.0, 6.0])).tolist() == [1.5, 6.0]
    with pytest.raises(RuntimeError, match="expected condition to be a boolean tensor"):
        torch.where(torch.ones(2), 1, 2)
