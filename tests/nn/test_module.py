"""Modules: registration, names, state, conversions."""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict

import pytest

import mytorch as torch
from mytorch import nn


class Net(nn.Module):
    """Without super().__init__()."""

    def __init__(self, hidden=4):
        self.first = nn.Linear(2, hidden)
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("steps", torch.tensor(3))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.last = nn.Sequential(nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x):
        return self.last(self.first(x)) * self.scale


NAMES = ["scale", "first.weight", "first.bias", "last.1.weight", "last.1.bias"]


def named(pairs):
    return [name for name, _ in pairs]


def test_registration_in_order():
    net = Net()
    assert named(net.named_parameters()) == NAMES
    assert named(net.named_buffers()) == ["steps", "scratch"]
    assert named(net.named_children()) == ["first", "last"]
    assert named(net.named_modules()) == ["", "first", "last", "last.0", "last.1"]
    assert list(net.state_dict()) == ["scale", "steps", *NAMES[1:]]
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert list(net.children()) == [net.first, net.last]
    assert next(net.modules()) is net
    assert [b.tolist() for b in net.buffers()] == [3, [0, 0]]
    assert named(net.named_parameters(prefix="net", recurse=False)) == ["net.scale"]
    assert named(net.named_modules(prefix="net"))[:2] == ["net", "net.first"]


@pytest.mark.parametrize("call", ["none", "first", "old", "last"])
def test_super_may_be_called_or_not(call):
    class Sub(nn.Module):
        def __init__(self, size):
            if call == "first":
                super().__init__()
            if call == "old":
                super(Sub, self).__init__()  # noqa: UP008 - older programs write it so
            self.linear = nn.Linear(size, size)
            if call == "last":
                super().__init__()

        def forward(self, x):
            return self.linear(x)

    assert named(Sub(3).named_parameters()) == ["linear.weight", "linear.bias"]
    assert Sub(3)(torch.zeros(1, 3)).shape == (1, 3)


def test_shared_parameters_and_modules_come_once():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert named(net.named_parameters()) == ["0.weight", "0.bias", "1.bias"]
    assert named(net.named_parameters(remove_duplicate=False)) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    twice = nn.Sequential(net[0], net[0])
    assert named(twice.named_modules()) == ["", "0"]
    assert named(twice.named_modules(remove_duplicate=False)) == ["", "0", "1"]
    assert named(twice.named_children()) == ["0"]
    assert len(list(twice.modules(remove_duplicate=False))) == 3


def test_an_attribute_changes_its_kind():
    m = nn.Module()
    m.a = 3
    m.a = nn.Parameter(torch.zeros(1))
    assert named(m.named_parameters()) == ["a"]
    m.a = None
    assert (list(m.named_parameters()), m.a, list(m._parameters)) == ([], None, ["a"])
    m.a = nn.Linear(1, 1)
    assert (named(m.named_parameters()), named(m.named_children())) == (["a.weight", "a.bias"], ["a"])
    m.a = nn.Buffer(torch.zeros(2))
    assert (list(m.state_dict()), list(m.children())) == (["a"], [])
    m.a = torch.ones(3)
    assert m.state_dict()["a"].tolist() == [1, 1, 1]
    m.a = nn.Buffer(torch.zeros(1), persistent=False)
    assert list(m.state_dict()) == []
    del m.a
    assert not hasattr(m, "a")
    assert list(m.buffers()) == []
    m.a = 4
    assert m.a == 4


def test_assignment_keeps_the_place():
    m = nn.Module()
    m.a, m.b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    m.a = nn.Parameter(torch.ones(1))
    assert named(m.named_parameters()) == ["a", "b"]
    assert m.a.item() == 1


def test_a_child_hides_a_class_attribute():
    class Sub(nn.Module):
        head = None

        def __init__(self):
            self.head = nn.ReLU()

    assert isinstance(Sub().head, nn.ReLU)
    assert named(Sub().named_children()) == ["head"]


def test_places_without_a_value():
    m = nn.Linear(2, 2, bias=False)
    assert m.bias is None
    assert named(m.named_parameters()) == ["weight"]
    m.register_buffer("b", None)
    m.register_module("c", None)
    assert list(m.state_dict()) == ["weight"]
    assert list(m.named_modules()) == [("", m)]
    assert repr(m) == "Linear(\n  in_features=2, out_features=2, bias=False\n  (c): None\n)"
    m.bias = nn.Parameter(torch.zeros(2))
    assert named(m.named_parameters()) == ["weight", "bias"]


def test_registers_are_live_dictionaries():
    net = Net()
    net._modules["first"] = nn.Identity()
    assert isinstance(net.first, nn.Identity)
    assert list(net._modules) == ["first", "last"]
    del net._parameters["scale"]
    assert not hasattr(net, "scale")
    assert dict(net._buffers)["steps"].item() == 3
    assert len(net._buffers) == 2
    assert repr(net._parameters) == "{}"
    with pytest.raises(KeyError, match="first"):
        net._parameters["first"]


def test_a_wrong_name_is_suggested(capsys):
    with pytest.raises(AttributeError, match=r"^'Net' object has no attribute 'frist'$") as caught:
        Net().frist  # noqa: B018 - the point is the error
    sys.__excepthook__(caught.type, caught.value, caught.tb)  # what the interpreter prints
    assert "Did you mean: 'first'" in capsys.readouterr().err


def test_getters():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("last.1") is net.last[1]
    assert net.get_parameter("last.1.weight") is net.last[1].weight
    assert net.get_buffer("steps") is net.steps


def test_state_shares_memory_and_has_no_history():
    net = Net()
    state = net.state_dict()
    with torch.no_grad():
        net.scale.fill_(5)
    assert state["scale"].item() == 5
    assert not state["scale"].requires_grad
    assert type(state["scale"]) is torch.Tensor
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="net."))) == "net.scale"
    into = OrderedDict(a=1)
    assert net.first.state_dict(destination=into, prefix="x.") is into
    assert list(into) == ["a", "x.weight", "x.bias"]


def test_loading():
    torch.manual_seed(0)
    source, target = Net(), Net()
    with torch.no_grad():
        source.steps.fill_(9)
    held = target.first.weight
    result = target.load_state_dict(source.state_dict())
    assert str(result) == repr(result) == "<All keys matched successfully>"
    assert target.first.weight is held
    for (name, a), b in zip(source.state_dict().items(), target.state_dict().values(), strict=True):
        assert a.tolist() == b.tolist(), name
    with torch.no_grad():
        source.scale.fill_(7)
    assert target.scale.item() == 1


def test_loading_converts_types():
    m = nn.Linear(1, 1, bias=False)
    m.load_state_dict({"weight": torch.tensor([[2.5]], dtype=torch.float64)})
    assert (m.weight.dtype, m.weight.item()) == (torch.float32, 2.5)


def test_loading_not_strictly():
    m = nn.Linear(1, 1)
    result = m.load_state_dict({"weight": torch.ones(1, 1), "x": torch.ones(1)}, strict=False)
    assert (result.missing_keys, result.unexpected_keys) == (["bias"], ["x"])
    assert repr(result) == "_IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['x'])"
    assert m.weight.item() == 1


def test_loading_what_fits_if_something_is_wrong():
    m = nn.Linear(1, 1)
    with pytest.raises(RuntimeError, match="size mismatch for bias"):
        m.load_state_dict({"weight": torch.zeros(1, 1), "bias": torch.zeros(3)})
    assert m.weight.item() == 0
    with pytest.raises(RuntimeError, match="or Tensor-like object from checkpoint but received"):
        m.load_state_dict({"weight": [[1.0]], "bias": torch.zeros(1)})


def test_loading_by_assignment():
    m = nn.Linear(1, 1)
    m.bias.requires_grad_(False)
    given = {"weight": torch.ones(1, 1, dtype=torch.float64), "bias": nn.Parameter(torch.ones(1))}
    m.load_state_dict(given, assign=True)
    assert m.weight.dtype == torch.float64
    assert isinstance(m.weight, nn.Parameter)
    assert m.weight.array is given["weight"].array
    assert m.bias is given["bias"]
    assert (m.weight.requires_grad, m.bias.requires_grad) == (True, False)


def test_loading_shared_modules():
    part = nn.Linear(1, 1)
    net = nn.Sequential(part, part)
    assert str(net.load_state_dict(net.state_dict())) == "<All keys matched successfully>"


def test_training_mode():
    net = Net()
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train() is net
    assert all(m.training for m in net.modules())


def test_zero_grad():
    net = Net()
    net(torch.ones(1, 2)).sum().backward()
    held = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is held
    assert all((p.grad == 0).all() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net(torch.ones(1, 2)).sum().backward(create_graph=True)
    net.zero_grad(set_to_none=False)
    assert not net.first.weight.grad.requires_grad


def test_requires_grad_():
    net = Net().requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    assert not net(torch.ones(1, 2)).requires_grad


def test_apply_comes_from_below():
    seen = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Tanh", "Linear", "Sequential", "Net"]


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda m: m.double(), torch.float64),
        (lambda m: m.half(), torch.float16),
        (lambda m: m.double().float(), torch.float32),
        (lambda m: m.to(torch.float64), torch.float64),
        (lambda m: m.to("cpu", torch.float64), torch.float64),
        (lambda m: m.to(device=torch.device("cpu"), dtype=torch.float64), torch.float64),
        (lambda m: m.to(torch.zeros(1, dtype=torch.float64)), torch.float64),
        (lambda m: m.cpu().to("cpu"), torch.float32),
    ],
)
def test_conversions_are_in_place_and_spare_integers(convert, dtype):
    net = Net()
    net(torch.ones(1, 2)).sum().backward()
    held = net.scale
    assert convert(net) is net
    assert net.scale is held
    assert {p.dtype for p in net.parameters()} == {p.grad.dtype for p in net.parameters()} == {dtype}
    assert (net.steps.dtype, net.scratch.dtype) == (torch.int64, dtype)


def test_type_converts_everything():
    net = Net().type(torch.float64)
    assert net.steps.dtype == torch.float64


def test_there_is_no_gpu():
    with pytest.raises(RuntimeError, match="cuda"):
        Net().cuda()
    with pytest.raises(RuntimeError, match="cuda"):
        Net().to("cuda:0")
    with pytest.raises(TypeError, match="to\\(\\) received an invalid argument"):
        Net().to([])


def test_deepcopy_and_copy():
    net = Net()
    net(torch.ones(1, 2)).sum().backward()
    deep = copy.deepcopy(net)
    assert named(deep.named_parameters()) == NAMES
    with torch.no_grad():
        deep.scale.fill_(8)
    assert net.scale.item() == 1
    assert deep.scale.grad.tolist() == net.scale.grad.tolist()
    assert deep(torch.ones(1, 2)).item() == pytest.approx(8 * net(torch.ones(1, 2)).item())
    shallow = copy.copy(net)
    assert shallow.first is net.first
    shallow.extra = nn.ReLU()
    assert named(net.named_children()) == ["first", "last"]
    assert named(shallow.named_children()) == ["first", "last", "extra"]


def test_deepcopy_keeps_shared_parameters_shared():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    deep = copy.deepcopy(net)
    assert deep[1].weight is deep[0].weight
    assert deep[0].weight is not net[0].weight


def test_parameter():
    data = torch.zeros(2)
    p = nn.Parameter(data)
    assert p.array is data.array
    assert (p.requires_grad, p.is_leaf, p.shape) == (True, True, (2,))
    assert isinstance(p, torch.Tensor)
    assert type(p * 2) is torch.Tensor
    assert nn.Parameter().shape == (0,)
    assert nn.Parameter((p * 2), requires_grad=False).is_leaf
    with pytest.raises(TypeError, match="expected a Tensor or None, not list"):
        nn.Parameter([1.0])


def test_repr_of_a_model_with_extra_lines():
    class Odd(nn.Module):
        def __init__(self):
            self.act = nn.ReLU()

        def extra_repr(self):
            return "a=1\nb=2"

    assert repr(Odd()) == "Odd(\n  a=1\n  b=2\n  (act): ReLU()\n)"


def test_parameters_follow_a_replaced_array():
    """An optimizer may move the values of all parameters into one buffer; the module must go on using them."""
    layer = nn.Linear(1, 1, bias=False)
    buffer = torch.tensor([[3.0]])
    layer.weight.array = buffer.array
    assert layer(torch.ones(1, 1)).item() == 3
    buffer.fill_(4)
    assert layer(torch.ones(1, 1)).item() == 4


def test_replacing_submodules():
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    net.set_submodule("1.0", nn.Tanh())
    net.set_submodule("1.1", nn.ELU())
    assert repr(net[1]) == "Sequential(\n  (0): Tanh()\n  (1): ELU(alpha=1.0)\n)"
    for target, module, error, match in (
        ("", nn.ReLU(), ValueError, "without a target name"),
        ("0", 3, ValueError, "is not an nn.Module, found"),
        ("5.a", nn.ReLU(), AttributeError, "has no attribute `5`"),
        ("0.weight", nn.ReLU(), AttributeError, "`weight` is not an nn.Module"),
    ):
        with pytest.raises(error, match=match):
            net.set_submodule(target, module)
    with pytest.raises(AttributeError, match="has no attribute `7`"):
        net.set_submodule("7", nn.ReLU(), strict=True)


def test_conversions():
    net = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2))
    weight = net[0].weight
    net(torch.ones(1, 1, 3, 3)).sum().backward()
    assert net.double() is net
    assert net[0].weight is weight
    assert (weight.dtype, weight.grad.dtype, net[1].num_batches_tracked.dtype) == (
        torch.float64, torch.float64, torch.int64
    )  # fmt: skip
    net._apply(lambda t: t * 0)
    assert not weight.any()
    net.type(torch.float32)
    assert net[1].num_batches_tracked.dtype == torch.float32
    net.to_empty(device="cpu")
    assert weight.shape == (2, 1, 2, 2)
    net.to(memory_format=torch.channels_last)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    with pytest.raises(NotImplementedError, match="share"):
        net.share_memory()
    assert net.compile() is None


def test_names_of_attributes():
    names = dir(nn.Sequential(nn.ReLU()))
    assert "forward" in names
    assert "0" not in names


def test_the_longer_names():
    from mytorch.nn.modules.loss import _Loss

    from mytorch.nn import modules

    assert (modules.Linear, modules.module.Module, modules.sparse.Embedding) == (nn.Linear, nn.Module, nn.Embedding)
    assert issubclass(nn.MSELoss, _Loss)
    with pytest.raises(AttributeError, match="no attribute 'Lineer'"):
        _ = modules.Lineer
