"""docs/gradient-flow.md: every command in it is run, and prints what the page shows; and configs/learn/ shows it.

Words must be the same. Times, run directories and thread-dependent last digits are no part of the story: times are left
out, and other numbers may differ as rounding on another machine lets them.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE, KOREAN = (ROOT / "docs" / name for name in ("gradient-flow.md", "gradient-flow.ko.md"))
TIME = re.compile(r"\d[\d.,e-]* (?:ms|us|s)\b")
STAMP = re.compile(r"\d{8}-\d{6}(?:-\d+)?")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.]*\w)")


def console_blocks(page):
    return re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)


def commands(page):
    """Each command with what it prints; the output of `...` is any number of lines."""
    for block in console_blocks(page):
        parts = re.split(r"^\$ (.*)\n", block, flags=re.M)[1:]
        yield from zip(parts[::2], parts[1::2], strict=True)


def words_of(text):
    """The words of an output without times and stamps, and its numbers apart."""
    text = STAMP.sub("STAMP", TIME.sub("TIME", text))
    return NUMBER.sub("#", text).split(), [float(number) for number in NUMBER.findall(text)]


def check(command, shown, printed):
    """Whether an output is what the page shows, piece by piece between the `...`."""
    rest = " ".join(printed.split())
    whole_words, whole_numbers = words_of(rest)
    at = numbers_at = 0
    for piece in re.split(r"^\.\.\.$", shown, flags=re.M):
        words, numbers = words_of(" ".join(piece.split()))
        places = (i for i in range(at, len(whole_words) - len(words) + 1) if whole_words[i : i + len(words)] == words)
        place = next(places, None)
        assert place is not None, f"$ {command}\nexpected:\n{piece}\nin:\n{printed}"
        numbers_at += sum(word.count("#") for word in whole_words[at:place])
        for expected, found in zip(numbers, whole_numbers[numbers_at:], strict=False):
            assert math.isclose(expected, found, rel_tol=0.35, abs_tol=0.05), f"$ {command}: {expected}, {found}"
        at, numbers_at = place + len(words), numbers_at + len(numbers)


def test_the_page_prints_what_the_commands_print(tmp_path, mytorch_command):
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    done = 0
    for command, shown in commands(PAGE):
        program, *arguments = command.split()
        if program == "head":
            lines = (tmp_path / arguments[1]).read_text().splitlines()
            printed = "\n".join(lines[: int(arguments[0].removeprefix("-"))])
        else:
            assert program == "mytorch"
            printed = mytorch_command(*arguments, cwd=tmp_path).stdout
        check(command, shown, printed)
        done += 1
    assert done > 10
    for picture in re.findall(r"!\[[^\]]+\]\((images/[^)]+)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / picture).is_file()


def test_the_korean_page_shows_the_same():
    assert console_blocks(KOREAN) == console_blocks(PAGE)
    pictures = [re.findall(r"\]\((images/[^)]+)\)", page.read_text(encoding="utf-8")) for page in (PAGE, KOREAN)]
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    ("config", "changes", "kinds"),
    [
        ("by-hand", [], set()),
        ("vanishing", [], {"vanishing_gradients"}),
        ("residual", [], set()),
        ("dead-relu", [], {"dead_units"}),
        ("dead-relu", ["optimizer.lr=0.01"], set()),
        ("detached", [], {"no_gradient"}),
        ("exploding-rnn", [], {"exploding_gradients"}),
        ("exploding-rnn", ["model.1.gain=1"], set()),
    ],
)
def test_each_config_is_told_what_it_is_for(config, changes, kinds, tmp_path, mytorch_command):
    done = mytorch_command("train", ROOT / "configs" / "learn" / f"{config}.yaml", *changes, "plots=[]", "--json",
                           "--runs-dir", tmp_path, cwd=tmp_path)  # fmt: skip
    found = {finding["kind"] for finding in json.loads(done.stdout)["findings"]}
    assert kinds <= found
    if not kinds:
        assert not found


def test_the_trace_is_that_of_pencil_and_paper(tmp_path, mytorch_command):
    """The numbers of the page, computed here from the config's own with nothing but sums and products."""
    shutil.copytree(ROOT / "configs" / "learn", tmp_path / "learn")
    x, y = [(1, 2), (2, -1)], [1, 0]
    w1, b1, w2, b2 = [(1, 0.5), (-1, 1), (0.5, -0.5), (0, 1)], [0, 0.5, 0, -1], [1, 0.5, -1, 0.5], -0.5
    hidden = [
        [max(sum(a * b for a, b in zip(row, w, strict=True)) + b, 0) for w, b in zip(w1, b1, strict=True)] for row in x
    ]
    g = [sum(a * b for a, b in zip(row, w2, strict=True)) + b2 - t for row, t in zip(hidden, y, strict=True)]  # 2 d / n
    by_w2 = [sum(g[r] * hidden[r][unit] for r in range(2)) for unit in range(4)]
    by_w1 = [
        [sum(g[r] * w2[unit] * x[r][k] for r in range(2) if hidden[r][unit] > 0) for k in range(2)] for unit in range(4)
    ]
    done = mytorch_command("trace", "learn/by-hand.yaml", "--json", "--values", cwd=tmp_path)
    numbers = json.dumps(json.loads(done.stdout))
    for expected in (hidden, [[a] for a in g], [by_w2], by_w1):
        assert json.dumps([[float(v) for v in row] for row in expected]) in numbers, expected
    assert len(list(itertools.chain(*by_w1))) == 8
