"""The metrics of classification that need no order of the rows: of the predicted class, and of the probabilities.

They keep counts or sums by class or by bin, and no rows. Those that come from the order, such as the area under the ROC
curve, are in `ranking`.
"""

from __future__ import annotations

import abc
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.errors import UserError
from mytorch.training.metrics.base import ClassificationMetric, Floats, Ints, check_labels, log_softmax, softmax

Average = Literal["macro", "micro", "weighted", "binary"]


class MeanOfRows(ClassificationMetric):
    """The weighted mean of a number that each row has."""

    def start(self) -> None:
        self.total = 0.0

    def add(self, prediction: Floats, target: Ints, weights: Floats | None) -> None:
        each = self.each(prediction, target)
        self.total += float((each if weights is None else each * weights).sum())

    def result(self) -> float:
        return self.total / self.weight

    @abc.abstractmethod
    def each(self, scores: Floats, target: Ints) -> NDArray:
        """What is averaged, one number a row."""


class Accuracy(MeanOfRows):
    """The fraction of rows whose highest score is the true class's: ``mean(argmax(scores) == t)``."""

    type = "accuracy"

    def each(self, scores: Floats, target: Ints) -> NDArray:
        return scores.argmax(axis=1) == target


class ErrorRate(MeanOfRows):
    """The fraction of rows that are wrong: ``mean(argmax(scores) != t)``."""

    type = "error_rate"
    direction = "min"

    def each(self, scores: Floats, target: Ints) -> NDArray:
        return scores.argmax(axis=1) != target


class TopK(MeanOfRows):
    """The fraction of rows whose true class is among the `k` highest scores.

    Of scores that are equal those of later classes count as higher, as in scikit-learn.
    """

    type = "top_k"

    def __init__(self, k: int = 5) -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.k = k
        super().__init__()

    @property
    def name(self) -> str:
        return f"top_{self.k}"

    def check_classes(self, classes: int) -> None:
        if self.k >= classes:
            raise ValueError(f"k must be less than the number of classes, {classes}, got {self.k}: every row is right")

    def each(self, scores: Floats, target: Ints) -> NDArray:
        own = np.take_along_axis(scores, target[:, None], axis=1)
        later = np.arange(scores.shape[1]) > target[:, None]
        return ((scores > own) | ((scores == own) & later)).sum(axis=1) < self.k


class LogLoss(MeanOfRows):
    """Mean cross entropy in nats: ``mean(log(sum(exp(scores))) - scores[t])``.

    From the scores themselves, so that it stays right where a probability rounds to 0.
    """

    type = "log_loss"
    direction = "min"

    def each(self, scores: Floats, target: Ints) -> NDArray:
        return -log_softmax(scores)[np.arange(len(target)), target]


class ByClass(ClassificationMetric):
    """A ratio of counts for each class, averaged over the classes.

    ``macro``: the mean of the classes that occur among the targets or the predictions, each counting the same.
    ``weighted``: the mean by the number of rows of the true class. ``micro``: the ratio of the sums over all classes.
    ``binary``: of class 1 alone, where there are two. A ratio over zero counts as 0.
    """

    def __init__(self, average: Average = "macro") -> None:
        self.average = average
        super().__init__()

    def check_classes(self, classes: int) -> None:
        if self.average == "binary" and classes != 2:
            raise ValueError(f"average: binary needs 2 classes, there are {classes}; use macro, micro or weighted")

    def start(self) -> None:
        # By class: rightly predicted, predicted, of that class; and whether it occurs, whatever its rows weigh.
        self.right, self.predicted, self.actual = (np.zeros(1) for _ in range(3))
        self.occurs: NDArray[np.bool_] = np.zeros(1, dtype=bool)

    def add(self, prediction: Floats, target: Ints, weights: Floats | None) -> None:
        predicted, classes = prediction.argmax(axis=1), prediction.shape[1]
        hit = predicted == target

        def count(labels: Ints, w: Floats | None = None) -> NDArray:
            return np.bincount(labels, weights=w, minlength=classes)

        self.right = self.right + count(target[hit], None if weights is None else weights[hit])
        self.predicted = self.predicted + count(predicted, weights)
        self.actual = self.actual + count(target, weights)
        self.occurs = self.occurs | (count(predicted) + count(target) > 0)

    def result(self) -> float:
        numerator, denominator = self.ratio()
        if self.average == "micro":
            return float(numerator.sum() / denominator.sum()) if denominator.sum() else 0.0
        ratios = np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
        if self.average == "binary":
            return float(ratios[1])
        if self.average == "weighted":
            return float((ratios * self.actual).sum() / self.actual.sum())
        return float(ratios[self.occurs].mean())

    @abc.abstractmethod
    def ratio(self) -> tuple[NDArray, NDArray]:
        """Numerator and denominator for each class."""


class Precision(ByClass):
    """Of the rows that were predicted as a class, the fraction that is of it: ``right / predicted``."""

    type = "precision"

    def ratio(self) -> tuple[NDArray, NDArray]:
        return self.right, self.predicted


class Recall(ByClass):
    """Of the rows of a class, the fraction that was predicted as it: ``right / actual``."""

    type = "recall"

    def ratio(self) -> tuple[NDArray, NDArray]:
        return self.right, self.actual


class F1(ByClass):
    """The harmonic mean of a class's precision and recall: ``2 right / (predicted + actual)``."""

    type = "f1"

    def ratio(self) -> tuple[NDArray, NDArray]:
        return 2 * self.right, self.predicted + self.actual


class CalibrationError(ClassificationMetric):
    """Expected calibration error: how far the probabilities are from the shares that come true.

    ``sum over bins(rows in bin / rows * |share that came true - mean probability|)``, in `bins` equal bins of 0 to 1
    (Guo et al. 2017). With two classes the probability is that of class 1, with more that of the predicted class.
    """

    type = "ece"
    direction = "min"

    def __init__(self, bins: int = 15) -> None:
        if bins < 1:
            raise ValueError(f"bins must be at least 1, got {bins}")
        self.bins = bins
        super().__init__()

    def start(self) -> None:
        self.sums: Floats = np.zeros((3, self.bins))

    def add(self, prediction: Floats, target: Ints, weights: Floats | None) -> None:
        self.sums = self.sums + reliability(*confidence(prediction, target), self.bins, weights)

    def result(self) -> float:
        _, probability, came_true = self.sums
        return float(np.abs(came_true - probability).sum() / self.weight)


def confidence(scores: Floats, target: Ints) -> tuple[Floats, Floats]:
    """For each row a probability and whether what it stands for came true (1 or 0).

    With two classes it stands for class 1, with more for the predicted class.

    >>> confidence(np.log([[0.25, 0.75], [0.5, 0.5]]), np.array([1, 0]))[1].tolist()
    [1.0, 0.0]
    """
    probabilities = softmax(scores)
    if scores.shape[1] == 2:
        return probabilities[:, 1], (target == 1).astype(np.float64)
    return probabilities.max(axis=1), (scores.argmax(axis=1) == target).astype(np.float64)


def reliability(probability: Floats, came_true: Floats, bins: int, weights: Floats | None = None) -> Floats:
    """By bin: the weight of the rows, the sum of their probabilities, and how many came true; shape (3, bins).

    A probability on the border of two bins belongs to the lower one, as in scikit-learn's ``calibration_curve``.

    >>> reliability(np.array([0.2, 0.4, 0.9]), np.array([0.0, 1.0, 1.0]), bins=2).tolist()
    [[2.0, 1.0], [0.6000000000000001, 0.9], [1.0, 1.0]]
    """
    w = np.ones(len(probability)) if weights is None else weights
    bin_of = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    return np.stack([np.bincount(bin_of, weights=w * each, minlength=bins) for each in (1.0, probability, came_true)])


def confusion_matrix(
    predicted: ArrayLike, target: ArrayLike, classes: int, weights: ArrayLike | None = None
) -> NDArray:
    """Counts of shape ``(classes, classes)``: row the true class, column the predicted one.

    With weights, one a row, they are sums of weights. Raises `UserError` for a class number outside
    ``0 .. classes - 1``.

    >>> confusion_matrix([0, 1, 1], [0, 0, 1], classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    predicted, target = check_labels("predicted", predicted, classes), check_labels("target", target, classes)
    if len(predicted) != len(target):
        raise UserError(f"expected as many predictions as targets, got {len(predicted)} and {len(target)}")
    w = None if weights is None else np.asarray(weights, dtype=np.float64)
    return np.bincount(target * classes + predicted, weights=w, minlength=classes**2).reshape(classes, classes)
