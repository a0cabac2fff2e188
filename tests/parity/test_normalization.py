"""Normalization against the live PyTorch: the recorded cases in every type and layout, random sizes, and training."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import mytorch

_SPEC = importlib.util.spec_from_file_location(
    "record_normalization", Path(__file__).parents[1] / "golden" / "record_normalization.py"
)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

BOTH = (mytorch, torch)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


@pytest.mark.parametrize("layout", [np.array, channels_last], ids=["in_order", "channels_last"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
@pytest.mark.parametrize("name", recorded.CASES)
def test_values_and_derivatives(name, dtype, tolerance, layout):
    ours, theirs = (recorded.derivatives(t, recorded.CASES[name], dtype, layout) for t in BOTH)
    for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype) or not b.any()
        scale = max(1, abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=f"{name}/{position}")


@pytest.mark.parametrize("layer", recorded.LAYERS)
def test_texts_and_states(layer):
    ours, theirs = (recorded.build(t, layer) for t in BOTH)
    assert repr(ours) == repr(theirs)
    assert recorded.state_of(ours) == recorded.state_of(theirs)


@pytest.mark.parametrize("text", recorded.ERRORS)
def test_errors(text):
    assert recorded.error_of(mytorch, text) == recorded.error_of(torch, text)


@pytest.mark.parametrize("text", recorded.WARNINGS)
def test_warnings(text):
    assert recorded.warnings_of(mytorch, text) == recorded.warnings_of(torch, text)


@pytest.mark.parametrize("name", recorded.STORIES)
def test_statistics_over_several_batches(name):
    ours, theirs = (recorded.story(t, name) for t in BOTH)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, rtol=1e-9, atol=1e-11, err_msg=key)


def _results(t, arrays, groups):
    """Results, gradients and statistics of batch, group, instance and layer norm."""
    F, found = t.nn.functional, []
    x, g, w, b = arrays
    c = x.shape[1]
    for name in ("batch", "group", "instance", "layer"):
        X, W, B = (t.from_numpy(a.copy(order="K")).requires_grad_() for a in (x, w, b))
        mean, variance = t.zeros(c, dtype=X.dtype), t.ones(c, dtype=X.dtype)
        if name == "batch":
            out = F.batch_norm(X, mean, variance, W, B, True)
        elif name == "group" and x.size > groups * x.shape[0]:
            out = F.group_norm(X, groups, W, B)
        elif name == "instance" and np.prod(x.shape[2:]) > 1:
            out = F.instance_norm(X, mean, variance, W, B)
        elif name == "layer":
            out = F.layer_norm(X, x.shape[1:])
        else:
            continue
        out.backward(t.from_numpy(g))
        found += [out.detach(), X.grad, mean, variance, *([] if name == "layer" else [W.grad, B.grad])]
    return [np.array(v.numpy(), np.float64) for v in found]


@pytest.mark.parametrize("seed", range(40))
def test_float32_is_as_exact_as_pytorchs(seed):
    """Both against PyTorch in float64, for random sizes, offsets and layouts."""
    random = np.random.default_rng(seed)
    c = int(random.choice([1, 2, 4, 6, 12, 64]))
    shape = (int(random.integers(2, 70)), c, *random.integers(1, 9, random.integers(0, 4)).tolist())
    x = (random.standard_normal(shape) * 2 + random.integers(-5, 6)).astype(np.float32)
    g, w, b = (random.standard_normal(s).astype(np.float32) for s in (shape, c, c))
    x, g = (channels_last(a) if random.integers(2) else a for a in (x, g))
    groups = int(random.choice([n for n in (1, 2, 3, 4, c) if c % n == 0]))
    arrays = x, g, w, b
    truth = _results(torch, [a.astype(np.float64) for a in arrays], groups)
    for ours, theirs, exact in zip(*(_results(t, arrays, groups) for t in BOTH), truth, strict=True):
        scale = abs(exact).max(initial=1e-3)
        assert abs(ours - exact).max() <= 4 * abs(theirs - exact).max() + 3e-6 * scale


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_gives_the_same_losses_and_statistics(dtype):
    random = np.random.default_rng(0)
    inputs, targets = random.standard_normal((48, 3, 6, 6)).astype(dtype), random.integers(0, 3, 48)
    curves, states = [], []
    for t in BOTH:
        nn = t.nn
        t.manual_seed(3)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 2), nn.GroupNorm(2, 8), nn.ReLU(),
            nn.InstanceNorm2d(8, affine=True), nn.Flatten(), nn.Linear(72, 16), nn.BatchNorm1d(16, momentum=None),
            nn.LayerNorm(16), nn.Tanh(), nn.RMSNorm(16), nn.Linear(16, 3),
        ).to(getattr(t, dtype))  # fmt: skip
        optimizer, losses = t.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), []
        for step in range(12):
            part = slice(step % 3 * 16, step % 3 * 16 + 16)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(t.from_numpy(inputs[part])), t.from_numpy(targets[part]))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        net.eval()
        with t.no_grad():
            losses.append(nn.functional.cross_entropy(net(t.from_numpy(inputs)), t.from_numpy(targets)).item())
        curves.append(losses)
        states.append({k: np.array(v.numpy()) for k, v in net.state_dict().items()})
    tolerance = 5e-3 if dtype == "float32" else 1e-8
    np.testing.assert_allclose(*curves, rtol=tolerance)
    assert states[0].keys() == states[1].keys()
    for key, value in states[1].items():
        np.testing.assert_allclose(states[0][key], value, rtol=tolerance, atol=tolerance, err_msg=key)


def test_names_of_nodes():
    for name in (
        "batch images",
        "batch images evaluated",
        "group images",
        "layer",
        "rms",
        "local response",
        "normalize",
    ):
        function, arrays = recorded.CASES[name]
        names = [function(t, *[t.from_numpy(a).requires_grad_() for a in arrays]).grad_fn.name() for t in BOTH]
        assert names[0] == names[1], name
