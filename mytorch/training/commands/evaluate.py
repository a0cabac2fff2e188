"""`mytorch eval`: the scores of a run's checkpoint on one of its splits, as the training itself computes them."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mytorch.training.console import check_choice, print_json, print_scores
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.gates import SPLITS, Figures, Report, gates_of_eval
from mytorch.training.loop.scoring import score
from mytorch.training.loop.trained import load_trained
from mytorch.training.runs.files import write_summary
from mytorch.training.runs.run import Run


def evaluate(
    selector: str | None,
    *,
    runs_dir: Path,
    which: str = "best",
    split: str = "test",
    json: bool = False,
    expect: Sequence[str] = (),
    junit: Path | None = None,
) -> None:
    """Score a checkpoint of a run on one split; write eval.json; print the scores; check the gates of `expect`."""
    run = Run.find(runs_dir, selector)
    check_choice("--split", split, SPLITS)
    trained = load_trained(run, which)
    experiment, path = trained.experiment, trained.path
    rows = experiment.data.splits.get(split)
    if rows is None:
        there = ", ".join(experiment.data.splits)
        raise UserError(f"{run.config}: the config sets no {split} rows aside (dataset.{split}); there is: {there}")
    report = Report(run.name, gates_of_eval(experiment, split, expect), junit)
    scores = score(experiment, rows)
    result: dict[str, Any] = {
        "run": run.path,
        "checkpoint": path,
        "epoch": trained.epoch,
        "split": split,
        "rows": len(rows),
        "scores": scores,
    }
    if report.gates:
        report.judge(Figures.of_scores({split: scores}))
        result["gates"] = report.to_list()
    try:
        write_summary(run.eval, result)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):  # someone else's run can be scored too
            raise RunFailed(f"cannot write {run.eval}: {error.strerror or error}") from error
    if json:
        print_json(result)
    else:
        print(f"{run}, {path.name} (epoch {trained.epoch}), {len(rows)} {split} rows")
        print_scores({split: scores}, "")
        report.print()
    report.raise_if_failed()
