"""Layers for images and tables: PyTorch's texts, its weights for the same seed, its results and its errors."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch import nn

_SPEC = importlib.util.spec_from_file_location(
    "record_images", Path(__file__).parents[1] / "golden" / "record_images.py"
)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)


@pytest.fixture(scope="module")
def arrays():
    with np.load(recorded.ARRAYS) as found:
        return dict(found)


def _compare(arrays, prefix, found):
    assert {f"{prefix}/{key}" for key in found} == {key for key in arrays if key.startswith(f"{prefix}/")}
    for key, value in found.items():
        expected = arrays[f"{prefix}/{key}"]
        assert (value.shape, value.dtype) == (expected.shape, expected.dtype), key
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-6, err_msg=key)


@pytest.mark.parametrize("name", recorded.LAYERS)
def test_weights_and_results(arrays, name):
    _compare(arrays, name, recorded.run_layer(mytorch, name))


@pytest.mark.parametrize("name", recorded.EMBEDDINGS)
def test_embeddings(arrays, name):
    _compare(arrays, f"Embedding {name}", recorded.run_embedding(mytorch, name))


@pytest.mark.parametrize("name", [*recorded.LAYERS, *recorded.EMBEDDINGS])
def test_texts(name):
    expected = json.loads(recorded.TEXTS.read_text())["reprs"][name]
    assert recorded.text_of(mytorch, name) == expected


def test_a_transposed_convolution_finds_its_output_padding():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=3, padding=1)
    for size in (13, 14, 15):
        assert layer(mytorch.ones(1, 2, 5, 5), output_size=(13, size)).shape == (1, 3, 13, size)
        assert layer(mytorch.ones(2, 5, 5), output_size=(3, 13, size)).shape == (3, 13, size)
    with pytest.raises(ValueError, match="output_size must have 2 or 4 elements"):
        layer(mytorch.ones(1, 2, 5, 5), output_size=(13,))


def test_embedding_of_given_vectors_is_frozen():
    layer = nn.Embedding.from_pretrained(mytorch.eye(3), padding_idx=1)
    assert not layer.weight.requires_grad
    assert layer(mytorch.tensor([1])).tolist() == [[0.0, 1.0, 0.0]]
    assert nn.Embedding.from_pretrained(mytorch.eye(3), freeze=False).weight.requires_grad
    with pytest.raises(AssertionError, match="expected to be 2-dimensional"):
        nn.Embedding.from_pretrained(mytorch.ones(3))
    with pytest.raises(AssertionError, match="does not match num_embeddings"):
        nn.Embedding(2, 3, _weight=mytorch.eye(3))


def test_a_small_network_learns():
    """Convolution, pooling and a linear layer tell vertical from horizontal stripes."""
    mytorch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
    )  # fmt: skip
    random = np.random.default_rng(0)
    stripes = np.cos(np.arange(10) * 2.0)
    targets = random.integers(0, 2, 64)
    images = np.where(targets[:, None, None], stripes, stripes[:, None]) + random.normal(0, 0.3, (64, 10, 10))
    x, y = mytorch.tensor(images[:, None].astype(np.float32)), mytorch.tensor(targets)
    first = None
    for _ in range(40):
        net.zero_grad()
        loss = nn.CrossEntropyLoss()(net(x), y)
        first = loss.item() if first is None else first
        loss.backward()
        with mytorch.no_grad():
            for p in net.parameters():
                p -= 0.5 * p.grad
    assert loss.item() < 0.1 < first
