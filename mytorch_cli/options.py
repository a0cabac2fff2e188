"""Arguments and options that several commands take, so that they have the same names and words everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def to_file(metavar: str, help: str) -> Any:
    """`-o`, where a file goes."""
    return typer.Option("--output", "-o", metavar=metavar, help=help, show_default=False)


Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file that describes the training.")]
Changes = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Changes to the config, such as optimizer.lr=1e-3.", show_default=False),
]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="A config file, a run directory, or the beginning of a run's name.")
]
ChangesOfTarget = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Changes to a config, such as model.1=Tanh.", show_default=False),
]
RunOrLatest = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="A run directory, or the beginning of a run's name; the latest run if left out.",
        show_default=False,
    ),
]
RunsDir = Annotated[Path, typer.Option(help="The directory that holds all runs.", show_default=True)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="The threads to compute with: the same as train.threads=N.", show_default=False
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
Checkpoint = Annotated[str, typer.Option(help="best, last, or a checkpoint file.")]
Split = Annotated[str, typer.Option(help="train, validation or test.")]
# Of a target, which may be a config: then there is no checkpoint, and no step but the first has been taken.
CheckpointOfTarget = Annotated[
    str | None,
    typer.Option(help="Of a run: best, last, or a checkpoint file; best if left out.", show_default=False),
]
Step = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="K", help="The batch, weights and random numbers of this step, from 1.", show_default=False
    ),
]
RowsOf = Annotated[
    str | None,
    typer.Option("--split", help="Rows of train, validation or test, instead of a step's batch.", show_default=False),
]
