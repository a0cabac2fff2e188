"""What every metric is: a class that takes batches, keeps what it must of them, and gives one number in the end.

`update` checks a batch and hands it to `add`, `compute` asks `result` for the number, `reset` begins again. A metric of
one's own derives from `RegressionMetric` or `ClassificationMetric` and writes `start`, `add` and `result`; the
annotated arguments of its constructor are what a config can set.
"""

from __future__ import annotations

import abc
import copy
import inspect
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mytorch.training.errors import UserError

Task = Literal["regression", "classification"]
Direction = Literal["min", "max"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Metric(abc.ABC):
    """A score of predictions against targets, computed in float64.

    `task` says what it is for, `direction` whether the smallest (``"min"``) or the largest (``"max"``) value is best.
    `streams` is False where all rows must be kept to be exact; else the memory does not grow with the rows.

    >>> from mytorch.training.metrics import METRICS
    >>> mae = METRICS["mae"]()
    >>> mae.update([1.0, 2.0], [1.5, 2.5])
    >>> mae.update([3.0], [5.0])
    >>> mae.compute()
    1.0
    >>> mae([1.0, 2.0], [1.5, 2.5], weights=[3, 1])  # all at once; the batches above stay as they were
    0.5
    """

    type: ClassVar[str]  # what a config calls it; the class's own name unless it says otherwise
    task: ClassVar[Task]
    direction: ClassVar[Direction]
    streams: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "type" not in cls.__dict__:
            cls.type = cls.__name__

    def __init__(self) -> None:
        self.reset()

    @property
    def name(self) -> str:
        """The name of its column: the type, and the arguments that are not the default ones.

        >>> from mytorch.training.metrics import METRICS
        >>> METRICS["f1"]().name, METRICS["f1"](average="micro").name
        ('f1', 'f1_micro')
        """
        given = [
            str(getattr(self, key))
            for key, parameter in inspect.signature(self.__class__).parameters.items()
            if getattr(self, key, parameter.default) != parameter.default
        ]
        return "_".join([self.type, *given])

    def reset(self) -> None:
        """Forget all batches."""
        self.rows = 0
        self.weight = 0.0  # of all rows together; their number if no weights were given
        self.width: int | None = None  # outputs or classes, the same in every batch
        self.has_nan = False
        self.start()

    def update(self, prediction: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Take a batch. `weights` are one number a row, None is 1 for each; a NaN prediction makes the score NaN.

        Raises:
            UserError: the shapes do not fit each other or those of the batches before, or a weight is negative.
        """
        values, true = self.check(prediction, target)
        w = None if weights is None else self._check_weights(weights, len(values))
        if self.width is None:
            self.width = values.shape[1]
        elif self.width != values.shape[1]:
            raise UserError(f"{self.name}: expected {self.width} columns as before, got {values.shape[1]}")
        if not len(values):
            return
        self.rows += len(values)
        self.weight += float(len(values) if w is None else w.sum())
        self.has_nan = self.has_nan or bool(np.isnan(values).any())
        if not self.has_nan:
            self.add(values, true, w)

    def compute(self) -> float:
        """The score of all batches so far; NaN if a prediction was NaN or the weights add up to 0.

        Raises:
            UserError: there were no rows.
        """
        if not self.rows:
            raise UserError(f"{self.name}: there are no rows to score")
        return float("nan") if self.has_nan or self.weight == 0 else float(self.result())

    def __call__(self, prediction: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None) -> float:
        fresh = copy.copy(self)
        fresh.reset()
        fresh.update(prediction, target, weights)
        return fresh.compute()

    def __repr__(self) -> str:
        return f"<metric {self.name}: {self.task}, best is {self.direction}>"

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better; every number is better than NaN, and NaN is never better.

        >>> from mytorch.training.metrics import METRICS
        >>> METRICS["r2"]().is_better(0.9, than=0.8)
        True
        """
        if np.isnan(than):
            return not np.isnan(value)
        return value < than if self.direction == "min" else value > than

    def _check_weights(self, weights: ArrayLike, rows: int) -> Floats:
        w = np.asarray(weights, dtype=np.float64)
        if w.shape != (rows,) or not np.isfinite(w).all() or (w < 0).any():
            wrong = f"shape {w.shape}" if w.shape != (rows,) else f"a weight of {w[~np.isfinite(w) | (w < 0)][0]}"
            raise UserError(f"{self.name}: expected {rows} finite weights of at least 0, one a row, got {wrong}")
        return w

    @abc.abstractmethod
    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Any]:
        """The batch as `add` wants it, or `UserError`."""

    @abc.abstractmethod
    def start(self) -> None:
        """Set what is kept to that of no rows."""

    @abc.abstractmethod
    def add(self, prediction: Any, target: Any, weights: Floats | None) -> None:
        """Take a batch that has been checked, of at least one row and without a NaN prediction."""

    @abc.abstractmethod
    def result(self) -> float:
        """The score of at least one row."""


class RegressionMetric(Metric):
    """Of values in the target's own units; `add` gets float64 predictions and targets of shape (n, outputs)."""

    task = "regression"
    direction: ClassVar[Direction] = "min"

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats]:
        values, true = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
        if values.shape != true.shape or values.ndim not in (1, 2):
            raise UserError(
                f"{self.name}: expected predictions and targets of one shape, (n,) or (n, outputs), "
                f"got {values.shape} and {true.shape}"
            )
        columns = values.shape[1] if values.ndim == 2 else 1
        return values.reshape(len(values), columns), true.reshape(len(true), columns)


class ClassificationMetric(Metric):
    """Of class scores; `add` gets float64 scores of shape (n, classes) and int64 class numbers of shape (n,).

    The scores are logits or log probabilities: their softmax are the probabilities, the highest is the predicted class
    (the first one, if several are as high).
    """

    task = "classification"
    direction: ClassVar[Direction] = "max"

    def check_classes(self, classes: int) -> None:
        """Raises ValueError if the arguments make no sense for so many classes."""

    def check(self, prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Ints]:
        scores, true = np.asarray(prediction, dtype=np.float64), np.asarray(target)
        if scores.ndim != 2 or true.shape != scores.shape[:1] or scores.shape[1] < 2:
            raise UserError(
                f"{self.name}: expected scores of shape (n, classes), at least 2 classes, and class numbers "
                f"of shape (n,), got {scores.shape} and {true.shape}"
            )
        try:
            self.check_classes(scores.shape[1])
        except ValueError as error:
            raise UserError(f"{self.name}: {error}") from None
        return scores, check_labels(f"{self.name}: target", true, scores.shape[1])


def check_labels(what: str, labels: ArrayLike, classes: int) -> Ints:
    """The class numbers as int64. Raises `UserError` for anything but whole numbers 0 to ``classes - 1``.

    >>> check_labels("target", [0, 1], classes=2)
    array([0, 1])
    """
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iub"):
        raise UserError(f"{what}: expected whole class numbers of shape (n,), got {array.dtype} of shape {array.shape}")
    array = array.astype(np.int64)
    wrong = (array < 0) | (array >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise UserError(f"{what}: expected class numbers 0 to {classes - 1}, got {array[row]} in row {row}")
    return array


def log_softmax(scores: Floats) -> Floats:
    """The logarithms of the probabilities that scores of shape (n, classes) stand for.

    >>> np.exp(log_softmax(np.array([[0.0, 0.0]]))).tolist()
    [[0.5, 0.5]]
    """
    shifted = scores - scores.max(axis=1, keepdims=True)  # exp cannot overflow
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax(scores: Floats) -> Floats:
    """The probabilities that scores of shape (n, classes) stand for.

    >>> softmax(np.log([[1.0, 3.0]])).round(6).tolist()
    [[0.25, 0.75]]
    """
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
