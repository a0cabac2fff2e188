"""The first MyTorch's names are what they say: parameters from plain values, lists into layers, `update()`."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch as my
from mytorch import nn


@pytest.mark.parametrize(
    "data", [3, 2.5, [1, 2], [[1.0, 2.0], [3.0, 4.0]], np.arange(6.0).reshape(2, 3), np.float64(7), np.array([1, 2])]
)
def test_a_param_is_a_float32_parameter(data):
    param = my.Param(data)
    assert isinstance(param, nn.Parameter)
    assert param.dtype is my.float32
    assert param.requires_grad
    np.testing.assert_array_equal(param.data.numpy(), np.asarray(data, np.float32))


def test_a_param_is_a_copy():
    array = np.zeros(2, np.float32)
    param = my.Param(array)
    array[0] = 1
    assert param.tolist() == [0, 0]


def test_a_param_of_another_type_or_without_gradient():
    assert my.Param([1], dtype=my.float64).dtype is my.float64
    my.set_default_dtype(my.float64)
    assert my.Param(1).dtype is my.float64
    assert not my.Param(1, requires_grad=False).requires_grad


def test_a_module_trains_its_params():
    class Scale(my.layers.Module):
        def __init__(self):
            self.factor = my.Param(1)

        def forward(self, x):
            return self.factor * x

    scale = Scale()
    optimizer = my.optimizers.SGD(params=scale.parameters(), lr=0.1)
    for _ in range(50):
        loss = (scale(2) - 6) ** 2
        loss.backward()
        optimizer.update()
        optimizer.zero_grad()
    assert scale.factor.item() == pytest.approx(3)
    assert list(scale.state_dict()) == ["factor"]


def test_arrays_on_either_side_of_a_param():
    param, array = my.Param([1.0, 2.0]), np.array([0.5, 4.0])
    for result, expected in (
        (param + array, [1.5, 6.0]), (array + param, [1.5, 6.0]), (param - array, [0.5, -2.0]),
        (array - param, [-0.5, 2.0]), (param * array, [0.5, 8.0]), (array * param, [0.5, 8.0]),
        (param / array, [2.0, 0.5]), (array / param, [0.5, 2.0]), (array**param, [0.5, 16.0]),
        (param**array, [1.0, 16.0]),
    ):  # fmt: skip
        assert isinstance(result, my.Tensor)
        assert result.requires_grad
        assert result.tolist() == pytest.approx(expected)
    (array * param).sum().backward()
    assert param.grad.tolist() == [0.5, 4.0]
    assert param.grad.dtype is my.float32


@pytest.mark.parametrize(
    "values", [[1, 2], (1.0, 2.0), np.array([1, 2]), [my.Param(1), 2], [my.tensor(1.0), my.Param(2)]]
)
def test_linear_takes_lists_and_arrays(values):
    layer = my.layers.Linear(2, 3)
    expected = nn.functional.linear(my.tensor([1.0, 2.0]), layer.weight, layer.bias)
    assert my.equal(layer(values), expected)


def test_linear_takes_rows_of_lists():
    layer = my.layers.Linear(2, 3)
    rows = [[1, my.Param(2)], my.tensor([3.0, 4.0]), (5, 6)]
    expected = nn.functional.linear(my.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), layer.weight, layer.bias)
    assert my.allclose(layer(rows), expected)


def test_gradients_flow_through_a_list():
    layer = my.layers.Linear(3, 1, bias=False)
    x = my.tensor(2.0, requires_grad=True)
    layer([x, 1, x * x])[0].backward()
    first, _, last = layer.weight[0].tolist()
    assert x.grad.item() == pytest.approx(first + 2 * 2.0 * last)
    assert layer.weight.grad.tolist() == [[2, 1, 4]]


def test_linear_refuses_what_is_no_number():
    with pytest.raises(TypeError, match="expected numbers"):
        my.layers.Linear(2, 1)(["a", "b"])
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        my.layers.Linear(2, 1)([1, 2, 3])


def test_layers_are_those_of_nn():
    assert issubclass(my.layers.Linear, nn.Linear)
    for name in ("Module", "ReLU", "Conv2d", "Sequential", "Sigmoid"):
        assert getattr(my.layers, name) is getattr(nn, name)
    with pytest.raises(AttributeError, match="'Lineer'"):
        _ = my.layers.Lineer


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_update_is_step(name):
    weights = []
    for library, method in ((my.optimizers, "update"), (my.optimizers, "step"), (my.optim, "step")):
        param = my.Param([1.0, -2.0])
        optimizer = getattr(library, name)(params=[param], lr=0.1)
        for _ in range(3):
            (param**2).sum().backward()
            getattr(optimizer, method)()
            optimizer.zero_grad()
        weights.append(param.tolist())
    assert weights[0] == weights[1] == weights[2] != [1.0, -2.0]
