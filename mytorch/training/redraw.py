"""The plots of a run drawn again, from its metrics.csv and the predictions of its best weights."""

from __future__ import annotations

from pathlib import Path

from mytorch.training.commands import draw_plots
from mytorch.training.console import print_json
from mytorch.training.errors import UserError
from mytorch.training.run import Run, read_metrics, writing
from mytorch.training.trained import load_trained


def redraw(selector: str | None, *, runs_dir: Path, json: bool = False) -> None:
    """Draw the plots of a run into its directory, as they are at the end of a training; say where they are."""
    run = Run.find(runs_dir, selector)
    if not read_metrics(run.metrics):
        raise UserError(f"{run} has nothing to draw: no epoch of it was completed")
    trained = load_trained(run)
    with writing(run, "the plots that were there may be a mixture of old and new ones"):
        run.plots.mkdir(exist_ok=True)
        draw_plots(trained.experiment, run, trained.epoch or 0)
    plots = sorted(run.plots.glob("*.png"))
    if json:
        print_json({"run": run.path, "epoch": trained.epoch, "plots": plots})
    else:
        print(f"{run}, {trained.path.name} (epoch {trained.epoch})\nplots:   {', '.join(map(str, plots))}")
