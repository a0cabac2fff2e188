"""What is measured in the logging steps of a training, and which steps these are.

Measuring changes no bit of the training and draws no random number. It costs about as much as a step of a small
network, so few steps are measured. Which ones depends on the number of the step alone, never on the time, nor on how
many epochs there will be: a training that was stopped, or prolonged afterwards, has the same rows as another that was
not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from mytorch import nn
from mytorch.training.diagnostics.gradients_file import GradientRow, GradientsLog, gradient_rows, last_step
from mytorch.training.diagnostics.layers import Array, layers_of, outputs_seen
from mytorch.training.diagnostics.norms import Moments, moments, square
from mytorch.training.diagnostics.units import Seen, unit_kind

STEPS_APART = 80  # so far apart are logging steps at least, but for the first ones
IN_FIRST_EPOCH = 24  # logging steps at most, if it is long enough; half as many in the second epoch, and so on
EPOCHS = 100  # so many ends of epochs are logged one by one, if they are far enough apart; then every 2nd, 5th, 10th
FIRST_EPOCHS = 2  # so many are logged one by one even if they are short

# The columns that metrics.csv has for the model as a whole.
MODEL_COLUMNS = ("weight_norm", "update_ratio", "activation_mean", "activation_std", "dead", "saturated")


def is_logging_step(step: int, epoch: int, in_epoch: int, steps_per_epoch: int, every_steps: int | None = None) -> bool:
    """Whether a step is measured: number `step` of the training and `in_epoch` of its epoch, all counted from 1.

    The first is, and every `every_steps`-th. Without that number the last step of an epoch is: of each if epochs are
    long, of every 2nd, 5th, 10th, 15th, 20th, ... if they have few steps or if there are many of them; and some within
    the first epochs, if these are long.

    >>> [epoch for epoch in range(1, 151) if is_logging_step(6 * epoch, epoch, 6, 6)]
    [1, 2, 4, 5, 10, 20, 30, 45, 60, 75, 90, 105, 120, 135, 150]
    >>> [step for step in range(1, 401) if is_logging_step(step, 1, step, 400)]
    [1, 80, 160, 240, 320, 400]
    """
    if every_steps is not None:
        return step == 1 or step % every_steps == 0
    parts = min(steps_per_epoch // STEPS_APART, IN_FIRST_EPOCH // epoch)
    if parts > 1:
        return step == 1 or in_epoch * parts // steps_per_epoch > (in_epoch - 1) * parts // steps_per_epoch
    return step == 1 or (in_epoch == steps_per_epoch and epoch % _epochs_apart(epoch, steps_per_epoch) == 0)


def _epochs_apart(epoch: int, steps_per_epoch: int) -> int:
    """The least of 1, 2, 5, 10, 15, 20, 50, 100, 150, ... by which epochs are far enough apart."""
    least = max(min(STEPS_APART / steps_per_epoch, epoch / FIRST_EPOCHS), epoch / EPOCHS)
    power = 1
    while True:
        for factor in (1, 1.5, 2, 5):
            if factor * power >= least and factor * power % 1 == 0:
                return round(factor * power)
        power *= 10


class Diagnostics:
    """The measuring of one training: its layers, its gradients.csv, and the rows of the newest logging step.

    Nothing is measured before `open` has been called, and never if they are off.
    """

    def __init__(self, model: nn.Module, steps_per_epoch: int, *, is_on: bool, every_steps: int | None = None) -> None:
        self.is_on, self.every_steps, self.steps_per_epoch = is_on, every_steps, steps_per_epoch
        self.layers = layers_of(model) if is_on else []
        self.kinds = [unit_kind(layer.module) for layer in self.layers]
        self.text = ""  # gradients.csv as it was at the checkpoint that the training goes on from
        self.log: GradientsLog | None = None
        self.rows: Sequence[GradientRow] = ()

    def open(self, path: Path) -> None:
        """Open the file, which rows are written to from now on until the end of a `with` block of the diagnostics."""
        if self.is_on:
            self.log = GradientsLog(path, self.text)
            if self.text:
                self.rows = last_step(gradient_rows(self.text, path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.log is not None:
            self.log.close()

    def begin(self, step: int, epoch: int, in_epoch: int) -> Measurement | None:
        """To be called before a step; None if it is not measured."""
        if self.log is None:
            return None
        if not is_logging_step(step, epoch, in_epoch, self.steps_per_epoch, self.every_steps):
            return None
        return Measurement(self, step, epoch)

    def write(self, rows: Sequence[GradientRow]) -> None:
        """Add the rows of a step to the file."""
        assert self.log is not None, "a step is measured only when the file is open"
        self.rows = rows
        self.log.append_step(rows)

    def of_epoch(self, epoch: int) -> dict[str, float | None]:
        """The cells of metrics.csv: those of the newest logging step, if it is of this epoch; none if they are off."""
        if not self.is_on:
            return {}
        if not self.rows or self.rows[0].epoch != epoch:
            return dict.fromkeys(MODEL_COLUMNS)
        return whole_model(self.rows)


class Measurement:
    """One logging step: `with looking():` around the first forward and backward pass, `rows()` after the step."""

    def __init__(self, diagnostics: Diagnostics, step: int, epoch: int) -> None:
        self.layers, self.kinds, self.step, self.epoch = diagnostics.layers, diagnostics.kinds, step, epoch
        self.outputs: dict[int, Moments] = {}
        self.units: dict[int, Seen] = {}
        self.gradients: list[float | None] = []  # squares
        self.before = [[p.array.copy() for p in layer.parameters] for layer in self.layers]

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at the outputs of layers, and at the gradients that there are at the end."""
        with outputs_seen(self.layers, self._see):
            yield
        for layer in self.layers:
            there = [square(p.grad.array) for p in layer.trainable if p.grad is not None]
            self.gradients.append(sum(there) if layer.trainable else None)

    def _see(self, index: int, output: Array, channels_first: bool) -> None:
        with np.errstate(all="ignore"):
            found = moments(output)
        before = self.outputs.get(index)
        self.outputs[index] = found if before is None else before.joined(found)
        kind = self.kinds[index]
        if kind is not None:
            if index not in self.units:
                self.units[index] = Seen(kind)
            self.units[index].add(output, channels_first)

    def rows(self) -> list[GradientRow]:
        """What was seen, a row a layer, after the weights have been changed."""
        rows = []
        with np.errstate(all="ignore"):
            for index, layer in enumerate(self.layers):
                weight = ratio = None
                if layer.parameters:
                    weight = sum(map(square, self.before[index]))
                    if layer.trainable:
                        for p, before in zip(layer.parameters, self.before[index], strict=True):
                            np.subtract(p.array, before, out=before)
                        change = sum(map(square, self.before[index]))
                        ratio = math.sqrt(change / weight) if weight else None
                gradient, units = self.gradients[index], self.units.get(index)
                seen = self.outputs.get(index)
                figures = (
                    None if gradient is None else math.sqrt(gradient),
                    None if weight is None else math.sqrt(weight),
                    ratio,
                    None if seen is None else seen.mean,
                    None if seen is None else seen.deviation,
                    None if units is None else units.dead_share,
                    None if units is None else units.saturated,
                )
                rows.append(GradientRow(self.epoch, self.step, layer.name, layer.type, *map(_rounded, figures)))
        return rows


def _rounded(value: float | None) -> float | None:
    """To six digits, so that a row is the same whether it was just measured or read from the file."""
    return None if value is None else float(f"{value:.6g}")


def whole_model(rows: Sequence[GradientRow]) -> dict[str, float | None]:
    """The figures of the model as a whole, from those of its layers in one step; None where there are none.

    Norms are those of all parameters together. The others are means over the layers that have the figure.

    >>> found = whole_model([GradientRow(1, 1, "0", "Linear", weight_norm=3.0, update_ratio=0.01, activation_mean=2.0),
    ...                      GradientRow(1, 1, "1", "Linear", weight_norm=4.0, update_ratio=0.01)])
    >>> found["weight_norm"], round(found["update_ratio"], 6), found["activation_mean"], found["dead"]
    (5.0, 0.01, 2.0, None)
    """
    weights = [row.weight_norm for row in rows if row.weight_norm is not None]
    moved = [(row.weight_norm, row.update_ratio) for row in rows if row.weight_norm and row.update_ratio is not None]
    length, change = math.hypot(*(weight for weight, _ in moved)), math.hypot(*(w * ratio for w, ratio in moved))
    means = {name: [v for row in rows if (v := getattr(row, name)) is not None] for name in MODEL_COLUMNS[2:]}
    found = {
        "weight_norm": math.hypot(*weights) if weights else None,
        "update_ratio": change / length if moved else None,
        **{name: sum(values) / len(values) if values else None for name, values in means.items()},
    }
    return {name: _rounded(value) for name, value in found.items()}
