"""How tensors print, against the live PyTorch: the recorded table, and random tensors of all kinds."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch

_PATH = Path(__file__).parents[1] / "golden" / "record_printing.py"
_SPEC = importlib.util.spec_from_file_location("record_printing", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


def test_the_table():
    ours, theirs = recorded.printed(mytorch), recorded.printed(torch)
    assert ours == theirs


TYPES = ("float32", "float64", "float16", "int64", "int8", "uint8", "bool", "complex64")
LIKELY = {
    "f": st.sampled_from(
        [0.0, -0.0, 1.0, -1.0, 0.5, 1e-3, 1e4, 1e-5, 123.456, float("nan"), float("inf"), -float("inf"), 1e3]
    )
}


@st.composite
def values(draw):
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    shape = draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    elements = LIKELY.get(dtype.kind) if draw(st.booleans()) else None
    return draw(arrays.arrays(dtype, shape, elements=elements))


options = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 8),
        "threshold": st.integers(0, 30),
        "edgeitems": st.integers(1, 4),
        "linewidth": st.integers(20, 120),
        "sci_mode": st.sampled_from([True, False]),
    },
)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, deadline=None, derandomize=True)
@given(values(), options, st.booleans())
def test_anything(array, chosen, needs_gradient):
    texts = []
    for library in (mytorch, torch):
        library.set_printoptions(profile="default")
        library.set_printoptions(**chosen)
        x = library.tensor(array)
        texts.append(repr(x.requires_grad_() * 1 if needs_gradient and array.dtype.kind == "f" else x))
        library.set_printoptions(profile="default")
    assert texts[0] == texts[1]
