"""Modules against the live PyTorch: texts, seeds, states that move both ways, and training to the same losses."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_nn.py"
_SPEC = importlib.util.spec_from_file_location("record_nn", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

SEEDS = (*recorded.SEEDS, 2, 3, 12345, 2**40 + 1)
BOTH = (mytorch, torch)


@pytest.mark.parametrize("layer", recorded.LAYERS)
def test_texts_and_states(layer):
    ours, theirs = (recorded.build(t, layer) for t in BOTH)
    assert repr(ours) == repr(theirs)
    assert recorded._state(ours) == recorded._state(theirs)


@pytest.mark.parametrize("name", recorded.ERRORS)
def test_errors(name):
    assert recorded.error_of(mytorch, name) == recorded.error_of(torch, name)


@pytest.mark.parametrize("name", recorded.WARNINGS)
def test_warnings(name):
    assert recorded.warning_of(mytorch, name) == recorded.warning_of(torch, name)


@pytest.mark.parametrize("name", recorded.RANDOM)
def test_draws(name):
    for seed in SEEDS:
        found = []
        for t in BOTH:
            t.manual_seed(seed)
            found.append(recorded.numpy(recorded.RANDOM[name](t)))
        assert (found[0].shape, found[0].dtype) == (found[1].shape, found[1].dtype)
        np.testing.assert_allclose(*found, rtol=3e-6, atol=3e-6, err_msg=f"{name}, seed {seed}")


def _modules(t):
    return {
        name: c
        for name, c in vars(t.nn).items()
        if isinstance(c, type) and issubclass(c, t.nn.Module) and not name.startswith("_")
    }


def _plain(default):
    """A default; of a function its name, which stands for it here."""
    return default.__name__ if inspect.isfunction(default) else default


def test_constructors_have_pytorchs_arguments():
    for name, ours in _modules(mytorch).items():
        theirs = inspect.signature(_modules(torch)[name].__init__).parameters
        if set(theirs) == {"self", "args", "kwargs"}:  # RNN, LSTM, GRU hand them on: their tests call them in all ways
            continue
        for argument, parameter in inspect.signature(ours.__init__).parameters.items():
            assert argument in theirs, f"{name} has no argument {argument!r}"
            assert _plain(parameter.default) == _plain(theirs[argument].default), f"{name}: {argument}"
            assert parameter.kind == theirs[argument].kind, f"{name}: {argument}"
        required = {a for a, p in theirs.items() if p.default is p.empty and p.kind == p.POSITIONAL_OR_KEYWORD}
        assert required <= set(inspect.signature(ours.__init__).parameters) | {"args", "kwargs"}


def test_functions_have_pytorchs_arguments():
    F = mytorch.nn.functional
    for name, ours in vars(F).items():
        if name.startswith("_") or not inspect.isfunction(ours):
            continue
        try:
            theirs = inspect.signature(getattr(torch.nn.functional, name)).parameters
        except ValueError:  # written in C++
            continue
        if set(theirs) == {"args", "kwargs"}:  # a dispatcher: its own arguments are not in its signature
            continue
        parameters = dict(inspect.signature(ours).parameters)
        if "out" not in theirs:  # of the function of that name in torch itself
            parameters.pop("out", None)
        for argument, parameter in parameters.items():
            assert argument in theirs, f"{name} has no argument {argument!r}"
            assert parameter.default == theirs[argument].default, f"{name}: {argument}"
            assert list(parameters) == list(theirs)[: len(parameters)]


def model(t, dtype="float32"):
    t.manual_seed(7)
    nn = t.nn
    return nn.Sequential(
        nn.Linear(5, 16), nn.ReLU(), nn.Dropout(0.25), nn.Linear(16, 16), nn.GELU(),
        nn.Linear(16, 16, bias=False), nn.PReLU(), nn.Linear(16, 3),
    ).to(getattr(t, dtype))  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_by_hand_gives_the_same_losses(dtype):
    random = np.random.default_rng(0)
    inputs, targets = random.standard_normal((40, 5)).astype(dtype), random.integers(0, 3, 40)
    curves, norms = [], []
    for t in BOTH:
        net = model(t, dtype)
        losses, sizes = [], []
        for _ in range(60):
            net.zero_grad()
            loss = t.nn.CrossEntropyLoss(label_smoothing=0.05)(net(t.from_numpy(inputs)), t.from_numpy(targets))
            loss.backward()
            sizes.append(t.nn.utils.clip_grad_norm_(net.parameters(), 0.5).item())
            with t.no_grad():
                for p in net.parameters():
                    p -= 0.3 * p.grad
            losses.append(loss.item())
        curves.append(losses)
        norms.append(sizes)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(*curves, rtol=tolerance)
    np.testing.assert_allclose(*norms, rtol=10 * tolerance)
    assert curves[0][-1] < curves[0][0] - 0.03


def test_states_move_both_ways():
    ours, theirs = model(mytorch), model(torch)
    for p in theirs.parameters():
        torch.nn.init.normal_(p)
    ours.load_state_dict({k: mytorch.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(1).standard_normal((4, 5)).astype(np.float32)
    out = ours.eval()(mytorch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(out, theirs.eval()(torch.from_numpy(x)).detach().numpy(), rtol=1e-5, atol=1e-6)
    for p in ours.parameters():
        mytorch.nn.init.normal_(p)
    theirs.load_state_dict({k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()})
    out = ours(mytorch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(out, theirs(torch.from_numpy(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


def _hook_story(t):
    """What hooks see of a small model, in order."""
    t.manual_seed(0)
    net = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Tanh(), t.nn.Linear(2, 1))
    told = []

    def rounded(values):
        return [None if v is None else np.round(v.detach().numpy(), 5).tolist() for v in values]

    for name, module in net.named_modules():
        module.register_forward_pre_hook(lambda m, args, n=name: told.append(("pre", n, rounded(args))))
        module.register_forward_hook(lambda m, args, out, n=name: told.append(("forward", n, rounded([out]))))
        module.register_full_backward_pre_hook(lambda m, gout, n=name: told.append(("back pre", n, rounded(gout))))
        module.register_full_backward_hook(
            lambda m, gin, gout, n=name: told.append(("back", n, rounded(gin), rounded(gout)))
        )
    for needed in (True, False):
        net(t.ones(3, 2, requires_grad=needed)).sum().backward()
    return told


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_hooks_see_the_same():
    assert _hook_story(mytorch) == _hook_story(torch)


def _double_backward(t):
    seen = []
    layer = t.nn.Tanh()
    layer.register_full_backward_hook(lambda m, gin, gout: seen.append(gin[0].item()) or (gin[0] * 2,))
    x = t.tensor([0.3], dtype=t.float64, requires_grad=True)
    (first,) = t.autograd.grad(layer(x).sum(), x, create_graph=True)
    (second,) = t.autograd.grad(first.sum(), x)
    return [first.item(), second.item(), *seen]


def test_hooks_and_second_derivatives():
    np.testing.assert_allclose(_double_backward(mytorch), _double_backward(torch), rtol=1e-12)


@pytest.mark.parametrize("norm_type", [0.5, 1, 2, 3, float("inf")])
def test_clip_grad_norm(norm_type):
    random = np.random.default_rng(0)
    gradients = [random.standard_normal(s).astype(np.float32) for s in [(3,), (2, 5), (), (0,)]][
        : 3 if norm_type == float("inf") else 4
    ]
    found = []
    for t in BOTH:
        ps = [t.zeros(g.shape, requires_grad=True) for g in gradients]
        for p, g in zip(ps, gradients, strict=True):
            p.grad = t.from_numpy(g.copy())
        norm = t.nn.utils.clip_grad_norm_(ps, 0.7, norm_type)
        found.append([norm.numpy(), *(p.grad.numpy() for p in ps)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        assert ours.dtype == theirs.dtype


def test_names_of_nodes():
    for name, function in recorded.ACTIVATIONS.items():
        names = [function(t.nn.functional, t.ones(2, 2, requires_grad=True)).grad_fn.name() for t in BOTH]
        if not name.startswith("celu"):  # celu is an elu with other constants here
            assert names[0] == names[1], name
