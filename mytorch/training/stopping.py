"""Figures that are watched after every epoch, and early stopping: a training that no longer gets better ends.

Nothing of it needs a place in a checkpoint. What decides is in the rows of metrics.csv, which a checkpoint has to the
bit: a training that is gone on with looks at them once more, also under another patience.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mytorch.training.errors import suggest

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment
    from mytorch.training.config.config import Config
    from mytorch.training.config.sections import EarlyStopping
    from mytorch.training.metrics.base import Direction

DEFAULT = "validation_loss"


@dataclass(frozen=True)
class Monitor:
    """A column of metrics.csv, and whether its smallest (``"min"``) or its largest (``"max"``) value is best.

    >>> Monitor("validation_r2", "max").is_better(0.9, than=0.8, by=0.2)
    False
    """

    column: str
    direction: Direction

    @property
    def worst(self) -> float:
        """The value that every other one is better than."""
        return math.inf if self.direction == "min" else -math.inf

    def is_better(self, value: float, than: float, by: float = 0.0) -> bool:
        """Whether a value is better than another by more than `by`; NaN never is, and everything is better than NaN."""
        if math.isnan(than):
            return not math.isnan(value)
        return value < than - by if self.direction == "min" else value > than + by


def monitor_of(column: str, experiment: Experiment) -> Monitor:
    """The column of this name in an experiment's metrics.csv.

    Raises:
        ValueError: there is none that could be watched; says which there are.
    """
    directions: dict[str, Direction] = {"train_loss": "min"}
    has_validation = experiment.data.validation is not None
    if has_validation:
        of_metrics = {metric.name: metric.direction for metric in experiment.metrics}
        names = ["loss", *experiment.score_names]
        directions |= {f"validation_{name}": of_metrics.get(name, "min") for name in names}
    if column in directions:
        return Monitor(column, directions[column])
    if column.startswith("validation_") and not has_validation:
        raise ValueError(
            f"{column} needs validation rows, and the config sets none aside; "
            "write validation: {fraction: 0.1} into the dataset, or name train_loss"
        )
    raise ValueError(f"unknown figure {column!r}{suggest(column, directions)}")


def best_column(config: Config) -> str | None:
    """The column whose best value tells the best epoch; None if the best weights are the last."""
    if config.train.early_stopping is not None:
        return config.train.early_stopping.monitor
    return None if config.dataset.validation is None else DEFAULT


def best_monitor(experiment: Experiment) -> Monitor | None:
    """The same with its direction."""
    column = best_column(experiment.config)
    return None if column is None else monitor_of(column, experiment)


class Patience:
    """Counts the epochs since the last improvement.

    >>> from mytorch.training.config.sections import EarlyStopping
    >>> patience = Patience(EarlyStopping(patience=2, min_delta=0.1), Monitor("validation_loss", "min"))
    >>> patience.look_at([{"epoch": n, "validation_loss": loss} for n, loss in [(1, 0.5), (2, 0.45), (3, 0.5)]])
    >>> patience.is_over, patience.sentence
    (True, 'validation_loss has not improved by more than 0.1 since epoch 1 (0.5)')
    """

    def __init__(self, options: EarlyStopping, monitor: Monitor) -> None:
        self.options, self.monitor = options, monitor
        self.best, self.best_epoch, self.epoch = monitor.worst, 0, 0

    def look_at(self, rows: Iterable[Mapping[str, float | None]]) -> None:
        """Take rows of metrics.csv, of one epoch after the other."""
        for row in rows:
            value = row[self.monitor.column]
            self.epoch += 1
            if value is not None and self.monitor.is_better(value, self.best, self.options.min_delta):
                self.best, self.best_epoch = value, self.epoch

    @property
    def is_over(self) -> bool:
        """Whether the training shall end."""
        return self.epoch - self.best_epoch >= self.options.patience

    @property
    def sentence(self) -> str:
        """What happened."""
        by = f" by more than {self.options.min_delta:g}" if self.options.min_delta else ""
        since = f" since epoch {self.best_epoch} ({self.best:.4g})" if self.best_epoch else ""
        return f"{self.monitor.column} has not improved{by}{since}"


def patience_of(experiment: Experiment, rows: Iterable[Mapping[str, float | None]]) -> Patience | None:
    """The early stopping of a config after these epochs; None if it has none."""
    options, monitor = experiment.config.train.early_stopping, best_monitor(experiment)
    if options is None or monitor is None:
        return None
    patience = Patience(options, monitor)
    patience.look_at(rows)
    return patience
