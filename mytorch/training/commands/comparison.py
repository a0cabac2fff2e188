"""`mytorch compare`: the config keys in which runs differ, their scores side by side, their curves in one picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mytorch.training.commands.run_table import RunLine, best_column_of, best_row, line_of, rows_so_far
from mytorch.training.config.comparing import MISSING, differing, flatten
from mytorch.training.config.yaml_source import load, to_text
from mytorch.training.console import check_output, print_json, print_table
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.runs.outcome import State, read_summary
from mytorch.training.runs.run import Run

NOT_THERE = "-"
LONGEST = 40  # value in the table


def compare(selectors: list[str], *, runs_dir: Path, output: Path | None = None, json: bool = False) -> None:
    """Print what tells runs apart and how they came out, and draw their curves into one PNG file."""
    runs = [Run.find(runs_dir, selector) for selector in selectors]
    if len(runs) < 2:
        raise UserError(f"compare takes two runs or more, got {len(runs)}; mytorch runs lists them")
    names = names_of(runs)
    path = runs_dir / "comparison.png" if output is None else output
    if path.suffix.lower() != ".png":
        raise UserError(f"-o: expected the name of a PNG file, such as comparison.png, got {str(path)!r}")
    check_output(path)
    differing, lines = differing_keys(runs), [line_of(run) for run in runs]
    scores = [scores_of(run, line.state) for run, line in zip(runs, lines, strict=True)]
    drawn = _draw(runs, names, path)
    if json:
        documents = [
            {
                "run": line.run.path,
                "state": line.state,
                "config": {key: row[index] for key, row in differing.items() if row[index] is not MISSING},
                "scores": scores[index],
            }
            for index, line in enumerate(lines)
        ]
        print_json({"runs": documents, "plot": drawn})
        return
    columns = range(1, len(runs) + 1)
    if differing:
        print_table(["config", *names], key_rows(differing), right=columns)
    else:
        print("the configs are the same")
    print()
    print_table(["scores", *names], score_rows(lines, scores), right=columns)
    if drawn is not None:
        print(f"\nplot: {drawn}")


def names_of(runs: list[Run]) -> list[str]:
    """What tells the runs apart in a table. Raises `UserError` if one is there twice."""
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise UserError(f"the same run is named twice: {', '.join(map(str, runs))}; mytorch runs lists all")
    names = [run.label for run in runs]
    return names if len(set(names)) == len(names) else [str(run) for run in runs]  # of different runs directories


def differing_keys(runs: list[Run]) -> dict[str, list[Any]]:
    """The config keys that are not the same in all runs, each with its value in every run, or `MISSING`.

    The config files are only read, not checked: a run can be compared whose data or own code is no longer there.
    """
    return differing([load(run.existing_config).data for run in runs])


def key_rows(differing: dict[str, list[Any]]) -> list[list[str]]:
    """The differing keys as a table: a row of texts for each."""
    return [[key, *map(_shown, row)] for key, row in differing.items()]


def _shown(value: Any) -> str:
    text = NOT_THERE if value is MISSING else to_text(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def scores_of(run: Run, state: State) -> dict[str, float]:
    """The scores of a run's best weights, such as `test.mae`; of a run that is not finished those in metrics.csv."""
    summary = read_summary(run) if state == "finished" else None
    if summary is not None:
        return flatten(summary["best"])
    rows = rows_so_far(run)
    row = best_row(rows, best_column_of(run)) if rows else {}
    return {
        f"{split}.{name.removeprefix(f'{split}_')}": value
        for split in ("train", "validation")
        for name, value in row.items()
        if name.startswith(f"{split}_") and value is not None
    }


def score_rows(lines: list[RunLine], scores: list[dict[str, float]]) -> list[list[str]]:
    """The scores as a table: a row of texts for each, then how far the runs came."""
    names = dict.fromkeys(name for of in scores for name in of)
    rows = [[name, *(f"{of[name]:.4g}" if name in of else NOT_THERE for of in scores)] for name in names]
    best_epochs = [NOT_THERE if line.best is None else str(line.best.epoch) for line in lines]
    _, states, epochs, _, times = zip(*(line.cells() for line in lines), strict=True)
    return [*rows, ["best epoch", *best_epochs], ["epochs", *epochs], ["state", *states], ["time", *times]]


def _draw(runs: list[Run], names: list[str], path: Path) -> Path | None:
    """The picture; None if no run has completed an epoch."""
    from mytorch.training.plots.comparison import plot_comparison

    curves = {name: rows for run, name in zip(runs, names, strict=True) if (rows := rows_so_far(run))}
    if not curves:
        return None
    try:
        plot_comparison(curves, path)
    except OSError as error:
        raise RunFailed(
            f"cannot write {os.fspath(path)}: {error.strerror or error}; -o FILE.png chooses another"
        ) from None
    return path
