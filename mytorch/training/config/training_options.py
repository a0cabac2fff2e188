"""Which options of `train` make sense together and with the data: all that is wrong, found before anything is trained.

`faults_of` looks at the config alone, `problems_of` at all that was built from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.training.config.components import Fault
from mytorch.training.errors import Problem
from mytorch.training.stopping import monitor_of

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment
    from mytorch.training.config.config import Config

NEEDS_CLOSURE = "LBFGS"  # computes the loss several times in a step
LOOKS_AT_A_FIGURE = "ReduceLROnPlateau"


def faults_of(config: Config) -> list[Fault]:
    """What is wrong with the options of `train`, each with its path in the config."""
    train, scheduler = config.train, config.scheduler
    on_plateau = scheduler is not None and scheduler.type == LOOKS_AT_A_FIGURE
    faults = []
    if train.warmup_steps is not None and train.warmup_epochs is not None:
        faults.append(Fault(("train", "warmup_epochs"), "warmup_steps says the same; leave one of them out"))
    if train.accumulate > 1 and config.optimizer.type == NEEDS_CLOSURE:
        message = f"{NEEDS_CLOSURE} computes a batch's loss many times in a step; give it larger batches instead"
        faults.append(Fault(("train", "accumulate"), message))
    if on_plateau and train.scheduler_step == "batch":
        message = f"{LOOKS_AT_A_FIGURE} looks at a figure that is known after every epoch; write scheduler_step: epoch"
        faults.append(Fault(("train", "scheduler_step"), message))
    if train.scheduler_monitor is not None and scheduler is not None and not on_plateau:
        message = f"{scheduler.type} looks at no figure; scheduler_monitor is for {LOOKS_AT_A_FIGURE}"
        faults.append(Fault(("train", "scheduler_monitor"), message))
    if train.ema is not None and train.swa is not None:
        faults.append(Fault(("train", "swa"), "ema averages the weights too; leave one of them out"))
    if train.swa is not None and train.swa.start_epoch > train.epochs:
        message = f"expected an epoch of this training, at most {train.epochs}, got {train.swa.start_epoch}"
        faults.append(Fault(("train", "swa", "start_epoch"), message))
    return faults


def problems_of(experiment: Experiment) -> list[Problem]:
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
