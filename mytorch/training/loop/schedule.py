"""The learning rate of every step: that of the config's scheduler, a warm-up in front of it, the constant one of SWA.

The scheduler's own rate stands in the optimizer's groups, where schedulers look for it. Warm-up and SWA put theirs in
its place while a step is taken, so they go with every scheduler and leave nothing behind that a checkpoint would need.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mytorch.training.building.experiment import Experiment


def warmup_factor(step: int, warmup: int) -> float:
    """What the learning rate of a step, counted from 1, is multiplied with in a warm-up of so many steps.

    It rises in a straight line; the first step behind the warm-up is the first at the full rate. It is what
    ``LinearLR(start_factor=1 / (warmup + 1), total_iters=warmup)`` gives.

    >>> [warmup_factor(step, 3) for step in (1, 2, 3, 4, 5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return min(1.0, step / (warmup + 1))


def warmup_steps(experiment: Experiment) -> int:
    """How many steps the warm-up has; 0 without one."""
    train = experiment.config.train
    return train.warmup_steps or (train.warmup_epochs or 0) * experiment.steps_per_epoch()


class Schedule:
    """When a training's scheduler is stepped, and with what; the rates that its steps are taken with."""

    def __init__(self, experiment: Experiment, optimizer: Any, scheduler: Any) -> None:
        train = experiment.config.train
        self.optimizer, self.scheduler = optimizer, scheduler
        self.per_step = train.scheduler_step == "batch"
        self.monitor = train.scheduler_monitor
        self.warmup = warmup_steps(experiment)
        self.swa = train.swa

    def rate(self, step: int, epoch: int) -> float:
        """The learning rate of a step, both counted from 1, if the scheduler is not stepped before."""
        return self._used(float(self.optimizer.param_groups[0]["lr"]), step, epoch)

    @contextmanager
    def rates_of(self, step: int, epoch: int) -> Iterator[None]:
        """The optimizer with the rates of this step; with the scheduler's afterwards."""
        groups = self.optimizer.param_groups
        scheduled = [group["lr"] for group in groups]
        for group, rate in zip(groups, scheduled, strict=True):
            group["lr"] = self._used(rate, step, epoch)
        try:
            yield
        finally:
            for group, rate in zip(groups, scheduled, strict=True):
                group["lr"] = rate

    def _used(self, rate: float, step: int, epoch: int) -> float:
        if self.swa is not None and self.swa.lr is not None and epoch >= self.swa.start_epoch:
            rate = self.swa.lr
        return rate if step > self.warmup else rate * warmup_factor(step, self.warmup)

    def after_step(self) -> None:
        """Step a scheduler that goes by steps."""
        if self.scheduler is not None and self.per_step:
            self.scheduler.step()

    def after_epoch(self, row: Mapping[str, float | None]) -> None:
        """Step a scheduler that goes by epochs; `row` is the epoch's in metrics.csv."""
        if self.scheduler is None or self.per_step:
            return
        if self.monitor is None:
            self.scheduler.step()
        else:
            self.scheduler.step(row[self.monitor])
