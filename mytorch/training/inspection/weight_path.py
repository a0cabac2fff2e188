"""The way that a training's weights went, got by training a run once more in a throw-away run.

A replay ends with the run's own weights to the bit, if nothing that decides on them has changed since; that is checked
against the run's checkpoints.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytorch import nn
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.config.sections import Measuring
from mytorch.training.errors import Stopped, UserError
from mytorch.training.loop.loop import Training, Weights
from mytorch.training.loop.replay import NEVER, train_on
from mytorch.training.loop.resume import changes_of_data, changes_of_versions
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import newest_whole

MOST_POINTS = 100
MOST_BYTES = 1 << 29  # of all points together; a large model gets fewer


@dataclasses.dataclass(frozen=True)
class WeightPath:
    """The weights after some of the steps: `points[i]` are all trained parameters after step `steps[i]`, end to end.

    `unlike` says in which respect the replay did not come to the run's own weights; it is empty if it did.
    """

    steps: list[int]
    points: NDArray[np.float32]
    unlike: list[str]

    @property
    def is_exact(self) -> bool:
        """Whether the replay came to the run's weights to the bit."""
        return not self.unlike


def trained_parameters(model: nn.Module) -> dict[str, NDArray[Any]]:
    """The arrays of the parameters that are trained, by name, in the order of the model: its own, not copies."""
    return {name: parameter.array for name, parameter in model.named_parameters() if parameter.requires_grad}


def flat(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """All numbers of some arrays in one row.

    >>> flat({"a": np.ones((1, 2)), "b": np.zeros(1)}).tolist()
    [1.0, 1.0, 0.0]
    """
    return np.concatenate([array.ravel() for array in arrays.values()]).astype(np.float32, copy=False)


def steps_to_keep(last: int, most: int) -> list[int]:
    """At most so many steps, evenly spread from 0 to the last.

    >>> steps_to_keep(10, 3), steps_to_keep(2, 100)
    ([0, 5, 10], [0, 1, 2])
    """
    return sorted({round(step) for step in np.linspace(0, last, min(most, last + 1))})


def replay_path(run: Run, runs_dir: Path, look: Callable[[int, int], bool] = lambda _step, _last: False) -> WeightPath:
    """Train a run again up to its last weights, and keep the weights of up to 100 steps on the way.

    They are those that are scored and saved: averages, if the config asks for them.

    Args:
        run: whose files are only read.
        runs_dir: where the run is looked for that this one began from, if it did.
        look: called with the number of steps and the last one after each; the replay ends when it returns True.

    Raises:
        Stopped: `look` has ended it.
        UserError: the run's config or data cannot be used any more, or it has no weights.
        RunFailed: the training failed before it came to the run's last weights.
    """
    ends = {"best": checkpoint.load(run.best_checkpoint), "last": checkpoint.load(run.last_checkpoint)}
    last_epoch = int(ends["last"][1]["epoch"])
    unmeasured = {"checkpoint": NEVER, "diagnostics": Measuring(is_on=False)}
    config = load_config(run.existing_config).model_copy(update=unmeasured)
    experiment = build(config, runs_dir=runs_dir)
    unlike: list[str] = []
    with Run.throwaway(run.name) as copy:
        training = Training(experiment, copy)
        last = last_epoch * training.steps_per_epoch
        size = 4 * sum(array.size for array in trained_parameters(training.model).values())
        keep = steps_to_keep(last, max(2, min(MOST_POINTS, MOST_BYTES // max(size, 1))))
        points = np.empty((len(keep), size // 4), np.float32)
        points[0] = flat(trained_parameters(training.model))
        places = {step: place for place, step in enumerate(keep)}
        was_stopped = False

        def after_step(training: Training) -> bool:
            nonlocal was_stopped
            if training.steps in places:
                points[places[training.steps]] = _scored(training)
            if training.batches_left is None:  # an epoch is complete
                for which, (arrays, metadata) in ends.items():
                    if metadata.get("epoch") == training.epoch and not _same(training.copy_weights(), arrays):
                        unlike.append(f"after epoch {training.epoch} its weights are not those of {which}.safetensors")
            was_stopped = look(training.steps, last)
            return was_stopped or training.steps >= last

        train_on(training, after_step)
        if was_stopped:
            raise Stopped
        if training.steps < last:
            unlike.append(f"it ended after epoch {training.epoch} of {last_epoch}")
            count = sum(step <= training.steps for step in keep)
            keep, points = keep[:count], points[:count]
    if unlike:
        unlike += _reasons(run, training)
    return WeightPath(keep, points, unlike)


def _scored(training: Training) -> NDArray[np.float32]:
    """The trained parameters of the model whose weights count, in the order of the model that is trained.

    Those of an average do not ask for gradients, but have the same names.
    """
    scored = dict(training.averaging.scored.named_parameters())
    return flat({name: scored[name].array for name in trained_parameters(training.model)})


def _same(weights: Weights, arrays: Mapping[str, Any]) -> bool:
    return weights.keys() == arrays.keys() and all(
        array.tobytes() == np.asarray(arrays[name]).tobytes() for name, array in weights.items()
    )


def _reasons(run: Run, training: Training) -> list[str]:
    """What is known to have changed since the run was trained."""
    try:
        loaded = newest_whole(run)
    except UserError:  # it has no checkpoint of all its state
        return []
    return changes_of_data(loaded, training.experiment) + changes_of_versions(loaded)
