"""The loss and a user's own metrics, tried out on a few rows before a training: what they get wrong is told at once.

Some losses take more than outputs and targets, or targets of other shapes; only a try tells. Modules are tried out by
`model_building`, which sends zeros through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mytorch import nn
from mytorch.backend.generator import default_generator
from mytorch.creation.from_data import from_numpy
from mytorch.tensor import Tensor
from mytorch.training.errors import Problem
from mytorch.training.own_code import told

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment

ROWS = 8


def problems_of_a_trial(experiment: Experiment) -> list[Problem]:
    """What is wrong with the loss for these targets, and with metrics that are the user's own."""
    config = experiment.config
    problems = []
    state = default_generator.get_state()
    message = _try_loss(experiment)
    if message is not None:
        problems.append(config.problem(("loss",), f"{config.loss_name} {message}"))
    for index, component in enumerate(config.metrics or ()):
        if component.is_own:
            message = _try_metric(experiment, index)
            if message is not None:
                problems.append(config.problem(("metrics", index), f"{component.type} {message}"))
    default_generator.set_state(state)
    return problems


def _try_loss(experiment: Experiment) -> str | None:
    """What is wrong with the loss of random outputs; None if nothing is."""
    targets = [values[:ROWS] for values in experiment.data.train.for_loss()]
    count = len(targets[0])
    shape = (count, *targets[0].shape[1:]) if targets[0].ndim > 1 else (count, len(experiment.data.class_names or ()))
    output = nn.Parameter(from_numpy(np.random.default_rng(0).uniform(0.25, 0.75, shape).astype(np.float32)))
    try:
        value = experiment.loss(output, *targets)
    except Exception as error:
        return f"cannot take outputs {tuple(shape)} and targets {tuple(targets[0].shape)}: {told(error)}"
    if not isinstance(value, Tensor):
        return f"gives a {type(value).__name__}, expected a tensor"
    if value.numel() != 1:
        return f"gives the shape {tuple(value.shape)}, expected one number, such as its mean"
    if not value.requires_grad:
        return "does not depend on the output in a way that gradients can follow; NumPy and .item() end their way"
    return None


def _try_metric(experiment: Experiment, index: int) -> str | None:
    """What is wrong with a metric of outputs that are a little beside the targets; None if nothing is."""
    target = experiment.data.train.original_targets[:ROWS]
    prediction = target + 0.5
    if experiment.kind != "regression":
        target = target.ravel().astype(np.int64)
        prediction = np.eye(max(2, len(experiment.data.class_names or ())))[target]
    try:
        experiment.metrics[index](prediction, target)
    except Exception as error:
        return f"cannot be computed: {told(error)}"
    return None
