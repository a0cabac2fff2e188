"""A run's weights in its model again, with its data: what scoring and drawing a run that is there begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mytorch.training import checkpoint
from mytorch.training.build import Experiment, build
from mytorch.training.config import load_config
from mytorch.training.errors import UserError
from mytorch.training.loop import load_weights
from mytorch.training.run import Run


@dataclass(frozen=True)
class Trained:
    """A run's experiment with weights of it in the model; `path` is where they come from, `epoch` whose they are."""

    experiment: Experiment
    path: Path
    epoch: int | None


def load_trained(run: Run, which: str = "best") -> Trained:
    """Build a run's config and load weights into the model: `best`, `last`, or those of a checkpoint file.

    Raises:
        UserError: the run has no config, the weights cannot be read or do not fit it, or the data is not there.
    """
    if not run.config.is_file():
        raise UserError(f"{run} has no config.yaml: its training was stopped before it began")
    path = {"best": run.best_checkpoint, "last": run.last_checkpoint}.get(which, Path(which))
    weights, metadata = checkpoint.load(path)
    experiment = build(load_config(run.config))
    try:
        load_weights(experiment.model, weights)
    except RuntimeError as error:
        raise UserError(f"{path} does not fit the model of {run.config}: {error}") from None
    return Trained(experiment, path, metadata.get("epoch"))
