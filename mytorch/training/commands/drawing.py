"""Drawing a run's plots from its metrics.csv and gradients.csv and the predictions for its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mytorch.training.config.plot_choice import OF_IMAGES, OF_LAYERS, all_plots
from mytorch.training.config.sections import PlotName
from mytorch.training.diagnostics.gradients_file import read_gradients
from mytorch.training.loop.image_samples import ImageSamples
from mytorch.training.loop.prediction_table import Part, Predictions
from mytorch.training.metrics import confusion_matrix
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

if TYPE_CHECKING:
    from mytorch.training.plots import Caption


def draw_plots(
    run: Run,
    predictions: Predictions,
    samples: ImageSamples | None = None,
    names: Sequence[PlotName] | None = None,
    *,
    title: str,
    target_name: str,
    best_epoch: int | None,
) -> None:
    """Draw plots into the run's directory; None: all that there are.

    Those of layers need a gradients.csv, those of images need `samples`.
    """
    from mytorch.training import plots

    class_names = predictions.class_names
    rows = read_metrics(run.metrics)
    split, part = list(predictions.parts.items())[-1]  # the test rows if there are any, else validation, else train
    if names is None:
        names = all_plots(of_classes=class_names is not None, of_images=samples is not None)
    for name in names:
        path = run.plots / f"{name}.png"
        if name == "loss":
            plots.plot_loss(rows, path, title, best_epoch=best_epoch)
        elif name == "metrics":
            plots.plot_metrics(rows, path, title, best_epoch=best_epoch)
        elif name == "predictions":
            train = predictions.parts["train"]
            others = None if part is train else (part.target, part.prediction)
            plots.plot_predictions((train.target, train.prediction), others, target_name, path, test_name=split)
        elif name == "residuals":
            plots.plot_residuals(part.target, part.prediction, target_name, path, part=split)
        elif name in OF_LAYERS:
            draw_of_layers(name, run, title)
        elif name in OF_IMAGES:
            if samples is not None:
                _draw_of_images(name, samples, predictions, run, title)
        elif class_names is not None:
            _draw_of_classes(name, part, class_names, run, f"{title}: {split}")


def draw_of_layers(name: PlotName, run: Run, title: str) -> None:
    """Draw `layers` or `gradient-flow`; nothing of an older run, or of one without diagnostics."""
    from mytorch.training import plots

    if run.gradients.is_file():
        draw = plots.plot_layers if name == "layers" else plots.plot_gradient_flow
        draw(read_gradients(run.gradients), run.plots / f"{name}.png", title)


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


def _draw_of_images(name: PlotName, samples: ImageSamples, predictions: Predictions, run: Run, title: str) -> None:
    from mytorch.training import plots

    path = run.plots / f"{name}.png"
    if name == "filters":
        if len(samples.filters):  # the first layer has some
            in_colour = samples.images.shape[1] == 3
            plots.plot_filters(samples.filters, samples.layer, path, title, in_colour=in_colour)
    elif len(samples.places):
        part = predictions.parts[samples.split]
        captions, told = _captions(part, samples, predictions.class_names)
        plots.plot_samples(samples.images, captions, path, f"{title}: {samples.split}", told)


def _captions(part: Part, samples: ImageSamples, class_names: list[str] | None) -> tuple[list[Caption], str]:
    """What is written below each sample, and above all of them."""
    from mytorch.training.plots import Caption

    target, prediction = part.target[samples.places], part.prediction[samples.places]
    if class_names is None or part.probabilities is None:
        texts = [(f"{true:.4g}", f"{said:.4g}") for true, said in zip(target, prediction, strict=True)]
        return [Caption(*pair) for pair in texts], "the largest errors first; the target, below it the prediction"
    captions = []
    for place, true, said in zip(samples.places, target, prediction, strict=True):
        instead = "" if true == said else f"{class_names[said]} "
        sure = f"{instead}{part.probabilities[place, said]:.0%}"
        captions.append(Caption(class_names[true], sure, is_wrong=bool(instead)))
    wrong = int((part.target != part.prediction).sum())
    shown = sum(caption.is_wrong for caption in captions)
    rows = f"{len(part.target):,}"
    if not wrong:
        return captions, f"no mistake in {rows}; below the class: how surely it was predicted"
    all_of_them = "1 mistake" if wrong == 1 else f"all {wrong:,} mistakes"
    mistakes = f"{shown} of {wrong:,} mistakes" if shown < wrong else all_of_them
    told = "the surest first; below the class: what was predicted instead, and how surely"
    return captions, f"{mistakes} in {rows}, {told}"
