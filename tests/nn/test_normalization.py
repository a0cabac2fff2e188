"""Normalization layers without PyTorch: texts, states, errors, and what they learn over several batches."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch import nn

_SPEC = importlib.util.spec_from_file_location(
    "record_normalization", Path(__file__).parents[1] / "golden" / "record_normalization.py"
)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


@pytest.fixture(scope="module")
def texts():
    return json.loads(recorded.TEXTS.read_text())


@pytest.mark.parametrize("layer", recorded.LAYERS)
def test_prints_and_holds_what_pytorchs_does(texts, layer):
    ours = recorded.build(mytorch, layer)
    assert repr(ours) == texts["reprs"][layer]
    assert recorded.state_of(ours) == texts["states"][layer]


@pytest.mark.parametrize("text", recorded.ERRORS)
def test_errors_are_pytorchs(texts, text):
    assert recorded.error_of(mytorch, text) == texts["errors"][text]


@pytest.mark.parametrize("text", recorded.WARNINGS)
def test_warnings_are_pytorchs(texts, text):
    assert recorded.warnings_of(mytorch, text) == texts["warnings"][text]


@pytest.mark.parametrize("name", recorded.STORIES)
def test_statistics_over_several_batches(name):
    with np.load(recorded.ARRAYS) as arrays:
        expected = {k.partition("/")[2]: v for k, v in arrays.items() if k.rpartition("/")[0] == name}
    found = recorded.story(mytorch, name)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].dtype == value.dtype
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-11, err_msg=key)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("GroupNorm(2, 4)", (3, 4, 2)),
        ("LayerNorm([4, 2])", (3, 4, 2)),
        ("RMSNorm(2)", (3, 4, 2)),
        ("LocalResponseNorm(2)", (3, 4, 2)),
    ],
)
def test_layers_hand_their_arguments_on(layer, shape):
    x = mytorch.from_numpy(recorded.wave(np.zeros(shape), 0.0))
    default, other = (recorded.build(mytorch, f"{layer[:-1]}{more})").double() for more in ("", ", 0.5"))
    results = [m(x).detach().numpy() for m in (default, other)]
    assert abs(results[0] - results[1]).max() > 1e-3


def test_loading_fills_the_statistics_in_place():
    layer, other = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    layer(mytorch.tensor([[1.0, 2.0], [3.0, 5.0]]))
    mean = other.running_mean
    other.load_state_dict(layer.state_dict())
    assert other.running_mean is mean
    assert other.running_mean.tolist() == layer.running_mean.tolist() != [0.0, 0.0]
    assert other.num_batches_tracked.item() == 1
    other.reset_parameters()
    assert (other.running_mean.tolist(), other.num_batches_tracked.item()) == ([0.0, 0.0], 0)


def test_evaluation_changes_nothing_and_conversion_keeps_the_counter():
    layer = nn.BatchNorm1d(2).double().eval()
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    layer(mytorch.ones(3, 2, dtype=mytorch.float64))
    assert all(v.tolist() == before[k].tolist() for k, v in layer.state_dict().items())
    assert (layer.running_var.dtype, layer.num_batches_tracked.dtype) == (mytorch.float64, mytorch.int64)


def test_without_its_statistics_evaluation_uses_the_batchs_own():
    layer = nn.BatchNorm1d(1).eval()
    layer.running_mean = layer.running_var = None
    assert layer(mytorch.tensor([[1.0], [3.0]])).tolist() == pytest.approx(np.array([[-1.0], [1.0]]), abs=1e-4)


def test_every_layer_is_tested():
    classes = {n for n, c in vars(nn).items() if isinstance(c, type) and c.__module__ == "mytorch.nn.normalization"}
    assert {layer.partition("(")[0] for layer in recorded.LAYERS} == classes
    assert len(classes) == 10
