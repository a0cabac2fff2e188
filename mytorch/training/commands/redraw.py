"""All plots of a run, from its metrics.csv and gradients.csv and the predictions of its best weights.

A finished run has the predictions in a file, and needs neither its data nor own code to be drawn. Those of any other
run are computed from its weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mytorch.training.commands.drawing import draw_plots
from mytorch.training.console import print_json
from mytorch.training.errors import UserError
from mytorch.training.loop.image_samples import ImageSamples, image_samples, read_samples
from mytorch.training.loop.prediction_table import Predictions, predictions_of, read_predictions
from mytorch.training.loop.scoring import predict
from mytorch.training.loop.trained import load_trained
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import read_metrics, writing
from mytorch.training.runs.outcome import read_summary, state_of
from mytorch.training.runs.run import Run


class _Drawn(NamedTuple):
    """What the plots are drawn from; `source` is the file that has the predictions, or the weights."""

    predictions: Predictions
    samples: ImageSamples | None
    title: str
    target_name: str
    epoch: int | None
    source: Path


def redraw(selector: str | None, *, runs_dir: Path, json: bool = False) -> None:
    """Draw the plots of a run into its directory; say where they are."""
    run = Run.find(runs_dir, selector)
    if not read_metrics(run.metrics):
        raise UserError(f"{run} has nothing to draw: no epoch of it was completed")
    drawn = _drawn(run)
    with writing(run, "the plots that were there may be a mixture of old and new ones"):
        run.plots.mkdir(exist_ok=True)
        draw_plots(
            run,
            drawn.predictions,
            drawn.samples,
            title=drawn.title,
            target_name=drawn.target_name,
            best_epoch=drawn.epoch,
        )
    plots = sorted(run.plots.glob("*.png"))
    if json:
        print_json({"run": run.path, "epoch": drawn.epoch, "plots": plots})
    else:
        print(f"{run}, {drawn.source.name} (epoch {drawn.epoch})\nplots:   {', '.join(map(str, plots))}")


def _drawn(run: Run) -> _Drawn:
    """What the best weights say, from the run's files if it is finished."""
    summary = read_summary(run)
    if summary is not None and state_of(run) == "finished" and run.predictions.is_file():
        _, metadata = checkpoint.load(run.best_checkpoint)
        target_name = metadata["preparation"]["target_name"]
        predictions = read_predictions(run.predictions)
        samples = read_samples(run.images) if run.images.is_file() else None  # older runs have none
        return _Drawn(predictions, samples, summary["name"], target_name, summary["best_epoch"], run.predictions)
    trained = load_trained(run)
    experiment = trained.experiment
    outputs = {name: predict(experiment.model, split.inputs) for name, split in experiment.data.splits.items()}
    predictions = predictions_of(experiment, outputs)
    samples = image_samples(experiment, predictions)
    name, target_name = experiment.config.name, experiment.data.target_name
    return _Drawn(predictions, samples, name, target_name, trained.epoch, trained.path)
