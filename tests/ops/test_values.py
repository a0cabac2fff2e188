"""Values and gradients of every operation against PyTorch's recorded figures (tests/golden/record_ops.py)."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.autograd.primitive import TABLE

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


def test_expressions_use_every_method_that_computes():
    """A new method needs a line in record_ops.py, or a place in this list with the test that covers it."""
    elsewhere = set("acos acosh positive fix new_tensor new_empty new_ones new_full".split())  # noqa: SIM905
    elsewhere |= set("bitwise_and bitwise_or bitwise_xor bitwise_not".split())  # noqa: SIM905 - as operators
    named = set(re.findall(r"\b[a-z_0-9]+\b", " ".join(recorded.EXPRESSIONS))) | elsewhere
    operators = {"add", "sub", "mul", "div", "pow", "floor_divide", "remainder", "matmul", "neg", "bitwise_and"}
    functions = {
        n: f
        for n, f in vars(mytorch.tensor_methods.TensorMethods).items()
        if not n.startswith("_") and not n.endswith("_")
    }
    aliases = {n for n, f in functions.items() if getattr(f, "__name__", n) != n}
    missing = set(functions) - aliases - named - operators
    assert missing == {"allclose", "equal", "reshape_as"}, sorted(missing)


def test_results_are_new_arrays_unless_they_are_views():
    for name, primitive in TABLE.items():
        if primitive.vjps and not primitive.view and isinstance(primitive.forward, str) and len(primitive.vjps) == 1:
            x = np.full((2, 3), 0.5)
            assert not np.shares_memory(primitive.kernel(x), x), name
