"""The loss of a training, built from the config and the training rows: sums of losses, weights of classes and of rows.

A class weight that the config calls `balanced` is computed here, from the training rows alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.data.prepare import PreparedData, Split
from mytorch.tensor import Tensor
from mytorch.training.config.components import BALANCED, Component, parameters_of
from mytorch.training.config.config import Config
from mytorch.training.config.loss_list import part_names
from mytorch.training.config.yaml_source import Keys
from mytorch.training.errors import ConfigError


class WeightedLoss(nn.Module):
    """The mean over the rows of weight times loss.

    Weights have mean 1 over a data set (`mytorch.data` scales them), so that the mean over all batches is the weighted
    mean over all rows, whatever the batches. It is not divided by the sum of a batch's weights: that would make a row
    count more where its neighbours count less.

    Args:
        loss: a loss with ``reduction="none"``. Of several numbers in a row the mean is taken.

    >>> import mytorch
    >>> loss = WeightedLoss(nn.MSELoss(reduction="none"))
    >>> output, target = mytorch.tensor([[1.0], [2.0]]), mytorch.tensor([[0.0], [0.0]])
    >>> loss(output, target, mytorch.tensor([1.5, 0.5])).item()
    1.75
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, output: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        values = self.loss(output, target)
        by_row = values.flatten(1).mean(1) if values.ndim > 1 else values
        return (by_row * weights).mean()


class LossSum(nn.Module):
    """The sum of several losses of the same output, each multiplied by a number.

    Args:
        losses: each is called with all that the sum is called with.
        weights: what they are multiplied with.
        names: what they are called among the scores; their classes' names if left out.

    `values` are those of the single losses, without their factors, when the sum was last computed.

    >>> import mytorch
    >>> loss = LossSum([nn.MSELoss(), nn.L1Loss()], [1.0, 0.5])
    >>> loss(mytorch.tensor([3.0]), mytorch.tensor([1.0])).item(), loss.names, loss.values
    (5.0, ('MSELoss', 'L1Loss'), (4.0, 2.0))
    """

    def __init__(
        self, losses: Sequence[nn.Module], weights: Sequence[float], names: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        if not 0 < len(losses) == len(weights):
            raise ValueError(f"expected a weight for each of at least one loss, got {len(weights)} for {len(losses)}")
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(map(float, weights))
        self.names = tuple(type(loss).__name__ for loss in losses) if names is None else tuple(names)
        self.values: tuple[float, ...] = ()

    def forward(self, output: Tensor, *targets: Tensor) -> Tensor:
        parts = [loss(output, *targets) for loss in self.losses]
        self.values = tuple(float(part.item()) for part in parts)
        first, *others = (part * weight for part, weight in zip(parts, self.weights, strict=True))
        for part in others:
            first = first + part
        return first


def values_of_parts(loss: nn.Module) -> dict[str, float]:
    """The losses of a sum when it was last computed, by their names; none for a single loss."""
    return dict(zip(loss.names, loss.values, strict=True)) if isinstance(loss, LossSum) else {}


def build_loss(config: Config, data: PreparedData) -> nn.Module:
    """The loss of a config: a `LossSum` of a list, each part a `WeightedLoss` where the rows have weights.

    Raises:
        ConfigError: the rows have weights, and a loss has no value for each row; or class weights do not fit the data.
    """
    losses = [
        _build_one(config, config.loss_path(index), term.component, data)
        for index, term in enumerate(config.loss_terms)
    ]
    if isinstance(config.loss, Component):
        return losses[0]
    return LossSum(losses, [term.factor for term in config.loss], part_names(config.loss))


def _build_one(config: Config, path: Keys, component: Component, data: PreparedData) -> nn.Module:
    component = _with_class_weights(config, path, component, data)
    if data.train.weights is None:
        loss: nn.Module = config.build(path, component)
        return loss
    if component.arguments.get("reduction", "mean") != "mean" or "reduction" not in parameters_of(component.target):
        message = f"the rows have weights, which needs a loss with reduction: mean; {component.type} has not"
        raise ConfigError([config.problem(path, message)])
    by_row = dataclasses.replace(component, arguments={**component.arguments, "reduction": "none"})
    return WeightedLoss(config.build(path, by_row))


def _with_class_weights(config: Config, path: Keys, component: Component, data: PreparedData) -> Component:
    """The component with numbers for the word `balanced`, and class weights looked at: one for each class."""
    computed: dict[str, Any] = {}
    for name in component.balanced:
        of = balanced_class_weights if name == "weight" else balanced_pos_weight
        try:
            computed[name] = of(data.train, data.class_names).tolist()
        except ValueError as error:
            message = f"{component.type}: {BALANCED}: {error}"
            raise ConfigError([config.problem((*path, name), message)]) from None
    weight, classes = component.arguments.get("weight"), data.class_names or []
    if data.train.targets.ndim == 1 and isinstance(weight, list) and len(weight) != len(classes):
        message = f"{len(weight)} numbers, but the target {data.target_name!r} has {len(classes)} classes"
        raise ConfigError([config.problem((*path, "weight"), f"{message}: {', '.join(classes)}")])
    return dataclasses.replace(component, arguments={**component.arguments, **computed}) if computed else component


def balanced_class_weights(train: Split, class_names: Sequence[str] | None) -> np.ndarray[Any, Any]:
    """Weights with which all classes count alike: rows / (classes * rows of the class), scikit-learn's formula.

    Where rows have weights these are counted instead of the rows.

    Raises:
        ValueError: a class has no training row, or only rows of weight 0.

    >>> rows = Split(None, np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1]), np.arange(4))
    >>> balanced_class_weights(rows, ["a", "b"])
    array([0.66666667, 2.        ])
    """
    names = list(class_names or ())
    counts = np.bincount(train.targets, weights=_row_weights(train), minlength=len(names))
    missing = [name for name, count in zip(names, counts, strict=True) if count == 0]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise ValueError(f"no training row has the class {listed}; write the weights as a list of numbers")
    return np.asarray(counts.sum() / (len(names) * counts))


def balanced_pos_weight(train: Split, class_names: Sequence[str] | None = None) -> np.ndarray[Any, Any]:
    """For each column of targets the sum of 1 - target by the sum of target: of 0 and 1, negatives by positives.

    Raises:
        ValueError: targets are not within 0 and 1, or all of them are 0 or all 1.
    """
    targets = train.targets.astype(np.float64)
    if ((targets < 0) | (targets > 1)).any():
        raise ValueError("needs a target of 0 and 1")
    positives = (targets * _row_weights(train)[:, None]).sum(axis=0)
    negatives = ((1 - targets) * _row_weights(train)[:, None]).sum(axis=0)
    zero, one = class_names or ("0", "1")
    for name, count in ((one, positives), (zero, negatives)):
        if (count == 0).any():
            raise ValueError(f"no training row has the class {name!r}; write the weight as a list of a number")
    return np.asarray(negatives / positives)


def _row_weights(train: Split) -> np.ndarray[Any, Any]:
    return np.ones(len(train)) if train.weights is None else train.weights.astype(np.float64)
