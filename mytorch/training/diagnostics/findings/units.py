"""Findings about units that no longer tell anything: dead ones of ReLU, saturated ones of sigmoid and tanh."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mytorch import nn
from mytorch.training.diagnostics.findings.evidence import Evidence, Finding, listed, median, named, numbers
from mytorch.training.diagnostics.layers import layers_of
from mytorch.training.diagnostics.units import UnitActivity

# A unit that is 0 for all rows gets no gradient and never comes back. Up to half of a layer may be so from the start,
# with PyTorch's first weights and inputs in 0..1, and the rest learns all the same. Beyond, steps or biases did it.
DEAD = 0.6
# In the flat parts of sigmoid and tanh the gradient is multiplied with less than 0.05; Glorot and Bengio (2010),
# section 3, show how whole layers get stuck there. Units that decide something are there at the end of a good
# training, so the training's course counts too, and rows that are not learned.
SATURATED = 0.5


def findings_of_units(evidence: Evidence) -> list[Finding]:
    """At most one of each kind, about the layer that has it worst."""
    return [finding for finding in (_dead(evidence), _saturated(evidence)) if finding is not None]


def _dead(evidence: Evidence) -> Finding | None:
    shares = {one.layer: one.dead / one.units for one in evidence.activity if one.dead is not None and one.units}
    layers = [one for one in evidence.activity if shares.get(one.layer, 0.0) >= DEAD and (one.dead or 0) > 1]
    if not layers:
        return None
    worst = max(layers, key=lambda one: shares[one.layer])
    advice = f"a smaller {evidence.rate_key}, warm-up (train.warmup_steps), or LeakyReLU instead of ReLU"
    if _at_first(evidence, worst, "dead") >= DEAD / 2:
        advice = "a BatchNorm before each ReLU, Residual blocks, fewer layers, or LeakyReLU instead of ReLU"
    return Finding(
        kind="dead_units",
        message=f"{named(worst.layer, worst.type)}: {worst.dead} of {worst.units} units never active on the training "
        f"rows{_others(worst, layers)}; they get no gradient and stay so",
        value=shares[worst.layer],
        limit=DEAD,
        advice=advice,
        layer=worst.layer,
    )


def _saturated(evidence: Evidence) -> Finding | None:
    if evidence.is_fitted():
        return None
    hidden = _hidden(evidence.model)
    shares = {one.layer: one.saturated for one in evidence.activity if one.saturated is not None}
    layers = [
        one
        for one in evidence.activity
        if one.layer in hidden and shares.get(one.layer, 0.0) >= SATURATED and _usual(evidence, one) >= SATURATED
    ]
    if not layers:
        return None
    worst = max(layers, key=lambda one: shares[one.layer])
    advice = f"a smaller {evidence.rate_key}, warm-up (train.warmup_steps), or ReLU"
    if _at_first(evidence, worst, "saturated") >= SATURATED / 2:
        advice = "normalise the inputs, smaller first weights, or ReLU"
    return Finding(
        kind="saturated_units",
        message=f"{named(worst.layer, worst.type)}: {shares[worst.layer]:.0%} of the outputs on the training rows are "
        f"in the flat part of the function{_others(worst, layers)}, where hardly any gradient passes",
        value=shares[worst.layer],
        limit=SATURATED,
        advice=advice,
        layer=worst.layer,
    )


def _at_first(evidence: Evidence, layer: UnitActivity, figure: str) -> float:
    """The share before the weights were changed: where it was large already, no step is to be blamed."""
    rows = (row for row in evidence.gradients if row.step == 1 and row.layer == layer.layer)
    return next((getattr(row, figure) for row in rows), None) or 0.0


def _usual(evidence: Evidence, layer: UnitActivity) -> float:
    """The share of saturated outputs in the course of the training; that at the end where it is not known."""
    seen = median(numbers(row.saturated for row in evidence.gradients if row.layer == layer.layer))
    return seen if math.isfinite(seen) else float(layer.saturated or 0.0)


def _others(worst: UnitActivity, layers: Sequence[UnitActivity]) -> str:
    others = [named(one.layer, one.type) for one in layers if one is not worst]
    return f" (as in {listed(others)})" if others else ""


def _hidden(model: nn.Module) -> set[str]:
    """The layers that others with weights follow. Saturated outputs of the model itself are sure predictions."""
    layers = layers_of(model)
    last = max((index for index, layer in enumerate(layers) if layer.parameters), default=0)
    return {layer.name for layer in layers[:last]}
