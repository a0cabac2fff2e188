"""The first MyTorch's first program learns the identity, with PyTorch's losses on the way."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import mytorch as my

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def program(load_file):
    return load_file(Path(__file__).parent / "programs" / "identity.py")


def test_its_losses_are_pytorchs(program):
    recorded = json.loads((GOLDEN / "seeds.json").read_text())["identity"]
    my.manual_seed(2)
    assert program.train(my, program.build(my), len(recorded)) == pytest.approx(recorded, rel=1e-4)


def test_it_learns_the_identity(program, capsys):
    my.manual_seed(2)
    model = program.build(my)
    sums = program.train(my, model, rounds=40)
    assert sums[-1] < sums[0] / 10_000
    assert model([1000, 1000])[0].item() == pytest.approx(1000, abs=10)
    assert model([12, 12])[0].item() == pytest.approx(12, abs=0.2)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 40
    assert all(re.fullmatch(r"tensor\(\d+\.(\d{4}(e-\d\d)?)?, grad_fn=<PowBackward0>\)", line) for line in printed)
