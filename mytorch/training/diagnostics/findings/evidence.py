"""What findings are made from and what one is: plain facts of a training that is over, and a sentence with its number.

Everything that judges is in the modules beside this one; here is only what several of them need.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mytorch import nn
from mytorch.data.prepare import PreparedData
from mytorch.training.diagnostics.gradients_file import GradientRow
from mytorch.training.diagnostics.layers import Layer, layers_of
from mytorch.training.diagnostics.units import UnitActivity

Floats = NDArray[np.float64]

# The skill (see `Evidence.skill`) from which on the training rows count as learned: what is left is then no sign of a
# training that went wrong.
WELL_FITTED = 0.75


@dataclass(frozen=True)
class Finding:
    """Something that a training tells about itself: what, how much, beside which limit, and what to try.

    `layer` and `epoch` are those that it is about, if it is about one.
    """

    kind: str
    message: str
    value: float
    limit: float
    advice: str
    layer: str | None = None
    epoch: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """For summary.json.

        >>> list(Finding("dead_units", "...", 0.6, 0.5, "...", layer="2").to_dict())
        ['kind', 'message', 'value', 'limit', 'advice', 'layer', 'epoch']
        """
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Evidence:
    """What is known of a training at its end.

    Args:
        kind: what was predicted: numbers, one probability of two classes, or the scores of several classes.
        model: the model; looked at for its layers' names, types and numbers of trained weights.
        data: what it was trained on, as the model gets it.
        metrics: the rows of metrics.csv.
        steps_per_epoch: how many steps an epoch has.
        optimizer: the class's name.
        rate_key: the key of the config that decides the learning rate.
        gradients: the rows of gradients.csv; none if diagnostics are off.
        activity: of each activation layer; none if diagnostics are off.
        true: class numbers, or values in the target's own units, by split, for ``train`` and what other splits
            there are.
        predicted: the same as the model predicts them.
        clip_grad_norm: what the gradients' norm is clipped to.
        stopped_early: whether early stopping ended the training.
        has_class_weights: whether the loss weighs classes, or the rows have weights.
    """

    kind: Literal["regression", "binary", "classification"]
    model: nn.Module
    data: PreparedData
    metrics: Sequence[Mapping[str, float | None]]
    steps_per_epoch: int
    optimizer: str = ""
    rate_key: str = "optimizer.lr"
    gradients: Sequence[GradientRow] = ()
    activity: Sequence[UnitActivity] = ()
    true: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    predicted: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    clip_grad_norm: float | None = None
    stopped_early: bool = False
    has_class_weights: bool = False

    def column(self, name: str) -> Floats:
        """A column of metrics.csv, an element an epoch; NaN where the cell is empty."""
        return numbers(row.get(name) for row in self.metrics)

    def skill(self) -> float | None:
        """How much better than a constant the model predicts the training rows: 0 no better, 1 without a mistake.

        R² for numbers; for classes the mean share of rows that are recognised of a class, with chance set to 0, which
        for two classes is the index of Youden, "Index for Rating Diagnostic Tests" (1950). None where the rows are all
        alike, or not known.
        """
        true, predicted = (np.asarray(by_split.get("train", ())) for by_split in (self.true, self.predicted))
        if not len(true) or true.size != predicted.size:
            return None
        true, predicted = (values.reshape(len(true), -1) for values in (true, predicted))
        if self.kind == "regression":
            with np.errstate(all="ignore"):
                constant = np.square(true - true.mean(axis=0)).sum(dtype=np.float64)
                mistakes = np.square(true - predicted).sum(dtype=np.float64)
                skill = float(1 - mistakes / constant) if constant > 0 else math.nan
        else:
            classes = np.unique(true)
            recalls = [float((predicted[true == number] == number).mean()) for number in classes]
            chance = 1 / len(classes)
            skill = (sum(recalls) * chance - chance) / (1 - chance) if len(classes) > 1 else math.nan
        return skill if math.isfinite(skill) else None

    def is_fitted(self) -> bool:
        """Whether the training rows are as good as learned."""
        skill = self.skill()
        return skill is not None and skill >= WELL_FITTED

    def is_wholly_dead(self) -> bool:
        """Whether no unit of some ReLU layer is ever active, so that no gradient gets beyond it."""
        return any(one.dead is not None and 0 < one.units <= one.dead for one in self.activity)

    def trained_layers(self) -> list[Layer]:
        """The layers with a matrix or kernel that is trained, in the model's order.

        What biases and normalisation layers get as gradient is of another size. Of an embedding few rows of many are in
        use, so its norms tell nothing either.
        """
        return [
            layer
            for layer in layers_of(self.model)
            if any(p.ndim > 1 for p in layer.trainable) and not isinstance(layer.module, EMBEDDINGS)
        ]


EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


def numbers(values: Iterable[float | None]) -> Floats:
    """As an array of numbers; NaN for None.

    >>> numbers([1, None, 2.5])
    array([1. , nan, 2.5])
    """
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def median(values: Floats) -> float:
    """The median of the finite values, NaN if there are none.

    >>> median(numbers([3, None, 1])), median(numbers([None]))
    (2.0, nan)
    """
    values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) else math.nan


def named(layer: str, type_name: str) -> str:
    """A layer as messages name it.

    >>> named("2", "ReLU"), named("", "Linear")
    ('layer 2 ReLU', 'the Linear layer')
    """
    return f"layer {layer} {type_name}" if layer else f"the {type_name} layer"


def quoted(name: str, longest: int = 40) -> str:
    """The name of a class or column in quotes, of a long one the beginning.

    >>> quoted("rm"), quoted("a" * 300, longest=6)
    ("'rm'", "'aaa...'")
    """
    return repr(name if len(name) <= longest else f"{name[: longest - 3]}...")


def listed(names: Sequence[str], most: int = 3) -> str:
    """A few names, and how many more there are.

    >>> listed(["a"]), listed(["a", "b"]), listed(list("abcdef"))
    ('a', 'a and b', 'a, b, c and 3 more')
    """
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""
