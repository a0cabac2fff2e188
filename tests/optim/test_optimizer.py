"""Parameter groups, state, hooks and messages of the base class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mytorch
from mytorch.optim.optimizer import Optimizer, required


def leaf(*shape: int) -> Any:
    return mytorch.ones(*shape, requires_grad=True)


def test_groups_from_tensors_dicts_and_names() -> None:
    a, b, c = leaf(1), leaf(2), leaf(3)
    assert all(p is q for p, q in zip(mytorch.optim.SGD(iter([a, b])).param_groups[0]["params"], [a, b], strict=True))
    groups = mytorch.optim.SGD([{"params": a}, {"params": (p for p in [b, c]), "lr": 0.5}], lr=0.1).param_groups
    assert [len(g["params"]) for g in groups] == [1, 2]
    assert [g["lr"] for g in groups] == [0.1, 0.5]
    assert groups[1]["params"][1] is c
    named = mytorch.optim.SGD([("a", a), ("b", b)]).param_groups[0]
    assert named["param_names"] == ["a", "b"]
    assert named["params"][1] is b


def test_what_cannot_be_optimized() -> None:
    a = leaf(1)
    with pytest.raises(ValueError, match=r"^optimizer got an empty parameter list$"):
        mytorch.optim.SGD([])
    with pytest.raises(TypeError, match=r"iterable of Tensors or dicts, but got torch\.FloatTensor$"):
        mytorch.optim.SGD(a)
    with pytest.raises(TypeError, match=r"optimizer can only optimize Tensors, but one of the params is int$"):
        mytorch.optim.SGD([a, 3])
    with pytest.raises(TypeError, match=r"but one of the params is numpy\.ndarray$"):
        mytorch.optim.SGD([np.ones(2)])
    with pytest.raises(ValueError, match=r"^can't optimize a non-leaf Tensor$"):
        mytorch.optim.SGD([a * 2])
    with pytest.raises(TypeError, match="ordered collections"):
        mytorch.optim.SGD([{"params": {a}}])
    with pytest.raises(ValueError, match=r"^some parameters appear in more than one parameter group$"):
        mytorch.optim.SGD([{"params": [a]}, {"params": [a]}])
    with pytest.raises(ValueError, match="Some param names are missing"):
        mytorch.optim.SGD([("a", a), leaf(1)])
    with pytest.raises(TypeError, match=r"^param_group must be a dict, but got <class 'list'>$"):
        mytorch.optim.SGD([a]).add_param_group([a])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot add param group with names to the optimizer"):
        mytorch.optim.SGD([a]).add_param_group({"params": [("b", leaf(1))]})
    with pytest.raises(ValueError, match="cannot add param group without names to the optimizer"):
        mytorch.optim.SGD([("a", a)]).add_param_group({"params": [leaf(1)]})
    with pytest.raises(ValueError, match=r"required optimization parameter lr$"):
        Optimizer([a], {"lr": required})
    assert repr(required) == "<required parameter>"


def test_a_tensor_that_retains_its_gradient_is_allowed() -> None:
    middle = leaf(1) * 2
    middle.retain_grad()
    assert mytorch.optim.SGD([middle]).param_groups[0]["params"][0] is middle


def test_duplicates_are_warned_of() -> None:
    a = leaf(1)
    with pytest.warns(UserWarning, match="optimizer contains a parameter group with duplicate parameters") as seen:
        mytorch.optim.SGD([a, a])
    assert len(seen) == 1


def test_repr() -> None:
    assert repr(mytorch.optim.SGD([{"params": [leaf(1)]}, {"params": [leaf(1)], "lr": 0.5}], lr=0.1)) == (
        "SGD (\n"
        "Parameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n"
        "\n"
        "Parameter Group 1\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n"
        "    lr: 0.5\n    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n"
        ")"
    )


def test_zero_grad() -> None:
    a, b = leaf(2), leaf(2)
    optimizer = mytorch.optim.SGD([a, b])
    a.grad = mytorch.ones(2)
    held = a.grad
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is held
    assert held.tolist() == [0.0, 0.0]
    assert b.grad is None
    (g,) = mytorch.autograd.grad((a**3).sum(), a, create_graph=True)
    a.grad = g
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.grad_fn is None
    assert not a.grad.requires_grad
    optimizer.zero_grad()
    assert a.grad is None


def test_the_base_class_does_not_step() -> None:
    with pytest.raises(NotImplementedError):
        Optimizer([leaf(1)], {}).step()


def test_closure_runs_with_gradients_on() -> None:
    a = leaf(1)
    optimizer = mytorch.optim.SGD([a], lr=0.25)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (a * 2).sum()
        loss.backward()
        return loss

    with mytorch.no_grad():
        assert optimizer.step(closure).item() == 2.0
        assert not mytorch.is_grad_enabled()
    assert a.item() == 0.5


def test_step_hooks() -> None:
    a = leaf(1)
    optimizer = mytorch.optim.SGD([a], lr=0.25)
    a.grad = mytorch.ones(1)
    calls: list[Any] = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append((o, args, kwargs, a.item())))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(("after", a.item())))
    optimizer.step(closure=None)
    assert calls == [(optimizer, (), {"closure": None}, 1.0), ("after", 0.75)]
    before.remove()
    replace = optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: "loss",), {}))
    assert optimizer.step() == "loss"
    replace.remove()
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3\.$"):
        optimizer.step()


def test_hooks_run_once_around_a_subclass() -> None:
    class Twice(mytorch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step()
            return super().step(closure)

    a = leaf(1)
    a.grad = mytorch.ones(1)
    optimizer = Twice([a], lr=0.25)
    calls: list[float] = []
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(a.item()))
    optimizer.step()
    assert calls == [0.5]


def test_state_dict_has_pytorchs_layout() -> None:
    a, b, c = leaf(1), leaf(2), leaf(3)
    optimizer = mytorch.optim.Adam([{"params": [a, b]}, {"params": [c], "lr": 0.5}])
    b.grad, c.grad = mytorch.ones(2), mytorch.ones(3)
    optimizer.step()
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert list(state["state"]) == [1, 2]
    assert list(state["state"][1]) == ["step", "exp_avg", "exp_avg_sq"]
    assert [g["params"] for g in state["param_groups"]] == [[0, 1], [2]]
    assert state["param_groups"][1]["lr"] == 0.5
    assert state["state"][1]["step"].dtype == mytorch.float32
    assert state["state"][1]["exp_avg"].shape == (2,)


def test_load_state_dict_refuses_what_does_not_fit() -> None:
    state = mytorch.optim.SGD([leaf(1), leaf(1)]).state_dict()
    with pytest.raises(ValueError, match=r"^loaded state dict has a different number of parameter groups$"):
        mytorch.optim.SGD([{"params": [leaf(1)]}, {"params": [leaf(1)]}]).load_state_dict(state)
    with pytest.raises(ValueError, match=r"a parameter group that doesn't match the size of optimizer's group$"):
        mytorch.optim.SGD([leaf(1)]).load_state_dict(state)


def test_load_state_dict_converts_and_copies() -> None:
    a = mytorch.ones(2, dtype=mytorch.float64, requires_grad=True)
    optimizer = mytorch.optim.Adam([("a", a)])
    moment = np.array([1.0, 2.0], "float32")
    optimizer.load_state_dict(
        {
            "state": {0: {"step": 3.0, "exp_avg": moment, "exp_avg_sq": mytorch.ones(2)}, "note": [1]},
            "param_groups": [{"lr": mytorch.tensor(0.5), "params": [0]}],
        }
    )
    group = optimizer.param_groups[0]
    assert group["param_names"] == ["a"]
    assert group["betas"] == (0.9, 0.999)
    assert group["params"][0] is a
    assert optimizer.state["note"] == [1]
    assert optimizer.state[a]["exp_avg"].dtype == mytorch.float64
    a.grad = mytorch.ones(2, dtype=mytorch.float64)
    optimizer.step()
    assert moment.tolist() == [1.0, 2.0]
    assert optimizer.state[a]["step"].item() == 4.0
    np.testing.assert_allclose(optimizer.state[a]["exp_avg"].numpy(), [1.0, 1.9])


def test_a_state_of_another_shape_is_refused() -> None:
    a = leaf(3)
    optimizer = mytorch.optim.SGD([a], momentum=0.9)
    state = optimizer.state_dict()
    state["state"] = {0: {"momentum_buffer": mytorch.zeros(2)}}
    optimizer.load_state_dict(state)
    a.grad = mytorch.ones(3)
    with pytest.raises(RuntimeError, match="state 'momentum_buffer' has shape"):
        optimizer.step()


def test_numbers_follow_the_default_type() -> None:
    mytorch.set_default_dtype(mytorch.float64)
    try:
        a = leaf(1)
        a.grad = mytorch.ones(1)
        optimizer = mytorch.optim.NAdam([a])
        optimizer.step()
        assert optimizer.state[a]["mu_product"].dtype == mytorch.float64
    finally:
        mytorch.set_default_dtype(mytorch.float32)
