"""Records metrics.json: random predictions and targets with the scores that scikit-learn gives them.

Run it with scikit-learn installed: ``python tests/golden/record_metrics.py``. The arrays are in the file, so
that the tests depend on no random stream. `tests/parity/test_metrics.py` compares many more cases with the same
reference functions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn import metrics as reference

Score = tuple[dict[str, Any], float]  # what a config would say of the metric, and its value


def regression_scores(prediction: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> Iterator[Score]:
    w = {"sample_weight": weights}
    yield {"type": "mae"}, reference.mean_absolute_error(target, prediction, **w)
    yield {"type": "rmse"}, reference.root_mean_squared_error(target, prediction, **w)
    yield {"type": "mse"}, reference.mean_squared_error(target, prediction, **w)
    if len(target) > 1:
        yield {"type": "r2"}, reference.r2_score(target, prediction, **w)
    yield {"type": "mape"}, reference.mean_absolute_percentage_error(target, prediction, **w)
    yield {"type": "error_quantile"}, reference.median_absolute_error(target, prediction, **w)
    if weights is None:
        if target.ndim == 1:  # scikit-learn has no max_error for several outputs
            yield {"type": "max_error"}, reference.max_error(target, prediction)
        for q in (0.0, 0.25, 0.9, 1.0):
            errors = np.abs(prediction - target).reshape(len(target), -1)
            yield {"type": "error_quantile", "q": q}, np.mean([np.quantile(column, q) for column in errors.T])


def classification_scores(scores: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> Iterator[Score]:
    w = {"sample_weight": weights}
    classes = scores.shape[1]
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = (powers / powers.sum(axis=1, keepdims=True)).round(12)  # else rounding parts what is a tie
    predicted = scores.argmax(axis=1)

    yield {"type": "accuracy"}, reference.accuracy_score(target, predicted, **w)
    yield {"type": "error_rate"}, reference.zero_one_loss(target, predicted, **w)
    yield {"type": "log_loss"}, reference.log_loss(target, probabilities, labels=range(classes), **w)
    for k in range(1, classes) if classes > 2 else ():
        yield {"type": "top_k", "k": k}, reference.top_k_accuracy_score(target, scores, k=k, labels=range(classes), **w)
    averages = ["macro", "micro", "weighted"] + ["binary"] * (classes == 2)
    for kind in ("precision", "recall", "f1"):
        function = getattr(reference, f"{kind}_score")
        for average in averages:
            options = {"average": average, "zero_division": 0, **w}
            yield {"type": kind, "average": average}, function(target, predicted, **options)
    for average in ("macro", "weighted"):
        yield (
            {"type": "auc", "average": average},
            one_vs_rest(reference.roc_auc_score, probabilities, target, weights, average),
        )
        precision = one_vs_rest(reference.average_precision_score, probabilities, target, weights, average)
        yield {"type": "average_precision", "average": average}, precision
    for bins in (15, 4):
        yield {"type": "ece", "bins": bins}, calibration_error(probabilities, target, weights, bins)


def one_vs_rest(
    function: Any, probabilities: np.ndarray, target: np.ndarray, weights: np.ndarray | None, average: str
) -> float:
    """scikit-learn's own one-vs-rest where every class has rows; else its figure of each class that has one."""
    present, classes = np.unique(target), probabilities.shape[1]
    if classes == 2:
        if (function is reference.roc_auc_score and len(present) < 2) or 1 not in present:
            return math.nan
        return function(target, probabilities[:, 1], sample_weight=weights)
    if len(present) == classes:
        if function is reference.roc_auc_score:
            return function(target, probabilities, multi_class="ovr", average=average, sample_weight=weights)
        return function(np.eye(classes)[target], probabilities, average=average, sample_weight=weights)
    if function is reference.roc_auc_score and len(present) < 2:
        return math.nan
    areas = [function(target == k, probabilities[:, k], sample_weight=weights) for k in present]
    counts = [(np.ones(len(target)) if weights is None else weights)[target == k].sum() for k in present]
    return float(np.average(areas, weights=counts if average == "weighted" else None))


def calibration_error(probabilities: np.ndarray, target: np.ndarray, weights: np.ndarray | None, bins: int) -> float:
    """scikit-learn has no calibration error: row by row, as the paper defines it."""
    binary = probabilities.shape[1] == 2
    total, seen = np.zeros((bins, 2)), 0.0
    for row, true in enumerate(target):
        weight = 1.0 if weights is None else float(weights[row])
        probability = float(probabilities[row, 1] if binary else probabilities[row].max())
        happened = true == 1 if binary else true == probabilities[row].argmax()
        place = max(math.ceil(round(probability * bins, 9)) - 1, 0)
        total[place] += weight * probability, weight * happened
        seen += weight
    return float(np.abs(total[:, 0] - total[:, 1]).sum() / seen)


def regression_case(rng: np.random.Generator, shape: tuple[int, ...], weighted: bool = False) -> dict:
    target = rng.normal(20, 9, shape).round(1)
    prediction = (target + rng.normal(0, 3, shape)).round(1)  # with ties among the errors
    return case(regression_scores, prediction, target, weights_for(rng, shape[0], weighted))


def classification_case(
    rng: np.random.Generator, rows: int, classes: int, present: int, *, ties: bool = False, weighted: bool = False
) -> dict:
    """``present`` of the classes have rows; the others may still be predicted."""
    target = rng.integers(0, present, rows)
    if ties:  # few different probabilities
        parts = np.stack([rng.multinomial(6, np.full(classes, 1 / classes)) for _ in range(rows)])
        logits = np.log((parts + 1 + 2 * np.eye(classes, dtype=int)[target]) / (8 + classes))
    else:
        logits = (rng.normal(0, 1, (rows, classes)) + 1.5 * np.eye(classes)[target]).round(3)
    return case(classification_scores, logits, target, weights_for(rng, rows, weighted))


def weights_for(rng: np.random.Generator, rows: int, weighted: bool) -> np.ndarray | None:
    return rng.integers(0, 5, rows) / 2 if weighted else None  # some rows weigh nothing


def case(function: Any, prediction: np.ndarray, target: np.ndarray, weights: np.ndarray | None) -> dict:
    return {
        "prediction": prediction.tolist(),
        "target": target.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "scores": [[metric, float(value)] for metric, value in function(prediction, target, weights)],
    }


def main() -> None:
    rng = np.random.default_rng(0)
    document = {
        "scikit-learn": sklearn.__version__,
        "regression": [
            regression_case(rng, (60,)),
            regression_case(rng, (40, 1)),
            regression_case(rng, (25, 3)),
            regression_case(rng, (30,), weighted=True),
            regression_case(rng, (20, 2), weighted=True),
            case(regression_scores, np.array([3.0, 2.5, 3.0]), np.array([3.0, 3.0, 3.0]), None),
        ],
        "classification": [
            classification_case(rng, rows=50, classes=2, present=2),
            classification_case(rng, rows=60, classes=2, present=2, ties=True, weighted=True),
            classification_case(rng, rows=60, classes=5, present=5),
            classification_case(rng, rows=40, classes=4, present=4, ties=True),
            classification_case(rng, rows=40, classes=4, present=4, ties=True, weighted=True),
            classification_case(rng, rows=30, classes=6, present=3, weighted=True),
            classification_case(rng, rows=20, classes=2, present=1),
            classification_case(rng, rows=20, classes=3, present=1),
        ],
    }
    for one in document["classification"]:
        predicted, classes = np.array(one["prediction"]).argmax(axis=1), len(one["prediction"][0])
        options = {"labels": range(classes), "sample_weight": one["weights"]}
        one["confusion"] = reference.confusion_matrix(one["target"], predicted, **options).tolist()
    Path(__file__).with_name("metrics.json").write_text(json.dumps(document) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
