"""Scoring a model on a split: one road for training's own reports and for `mytorch eval`, so that the digits agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd import no_grad
from mytorch.creation import from_numpy
from mytorch.data.prepare import Split
from mytorch.training.build import Experiment

ROWS_AT_ONCE = 4096  # bounds the memory of a forward pass; part of the numbers' definition (order of summing)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """The model without dropout and the like, nothing recorded; as it was before afterwards."""
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        model.train(was_training)


def predict(model: nn.Module, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The model's raw output for all rows, in the units that it was trained in."""
    with evaluation_mode(model):
        parts = [
            model(from_numpy(inputs[start : start + ROWS_AT_ONCE])).array
            for start in range(0, len(inputs), ROWS_AT_ONCE)
        ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def score(experiment: Experiment, split: Split, output: np.ndarray[Any, Any] | None = None) -> dict[str, float]:
    """The loss and every metric of the config on a split; regression metrics are in the target's own units."""
    if output is None:
        output = predict(experiment.model, split.inputs)
    with no_grad():
        loss = experiment.loss(from_numpy(output), from_numpy(split.targets)).item()
    prediction = in_own_units(experiment, output)
    return {"loss": loss} | {m.name: m(prediction, split.original_targets) for m in experiment.metrics}


def in_own_units(experiment: Experiment, output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Predictions in the target's own units; class scores as they are."""
    if experiment.data.task == "classification":
        return output
    return experiment.data.target_normalizer.invert(output)
