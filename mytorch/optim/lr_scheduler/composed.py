"""Schedules made of schedules: one after the other, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from mytorch.optim.lr_scheduler.base import LRScheduler, set_value
from mytorch.optim.lr_scheduler.plateau import ReduceLROnPlateau
from mytorch.optim.optimizer import Optimizer


class _ComposedLR(LRScheduler):
    """Holds other schedules of the same optimizer."""

    def _check(self, optimizer: Any, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        for index, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {index} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                    f"specified when calling `step`, but got one at index {index} in the given schedulers sequence."
                )
            if optimizer is not scheduler.optimizer:
                raise ValueError(
                    f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                    f"{type(scheduler).__name__} at index {index} has {scheduler.optimizer}, which is different from "
                    f"{type(optimizer).__name__}."
                )
        self._schedulers = schedulers
        self.optimizer = optimizer

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer; of the schedules inside their states."""
        return super().state_dict() | {"_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


class SequentialLR(_ComposedLR):
    """One schedule after the other: the next takes over at each milestone, and begins with its own step 0.

    Args:
        optimizer: the optimizer whose rates are set.
        schedulers: the schedules, in order, all of this optimizer.
        milestones: the steps at which the second, third ... begin.
        last_epoch: the step that a resumed training had reached, -1 for a new one.

    Raises:
        ValueError: no schedule, one of another optimizer, a `ReduceLROnPlateau`, or milestones that are not one less.
        TypeError: something is no schedule.

    >>> import mytorch
    >>> from mytorch.optim.lr_scheduler import ConstantLR, ExponentialLR
    >>> optimizer = mytorch.optim.SGD([mytorch.ones(1, requires_grad=True)], lr=1.0)
    >>> warmup, fall = ConstantLR(optimizer, factor=0.1, total_iters=9), ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = SequentialLR(optimizer, [warmup, fall], milestones=[2])
    >>> rates = []
    >>> for _ in range(4): rates += schedule.get_last_lr(); optimizer.step(); schedule.step()
    >>> rates
    [0.1, 0.1, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        self._check(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # Every schedule has made its own first step by now. Take them back, and let only the first one begin.
        for group in optimizer.param_groups:
            set_value(group, "lr", group["initial_lr"])
        self.recursive_undo()
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back one step of a schedule (by default this one), and of those inside it."""
        sched = self if sched is None else sched
        if hasattr(sched, "_schedulers"):
            for inner in sched._schedulers:
                self.recursive_undo(inner)
        elif hasattr(sched, "last_epoch"):
            sched.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next rate; call it after the optimizer's `step`."""
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_ComposedLR):
    """Several schedules at once: each changes the rate that the one before has left.

    Args:
        schedulers: the schedules, all of one optimizer.
        optimizer: the optimizer whose rates are set; by default that of the first schedule.

    Raises:
        ValueError: no schedule, one of another optimizer, or a `ReduceLROnPlateau`.
        TypeError: something is no schedule.

    >>> import mytorch
    >>> from mytorch.optim.lr_scheduler import ExponentialLR
    >>> optimizer = mytorch.optim.SGD([mytorch.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = ChainedScheduler([ExponentialLR(optimizer, 0.5), ExponentialLR(optimizer, 0.5)])
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        if len(schedulers) < 1:
            raise ValueError("ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.")
        self._check(optimizer or getattr(schedulers[0], "optimizer", None), schedulers)
        self._last_lr = self._current()

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next rate; call it after the optimizer's `step`."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._current()
