"""What the numbers of a trained model mean, as JSON: it is written into every file that leaves the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mytorch.training.building.experiment import Experiment


def describe(experiment: Experiment) -> dict[str, Any]:
    """Names of inputs, target and classes, the task, and how inputs and target were scaled (`Preparation.to_dict`)."""
    preparation = experiment.data.preparation
    return {
        "feature_names": preparation.feature_names,
        "target_name": preparation.target_name,
        "class_names": preparation.class_names,
        "task": preparation.task,
        "preparation": preparation.to_dict(),
    }
