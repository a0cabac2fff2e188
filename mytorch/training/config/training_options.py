"""Which options of `train` make sense together: all that is wrong, found before anything is built.

What does not fit the data is found by `building.training_options`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mytorch.training.config.components import Fault

if TYPE_CHECKING:
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
