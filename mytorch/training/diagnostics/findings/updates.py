"""Findings about the size of steps: how much weights change in a step, relative to themselves."""

from __future__ import annotations

import math
from operator import itemgetter

from mytorch.training.diagnostics.findings.evidence import Evidence, Finding, median, named, numbers

# A step should change weights by about a thousandth of their size: a rule of thumb of Andrej Karpathy's notes to
# Stanford's CS231n, "Neural Networks Part 3: Learning and Evaluation" (ratio of weights to updates). Small networks
# learn well with a hundredth, too, and with a tenth in the first step of Adam; a hundred times more or less is far off.
USUAL = 1e-3
LARGE = 1e-1
SMALL = 1e-5
LARGE_AT_ONCE = 1.0  # in a single step: nothing is left of the weights before
EVER_MOVED = 1e-4  # in a single step: a model that did so, and hardly moves any more, has come to a minimum
FEWEST_STEPS = 3
MOST_TIMES_SMALLER = 1000  # is the learning rate that is suggested: the powers of ten that lead back to `LARGE`


def findings_of_updates(evidence: Evidence) -> list[Finding]:
    """At most one. Judged by the median over the training, as schedules begin and end with steps near zero.

    LBFGS looks for the length of each step by itself, and what has learned its rows took the right steps.
    """
    usual: dict[str, float] = {}
    greatest: dict[str, tuple[float, int]] = {}  # and the step
    types = {layer.name: layer.type for layer in evidence.trained_layers()}
    for name in types:
        rows = [row for row in evidence.gradients if row.layer == name]
        ratios = [(row.update_ratio, row.step) for row in rows if row.update_ratio is not None]
        ratios = [(ratio, step) for ratio, step in ratios if math.isfinite(ratio)]
        if len(ratios) >= FEWEST_STEPS:
            usual[name] = median(numbers(ratio for ratio, _ in ratios))
            greatest[name] = max(ratios, key=itemgetter(0))
    if not usual or evidence.optimizer == "LBFGS" or evidence.is_fitted():
        return []
    layer = max(usual, key=usual.__getitem__)
    if usual[layer] > LARGE:
        changes = f"a step changes the weights of {named(layer, types[layer])}"
        return [_large(evidence, layer, changes, usual[layer], LARGE, f"median; about {USUAL:g} is usual")]
    worst = max(greatest, key=lambda name: greatest[name][0])
    ratio, step = greatest[worst]
    if ratio > LARGE_AT_ONCE:
        changed = f"step {step} changed the weights of {named(worst, types[worst])}"
        return [_large(evidence, worst, changed, ratio, LARGE_AT_ONCE, f"about {USUAL:g} is usual")]
    if usual[layer] < SMALL and ratio < EVER_MOVED:
        return [
            Finding(
                kind="update_ratio_small",
                message=f"a step changes the weights by {usual[layer]:.2g} of their size at most "
                f"({named(layer, types[layer])}; median; about {USUAL:g} is usual): the model hardly moves",
                value=usual[layer],
                limit=SMALL,
                advice=f"a larger {evidence.rate_key}; `mytorch lr-find` suggests one",
                layer=layer,
            )
        ]
    return []


def _large(evidence: Evidence, layer: str, changes: str, ratio: float, limit: float, beside: str) -> Finding:
    smaller = min(10 ** math.ceil(math.log10(ratio / LARGE)), MOST_TIMES_SMALLER)
    return Finding(
        kind="update_ratio_large",
        message=f"{changes} by {ratio:.2g} times their size ({beside}): such steps overwrite what was learned",
        value=ratio,
        limit=limit,
        advice=f"{evidence.rate_key} {smaller} times smaller; `mytorch lr-find` suggests one",
        layer=layer,
    )
