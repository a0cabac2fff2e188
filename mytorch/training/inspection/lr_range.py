"""A learning-rate range test: a short training whose rate rises from far too small to far too large.

The loss that each rate comes to is recorded, and the rate at which it falls most steeply is what such a training can
begin with. The test is that of Smith, "Cyclical Learning Rates for Training Neural Networks" (2017); rates rise
geometrically and losses are smoothed, as has become usual since.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mytorch.optim import LBFGS, Rprop
from mytorch.training.building.experiment import Experiment
from mytorch.training.config.components import parameters_of
from mytorch.training.config.sections import Measuring
from mytorch.training.errors import ConfigError, RunFailed
from mytorch.training.loop.loop import Training
from mytorch.training.runs.run import Run

Floats = NDArray[np.float64]

MEMORY = 0.8  # how much of the average stays from step to step; its lag is 4 steps
DIVERGED = 4.0  # times the best loss
WINDOW = 0.5  # decades to either side of a rate, on which a slope is measured: that of two steps is mostly noise
LEAST_FALL = 0.02  # of the loss at the start
NOISE = 5.0  # deviations of the smoothed losses; the lowest of a hundred lies that deep by chance in 3 tests of 100
FEWEST_STEPS = 20  # that tell anything


@dataclass
class RangeTest:
    """What was seen: for each step its rate, the loss of its batches before it, and the smoothed loss.

    `ended` says why there are fewer steps than were asked for: None, `"diverged"`, `"not finite"` or `"stopped"`.
    """

    rates: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    ended: str | None = None


class Suggestion(NamedTuple):
    """The rate of the steepest descent, that of the lowest loss, and a tenth of the latter, which is also in use."""

    rate: float
    lowest: float

    @property
    def tenth(self) -> float:
        """A tenth of the rate of the lowest loss."""
        return two_digits(self.lowest / 10)


class NoSuggestionError(Exception):
    """The losses of a range test do not tell a rate; the message says why, and what to try."""


def geometric_rates(first: float, last: float, steps: int) -> list[float]:
    """So many rates from the first to the last, each the same multiple of the one before.

    >>> [round(rate, 6) for rate in geometric_rates(1e-3, 1.0, 4)]
    [0.001, 0.01, 0.1, 1.0]
    """
    return [float(rate) for rate in np.geomspace(first, last, steps)]


def range_test(
    experiment: Experiment, rates: Sequence[float], look: Callable[[int], bool] = lambda _step: False
) -> RangeTest:
    """Train a step at each rate, in a throw-away run; the experiment's model is another one afterwards.

    The batches, their augmentation, `train.accumulate` and clipping are the training's; there is no schedule, no
    warm-up and no average of weights. The test ends when the smoothed loss is above four times its best or no longer
    finite, or when `look`, which is called with the number of steps after each, returns True.

    Raises:
        ConfigError: the optimizer is one whose learning rate cannot be tested.
        RunFailed: the model or the loss cannot take a batch.
    """
    config = experiment.config
    plain = {"warmup_steps": None, "warmup_epochs": None, "ema": None, "swa": None, "early_stopping": None}
    train = config.train.model_copy(update={**plain, "scheduler_step": None, "scheduler_monitor": None})
    unmeasured = {"diagnostics": Measuring(is_on=False)}
    experiment.config = config.model_copy(update={"scheduler": None, "train": train, **unmeasured})
    seen = RangeTest()
    with Run.throwaway(config.name) as run:
        training = Training(experiment, run)
        _check_optimizer(training)
        own = [float(group["lr"]) for group in training.optimizer.param_groups]
        average = Average()
        training.model.train()
        batches = iter(training.batches)
        for rate in rates:
            if not (together := training.next_batches(batches)):
                batches = iter(training.batches)
                together = training.next_batches(batches)
            for group, of_group in zip(training.optimizer.param_groups, own, strict=True):
                group["lr"] = rate * of_group / own[0] if own[0] else rate
            try:
                loss, _ = training.step(*together)
            except RunFailed as failure:
                if failure.__cause__ is not None:  # it is the batch that does not fit, not the rate
                    raise
                seen.ended = "not finite"
                return seen
            seen.rates.append(rate)
            seen.losses.append(loss)
            seen.smoothed.append(average.add(loss))
            if has_diverged(seen.smoothed):
                seen.ended = "diverged"
                return seen
            if look(len(seen.rates)):
                seen.ended = "stopped"
                return seen
    return seen


def _check_optimizer(training: Training) -> None:
    config = training.experiment.config
    kind = config.optimizer.type
    if isinstance(training.optimizer, LBFGS):
        message = f"{kind} looks for the length of each step itself: a range test is not for it; leave lr at 1"
    elif isinstance(training.optimizer, Rprop):
        message = f"{kind} adapts a step size for each weight, lr is only the first: a range test is not for it"
    elif "lr" not in parameters_of(config.optimizer.target):
        message = f"{kind} takes no argument lr, so there is no learning rate to look for"
    else:
        return
    raise ConfigError([config.problem(("optimizer",), message)])


class Average:
    """An exponential moving average of losses, corrected for its beginning at 0 as Adam's averages are.

    >>> average = Average()
    >>> average.add(2.0), average.add(2.0)
    (2.0, 2.0)
    """

    def __init__(self, memory: float = MEMORY) -> None:
        self.memory = memory
        self.value, self.weight = 0.0, 0.0

    def add(self, loss: float) -> float:
        """The average with one more loss."""
        self.value = self.memory * self.value + (1 - self.memory) * loss
        self.weight = self.memory * self.weight + (1 - self.memory)
        return self.value / self.weight


def has_diverged(smoothed: Sequence[float]) -> bool:
    """Whether the last of the losses is above four times the best.

    A tenth of the first loss stands in for a best that is smaller, as that of a problem that is solved exactly and
    losses that may be negative are no measure.

    >>> has_diverged([1.0, 0.5, 1.9]), has_diverged([1.0, 0.5, 2.1])
    (False, True)
    """
    best = min(smoothed)
    return smoothed[-1] > best + (DIVERGED - 1) * max(abs(best), abs(smoothed[0]) / 10)


def suggest_rate(seen: RangeTest) -> Suggestion:
    """The rate at which the smoothed loss falls most steeply, to two digits.

    The slope is that of a straight line through the smoothed losses half a decade to either side, over the logarithm
    of the rate; only rates up to that of the lowest loss count.

    Raises:
        NoSuggestionError: the loss has not fallen by more than 2 %, or by no more than noise explains.

    >>> rates = geometric_rates(1e-4, 1.0, 41)
    >>> losses = [1 / (1 + (rate / 0.01) ** 2) for rate in rates]  # falls most steeply at 0.01
    >>> suggest_rate(RangeTest(rates, losses, losses)).rate
    0.01
    """
    if len(seen.rates) < FEWEST_STEPS // 2:
        count = len(seen.rates)
        raise NoSuggestionError(
            f"after {count} step{'s' * (count != 1)} the loss {_how_it_ended(seen)}: every rate of the test is too "
            "large, or something else is wrong (mytorch check tells); --from begins with a smaller rate"
        )
    places, losses, smoothed = np.log10(seen.rates), np.array(seen.losses), np.array(seen.smoothed)
    lowest = int(smoothed.argmin())
    window = min(WINDOW, (places[-1] - places[0]) / 4)
    flat = int((places <= places[0] + window).sum())  # steps at rates that change little yet
    start = float(losses[: min(flat, lowest + 1)].mean())
    fall = start - float(smoothed[lowest])
    noise = NOISE * _deviation(losses[: max(lowest + 1, FEWEST_STEPS // 2)])
    if not fall > max(LEAST_FALL * abs(start), noise):
        raise NoSuggestionError(_why_not(seen, start, fall, noise))
    slopes = [
        _slope(places, smoothed, place, window) if places[0] + window <= place <= places[-1] - window else math.inf
        for place in places[: lowest + 1] + 1e-12
    ]
    steepest = int(np.argmin(slopes))
    if not slopes[steepest] < 0:  # it fell in the first half decade, or the last
        steepest = lowest
    return Suggestion(two_digits(seen.rates[steepest]), two_digits(seen.rates[lowest]))


def two_digits(rate: float) -> float:
    """A rate as one writes it; more digits would claim too much.

    >>> two_digits(0.0031622)
    0.0032
    """
    return float(f"{rate:.1e}")


def _deviation(losses: Floats) -> float:
    """By how much smoothed losses deviate by chance, seen by differences of neighbours, which a trend hardly has."""
    raw = float(np.std(np.diff(losses))) / math.sqrt(2)
    return raw * math.sqrt((1 - MEMORY) / (1 + MEMORY))


def _slope(places: Floats, losses: Floats, place: float, window: float) -> float:
    near = np.abs(places - place) <= window + 1e-9
    return float(np.polyfit(places[near], losses[near], 1)[0])


def _how_it_ended(seen: RangeTest) -> str:
    return "has diverged" if seen.ended == "diverged" else "is no longer finite"


def _why_not(seen: RangeTest, start: float, fall: float, noise: float) -> str:
    told = f"the loss began at {start:.4g} and fell by {max(fall, 0):.2g} at most, at rates up to {seen.rates[-1]:.2g}"
    if seen.ended is not None:
        told += f", where it {_how_it_ended(seen)}"
    if fall > LEAST_FALL * abs(start):
        told += f"; that may be chance, as the batches differ (a fall of {noise:.2g} would be clear)"
    if seen.ended is not None:
        return f"{told}; --from begins with a smaller rate, --steps takes more steps"
    return (
        f"{told}; --to goes on to larger rates, --steps takes more steps, and mytorch check tells whether gradients "
        "come to every layer"
    )
