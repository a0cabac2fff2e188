"""What a training tells at its end in plain sentences: what looks wrong, the number behind it, and what to try.

`find` looks at `Evidence`, plain facts that the training loop has anyway, and gives `Finding`s. Nothing is said where
all is well, or where too little is known. docs/findings.md has a table of them all.
"""

from __future__ import annotations

import math

from mytorch.training.diagnostics.findings.classes import findings_of_classes
from mytorch.training.diagnostics.findings.curves import findings_of_curves
from mytorch.training.diagnostics.findings.evidence import Evidence, Finding
from mytorch.training.diagnostics.findings.gradients import findings_of_gradients
from mytorch.training.diagnostics.findings.inputs import findings_of_inputs
from mytorch.training.diagnostics.findings.units import findings_of_units
from mytorch.training.diagnostics.findings.updates import findings_of_updates

__all__ = ["Evidence", "Finding", "find"]

NO_SIGNAL = {"dead_units", "no_gradient", "saturated_units", "vanishing_gradients"}
NO_LEARNING = NO_SIGNAL | {"exploding_gradients", "inputs_not_normalised", "update_ratio_large", "update_ratio_small"}

# What is left out where one of the others has been found, which explains it; in this order.
EXPLAINED_BY = {
    "vanishing_gradients": {"dead_units", "saturated_units"},
    "update_ratio_small": NO_SIGNAL,
    "not_learning": NO_LEARNING | {"classes_unbalanced"},
    "loss_rising": NO_LEARNING,
    "class_never_predicted": NO_LEARNING | {"classes_unbalanced", "not_learning"},
    "loss_flat": NO_LEARNING | {"classes_unbalanced", "class_never_predicted"},
}


def find(evidence: Evidence) -> list[Finding]:
    """All that is to be told of a training, causes before effects; nothing if all is well."""
    found = [
        *findings_of_inputs(evidence),
        *findings_of_classes(evidence),
        *findings_of_gradients(evidence),
        *findings_of_updates(evidence),
        *findings_of_units(evidence),
        *findings_of_curves(evidence),
    ]
    found = [finding for finding in found if math.isfinite(finding.value)]
    for effect, causes in EXPLAINED_BY.items():
        if any(finding.kind in causes for finding in found):
            found = [finding for finding in found if finding.kind != effect or _was_there_first(finding)]
    return found


def _was_there_first(finding: Finding) -> bool:
    """Whether it is no effect: gradients that vanish before the first change of the weights, as in a deep network."""
    return finding.kind == "vanishing_gradients" and finding.epoch == 1
