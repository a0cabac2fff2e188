"""The table of primitives: every derivative of every entry, of first and second order, against finite differences.

Samples lie in tests/ops/samples; conftest.py says how to add one.
"""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest

import mytorch
from mytorch.autograd.application import apply, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import TABLE


def is_float(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def spread(array):
    """The same values in memory with gaps, in reverse order of dimensions."""
    if not array.ndim or not array.size:
        return array
    wide = np.zeros((*array.shape[::-1], 2), array.dtype)
    wide[..., 0] = array.T
    return wide[..., 0].T


def tensors(sample, needs, dtype=np.float64, layout=np.array):
    made = []
    for value, need in zip(sample.inputs, needs, strict=True):
        if isinstance(value, np.ndarray):
            value = wrap(layout(value.astype(dtype) if is_float(value) else value))
            value.requires_grad = need
        made.append(value)
    return made


def differentiable(primitive, sample):
    """Which inputs have a derivative: float arrays with a vjp."""
    return [
        is_float(value) and (primitive.joint is not None or primitive.vjps[min(i, len(primitive.vjps) - 1)] is not None)
        for i, value in enumerate(sample.inputs)
    ]


def choices(primitive, sample):
    """Each input alone and all together, as what one derivative needs depends on which others are wanted."""
    able = differentiable(primitive, sample)
    single = [[i == j for i in range(len(able))] for j in range(len(able)) if able[j]]
    return [*single, able] if len(single) > 1 else single


def results(primitive, sample, inputs):
    out = apply(primitive, *inputs, **sample.options)
    outs = out if isinstance(out, tuple) else (out,)
    return tuple(o for o in outs if o.requires_grad)


def test_every_entry_with_a_derivative_has_samples(entry, table_samples):
    if not table_samples.get(entry.name):
        pytest.fail(f"{entry} has no samples: add some in tests/ops/samples (see tests/ops/conftest.py)", pytrace=False)


def test_no_samples_for_entries_that_do_not_exist(table_samples):
    assert set(table_samples) <= set(TABLE)


def test_derivatives(entry_sample):
    primitive, sample = entry_sample
    assert any(differentiable(primitive, sample)), "the sample has no input with a derivative"
    for needs, layout in itertools.product(choices(primitive, sample), (np.array, spread)):
        inputs = tensors(sample, needs, layout=layout)
        at = [i for i, need in enumerate(needs) if need]

        def function(*values, inputs=inputs, at=at):
            given = list(inputs)
            for i, value in zip(at, values, strict=True):
                given[i] = value
            return results(primitive, sample, given)

        chosen = tuple(inputs[i] for i in at)
        assert function(*chosen), "the result does not require grad"
        mytorch.autograd.gradcheck(function, chosen, atol=1e-6, rtol=1e-5)
        mytorch.autograd.gradgradcheck(function, chosen, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_have_the_inputs_shape_and_type(entry_sample, dtype):
    primitive, sample = entry_sample
    needs = differentiable(primitive, sample)
    inputs = tensors(sample, needs, dtype)
    outs = results(primitive, sample, inputs)
    for out in outs:
        assert out.array.dtype == sample.options.get("dtype", dtype)
        assert type(out.array) is np.ndarray
    gradients = mytorch.autograd.grad(
        outs, [x for x, need in zip(inputs, needs, strict=True) if need], [wrap(np.ones_like(o.array)) for o in outs],
        allow_unused=True,
    )  # fmt: skip
    for x, g in zip([x for x, need in zip(inputs, needs, strict=True) if need], gradients, strict=True):
        assert g is None or (isinstance(g, DifferentiableArray) and g.array.shape == x.array.shape)
        assert g is None or g.array.dtype == sample.options.get("back", dtype)


def test_what_is_kept_is_declared_by_the_vjps_names():
    assert TABLE["add"].keeps == ((False, False), (False, False))
    assert TABLE["mul"].keeps == ((False, True), (True, False))
    assert TABLE["exp"].keeps_out == (True,)
    assert TABLE["exp"].keeps == ((False,),)


def test_a_name_stands_for_one_entry():
    with pytest.raises(ValueError, match="has an entry 'exp' already"):
        type(TABLE["exp"])("exp", "exp")


def test_every_entry_is_made_in_the_ops_room():
    """An entry elsewhere would escape `samples`, which imports that room and nn."""
    rooms = {sys.modules[f.__module__].__name__ for p in TABLE.values() for f in p.vjps if f is not None}
    assert {room.rpartition(".")[0] for room in rooms} == {"mytorch.ops"}
