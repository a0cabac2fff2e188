"""Sequential, lists and dictionaries of modules and parameters."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import mytorch as torch
from mytorch import nn


def kinds(modules):
    return [type(m).__name__ for m in modules]


def test_sequential_is_a_sequence():
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
    assert len(net) == 3
    assert kinds(net) == ["ReLU", "Tanh", "Sigmoid"]
    assert kinds([net[0], net[-1], net[torch.tensor(1)]]) == ["ReLU", "Sigmoid", "Tanh"]
    assert kinds(net[1:]) == ["Tanh", "Sigmoid"]
    assert list(net[1:]._modules) == ["1", "2"]
    assert kinds(net[::-1]) == ["Sigmoid", "Tanh", "ReLU"]
    with pytest.raises(IndexError, match="index -4 is out of range"):
        net[-4]


def test_sequential_is_changed():
    net = nn.Sequential(nn.ReLU())
    assert net.append(nn.Tanh()) is net
    net.insert(0, nn.Sigmoid()).insert(-1, nn.SiLU()).extend([nn.Mish(), nn.ELU()])
    assert kinds(net) == ["Sigmoid", "ReLU", "SiLU", "Tanh", "Mish", "ELU"]
    assert list(net._modules) == list("012345")
    assert type(net.pop(1)).__name__ == "ReLU"
    assert list(net._modules) == list("01234")
    del net[-1]
    del net[:2]
    assert kinds(net) == ["Tanh", "Mish"]
    assert list(net._modules) == ["0", "1"]
    net[0] = nn.ReLU()
    assert kinds(net) == ["ReLU", "Mish"]
    assert kinds(net.pop(slice(0, 1))) == ["ReLU"]
    with pytest.raises(IndexError, match="Index out of range: 5"):
        net.insert(5, nn.ReLU())
    with pytest.raises(AssertionError, match="module should be of type"):
        net.insert(0, 3)
    with pytest.raises(TypeError, match="should be called with an iterable, but got int"):
        net.extend(3)


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(hidden=nn.Linear(2, 3), act=nn.ReLU()))
    assert net.hidden is net[0]
    assert list(net.state_dict()) == ["hidden.weight", "hidden.bias"]
    assert net(torch.zeros(1, 2)).shape == (1, 3)
    net[1] = nn.Tanh()
    assert list(net._modules) == ["hidden", "act"]
    assert list(net[:1]._modules) == ["hidden"]


def test_sequential_arithmetic():
    a, b = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())
    assert kinds(a + b) == ["ReLU", "Tanh"]
    assert kinds(2 * (a + b)) == ["ReLU", "Tanh"] * 2
    a += b
    a *= 2
    assert kinds(a) == ["ReLU", "Tanh"] * 2
    for wrong, error, message in (
        (lambda: a.__add__([nn.ReLU()]), ValueError, "add operator supports only objects of Sequential class"),
        (lambda: a.__iadd__(3), ValueError, "add operator supports only objects of Sequential class"),
        (lambda: a * 0, ValueError, "Non-positive multiplication factor 0"),
        (lambda: a * "x", TypeError, "unsupported operand"),
    ):
        with pytest.raises(error, match=message):
            wrong()


def test_empty_sequential_is_the_identity():
    x = torch.ones(2)
    assert nn.Sequential()(x) is x


def test_module_list():
    layers = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    layers += [nn.Sigmoid()]
    assert kinds(layers) == ["ReLU", "Tanh", "Sigmoid"]
    assert kinds(layers + [nn.ELU()]) == ["ReLU", "Tanh", "Sigmoid", "ELU"]  # noqa: RUF005 - it is the operator's test
    assert isinstance(layers[1:], nn.ModuleList)
    layers[1] = nn.ELU()
    layers.insert(0, nn.Mish())
    assert kinds(layers) == ["Mish", "ReLU", "ELU", "Sigmoid"]
    assert type(layers.pop(-1)).__name__ == "Sigmoid"
    assert [n for n, _ in nn.ModuleList([nn.Linear(1, 1)]).named_parameters()] == ["0.weight", "0.bias"]


def test_module_dict():
    parts = nn.ModuleDict({"a": nn.ReLU()})
    parts["b"] = nn.Linear(1, 2)
    parts.update([("c", nn.Tanh()), ["d", nn.Sigmoid()]])
    assert list(parts) == list(parts.keys()) == ["a", "b", "c", "d"]
    assert kinds(parts.values()) == ["ReLU", "Linear", "Tanh", "Sigmoid"]
    assert [key for key, _ in parts.items()] == list(parts)
    assert len(parts) == 4
    assert "b" in parts
    assert list(parts.state_dict()) == ["b.weight", "b.bias"]
    assert isinstance(parts.pop("a"), nn.ReLU)
    del parts["c"]
    assert list(parts) == ["b", "d"]
    parts.update(nn.ModuleDict({"b": nn.Mish()}))
    assert kinds(parts.values()) == ["Mish", "Sigmoid"]
    parts.clear()
    assert len(parts) == 0
    with pytest.raises(TypeError, match="should be called with an iterable of key/value pairs, but got int"):
        parts.update(3)
    with pytest.raises(ValueError, match="element #0 has length 1; 2 is required"):
        parts.update([("a",)])


def test_parameter_list():
    params = nn.ParameterList([torch.zeros(1), nn.Parameter(torch.ones(2))])
    params.append(torch.ones(3)).extend([torch.ones(4)])
    params += [torch.ones(5)]
    assert [p.shape[0] for p in params] == [1, 2, 3, 4, 5]
    assert all(isinstance(p, nn.Parameter) for p in params)
    assert [n for n, _ in params.named_parameters()] == list("01234")
    params[0] = torch.ones(9)
    assert (len(params), params[-5].shape[0]) == (5, 9)
    assert [p.shape[0] for p in params[1:3]] == [2, 3]
    with pytest.raises(IndexError, match="index 5 is out of range"):
        params[5]
    with pytest.raises(TypeError, match="should be called with an iterable, but got Tensor"):
        params.extend(torch.zeros(2))
    assert repr(nn.ParameterList([3])) == "ParameterList(  (0): Object of type: int)"


def test_parameter_dict():
    params = nn.ParameterDict({"a": torch.zeros(1)})
    params["b"] = nn.Parameter(torch.ones(2))
    params.update({"c": torch.ones(3)})
    assert list(params) == list(params.keys()) == ["a", "b", "c"]
    assert [p.shape[0] for p in params.values()] == [1, 2, 3]
    assert [key for key, _ in params.items()] == ["a", "b", "c"]
    assert [n for n, _ in params.named_parameters()] == ["a", "b", "c"]
    assert "a" in params
    assert params.get("x", 5) == 5
    assert params.get("a") is params["a"]
    assert params.pop("a").shape == (1,)
    del params["b"]
    assert len(params) == 1
    params.clear()
    assert len(params) == 0
    with pytest.raises(KeyError, match="c"):
        params["c"]
    with pytest.raises(TypeError, match="cannot be used as a key as it is not a string"):
        params[3] = torch.zeros(1)


def test_parameter_dictionary_as_a_dictionary():
    d = nn.ParameterDict({"a": torch.zeros(2), "b": torch.zeros(1)})
    assert list(reversed(d)) == ["b", "a"]
    assert list(d | nn.ParameterDict({"c": torch.ones(1)})) == ["a", "b", "c"]
    d |= {"c": torch.ones(1)}
    assert (d.popitem()[0], list(d), list(d.copy())) == ("c", ["a", "b"], ["a", "b"])
    assert d.setdefault("a") is d["a"]
    assert isinstance(d.setdefault("new", torch.ones(1)), nn.Parameter)
    assert list(d.fromkeys("xy", torch.ones(1))) == ["x", "y"]
    d.clear()
    with pytest.raises(KeyError, match="empty"):
        d.popitem()
    for container in (d, nn.ParameterList()):
        with pytest.raises(RuntimeError, match="should not be called"):
            container(1)
