"""The examples in docs/*.md are run, and print what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda p: p.name)
def test_examples(path):
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    results = doctest.testfile(str(path), module_relative=False, optionflags=options, encoding="utf-8")
    assert results.failed == 0
    assert results.attempted or ">>>" not in path.read_text(encoding="utf-8")
