"""What the files of a run hold, read into plain data; neither its data set nor own code is needed for it.

A run that failed or was stopped has fewer files than a finished one, and one of an older version too: what is not
there is None or empty, and the page says so in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mytorch.training.config.yaml_source import load
from mytorch.training.diagnostics.gradients_file import GradientRow, read_gradients
from mytorch.training.errors import UserError
from mytorch.training.loop.image_samples import ImageSamples, read_samples
from mytorch.training.loop.prediction_table import Predictions, read_predictions
from mytorch.training.runs import checkpoint
from mytorch.training.runs.files import Row, read_metrics
from mytorch.training.runs.outcome import State, read_summary, state_of
from mytorch.training.runs.run import Run

Shapes = dict[str, tuple[int, ...]]
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)")


@dataclass(frozen=True)
class RunFacts:
    """All that a report tells of one run.

    `weights` are the shapes of the best weights by name, `trained_on` what the checkpoint knows of the data; both are
    empty without one. `summary`, `predictions` and `samples` are those of a finished run alone: a run that was
    gone on with keeps old ones until its new end. A file that is damaged is named in `damaged`.
    """

    run: Run
    state: State
    config: Mapping[str, Any]
    config_text: str
    rows: list[Row]
    gradients: list[GradientRow]
    summary: Mapping[str, Any] | None
    predictions: Predictions | None
    samples: ImageSamples | None
    evaluation: Mapping[str, Any] | None
    failure: str | None
    weights: Shapes
    trained_on: Mapping[str, Any]
    damaged: list[str]

    @property
    def name(self) -> str:
        """The config's name, or that of the run's folder."""
        return str(self.config.get("name", self.run.name))

    @property
    def started(self) -> str | None:
        """When the run was begun, in local time: `2026-01-31 14:25:01`."""
        found = _STAMP.search(self.run.label.partition("/")[2])
        return None if found is None else "{}-{}-{} {}:{}:{}".format(*found.groups())

    @property
    def class_names(self) -> list[str] | None:
        """Of a finished run, None where numbers are predicted."""
        return None if self.predictions is None else self.predictions.class_names


def gather(
    run: Run,
    *,
    state: State | None = None,
    predictions: Predictions | None = None,
    samples: ImageSamples | None = None,
) -> RunFacts:
    """Read the files of a run; what the caller has anyway need not be read again.

    `state` is given by who holds the run's lock, for whom it would be running.

    Raises:
        UserError: the run has no config.yaml, or one that cannot be read.
    """
    config = load(run.existing_config).data
    state = state_of(run) if state is None else state
    is_finished = state == "finished"
    damaged: list[str] = []

    def reading(path: Path, read: Any) -> Any:
        if not path.is_file():
            return None
        try:
            return read(path)
        except (UserError, OSError, ValueError, KeyError, TypeError):
            damaged.append(path.name)
            return None

    if is_finished and predictions is None:
        predictions = reading(run.predictions, read_predictions)
        samples = reading(run.images, read_samples)
    weights, trained_on = reading(run.best_checkpoint, checkpoint.read_header) or ({}, {})
    failure = reading(run.failure, _read_json) if state == "failed" else None
    return RunFacts(
        run=run,
        state=state,
        config=config,
        config_text=run.config.read_text(encoding="utf-8"),
        rows=reading(run.metrics, read_metrics) or [],
        gradients=reading(run.gradients, read_gradients) or [],
        summary=read_summary(run) if is_finished else None,
        predictions=predictions if is_finished else None,
        samples=samples if is_finished else None,
        evaluation=reading(run.eval, _read_json),
        failure=None if failure is None else str(failure.get("message", "")),
        weights=weights,
        trained_on=trained_on,
        damaged=damaged,
    )


def _read_json(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError("expected a mapping")
    return document
