"""Gates: what the figures of a training must be for it to pass, so that a CI job fails when a model got worse.

They come from `expect` in the config and from `--expect 'test.mae<=2.5'`. Names are checked before anything is trained,
the figures when all is done: each gate gives an `Outcome`, and `write_junit` reports them in the format that CI systems
read. A figure that is NaN passes no gate.
"""

from __future__ import annotations

import math
import operator
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mytorch.backend import atomic
from mytorch.training.building.experiment import Experiment
from mytorch.training.config.comparing import flatten
from mytorch.training.config.config import Config
from mytorch.training.config.sections import Expectation
from mytorch.training.errors import ConfigError, Place, Problem, RunFailed, UserError, closest
from mytorch.training.runs.files import Row

SPLITS = ("train", "validation", "test")
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_WORDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
KEYS = {"<=": "max", ">=": "min", "<": "less_than", ">": "more_than"}  # what a config calls them
_OPTION = re.compile(r"\s*([^<>=]+?)\s*(<=|>=|<|>)\s*([^<>=\s]+)\s*")
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Figures:
    """What gates look at: the figures by name (`test.mae`, `seconds`), and the rows of metrics.csv."""

    values: Mapping[str, float]
    history: Sequence[Row] = ()

    @classmethod
    def of_scores(cls, scores: Mapping[str, Mapping[str, float]]) -> Figures:
        """The scores of splits.

        >>> Figures.of_scores({"test": {"loss": 0.25, "mae": 2.5}}).values
        {'test.loss': 0.25, 'test.mae': 2.5}
        """
        return cls(flatten(scores))


@dataclass(frozen=True)
class Outcome:
    """What became of a gate: `got` says in words what the figure was, `value` is the figure compared with the limit."""

    gate: str
    expected: str
    got: str
    value: float
    passed: bool

    @property
    def sentence(self) -> str:
        """Expected and got, for somebody who has to find out what went wrong."""
        return f"expected {self.expected}, got {self.got}"

    def to_dict(self) -> dict[str, Any]:
        """As it stands in summary.json and eval.json."""
        return {"gate": self.gate, "passed": self.passed, "value": self.value, "expected": self.expected}


@dataclass(frozen=True)
class Limit:
    """A figure must be at most, at least, less or more than a limit.

    >>> gate = Limit("test.mae", "<=", 2.5)
    >>> str(gate), gate.judge(Figures({"test.mae": 2.7})).sentence
    ('test.mae <= 2.5', 'expected at most 2.5, got 2.7')
    >>> gate.judge(Figures({"test.mae": math.nan})).passed
    False
    """

    name: str
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.limit:.15g}"

    def judge(self, figures: Figures) -> Outcome:
        """Compare the figure with the limit."""
        value = figures.values[self.name]
        passed = _HOLDS[self.sign](value, self.limit)
        got = _shortest(value, lambda shown: _HOLDS[self.sign](shown, self.limit))
        return Outcome(str(self), f"{_WORDS[self.sign]} {self.limit:.15g}", got, value, passed)


@dataclass(frozen=True)
class Fall:
    """A figure of metrics.csv must be lower by `amount` after epoch `by_epoch` than after the first.

    `amount` is a number, or with `is_share` a share of the first value.

    >>> rows = [{"epoch": 1, "train_loss": 0.8}, {"epoch": 2, "train_loss": 0.5}]
    >>> gate = Fall("train.loss", 0.5, True, 2)
    >>> str(gate), gate.judge(Figures({}, rows)).sentence
    ('train.loss falls by 50% by epoch 2', 'expected a fall from 0.8 to at most 0.4, got 0.5')
    """

    name: str
    amount: float
    is_share: bool
    by_epoch: int

    def __str__(self) -> str:
        amount = f"{100 * self.amount:.12g}%" if self.is_share else f"{self.amount:.15g}"
        return f"{self.name} falls by {amount} by epoch {self.by_epoch}"

    def judge(self, figures: Figures) -> Outcome:
        """Compare the figure of the epoch with that of the first."""
        column = self.name.replace(".", "_", 1)
        at = {row["epoch"]: value for row in figures.history if (value := row[column]) is not None}
        # A training that was stopped early is judged by its last epoch.
        by_epoch = min(self.by_epoch, max((row["epoch"] or 0 for row in figures.history), default=0))
        first, value = at.get(1, math.nan), at.get(by_epoch, math.nan)
        limit = first - (abs(first) * self.amount if self.is_share else self.amount)
        expected = f"a fall from {first:.6g} to at most {limit:.6g}"
        return Outcome(str(self), expected, _shortest(value, lambda shown: shown <= limit), value, value <= limit)


Gate = Limit | Fall


def _shortest(value: float, holds: Callable[[float], bool]) -> str:
    """The value in so many digits, four at least, that what is printed is on the same side of the limit."""
    texts = (f"{value:.{digits}g}" for digits in range(4, 18))
    return next((text for text in texts if holds(float(text)) == holds(value)), repr(value))


# --- from the config and the command line -----------------------------------------------------------------------------


def gates_of_training(experiment: Experiment, options: Sequence[str] = ()) -> list[Gate]:
    """The gates of the config, then those of `--expect`, all names checked.

    Raises:
        ConfigError: a name is unknown, or cannot be asked for what it is; every such mistake, with its place.
    """
    config = experiment.config
    names = [f"{split}.{name}" for split in experiment.data.splits for name in _scored(experiment)] + ["seconds"]
    absent = "the config sets no {split} rows aside (dataset.{split})"
    gates: list[Gate] = []
    problems: list[Problem] = []
    for name, expectation in config.expect.items():
        unknown = _unknown(name, names, absent)
        if unknown:
            problems.append(config.problem(("expect",), unknown, key=name))
        else:
            gates += _from_config(name, expectation, experiment, problems)
    gates += _from_options(options, names, absent, problems)
    if problems:
        raise ConfigError(problems)
    return gates


def gates_of_eval(experiment: Experiment, split: str, options: Sequence[str]) -> list[Gate]:
    """The gates of `--expect` for the scores of one split.

    Raises:
        ConfigError: a name is unknown or of another split.
    """
    names = [f"{split}.{name}" for name in _scored(experiment)]
    problems: list[Problem] = []
    gates = _from_options(options, names, f"--split {split} scores no {{split}} rows", problems)
    if problems:
        raise ConfigError(problems)
    return gates


def _scored(experiment: Experiment) -> list[str]:
    return ["loss", *experiment.score_names]


def _from_config(name: str, wanted: Expectation, experiment: Experiment, problems: list[Problem]) -> Iterable[Gate]:
    config: Config = experiment.config
    for sign, key in KEYS.items():
        limit = getattr(wanted, key)
        if limit is not None:
            yield Limit(name, sign, limit)
    if wanted.falls_by is None:
        return
    per_epoch = ["train.loss", *(f"train.{part}" for part in experiment.loss_parts)]
    if experiment.data.validation is not None:
        per_epoch += [f"validation.{score}" for score in _scored(experiment)]
    by_epoch = config.train.epochs if wanted.by_epoch is None else wanted.by_epoch
    if name not in per_epoch:
        message = f"{name} is not measured after every epoch; falls_by is for {', '.join(per_epoch)}"
        problems.append(config.problem(("expect", name, "falls_by"), message))
    elif not 2 <= by_epoch <= config.train.epochs:
        what = "by_epoch" if wanted.by_epoch is not None else "falls_by"
        message = f"expected an epoch of this training, from 2 to train.epochs, which is {config.train.epochs}"
        if config.train.epochs < 2:
            message = f"a fall takes at least 2 epochs; train.epochs is {config.train.epochs}"
        problems.append(config.problem(("expect", name, what), message))
    elif isinstance(wanted.falls_by, str):
        yield Fall(name, float(wanted.falls_by.rstrip("%")) / 100, True, by_epoch)
    else:
        yield Fall(name, wanted.falls_by, False, by_epoch)


def _from_options(options: Sequence[str], names: Sequence[str], absent: str, problems: list[Problem]) -> list[Gate]:
    gates: list[Gate] = []
    for number, option in enumerate(options, start=1):
        try:
            gate = parse_option(option)
        except ValueError as error:
            problems.append(Problem(Place(f"--expect {option!r}", column=number), str(error)))
            continue
        unknown = _unknown(gate.name, names, absent)
        if unknown:
            problems.append(Problem(Place(f"--expect {option!r}", column=number), unknown))
        gates.append(gate)
    return gates


def with_options(config: Config, options: Sequence[str]) -> Config:
    """The config with the gates of `--expect` under its own, so that a training that is gone on with is judged by them.

    Of two limits of one kind the stricter stays: it implies the other.

    Raises:
        UserError: a limit contradicts one of the config's.
    """
    gates = dict(config.expect)
    for gate in map(parse_option, options):
        key, before = KEYS[gate.sign], gates.get(gate.name)
        limits = {} if before is None else before.model_dump(exclude_none=True)
        stricter = min if gate.sign in ("<=", "<") else max
        limits[key] = stricter(limits.get(key, gate.limit), gate.limit)
        try:
            gates[gate.name] = Expectation(**limits)
        except ValidationError as error:
            raise UserError(f"--expect {gate}: {error.errors()[0]['ctx']['error']}") from None
    return config.model_copy(update={"expect": gates})


def parse_option(text: str) -> Limit:
    """The gate that `--expect` describes.

    Raises:
        ValueError: it is not NAME<=NUMBER, or with >=, < or >.

    >>> parse_option("test.mae<=2.5"), parse_option("test.r2 > 0.8").sign
    (Limit(name='test.mae', sign='<=', limit=2.5), '>')
    """
    found = _OPTION.fullmatch(text)
    if not found:
        raise ValueError("expected NAME<=NUMBER, or with >=, < or >, in quotes; for example --expect 'test.mae<=2.5'")
    name, sign, number = found.groups()
    try:
        limit = float(number)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise ValueError(f"expected a finite number behind {sign}, got {number!r}")
    return Limit(name, sign, limit)


def _unknown(name: str, names: Sequence[str], absent: str) -> str:
    """What is wrong with a name that is none of `names`; empty if nothing is. `absent` is for a split without rows."""
    if name in names:
        return ""
    split = name.partition(".")[0]
    listed = f"there is {', '.join(names)}"
    if split in SPLITS and not any(known.startswith(f"{split}.") for known in names):
        return f"{absent.format(split=split)}; {listed}"
    near = closest(name, names)
    return f"unknown figure {name!r}; " + (f"did you mean {near!r}? " if near else "") + listed


# --- the report -------------------------------------------------------------------------------------------------------


@dataclass
class Report:
    """The gates of one command, what became of them, and the JUnit file that is to tell it.

    Making one checks that the file can be written, and removes an old one, which nobody shall take for this command's.

    Raises:
        UserError: there is a file to write and no gate, or no folder for it.
    """

    name: str
    gates: Sequence[Gate]
    junit: Path | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.junit is None:
            return
        if not self.gates:
            raise UserError(
                f"--junit {self.junit}: there is no gate to report; write some under expect: in the config, or "
                "--expect 'test.mae<=2.5'"
            )
        if self.junit.is_dir() or not self.junit.parent.is_dir():
            what = f"{self.junit} is a directory" if self.junit.is_dir() else f"there is no folder {self.junit.parent}"
            raise UserError(f"--junit {self.junit}: expected the name of a file, but {what}")
        try:
            self.junit.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"--junit {self.junit}: cannot replace it: {error.strerror or error}") from None

    def judge(self, figures: Figures, seconds: float = 0.0) -> None:
        """Look at each gate and write the JUnit file."""
        self.outcomes = [gate.judge(figures) for gate in self.gates]
        self._write(seconds)

    def failed(self, failure: Exception) -> None:
        """There are no figures: every gate is an error in the JUnit file."""
        try:
            self._write(0.0, str(failure))
        except RunFailed as problem:
            raise RunFailed(f"{failure}\n{problem}") from failure

    def _write(self, seconds: float, error: str | None = None) -> None:
        if self.junit is None:
            return
        try:
            atomic.write_text(self.junit, to_junit(self.name, self.gates, self.outcomes, seconds, error))
        except OSError as problem:
            raise RunFailed(f"cannot write {self.junit}: {problem.strerror or problem}") from problem

    def to_list(self) -> list[dict[str, Any]]:
        """The outcomes as they stand in summary.json and eval.json."""
        return [outcome.to_dict() for outcome in self.outcomes]

    def print(self) -> None:
        """A line for each gate."""
        width = max((len(outcome.gate) for outcome in self.outcomes), default=0)
        for outcome in self.outcomes:
            print(f"{'passed' if outcome.passed else 'FAILED'}  {outcome.gate:<{width}}  got {outcome.got}")

    def raise_if_failed(self) -> None:
        """RunFailed, with expected and got of each gate that did not pass."""
        failed = [outcome for outcome in self.outcomes if not outcome.passed]
        if failed:
            lines = "\n".join(f"  {outcome.gate}: {outcome.sentence}" for outcome in failed)
            raise RunFailed(f"{len(failed)} of {len(self.outcomes)} gates failed:\n{lines}")


def to_junit(
    name: str, gates: Sequence[Gate], outcomes: Sequence[Outcome], seconds: float = 0.0, error: str | None = None
) -> str:
    """The outcomes as JUnit's XML, a test case for each gate; with `error` each is an error of that text."""
    failures = sum(not outcome.passed for outcome in outcomes) if error is None else 0
    counts = {"tests": str(len(gates)), "failures": str(failures), "errors": str(len(gates) if error else 0)}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": _clean(name), **counts, "skipped": "0", "time": f"{seconds:.3f}"})
    for number, gate in enumerate(gates):
        case = ET.SubElement(suite, "testcase", {"classname": _clean(name), "name": _clean(str(gate)), "time": "0"})
        if error is not None:
            ET.SubElement(case, "error", {"message": _clean(error.partition("\n")[0])}).text = _clean(error)
        elif not outcomes[number].passed:
            sentence = _clean(outcomes[number].sentence)
            ET.SubElement(case, "failure", {"message": sentence}).text = f"{_clean(str(gate))}: {sentence}"
        else:
            ET.SubElement(case, "system-out").text = f"got {outcomes[number].got}"
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _clean(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold in any way."""
    return _NOT_IN_XML.sub("\ufffd", text)
