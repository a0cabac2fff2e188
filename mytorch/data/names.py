"""What a name that nobody knows was meant to be: the nearest of those that there are, as the end of a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["closest", "did_you_mean", "suggest"]

# A list of names longer than this many characters helps nobody who reads it in a terminal.
LONGEST_LIST = 160


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` was most likely meant to be, whatever its case; None if none is near.

    >>> closest("relu", ["Linear", "ReLU"]), closest("xyz", ["Linear", "ReLU"])
    ('ReLU', None)
    """
    folded = {candidate.casefold(): candidate for candidate in candidates}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """The end of a sentence about the unknown `name`: the nearest candidate, or nothing.

    >>> did_you_mean("medvv", ["rm", "medv"]), did_you_mean("xyz", ["rm", "medv"])
    ("; did you mean 'medv'?", '')
    """
    near = closest(name, candidates)
    return "" if near is None else f"; did you mean {near!r}?"


def suggest(name: str, candidates: Iterable[str]) -> str:
    """The same, but where none is near all candidates, if they are few.

    >>> suggest("Adm", ["SGD", "Adam"])
    "; did you mean 'Adam'?"
    >>> suggest("newton", ["SGD", "Adam"])
    '; choose from SGD, Adam'
    """
    candidates = list(candidates)
    listed = ", ".join(candidates)
    others = f"; choose from {listed}" if candidates and len(listed) <= LONGEST_LIST else ""
    return did_you_mean(name, candidates) or others
