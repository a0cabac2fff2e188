"""The checkpoints of a run: when one is due, how they are called, which are kept, and which can be gone on from.

    checkpoints/state-00000900.safetensors      all of the training's state after step 900

A new one is written under its own name; only when it is whole, on the disk, the oldest is removed. Of two that are
kept, one is good whatever happens to the other.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mytorch.training.errors import UserError
from mytorch.training.runs import checkpoint
from mytorch.training.runs.packing import Arrays
from mytorch.training.runs.run import Run

if TYPE_CHECKING:
    from mytorch.training.config.sections import Checkpoint

_STATE = re.compile(r"state-\d+\.safetensors")
DAMAGED = ".damaged"  # added to the name of one that cannot be read, so that it is neither used nor written over

# Without orders: after the first epoch, then every 10 seconds, and never more than a fiftieth of the time on it.
SECONDS_BETWEEN = 10.0
SHARE_OF_TIME = 50.0


class SavingPlan:
    """Says when a checkpoint is due. Asked after every step, so it must be quick."""

    def __init__(self, orders: Checkpoint, *, is_first: bool = True) -> None:
        self.every_epochs, self.every_steps = orders.every_epochs, orders.every_steps
        seconds = None if orders.every_minutes is None else 60 * orders.every_minutes
        self.is_auto = (orders.every_epochs, orders.every_steps, seconds) == (None, None, None)
        self.seconds = SECONDS_BETWEEN if self.is_auto else seconds
        self.is_first = is_first and self.is_auto
        self.saved_at = time.perf_counter()

    def after_step(self, steps: int) -> bool:
        """Whether one is due after this many steps."""
        if self.every_steps is not None and steps % self.every_steps == 0:
            return True
        return self.seconds is not None and time.perf_counter() - self.saved_at >= self.seconds

    def after_epoch(self, epochs: int, steps: int) -> bool:
        """Whether one is due after this many epochs and steps."""
        if self.is_first or (self.every_epochs is not None and epochs % self.every_epochs == 0):
            return True
        return self.after_step(steps)

    def saved(self, began: float) -> None:
        """One was written, which began at this time of `time.perf_counter`."""
        self.saved_at = time.perf_counter()
        self.is_first = False
        if self.is_auto:
            self.seconds = max(SECONDS_BETWEEN, SHARE_OF_TIME * (self.saved_at - began))


@dataclass
class Loaded:
    """A checkpoint that was read and is whole."""

    path: Path
    arrays: Arrays
    metadata: dict[str, Any]
    damaged: dict[Path, str] = field(default_factory=dict)  # newer ones that are not, and what is wrong with them


def states(run: Run) -> list[Path]:
    """The checkpoints of a run, newest first."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        found = [path for path in run.checkpoints.iterdir() if _STATE.fullmatch(path.name)]
    return sorted(found, key=step_of, reverse=True)


def step_of(path: Path) -> int:
    """The step after which a checkpoint was written, by its name.

    >>> step_of(Path("checkpoints/state-00000900.safetensors"))
    900
    """
    return int(path.stem.removeprefix("state-"))


def newest_step(run: Run) -> int:
    """The step of the newest checkpoint, whole or not; 0 if there is none."""
    return next(map(step_of, states(run)), 0)


def write_state(run: Run, step: int, arrays: Arrays, metadata: Mapping[str, Any], keep: int) -> Path:
    """Write the checkpoint of a step, then remove the oldest so that `keep` stay. OSError if it cannot be written."""
    path = run.checkpoints / f"state-{step:08d}.safetensors"
    checkpoint.save(path, arrays, metadata)
    older = [state for state in states(run) if state != path]
    for state in older[keep - 1 :]:
        state.unlink(missing_ok=True)
    return path


def newest_whole(run: Run) -> Loaded:
    """The newest checkpoint of a run that can be read.

    Raises:
        UserError: there is none, or each is damaged.
    """
    damaged: dict[Path, str] = {}
    for path in states(run):
        try:
            arrays, metadata = checkpoint.load(path)
            return Loaded(path, arrays, metadata, damaged)
        except UserError as error:
            damaged[path] = str(error)
    if damaged:
        listed = "\n".join(f"  {message}" for message in damaged.values())
        raise UserError(f"{run} has no checkpoint that could be gone on from:\n{listed}\n{_start_again(run)}")
    raise UserError(
        f"{run} has no checkpoint to go on from: it was stopped before the first one, or they were removed\n"
        f"{_start_again(run)}"
    )


def _start_again(run: Run) -> str:
    return f"to train it again from the beginning, in a new run: mytorch train {run.quoted}/config.yaml"


def put_aside(loaded: Loaded) -> None:
    """Rename the damaged checkpoints that are newer than the one that is used."""
    for path in loaded.damaged:
        path.replace(path.with_name(path.name + DAMAGED))
    loaded.damaged = {}
