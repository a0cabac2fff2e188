"""Convolution, pooling, borders and embeddings give the results, gradients and errors that were recorded from PyTorch."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import mytorch

_SPEC = importlib.util.spec_from_file_location(
    "record_images", Path(__file__).parents[1] / "golden" / "record_images.py"
)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


@pytest.fixture(scope="module")
def arrays():
    with np.load(recorded.ARRAYS) as found:
        return dict(found)


@pytest.fixture(scope="module")
def texts():
    return json.loads(recorded.TEXTS.read_text())


@pytest.mark.parametrize("name", recorded.CASES)
def test_results_and_gradients(arrays, name):
    found = recorded.run(mytorch, recorded.CASES[name])
    for key, value in found.items():
        expected = arrays[f"{name}/{key}"]
        assert value.shape == expected.shape
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", recorded.ERRORS)
def test_errors(texts, name):
    kind, text = recorded.error_of(mytorch, name)
    assert [kind, text] == texts["errors"][name]


def test_maxima_can_come_with_their_places():
    x = mytorch.tensor([[[1.0, 5.0, 5.0], [2.0, 0.0, 9.0], [3.0, 3.0, 3.0]]])
    values, places = mytorch.nn.functional.max_pool2d(x, 2, 1, return_indices=True)
    assert values.tolist() == [[[5.0, 9.0], [3.0, 9.0]]]
    assert places.tolist() == [[[1, 5], [6, 5]]]
    assert x.reshape(1, -1)[0, places.reshape(-1)].reshape(values.shape).tolist() == values.tolist()


def test_the_gradient_of_a_maximum_may_be_infinite():
    x = mytorch.tensor([[[1.0, 2.0], [0.0, -1.0]]], requires_grad=True)
    mytorch.nn.functional.max_pool2d(x, 2).backward(mytorch.full((1, 1, 1), float("inf")))
    assert x.grad.tolist() == [[[0.0, float("inf")], [0.0, 0.0]]]


def test_integers_can_be_pooled():
    x = mytorch.arange(16).reshape(1, 4, 4)
    assert mytorch.nn.functional.max_pool2d(x, 2, padding=1).tolist() == [[[0, 2, 3], [8, 10, 11], [12, 14, 15]]]


def test_embedding_limits_norms_in_place():
    table = mytorch.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    out = mytorch.nn.functional.embedding(mytorch.tensor([0, 1]), table, max_norm=1.0)
    np.testing.assert_allclose(out.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(table.numpy(), [[0.6, 0.8], [0.3, 0.4], [6.0, 8.0]], rtol=1e-6)


def test_one_hot():
    numbers = mytorch.tensor([[0, 2], [1, 1]])
    assert mytorch.nn.functional.one_hot(numbers).tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]]
    assert mytorch.nn.functional.one_hot(numbers, 5).shape == (2, 2, 5)
    assert mytorch.nn.functional.one_hot(mytorch.zeros(0, 2, dtype=mytorch.int64), 5).shape == (0, 2, 5)
