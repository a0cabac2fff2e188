"""What a user's mistake looks like: `UserError`, and `ConfigError`, which holds all problems of a config.

A problem is a sentence and the place that it speaks of: a line and column of a file, a whole file, or an
override from the command line. `suggest` writes the end of such a sentence when a name was not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mytorch.data.names import closest, suggest

__all__ = [
    "ConfigError",
    "Interrupted",
    "Place",
    "Problem",
    "RunFailed",
    "UserError",
    "closest",
    "some",
    "suggest",
]


def some(names: Sequence[str], most: int) -> str:
    """The first of some names in a message.

    >>> some(["crim", "zn", "indus"], 2)
    'crim, zn, ...'
    """
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


class UserError(Exception):
    """A mistake that the user can mend: the message says what was expected, what came, where, what to do.

    The command line prints the message alone, without a traceback, and exits with code 2.
    """


@dataclass(frozen=True)
class Place:
    """A place in what the user wrote.

    In a file `line` and `column` count from 1. `line` 0 stands for the source as a whole: a file that cannot
    be read, or an override, whose number on the command line is then `column`.

    >>> print(Place("configs/boston.yaml", 12, 7))
    configs/boston.yaml:12:7
    """

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where.

    >>> print(Problem(Place("a.yaml", 3, 1), "train: missing key 'epochs'"))
    a.yaml:3:1: train: missing key 'epochs'
    """

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ConfigError(UserError):
    """Everything that is wrong with a config: `problems`, sorted by place, each a line of the message.

    Problems of the file come first, those of overrides follow. A problem that was found twice is kept once.

    >>> print(ConfigError([Problem(Place("a.yaml", 9, 1), "late"), Problem(Place("a.yaml", 2, 5), "early")]))
    a.yaml:2:5: early
    a.yaml:9:1: late
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(dict.fromkeys(problems), key=_by_place)
        super().__init__("\n".join(map(str, self.problems)))


def _by_place(problem: Problem) -> tuple[bool, int, int]:
    place = problem.place
    return (place.line == 0, place.line, place.column)


class Stopped(Exception):  # noqa: N818 - it is no error
    """A training was asked to stop, and has saved its state."""


class Interrupted(Exception):  # noqa: N818 - it is no error
    """A training that was stopped with a signal, after it had put its files in order.

    The command line prints the message alone and exits with `exit_code`: 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, message: str, exit_code: int = 130) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class RunFailed(Exception):  # noqa: N818 - it says what happened
    """A run that could not be completed, or a check that it did not pass, with nothing wrong in the config.

    The command line prints the message alone and exits with code 1.
    """
