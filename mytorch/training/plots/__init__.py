"""The pictures of a run, PNG files; each function draws one from plain data, which a run's files hold.

matplotlib is imported only where a picture is drawn. The looks of all are in `style`.
"""

from __future__ import annotations

from mytorch.training.plots.classification import plot_calibration, plot_roc
from mytorch.training.plots.confusion import plot_confusion
from mytorch.training.plots.gradient_flow import plot_gradient_flow
from mytorch.training.plots.history import plot_loss, plot_metrics
from mytorch.training.plots.images import Caption, plot_filters, plot_samples
from mytorch.training.plots.layers import plot_layers
from mytorch.training.plots.regression import plot_predictions, plot_residuals

__all__ = [
    "Caption",
    "plot_calibration",
    "plot_confusion",
    "plot_filters",
    "plot_gradient_flow",
    "plot_layers",
    "plot_loss",
    "plot_metrics",
    "plot_predictions",
    "plot_residuals",
    "plot_roc",
    "plot_samples",
]
