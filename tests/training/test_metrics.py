"""The metrics against recorded figures of scikit-learn, and what they do at the edges."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.errors import UserError
from mytorch.training.metrics import METRICS, confusion_matrix

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text(encoding="utf-8"))
CASES = [
    pytest.param(name, case, id=f"{task}{number}-{name}")
    for task in ("regression", "classification")
    for number, case in enumerate(GOLDEN[task])
    for name in case["scores"]
]
REGRESSION = [name for name, metric in METRICS.items() if metric.task == "regression"]
CLASSIFICATION = [name for name, metric in METRICS.items() if metric.task == "classification"]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_equals_scikit_learn(name: str, case: dict) -> None:
    score = METRICS[name](np.array(case["prediction"]), np.array(case["target"]))
    assert isinstance(score, float)
    assert score == pytest.approx(case["scores"][name], rel=1e-9, abs=1e-12)


def test_every_metric_has_a_recorded_figure() -> None:
    assert {param.values[0] for param in CASES} == set(METRICS)


@pytest.mark.parametrize("case", GOLDEN["classification"])
def test_confusion_matrix_equals_scikit_learn(case: dict) -> None:
    predicted = np.array(case["prediction"]).argmax(axis=1)
    assert confusion_matrix(predicted, case["target"], len(case["confusion"])).tolist() == case["confusion"]


@pytest.mark.parametrize("name", METRICS)
def test_direction_is_that_of_better_predictions(name: str) -> None:
    metric = METRICS[name]
    if metric.task == "regression":
        target = np.array([1.0, 2.0, 4.0])
        good, bad = metric(target + 0.1, target), metric(target + np.array([1.0, -1.0, 1.5]), target)
    else:
        target = np.array([0, 1, 2])
        good, bad = metric(5 * np.eye(3), target), metric(np.roll(5 * np.eye(3), 1, axis=0), target)
    assert metric.is_better(good, than=bad)
    assert not metric.is_better(bad, than=good)
    assert not metric.is_better(good, than=good)
    assert metric.is_better(bad, than=math.nan)
    assert not metric.is_better(math.nan, than=bad)
    assert metric.name == name
    assert metric.__doc__


def test_float32_is_computed_in_float64() -> None:
    target = np.full(100_000, 1e4, dtype=np.float32)
    prediction = target.copy()
    prediction[0] += 1
    assert METRICS["mse"](prediction, target) == pytest.approx(1e-5, rel=1e-12)


def test_r2_of_constant_targets_and_of_one_row() -> None:
    r2 = METRICS["r2"]
    target = np.full(10, 0.1)  # whose mean is not exactly 0.1
    assert r2(target, target) == 1.0
    assert r2(target + 1, target) == 0.0
    assert math.isnan(r2([1.0], [1.0]))


def test_log_loss_of_huge_scores_is_finite() -> None:
    assert METRICS["log_loss"]([[1e4, 0.0], [0.0, 1e4]], [0, 0]) == pytest.approx(5000)


@pytest.mark.parametrize("name", REGRESSION)
def test_nan_and_errors_of_regression(name: str) -> None:
    metric = METRICS[name]
    assert math.isnan(metric([1.0, math.nan], [1.0, 2.0]))
    with pytest.raises(UserError, match="no rows"):
        metric(np.zeros(0), np.zeros(0))
    # A column against a row would broadcast to a matrix of differences.
    with pytest.raises(UserError, match=r"one shape.*\(3, 1\) and \(3,\)"):
        metric(np.zeros((3, 1)), np.zeros(3))


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_nan_and_errors_of_classification(name: str) -> None:
    metric = METRICS[name]
    assert math.isnan(metric([[math.nan, 1.0]], [0]))
    with pytest.raises(UserError, match="no rows"):
        metric(np.zeros((0, 3)), np.zeros(0, dtype=int))
    with pytest.raises(UserError, match=r"got \(3,\) and \(3,\)"):
        metric(np.zeros(3), np.zeros(3, dtype=int))
    with pytest.raises(UserError, match="0 to 1, got 2 in row 1"):
        metric(np.zeros((2, 2)), [0, 2])
    with pytest.raises(UserError, match="whole class numbers"):
        metric(np.zeros((2, 2)), [0.0, 1.0])


def test_confusion_matrix_refuses_what_does_not_fit() -> None:
    with pytest.raises(UserError, match="predicted: expected class numbers 0 to 1, got -1 in row 0"):
        confusion_matrix([-1], [0], classes=2)
    with pytest.raises(UserError, match="got 1 and 2"):
        confusion_matrix([0], [0, 1], classes=2)
