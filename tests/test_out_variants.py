"""`out=`: results written into tensors that are there already."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import mytorch as torch
from mytorch import out_variants
from mytorch.ops import arithmetic


def test_the_result_is_out_itself():
    x, out = torch.tensor([1.0, 2.0]), torch.zeros(2)
    assert torch.add(x, 1, alpha=2, out=out) is out
    assert out.tolist() == [3.0, 4.0]
    assert torch.add(x, 1, out=None).tolist() == [2.0, 3.0]


def test_the_change_counter_goes_up():
    out = torch.zeros(2)
    before = out._version
    torch.add(torch.ones(2), 1, out=out)
    assert out._version == before + 1


def test_memory_and_strides_stay():
    whole = torch.zeros(3, 4)
    out = whole.t()[1:3]
    torch.mul(torch.ones(2, 3), 5, out=out)
    assert whole.sum() == 30
    assert whole[:, 1:3].tolist() == [[5.0, 5.0]] * 3
    assert out.stride() == (1, 4)


def test_another_shape():
    out = torch.zeros(3)
    with pytest.warns(UserWarning, match=r"An output with one or more elements was resized since it had shape \[3\]"):
        torch.add(torch.ones(2, 2), 1, out=out)
    assert out.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    empty = torch.empty(0)
    torch.add(torch.ones(2), 1, out=empty)
    assert empty.tolist() == [2.0, 2.0]
    assert torch.zeros(2, out=torch.ones(5)).tolist() == [0.0, 0.0]  # a factory asks for no shape


def test_types():
    x = torch.tensor([1.5, 2.5])
    assert torch.add(x, 1, out=torch.zeros(2, dtype=torch.float64)).dtype is torch.float64
    assert torch.gt(x, 2, out=torch.zeros(2)).tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        torch.add(x, 1, out=torch.tensor([0, 0]))
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype"):
        torch.index_select(x, 0, torch.tensor([0]), out=torch.zeros(1, dtype=torch.float64))
    assert torch.sum(x, 0, out=torch.tensor(0)).item() == 3  # 1 + 2: computed in the type of out


def test_factories_follow_outs_type():
    assert torch.arange(3, out=torch.empty(0)).tolist() == [0.0, 1.0, 2.0]
    assert torch.full((2,), 1.5, out=torch.tensor([0, 0])).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match=r"dtype Long does not match dtype of out parameter \(Float\)"):
        torch.zeros(2, dtype=torch.int64, out=torch.empty(2))
    assert torch.zeros(2, out=torch.ones(2), requires_grad=True).requires_grad


def test_random_numbers_are_the_same_with_out():
    for name, args in (("rand", (20,)), ("randn", (20,)), ("randperm", (9,)), ("randint", (0, 9, (5,)))):
        torch.manual_seed(3)
        expected = getattr(torch, name)(*args)
        torch.manual_seed(3)
        assert getattr(torch, name)(*args, out=torch.empty(0, dtype=expected.dtype)).tolist() == expected.tolist()


def test_several_results():
    x = torch.tensor([[1.0, 5.0], [7.0, 2.0]])
    values, indices = torch.empty(0), torch.empty(0, dtype=torch.int64)
    found = torch.max(x, 1, out=(values, indices))
    assert found.values is values
    assert found.indices is indices
    assert indices.tolist() == [1, 0]
    assert torch.sort(x, out=[torch.empty(0), torch.empty(0, dtype=torch.int64)]).values.shape == (2, 2)


def test_wrong_outs():
    x = torch.ones(2, 2)
    with pytest.raises(TypeError, match="must be Tensor, not tuple"):
        torch.add(x, 1, out=(x,))
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        torch.zeros(2, out=3)
    with pytest.raises(TypeError, match="must be tuple of Tensors, not Tensor"):
        torch.max(x, 1, out=x)
    with pytest.raises(TypeError, match="expected tuple of 2 elements but got 1"):
        torch.max(x, 1, out=(x,))
    with pytest.raises(TypeError, match="must be tuple of Tensors, not of int"):
        torch.max(x, 1, out=(1, 2))


@pytest.mark.parametrize("shape", [(2, 2), (3, 3)])
def test_elements_that_share_memory(shape):
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        torch.add(torch.ones(2, 2), 1, out=torch.zeros(1).expand(shape))


def test_no_gradients():
    x = torch.ones(2, requires_grad=True)
    for call in (
        lambda: torch.add(x, 1, out=torch.zeros(2)),
        lambda: torch.add(torch.ones(2), 1, out=x),
        lambda: torch.cat([x, x], out=torch.zeros(4)),
    ):
        with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
            call()
    with torch.no_grad():
        assert not torch.add(x, 1, out=torch.zeros(2)).requires_grad
    assert torch.eq(x, 1, out=torch.zeros(2)).tolist() == [1.0, 1.0]  # has no derivative anyway


def test_out_may_share_memory_with_the_inputs():
    x = torch.arange(5.0)
    torch.add(x[:-1], x[1:], out=x[1:])
    assert x.tolist() == [0.0, 1.0, 3.0, 5.0, 7.0]
    square = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    assert torch.mm(square, square, out=square).tolist() == [[1.0, 2.0], [0.0, 1.0]]


def test_signature_and_documentation():
    parameter = inspect.signature(torch.arange).parameters["out"]
    assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert parameter.default is None
    assert torch.add.__doc__ == arithmetic.add.__doc__
    assert "out" not in inspect.signature(torch.Tensor.add).parameters
    assert torch.divide is torch.div


def test_each_name_has_one_rule():
    groups = (out_variants.CONVERTED, out_variants.EQUAL, out_variants.DECIDED, out_variants.FACTORIES)
    assert sum(map(len, groups)) == len(frozenset().union(*groups))


def test_all_have_it():
    for name in out_variants.CONVERTED | out_variants.EQUAL | out_variants.DECIDED | out_variants.FACTORIES:
        for place in (torch, torch.nn.functional):
            if name in vars(place):
                assert "out" in inspect.signature(vars(place)[name]).parameters, name


def test_written_values_are_exact():
    x = np.linspace(-2, 2, 7)
    out = torch.zeros(7, dtype=torch.float32)
    torch.exp(torch.from_numpy(x), out=out)
    assert out.numpy().tolist() == np.exp(x).astype(np.float32).tolist()
