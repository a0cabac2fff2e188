"""The two-layer net in its six ways: PyTorch's losses for the same seed, and one clear error without a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mytorch as torch

TESTS = Path(__file__).parents[1]
RECORDED = json.loads((TESTS / "golden" / "seeds.json").read_text())["two_layer_net"]


@pytest.fixture(scope="module")
def ways(load_file):
    return load_file(TESTS / "seeds" / "programs" / "two_layer_net.py").WAYS


def test_every_way_is_recorded(ways):
    assert set(ways) == set(RECORDED)


@pytest.mark.parametrize("way", RECORDED)
def test_its_losses_are_pytorchs(ways, way):
    torch.manual_seed(2)
    losses = ways[way](torch, 500)
    found = {step: losses[int(step)] for step in RECORDED[way]}
    assert found == pytest.approx(RECORDED[way], rel=5e-4)
    assert losses[499] < 1e-2 < losses[199]


def test_the_ways_by_hand_and_by_autograd_agree(ways):
    runs = []
    for way in ("by_hand", "autograd", "custom_function"):
        torch.manual_seed(5)
        runs.append(ways[way](torch, 20))
    assert runs[0] == pytest.approx(runs[1], rel=1e-6)
    assert runs[1] == pytest.approx(runs[2], rel=1e-6)


@pytest.mark.parametrize("way", RECORDED)
def test_without_a_gpu_one_error_says_so(ways, way):
    with pytest.raises(RuntimeError, match=r"'cuda:0': .* on the CPU only .* Use device='cpu'\."):
        ways[way](torch, 1, device="cuda:0")
