"""Drawing a run's plots from its metrics.csv and norms.csv and the predictions for its rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mytorch.training.config.plot_choice import OF_CLASSES, OF_NUMBERS
from mytorch.training.config.sections import PlotName
from mytorch.training.loop.prediction_table import Part, Predictions
from mytorch.training.metrics import confusion_matrix
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run


def draw_plots(
    run: Run,
    predictions: Predictions,
    names: Sequence[PlotName] | None = None,
    *,
    title: str,
    target_name: str,
    best_epoch: int | None,
) -> None:
    """Draw plots into the run's directory; None: all that there are. Those of layers need a norms.csv."""
    from mytorch.training import plots

    class_names = predictions.class_names
    rows = read_metrics(run.metrics)
    split, part = list(predictions.parts.items())[-1]  # the test rows if there are any, else validation, else train
    for name in (OF_NUMBERS if class_names is None else OF_CLASSES) if names is None else names:
        path = run.plots / f"{name}.png"
        if name == "loss":
            plots.plot_loss(rows, path, title, best_epoch=best_epoch)
        elif name == "metrics":
            plots.plot_metrics(rows, path, title, best_epoch=best_epoch)
        elif name == "predictions":
            pairs = [(one.target, one.prediction) for one in (predictions.parts["train"], part)]
            plots.plot_predictions(pairs[0], pairs[1], target_name, path, test_name=split)
        elif name == "residuals":
            plots.plot_residuals(part.target, part.prediction, target_name, path, part=split)
        elif name == "layers":
            if run.norms.is_file():  # an older run has none
                plots.plot_layers(read_metrics(run.norms), path, title)
        elif class_names is not None:
            _draw_of_classes(name, part, class_names, run, f"{title}: {split}")


def _draw_of_classes(name: PlotName, part: Part, class_names: list[str], run: Run, title: str) -> None:
    from mytorch.training import plots

    path = run.plots / f"{name}.png"
    if name == "confusion":
        matrix = confusion_matrix(part.prediction, part.target, len(class_names))
        plots.plot_confusion(matrix, class_names, path, title)
    elif part.probabilities is not None:
        with np.errstate(divide="ignore"):
            scores = np.log(part.probabilities)
        draw = plots.plot_roc if name == "roc" else plots.plot_calibration
        draw(scores, part.target, class_names, path, title)
