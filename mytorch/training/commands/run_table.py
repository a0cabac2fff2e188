"""The table of `mytorch runs`: for each run how it stands, how far it came, its best score and its time.

All of it is read from small files of the run directories; no model or data set is built.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mytorch.training.config.yaml_source import load
from mytorch.training.console import check_choice, print_json, print_table, show_seconds
from mytorch.training.errors import ConfigError, UserError
from mytorch.training.metrics import direction_of
from mytorch.training.runs.files import Row, read_metrics
from mytorch.training.runs.outcome import STATES, State, read_summary, state_of
from mytorch.training.runs.run import Run
from mytorch.training.stopping import DEFAULT

SORT_KEYS = ("started", "name", "state", "epochs", "best", "seconds")


@dataclass(frozen=True)
class Best:
    """The score that stands for a run: of the test rows if there are any, else of the validation or train rows.

    It is the config's first metric, or the loss if it has none, after the best epoch.
    """

    split: str
    metric: str
    value: float
    epoch: int

    def __str__(self) -> str:
        return f"{self.split} {self.metric} {self.value:.4g}"


@dataclass(frozen=True)
class RunLine:
    """One run in the table."""

    run: Run
    state: State
    epochs: int
    planned: int | None  # epochs that the config asks for
    best: Best | None
    seconds: float | None

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run.path,
            "name": self.run.name,
            "state": self.state,
            "epochs": self.epochs,
            "planned_epochs": self.planned,
            "best": None if self.best is None else vars(self.best),
            "seconds": self.seconds,
        }

    def cells(self) -> list[str]:
        """For people."""
        is_short = self.planned is not None and self.epochs != self.planned
        return [
            self.run.label,
            self.state,
            f"{self.epochs}/{self.planned}" if is_short else str(self.epochs),
            "-" if self.best is None else str(self.best),
            "-" if self.seconds is None else show_seconds(self.seconds),
        ]

    def sort_key(self, key: str) -> Any:
        """What the table is sorted by. The best score comes first, and a run without one last."""
        if key == "name":
            return self.run.name
        if key == "state":
            return STATES.index(self.state)
        if key == "best":
            if self.best is None or math.isnan(self.best.value):
                return math.inf
            return -self.best.value if direction_of(self.best.metric) == "max" else self.best.value
        return self.epochs if key == "epochs" else self.seconds or 0.0


def show_runs(runs_dir: Path, *, state: str | None = None, sort: str = "started", json: bool = False) -> None:
    """Print the table, the newest run last unless it is sorted by something else."""
    if state is not None:
        check_choice("--state", state, STATES)
    check_choice("--sort", sort, SORT_KEYS)
    lines = [line_of(run) for run in Run.all(runs_dir)]
    if state is not None:
        lines = [line for line in lines if line.state == state]
    if sort != "started":  # the sort is stable: of equal runs the newest is last
        lines.sort(key=lambda line: line.sort_key(sort))
    if json:
        print_json({"runs": [line.to_data() for line in lines]})
    elif lines:
        print_table(["run", "state", "epochs", "best", "time"], [line.cells() for line in lines], right=(2, 4))
    else:
        print(f"no run in {runs_dir} is {state}")


def line_of(run: Run) -> RunLine:
    """What the table says of a run."""
    state, summary, planned = state_of(run), read_summary(run), planned_epochs(run)
    if state == "finished" and summary is not None:
        split, scores = list(summary["best"].items())[-1]
        metric = _first_metric(list(scores))
        best = Best(split, metric, scores[metric], summary["best_epoch"])
        return RunLine(run, state, summary["epochs"], planned, best, summary["seconds"])
    rows = rows_so_far(run)
    if not rows:
        return RunLine(run, state, 0, planned, None, None)
    return RunLine(run, state, int(rows[-1]["epoch"] or 0), planned, best_so_far(run, rows), rows[-1].get("seconds"))


def rows_so_far(run: Run) -> list[Row]:
    """The rows of metrics.csv; none if it is not there or damaged, which must not hide all other runs."""
    try:
        return read_metrics(run.metrics)
    except UserError:
        return []


def best_row(rows: list[Row], column: str) -> Row:
    """The row of the best value of a column; the last one where there is none, as in a training."""
    with_value = [row for row in rows if (value := row.get(column)) is not None and not math.isnan(value)]
    if not with_value:
        return rows[-1]
    sign = -1 if direction_of(column.removeprefix("validation_")) == "max" else 1
    return min(with_value, key=lambda row: sign * (row[column] or 0.0))


def best_column_of(run: Run) -> str:
    """The column of metrics.csv that tells the best epoch: the one that early stopping looks at, if the run has it."""
    monitor = _in_config(run, "train", "early_stopping", "monitor")
    return monitor if isinstance(monitor, str) else DEFAULT


def best_so_far(run: Run, rows: list[Row]) -> Best | None:
    """The score of a run that has no summary yet."""
    row = best_row(rows, best_column_of(run))
    split = "train" if row.get("validation_loss") is None else "validation"
    metric = _first_metric([name.removeprefix(f"{split}_") for name in row if name.startswith(f"{split}_")])
    value = row[f"{split}_{metric}"]
    return None if value is None else Best(split, metric, value, int(row["epoch"] or 0))


def planned_epochs(run: Run) -> int | None:
    """How many epochs the run's config asks for; None if that cannot be read."""
    epochs = _in_config(run, "train", "epochs")
    return epochs if isinstance(epochs, int) else None


def _in_config(run: Run, *keys: str) -> Any:
    """What stands at this place of the run's config, which is not checked; None if it cannot be read."""
    try:
        value = load(run.config).data
        for key in keys:
            value = value[key]
    except (ConfigError, KeyError, TypeError):
        return None
    return value


def _first_metric(names: list[str]) -> str:
    """The first that is not the loss, or a loss of several that make it up."""
    return next((name for name in names if not name.startswith("loss")), "loss")
