"""How a run stands: running, finished, interrupted or failed, as the files of its directory tell it.

A training that fails leaves a `failure.json`, which goes when the run is gone on with. Without it a failed run would
look like one that was killed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args

from mytorch.training.errors import Stopped
from mytorch.training.runs.files import write_summary
from mytorch.training.runs.lock import is_held
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import newest_step

State = Literal["running", "finished", "interrupted", "failed"]
STATES: tuple[State, ...] = get_args(State)


@contextlib.contextmanager
def recording_failure(run: Run) -> Iterator[None]:
    """Writes why the training in the `with` block failed, if it does; a training that was asked to stop has not."""
    with contextlib.suppress(OSError):  # the training itself will say that it cannot write
        run.failure.unlink(missing_ok=True)
    try:
        yield
    except Stopped:
        raise
    except Exception as error:
        with contextlib.suppress(OSError):
            write_summary(run.failure, {"kind": type(error).__name__, "message": str(error)})
        raise


def state_of(run: Run) -> State:
    """How the run stands now.

    >>> with Run.throwaway("example") as run:
    ...     state_of(run)
    'interrupted'
    """
    if is_held(run.lock):
        return "running"
    if run.failure.is_file():
        return "failed"
    summary = read_summary(run)
    # A finished run that was gone on with, and stopped before its new end, has checkpoints beyond its summary.
    if summary is not None and newest_step(run) <= summary["steps"]:
        return "finished"
    return "interrupted"


def read_summary(run: Run) -> dict[str, Any] | None:
    """The summary.json of a run, its best scores as numbers; None if there is none, or it is not one that we wrote."""
    try:
        summary = json.loads(run.summary.read_text(encoding="utf-8"))
        numbers = {name: int(summary[name]) for name in ("epochs", "steps", "best_epoch")}
        best = {
            split: {name: float(value) for name, value in scores.items()}  # "nan" in JSON
            for split, scores in summary["best"].items()
        }
        is_ours = summary["state"] == "finished" and bool(best) and all(best.values())
        summary |= {**numbers, "best": best, "seconds": float(summary["seconds"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return summary if is_ours else None
