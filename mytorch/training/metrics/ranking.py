"""The metrics that come from the order of the rows by a score: the areas under the ROC and precision-recall curves.

They are exact: the curve has a point for each distinct score. So they keep the probabilities of all rows (8 bytes for
each row and class), unlike the other metrics, until `reset`. With more than two classes each is scored against all
others (one-vs-rest) and the areas are averaged.
"""

from __future__ import annotations

import abc
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mytorch.training.metrics.base import ClassificationMetric, Floats, Ints, softmax

Average = Literal["macro", "weighted"]
KEPT_BITS = 40  # of a score's 53: what differs in the last digits only, by rounding, is a tie


class OneVsRest(ClassificationMetric):
    """An area for each class against all others, averaged over the classes for which there is one.

    ``macro``: each class counts the same. ``weighted``: by the weight of its rows. With two classes it is the area of
    class 1, whatever the average. NaN if there is no class with an area, as when all rows are of one class.
    """

    streams = False

    def __init__(self, average: Average = "macro") -> None:
        self.average = average
        super().__init__()

    def start(self) -> None:
        self.probabilities: list[Floats] = []
        self.targets: list[Ints] = []
        self.weights: list[Floats] = []

    def add(self, prediction: Floats, target: Ints, weights: Floats | None) -> None:
        self.probabilities.append(ranked_by(prediction))
        self.targets.append(target)
        self.weights.append(np.ones(len(target)) if weights is None else weights)

    def result(self) -> float:
        probabilities, target = np.concatenate(self.probabilities), np.concatenate(self.targets)
        weights = np.concatenate(self.weights)
        classes = range(1, 2) if probabilities.shape[1] == 2 else range(probabilities.shape[1])
        areas = np.array([self.area(probabilities[:, k], target == k, weights) for k in classes])
        counts = np.array([weights[target == k].sum() for k in classes])
        there = ~np.isnan(areas)
        if not there.any():
            return float("nan")
        return float(np.average(areas[there], weights=counts[there] if self.average == "weighted" else None))

    @abc.abstractmethod
    def area(self, score: Floats, positive: np.ndarray, weights: Floats) -> float:
        """That of one class, NaN if it has none."""


class AreaUnderROC(OneVsRest):
    """Area under the ROC curve: how likely a row of the class has a higher score than another (a tie counts half)."""

    type = "auc"

    def area(self, score: Floats, positive: np.ndarray, weights: Floats) -> float:
        false_rate, true_rate, _ = roc_curve(score, positive, weights)
        return float(np.trapezoid(true_rate, false_rate))


class AveragePrecision(OneVsRest):
    """Area under the precision-recall curve in steps: ``sum((recall_i - recall_{i-1}) * precision_i)``."""

    type = "average_precision"

    def area(self, score: Floats, positive: np.ndarray, weights: Floats) -> float:
        precision, recall, _ = precision_recall_curve(score, positive, weights)
        return float((np.diff(recall) * precision[1:]).sum())


def roc_curve(score: ArrayLike, positive: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats, Floats]:
    """False positive rate, true positive rate and threshold, from (0, 0) to (1, 1), a point for each distinct score.

    `positive` says which rows are of the class. A rate of no rows is NaN. Rows of weight 0 do not count.

    >>> false_rate, true_rate, _ = roc_curve([0.9, 0.8, 0.3], [True, False, True])
    >>> false_rate.tolist(), true_rate.tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    hits, misses, thresholds = _counts_above(score, positive, weights)
    return _share(misses, misses[-1]), _share(hits, hits[-1]), thresholds


def precision_recall_curve(
    score: ArrayLike, positive: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and threshold, from recall 0 (with precision 1) to 1, a point for each distinct score.

    >>> precision, recall, _ = precision_recall_curve([0.9, 0.8, 0.3], [True, False, True])
    >>> precision.round(2).tolist(), recall.tolist()
    ([1.0, 1.0, 0.5, 0.67], [0.0, 0.5, 0.5, 1.0])
    """
    hits, misses, thresholds = _counts_above(score, positive, weights)
    precision = np.ones(len(hits))
    np.divide(hits, hits + misses, out=precision, where=hits + misses > 0)
    return precision, _share(hits, hits[-1]), thresholds


def ranked_by(scores: Floats) -> Floats:
    """What the rows are ordered by for each class: its probability, without the last digits.

    With two classes it is the difference of the scores, which gives the same order also where probabilities round to
    0 or 1.

    >>> ranked_by(np.array([[0.0, 100.0], [0.0, 101.0]])).tolist()
    [[-100.0, 100.0], [-101.0, 101.0]]
    """
    if scores.shape[1] == 2:
        apart = scores[:, 1] - scores[:, 0]
        values = np.stack([-apart, apart], axis=1)
    else:
        values = softmax(scores)
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(fraction, KEPT_BITS)), exponent - KEPT_BITS)


def _counts_above(score: ArrayLike, positive: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    """The weight of the class's rows and of the others at or above each distinct score, from above; first (0, 0)."""
    values, is_positive = np.asarray(score, dtype=np.float64), np.asarray(positive, dtype=bool)
    w = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    counted = w > 0
    order = np.argsort(-values[counted], kind="stable")
    values, is_positive, w = values[counted][order], is_positive[counted][order], w[counted][order]
    last_of_ties = np.append(values[1:] != values[:-1], [True] * bool(len(values)))
    hits, misses = (np.cumsum(w * chosen)[last_of_ties] for chosen in (is_positive, ~is_positive))
    return np.append(0.0, hits), np.append(0.0, misses), np.append(np.inf, values[last_of_ties])


def _share(part: Floats, whole: float) -> Floats:
    return part / whole if whole > 0 else np.full(len(part), np.nan)
