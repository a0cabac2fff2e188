"""The metrics against recorded figures of scikit-learn, in batches, and what they do at the edges."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mytorch.training.errors import UserError
from mytorch.training.metrics import METRICS, Metric, RegressionMetric, confusion_matrix

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "metrics.json").read_text(encoding="utf-8"))


def make(written: dict[str, Any]) -> Metric:
    """The metric that a config's mapping means."""
    return METRICS[written["type"]](**{key: value for key, value in written.items() if key != "type"})


CASES = [
    pytest.param(make(written), case, value, id=f"{task}{number}-{make(written).name}")
    for task in ("regression", "classification")
    for number, case in enumerate(GOLDEN[task])
    for written, value in case["scores"]
]
ALL = [pytest.param(make({"type": name}), id=name) for name in METRICS]
REGRESSION = [param for param in ALL if param.values[0].task == "regression"]
CLASSIFICATION = [param for param in ALL if param.values[0].task == "classification"]


def few_classes(metric: Metric) -> Metric:
    """The same for the three classes of these tests, which are too few for the default top 5."""
    return METRICS["top_k"](k=1) if metric.type == "top_k" else metric


@pytest.mark.parametrize(("metric", "case", "value"), CASES)
def test_equals_scikit_learn(metric: Metric, case: dict, value: float) -> None:
    score = metric(np.array(case["prediction"]), np.array(case["target"]), case["weights"])
    assert isinstance(score, float)
    assert score == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(("metric", "case", "value"), CASES)
def test_batches_give_what_all_at_once_gives(metric: Metric, case: dict, value: float) -> None:
    prediction, target, weights = np.array(case["prediction"]), np.array(case["target"]), case["weights"]
    metric.reset()
    for start in range(0, len(target), 7):
        rows = slice(start, start + 7)
        metric.update(prediction[rows], target[rows], None if weights is None else weights[rows])
    assert metric.compute() == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)
    again = metric.compute()
    assert again == metric.compute() or math.isnan(again)


def test_every_metric_has_a_recorded_figure() -> None:
    assert {param.values[0].type for param in CASES} == set(METRICS)


@pytest.mark.parametrize("case", GOLDEN["classification"])
def test_confusion_matrix_equals_scikit_learn(case: dict) -> None:
    predicted = np.array(case["prediction"]).argmax(axis=1)
    matrix = confusion_matrix(predicted, case["target"], len(case["confusion"]), case["weights"])
    assert matrix.tolist() == case["confusion"]


@pytest.mark.parametrize("metric", ALL)
def test_direction_is_that_of_better_predictions(metric: Metric) -> None:
    metric = few_classes(metric)
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
    assert METRICS[metric.type] is type(metric)
    assert type(metric).__doc__


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (make({"type": "f1"}), "f1"),
        (make({"type": "f1", "average": "macro"}), "f1"),
        (make({"type": "f1", "average": "binary"}), "f1_binary"),
        (make({"type": "top_k"}), "top_5"),
        (make({"type": "error_quantile", "q": 0.9}), "error_q90"),
        (make({"type": "error_quantile", "q": 0.975}), "error_q97.5"),
        (make({"type": "ece", "bins": 10}), "ece_10"),
        (make({"type": "auc", "average": "weighted"}), "auc_weighted"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_are_told_apart_in_the_name(metric: Metric, name: str) -> None:
    assert metric.name == name
    assert name in repr(metric)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"type": "top_k", "k": 0}, "k must be at least 1, got 0"),
        ({"type": "ece", "bins": 0}, "bins must be at least 1"),
        ({"type": "error_quantile", "q": 1.5}, "q must be between 0 and 1"),
    ],
)
def test_arguments_that_make_no_sense(written: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(written)


def test_arguments_that_make_no_sense_for_so_many_classes() -> None:
    with pytest.raises(UserError, match="top_3: k must be less than the number of classes, 3"):
        METRICS["top_k"](k=3)(np.eye(3), [0, 1, 2])
    with pytest.raises(UserError, match="f1_binary: average: binary needs 2 classes, there are 3"):
        METRICS["f1"](average="binary")(np.eye(3), [0, 1, 2])


def test_float32_is_computed_in_float64() -> None:
    target = np.full(100_000, 1e4, dtype=np.float32)
    prediction = target.copy()
    prediction[0] += 1
    assert METRICS["mse"]()(prediction, target) == pytest.approx(1e-5, rel=1e-12)


def test_r2_of_constant_targets_and_of_one_row() -> None:
    r2 = METRICS["r2"]()
    target = np.full(10, 0.1)  # whose mean is not exactly 0.1
    assert r2(target, target) == 1.0
    assert r2(target + 1, target) == 0.0
    assert math.isnan(r2([1.0], [1.0]))


def test_r2_of_batches_far_from_zero() -> None:
    """Sums of squares would cancel: the targets differ in the tenth digit."""
    generator = np.random.default_rng(0)
    target = 1e9 + generator.normal(size=1000)
    prediction = target + 0.1 * generator.normal(size=1000)
    r2 = METRICS["r2"]()
    for start in range(0, 1000, 10):
        r2.update(prediction[start : start + 10], target[start : start + 10])
    assert r2.compute() == pytest.approx(r2(prediction, target), rel=1e-9)
    assert 0.98 < r2.compute() < 1


def test_log_loss_of_huge_scores_is_finite() -> None:
    assert METRICS["log_loss"]()([[1e4, 0.0], [0.0, 1e4]], [0, 0]) == pytest.approx(5000)


def test_auc_of_two_classes_sees_the_order_of_probabilities_that_round_to_one() -> None:
    assert METRICS["auc"]()([[0.0, 100.0], [0.0, 101.0], [0.0, 102.0]], [0, 1, 1]) == 1.0


def test_auc_counts_scores_that_differ_by_rounding_as_ties() -> None:
    third = math.log(0.1 + 0.2), math.log(0.3)
    assert third[0] != third[1]
    assert METRICS["auc"]()([[0.0, third[0]], [0.0, third[1]]], [1, 0]) == 0.5


def test_classes_without_rows_and_one_class_only() -> None:
    scores = np.log([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1]])
    assert METRICS["auc"]()(scores, [0, 0, 1]) == 1.0  # of the two that there are
    assert math.isnan(METRICS["auc"]()(scores, [1, 1, 1]))
    assert METRICS["average_precision"]()(scores, [1, 1, 1]) == 1.0
    assert METRICS["recall"]()(scores, [1, 1, 1]) == pytest.approx(1 / 6)  # class 0 is predicted: it counts


def test_constant_memory() -> None:
    """What streams keeps as much after a thousand batches as after one."""

    def size(metric: Metric) -> int:
        return sum(np.asarray(value).nbytes for value in vars(metric).values() if not isinstance(value, list))

    generator = np.random.default_rng(0)
    for param in ALL:
        metric = few_classes(param.values[0])
        metric.reset()
        sizes = {}  # after the first batch, and after the last
        for batch in range(100):
            if metric.task == "regression":
                metric.update(generator.normal(size=10), generator.normal(size=10))
            else:
                metric.update(generator.normal(size=(10, 3)), generator.integers(0, 3, 10))
            sizes[batch > 0] = size(metric)
        assert sizes[False] == sizes[True]
        assert any(isinstance(value, list) for value in vars(metric).values()) != metric.streams


@pytest.mark.parametrize("metric", REGRESSION)
def test_nan_and_errors_of_regression(metric: Metric) -> None:
    assert math.isnan(metric([1.0, math.nan], [1.0, 2.0]))
    with pytest.raises(UserError, match="no rows"):
        metric(np.zeros(0), np.zeros(0))
    # A column against a row would broadcast to a matrix of differences.
    with pytest.raises(UserError, match=r"one shape.*\(3, 1\) and \(3,\)"):
        metric(np.zeros((3, 1)), np.zeros(3))
    metric.reset()
    metric.update(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(UserError, match="expected 2 columns as before, got 1"):
        metric.update(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize("metric", CLASSIFICATION)
def test_nan_and_errors_of_classification(metric: Metric) -> None:
    metric = METRICS["top_k"](k=1) if metric.type == "top_k" else metric
    assert math.isnan(metric([[math.nan, 1.0]], [0]))
    with pytest.raises(UserError, match="no rows"):
        metric(np.zeros((0, 3)), np.zeros(0, dtype=int))
    with pytest.raises(UserError, match=r"got \(3,\) and \(3,\)"):
        metric(np.zeros(3), np.zeros(3, dtype=int))
    with pytest.raises(UserError, match="0 to 1, got 2 in row 1"):
        metric(np.zeros((2, 2)), [0, 2])
    with pytest.raises(UserError, match="whole class numbers"):
        metric(np.zeros((2, 2)), [0.0, 1.0])


@pytest.mark.parametrize("metric", REGRESSION)
def test_weights(metric: Metric) -> None:
    prediction, target = [1.0, 5.0, 2.5], [1.5, 3.0, 2.0]
    same = metric(prediction, target, weights=[1, 1, 1])
    assert same == pytest.approx(metric(prediction, target))
    # A row of weight 0 is as if it were not there, and one of weight 2 as if it were there twice.
    left_out = metric(prediction, target, weights=[2, 0, 1])
    if metric.type != "error_quantile":
        assert left_out == pytest.approx(metric([1.0, 1.0, 2.5], [1.5, 1.5, 2.0]))
    assert math.isnan(metric(prediction, target, weights=[0, 0, 0]))
    for wrong in ([1, 1], [1, 1, -1], [1, 1, math.inf], [[1], [1], [1]]):
        with pytest.raises(UserError, match="expected 3 finite weights of at least 0"):
            metric(prediction, target, weights=wrong)


def test_a_metric_of_ones_own() -> None:
    class Bias(RegressionMetric):
        def start(self) -> None:
            self.total = 0.0

        def add(self, prediction, target, weights):  # type: ignore[no-untyped-def]
            self.total += (prediction - target).sum()

        def result(self) -> float:
            return self.total / self.rows

    assert Bias()([1.0, 2.0], [0.0, 1.0]) == 1.0
    assert Bias().name == "Bias"


def test_confusion_matrix_refuses_what_does_not_fit() -> None:
    with pytest.raises(UserError, match="predicted: expected class numbers 0 to 1, got -1 in row 0"):
        confusion_matrix([-1], [0], classes=2)
    with pytest.raises(UserError, match="got 1 and 2"):
        confusion_matrix([0], [0, 1], classes=2)


def test_every_metric_is_in_the_table() -> None:
    def below(cls: type) -> set[type]:
        return {cls} | {one for child in cls.__subclasses__() for one in below(child)}

    ours = {cls for cls in below(Metric) if cls.__module__.startswith("mytorch.training.metrics")}
    assert {cls for cls in ours if not inspect.isabstract(cls)} == set(METRICS.values())
