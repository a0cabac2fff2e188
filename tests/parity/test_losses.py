"""Losses and activations against the live PyTorch: the recorded cases in both precisions, random shapes and layouts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_nn.py"
_SPEC = importlib.util.spec_from_file_location("record_nn", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

OURS, THEIRS = recorded.cases(mytorch), recorded.cases(torch)
PRECISION = {"float32": 2e-5, "float64": 1e-9}


def compare(ours, theirs, tolerance, name):
    __tracebackhide__ = True
    for position, expected in enumerate(theirs):
        if expected is None:
            continue
        found = ours[position] if position < len(ours) and ours[position] is not None else np.zeros_like(expected)
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), f"{name}/{position}"
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=f"{name}/{position}")


@pytest.mark.parametrize("name", OURS)
def test_recorded_cases(name):
    compare(OURS[name](), THEIRS[name](), 1e-8 if "hardsigmoid" in name else 1e-9, name)


@pytest.mark.parametrize("name", recorded.ACTIVATIONS)
def test_activations_in_float32(name):
    function = recorded.ACTIVATIONS[name]
    both = [
        recorded.derivatives(t, lambda x, t=t: function(t.nn.functional, x), (recorded.POINTS,), t.float32)
        for t in (mytorch, torch)
    ]
    compare(*both, PRECISION["float32"], name)
    edges = [recorded.at_edges(t, lambda x, t=t: function(t.nn.functional, x), t.float32) for t in (mytorch, torch)]
    compare(*edges, PRECISION["float32"], name)


@pytest.mark.parametrize("reduction", recorded.REDUCTIONS)
@pytest.mark.parametrize("name", recorded.LOSSES)
def test_losses_in_float32(name, reduction):
    function, arrays = recorded.LOSSES[name]
    both = [recorded.loss_case(t, name, function, arrays, reduction, t.float32) for t in (mytorch, torch)]
    compare(*both, 2e-4 if name.startswith(("bce", "triplet")) else PRECISION["float32"], name)


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("shape", [(64, 10), (7, 5, 4), (3, 6, 2, 5), (1, 1), (300, 2)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_cross_entropy_of_random_sizes(seed, shape, dtype):
    random = np.random.default_rng(seed)
    scores = (random.standard_normal(shape) * 4).astype(dtype)
    targets = random.integers(0, shape[1], shape[:1] + shape[2:])
    targets[random.uniform(size=targets.shape) < 0.2] = -100
    targets.flat[0] = 0
    weight = random.uniform(0.1, 2.0, shape[1]).astype(dtype)
    results = []
    for t in (mytorch, torch):
        x = t.from_numpy(scores.copy()).requires_grad_()
        loss = t.nn.functional.cross_entropy(x, t.from_numpy(targets), t.from_numpy(weight))
        loss.backward()
        results.append([loss.detach().numpy(), x.grad.numpy()])
    compare(*results, PRECISION[dtype], "cross_entropy")


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_differences_of_all_layouts(name, dtype):
    random = np.random.default_rng(0)
    a = random.standard_normal((6, 8)).astype(dtype)
    b = random.standard_normal((8, 6)).astype(dtype)
    for cut_x, cut_y in (
        (lambda x: x.t(), lambda y: y), (lambda x: x[::2, 1:], lambda y: y.t()[::2, 1:]),
        (lambda x: x[:, :1], lambda y: y[0]), (lambda x: x[1, 2], lambda y: y[2, 1]), (lambda x: x[1, 2], lambda y: y),
        (lambda x: x.reshape(2, 3, 8), lambda y: y.reshape(2, 3, 8)), (lambda x: x[:0], lambda y: y.t()[:0]),
    ):  # fmt: skip
        results = []
        for t in (mytorch, torch):
            x, y = t.from_numpy(a.copy()).requires_grad_(), t.from_numpy(b.copy()).requires_grad_()
            loss = getattr(t.nn.functional, name)(cut_x(x), cut_y(y))
            loss.backward()
            results.append([loss.detach().numpy(), x.grad.numpy(), y.grad.numpy()])
        compare(*results, PRECISION[dtype], name)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("dtype", PRECISION)
def test_softmax_of_all_shapes(name, dtype):
    random = np.random.default_rng(0)
    for shape in ((), (5,), (1, 1), (4, 7), (3, 4, 5), (2, 3, 4, 5), (0, 3), (3, 0)):
        for dim in range(-max(1, len(shape)), max(1, len(shape))):
            values = (random.standard_normal(shape) * 5).astype(dtype)
            factors = random.standard_normal(shape).astype(dtype)
            results = []
            for t in (mytorch, torch):
                x = t.tensor(values.tolist(), dtype=getattr(t, dtype)).reshape(shape).requires_grad_()
                out = getattr(t.nn.functional, name)(x, dim)
                (out * t.tensor(factors.tolist(), dtype=getattr(t, dtype)).reshape(shape)).sum().backward()
                results.append([out.detach().numpy(), x.grad.numpy()])
            compare(*results, PRECISION[dtype], f"{name} of {shape} over {dim}")


def test_gelu_error_function_in_float32():
    x = np.linspace(-8, 8, 4001, dtype=np.float32)
    ours = mytorch.nn.functional.gelu(mytorch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours, torch.nn.functional.gelu(torch.from_numpy(x)).numpy(), atol=2e-6, rtol=1e-5)
