"""Saving and loading of a module's state in its own way: hooks, extra state, overridden methods, versions."""

from __future__ import annotations

import copy
import pickle

import pytest

import mytorch as torch
from mytorch import nn


class Counting(nn.Module):
    """Has a state beside its parameters, and a second version of its names."""

    _version = 2

    def __init__(self):
        self.weight = nn.Parameter(torch.zeros(2))
        self.calls = 0

    def get_extra_state(self):
        return {"calls": self.calls}

    def set_extra_state(self, state):
        self.calls = state["calls"]

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *others):
        if local_metadata.get("version", 1) < 2 and prefix + "w" in state_dict:
            state_dict[prefix + "weight"] = state_dict.pop(prefix + "w")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)


def test_extra_state():
    first, second = nn.Sequential(Counting()), nn.Sequential(Counting())
    first[0].calls = 7
    state = first.state_dict()
    assert list(state) == ["0.weight", "0._extra_state"]
    second.load_state_dict(state)
    assert second[0].calls == 7
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0._extra_state". '):
        second.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r'Unexpected key\(s\) in state_dict: "_extra_state". '):
        nn.ReLU().load_state_dict({"_extra_state": 1})
    for method in (nn.ReLU().get_extra_state, lambda: nn.ReLU().set_extra_state(1)):
        with pytest.raises(RuntimeError, match="should never be called"):
            method()


def test_older_names():
    module = Counting()
    given = {"w": torch.ones(2), "_extra_state": {"calls": 1}}
    module.load_state_dict(given)
    assert module.weight.tolist() == [1, 1]
    assert list(given) == ["w", "_extra_state"]


def test_metadata():
    state = nn.Sequential(Counting(), nn.ReLU()).state_dict()
    assert state._metadata == {"": {"version": 1}, "0": {"version": 2}, "1": {"version": 1}}
    assert copy.deepcopy(state)._metadata == state._metadata


def test_hooks_around_saving():
    told, net = [], nn.Sequential(nn.Linear(1, 1))
    net[0].register_state_dict_pre_hook(lambda module, prefix, keep_vars: told.append((prefix, keep_vars)))
    net[0].register_state_dict_post_hook(lambda module, state, prefix, metadata: state.pop(prefix + "bias") and None)
    handle = net._register_state_dict_hook(lambda module, state, prefix, metadata: {"all": dict(state)})
    assert list(net.state_dict()["all"]) == ["0.weight"]
    assert told == [("0.", False)]
    handle.remove()
    assert list(net.state_dict(prefix="net.")) == ["net.0.weight"]


def test_hooks_around_loading():
    told, net = [], nn.Sequential(nn.Linear(1, 1))
    state = net.state_dict()
    net[0].register_load_state_dict_pre_hook(lambda module, state, prefix, *_: told.append((module, prefix)))
    net[0]._register_load_state_dict_pre_hook(
        lambda state, prefix, *_: state.setdefault(prefix + "bias", torch.ones(1))
    )
    net[0]._register_load_state_dict_pre_hook(lambda module, *_: told.append(module), with_module=True)
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.append("mine"))
    del state["0.bias"]
    result = net.load_state_dict(state, strict=False)
    assert (result.missing_keys, net[0].bias.item()) == (["mine"], 1)
    assert told == [(net[0], "0."), net[0]]
    with pytest.raises(RuntimeError, match=r'Missing key.*"mine"'):
        net.load_state_dict(state)
    net.register_load_state_dict_post_hook(lambda module, keys: keys)
    with pytest.raises(AssertionError, match="are not expected to return new values"):
        net.load_state_dict(state)


def test_arguments_by_position():
    held = {}
    assert nn.Linear(1, 1).state_dict(held, "a.", True) is held
    assert list(held) == ["a.weight", "a.bias"]
    assert held["a.bias"].requires_grad


def test_a_number_saved_as_a_vector():
    module = nn.BatchNorm1d(1)
    state = module.state_dict()
    state["num_batches_tracked"] = torch.tensor([5])
    module.load_state_dict(state)
    assert module.num_batches_tracked.item() == 5


def test_a_module_is_not_pickled():
    with pytest.raises(TypeError, match="state_dict"):
        pickle.dumps(nn.ReLU())


class Slotted(nn.Module):
    __slots__ = ("extra",)

    def __init__(self):
        self.layer = nn.Linear(1, 1)
        self.again = self.layer
        object.__setattr__(self, "extra", [1])

    def forward(self, x):
        return self.again(self.layer(x))


def test_copies():
    called, module = [], Slotted()
    module.register_forward_hook(lambda *_: called.append(1))
    deep, shallow = copy.deepcopy(module), copy.copy(module)
    deep(torch.ones(1, 1))
    assert called == [1]
    assert deep.layer is deep.again
    assert deep.layer is not module.layer
    assert (deep.extra, deep.extra is module.extra, shallow.extra is module.extra) == ([1], False, True)
    shallow.new = nn.ReLU()
    assert "new" not in module._modules
    module.itself = [module]
    assert copy.deepcopy(module).itself[0] is not module


def test_own_way_of_being_copied():
    class Own(nn.Module):
        def __getstate__(self):
            return {"only": 3}

        def __setstate__(self, state):
            self.taken = state["only"]

    assert copy.deepcopy(Own()).taken == copy.copy(Own()).taken == 3


def test_batch_norm_states_from_before_batches_were_counted_load():
    old = {"weight": torch.ones(2), "bias": torch.zeros(2)}
    old |= {"running_mean": torch.tensor([1.0, 2.0]), "running_var": torch.ones(2)}
    norm = torch.nn.BatchNorm1d(2)
    norm.load_state_dict(old)
    assert norm.running_mean.tolist() == [1.0, 2.0]
    assert norm.num_batches_tracked == 0
    assert norm.state_dict()._metadata[""] == {"version": 2}
