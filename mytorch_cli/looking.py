"""`mytorch trace`, `gradcheck`, `graph`, `lr-find`, `landscape` and `report`: to look into a model and a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mytorch_cli.options import (
    Changes,
    ChangesOfTarget,
    Checkpoint,
    CheckpointOfTarget,
    Config,
    Json,
    RowsOf,
    RunOrLatest,
    RunsDir,
    Split,
    Step,
    Target,
    to_file,
)

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  mytorch trace configs/boston.yaml
  mytorch trace configs/digits-cnn.yaml --rows 8 --layer 3
  mytorch trace configs/learn/by-hand.yaml --values --formula
  mytorch trace boston --step 100
  mytorch trace boston --split test --rows 4 --json"""
)
def trace(
    target: Target,
    overrides: ChangesOfTarget = None,
    step: Step = None,
    split: RowsOf = None,
    rows: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only N rows.", show_default=False)] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only this layer and those in it, such as 3 or 2.layers.0; or loss.",
            show_default=False,
        ),
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="Print the numbers themselves, of large tensors a corner.")
    ] = False,
    formula: Annotated[
        bool, typer.Option("--formula", help="Print what each operation computes, and its derivatives.")
    ] = False,
    checkpoint: CheckpointOfTarget = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Tell one step op by op: what goes forward, what comes back."""
    from mytorch.training.commands.trace import Options
    from mytorch.training.commands.trace import trace as trace_target

    trace_target(
        target,
        overrides or [],
        Options(layer, values, formula),
        runs_dir=runs_dir,
        step=step,
        split=split,
        rows=rows,
        checkpoint=checkpoint,
        json=json,
    )


@app.command(
    epilog="""\b
Examples:
  mytorch gradcheck configs/boston.yaml
  mytorch gradcheck configs/boston.yaml model.1=Tanh --rows 64 --samples 100
  mytorch gradcheck boston --split test --checkpoint last
Exit code 0: all gradients are right; 1: one is wrong."""
)
def gradcheck(
    target: Target,
    overrides: ChangesOfTarget = None,
    samples: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Elements of a tensor that are compared one by one; the others are together."
        ),
    ] = 20,
    step: Step = None,
    split: RowsOf = None,
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="Rows of the batch.")] = 8,
    checkpoint: CheckpointOfTarget = None,
    seed: Annotated[int, typer.Option(help="Chooses the elements.")] = 0,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Check a model's gradients against finite differences.

    It does so in float64, parameter by parameter, and finds the layer that is wrong.
    """
    from mytorch.training.commands.gradcheck import gradcheck as check_target

    check_target(
        target,
        overrides or [],
        runs_dir=runs_dir,
        step=step,
        split=split,
        rows=rows,
        checkpoint=checkpoint,
        samples=samples,
        seed=seed,
        json=json,
    )


@app.command(
    epilog="""\b
Examples:
  mytorch graph configs/boston.yaml -o boston.svg
  mytorch graph configs/digits-cnn.yaml --full -o digits.png
  mytorch graph boston --step 40 --layer 0 -o first-layer.dot
Arrows lead forward; their width and colour are the norm of the gradient that flows back along them."""
)
def graph(
    target: Target,
    overrides: ChangesOfTarget = None,
    output: Annotated[
        Path | None,
        to_file(
            "FILE",
            "Where it goes, by its ending: .svg and .png are pictures, .mmd is Mermaid, .dot is for Graphviz; "
            "graph-NAME.svg among the runs if left out.",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every operation and every parameter, instead of a box for each layer.")
    ] = False,
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this layer and what it is joined to.", show_default=False),
    ] = None,
    step: Step = None,
    split: RowsOf = None,
    rows: Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows of the batch.", show_default=False)] = None,
    checkpoint: CheckpointOfTarget = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Draw the graph of one step, and the gradients flowing back.

    Of layers, or of all operations; with the shapes of what goes from one to the other.
    """
    from mytorch.training.commands.graph import graph as draw_graph

    draw_graph(
        target,
        overrides or [],
        runs_dir=runs_dir,
        output=output,
        full=full,
        layer=layer,
        step=step,
        split=split,
        rows=rows,
        checkpoint=checkpoint,
        json=json,
    )


@app.command(
    "lr-find",
    epilog="""\b
Examples:
  mytorch lr-find configs/boston.yaml
  mytorch lr-find configs/boston.yaml optimizer.type=SGD --to 100
  mytorch lr-find configs/digits-cnn.yaml --steps 300 -o rates.png""",
)
def lr_find(
    config: Config,
    overrides: Changes = None,
    first: Annotated[float, typer.Option("--from", metavar="RATE", help="The smallest learning rate.")] = 1e-7,
    last: Annotated[float, typer.Option("--to", metavar="RATE", help="The largest one.")] = 10.0,
    steps: Annotated[int, typer.Option(metavar="N", help="The steps from one to the other.")] = 100,
    output: Annotated[
        Path | None,
        to_file(
            "FILE.png",
            "Where the picture goes; lr-find-NAME.png among the runs if left out.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Look for a learning rate, by a training in which it rises.

    The training is short, its rate is another at every step, and nothing of it is kept.
    """
    from mytorch.training.commands.lr_find import find_rate

    find_rate(config, overrides or [], runs_dir=runs_dir, first=first, last=last, steps=steps, output=output, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch landscape
  mytorch landscape boston --directions path
  mytorch landscape boston --grid 51 --span 0.5 --no-path -o boston.png"""
)
def landscape(
    run: RunOrLatest = None,
    directions: Annotated[
        str, typer.Option(help="What spans the plane. random, or path: where the training moved most.")
    ] = "random",
    grid: Annotated[int, typer.Option(metavar="N", help="Losses along each side of the plane.")] = 25,
    span: Annotated[
        float, typer.Option(help="How far the plane reaches; random: in lengths of the weights; path: of the path.")
    ] = 1.0,
    rows: Annotated[int, typer.Option(metavar="N", help="The most rows to take each loss of, evenly spread.")] = 400,
    split: Split = "train",
    checkpoint: Checkpoint = "best",
    seed: Annotated[int, typer.Option(help="Of the random directions.")] = 0,
    path: Annotated[
        bool, typer.Option("--path/--no-path", help="Replay the training, to show its path on the plane.")
    ] = True,
    output: Annotated[
        Path | None,
        to_file(
            "FILE.png",
            "Where the pictures go; into the run's plots if left out. FILE-3d.png and FILE.csv lie beside it.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Draw the loss around a run's weights, and the path to them.

    The loss is computed on a plane through the weights, on which the training's path is shown.
    """
    from mytorch.training.commands.landscape import Options, show_landscape

    options = Options(directions, grid, span, rows, split, checkpoint, seed, path)
    show_landscape(run, options, runs_dir=runs_dir, output=output, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch report
  mytorch report boston
  mytorch report narrow wide wider -o widths.html
  mytorch report runs/boston/20260131-142501 -o to-show.html"""
)
def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN ...",
            help="Run directories, beginnings of runs' names, or directories of series; the latest run if left out.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        to_file(
            "FILE.html",
            "Where the page goes; report.html in the run's directory, of several runs comparison.html among them.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Write a run's report.html again, or a page of several runs."""
    from mytorch.training.commands.report import report as write_report

    write_report(runs or ["latest"], runs_dir=runs_dir, output=output, json=json)
