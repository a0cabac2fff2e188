"""The programs of tests/seeds run by mytorch and by PyTorch, now: the same functions, the same seed, the same losses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import mytorch

TESTS = Path(__file__).parents[1]
SEED = 11  # not the recorded one


@pytest.fixture(scope="module")
def seeds(load_file):
    return load_file(TESTS / "golden" / "record_seeds.py")


def test_the_identity(seeds):
    identity = seeds.program("identity")
    mytorch.manual_seed(SEED)
    losses = identity.train(mytorch, identity.build(mytorch), 3)
    assert losses == pytest.approx(seeds.identity(torch, SEED, 3), rel=1e-4)


def test_boston(seeds):
    mytorch.manual_seed(SEED)
    *figures, _ = seeds.program("boston").run(mytorch, 50)
    assert [f.item() for f in figures] == pytest.approx(seeds.boston(torch, SEED, 50), rel=1e-4)


@pytest.mark.parametrize("way", ["by_hand", "autograd", "custom_function", "layers", "optimizer", "custom_module"])
def test_the_two_layer_net(seeds, way):
    function = seeds.program("two_layer_net").WAYS[way]
    expected = seeds.losses(torch, function, SEED, 200)
    assert seeds.losses(mytorch, function, SEED, 200) == pytest.approx(expected, rel=5e-4)


@pytest.mark.parametrize("training", ["conv_training", "linear_regression", "linear_classification"])
def test_modules(seeds, training):
    function = seeds.program("modules").TRAININGS[training]
    expected = seeds.losses(torch, function, SEED)
    assert seeds.losses(mytorch, function, SEED) == pytest.approx(expected, rel=1e-5)
