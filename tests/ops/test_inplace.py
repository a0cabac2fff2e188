"""Writing to a tensor's memory. How this meets gradients is in tests/autograd/test_versions.py."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as torch

OPERATORS = {
    "+=": (lambda x: x.__iadd__(2), 3.0), "-=": (lambda x: x.__isub__(2), -1.0), "*=": (lambda x: x.__imul__(2), 2.0), "/=": (lambda x: x.__itruediv__(2), 0.5),
    "**=": (lambda x: x.__ipow__(2), 1.0), "//=": (lambda x: x.__ifloordiv__(2), 0.0), "%=": (lambda x: x.__imod__(2), 1.0),
}  # fmt: skip


@pytest.mark.parametrize("symbol", OPERATORS)
def test_operators_write_to_the_same_memory(symbol):
    write, expected = OPERATORS[symbol]
    x = torch.ones(2)
    memory = x.numpy()
    assert write(x) is x
    assert memory.tolist() == [expected, expected]
    assert x._version == 1


def test_every_function_with_a_twin_writes_what_the_function_gives():
    functions = [
        name[:-1]
        for name in dir(torch.Tensor)
        if name.endswith("_") and not name.startswith("_") and hasattr(torch.Tensor, name[:-1])
    ]
    assert len(functions) > 70
    one = [
        n for n in functions if getattr(torch.Tensor, n + "_").__doc__ == f"`{n}`, written to the tensor's own memory."
    ]
    tried = 0
    for name in one:
        x = torch.tensor([0.5, 0.25])
        try:
            expected = getattr(x, name)()
        except TypeError:
            continue  # needs more arguments
        except (NotImplementedError, RuntimeError):
            continue  # not for floats, or needs a limit
        found = x.clone()
        assert getattr(found, name + "_")() is found
        np.testing.assert_array_equal(found.numpy(), expected.to(torch.float32).numpy(), err_msg=name)
        tried += 1
    assert tried > 30


def test_twins_have_names_and_texts():
    assert torch.Tensor.exp_.__name__ == "exp_"
    assert "`exp`" in torch.Tensor.exp_.__doc__


def test_writing_through_views_reaches_the_base():
    x = torch.zeros(2, 3)
    x[0].fill_(1)
    x.t()[2].add_(5)
    x[1, 1].copy_(torch.tensor(9.0))
    assert x.tolist() == [[1.0, 1.0, 6.0], [0.0, 9.0, 5.0]]


def test_copy_broadcasts_and_converts():
    x = torch.zeros(2, 3)
    assert x.copy_(torch.tensor([1, 2, 3])).tolist() == [[1.0, 2.0, 3.0]] * 2
    assert x.copy_(7).tolist() == [[7.0] * 3] * 2
    i = torch.zeros(2, dtype=torch.int64)
    assert i.copy_(torch.tensor([1.9, -1.9])).tolist() == [1, -1]
    with pytest.raises(RuntimeError, match="must match the size"):
        x.copy_(torch.ones(2))
    with pytest.raises(TypeError, match="must be Tensor"):
        x.copy_("a")
    w = torch.ones(3, requires_grad=True)
    x.copy_(w)
    x.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0, 2.0]


def test_fill():
    assert torch.zeros(2).fill_(torch.tensor(3.0)).tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="0-dimension"):
        torch.zeros(2).fill_(torch.ones(2))
    x = torch.ones(2, requires_grad=True) * 1
    x.zero_()
    assert not x.requires_grad or torch.autograd.grad(x.sum(), x)


def test_types_do_not_fall_to_a_lower_category():
    with pytest.raises(RuntimeError, match="result type float32 can't be cast to the desired output type int64"):
        torch.tensor([1]).div_(2)
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.tensor([True]).add_(1)
    assert torch.ones(1, dtype=torch.float32).add_(torch.ones(1, dtype=torch.float64)).dtype is torch.float32
    assert torch.ones(1, dtype=torch.int8).add_(torch.ones(1, dtype=torch.int64)).dtype is torch.int8


def test_random_members_draw_from_the_stream():
    torch.manual_seed(3)
    a = [torch.zeros(20).uniform_(), torch.zeros(20).normal_()]
    torch.manual_seed(3)
    b = [torch.rand(20), torch.randn(20)]
    for mine, other in zip(a, b, strict=True):
        assert mine.equal(other)
    own = torch.Generator().manual_seed(1)
    assert torch.zeros(3).uniform_(5, 6, generator=own).min().item() >= 5


def test_a_failed_write_changes_nothing():
    x = torch.zeros(2)
    for write in (
        lambda: x.add_(torch.ones(3)),
        lambda: x.copy_(torch.ones(3)),
        lambda: x.__setitem__(5, 1.0),
        lambda: x.__setitem__(0, torch.ones(2)),
    ):
        with pytest.raises((RuntimeError, IndexError)):
            write()
    assert x.tolist() == [0.0, 0.0]
    assert x._version == 0
