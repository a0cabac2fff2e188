"""A run's weights in its model again, with its data or without: what scoring, drawing and predicting begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.data.prepare import Preparation, PreparedData, Split
from mytorch.data.table import DataError
from mytorch.training.building.experiment import Experiment, build
from mytorch.training.building.model import build_model
from mytorch.training.config.config import load_config
from mytorch.training.errors import UserError
from mytorch.training.loop.loop import load_weights
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run


@dataclass(frozen=True)
class Trained:
    """A run's experiment with weights of it in the model; `path` is where they come from, `epoch` whose they are.

    `metadata` is all else that the file holds.
    """

    experiment: Experiment
    path: Path
    metadata: dict[str, Any]

    @property
    def epoch(self) -> int | None:
        """How many epochs the weights had been trained."""
        return self.metadata.get("epoch")


def load_trained(run: Run, which: str = "best") -> Trained:
    """Build a run's config and load weights into the model: `best`, `last`, or those of a checkpoint file.

    Raises:
        UserError: the run has no config, the weights cannot be read or do not fit it, or the data is not there.
    """
    config = load_config(run.existing_config)
    path, weights, metadata = _read_checkpoint(run, which)
    experiment = build(config, runs_dir=None)
    return _with_weights(run, experiment, path, weights, metadata)


def load_model(run: Run, which: str = "best") -> Trained:
    """The same without the data, which need not be there any more: every part of the experiment's data has no rows.

    What was learned from the data is in the checkpoint. There is no loss and no metric: nothing can be scored.

    Raises:
        UserError: the run has no config, or the weights cannot be read or do not fit it.
    """
    config = load_config(run.existing_config)
    path, weights, metadata = _read_checkpoint(run, which)
    try:
        preparation = Preparation.from_dict(metadata["preparation"])
        shape = tuple(map(int, metadata["inputs"]["shape"]))
    except (KeyError, DataError) as error:
        raise UserError(
            f"{path} does not say how inputs are prepared ({error}); give best, last or a file such as best.safetensors"
        ) from None
    outputs = len(preparation.target_normalizer.shift)  # 1 for classes too
    is_column = preparation.class_names is None or config.loss_kind == "binary"
    targets: Any = np.zeros((0, outputs), np.float32) if is_column else np.zeros(0, np.int64)
    nothing = Split(np.zeros((0, *shape), np.float32), targets, targets, np.zeros(0, np.int64))
    data = PreparedData(nothing, None, None, preparation)
    experiment = Experiment(config, data, build_model(config, data), nn.Identity(), [])
    return _with_weights(run, experiment, path, weights, metadata)


def _read_checkpoint(run: Run, which: str) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    of_run = {"best": run.best_checkpoint, "last": run.last_checkpoint}
    path = of_run.get(which, Path(which))
    if which in of_run and not path.exists():
        raise UserError(f"{path}: no such checkpoint file; the training ended before it had weights to keep")
    return path, *checkpoint.load(path)


def _with_weights(
    run: Run, experiment: Experiment, path: Path, weights: dict[str, Any], metadata: dict[str, Any]
) -> Trained:
    try:
        load_weights(experiment.model, weights)
    except RuntimeError as error:
        raise UserError(f"{path} does not fit the model of {run.config}: {error}") from None
    return Trained(experiment, path, metadata)
