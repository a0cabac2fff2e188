"""Every operation against the live PyTorch: values, gradients, second gradients, shapes and types.

The expressions are those of tests/golden/record_ops.py. Here they run in float64 and float32; whole tables of element
types, indices and errors follow in test_promotion.py, test_indexing.py and test_errors.py.
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_ops.py"
_SPEC = importlib.util.spec_from_file_location("record_ops", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's own

TOLERANCE = {"float64": 1e-11, "float32": 2e-5}


def both(expression, dtype):
    """For our library and for PyTorch: the inputs and the results."""
    runs = []
    for library in (mytorch, torch):
        given = recorded.inputs(library, expression, dtype)
        runs.append((library, given, recorded.evaluate(library, expression, given)))
    return runs


# With a NaN and two zeros among the factors, PyTorch's gradient is 0 for all of them.
NAN_GRADIENTS = {"f.prod()"}


def assert_same(ours, theirs, dtype, what):
    assert str(ours.dtype) == str(theirs.dtype), what
    assert tuple(ours.shape) == tuple(theirs.shape), what
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("expression", recorded.EXPRESSIONS)
def test_values_and_first_gradients(expression, dtype):
    (_, given, ours), (_, their_given, theirs) = both(expression, dtype)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert_same(mine, other, dtype, "value")
        assert mine.requires_grad == other.requires_grad
        assert mine.is_leaf == other.is_leaf
    mine = recorded.gradients(mytorch, ours, given)
    other = recorded.gradients(torch, theirs, their_given)
    assert [g is None for g in mine] == [g is None for g in other], "which inputs have gradients"
    for name, a, b in zip(given, mine, other, strict=False):
        if a is not None and expression not in NAN_GRADIENTS:
            assert_same(a, b, dtype, f"gradient of {name}")


# PyTorch's second derivative of these is not the derivative of its first.
ODD_SECOND = re.compile(
    r"\bf\b|\.(norm|std|amax|amin|max|min|var)\(.*(float\('inf'\)|correction=5)|0 \*\* p|o \*\* o|s.var|o \* 0"
)


@pytest.mark.parametrize("expression", [e for e in recorded.EXPRESSIONS if not ODD_SECOND.search(e)])
def test_second_gradients(expression):
    seconds = []
    for library, given, results in both(expression, "float64"):
        first = [
            g
            for g in recorded.gradients(library, results, given, create_graph=True)
            if g is not None and g.requires_grad
        ]
        seconds.append(recorded.gradients(library, first, given))
    for a, b in zip(
        *[[np.zeros(()) if g is None else g.detach().numpy(force=True) for g in s] for s in seconds], strict=False
    ):
        np.testing.assert_allclose(*np.broadcast_arrays(a, b), rtol=1e-9, atol=1e-9, equal_nan=True)
    for mine in seconds[0][len(seconds[1]) :] + seconds[1][len(seconds[0]) :]:
        assert mine is None or not np.any(mine.detach().numpy(force=True)), (
            "a second gradient that the other library does not have"
        )


def test_gradients_through_in_place_operations():
    def program(lib):
        x = lib.tensor([1.0, 2.0, 3.0], dtype=lib.float64, requires_grad=True)
        w = lib.tensor([0.5, -1.0, 2.0], dtype=lib.float64, requires_grad=True)
        y = x * 2
        y.add_(w).mul_(w)
        y.pow_(3)
        y[1:] = w[:2] * y[0].clone()
        y[y > 5] = 0.25
        z = lib.zeros(3, dtype=lib.float64)
        z += y
        z[0] = x[1]
        z.sin_().sub_(1).div_(y + 10).clamp_(-1, 4)
        a = lib.zeros(2, 3, dtype=lib.float64)
        a[0] = z
        a[:, [0, 2]] = w[:2]
        a[lib.tensor([[True, False, False], [False, True, False]])] = x[:2]
        a.copy_(a * 2)
        (a * lib.arange(6, dtype=lib.float64).reshape(2, 3)).sum().backward()
        return [t.detach().numpy() for t in (y, z, a, x.grad, w.grad)]

    for mine, other in zip(program(mytorch), program(torch), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


# How the table's expressions are named in the graph. Where PyTorch computes in several steps and we in one, the last
# step's name is not ours.
NAMED_OTHERWISE = re.compile(
    r"einsum|tensordot|logsumexp|take_along|repeat_interleave|mT|type_as|median\(\)|vstack|k @ v|v @|dim=None|_mean\(x"
)


def test_grad_fn_names():
    wrong = []
    for expression in recorded.EXPRESSIONS:
        if NAMED_OTHERWISE.search(expression):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (_, _, ours), (_, _, theirs) = both(expression, "float64")
        for mine, other in zip(ours, theirs, strict=True):
            if mine.grad_fn is None or other.grad_fn is None:
                if mine.grad_fn is not other.grad_fn:
                    wrong.append(f"{expression}: {mine.grad_fn}, PyTorch: {other.grad_fn}")
            elif mine.grad_fn.name() != other.grad_fn.name().removeprefix("torch::autograd::"):
                wrong.append(f"{expression}: {mine.grad_fn.name()}, PyTorch: {other.grad_fn.name()}")
    assert not wrong, "\n".join(wrong)
