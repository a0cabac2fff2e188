"""Activation functions without PyTorch: recorded values and derivatives, finite differences, shapes and types."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

import mytorch as torch
from mytorch.nn import functional as F

_PATH = Path(__file__).parents[1] / "golden" / "record_nn.py"
_SPEC = importlib.util.spec_from_file_location("record_nn", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

CASES = {
    name: run
    for name, run in recorded.cases(torch).items()
    if name.removesuffix(" at edges") in recorded.ACTIVATIONS or name in recorded.OVER_DIMS
}
FLOATS = (torch.float16, torch.float32, torch.float64)


@pytest.fixture(scope="module")
def golden():
    with np.load(recorded.ARRAYS) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives_are_pytorchs(golden, name):
    # PyTorch computes hardsigmoid's derivative with 1/6 as a float32
    tolerance = 1e-8 if name.startswith("hardsigmoid") else 1e-12
    found = CASES[name]()
    expected = {int(key.rpartition("/")[2]): value for key, value in golden.items() if key.rpartition("/")[0] == name}
    assert 0 in expected
    for position, value in expected.items():
        ours = found[position] if position < len(found) and found[position] is not None else np.zeros_like(value)
        assert ours.dtype == value.dtype
        np.testing.assert_allclose(ours, value, rtol=tolerance, atol=tolerance, err_msg=f"{name}/{position}")


def smooth_points(shape=(3, 4)):
    """Points away from the kinks of all activations."""
    values = np.linspace(-3.7, 3.9, int(np.prod(shape))).reshape(shape)
    return torch.tensor(values.tolist(), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", recorded.ACTIVATIONS)
def test_finite_differences(name):
    x = smooth_points()

    def function(x):
        return recorded.ACTIVATIONS[name](F, x)

    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)


@pytest.mark.parametrize("name", recorded.OVER_DIMS)
def test_finite_differences_over_dims(name):
    function, arrays = recorded.OVER_DIMS[name]
    if name.endswith("large"):
        pytest.skip("the softmax is a step there")
    inputs = [torch.tensor(a.tolist(), dtype=torch.float64, requires_grad=True) for a in arrays]
    assert torch.autograd.gradcheck(lambda *xs: function(F, *xs), inputs)
    assert torch.autograd.gradgradcheck(lambda *xs: function(F, *xs), inputs)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1,), (2, 3)], ids=str)
@pytest.mark.parametrize("name", recorded.ACTIVATIONS)
def test_shape_and_type_are_kept(name, shape, dtype):
    x = torch.ones(shape, dtype=dtype, requires_grad=True)
    out = recorded.ACTIVATIONS[name](F, x)
    assert (out.shape, out.dtype) == (x.shape, dtype)
    out.sum().backward()
    assert (x.grad.shape, x.grad.dtype) == (x.shape, dtype)


@pytest.mark.parametrize("name", recorded.ACTIVATIONS)
def test_layout_of_memory_does_not_matter(name):
    x = smooth_points((4, 6)).detach()
    out = recorded.ACTIVATIONS[name](F, x.t()[1:, ::2])
    assert out.tolist() == recorded.ACTIVATIONS[name](F, x.t()[1:, ::2].contiguous()).tolist()


@pytest.mark.parametrize("name", recorded.ACTIVATIONS)
def test_nan_stays(name):
    if name.startswith("threshold"):
        assert recorded.ACTIVATIONS[name](F, torch.tensor([float("nan")])).isnan().all()
    assert recorded.ACTIVATIONS[name](F, torch.tensor([float("nan"), 1.0])).isnan().tolist() == [True, False]


INPLACE = ("relu", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardtanh", "relu6", "hardsigmoid", "hardswish")


@pytest.mark.parametrize("name", INPLACE)
def test_in_place(name):
    function = getattr(F, name)
    leaf, other = smooth_points(), smooth_points()
    x = leaf * 1
    out = function(x, inplace=True)
    expected = function(other * 1)
    assert out is x
    assert out.tolist() == expected.tolist()
    out.sum().backward()
    expected.sum().backward()
    assert leaf.grad.tolist() == other.grad.tolist()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad is being used in an in-place operation"):
        function(leaf, inplace=True)


def test_a_kept_value_that_was_overwritten_is_refused():
    x = smooth_points()
    hidden = torch.tanh(x)
    F.relu(hidden, inplace=True)
    # tanh needs its result for the derivative, which relu has overwritten
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        hidden.sum().backward()


@pytest.mark.parametrize(
    "call",
    [
        F.leaky_relu,
        F.elu,
        F.gelu,
        F.silu,
        F.softplus,
        F.logsigmoid,
        lambda x: F.softmax(x, 0),
        lambda x: F.log_softmax(x, 0),
    ],
)
def test_integers_are_refused(call):
    with pytest.raises(RuntimeError, match="not implemented for 'Long'"):
        call(torch.tensor([1, 2]))


def test_softmax_dtype():
    x = torch.tensor([1, 2], dtype=torch.int32)
    assert F.softmax(x, 0, dtype=torch.float64).dtype == torch.float64
    assert F.softmax(x, 0, dtype=torch.float64).sum().item() == pytest.approx(1.0, abs=1e-15)
    y = torch.tensor([1.0, 2.0], dtype=torch.float16, requires_grad=True)
    F.log_softmax(y, 0, dtype=torch.float32)[0].backward()
    assert y.grad.dtype == torch.float16


def test_softmax_of_nothing_and_of_infinities():
    assert F.softmax(torch.zeros(0, 3), 0).shape == (0, 3)
    assert F.log_softmax(torch.zeros(3, 0), 1).shape == (3, 0)
    inf = float("inf")
    assert F.softmax(torch.tensor([-inf, 0.0]), 0).tolist() == [0.0, 1.0]
    assert F.log_softmax(torch.tensor([-inf, 0.0]), 0).tolist() == [-inf, 0.0]
    assert F.softmax(torch.tensor([-inf, -inf]), 0).isnan().all()


def test_softmax_derivative_is_not_spoilt_by_what_it_kept():
    x = smooth_points((2, 3))
    out = F.softmax(x, 1)
    first = torch.autograd.grad(out[0, 0], x, retain_graph=True)[0].tolist()
    assert torch.autograd.grad(out[0, 0], x)[0].tolist() == first


def test_gelu_is_near_exact_in_float32():
    x = torch.linspace(-5, 5, 1001)
    exact = F.gelu(x.double())
    assert (F.gelu(x).double() - exact).abs().max().item() < 1e-6  # PyTorch has 1.1e-6


def test_names_of_nodes():
    x = smooth_points()
    names = {
        "LeakyReluBackward0": F.leaky_relu(x), "EluBackward0": F.elu(x), "HardtanhBackward0": F.relu6(x),
        "GeluBackward0": F.gelu(x, approximate="tanh"), "SoftmaxBackward0": F.softmax(x, 0),
        "LogSoftmaxBackward0": F.log_softmax(x, 0), "LogSigmoidBackward0": F.logsigmoid(x),
        "PreluKernelBackward0": F.prelu(x, torch.ones(1, dtype=torch.float64)),
    }  # fmt: skip
    assert {name: out.grad_fn.name() for name, out in names.items()} == {name: name for name in names}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.prelu(torch.zeros(1), torch.zeros(1, 1)),
            RuntimeError,
            "Expected `weight` to be a scalar or 1D tensor",
        ),
        (lambda: F.prelu(torch.tensor(1.0), torch.zeros(2)), RuntimeError, "Not allow zero-dim input tensor"),
        (lambda: F.hardtanh(torch.zeros(1), 2.0, 1.0), ValueError, "min_val cannot be greater than max_val"),
        (lambda: F.celu(torch.zeros(1), alpha=0.0), RuntimeError, "alpha cannot be 0 for CELU"),
        (lambda: F.glu(torch.tensor(1.0)), RuntimeError, "glu does not support 0-dimensional tensors"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("shape", [(3, 5), (300, 7), (5, 300), (2, 3, 4)])
@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 1000), (-500, 1), (1e4, 3)])
def test_softmax_of_small_and_of_large_numbers(shape, offset, size):
    """Rows are shifted where exponentials could overflow or vanish, and the rest is the same."""
    x = np.random.default_rng(0).standard_normal(shape) * size + offset
    e = np.exp(x - x.max(-1, keepdims=True))
    expected = e / e.sum(-1, keepdims=True)
    np.testing.assert_allclose(F.softmax(torch.from_numpy(x), -1).numpy(), expected, rtol=1e-10, atol=1e-300)
    logs = x - x.max(-1, keepdims=True) - np.log(e.sum(-1, keepdims=True))
    np.testing.assert_allclose(F.log_softmax(torch.from_numpy(x), -1).numpy(), logs, rtol=1e-10, atol=1e-12)
    target = np.arange(x.shape[1]) % shape[1] if len(shape) == 3 else np.arange(len(x)) % shape[1]
    if len(shape) == 2:
        loss = F.cross_entropy(torch.from_numpy(x), torch.from_numpy(target)).item()
        assert loss == pytest.approx(-logs[np.arange(len(x)), target].mean(), rel=1e-10)


@pytest.mark.parametrize("row", [[math.inf, 0.0], [-math.inf, 0.0], [-math.inf, -math.inf], [math.nan, 0.0]])
def test_softmax_of_infinities(row):
    expected = {"inf": [math.nan] * 2, "-inf": [0.0, 1.0], "nan": [math.nan] * 2}[str(row[0])]
    expected = [math.nan] * 2 if row == [-math.inf, -math.inf] else expected
    found = F.softmax(torch.tensor([row, [0.0, 0.0]]), 1).tolist()
    np.testing.assert_array_equal(found, [expected, [0.5, 0.5]])


@pytest.mark.parametrize("name", ["gelu", "silu", "erf"])
def test_float32_near_float64_for_all_sizes(name):
    function = torch.erf if name == "erf" else getattr(F, name)
    x = np.concatenate([s * np.logspace(-20, 3, 4000) for s in (1, -1)])
    found, exact = (function(torch.from_numpy(x.astype(t))).double().numpy() for t in (np.float32, np.float64))
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-6)
    ends = function(torch.tensor([math.inf, math.nan, 0.0])).tolist()
    assert ends[0] == (1.0 if name == "erf" else math.inf)
    assert math.isnan(ends[1])
    assert ends[2] == 0


def test_large_activations_are_computed_in_blocks():
    """More numbers than a block holds, in an order of memory of their own."""
    x = np.random.default_rng(0).standard_normal((50, 40, 60)).astype(np.float32)
    for name in ("gelu", "silu"):
        a, b = (torch.from_numpy(v).requires_grad_() for v in (x, np.ascontiguousarray(x.T).T))
        for part in (a, b):
            getattr(F, name)(part).sum().backward()
        np.testing.assert_allclose(
            getattr(F, name)(b).detach().numpy(), getattr(F, name)(a).detach().numpy(), rtol=1e-6
        )
        np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("function", [F.leaky_relu, F.elu, F.celu, F.hardtanh, F.softplus, F.softshrink, F.threshold])
def test_a_number_of_numpys_does_not_make_float64_of_float32(function):
    x = torch.linspace(-2, 2, 9)
    numbers = (0.5, 1.0) if function in (F.hardtanh, F.threshold) else (0.5,)
    found = function(x, *(np.float64(n) for n in numbers))
    assert found.dtype == torch.float32
    assert found.tolist() == function(x, *numbers).tolist()


def test_gelu_of_nearly_the_largest_number_is_that_number():
    assert F.gelu(torch.tensor([3e38, -3e38]), approximate="tanh").tolist() == torch.tensor([3e38, 0.0]).tolist()
