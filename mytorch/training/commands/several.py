"""Several trainings of one config: with several seeds, or each fold of the rows as the test rows once.

    runs/boston/20260131-142501/series.json         which trainings belong to it
    runs/boston/20260131-142501/seed-0/, ...        a run each, as any other
    runs/boston/20260131-142501/scores.csv          the scores of all, then their mean and standard deviation
    runs/boston/20260131-142501/summary.json        the same, and which trainings failed
    runs/boston/20260131-142501/series.png

All configs are written before the first training begins, so that a series that was stopped knows what is left.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mytorch.backend import atomic
from mytorch.training.building.experiment import build, located
from mytorch.training.callbacks.base import require_packages
from mytorch.training.commands.train import train_run
from mytorch.training.config.comparing import flatten
from mytorch.training.config.config import load_config
from mytorch.training.console import print_finding, print_json, print_table, show_seconds
from mytorch.training.errors import Interrupted, RunFailed, UserError
from mytorch.training.loop.gates import Figures, Report, gates_of_training, with_options
from mytorch.training.loop.loop import Training
from mytorch.training.loop.resume import reopen
from mytorch.training.runs.files import Row, csv_text, read_metrics, write_summary, writing
from mytorch.training.runs.lock import RunLock
from mytorch.training.runs.outcome import read_summary, state_of
from mytorch.training.runs.run import LATEST, SERIES, Run, point_latest
from mytorch.training.runs.saving import states

MOST = 1000  # trainings in one series
Scores = dict[str, float]


@dataclass
class Series:
    """The runs of a series by their names, and what became of those that have been trained."""

    path: Path
    runs: dict[str, Run]
    scores: dict[str, Scores] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)  # that each took, in all processes together
    findings: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def at(cls, path: Path) -> Series | None:
        """The series in this directory, None if there is none."""
        file = path / SERIES
        if not file.is_file():
            return None
        try:
            members = [str(name) for name in json.loads(file.read_text(encoding="utf-8"))["members"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{file} cannot be read: {error!r}") from None
        return cls(path, {name: Run(path / name) for name in members})

    @property
    def name(self) -> str:
        """That of the config."""
        return next(iter(self.runs.values())).name

    @property
    def split(self) -> str:
        """The rows whose scores stand for a training: the test rows if there are any."""
        return next(reversed(next(iter(self.scores.values())))).partition(".")[0]

    def of_split(self, name: str) -> Scores:
        """Those scores of a training."""
        return {figure: value for figure, value in self.scores[name].items() if figure.startswith(f"{self.split}.")}

    def statistics(self) -> dict[str, Scores]:
        """The mean and the sample standard deviation of each figure (NaN of a single one)."""
        columns = {name: [of[name] for of in self.scores.values()] for name in next(iter(self.scores.values()))}
        return {
            "mean": {name: statistics.fmean(values) for name, values in columns.items()},
            "std": {
                name: statistics.stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan
                for name, values in columns.items()
            },
        }

    def findings_by_kind(self) -> list[dict[str, Any]]:
        """The findings of all trainings, one of each kind, with those that have it as `trainings`; the most first."""
        by_kind: dict[str, dict[str, Any]] = {}
        for name, findings in self.findings.items():
            for finding in findings:
                by_kind.setdefault(finding["kind"], {**finding, "trainings": []})["trainings"].append(name)
        return sorted(by_kind.values(), key=lambda finding: -len(finding["trainings"]))


def series_of(selector: str | None, runs_dir: Path) -> Series | None:
    """The series that `selector` names by its directory; for None or `latest` that of the newest run, if it has one."""
    if selector is None or selector == LATEST:
        return Series.at(Run.find(runs_dir, selector).path.parent)
    found = (Series.at(path) for path in (Path(selector), runs_dir / selector))
    return next((series for series in found if series is not None), None)


def parse_seeds(text: str) -> list[int]:
    """The seeds of `--seeds`.

    >>> parse_seeds("0-3"), parse_seeds("7,1,20-21")
    ([0, 1, 2, 3], [7, 1, 20, 21])
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,18})(?:\s*-\s*(\d{1,18}))?\s*", part)
        if found is None:
            raise UserError(f"--seeds: expected seeds such as 0-4 or 1,7,20, got {text!r}")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last - first >= MOST:
            what = "ends before it begins" if last < first else f"has more than {MOST} seeds"
            raise UserError(f"--seeds: {part.strip()!r} {what}")
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise UserError(f"--seeds: a seed is listed twice in {text!r}")
    return seeds


def members_of(seeds: str | None, folds: int | None) -> dict[str, list[str]]:
    """The name of each training, and what it changes in the config.

    >>> members_of("0,5", None)
    {'seed-0': ['seed=0'], 'seed-5': ['seed=5']}
    >>> members_of(None, 2)
    {'fold-1': ['dataset.test={fold: 1, folds: 2}'], 'fold-2': ['dataset.test={fold: 2, folds: 2}']}
    """
    by_seed = {f"seed-{seed}": [f"seed={seed}"] for seed in parse_seeds(seeds)} if seeds is not None else {"": []}
    numbers = range(1, folds + 1) if folds is not None else []
    by_fold = {f"fold-{fold}": [f"dataset.test={{fold: {fold}, folds: {folds}}}"] for fold in numbers} or {"": []}
    members = {
        "-".join(filter(None, (seed, fold))): [*of_seed, *of_fold]
        for seed, of_seed in by_seed.items()
        for fold, of_fold in by_fold.items()
    }
    if len(members) > MOST:
        raise UserError(f"these are {len(members)} trainings; at most {MOST} make a series")
    return members


def train_several(
    config_path: Path,
    overrides: list[str],
    *,
    seeds: str | None,
    folds: int | None,
    runs_dir: Path,
    quiet: bool = False,
    json: bool = False,
    expect: Sequence[str] = (),
    junit: Path | None = None,
) -> None:
    """Train a config once for each seed, each fold or each pair of them; print the scores, mean and deviation."""
    if folds is not None and folds < 2:
        raise UserError(f"--folds: expected 2 or more, got {folds}")
    for option, given, key in (("--seeds", seeds, "seed"), ("--folds", folds, "dataset.test")):
        if given is not None and any(text.startswith(f"{key}=") for text in overrides):
            raise UserError(f"{option} sets {key} for each training; leave out {key}=...")
    members = members_of(seeds, folds)
    configs = {
        name: located(load_config(config_path, [*overrides, *changes]), runs_dir) for name, changes in members.items()
    }
    first = build(next(iter(configs.values())))  # what is wrong with the data is said before a directory is made
    require_packages(first.config)
    report = Report(first.config.name, gates_of_training(first, expect), junit)
    runs = Run.create_series(runs_dir, first.config.name, list(members))
    series = Series(runs[0].path.parent, dict(zip(members, runs, strict=True)))
    with writing(runs[0], "nothing was trained"):
        for run, config in zip(runs, configs.values(), strict=True):
            atomic.write_text(run.config, with_options(config, expect).to_yaml())
    if not (quiet or json):
        print(f"training {first.config.name} {_counted(len(runs), 'time')} in {series.path}", flush=True)
    _train_all(series, report, runs_dir, quiet=quiet, json=json)


def resume_several(series: Series, *, runs_dir: Path, quiet: bool = False, json: bool = False) -> None:
    """Go on with a series that was stopped: with the training that was being trained, then with those that are left."""
    left = [name for name, run in series.runs.items() if state_of(run) != "finished"]
    if not left:
        raise UserError(f"{series.path} is finished: all {len(series.runs)} trainings of it are complete")
    first = build(load_config(next(iter(series.runs.values())).config))
    report = Report(series.name, gates_of_training(first))
    if not (quiet or json):
        print(f"going on with {series.path}: {len(left)} of {len(series.runs)} trainings are left", flush=True)
    _train_all(series, report, runs_dir, quiet=quiet, json=json)


def _counted(number: int, what: str) -> str:
    """`1 training`, `2 trainings`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _train_all(series: Series, report: Report, runs_dir: Path, *, quiet: bool, json: bool) -> None:
    width = max(map(len, series.runs))
    for name, run in series.runs.items():
        try:
            if state_of(run) != "finished":
                point_latest(runs_dir, run)
                _train_one(run)
        except RunFailed as failure:
            if isinstance(failure.__cause__, OSError):  # a disk that is full fails all others too
                raise
            series.failures[name] = str(failure)
        except Interrupted as stopped:
            kept = f"go on with: mytorch resume {Run(series.path).quoted}"
            raise Interrupted(f"stopped in {run}\n{kept}", stopped.exit_code) from None
        else:
            summary = read_summary(run)
            assert summary is not None, f"{run} is finished"
            series.scores[name] = flatten(summary["best"])
            series.seconds[name] = summary["seconds"]
            series.findings[name] = summary.get("findings", [])  # a run of an older version has none
        if not (quiet or json):
            print(f"{name:<{width}}  {_outcome(series, name)}", flush=True)
    if not series.scores:
        message = "\n".join(f"{name}: {failure}" for name, failure in series.failures.items())
        report.failed(RunFailed(message))
        raise RunFailed(f"every training of {series.path} failed:\n{message}")
    _conclude(series, report, sum(series.seconds.values()), quiet=quiet, json=json)


def _train_one(run: Run) -> None:
    """Train a run of the series from its config, or go on with it from its newest checkpoint."""
    with RunLock(run.lock):
        if states(run):
            training, _ = reopen(run, [], force=False)
        else:
            for file in (run.metrics, run.gradients):  # of a training that was stopped before its first checkpoint
                file.unlink(missing_ok=True)
            training = Training(build(load_config(run.config)), run)
        train_run(training, Report(run.name, []), quiet=True, json=False)


def _outcome(series: Series, name: str) -> str:
    """What a line says of a training when it has ended."""
    if name in series.failures:
        return f"failed: {series.failures[name].partition(chr(10))[0]}"
    scores = [f"{figure} {value:.4g}" for figure, value in series.of_split(name).items()]
    return "  ".join([*scores, show_seconds(series.seconds[name])])


def _conclude(series: Series, report: Report, seconds: float, *, quiet: bool, json: bool) -> None:
    """Write the table, the summary and the picture; judge the gates on the means; print."""
    means = series.statistics()
    histories = {name: read_metrics(series.runs[name].metrics) for name in series.scores}
    summary: dict[str, Any] = {
        "name": series.name,
        "state": "finished" if not series.failures else "failed",
        "seconds": round(seconds, 3),
        "scores": series.scores,
        **means,
        "findings": series.findings_by_kind(),
        "failures": series.failures,
    }
    if report.gates:
        report.judge(Figures({**means["mean"], "seconds": seconds}, mean_history(list(histories.values()))), seconds)
        summary["gates"] = report.to_list()
    plot = series.path / "series.png"
    with writing(Run(series.path), "the trainings are complete, their table is not"):
        atomic.write_text(series.path / "scores.csv", to_csv({**series.scores, **means}))
        write_summary(series.path / "summary.json", summary)
        _plot(series, histories, plot)
    if json:
        print_json({"series": series.path, **summary})
    elif not quiet:
        _print_table(series, means)
        print(f"{_counted(len(series.scores), 'training')} in {show_seconds(seconds)}")
        for finding in summary["findings"]:
            has_it = finding["trainings"]
            print_finding(finding, f"in {len(has_it)} of {len(series.runs)} trainings, such as {has_it[0]}: ")
        print(f"scores:  {series.path / 'scores.csv'}\nsummary: {series.path / 'summary.json'}\nplot:    {plot}")
        report.print()
    if series.failures:
        listed = "\n".join(f"  {name}: {failure.partition(chr(10))[0]}" for name, failure in series.failures.items())
        raise RunFailed(f"{len(series.failures)} of {len(series.runs)} trainings failed:\n{listed}")
    report.raise_if_failed()


def _plot(series: Series, histories: Mapping[str, Sequence[Row]], path: Path) -> None:
    from mytorch.training.plots.series import plot_series

    scores = {name: series.of_split(name) for name in series.scores}
    plot_series(histories, scores, f"{series.name}, {len(histories)} trainings", path)


def mean_history(histories: Sequence[Sequence[Row]]) -> list[Row]:
    """The mean of each column over several metrics.csv, epoch by epoch, as far as all have the epoch.

    >>> mean_history([[{"epoch": 1, "train_loss": 2.0}], [{"epoch": 1, "train_loss": 4.0}]])
    [{'epoch': 1, 'train_loss': 3.0}]
    """
    rows: list[Row] = []
    for of_epoch in zip(*histories, strict=False):
        row: Row = {"epoch": of_epoch[0]["epoch"]}
        for name in of_epoch[0]:
            values = [one[name] for one in of_epoch]
            if name != "epoch":
                row[name] = None if None in values else statistics.fmean(value for value in values if value is not None)
        rows.append(row)
    return rows


def to_csv(rows: Mapping[str, Mapping[str, float]]) -> str:
    """A table with a row for each training, then the mean and the deviation; a column for each figure."""
    names = list(next(iter(rows.values())))
    lines = ([title, *(repr(float(scores[name])) for name in names)] for title, scores in rows.items())
    return csv_text([["training", *names], *lines])


def _print_table(series: Series, means: Mapping[str, Scores]) -> None:
    figures = [name for name in means["mean"] if name.startswith(f"{series.split}.")]
    titles = ("mean", "std") if len(series.scores) > 1 else ("mean",)
    rows = [[title, *(f"{means[title][name]:.4g}" for name in figures)] for title in titles]
    print()
    print_table([series.split, *(name.partition(".")[2] for name in figures)], rows, right=range(1, len(figures) + 1))
