"""The command line: one short function a command. What each does is in `mytorch.training` and `mytorch.interop`."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(
    name="mytorch",
    help="Train, score and look at models described in YAML files.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunsDir = Annotated[Path, typer.Option(help="The directory that holds all runs.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="The threads to compute with: the same as train.threads=N.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
RunOrLatest = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="A run directory, or the beginning of a run's name; the latest run if left out.",
        show_default=False,
    ),
]
Expect = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GATE",
        help="Fail unless a figure is as it should be, such as 'test.mae<=2.5'; with <=, >=, < or >. May be repeated.",
        show_default=False,
    ),
]
JUnit = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write what became of the gates as JUnit XML, for CI.", show_default=False),
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from mytorch.version import __version__

        typer.echo(f"mytorch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


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
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the training.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE", help="Changes to the config, such as optimizer.lr=1e-3.", show_default=False
        ),
    ] = None,
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
    """Go on with a run from its last checkpoint, to the same bits as if it had never been interrupted."""
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
    """Check configs by one step of each, and show what their models are made of."""
    from mytorch.training.commands.check import check_configs

    check_configs(configs, runs_dir=runs_dir, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch gradcheck configs/boston.yaml
  mytorch gradcheck configs/boston.yaml model.1=Tanh --rows 64 --samples 100
  mytorch gradcheck boston --split test --checkpoint last
Exit code 0: all gradients are right; 1: one is wrong."""
)
def gradcheck(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A config file, a run directory, or the beginning of a run's name.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes to a config, such as model.1=Tanh.", show_default=False),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Elements of a tensor that are compared one by one; the others are together."
        ),
    ] = 20,
    step: Annotated[
        int | None,
        typer.Option(min=1, metavar="K", help="The batch and the weights of this step.", show_default=False),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Rows of train, validation or test, instead of a step's batch.", show_default=False),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, metavar="N", help="Rows of the batch.")] = 8,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Of a run: best, last, or a checkpoint file; best if left out.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the elements.")] = 0,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Check the gradients of a model against finite differences, in float64, and find the layer that is wrong."""
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
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A config file, a run directory, or the beginning of a run's name.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes to a config, such as model.1=Tanh.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where it goes, by its ending: .svg and .png are pictures, .mmd is Mermaid, .dot is for Graphviz; "
            "graph-NAME.svg among the runs if left out.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Every operation and every parameter, instead of a box for each layer.")
    ] = False,
    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this layer and what it is joined to.", show_default=False),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(min=1, metavar="K", help="The batch and the weights of this step.", show_default=False),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Rows of train, validation or test, instead of a step's batch.", show_default=False),
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, metavar="N", help="Rows of the batch.", show_default=False)] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Of a run: best, last, or a checkpoint file; best if left out.", show_default=False),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Draw the graph of one step: layers or operations, shapes, and how large the gradients are that flow back."""
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
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the training.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE", help="Changes to the config, such as dataset.batch_size=128.", show_default=False
        ),
    ] = None,
    first: Annotated[float, typer.Option("--from", metavar="RATE", help="The smallest learning rate.")] = 1e-7,
    last: Annotated[float, typer.Option("--to", metavar="RATE", help="The largest one.")] = 10.0,
    steps: Annotated[int, typer.Option(metavar="N", help="The steps from one to the other.")] = 100,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help="Where the picture goes; lr-find-NAME.png among the runs if left out.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Look for a config's learning rate by a short training whose rate rises at every step."""
    from mytorch.training.commands.lr_find import find_rate

    find_rate(config, overrides or [], runs_dir=runs_dir, first=first, last=last, steps=steps, output=output, json=json)


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
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A config, or a run by its directory or name.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Changes to a config, such as seed=1.", show_default=False),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="This step of the training, counted from 1: same batch, weights and random numbers.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="The first rows of train, validation or test, instead of a batch.", show_default=False),
    ] = None,
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
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Of a run: best, last, or a checkpoint file; best if left out.", show_default=False),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Tell one step op by op: what goes forward, and which gradients come back."""
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
    checkpoint: Annotated[str, typer.Option(help="best, last, or a checkpoint file.")] = "best",
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write; standard output if left out.", show_default=False
        ),
    ] = None,
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
    checkpoint: Annotated[str, typer.Option(help="best, last, or a checkpoint file.")] = "best",
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Rows that go through the model at once; by default 4096, fewer of images."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    quiet: Quiet = False,
) -> None:
    """Predict new rows or images with a trained model; the data of the training is not needed."""
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


@app.command(
    epilog="""\b
Examples:
  mytorch runs
  mytorch runs --state interrupted
  mytorch runs --sort best --json"""
)
def runs(
    runs_dir: RunsDir = Path("runs"),
    state: Annotated[
        str | None,
        typer.Option(help="Only these runs: running, finished, interrupted or failed.", show_default=False),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="KEY", help="started, name, state, epochs, best (the best first) or seconds.")
    ] = "started",
    json: Json = False,
) -> None:
    """List all runs, the newest last."""
    from mytorch.training.commands.run_table import show_runs

    show_runs(runs_dir, state=state, sort=sort, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch compare boston/20260131-142501 boston/20260131-150210
  mytorch compare narrow wide wider -o widths.png"""
)
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN ...", help="Two or more run directories, or beginnings of runs' names."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help="Where the curves go; comparison.png among the runs if left out.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Show in which config keys runs differ, their scores side by side, and their curves in one picture."""
    from mytorch.training.commands.comparison import compare as compare_runs

    compare_runs(runs, runs_dir=runs_dir, output=output, json=json)


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
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            help="Where the page goes; report.html in the run's directory, of several runs comparison.html among them.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Write a run's report.html again, or one page that compares several runs."""
    from mytorch.training.commands.report import report as write_report

    write_report(runs or ["latest"], runs_dir=runs_dir, output=output, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch bisect boston/20260131-142501 boston/20260131-150210
  mytorch bisect runs/mine/latest-good runs/mine/broken --json
Exit code 0: the runs are the same to the bit; 1: they differ."""
)
def bisect(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN", help="Two run directories, or beginnings of runs' names."),
    ],
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Find the first step and tensor at which two trainings diverge."""
    from mytorch.training.commands.bisect import bisect as bisect_runs

    bisect_runs(runs, runs_dir=runs_dir, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch plot
  mytorch plot boston"""
)
def plot(
    run: RunOrLatest = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Draw all plots of a run, from the files in its directory."""
    from mytorch.training.commands.redraw import redraw

    redraw(run, runs_dir=runs_dir, json=json)


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
    rows: Annotated[int, typer.Option(metavar="N", help="The most rows to take each loss of, evenly spread.")] = 1000,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "train",
    checkpoint: Annotated[str, typer.Option(help="best, last, or a checkpoint file.")] = "best",
    seed: Annotated[int, typer.Option(help="Of the random directions.")] = 0,
    path: Annotated[
        bool, typer.Option("--path/--no-path", help="Replay the training, to show its path on the plane.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.png",
            help="Where the pictures go; into the run's plots if left out. FILE-3d.png and FILE.csv lie beside it.",
            show_default=False,
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Draw the loss over a plane through a run's weights, with the training's path on it."""
    from mytorch.training.commands.landscape import Options, show_landscape

    options = Options(directions, grid, span, rows, split, checkpoint, seed, path)
    show_landscape(run, options, runs_dir=runs_dir, output=output, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch export --to onnx
  mytorch export boston --to safetensors --checkpoint last -o boston.safetensors
  mytorch export runs/boston/20260131-142501 --to pytorch -o train_boston.py"""
)
def export(
    to: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="safetensors: the weights; onnx: the model, for onnxruntime and others; "
            "pytorch: a script that trains the same in PyTorch.",
        ),
    ],
    run: RunOrLatest = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where it goes; into the run's directory if left out. A file that is there is replaced.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="Whose weights: best, last, or a checkpoint file; best if left out.", show_default=False),
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="ONNX: the bare network, without the scaling of inputs and results.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Write a run's model for other programs."""
    from mytorch.interop.export import export as export_run

    export_run(run, to=to, runs_dir=runs_dir, output=output, checkpoint=checkpoint, raw=raw, json=json)


@app.command(
    epilog="""\b
Examples:
  mytorch schema > config.schema.json
  mytorch schema --imports layers.py > config.schema.json
With this as its first line, editors with a YAML language server complete and check a config:
  # yaml-language-server: $schema=config.schema.json"""
)
def schema(
    imports: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A Python file whose own classes configs name; may be repeated."),
    ] = None,
) -> None:
    """Print the JSON Schema of configs."""
    from mytorch.training.config.json_schema import print_schema

    print_schema(imports or [])


@app.command(
    epilog="""\b
Example:
  mytorch init my-models && cd my-models && mytorch train configs/boston.yaml"""
)
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is not there.")],
) -> None:
    """Write the starter configs and their data."""
    from mytorch.training.commands.init import init as write_starter_files

    write_starter_files(directory)


@app.command(
    epilog="""\b
Examples:
  mytorch doctor
  mytorch doctor --runs-dir /data/runs --json"""
)
def doctor(
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Look at this installation and machine, and say what to mend."""
    from mytorch.training.commands.doctor import doctor as look

    look(runs_dir=runs_dir, json=json)


def main() -> None:
    """Run the command line. Exit code 2: a user's mistake; 1: a failed run; 130 or 143: interrupted."""
    warnings.showwarning = _show_warning
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            from mytorch.training.own_code import own_place, told

            if not own_place(error):
                raise
            print(f"error: in your own code: {told(error)}", file=sys.stderr)
            sys.exit(1)
        message = _without_number(error) if isinstance(error, OSError) else error
        print(f"{'' if code > 128 else 'error: '}{message}", file=sys.stderr)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    """The exit code for an error that is meant for the user; None for one that is a defect of the program."""
    from mytorch.training.errors import Interrupted, RunFailed, UserError

    if isinstance(error, Interrupted):
        return error.exit_code
    kinds = {UserError: 2, RunFailed: 1, OSError: 1}
    return next((code for kind, code in kinds.items() if isinstance(error, kind)), None)


def _without_number(error: OSError) -> str:
    """What the system says, without its error number: `FILE: No space left on device`."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def _show_warning(message: Warning | str, *_where: Any, **_more: Any) -> None:
    """A warning as one line for people, without the place in the program that gave it."""
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
