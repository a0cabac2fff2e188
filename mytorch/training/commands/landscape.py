"""`mytorch landscape`: the loss over a plane through a run's weights, with the training's path, in two pictures."""

from __future__ import annotations

import dataclasses
import errno
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mytorch.backend import atomic
from mytorch.training.commands.step_bar import step_bar
from mytorch.training.console import check_choice, check_output, print_folded, print_json
from mytorch.training.errors import Interrupted, RunFailed, Stopped, UserError
from mytorch.training.inspection.landscape import (
    Axis,
    Directions,
    Floats,
    Projection,
    axes_around,
    coordinates,
    loss_on,
    losses_on_plane,
    path_directions,
    project,
    random_directions,
    some_rows,
)
from mytorch.training.inspection.weight_path import WeightPath, replay_path
from mytorch.training.loop.gates import SPLITS
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.trained import Trained, load_trained
from mytorch.training.runs.files import csv_text
from mytorch.training.runs.run import Run

KINDS = ("random", "path")
SMALLEST_GRID, LARGEST_GRID = 3, 501


@dataclasses.dataclass(frozen=True)
class Options:
    """What is asked for; `grid` is the number of losses along each axis, `rows` the most rows that each is taken of."""

    directions: str = "random"
    grid: int = 25
    span: float = 1.0
    rows: int = 400
    split: str = "train"
    which: str = "best"
    seed: int = 0
    with_path: bool = True

    def check(self) -> None:
        """Raise a UserError for a value that cannot be."""
        check_choice("--directions", self.directions, KINDS)
        check_choice("--split", self.split, SPLITS)
        if not SMALLEST_GRID <= self.grid <= LARGEST_GRID:
            raise UserError(f"--grid: expected {SMALLEST_GRID} to {LARGEST_GRID} places on an axis, got {self.grid}")
        if not 0 < self.span < math.inf:
            raise UserError(f"--span: expected a length above 0, got {self.span:g}")
        if self.rows < 1:
            raise UserError(f"--rows: expected 1 or more, got {self.rows}")
        if self.seed < 0:
            raise UserError(f"--seed: expected 0 or more, got {self.seed}")
        if self.directions == "path" and not self.with_path:
            raise UserError("--directions path takes its directions from the path, which --no-path leaves out")


@dataclasses.dataclass(frozen=True)
class Landscape:
    """The losses on the plane, and what belongs to them: `losses[i, j]` is that at `across[j]`, `up[i]`."""

    across: Floats
    up: Floats
    losses: Floats
    centre: float  # the loss at the weights
    rows: int
    directions: Directions
    path: WeightPath | None
    projection: Projection | None


def show_landscape(
    selector: str | None, options: Options, *, runs_dir: Path, output: Path | None = None, json: bool = False
) -> None:
    """Compute the losses, draw them, write them as CSV beside the pictures; print what there is to see.

    Raises:
        UserError: an option is wrong, or the run's config, data or weights cannot be used.
        RunFailed: the loss at the weights is not finite, or a file cannot be written.
        Interrupted: it was stopped with a signal.
    """
    options.check()
    run = Run.find(runs_dir, selector)
    if output is not None:
        if output.suffix.lower() != ".png":
            raise UserError(f"-o: expected the name of a PNG file, such as landscape.png, got {str(output)!r}")
        check_output(output)
    first = run.plots / "landscape.png" if output is None else output
    _check_folder(first.parent)
    with _stopping() as stop:
        trained = load_trained(run, options.which)
        landscape = _compute(run, trained, options, runs_dir, stop, shown=not json)
    files = [first, first.with_name(f"{first.stem}-3d.png"), first.with_suffix(".csv")]
    _write(trained.experiment.config.name, landscape, options, files)
    if landscape.path is not None and landscape.path.unlike:
        lines = "".join(f"\n  {line}" for line in landscape.path.unlike)
        print(f"warning: the replay did not come to the run's own weights:{lines}", file=sys.stderr)
    if json:
        print_json(_to_data(run, trained, landscape, options, files))
    else:
        _print(run, trained, landscape, options, files)


def _check_folder(folder: Path) -> None:
    """Make sure that there can be files in it, before minutes of work are done for them."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _not_written(folder, error) from None
    if not os.access(folder, os.W_OK):
        raise _not_written(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def _not_written(folder: Path, error: OSError) -> RunFailed:
    return RunFailed(f"cannot write {folder}: {error.strerror or error}; -o FILE.png chooses another place")


@contextmanager
def _stopping() -> Iterator[StopRequest]:
    """Turns a stop into `Interrupted`: whatever is begun is thrown away."""
    with StopRequest(tell="") as stop:
        try:
            yield stop
        except (Stopped, KeyboardInterrupt):
            raise Interrupted("stopped; nothing was written", stop.exit_code) from None


def _compute(
    run: Run, trained: Trained, options: Options, runs_dir: Path, stop: StopRequest, *, shown: bool
) -> Landscape:
    experiment = trained.experiment
    split = experiment.data.splits.get(options.split)
    if split is None:
        there = ", ".join(experiment.data.splits)
        raise UserError(f"{run.config}: the config sets no {options.split} rows aside; there is: {there}")
    rows = some_rows(split, options.rows)
    centre = loss_on(experiment, rows)
    if not math.isfinite(centre):
        raise RunFailed(
            f"{run}: the loss of the {options.split} rows at the weights of {trained.path.name} is {centre}"
        )
    model = experiment.model
    directions = random_directions(model, options.seed) if options.directions == "random" else None
    path, projection = None, None
    if options.with_path:
        path = _replay(run, runs_dir, stop, shown=shown)
        directions = path_directions(model, path.points) if directions is None else directions
        projection = project(model, directions, path.points)
    assert directions is not None  # `Options.check` refuses those of a path that is left out
    axes = (Axis(-options.span, options.span),) * 2
    if options.directions == "path" and projection is not None:
        axes = axes_around(projection, options.span)
    across, up = (coordinates(axis, options.grid) for axis in axes)
    with step_bar("computing losses", shown=shown) as tell:

        def look(done: int, total: int) -> None:
            tell(done, total)
            if stop.signal is not None:
                raise Stopped

        losses = losses_on_plane(experiment, rows, directions, (across, up), look)
    return Landscape(across, up, losses, centre, len(rows), directions, path, projection)


def _replay(run: Run, runs_dir: Path, stop: StopRequest, *, shown: bool) -> WeightPath:
    with step_bar("replaying the training", shown=shown) as tell:

        def look(step: int, last: int) -> bool:
            tell(step, last)
            return stop.signal is not None

        try:
            return replay_path(run, runs_dir, look)
        except RunFailed as failure:
            raise RunFailed(f"{run} could not be replayed (--no-path leaves the path out): {failure}") from failure
        except UserError as error:
            raise UserError(f"{run} cannot be replayed (--no-path leaves the path out):\n{error}") from error


# --- what is written and printed ------------------------------------------------------------------------------------


def _write(name: str, landscape: Landscape, options: Options, files: list[Path]) -> None:
    from mytorch.training.plots.landscape import plot_landscape, plot_surface

    flat, surface, table = files
    trail = None if landscape.projection is None else landscape.projection.points
    shares = landscape.directions.shares
    labels = ["direction 1", "direction 2"]
    if shares is not None:
        labels = [f"direction {n} ({share:.1%} of the movement)" for n, share in enumerate(shares, start=1)]
    said = f"{landscape.rows:,} {options.split} rows; "
    said += f"random directions (seed {options.seed})" if shares is None else "the directions of the training's path"
    if landscape.projection is not None and shares is None:
        said += f", which show {_percent(landscape.projection.share)} of the path's movement"
    title = f"{name}: loss landscape"
    x, y, losses = landscape.across, landscape.up, landscape.losses
    try:
        plot_landscape(x, y, losses, trail, flat, title, said, labels)
        plot_surface(x, y, losses, trail, surface, title, said, labels)
        lines = [(a, b, float(losses[i, j])) for i, b in enumerate(y.tolist()) for j, a in enumerate(x.tolist())]
        atomic.write_text(table, csv_text([("a", "b", "loss"), *lines]))
    except OSError as error:
        raise _not_written(flat.parent, error) from None


def _percent(share: float) -> str:
    """Two digits of a small share, too.

    >>> _percent(0.943), _percent(0.00024)
    ('94.3%', '0.024%')
    """
    return f"{share:.1%}" if share >= 0.001 else f"{100 * share:.2g}%"


def _lowest(landscape: Landscape) -> tuple[float, float, float]:
    """The lowest loss of the grid, and where it is."""
    i, j = np.unravel_index(np.nanargmin(landscape.losses), landscape.losses.shape)
    return float(landscape.losses[i, j]), float(landscape.across[j]), float(landscape.up[i])


def _print(run: Run, trained: Trained, landscape: Landscape, options: Options, files: list[Path]) -> None:
    grid, indent = options.grid, " " * 12
    print(f"{run}, {trained.path.name} (epoch {trained.epoch}): the loss of {landscape.rows:,} {options.split} rows")
    if landscape.directions.shares is None:
        told = (
            f"{grid} x {grid} places in two random directions (seed {options.seed}), {options.span:g} to each side; "
            "each row or filter of them is as long as that of the weights, biases and other parameters of one axis stay"
        )
    else:
        first, second = landscape.directions.shares
        told = (
            f"{grid} x {grid} places in the two directions in which the training moved most: "
            f"{first:.1%} and {second:.1%} of its movement"
        )
    print_folded(told, first="plane       ", indent=indent)
    lowest, a, b = _lowest(landscape)
    finite = landscape.losses[np.isfinite(landscape.losses)]
    lost = landscape.losses.size - finite.size
    told = (
        f"{landscape.centre:.4g} at the weights; lowest {lowest:.4g} at ({a:.3g}, {b:.3g}), highest {finite.max():.4g}"
    )
    print(f"loss        {told}" + (f"; not finite at {lost} of {landscape.losses.size} places" if lost else ""))
    if landscape.path is not None and landscape.projection is not None:
        end = "it came to the run's weights to the bit" if landscape.path.is_exact else "it came to other weights"
        hint = "; --directions path shows the most that a plane can" if options.directions == "random" else ""
        shown = f"the plane shows {_percent(landscape.projection.share)} of its movement"
        told = f"{landscape.path.steps[-1]:,} steps replayed: {end}; {shown}{hint}"
        print_folded(told, first="path        ", indent=indent)
    print_folded(", ".join(map(str, files[:2])), first="plots       ", indent=indent)
    print(f"values      {files[2]}")


def _to_data(run: Run, trained: Trained, landscape: Landscape, options: Options, files: list[Path]) -> dict[str, Any]:
    lowest, a, b = _lowest(landscape)
    path, projection = landscape.path, landscape.projection
    return {
        "run": run.path,
        "checkpoint": trained.path,
        "epoch": trained.epoch,
        "split": options.split,
        "rows": landscape.rows,
        "directions": options.directions,
        "seed": options.seed if options.directions == "random" else None,
        "shares": landscape.directions.shares,
        "grid": options.grid,
        "across": landscape.across,
        "up": landscape.up,
        "loss": landscape.centre,
        "lowest": {"loss": lowest, "a": a, "b": b},
        "losses": landscape.losses,
        "path": None
        if path is None or projection is None
        else {
            "is_exact": path.is_exact,
            "unlike": path.unlike,
            "share": projection.share,
            "steps": path.steps,
            "points": projection.points,
        },
        "plots": files[:2],
        "values": files[2],
    }
