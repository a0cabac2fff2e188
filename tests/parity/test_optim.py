"""Optimizers and schedules against the live PyTorch: long trajectories, states moved across, errors and warnings."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_optim.py"
_SPEC = importlib.util.spec_from_file_location("record_optim", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

OPTIMIZERS = pytest.mark.parametrize(
    ("name", "kind", "options"), recorded.OPTIMIZERS, ids=[c[0] for c in recorded.OPTIMIZERS]
)
SCHEDULES = pytest.mark.parametrize(
    ("name", "make", "steps"), recorded.SCHEDULES, ids=[c[0] for c in recorded.SCHEDULES]
)
CLASSES = [name for name in mytorch.optim.__all__ if name not in ("Optimizer", "lr_scheduler")]
SCHEDULERS = mytorch.optim.lr_scheduler.__all__


def params_of(optimizer: Any) -> list[np.ndarray]:
    return [p.detach().numpy() for group in optimizer.param_groups for p in group["params"]]


def compare(ours: Any, theirs: Any, rtol: float = 2e-6) -> None:
    """The parameters and the whole state are equal up to rounding."""
    for a, b in zip(params_of(ours), params_of(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1.0, np.abs(b).max(initial=0)))
    mine, other = ours.state_dict(), theirs.state_dict()
    assert mine["state"].keys() == other["state"].keys()
    for key, entry in other["state"].items():
        assert list(mine["state"][key]) == list(entry)
        for part, value in entry.items():
            found = mine["state"][key][part]
            assert (tuple(found.shape), str(found.dtype)) == (tuple(value.shape), str(value.dtype))
            if part != "prev":  # next to zero its sign is a matter of rounding
                np.testing.assert_allclose(found.numpy(), value.numpy(), rtol=20 * rtol, atol=1e-5)
    for mine_group, other_group in zip(mine["param_groups"], other["param_groups"], strict=True):
        assert mine_group == other_group


def to_torch(value: Any) -> Any:
    """A state with PyTorch's tensors in place of ours."""
    if isinstance(value, mytorch.Tensor):
        return torch.tensor(value.numpy())
    if isinstance(value, dict):
        return {k: to_torch(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(to_torch(v) for v in value)
    return value


def pair(kind: str, options: dict[str, Any], dtype: str = "float32") -> tuple[Any, Any]:
    start = recorded.arrays(dtype)
    return tuple(
        getattr(library.optim, kind)(recorded.groups(library, start), **options) for library in (mytorch, torch)
    )


@pytest.mark.parametrize("kind", CLASSES)
def test_signatures(kind: str) -> None:
    ours = inspect.signature(getattr(mytorch.optim, kind))
    theirs = inspect.signature(getattr(torch.optim, kind))
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_signatures_of_schedules(kind: str) -> None:
    ours = inspect.signature(getattr(mytorch.optim.lr_scheduler, kind))
    theirs = inspect.signature(getattr(torch.optim.lr_scheduler, kind))
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]


@OPTIMIZERS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_trajectories(name: str, kind: str, options: dict[str, Any], dtype: str) -> None:
    ours, theirs = pair(kind, options, dtype)
    steps = 60 if options.get("maximize") else 1500
    recorded.descend(mytorch, ours, steps, recorded.grads(dtype))
    recorded.descend(torch, theirs, steps, recorded.grads(dtype))
    compare(ours, theirs, {"float32": 3e-6, "float64": 1e-12}[dtype])


@OPTIMIZERS
def test_default_options_give_the_same_repr(name: str, kind: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(kind, options)
    assert repr(ours) == repr(theirs)


@OPTIMIZERS
@pytest.mark.parametrize("crossings", [(5, 6), (1, 2, 3, 40)])
def test_states_move_across(name: str, kind: str, options: dict[str, Any], crossings: tuple[int, ...]) -> None:
    """A training that changes between the two libraries goes the way of one that stays."""
    libraries = (mytorch, torch)
    source, plain = recorded.grads(), recorded.grads()
    optimizers = pair(kind, options)
    _, stays = pair(kind, options)
    for turn, steps in enumerate((*crossings, 10)):
        library, optimizer = libraries[turn % 2], optimizers[turn % 2]
        if turn:
            before = optimizers[1 - turn % 2]
            state = before.state_dict()
            optimizer.load_state_dict(state if library is mytorch else to_torch(state))
            for p, array in zip(
                (p for g in optimizer.param_groups for p in g["params"]), params_of(before), strict=True
            ):
                p.data = library.tensor(array)
        recorded.descend(library, optimizer, steps, source)
        recorded.descend(torch, stays, steps, plain)
        for a, b in zip(params_of(optimizer), params_of(stays), strict=True):
            np.testing.assert_allclose(a, b, rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("kind", [k for k in CLASSES if k != "LBFGS"])
def test_complex_parameters(kind: str) -> None:
    start = np.array([1 + 2j, -0.5j, 3.0], "complex64")
    found = []
    for library in (mytorch, torch):
        p = library.tensor(start, requires_grad=library is torch)  # ours can be updated, but not differentiated
        optimizer = getattr(library.optim, kind)([p])
        for step in range(20):
            p.grad = library.tensor((p.detach().numpy() * (1 - 0.5j) + 0.1 * step).astype("complex64"))
            optimizer.step()
        found.append(p.detach().numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


@pytest.mark.filterwarnings("ignore:optimizer contains a parameter group with duplicate parameters")
@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
def test_a_parameter_named_twice(kind: str) -> None:
    found = []
    for library in (mytorch, torch):
        p, q = (library.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        optimizer = getattr(library.optim, kind)([p, q, p], foreach=False)
        for _ in range(5):
            p.grad, q.grad = library.tensor([0.5, -0.5]), library.tensor([1.0, 1.0])
            optimizer.step()
        found.append(np.concatenate([p.detach().numpy(), q.detach().numpy()]))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.002, "max_iter": 5},
        {"lr": 0.01, "history_size": 3},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "lr": 0.3, "history_size": 2},
        {"line_search_fn": "strong_wolfe", "max_eval": 7, "tolerance_change": 1e-3},
    ],
)
def test_lbfgs(options: dict[str, Any]) -> None:
    """Minimising a function of 12 numbers, and in the middle the state goes from one library to the other."""
    generator = np.random.default_rng(0)
    start = [generator.standard_normal(s) for s in ((3, 3), (), (2,))]
    curvature = np.diag(np.arange(1.0, 4.0))

    def setup(library: Any, arrays: list[np.ndarray]) -> tuple[Any, Callable[[], Any], list[Any]]:
        params = [library.tensor(a, requires_grad=True) for a in arrays]
        optimizer = library.optim.LBFGS(params, **options)

        def closure() -> Any:
            optimizer.zero_grad()
            a, b, c = params
            loss = ((library.tensor(curvature) @ a) ** 2).sum() + (b - 1) ** 4 + b * c.sum()
            loss = loss + 5 * (c**2 - 1).abs().sum()
            loss.backward()
            return loss

        return optimizer, closure, params

    ours, theirs = setup(mytorch, start), setup(torch, start)
    for _ in range(3):
        losses = [optimizer.step(closure).item() for optimizer, closure, _ in (ours, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    back = setup(mytorch, [p.detach().numpy() for p in theirs[2]])
    back[0].load_state_dict(theirs[0].state_dict())
    for _ in range(2):
        losses = [optimizer.step(closure).item() for optimizer, closure, _ in (back, theirs)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    key = theirs[2][0]
    assert back[0].state[back[2][0]]["func_evals"] == theirs[0].state[key]["func_evals"]


def test_line_search() -> None:
    """Wavy functions of one number, from short and from long first steps."""
    from torch.optim.lbfgs import _strong_wolfe

    from mytorch.optim.line_search import strong_wolfe

    generator = np.random.default_rng(0)
    for _ in range(300):
        a, b, c = generator.uniform(0.2, 3.0, 3)
        wave, first = generator.uniform(0, 0.6), float(10 ** generator.uniform(-3, 2))
        probes = int(generator.integers(1, 25))

        def at(t: float, a: float = a, b: float = b, c: float = c, wave: float = wave) -> tuple[float, np.ndarray]:
            value = a * abs(t - b) ** 1.5 + wave * np.sin(3 * c * t)
            slope = 1.5 * a * np.sign(t - b) * abs(t - b) ** 0.5 + 3 * c * wave * np.cos(3 * c * t)
            return float(value), np.array([slope])

        loss, grad = at(0.0)
        if grad[0] >= 0:
            continue
        ours = strong_wolfe(at, first, np.array([1.0]), loss, grad, grad[0], probes)
        theirs = _strong_wolfe(
            lambda x, t, d, at=at: (at(float(t))[0], torch.tensor(at(float(t))[1])),
            None,
            first,
            torch.ones(1, dtype=torch.float64),
            loss,
            torch.tensor(grad),
            torch.tensor(grad[0]),
            max_ls=probes,
        )
        assert ours[3] == theirs[3]
        np.testing.assert_allclose([ours[0], ours[1][0], ours[2]], [float(x) for x in theirs[:3]], rtol=1e-6)


@SCHEDULES
@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
def test_schedules(name: str, make: Callable[..., Any], steps: int, kind: str) -> None:
    ours = recorded.schedule(mytorch, make, steps, kind)
    np.testing.assert_allclose(ours, recorded.schedule(torch, make, steps, kind), rtol=1e-12, atol=1e-16)


@SCHEDULES
def test_states_of_schedules_have_the_same_keys(name: str, make: Callable[..., Any], steps: int) -> None:
    states = []
    for library in (mytorch, torch):
        parameters = [{"params": [library.ones(1, requires_grad=True)]} for _ in range(2)]
        optimizer = library.optim.SGD(parameters, lr=0.05, momentum=0.9)
        scheduler = make(library.optim.lr_scheduler, optimizer)
        for _ in range(3):
            optimizer.step()
            scheduler.step()
        states.append(scheduler.state_dict())
    ours, theirs = states
    assert ours.keys() == theirs.keys()
    assert ours["_last_lr"] == pytest.approx(theirs["_last_lr"], rel=1e-12)


@SCHEDULES
def test_schedules_and_optimizers_together(name: str, make: Callable[..., Any], steps: int) -> None:
    for kind, options in (("SGD", {"momentum": 0.9}), ("AdamW", {}), ("NAdam", {})):
        ours, theirs = pair(kind, {"lr": 0.01, **options})
        for library, optimizer in ((mytorch, ours), (torch, theirs)):
            scheduler = make(library.optim.lr_scheduler, optimizer)
            recorded.descend(library, optimizer, steps, recorded.grads(), lambda _, s=scheduler: s.step())
        for a, b in zip(params_of(ours), params_of(theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Detected call of")
def test_a_sequence_in_a_sequence() -> None:
    def nested(module: Any, optimizer: Any) -> Any:
        inner = module.SequentialLR(
            optimizer, [module.ConstantLR(optimizer, 0.5, 3), module.ExponentialLR(optimizer, 0.9)], milestones=[4]
        )
        return module.SequentialLR(optimizer, [inner, module.StepLR(optimizer, 3)], milestones=[9])

    ours = recorded.schedule(mytorch, nested, 20)
    np.testing.assert_allclose(ours, recorded.schedule(torch, nested, 20), rtol=1e-12)


def test_the_plateau() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        options = {
            "mode": str(generator.choice(["min", "max"])),
            "threshold_mode": str(generator.choice(["rel", "abs"])),
            "threshold": float(generator.choice([1e-4, 0.05, 0.3])),
            "factor": float(generator.uniform(0.1, 0.9)),
            "patience": int(generator.integers(0, 4)),
            "cooldown": int(generator.integers(0, 4)),
            "min_lr": float(generator.choice([0.0, 0.01])),
        }
        losses = generator.standard_normal(40).tolist()
        seen = []
        for library in (mytorch, torch):
            optimizer = library.optim.SGD([library.ones(1, requires_grad=True)], lr=0.1)
            scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
            rates = []
            for loss in losses:
                scheduler.step(loss)
                rates += scheduler.get_last_lr()
            seen.append((rates, scheduler.state_dict()))
        assert seen[0] == seen[1]


WRONG: tuple[tuple[str, Callable[[Any, Any], Any]], ...] = (
    ("no parameters", lambda m, p: m.optim.SGD([])),
    ("lr", lambda m, p: m.optim.SGD([p], lr=-1)),
    ("momentum", lambda m, p: m.optim.SGD([p], momentum=-1)),
    ("nesterov", lambda m, p: m.optim.SGD([p], nesterov=True)),
    ("betas", lambda m, p: m.optim.Adam([p], betas=(1.0, 0.9))),
    ("eps", lambda m, p: m.optim.Adam([p], eps=-1)),
    ("number", lambda m, p: m.optim.Adam([p, 1])),
    ("text", lambda m, p: m.optim.Adam("ab")),
    ("tensor", lambda m, p: m.optim.Adam(p)),
    ("set", lambda m, p: m.optim.Adam([{"params": {p}}])),
    ("not a leaf", lambda m, p: m.optim.Adam([p * 2])),
    ("two groups", lambda m, p: m.optim.Adam([{"params": p}, {"params": p}])),
    ("some names", lambda m, p: m.optim.Adam([("p", p), p])),
    ("group is a list", lambda m, p: m.optim.Adam([p]).add_param_group([p])),
    ("LBFGS groups", lambda m, p: m.optim.LBFGS([{"params": p}, {"params": m.ones(1)}])),
    ("groups differ", lambda m, p: m.optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []})),
    ("sizes differ", lambda m, p: m.optim.SGD([p]).load_state_dict({"state": {}, "param_groups": [{"params": []}]})),
    ("order of steps", lambda m, p: [m.optim.lr_scheduler.StepLR(m.optim.SGD([p]), 1).step()]),
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "action"), WRONG, ids=[c[0] for c in WRONG])
def test_errors_and_warnings(name: str, action: Callable[[Any, Any], Any]) -> None:
    messages = []
    for library in (mytorch, torch):
        parameter = library.ones(2, requires_grad=True)
        with pytest.raises((ValueError, TypeError, UserWarning)) as error:
            action(library, parameter)
        messages.append((type(error.value), str(error.value).replace("mytorch", "torch")))
    assert messages[0] == messages[1]
