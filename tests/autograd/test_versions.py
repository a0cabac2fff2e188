"""Writing in place: what is refused, what is noticed, and what still differentiates rightly."""

from __future__ import annotations

import re

import numpy as np
import pytest

import mytorch as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


WRITES = {
    "add_": lambda t: t.add_(1),
    "+=": lambda t: t.__iadd__(1),
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(2),
    "copy_": lambda t: t.copy_(torch.ones(2)),
    "exp_": lambda t: t.exp_(),
    "x[0] = 1": lambda t: t.__setitem__(0, 1.0),
    "x[mask] = 0": lambda t: t.__setitem__(t > 0, 0.0),
    "uniform_": lambda t: t.uniform_(),
    "clamp_": lambda t: t.clamp_(0, 1),
    "masked_fill_": lambda t: t.masked_fill_(t > 0, 0),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_leaf_that_requires_grad_is_not_written_to(name):
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        WRITES[name](x)
    assert x.tolist() == [1.0, 2.0]
    with torch.no_grad():
        WRITES[name](x)
    assert x.requires_grad
    assert x.is_leaf


@pytest.mark.parametrize("name", WRITES)
def test_a_saved_input_that_was_overwritten_is_noticed(name):
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()
    WRITES[name](y)
    with pytest.raises(RuntimeError) as error:
        z.backward()
    assert re.search(
        r"modified by an inplace operation: \[torch.DoubleTensor \[2\]\], which is input 0 of MulBackward0, "
        r"is at version 1; expected version 0",
        str(error.value),
    )


def test_a_saved_result_that_was_overwritten_is_noticed():
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = y.sum()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="output 0 of ExpBackward0, is at version 1; expected version 0"):
        z.backward()


def test_what_no_derivative_needs_may_be_overwritten():
    x = leaf(1.0, 2.0)
    y = x + 1
    z = (y + 2).sum()
    y.mul_(5)
    z.backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_write_before_the_operation_is_no_error():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.add_(1)
    (y * y).sum().backward()
    assert x.grad.tolist() == [12.0, 20.0]


def test_views_share_the_counter_of_their_base():
    x = leaf(1.0, 2.0)
    c = torch.ones(2, dtype=torch.float64)
    y = (x * c).sum()
    c[0:1].zero_()
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
        y.backward()
    c = torch.ones(2, 2, dtype=torch.float64)
    y = (x * c.t()[0]).sum()
    c.zero_()
    with pytest.raises(RuntimeError, match="is at version 1"):
        y.backward()


def test_detach_and_numpy_share_memory():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()
    y.detach().zero_()
    with pytest.raises(RuntimeError, match="is at version 1"):
        z.backward()
    assert np.shares_memory(x.detach().numpy(), x.data.numpy())


def test_versions_count_writes():
    x = torch.zeros(2)
    assert x._version == 0
    x.add_(1)
    x[0] = 5
    x.zero_()
    assert x._version == 3
    assert x[0:1]._version == 3


@pytest.mark.parametrize(
    ("write", "derivative"),
    [
        (lambda y: y.mul_(3), 3.0),
        (lambda y: y.pow_(3), 3 * 2.0**2),
        (lambda y: y.exp_(), np.exp(2.0)),
        (lambda y: y.log_(), 1 / 2.0),
        (lambda y: y.mul_(y), 2 * 2.0),
        (lambda y: y.div_(y + 1), 1 / 9.0),
        (lambda y: y.sigmoid_().tanh_(), None),
        (lambda y: y.clamp_(0, 1), 0.0),
        (lambda y: y.relu_().sqrt_(), 1 / (2 * np.sqrt(2.0))),
        (lambda y: y.zero_(), 0.0),
    ],
)
def test_derivatives_through_a_write(write, derivative):
    """The value before the write is kept where the derivative needs it."""
    x = leaf(2.0)
    y = x * 1
    write(y).sum()
    if derivative == 0.0 and not y.requires_grad:
        return
    y.sum().backward()
    if derivative is None:
        s = 1 / (1 + np.exp(-2.0))
        derivative = (1 - np.tanh(s) ** 2) * s * (1 - s)
    assert x.grad.item() == pytest.approx(derivative)


def test_writing_a_part():
    x, w = leaf(1.0, 2.0, 3.0), leaf(10.0, 20.0)
    y = x * 2
    y[1:] = w * w
    y[0] = y[0] * 5
    (y * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)).sum().backward()
    assert x.grad.tolist() == [10.0, 0.0, 0.0]
    assert w.grad.tolist() == [40.0, 120.0]


def test_a_constant_becomes_part_of_the_graph_by_a_write():
    w = leaf(3.0)
    out = torch.zeros(2, dtype=torch.float64)
    out[0] = w[0] * 2
    assert out.requires_grad
    assert not out.is_leaf
    out.sum().backward()
    assert w.grad.item() == 2.0


def test_results_that_do_not_fit():
    x = torch.zeros(3)
    with pytest.raises(RuntimeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"):
        x.add_(torch.ones(2, 3))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type int64"):
        torch.tensor([1]).add_(1.5)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.zeros(1).expand(3).add_(1)
    assert torch.tensor([1.5]).mul_(torch.tensor([2])).tolist() == [3.0]


def test_detach_in_place():
    x = leaf(1.0)
    y = x * 2
    assert y.detach_() is y
    assert (y.requires_grad, y.is_leaf) == (False, True)
