"""What a model is scored with: classes by name in `METRICS`, computed in float64, equal to scikit-learn's.

A config names them, with arguments where they have some: ``metrics: [accuracy, {type: top_k, k: 3}]``. For regression
both arrays hold values in the target's own units, shape ``(n,)`` or ``(n, outputs)``. For classification the
prediction holds scores (logits) of shape ``(n, classes)`` and the target class numbers of shape ``(n,)``.
docs/metrics.md tells what each is.
"""

from __future__ import annotations

from mytorch.training.metrics.base import (
    ClassificationMetric,
    Direction,
    Metric,
    RegressionMetric,
    Task,
    log_softmax,
    softmax,
)
from mytorch.training.metrics.classification import (
    F1,
    Accuracy,
    CalibrationError,
    ErrorRate,
    LogLoss,
    Precision,
    Recall,
    TopK,
    confidence,
    confusion_matrix,
    reliability,
)
from mytorch.training.metrics.ranking import (
    AreaUnderROC,
    AveragePrecision,
    precision_recall_curve,
    ranked_by,
    roc_curve,
)
from mytorch.training.metrics.regression import (
    R2,
    ErrorQuantile,
    MaxError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    RootMeanSquaredError,
)

__all__ = [
    "METRICS",
    "ClassificationMetric",
    "Direction",
    "Metric",
    "RegressionMetric",
    "Task",
    "confidence",
    "confusion_matrix",
    "direction_of",
    "log_softmax",
    "precision_recall_curve",
    "ranked_by",
    "reliability",
    "roc_curve",
    "softmax",
]

METRICS: dict[str, type[Metric]] = {
    metric.type: metric
    for metric in (
        MeanAbsoluteError,
        RootMeanSquaredError,
        MeanSquaredError,
        R2,
        MeanAbsolutePercentageError,
        MaxError,
        ErrorQuantile,
        Accuracy,
        ErrorRate,
        TopK,
        Precision,
        Recall,
        F1,
        AreaUnderROC,
        AveragePrecision,
        LogLoss,
        CalibrationError,
    )
}


def direction_of(name: str) -> Direction:
    """Whether the smallest or the largest value of a column is best; ``"min"`` for a loss or a metric not of ours.

    >>> direction_of("r2"), direction_of("f1_micro"), direction_of("loss")
    ('max', 'max', 'min')
    """
    types = [key for key in METRICS if name == key or name.startswith(f"{key}_")]
    return METRICS[max(types, key=len)].direction if types else "min"
