"""The loss, the model's gradients and a user's own metrics, optimizer and scheduler, tried out before a training: what
they get wrong is told at once.

Some losses take more than outputs and targets, or targets of other shapes; only a try tells. The shapes of layers are
tried out by `building.model`, which sends zeros through them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from mytorch import nn
from mytorch.creation.filled import zeros
from mytorch.creation.from_data import from_numpy
from mytorch.optim import LBFGS
from mytorch.optim.lr_scheduler import ReduceLROnPlateau
from mytorch.tensor import Tensor
from mytorch.training.building.model import ROWS_TO_TRY
from mytorch.training.errors import Problem
from mytorch.training.own_code import told
from mytorch.training.random_streams import keeping_streams

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment
    from mytorch.training.config.config import Config

ROWS = 8


def problems_of_a_trial(experiment: Experiment) -> list[Problem]:
    """What is wrong with the loss for these targets, with gradients, and with classes that are the user's own."""
    with keeping_streams():
        return _try_all(experiment)


def _try_all(experiment: Experiment) -> list[Problem]:
    config = experiment.config
    problems = []
    message = _try_gradients(experiment)
    if message is not None:
        problems.append(config.problem(("model",), message))
    if any(parameter.requires_grad for parameter in experiment.loss.parameters()):
        text = f"{config.loss_name} has parameters of its own, which are not trained: only those of the model are"
        warnings.warn(text, stacklevel=2)
    message = _try_loss(experiment)
    if message is not None:
        problems.append(config.problem(("loss",), f"{config.loss_name} {message}"))
    for index, component in enumerate(config.metrics or ()):
        if component.is_own:
            message = _try_metric(experiment, index)
            if message is not None:
                problems.append(config.problem(("metrics", index), f"{component.type} {message}"))
    return problems + _try_step(config)


def _try_gradients(experiment: Experiment) -> str | None:
    """What keeps all gradients from the parameters; None if nothing does."""
    model = experiment.model
    model.eval()  # no running statistics change
    try:
        output = model(zeros(ROWS_TO_TRY, *experiment.data.train.inputs.shape[1:]))
    except Exception as error:  # of layers that each could take zeros
        return f"what one layer gives, another cannot take: {told(error)}"
    model.train()
    if output.requires_grad or not any(parameter.requires_grad for parameter in model.parameters()):
        return None  # a model without parameters has its own message
    return (
        "the output does not depend on any trained parameter in a way that gradients can follow; "
        ".detach(), NumPy and .item() end their way"
    )


def _try_step(config: Config) -> list[Problem]:
    """What keeps an optimizer or a scheduler of the user's own from a step with a small parameter."""
    optimized, scheduled = config.optimizer, config.scheduler
    if not (optimized.is_own or (scheduled is not None and scheduled.is_own)):
        return []
    parameter = nn.Parameter(zeros(2))
    parameter.grad = zeros(2)
    optimizer = optimized.build(params=[parameter])
    if isinstance(optimizer, LBFGS):  # takes its steps with a loss
        return []
    tried = ("optimizer", optimized.type)
    try:
        optimizer.step()
        float(optimizer.param_groups[0]["lr"])
        if scheduled is not None and scheduled.is_own:
            tried = ("scheduler", scheduled.type)
            lengths = scheduled.schedule_length(epochs=100, batches=100, per_batch=scheduled.steps_per_batch)
            scheduler = scheduled.build(optimizer=optimizer, **lengths)
            float(optimizer.param_groups[0]["lr"])  # the first rate, which the constructor sets
            if not isinstance(scheduler, ReduceLROnPlateau):  # takes its steps with a figure
                optimizer.step()
                scheduler.step()
            float(optimizer.param_groups[0]["lr"])
    except Exception as error:
        return [config.problem(tried[:1], f"{tried[1]} cannot take a step: {told(error)}")]
    return []


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
