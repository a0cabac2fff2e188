"""Normalization without PyTorch: recorded results and derivatives in every layout of memory, and the edges."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.autograd.application import apply, wrap
from mytorch.autograd.primitive import TABLE
from mytorch.nn import functional as F

_SPEC = importlib.util.spec_from_file_location(
    "record_normalization", Path(__file__).parents[1] / "golden" / "record_normalization.py"
)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


def channels_last(x):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


def gaps(x):
    return np.repeat(x, 2, axis=-1)[..., ::2]


LAYOUTS = {"in order": np.array, "channels last": channels_last, "reversed": np.asfortranarray, "gaps": gaps}


@pytest.fixture(scope="module")
def golden():
    with np.load(recorded.ARRAYS) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", recorded.CASES)
def test_values_and_derivatives_are_pytorchs(golden, name, layout):
    found = recorded.derivatives(mytorch, recorded.CASES[name], arrange=LAYOUTS[layout])
    assert len(found) == sum(key.rpartition("/")[0] == name for key in golden)
    for position, ours in enumerate(found):
        theirs = golden[f"{name}/{position}"]
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11, err_msg=f"{name}/{position}")


@pytest.mark.parametrize("name", recorded.CASES)
def test_float32_throughout(golden, name):
    found = recorded.derivatives(mytorch, recorded.CASES[name], "float32")
    for position, ours in enumerate(found):
        theirs = golden[f"{name}/{position}"]
        assert ours.dtype == np.float32 or not theirs.any()
        np.testing.assert_allclose(
            ours, theirs, rtol=3e-4, atol=3e-4 * max(1, abs(theirs).max()), err_msg=f"{position}"
        )


FUSED = ("batch_norm", "batch_norm_fixed", "instance_norm", "group_norm", "layer_norm", "rms_norm")


@pytest.mark.parametrize("name", FUSED)
def test_both_ways_to_a_gradient_agree(name, table_samples):
    """From what the forward pass kept, and from the inputs alone."""
    for sample in table_samples[name]:
        inputs = [v if v is None else wrap(v.copy()).requires_grad_() for v in sample.inputs]
        given = [v for v in inputs if v is not None]
        out = apply(TABLE[name], *inputs, **sample.options)
        g = wrap(recorded.wave(out.array, 1.0))
        kept = mytorch.autograd.grad(out, given, g, retain_graph=True)
        anew = mytorch.autograd.grad(out, given, g, create_graph=True)
        for a, b in zip(kept, anew, strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(64, 3, 5, 7), (12, 40, 4), (37, 6), (256, 300), (3, 4, 2, 2, 2)])
@pytest.mark.parametrize("layout", ["in order", "channels last"])
def test_larger_sizes_are_right_however_the_rows_are_put_together(shape, layout):
    x = np.random.default_rng(0).standard_normal(shape) * 3 + 20
    over = (0, *range(2, x.ndim))
    expected = (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + 1e-5)
    found = F.batch_norm(mytorch.from_numpy(LAYOUTS[layout](x)), None, None, training=True).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    single = F.batch_norm(mytorch.from_numpy(LAYOUTS[layout](x.astype(np.float32))), None, None, training=True).numpy()
    np.testing.assert_allclose(single, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.batch_norm(x, mytorch.zeros(4), mytorch.ones(4)),
        lambda x: F.instance_norm(x),
        lambda x: F.group_norm(x, 2),
    ],
)
def test_results_and_gradients_keep_the_order_of_memory(function):
    for layout in ("in order", "channels last"):
        x = mytorch.from_numpy(LAYOUTS[layout](np.ones((2, 4, 3, 3), np.float32))).requires_grad_()
        out = function(x)
        out.sum().backward()
        assert out.array.strides == x.array.strides == x.grad.array.strides


@pytest.mark.parametrize("shape", [(0, 4), (0, 4, 2), (2, 4, 0)])
def test_empty_inputs_leave_the_statistics_alone(shape):
    x = mytorch.zeros(shape, requires_grad=True)
    w, mean, variance = mytorch.ones(4, requires_grad=True), mytorch.zeros(4), mytorch.ones(4)
    F.batch_norm(x, mean, variance, w, training=True).sum().backward()
    assert w.grad.tolist() == mean.tolist() == [0.0] * 4
    assert variance.tolist() == [1.0] * 4
    assert x.grad.shape == shape
    assert F.group_norm(x, 2, w).shape == shape
    assert F.layer_norm(x, shape[1:]).shape == shape
    assert F.local_response_norm(mytorch.zeros(2, 0, 3), 2).shape == (2, 0, 3)


def test_half_precision_is_computed_in_single():
    x = (np.arange(600.0).reshape(2, 300) + 1000).astype(np.float16)
    for function in (lambda x: F.layer_norm(x, (300,)), lambda x: F.rms_norm(x, (300,)), lambda x: F.group_norm(x, 3)):
        half = mytorch.from_numpy(x).requires_grad_()
        out = function(half)
        assert out.dtype == mytorch.float16
        expected = function(mytorch.from_numpy(x.astype(np.float32))).numpy()
        np.testing.assert_allclose(out.detach().numpy(), expected, rtol=2e-3, atol=1e-3)
        out.sum().backward()
        assert half.grad.dtype == mytorch.float16
    mean, variance = mytorch.zeros(300, dtype=mytorch.float16), mytorch.ones(300)
    assert F.batch_norm(mytorch.from_numpy(x), mean, variance, training=True).dtype == mytorch.float16
    assert (mean.dtype, variance.dtype) == (mytorch.float16, mytorch.float32)


def test_statistics_are_written_in_place_and_counted_as_a_change():
    mean, variance = mytorch.zeros(2), mytorch.ones(2)
    held = mean.array
    F.batch_norm(mytorch.tensor([[1.0, 2.0], [3.0, 6.0]]), mean, variance, training=True, momentum=0.5)
    assert mean.array is held
    assert mean.tolist() == [1.0, 2.0]
    assert variance.tolist() == [1.5, 4.5]
    assert mean.counter()[0] == 1


def test_evaluation_is_not_disturbed_by_later_changes_of_the_statistics():
    x = mytorch.ones(2, 1, dtype=mytorch.float64, requires_grad=True)
    mean, variance = mytorch.zeros(1, dtype=mytorch.float64), mytorch.ones(1, dtype=mytorch.float64)
    out = F.batch_norm(x, mean, variance, eps=3.0)
    variance.fill_(100)
    (g,) = mytorch.autograd.grad(out.sum(), x, create_graph=True)
    assert g.tolist() == [[0.5], [0.5]]


def test_the_input_must_not_be_overwritten_before_the_backward_pass():
    x = mytorch.tensor([[1.0], [3.0]], requires_grad=True) * 1
    out = F.batch_norm(x, None, None, training=True)
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_local_response_norm_needs_channels_and_a_size():
    with pytest.raises(ValueError, match=r"Expected 3D or higher dimensionality input \(got 2 dimensions\)"):
        F.local_response_norm(mytorch.zeros(2, 3), 2)
    with pytest.raises(RuntimeError, match="kernel size should be greater than zero"):
        F.local_response_norm(mytorch.zeros(2, 3, 4), 0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, eps: F.batch_norm(x, None, None, w, training=True, eps=eps),
        lambda x, w, eps: F.batch_norm(x, mytorch.zeros(4), mytorch.ones(4), w, eps=eps),
        lambda x, w, eps: F.group_norm(x, 2, w, eps=eps),
        lambda x, w, eps: F.instance_norm(x, None, None, w, eps=eps),
        lambda x, w, eps: F.layer_norm(x.transpose(1, 2), (4,), w, eps=eps),
        lambda x, w, eps: F.rms_norm(x.transpose(1, 2), (4,), w, eps=eps),
    ],
)
def test_an_eps_of_numpys_does_not_make_float64_of_float32(function):
    gradients = []
    for eps in (1e-3, np.float64(1e-3)):
        x, w = mytorch.arange(24.0).reshape(2, 4, 3).requires_grad_(), mytorch.ones(4, requires_grad=True)
        out = function(x, w, eps)
        (out * out * mytorch.arange(24.0).reshape(out.shape)).sum().backward()
        assert {out.dtype, x.grad.dtype, w.grad.dtype} == {mytorch.float32}
        gradients.append((out.tolist(), x.grad.tolist(), w.grad.tolist()))
    assert gradients[0] == gradients[1]


def test_batch_norm_of_no_channels():
    x = mytorch.zeros(2, 0, 3, requires_grad=True)
    out = F.batch_norm(x, None, None, training=True)
    out.sum().backward()
    assert out.shape == x.grad.shape == (2, 0, 3)
