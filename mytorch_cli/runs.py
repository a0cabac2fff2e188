"""`mytorch runs`, `compare`, `plot`, `bisect` and `export`, of runs that are there; `schema`, `init` and `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mytorch_cli.options import (
    Json,
    RunOrLatest,
    RunsDir,
    to_file,
)

app = typer.Typer()


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
        to_file(
            "FILE.png",
            "Where the curves go; comparison.png among the runs if left out.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Show how runs differ: config keys, scores and curves."""
    from mytorch.training.commands.comparison import compare as compare_runs

    compare_runs(runs, runs_dir=runs_dir, output=output, json=json)


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
    """Find the first step and tensor at which two runs diverge."""
    from mytorch.training.commands.bisect import bisect as bisect_runs

    bisect_runs(runs, runs_dir=runs_dir, json=json)


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
        to_file(
            "FILE",
            "Where it goes; into the run's directory if left out. A file that is there is replaced.",
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
