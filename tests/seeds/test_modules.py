"""Modules of one's own and the usual training loop: PyTorch's losses for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mytorch as torch

TESTS = Path(__file__).parents[1]
RECORDED = json.loads((TESTS / "golden" / "seeds.json").read_text())["modules"]


@pytest.fixture(scope="module")
def program(load_file):
    return load_file(TESTS / "seeds" / "programs" / "modules.py")


def test_every_training_is_recorded(program):
    assert set(program.TRAININGS) == set(RECORDED)


@pytest.mark.parametrize("training", RECORDED)
def test_its_losses_are_pytorchs(program, training):
    torch.manual_seed(2)
    losses = program.TRAININGS[training](torch)
    assert losses == pytest.approx(RECORDED[training], rel=1e-5)
    assert losses[-1] < 0.7 * losses[0]


def test_the_conv_net_keeps_what_it_must(program):
    model = program.conv_net(torch)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes == {
        "conv1.weight": (20, 1, 5, 5), "conv1.bias": (20,), "conv2.weight": (20, 20, 5, 5), "conv2.bias": (20,)
    }  # fmt: skip
    out = model(torch.randn(2, 1, 28, 28))
    assert out.shape == (2, 20, 20, 20)
    assert (out >= 0).all()


def test_an_own_linear_layer_has_the_parameters_it_was_given(program):
    with_bias, without = program.own_linear(torch, 3, 7), program.own_linear(torch, 3, 7, bias=False)
    assert [name for name, _ in with_bias.named_parameters()] == ["weights", "bias"]
    assert [name for name, _ in without.named_parameters()] == ["weights"]
    x = torch.randn(5, 3)
    assert torch.equal(without(x), x.mm(without.weights))
    assert torch.equal(with_bias(x), x.mm(with_bias.weights) + with_bias.bias)


def test_the_usual_import_lines():
    import mytorch.nn as nn
    import mytorch.nn.functional as F
    from mytorch import Tensor

    assert (nn, F, Tensor) == (torch.nn, torch.nn.functional, torch.Tensor)
