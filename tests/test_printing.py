"""How tensors print, against PyTorch's recorded output (tests/golden/record_printing.py)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import mytorch

_PATH = Path(__file__).parent / "golden" / "record_printing.py"
_SPEC = importlib.util.spec_from_file_location("record_printing", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

GOLDEN = json.loads(recorded.GOLDEN.read_text())


@pytest.mark.parametrize("case", GOLDEN)
def test_prints_as_pytorch(case):
    options, _, expression = case.partition(" | ")
    mytorch.set_printoptions(**json.loads(options))
    assert recorded.shown(mytorch, expression) == GOLDEN[case]


def test_the_record_is_of_these_expressions():
    expected = {f"{json.dumps({})} | {e}" for e in recorded.EXPRESSIONS}
    assert {case for case in GOLDEN if case.startswith("{} | ")} == expected, (
        "run tests/golden/record_printing.py again"
    )


def test_str_is_repr_and_format_is_str():
    x = mytorch.tensor([1.0, 2.5])
    assert str(x) == repr(x) == f"{x}" == "tensor([1.0000, 2.5000])"


def test_a_number_formats_as_a_number():
    assert f"{mytorch.tensor(2.0)}" == "2.0"
    assert f"{mytorch.tensor(3.14159):.2f}" == "3.14"
    assert f"{mytorch.tensor(7):>4d}" == "   7"
    with pytest.raises(TypeError):
        f"{mytorch.ones(2):.2f}"


def test_options_are_kept_until_a_profile_is_chosen():
    mytorch.set_printoptions(precision=1, sci_mode=True)
    assert repr(mytorch.tensor([1.25])) == "tensor([1.2e+00])"
    mytorch.set_printoptions(linewidth=100)  # sci_mode falls back to None with every call, as in PyTorch
    assert repr(mytorch.tensor([1.25])) == "tensor([1.2])"
    mytorch.set_printoptions(profile="default")
    assert repr(mytorch.tensor([1.25])) == "tensor([1.2500])"
    with pytest.raises(ValueError, match="profile must be"):
        mytorch.set_printoptions(profile="tall")


def test_edges_of_no_items():
    mytorch.set_printoptions(threshold=2, edgeitems=0)
    assert repr(mytorch.arange(5)) == "tensor([...])"
    assert repr(mytorch.zeros(3, 3)) == "tensor([...])"


def test_the_default_type_is_not_named():
    mytorch.set_default_dtype(mytorch.float64)
    assert repr(mytorch.tensor([1.5])) == "tensor([1.5000])"
    assert repr(mytorch.tensor([1.5], dtype=mytorch.float32)) == "tensor([1.5000], dtype=torch.float32)"
