"""What a model is scored with: functions of NumPy arrays, computed in float64, equal to scikit-learn's.

`METRICS` holds them by name, each with the task that it belongs to and the direction in which it gets better.
For regression both arrays hold values in the target's own units, shape ``(n,)`` or ``(n, outputs)``; several
outputs are scored one by one and averaged. For classification the prediction holds scores (logits) of shape
``(n, classes)`` and the target class numbers of shape ``(n,)``; the class with the highest score is the
predicted one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.errors import UserError

Task = Literal["regression", "classification"]
Direction = Literal["min", "max"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Metric:
    """A named score: call it with a prediction and a target, get a ``float``.

    ``task`` is ``"regression"`` or ``"classification"``, ``direction`` says whether the smallest (``"min"``)
    or the largest (``"max"``) value is best. A call raises `UserError` for empty or mismatched arrays; a NaN
    among the predictions makes the score NaN.

    >>> METRICS["mae"]([1.0, 2.0], [1.5, 2.5])
    0.5
    >>> METRICS["mae"].direction
    'min'
    """

    def __init__(self, function: Callable[..., float], task: Task, direction: Direction) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = function.__name__
        self.task = task
        self.direction = direction

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> float:
        check = _check_regression if self.task == "regression" else _check_classification
        values, true = check(self.name, prediction, target)
        return float("nan") if np.isnan(values).any() else self.function(values, true)

    def __repr__(self) -> str:
        return f"Metric({self.name!r}, task={self.task!r}, direction={self.direction!r})"

    def is_better(self, value: float, than: float) -> bool:
        """Whether ``value`` is strictly better; every number is better than NaN, and NaN is never better.

        >>> METRICS["r2"].is_better(0.9, than=0.8)
        True
        """
        if np.isnan(than):
            return not np.isnan(value)
        return value < than if self.direction == "min" else value > than


METRICS: dict[str, Metric] = {}


def _metric(task: Task, direction: Direction) -> Callable[[Callable[..., float]], Metric]:
    def register(function: Callable[..., float]) -> Metric:
        METRICS[function.__name__] = Metric(function, task, direction)
        return METRICS[function.__name__]

    return register


# --- regression: arrays of shape (n, outputs) ---------------------------------------------------------------


@_metric("regression", "min")
def mae(prediction: Floats, target: Floats) -> float:
    """Mean absolute error: ``mean(|p - t|)``."""
    return float(np.abs(prediction - target).mean())


@_metric("regression", "min")
def rmse(prediction: Floats, target: Floats) -> float:
    """Root of the mean squared error: ``sqrt(mean((p - t)^2))``."""
    return float(np.sqrt(((prediction - target) ** 2).mean(axis=0)).mean())


@_metric("regression", "min")
def mse(prediction: Floats, target: Floats) -> float:
    """Mean squared error: ``mean((p - t)^2)``."""
    return float(((prediction - target) ** 2).mean())


@_metric("regression", "max")
def r2(prediction: Floats, target: Floats) -> float:
    """Coefficient of determination: ``1 - sum((t - p)^2) / sum((t - mean(t))^2)``.

    As in scikit-learn a constant target gives 1 if every prediction is right, else 0, and a single row gives
    NaN.
    """
    if len(target) < 2:
        return float("nan")
    residual = ((target - prediction) ** 2).sum(axis=0)
    total = ((target - target.mean(axis=0)) ** 2).sum(axis=0)
    constant = (target == target[0]).all(axis=0)
    scores = 1 - residual / np.where(constant, 1.0, total)
    return float(np.where(constant, np.where(residual == 0, 1.0, 0.0), scores).mean())


@_metric("regression", "min")
def max_error(prediction: Floats, target: Floats) -> float:
    """The largest absolute error: ``max(|p - t|)``."""
    return float(np.abs(prediction - target).max())


@_metric("regression", "min")
def mape(prediction: Floats, target: Floats) -> float:
    """Mean absolute percentage error, as a fraction (0.1 is 10 %): ``mean(|p - t| / max(|t|, 2.2e-16))``."""
    return float((np.abs(prediction - target) / np.maximum(np.abs(target), np.finfo(np.float64).eps)).mean())


# --- classification: scores (n, classes), class numbers (n,) ------------------------------------------------


@_metric("classification", "max")
def accuracy(scores: Floats, target: Ints) -> float:
    """The fraction of rows whose highest score is the true class's: ``mean(argmax(scores) == t)``."""
    return float((scores.argmax(axis=1) == target).mean())


@_metric("classification", "min")
def error_rate(scores: Floats, target: Ints) -> float:
    """The fraction of rows that are wrong: ``mean(argmax(scores) != t)``."""
    return float((scores.argmax(axis=1) != target).mean())


@_metric("classification", "max")
def precision(scores: Floats, target: Ints) -> float:
    """Macro precision: ``mean over classes(right / predicted)``; 0 for a class that is never predicted.

    A class that is neither among the targets nor among the predictions does not count in the mean.
    """
    right, predicted, actual = _class_counts(scores, target)
    return _mean_ratio(right, predicted, predicted + actual)


@_metric("classification", "max")
def recall(scores: Floats, target: Ints) -> float:
    """Macro recall: ``mean over classes(right / actual)``; 0 for a class that is predicted but has no rows.

    A class that is neither among the targets nor among the predictions does not count in the mean.
    """
    right, predicted, actual = _class_counts(scores, target)
    return _mean_ratio(right, actual, predicted + actual)


@_metric("classification", "max")
def f1(scores: Floats, target: Ints) -> float:
    """Macro F1: ``mean over classes(2 right / (predicted + actual))``.

    Of one class this is the harmonic mean of precision and recall. A class that is neither among the targets
    nor among the predictions does not count in the mean.
    """
    right, predicted, actual = _class_counts(scores, target)
    return _mean_ratio(2 * right, predicted + actual, predicted + actual)


@_metric("classification", "min")
def log_loss(scores: Floats, target: Ints) -> float:
    """Mean cross entropy in nats: ``mean(log(sum(exp(scores))) - scores[t])``."""
    shifted = scores - scores.max(axis=1, keepdims=True)  # exp cannot overflow
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_probability[np.arange(len(target)), target].mean())


def confusion_matrix(predicted: ArrayLike, target: ArrayLike, classes: int) -> Ints:
    """Counts of shape ``(classes, classes)``: row the true class, column the predicted one.

    Raises `UserError` for a class number outside ``0 .. classes - 1``.

    >>> confusion_matrix([0, 1, 1], [0, 0, 1], classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    predicted, target = (
        _check_labels("predicted", predicted, classes),
        _check_labels("target", target, classes),
    )
    if len(predicted) != len(target):
        raise UserError(f"expected as many predictions as targets, got {len(predicted)} and {len(target)}")
    return np.bincount(target * classes + predicted, minlength=classes**2).reshape(classes, classes)


def _class_counts(scores: Floats, target: Ints) -> tuple[Ints, Ints, Ints]:
    """Per class: how many rows were rightly predicted, predicted, and of that class."""
    matrix = confusion_matrix(scores.argmax(axis=1), target, scores.shape[1])
    return matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)


def _mean_ratio(numerator: Ints, denominator: Ints, occurrences: Ints) -> float:
    """The mean over the classes that occur, a ratio over zero counting as 0."""
    ratios = np.where(denominator > 0, numerator / np.maximum(denominator, 1), 0.0)
    return float(ratios[occurrences > 0].mean())


# --- checks -------------------------------------------------------------------------------------------------


def _check_regression(name: str, prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats]:
    values, true = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if values.shape != true.shape or values.ndim not in (1, 2):
        raise UserError(
            f"{name}: expected predictions and targets of one shape, (n,) or (n, outputs), "
            f"got {values.shape} and {true.shape}"
        )
    if not values.size:
        raise UserError(f"{name}: there are no rows to score (got shape {values.shape})")
    return values.reshape(len(values), -1), true.reshape(len(true), -1)


def _check_classification(name: str, prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Ints]:
    scores, true = np.asarray(prediction, dtype=np.float64), np.asarray(target)
    if scores.ndim != 2 or true.shape != scores.shape[:1] or scores.shape[1] < 2:
        raise UserError(
            f"{name}: expected scores of shape (n, classes), at least 2 classes, and class numbers "
            f"of shape (n,), got {scores.shape} and {true.shape}"
        )
    if not scores.size:
        raise UserError(f"{name}: there are no rows to score (got shape {scores.shape})")
    return scores, _check_labels(f"{name}: target", true, scores.shape[1])


def _check_labels(what: str, labels: ArrayLike, classes: int) -> Ints:
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iub"):
        raise UserError(f"{what}: expected whole class numbers of shape (n,), got {array.dtype} of shape {array.shape}")
    array = array.astype(np.int64)
    wrong = (array < 0) | (array >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{what}: expected class numbers 0 to {classes - 1}, got {array[row]} in row {row}")
    return array
