"""What the README shows is true: its program runs, its configs load, and both languages show the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config

ROOT = Path(__file__).parents[1]
ENGLISH, KOREAN = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ko.md"))


def blocks(text: str, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [code for name, code in fenced if name == language]


@pytest.mark.parametrize("text", [ENGLISH, KOREAN], ids=["en", "ko"])
def test_the_ten_lines_print_what_they_say(text, capsys):
    program = blocks(text, "python")[0]
    said = re.search(r"print\(loss\)\s+# (tensor\(.*?>\))", program)[1]
    exec(compile(program, "README", "exec"), {})
    assert capsys.readouterr().out.strip() == said


@pytest.mark.parametrize("text", [ENGLISH, KOREAN], ids=["en", "ko"])
def test_the_configs_load(text, tmp_path):
    config, own = blocks(text, "yaml")
    (tmp_path / "boston.yaml").write_text(config, encoding="utf-8")
    shown = load_config(tmp_path / "boston.yaml")
    assert shown == load_config(ROOT / "configs" / "boston.yaml"), "the README shows what ships"
    (tmp_path / "nets.py").write_text(blocks(text, "python")[1], encoding="utf-8")
    rest = "dataset: boston\nloss: MSELoss\noptimizer: {type: SGD, lr: 0.1}\ntrain: {epochs: 1}\n"
    (tmp_path / "own.yaml").write_text(own + rest, encoding="utf-8")
    model = build(load_config(tmp_path / "own.yaml")).model
    assert (type(model).__name__, model.first.weight.shape, model.last.weight.shape) == ("MyNet", (64, 13), (1, 64))


def test_links_lead_somewhere():
    for text in (ENGLISH, KOREAN):
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (ROOT / target).exists(), target


def test_both_languages_have_the_same_commands():
    def commands(text: str) -> list[str]:
        return [line.split("  #")[0].strip() for block in blocks(text, "") for line in block.splitlines()]

    assert commands(ENGLISH) == commands(KOREAN)
