"""The evidence for the findings of a training: what the loop has anyway when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mytorch.training.diagnostics.findings import Evidence, Finding, find
from mytorch.training.diagnostics.gradients_file import gradient_rows
from mytorch.training.diagnostics.units import UnitActivity
from mytorch.training.runs.files import rows_of

if TYPE_CHECKING:
    from mytorch.training.loop.loop import Training


def findings_of(training: Training, activity: Sequence[UnitActivity]) -> list[Finding]:
    """What there is to tell of a training whose predictions have been made; see `mytorch.training.diagnostics`."""
    experiment, log = training.experiment, training.diagnostics.log
    config, data, parts = experiment.config, experiment.data, training.predictions.parts
    weighs_classes = any("weight" in term.component.arguments for term in config.loss_terms)
    return find(
        Evidence(
            kind=experiment.kind,
            model=experiment.model,
            data=data,
            metrics=rows_of(training.log.text),
            steps_per_epoch=training.steps_per_epoch,
            optimizer=config.optimizer.type,
            rate_key=config.rate_key,
            gradients=() if log is None else gradient_rows(log.text),
            activity=activity,
            true={name: part.target for name, part in parts.items()},
            predicted={name: part.prediction for name, part in parts.items()},
            clip_grad_norm=config.train.clip_grad_norm,
            stopped_early=training.stopped_early,
            has_class_weights=weighs_classes or data.train.weights is not None,
        )
    )
