"""The metrics of regression, in the target's own units; several outputs are scored one by one and averaged.

All but the quantiles of the error keep a few sums and no rows.
"""

from __future__ import annotations

import abc

import numpy as np

from mytorch.training.metrics.base import Floats, RegressionMetric

SMALLEST = np.finfo(np.float64).eps  # what mape divides by at least


class MeanOfErrors(RegressionMetric):
    """The weighted mean of something that each prediction has."""

    def start(self) -> None:
        self.total = 0.0
        self.outputs = 1

    def add(self, prediction: Floats, target: Floats, weights: Floats | None) -> None:
        errors = self.errors(prediction, target)
        self.outputs = errors.shape[1]
        self.total += float((errors if weights is None else errors * weights[:, None]).sum())

    def result(self) -> float:
        return self.total / (self.weight * self.outputs)

    @abc.abstractmethod
    def errors(self, prediction: Floats, target: Floats) -> Floats:
        """What is averaged, of the shape of the predictions."""


class MeanAbsoluteError(MeanOfErrors):
    """Mean absolute error: ``mean(|p - t|)``."""

    type = "mae"

    def errors(self, prediction: Floats, target: Floats) -> Floats:
        return np.abs(prediction - target)


class MeanSquaredError(MeanOfErrors):
    """Mean squared error: ``mean((p - t)^2)``."""

    type = "mse"

    def errors(self, prediction: Floats, target: Floats) -> Floats:
        return (prediction - target) ** 2


class MeanAbsolutePercentageError(MeanOfErrors):
    """Mean absolute percentage error, as a fraction (0.1 is 10 %): ``mean(|p - t| / max(|t|, 2.2e-16))``."""

    type = "mape"

    def errors(self, prediction: Floats, target: Floats) -> Floats:
        return np.abs(prediction - target) / np.maximum(np.abs(target), SMALLEST)


class RootMeanSquaredError(RegressionMetric):
    """Root of the mean squared error: ``sqrt(mean((p - t)^2))``, the mean over the outputs of their roots."""

    type = "rmse"

    def start(self) -> None:
        self.squares: Floats = np.zeros(1)

    def add(self, prediction: Floats, target: Floats, weights: Floats | None) -> None:
        self.squares = self.squares + column_sums((prediction - target) ** 2, weights)

    def result(self) -> float:
        return float(np.sqrt(self.squares / self.weight).mean())


class R2(RegressionMetric):
    """Coefficient of determination: ``1 - sum((t - p)^2) / sum((t - mean(t))^2)``.

    As in scikit-learn a constant target gives 1 if every prediction is right, else 0, and a single row gives NaN.
    Batches are joined with the formula of Chan, Golub and LeVeque (1979) for the sum of squares about the mean.
    """

    type = "r2"
    direction = "max"

    def start(self) -> None:
        self.residual: Floats = np.zeros(1)
        self.about_mean: Floats = np.zeros(1)
        self.mean: Floats = np.zeros(1)
        self.seen = 0.0  # the weight of the rows so far
        self.first: Floats | None = None
        self.constant: np.ndarray = np.ones(1, dtype=bool)

    def add(self, prediction: Floats, target: Floats, weights: Floats | None) -> None:
        if self.first is None:
            self.first = target[0]
        self.constant = self.constant & (target == self.first).all(axis=0)
        self.residual = self.residual + column_sums((target - prediction) ** 2, weights)

        weight = float(len(target) if weights is None else weights.sum())
        if weight == 0:
            return
        mean = column_sums(target, weights) / weight
        about_mean = column_sums((target - mean) ** 2, weights)
        if self.seen:
            apart = mean - self.mean
            about_mean = self.about_mean + about_mean + apart**2 * (self.seen * weight / (self.seen + weight))
            mean = self.mean + apart * (weight / (self.seen + weight))
        self.about_mean, self.mean = about_mean, mean
        self.seen += weight

    def result(self) -> float:
        if self.rows < 2:
            return float("nan")
        scores = 1 - self.residual / np.where(self.constant, 1.0, self.about_mean)
        return float(np.where(self.constant, np.where(self.residual == 0, 1.0, 0.0), scores).mean())


class MaxError(RegressionMetric):
    """The largest absolute error: ``max(|p - t|)``. A row of weight 0 does not count; other weights change nothing."""

    type = "max_error"

    def start(self) -> None:
        self.largest = 0.0

    def add(self, prediction: Floats, target: Floats, weights: Floats | None) -> None:
        errors = np.abs(prediction - target)
        if weights is not None:
            errors = errors[weights > 0]
        self.largest = max(self.largest, float(errors.max(initial=0.0)))

    def result(self) -> float:
        return self.largest


class ErrorQuantile(RegressionMetric):
    """The absolute error that the fraction `q` of the rows do not exceed: 0.5 is the median absolute error.

    It is exact, so it keeps a number for each row. Between two rows it is interpolated (NumPy's and Excel's method);
    with weights it is the error at which the weights reach the fraction `q`, and the middle of two where they meet it
    exactly. For ``q=0.5`` both are scikit-learn's ``median_absolute_error``.
    """

    type = "error_quantile"
    streams = False

    def __init__(self, q: float = 0.5) -> None:
        if not 0 <= q <= 1:
            raise ValueError(f"q must be between 0 and 1, got {q}")
        self.q = q
        super().__init__()

    @property
    def name(self) -> str:
        return f"error_q{100 * self.q:.6g}"

    def start(self) -> None:
        self.errors: list[Floats] = []
        self.weights: list[Floats] = []
        self.weighted = False

    def add(self, prediction: Floats, target: Floats, weights: Floats | None) -> None:
        self.errors.append(np.abs(prediction - target))
        self.weights.append(np.ones(len(target)) if weights is None else weights)
        self.weighted = self.weighted or weights is not None

    def result(self) -> float:
        errors = np.concatenate(self.errors)
        if not self.weighted:
            return float(np.quantile(errors, self.q, axis=0).mean())
        weights = np.concatenate(self.weights)
        return float(np.mean([weighted_quantile(column, weights, self.q) for column in errors.T]))


def weighted_quantile(values: Floats, weights: Floats, q: float) -> float:
    """The value at which the weights, in the order of the values, reach the fraction `q` of their sum.

    >>> weighted_quantile(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0]), 0.4), weighted_quantile(
    ...     np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0]), 0.5)
    (2.0, 5.5)
    """
    there = weights > 0
    order = np.argsort(values[there], kind="stable")
    values, reached = values[there][order], np.cumsum(weights[there][order])
    wanted = q * reached[-1]
    at = min(int(np.searchsorted(reached, wanted)), len(values) - 1)
    above = min(at + 1, len(values) - 1) if np.isclose(reached[at], wanted, rtol=1e-12, atol=0) else at
    return float(values[at] + values[above]) / 2


def column_sums(values: Floats, weights: Floats | None) -> Floats:
    """The sum of each column, each row times its weight."""
    return np.asarray((values if weights is None else values * weights[:, None]).sum(axis=0))
