"""Records metrics.json: random predictions and targets with the scores that scikit-learn gives them.

Run it with scikit-learn installed: ``python tests/golden/record_metrics.py``. The arrays are in the file, so
that the tests depend on no random stream.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn import metrics as reference


def regression_case(rng: np.random.Generator, shape: tuple[int, ...]) -> dict:
    target = rng.normal(20, 9, shape).round(3)
    prediction = (target + rng.normal(0, 3, shape)).round(3)
    scores = {
        "mae": reference.mean_absolute_error(target, prediction),
        "rmse": reference.root_mean_squared_error(target, prediction),
        "mse": reference.mean_squared_error(target, prediction),
        "r2": reference.r2_score(target, prediction),
        "mape": reference.mean_absolute_percentage_error(target, prediction),
    }
    if len(shape) == 1:  # scikit-learn has no max_error for several outputs
        scores["max_error"] = reference.max_error(target, prediction)
    return {"prediction": prediction.tolist(), "target": target.tolist(), "scores": scores}


def constant_case() -> dict:
    target, prediction = [3.0, 3.0, 3.0], [3.0, 2.5, 3.0]
    return {
        "prediction": prediction,
        "target": target,
        "scores": {"r2": reference.r2_score(target, prediction)},
    }


def classification_case(rng: np.random.Generator, rows: int, classes: int, present: int) -> dict:
    """``present`` of the classes have rows; the others may still be predicted."""
    target = rng.integers(0, present, rows)
    logits = (rng.normal(0, 1, (rows, classes)) + 1.5 * np.eye(classes)[target]).round(3)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = logits.argmax(axis=1)
    macro = {"average": "macro", "zero_division": 0}
    scores = {
        "accuracy": reference.accuracy_score(target, predicted),
        "error_rate": reference.zero_one_loss(target, predicted),
        "precision": reference.precision_score(target, predicted, **macro),
        "recall": reference.recall_score(target, predicted, **macro),
        "f1": reference.f1_score(target, predicted, **macro),
        "log_loss": reference.log_loss(target, probabilities, labels=range(classes)),
    }
    confusion = reference.confusion_matrix(target, predicted, labels=range(classes)).tolist()
    return {
        "prediction": logits.tolist(),
        "target": target.tolist(),
        "scores": scores,
        "confusion": confusion,
    }


def main() -> None:
    rng = np.random.default_rng(0)
    document = {
        "scikit-learn": sklearn.__version__,
        "regression": [
            regression_case(rng, (60,)),
            regression_case(rng, (40, 1)),
            regression_case(rng, (25, 3)),
            constant_case(),
        ],
        "classification": [
            classification_case(rng, rows=50, classes=2, present=2),
            classification_case(rng, rows=60, classes=5, present=5),
            classification_case(rng, rows=30, classes=6, present=3),
        ],
    }
    text = json.dumps(document)
    Path(__file__).with_name("metrics.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
