"""Programs in the manner of tutorials, run by mytorch and by PyTorch with nothing changed but the name that is imported.

What they print must be the same: the words to the letter, the numbers to float32 rounding.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from pathlib import Path

import pytest

PROGRAMS = sorted(p for p in (Path(__file__).parent / "programs").glob("*.py") if p.stem != "conftest")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w])", re.IGNORECASE)
IMPORT = re.compile(r"^(\s*)import torch(\.[\w.]+)?$", re.MULTILINE)


def for_mytorch(source):
    """The same program with its imports of torch turned to mytorch."""
    source = re.sub(r"^(\s*)from torch\b", r"\1from mytorch", source, flags=re.MULTILINE)
    source = re.sub(r"^(\s*)import torch(\.[\w.]+)? as ", r"\1import mytorch\2 as ", source, flags=re.MULTILINE)
    return IMPORT.sub(lambda m: f"{m[1]}import mytorch{m[2] or ''}; import mytorch as torch", source)


def printed(source, name):
    """What a program prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings(action="ignore"):
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
    return out.getvalue()


def words_and_numbers(text):
    # Widths of printed tensors may differ with the rounding of a number's last digit, or the sign of one that is nearly 0.
    return re.sub(r"\s+", " ", NUMBER.sub("#", text)).replace("[ ", "["), NUMBER.findall(text)


def close(mine, other):
    """Whether two printed numbers are equal to a unit of the last place or to float32 rounding."""
    places = len(other.lower().partition("e")[0].partition(".")[2])
    unit = 10.0**-places * 10.0 ** int(other.lower().partition("e")[2] or 0) if places else 0
    return abs(float(mine) - float(other)) <= max(1.01 * unit, 1e-4 * abs(float(other)), 1e-6)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_program(path):
    source = path.read_text(encoding="utf-8")
    words, numbers = words_and_numbers(printed(for_mytorch(source), str(path)))
    expected_words, expected = words_and_numbers(printed(source, str(path)))
    assert words == expected_words
    wrong = [pair for pair in zip(numbers, expected, strict=True) if not close(*pair)]
    assert not wrong


def test_there_are_programs():
    assert len(PROGRAMS) > 40
