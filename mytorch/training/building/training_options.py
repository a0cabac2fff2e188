"""Which options of `train` fit the data, the metrics and the loss: all that does not, found before anything is trained.

Which make sense together is known from the config alone, see `config.training_options`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.training.errors import Problem
from mytorch.training.stopping import monitor_of

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment


def problems_of_options(experiment: Experiment) -> list[Problem]:
    """What does not fit the data, the metrics or the loss."""
    config, train = experiment.config, experiment.config.train
    problems: list[Problem] = []

    def direction_of(path: tuple[str, ...], column: str) -> str | None:
        try:
            return monitor_of(column, experiment).direction
        except ValueError as error:
            problems.append(config.problem(path, str(error)))
            return None

    if train.early_stopping is not None:
        direction_of(("train", "early_stopping", "monitor"), train.early_stopping.monitor)
    if train.scheduler_monitor is not None and config.scheduler is not None:
        best = direction_of(("train", "scheduler_monitor"), train.scheduler_monitor)
        if best is not None and config.scheduler.arguments["mode"] != best:
            which = "lowest" if best == "min" else "highest"
            message = f"{train.scheduler_monitor} is best where it is {which}; write mode: {best}"
            problems.append(config.problem(("scheduler", "mode"), message))
    if train.accumulate > 1 and any(getattr(part, "reduction", "mean") == "sum" for part in experiment.loss.modules()):
        message = "several batches are made one by the mean over their rows, but the loss has reduction: sum"
        problems.append(config.problem(("train", "accumulate"), message))
    return problems
