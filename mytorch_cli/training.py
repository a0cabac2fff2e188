"""`mytorch train`, `resume`, `check`, `eval` and `predict`: from a config to a trained model and what it predicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mytorch_cli.options import (
    Changes,
    Checkpoint,
    Config,
    Expect,
    Json,
    JUnit,
    Quiet,
    RunOrLatest,
    RunsDir,
    Split,
    Threads,
    to_file,
)

app = typer.Typer()


@app.command(
    epilog="""\b
Examples:
  mytorch train configs/boston.yaml
  mytorch train configs/boston.yaml optimizer.lr=1e-3 model.0.out_features=128 seed=3
  mytorch train configs/boston.yaml --smoke
  mytorch train configs/boston.yaml --seeds 0-4
  mytorch train configs/boston.yaml --expect 'test.mae<=2.5' --expect 'seconds<60' --junit gates.xml"""
)
def train(
    config: Config,
    overrides: Changes = None,
    smoke: Annotated[
        bool,
        typer.Option("--smoke", help="Train a few batches in a throw-away run and check that the loss falls (for CI)."),
    ] = False,
    runs_dir: RunsDir = Path("runs"),
    name: Annotated[
        str | None, typer.Option(help="The run's name, instead of the config's.", show_default=False)
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="SEEDS", help="Train once with each seed, such as 0-4 or 1,7,20.", show_default=False),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Train N times, each time with another Nth of the rows as test rows.", show_default=False
        ),
    ] = None,
    expect: Expect = None,
    junit: JUnit = None,
    threads: Threads = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a config into a new run directory."""
    from mytorch.training.commands.train import train as train_config

    train_config(
        config,
        overrides or [],
        runs_dir=runs_dir,
        name=name,
        smoke=smoke,
        quiet=quiet,
        json=json,
        expect=expect or [],
        junit=junit,
        seeds=seeds,
        folds=folds,
        threads=threads,
    )


@app.command(
    epilog="""\b
Examples:
  mytorch resume
  mytorch resume boston train.epochs=300
  mytorch resume runs/boston/20260131-142501 --verify --steps 50"""
)
def resume(
    run: RunOrLatest = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Changes to the run's config: train.epochs, checkpoint.*, others with --force.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Go on although the config or the data is no longer that of the run.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Train nothing: replay steps from a checkpoint and compare every bit.")
    ] = False,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="With --verify: replay so many steps twice, instead of the steps between two checkpoints.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    threads: Threads = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Go on with a run from its last checkpoint.

    It ends with the same bits as if it had never been interrupted.
    """
    from mytorch.training.commands.train import resume as resume_run

    changes = list(overrides or [])
    if run is not None and "=" in run and not Path(run).exists():  # no RUN: the first change stands in its place
        changes.insert(0, run)
        run = None
    resume_run(
        run,
        changes,
        runs_dir=runs_dir,
        force=force,
        verify=verify,
        steps=steps,
        threads=threads,
        quiet=quiet,
        json=json,
    )


@app.command(
    epilog="""\b
Examples:
  mytorch check configs/boston.yaml
  mytorch check configs/boston.yaml model.0.out_features=512
  mytorch check configs/*.yaml --json"""
)
def check(
    configs: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG ... [KEY=VALUE ...]",
            help="One or more YAML files; with a single one, changes to it, such as optimizer.lr=1e-3.",
            show_default=False,
        ),
    ],
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Check configs by a step of each; show their models' layers."""
    from mytorch.training.commands.check import check_configs

    check_configs(configs, runs_dir=runs_dir, json=json)


@app.command(
    "eval",
    epilog="""\b
Examples:
  mytorch eval
  mytorch eval boston --split validation
  mytorch eval runs/boston/20260131-142501 --checkpoint last --json
  mytorch eval --expect 'test.mae<=2.5' --junit gates.xml""",
)
def evaluate(
    run: RunOrLatest = None,
    checkpoint: Checkpoint = "best",
    split: Split = "test",
    expect: Expect = None,
    junit: JUnit = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Score a run's checkpoint and write eval.json."""
    from mytorch.training.commands.evaluate import evaluate as evaluate_run

    evaluate_run(run, runs_dir=runs_dir, which=checkpoint, split=split, json=json, expect=expect or [], junit=junit)


@app.command(
    epilog="""\b
Examples:
  mytorch predict boston new.csv
  mytorch predict boston new.csv -o predictions.csv --keep id,street
  cat new.csv | mytorch predict boston - --format jsonl | head
  mytorch predict digits images/ --divide 255
  mytorch predict runs/boston/20260131-142501 'parts/*.csv.gz' --checkpoint last -o predictions.csv.gz"""
)
def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run directory, or the beginning of a run's name; latest: the last.")
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="CSV files with the training's feature columns, arrays (.npy, IDX), PNG images or a directory of "
            "them; a pattern in quotes for several; - for CSV from standard input.",
        ),
    ],
    output: Annotated[Path | None, to_file("FILE", "Where to write; standard output if left out.")] = None,
    format: Annotated[
        Literal["csv", "jsonl"], typer.Option(help="csv, or jsonl: a JSON document on each line.")
    ] = "csv",
    keep: Annotated[
        str, typer.Option(metavar="COLUMN,...", help="Columns of the input to carry over.", show_default=False)
    ] = "",
    delimiter: Annotated[
        str | None, typer.Option(help="Of CSV files, if not as in training.", show_default=False)
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="The decimal mark, if not as in training.", show_default=False)
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of CSV files, if not as in training.", show_default=False)
    ] = None,
    divide: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Divide pixels and arrays by it first.", show_default=False),
    ] = None,
    checkpoint: Checkpoint = "best",
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Rows that go through the model at once; by default 4096, fewer of images."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    quiet: Quiet = False,
) -> None:
    """Predict new rows or images with a trained model.

    The data of the training is not needed.
    """
    from mytorch.training.prediction.predict import predict as predict_inputs

    predict_inputs(
        run,
        inputs,
        runs_dir=runs_dir,
        output=output,
        which=checkpoint,
        keep=keep,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        divide=divide,
        batch_size=batch_size,
        kind=format,
        quiet=quiet,
    )
