"""Findings about the size of steps: how much weights change in a step, relative to themselves."""

from __future__ import annotations

import numpy as np

from mytorch.training.diagnostics.findings.evidence import Evidence, Finding, median, named, numbers

# A step should change weights by about a thousandth of their size: a rule of thumb of Andrej Karpathy's notes to
# Stanford's CS231n, "Neural Networks Part 3: Learning and Evaluation" (ratio of weights to updates). Small networks
# learn well with a hundredth, too, and with a tenth in the first step of Adam; a hundred times more or less is far off.
USUAL = 1e-3
LARGE = 1e-1
SMALL = 1e-5
LARGE_AT_ONCE = 1.0  # in a single step: nothing is left of the weights before
FEWEST_STEPS = 3


def findings_of_updates(evidence: Evidence) -> list[Finding]:
    """At most one. Judged by the median over the training, as schedules begin and end with steps near zero.

    LBFGS looks for the length of each step by itself, and what has learned its rows took the right steps.
    """
    usual: dict[str, float] = {}
    greatest: dict[str, float] = {}
    types = {layer.name: layer.type for layer in evidence.trained_layers()}
    for name in types:
        ratios = numbers(row.update_ratio for row in evidence.gradients if row.layer == name)
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios) >= FEWEST_STEPS:
            usual[name], greatest[name] = median(ratios), float(ratios.max())
    if not usual or evidence.optimizer == "LBFGS" or evidence.is_fitted():
        return []
    layer = max(usual, key=usual.__getitem__)
    if usual[layer] > LARGE:
        return [_large(layer, types, usual[layer], LARGE, "a step changes", f"median; about {USUAL:g} is usual")]
    worst = max(greatest, key=greatest.__getitem__)
    if greatest[worst] > LARGE_AT_ONCE:
        return [_large(worst, types, greatest[worst], LARGE_AT_ONCE, "one step changed", f"about {USUAL:g} is usual")]
    if usual[layer] < SMALL:
        return [
            Finding(
                kind="update_ratio_small",
                message=f"a step changes the weights by {usual[layer]:.2g} of their size at most "
                f"({named(layer, types[layer])}; median; about {USUAL:g} is usual): the model hardly moves",
                value=usual[layer],
                limit=SMALL,
                advice="a larger optimizer.lr; `mytorch lr-find` suggests one",
                layer=layer,
            )
        ]
    return []


def _large(layer: str, types: dict[str, str], value: float, limit: float, changes: str, beside: str) -> Finding:
    return Finding(
        kind="update_ratio_large",
        message=f"{changes} the weights of {named(layer, types[layer])} by {value:.2g} times their size ({beside}): "
        "such steps overwrite what was learned",
        value=value,
        limit=limit,
        advice="optimizer.lr ten times smaller; `mytorch lr-find` suggests one",
        layer=layer,
    )
