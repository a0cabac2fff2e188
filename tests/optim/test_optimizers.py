"""What every optimizer must do: reach minima, and go PyTorch's recorded ways."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_optim.py"
_SPEC = importlib.util.spec_from_file_location("record_optim", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

ADAMS = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam")
ELEMENTWISE = (*ADAMS, "ASGD", "Adadelta", "Adagrad", "RMSprop", "Rprop", "SGD")
CLASSES = (*ELEMENTWISE, "LBFGS")

# class, options: each finds the minimum of each problem below in 1500 steps.
CONVERGENCE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.02, "momentum": 0.9}),
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 1e-5}),
    ("RMSprop", {"lr": 0.005}),
    ("RMSprop", {"lr": 0.002, "momentum": 0.9, "centered": True}),
    ("Adagrad", {"lr": 1.0}),
    ("Adadelta", {"lr": 0.5}),
    ("Adamax", {"lr": 0.1}),
    ("NAdam", {"lr": 0.03}),
    ("RAdam", {"lr": 0.1}),
    ("Rprop", {"lr": 0.01}),
    ("ASGD", {"lr": 0.02, "lambd": 1e-6}),
    ("LBFGS", {"lr": 0.5, "max_iter": 2}),
    ("LBFGS", {"line_search_fn": "strong_wolfe", "max_iter": 3}),
)


def bowl(p: list[Any]) -> Any:
    """Minimum at (1, -2, 3) and -0.5."""
    return ((p[0] - mytorch.tensor([1.0, -2.0, 3.0])) ** 2).sum() + 3 * (p[1] + 0.5) ** 2


def banana(p: list[Any]) -> Any:
    """A bent valley with its minimum at 1 and 1 (Rosenbrock's function, less steep)."""
    return (1 - p[0]) ** 2 + 2 * (p[1] - p[0] * p[0]) ** 2


PROBLEMS = {
    "bowl": (bowl, [[0.0, 0.0, 0.0], 0.0], [[1.0, -2.0, 3.0], -0.5]),
    "banana": (banana, [-1.0, 1.0], [1.0, 1.0]),
}


def test_every_optimizer_is_in_the_tables() -> None:
    public = {name for name in mytorch.optim.__all__ if name not in ("Optimizer", "lr_scheduler")}
    assert public == set(CLASSES) == {kind for kind, _ in CONVERGENCE}
    assert {kind for _, kind, _ in recorded.OPTIMIZERS} == set(ELEMENTWISE)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(("kind", "options"), CONVERGENCE)
def test_reaches_the_minimum(kind: str, options: dict[str, Any], problem: str) -> None:
    function, start, target = PROBLEMS[problem]
    params = [mytorch.tensor(s, requires_grad=True) for s in start]
    optimizer = getattr(mytorch.optim, kind)(params, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = function(params)
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    for _ in range(1500):
        last = optimizer.step(closure).item()
    assert last < 1e-3 * first
    for p, goal in zip(params, target, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), goal, atol=0.02)


@pytest.mark.parametrize(("name", "kind", "options"), recorded.OPTIMIZERS, ids=[c[0] for c in recorded.OPTIMIZERS])
def test_goes_pytorchs_way(name: str, kind: str, options: dict[str, Any]) -> None:
    with np.load(recorded.GOLDEN) as golden:
        expected = golden[f"optimizer/{name}"]
    for ours, theirs in zip(recorded.trajectory(mytorch, kind, options), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize(("name", "kind", "options"), recorded.OPTIMIZERS, ids=[c[0] for c in recorded.OPTIMIZERS])
def test_together_is_the_same_as_one_by_one(name: str, kind: str, options: dict[str, Any]) -> None:
    cls = getattr(mytorch.optim, kind)
    together = recorded.groups(mytorch, recorded.arrays())
    alone = recorded.groups(mytorch, recorded.arrays())
    single = [cls([{**group, "params": [p]}], **options) for group in alone for p in group["params"]]
    optimizer = cls(together, **options)
    params = [p for group in together for p in group["params"]]
    source = recorded.grads()
    for _ in range(12):
        grad = next(source)
        for i, (p, one) in enumerate(zip(params, single, strict=True)):
            q = one.param_groups[0]["params"][0]
            value = grad(i, p.detach().numpy())
            p.grad = q.grad = None if value is None else mytorch.tensor(value)
            one.step()
        optimizer.step()
    for p, one in zip(params, single, strict=True):
        q = one.param_groups[0]["params"][0]
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
        assert optimizer.state[p].keys() == one.state[q].keys()
        for key, value in optimizer.state[p].items():
            np.testing.assert_array_equal(value.numpy(), one.state[q][key].numpy())


@pytest.mark.parametrize(("name", "kind", "options"), recorded.OPTIMIZERS, ids=[c[0] for c in recorded.OPTIMIZERS])
@pytest.mark.parametrize("stop", [1, 7])
def test_state_dict_continues_exactly(name: str, kind: str, options: dict[str, Any], stop: int) -> None:
    cls = getattr(mytorch.optim, kind)

    def run(steps: int, source: Any, state: Any = None, start: Any = None) -> Any:
        groups = recorded.groups(mytorch, recorded.arrays() if start is None else start)
        optimizer = cls(groups, **({} if state else options))
        if state:
            optimizer.load_state_dict(state)
        recorded.descend(mytorch, optimizer, steps, source)
        return optimizer, [p.detach().numpy().copy() for g in groups for p in g["params"]]

    _, expected = run(20, recorded.grads())
    source = recorded.grads()
    optimizer, half = run(stop, source)
    state = optimizer.state_dict()
    before = {k: {n: v.numpy().copy() for n, v in e.items()} for k, e in state["state"].items()}
    _, continued = run(20 - stop, source, state, half)
    for ours, theirs in zip(continued, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for key, entry in state["state"].items():  # what was loaded is a copy
        for part, value in entry.items():
            np.testing.assert_array_equal(value.numpy(), before[key][part])


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_float64_stays_float64(kind: str) -> None:
    p = mytorch.tensor([1.0, 2.0], dtype=mytorch.float64, requires_grad=True)
    optimizer = getattr(mytorch.optim, kind)([p])
    for _ in range(3):
        p.grad = mytorch.tensor([0.1, 0.2], dtype=mytorch.float64)
        optimizer.step()
    assert p.dtype == mytorch.float64
    assert {v.dtype for k, v in optimizer.state[p].items() if v.ndim} <= {mytorch.float64}


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_lr_as_tensor(kind: str) -> None:
    p, q = (mytorch.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    a = getattr(mytorch.optim, kind)([p], lr=0.125)
    b = getattr(mytorch.optim, kind)([q], lr=mytorch.tensor(0.125))
    for _ in range(3):
        p.grad = q.grad = mytorch.tensor([0.3, -0.4])
        a.step()
        b.step()
    np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        getattr(mytorch.optim, kind)([p], lr=mytorch.tensor([0.1, 0.2]))


INVALID = (
    *((kind, {"lr": -1}, "Invalid learning rate: -1") for kind in CLASSES),
    *((kind, {"weight_decay": -1}, "Invalid weight_decay value: -1") for kind in ELEMENTWISE if kind != "Rprop"),
    *((k, {"eps": -1e-3}, "Invalid epsilon value: -0.001") for k in ELEMENTWISE if k not in ("SGD", "Rprop", "ASGD")),
    *(
        (kind, {"betas": betas}, f"Invalid beta parameter at index {index}: {betas[index]}")
        for kind in ADAMS
        for betas, index in (((1.0, 0.9), 0), ((-0.1, 0.9), 0), ((0.9, 1.0), 1), ((0.9, float("nan")), 1))
    ),
    ("SGD", {"momentum": -0.5}, "Invalid momentum value: -0.5"),
    ("SGD", {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
    (
        "SGD",
        {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
        "Nesterov momentum requires a momentum and zero dampening",
    ),
    ("RMSprop", {"momentum": -1}, "Invalid momentum value: -1"),
    ("RMSprop", {"alpha": -1}, "Invalid alpha value: -1"),
    ("Adagrad", {"lr_decay": -1}, "Invalid lr_decay value: -1"),
    ("Adagrad", {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value value: -1"),
    ("Adadelta", {"rho": 1.5}, "Invalid rho value: 1.5"),
    ("NAdam", {"momentum_decay": -1}, "Invalid momentum_decay value: -1"),
    ("Rprop", {"etas": (1.5, 0.5)}, "Invalid eta values: 1.5, 0.5"),
)


@pytest.mark.parametrize(("kind", "options", "message"), INVALID)
def test_invalid_options(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as error:
        getattr(mytorch.optim, kind)([mytorch.ones(1, requires_grad=True)], **options)
    assert str(error.value) == message


@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_options_without_effect(kind: str) -> None:
    parameter = mytorch.ones(1, requires_grad=True)
    cls = getattr(mytorch.optim, kind)
    assert cls([parameter], foreach=True).param_groups[0]["foreach"] is True
    with pytest.raises(NotImplementedError, match=rf"{kind}\(differentiable=True\) is not supported"):
        cls([parameter], differentiable=True)
    if kind in ("SGD", "Adam", "AdamW", "Adagrad"):
        with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together"):
            cls([parameter], fused=True, foreach=True)
    if kind not in ("SGD", "Adagrad"):
        assert cls([parameter], capturable=True).param_groups[0]["capturable"] is True


def test_adamw_decouples_whatever_it_loads() -> None:
    parameter = mytorch.ones(1, requires_grad=True)
    optimizer = mytorch.optim.AdamW([parameter])
    optimizer.load_state_dict(mytorch.optim.Adam([parameter]).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


def test_momentum_can_be_switched_on() -> None:
    p = mytorch.tensor([1.0], requires_grad=True)
    optimizer = mytorch.optim.SGD([p], lr=1.0)
    p.grad = mytorch.tensor([0.25])
    optimizer.step()
    assert not optimizer.state
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert p.item() == 1 - 0.25 - 0.25 - (0.125 + 0.25)
    assert optimizer.state[p]["momentum_buffer"].item() == 0.375
