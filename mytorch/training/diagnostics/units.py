"""Units that do nothing any more: dead ones of ReLU, and outputs of squashing functions in their flat parts.

**Dead.** A unit of ReLU or ReLU6 that gives 0 for every row: nothing flows through it, forward or backward, so no
step on these rows wakes it. A unit is a feature, or a channel of an image or sequence. Other functions are not counted:
LeakyReLU, ELU, GELU, SiLU and their like let a gradient through on both sides.

**Saturated.** An output where the slope of the function is below 4 % of its greatest, so that hardly any gradient comes
through: of Sigmoid below 0.01 or above 0.99, of Tanh beyond 0.98 in size, of Softsign beyond 0.8; of Hardsigmoid and
Hardtanh, which are flat there, at their least or greatest value.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mytorch import nn
from mytorch.training.diagnostics.layers import Array, layers_of, outputs_seen

CAN_DIE = (nn.ReLU, nn.ReLU6)
# Below the first or above the second number an output is in the flat part.
FLAT = {nn.Sigmoid: (0.01, 0.99), nn.Tanh: (-0.98, 0.98), nn.Softsign: (-0.8, 0.8)}


@dataclass(frozen=True)
class UnitActivity:
    """What the units of an activation layer did on so many rows.

    `dead` is the number of units that were never active, None of a layer whose units cannot die; `saturated` the
    share of outputs in the flat part, None of a layer that has none.
    """

    layer: str
    type: str
    units: int
    dead: int | None
    saturated: float | None
    rows: int


class UnitKind(NamedTuple):
    """What the units of an activation layer can do: die, or have outputs below and above limits, in the flat part."""

    can_die: bool
    limits: tuple[float, float] | None


def unit_kind(module: nn.Module) -> UnitKind | None:
    """That of a layer; None if its units can neither die nor saturate."""
    kind = UnitKind(isinstance(module, CAN_DIE), flat_parts(module))
    return kind if kind != (False, None) else None


class Seen:
    """What was seen of the outputs of one activation layer, over all calls."""

    def __init__(self, kind: UnitKind) -> None:
        self.can_die, self.limits = kind
        self.alive: Array | None = None  # of each unit, whether it was ever active
        self.flat = self.outputs = self.rows = self.units = 0

    def add(self, output: Array, channels_first: bool) -> None:
        """Take the outputs of a call into account."""
        by_unit = as_units(output, channels_first)
        self.rows += len(output) if output.ndim else 1
        self.units = by_unit.shape[1]
        if self.can_die:
            if self.alive is None or len(self.alive) != self.units:
                self.alive = np.zeros(self.units, bool)
            unknown = ~self.alive
            if unknown.any():  # most units are active in the first batch, and need not be looked at again
                rest = by_unit if unknown.all() else by_unit[:, unknown]
                # The greatest of a unit is quicker to find than whether any is not 0, and ReLU has none below.
                self.alive[unknown] = (
                    rest.max(axis=2).max(axis=0) if rest.shape[2] > 1 else rest.max(axis=0)[:, 0]
                ) != 0
        elif self.limits is not None:
            low, high = self.limits
            self.flat += int(np.count_nonzero(output < low) + np.count_nonzero(output > high))
            self.outputs += output.size

    @property
    def dead(self) -> int | None:
        """The number of units that were never active."""
        return None if self.alive is None else int(self.alive.size - np.count_nonzero(self.alive))

    @property
    def dead_share(self) -> float | None:
        """The same as a share of all units."""
        return None if self.alive is None or self.dead is None else self.dead / self.alive.size

    @property
    def saturated(self) -> float | None:
        """The share of outputs in the flat part."""
        return self.flat / self.outputs if self.outputs else None


def flat_parts(module: nn.Module) -> tuple[float, float] | None:
    """Below which output and above which one the function is flat; None if it is so nowhere.

    >>> flat_parts(nn.Sigmoid()), flat_parts(nn.Hardtanh()), flat_parts(nn.GELU())
    ((0.01, 0.99), (-0.9999999, 0.9999999), None)
    """
    if isinstance(module, CAN_DIE):  # ReLU6 is a kind of Hardtanh
        return None
    if isinstance(module, nn.Hardtanh):
        low, high = module.min_val, module.max_val
    elif isinstance(module, nn.Hardsigmoid):
        low, high = 0.0, 1.0
    else:
        return next((limits for kind, limits in FLAT.items() if isinstance(module, kind)), None)
    inside = 1e-7 * max(abs(low), abs(high))  # so that the limits themselves count, rounded to float32
    return low + inside, high - inside


def as_units(output: Array, channels_first: bool) -> Array:
    """The output as an array of (row, unit, place): units are the features, or the channels of images and sequences.

    >>> as_units(np.zeros((4, 3)), False).shape, as_units(np.zeros((4, 3, 5, 5)), False).shape
    ((4, 3, 1), (4, 3, 25))
    >>> as_units(np.zeros((4, 7, 3)), False).shape, as_units(np.zeros((4, 3, 7)), True).shape
    ((28, 3, 1), (4, 3, 7))
    """
    if output.ndim == 3 and not channels_first:
        output = output.reshape(-1, output.shape[2])
    if output.ndim < 2:
        output = output.reshape(-1, 1)
    return output.reshape(*output.shape[:2], -1)


class ActivityWatch:
    """Looks at the activation layers of a model while rows are scored, and counts what their units do."""

    def __init__(self, model: nn.Module) -> None:
        self.layers = layers_of(model)
        kinds = [unit_kind(layer.module) for layer in self.layers]
        self.seen = {index: Seen(kind) for index, kind in enumerate(kinds) if kind is not None}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count what is computed in the `with` block."""

        def see(index: int, output: Array, channels_first: bool) -> None:
            if index in self.seen:
                self.seen[index].add(output, channels_first)

        with outputs_seen(self.layers if self.seen else (), see):
            yield

    def result(self) -> list[UnitActivity]:
        """What was seen of each layer that was called, in the order of the model.

        >>> import mytorch
        >>> model = nn.Sequential(nn.ReLU(), nn.Sigmoid())
        >>> watch = ActivityWatch(model)
        >>> with watch.watching():
        ...     _ = model(mytorch.tensor([[-1.0, 9.0], [-2.0, 0.5]]))
        >>> watch.result()[0]
        UnitActivity(layer='0', type='ReLU', units=2, dead=1, saturated=None, rows=2)
        >>> watch.result()[1].saturated
        0.25
        """
        return [
            UnitActivity(
                self.layers[index].name, self.layers[index].type, seen.units, seen.dead, seen.saturated, seen.rows
            )
            for index, seen in self.seen.items()
            if seen.rows
        ]
