"""Scoring a model on a split: one road for training's own reports and for `mytorch eval`, so that the digits agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd import no_grad
from mytorch.creation.from_data import from_numpy
from mytorch.data.prepare import Split
from mytorch.training.building.experiment import Experiment
from mytorch.training.building.losses import values_of_parts
from mytorch.training.errors import RunFailed
from mytorch.training.own_code import is_of_a_layer, told

# What goes through the model at once. It bounds the memory of a forward pass, where convolutions make 10 to 60 numbers
# of each that comes in, and is part of the numbers' definition (order of summing).
ROWS_AT_ONCE = 4096
NUMBERS_AT_ONCE = 1 << 18


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


def rows_at_once(shape: Sequence[int]) -> int:
    """How many rows, each of this shape, go through a model at once.

    >>> rows_at_once((13,)), rows_at_once((1, 28, 28))
    (4096, 334)
    """
    return max(1, min(ROWS_AT_ONCE, NUMBERS_AT_ONCE // max(1, math.prod(shape))))


def predict(model: nn.Module, inputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The model's raw output for all rows, in the units that it was trained in."""
    rows = rows_at_once(inputs.shape[1:])
    with evaluation_mode(model):
        parts = [model(from_numpy(inputs[start : start + rows])).array for start in range(0, len(inputs), rows)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def score(experiment: Experiment, split: Split, output: np.ndarray[Any, Any] | None = None) -> dict[str, float]:
    """The loss, every metric of the config and each loss of a list on a split.

    Regression metrics are in the target's own units, losses in those of the training.
    Where the rows have weights, all of them are weighted.

    Raises:
        RunFailed: the loss refuses what the model gives.
    """
    if output is None:
        output = predict(experiment.model, split.inputs)
    try:
        with no_grad():
            loss = experiment.loss(from_numpy(output), *split.for_loss()).item()
    except Exception as error:
        if not is_of_a_layer(error):
            raise
        raise RunFailed(f"{experiment.config.loss_name} cannot take the model's outputs: {told(error)}") from error
    parts = values_of_parts(experiment.loss)
    prediction, target = as_scored(experiment, output), true_values(experiment, split)
    metrics = {metric.name: metric(prediction, target, split.weights) for metric in experiment.metrics}
    return {"loss": loss, **metrics, **parts}


def as_scored(experiment: Experiment, output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The model's output as metrics and plots take it: values in the target's own units, or a score for each class.

    A single output of two classes, that of a binary loss, becomes two scores, whose softmax has its probability.
    """
    if experiment.kind == "binary":
        return two_scores(output, is_probability=experiment.config.takes_probability)
    return in_own_units(experiment, output)


def true_values(experiment: Experiment, split: Split) -> np.ndarray[Any, Any]:
    """What the outputs are scored against: values in the target's own units, or class numbers."""
    if experiment.kind == "binary":
        return split.original_targets.ravel().astype(np.int64)
    return split.original_targets


def two_scores(output: np.ndarray[Any, Any], is_probability: bool) -> np.ndarray[Any, Any]:
    """Scores of shape (n, 2) from one logit, or one probability of class 1, a row.

    >>> two_scores(np.array([[2.0], [-1.0]]), is_probability=False).tolist()
    [[0.0, 2.0], [0.0, -1.0]]
    """
    column = output.reshape(-1).astype(np.float64)
    if is_probability:
        return np.stack([np.log1p(-column), np.log(column)], axis=1)
    return np.stack([np.zeros_like(column), column], axis=1)


def in_own_units(experiment: Experiment, output: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Predictions in the target's own units; class scores as they are."""
    if experiment.kind != "regression":
        return output
    return experiment.data.target_normalizer.invert(output)
