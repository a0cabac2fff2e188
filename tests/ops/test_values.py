"""Values and gradients of every operation against PyTorch's recorded figures (tests/golden/record_ops.py)."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.autograd.primitive import TABLE
from mytorch.tensor.methods import TensorMethods

_PATH = Path(__file__).parents[1] / "golden" / "record_ops.py"
_SPEC = importlib.util.spec_from_file_location("record_ops", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

# Where an element is NaN, PyTorch's gradient is 0 for abs and prod and passes through relu: only the values are equal.
NAN_GRADIENTS = {"f.abs()", "f.relu()", "f.prod()"}


@pytest.fixture(scope="module")
def golden():
    with np.load(recorded.GOLDEN) as file:
        parts = np.split(file["values"], np.cumsum(file["lengths"])[:-1])
        return dict(zip(file["expressions"].tolist(), parts, strict=True))


def test_the_record_is_of_these_expressions(golden):
    assert list(golden) == recorded.EXPRESSIONS, "run tests/golden/record_ops.py again"


@pytest.mark.parametrize("expression", recorded.EXPRESSIONS)
def test_values_and_gradients_are_pytorchs(golden, expression):
    ours, theirs = recorded.figures(mytorch, expression, expression not in NAN_GRADIENTS), golden[expression]
    if expression in NAN_GRADIENTS:
        theirs = theirs[: len(ours)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-11, equal_nan=True)


def test_every_method_is_used_by_some_test():
    """Comparisons with PyTorch do not count: this suite has to find a broken method by itself."""
    folder = Path(__file__).parents[1]
    files = [p for p in folder.rglob("*.py") if "parity" not in p.parts]
    named = set(re.findall(r"\w+", " ".join([p.read_text(encoding="utf-8") for p in files])))
    methods = vars(TensorMethods)
    aliases = {n for n, f in methods.items() if getattr(f, "__name__", n) != n}
    assert not {n for n in methods if not n.startswith("_")} - aliases - named


def test_results_are_new_arrays_unless_they_are_views():
    for name, primitive in TABLE.items():
        if primitive.vjps and not primitive.view and isinstance(primitive.forward, str) and len(primitive.vjps) == 1:
            x = np.full((2, 3), 0.5)
            assert not np.shares_memory(primitive.kernel(x), x), name


@pytest.mark.parametrize(
    ("method", "operator"),
    [
        (mytorch.Tensor.floor_divide, lambda x, y: x // y),
        (mytorch.Tensor.bitwise_and, lambda x, y: x & y),
        (mytorch.Tensor.bitwise_or, lambda x, y: x | y),
        (mytorch.Tensor.bitwise_xor, lambda x, y: x ^ y),
        (mytorch.Tensor.bitwise_right_shift, lambda x, y: x >> y),
    ],
)
def test_operators_are_methods(method, operator):
    x, y = np.array([7, -7, 12]), np.array([2, 3, 1])
    np.testing.assert_array_equal(method(mytorch.tensor(x), mytorch.tensor(y)).numpy(), operator(x, y))


def test_degrees_and_radians():
    x = mytorch.tensor([0.0, 90.0, -180.0], dtype=mytorch.float64)
    np.testing.assert_allclose(x.deg2rad().numpy(), np.radians(x.numpy()))
    np.testing.assert_allclose(x.deg2rad().rad2deg().numpy(), x.numpy())


def test_members_that_take_another_tensors_shape_or_copy():
    x = mytorch.arange(6)
    assert x.reshape_as(mytorch.zeros(2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    part = x.narrow_copy(0, 1, 2)
    part.zero_()
    assert x.tolist() == [0, 1, 2, 3, 4, 5]
