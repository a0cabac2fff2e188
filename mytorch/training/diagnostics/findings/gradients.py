"""Findings about gradients: those that vanish or explode on their way back, and layers that none arrives at.

The gradients of two layers are compared as root mean squares, the norm divided by the root of the number of weights.
"""

from __future__ import annotations

import math

import numpy as np

from mytorch.training.diagnostics.findings.evidence import Evidence, Finding, Floats, listed, median, named, numbers
from mytorch.training.diagnostics.findings.inputs import sees_inputs, typical_size

# In a network whose weights begin as they should, all layers' gradients are of about the same size: Glorot and Bengio,
# "Understanding the difficulty of training deep feedforward neural networks" (2010), figure 7. Three powers of ten are
# far beyond what layers of unlike shapes differ by, and where the first layers stand still beside the last.
VANISHING = 1e-3
EXPLODING = 1e3
# A gradient norm that rises by this much from one epoch to another, and the loss with it, is the wall in the loss of
# Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks" (2013). Norms that go up in a
# training that goes well stay below: they do so tenfold, where a plateau ends, and the loss falls then.
RISE = 100.0
# They clip at half of the average norm to ten times it. A limit this far below is a learning rate in disguise.
CLIPPED = 100.0
# A gradient falls with the loss, as its root (squares) or in proportion (cross entropy). One that was this much larger
# at first than the loss explains came down from such a wall.
BEYOND_THE_LOSS = 10.0
# So many times itself would the loss change, as the gradient tells it, if all weights changed by their own size. In
# networks that begin as they should that is about 1. Gradients that end near zero at a minimum began below this limit.
STEEP = 100.0
FEWEST_STEPS = 3  # logged steps (or epochs) that tell more than chance
UNDERFLOW = 1e-20  # relative to the last layer; a gradient that is zero before one this small has become too small


def findings_of_gradients(evidence: Evidence) -> list[Finding]:
    """At most one of each kind."""
    flow = Flow(evidence)
    found = [
        _no_gradient(flow, evidence),
        _vanishing(flow),
        _exploding(flow, evidence.is_fitted())
        or _growing_activations(flow)
        # Clipping keeps the steps short, however large a gradient is.
        or (_clipped(evidence) if evidence.clip_grad_norm is not None else _rising(evidence) or _first_wall(evidence)),
    ]
    return [finding for finding in found if finding is not None]


class Flow:
    """The gradients of the trained layers at the logged steps, as root mean squares; NaN where there is none.

    That of the layer that sees the inputs is proportional to their size, as that of others is to the outputs before
    them. So it is compared with and without it (`inputs`), and what tells less counts.
    """

    def __init__(self, evidence: Evidence) -> None:
        weights = {layer.name: sum(p.numel() for p in layer.trainable) for layer in evidence.trained_layers()}
        rows = [row for row in evidence.gradients if row.layer in weights]
        steps = sorted({row.step for row in rows})
        self.begins = steps[:1] == [1]  # an older version may have taken the first steps, and have measured none
        place = {step: index for index, step in enumerate(steps)}
        present = {row.layer: row.type for row in rows}
        self.layers = [name for name in weights if name in present]
        self.types = present
        self.sizes: Floats = np.full((len(steps), len(self.layers)), np.nan)
        self.deviations = self.sizes.copy()  # of the layers' outputs
        order = {name: index for index, name in enumerate(self.layers)}
        for row in rows:
            at = place[row.step], order[row.layer]
            norm, deviation = numbers([row.gradient_norm, row.activation_std])
            self.sizes[at] = norm / math.sqrt(weights[row.layer])
            self.deviations[at] = deviation
        self.has_gradient = (self.sizes > 0).any(axis=0)
        self.inputs = 1.0
        if self.layers and sees_inputs(evidence.model, self.layers[0]):
            self.inputs = typical_size(evidence.data.train.inputs) or 1.0

    def name(self, index: int) -> str:
        """A layer as messages name it."""
        return named(self.layers[index], self.types[self.layers[index]])

    def underflows(self) -> bool:
        """Whether gradients are exactly zero in the first layers since they became too small for a number."""
        live = np.flatnonzero(self.has_gradient)
        if not len(live) or live[0] == 0 or len(live) < 2:
            return False
        ratios = self.ratios(int(live[0]))
        return bool(len(ratios)) and median(ratios) < UNDERFLOW

    def ratios(self, first: int) -> Floats:
        """The gradient of a layer divided by that of the last, at each logged step that has both."""
        last = int(np.flatnonzero(self.has_gradient)[-1])
        with np.errstate(all="ignore"):
            ratios = self.sizes[:, first] / self.sizes[:, last]
        return ratios[np.isfinite(ratios)]


def _no_gradient(flow: Flow, evidence: Evidence) -> Finding | None:
    without = np.flatnonzero(~flow.has_gradient).tolist()
    if not without or not len(flow.sizes):
        return None
    if evidence.is_wholly_dead() or flow.underflows():
        return None  # that explains it, and is told
    names = [flow.name(index) for index in without]
    verb = "gets" if len(names) == 1 else "get"
    nearest = without[-1]
    return Finding(
        kind="no_gradient",
        message=f"{listed(names)} {verb} no gradient in any of {len(flow.sizes)} logged steps, so nothing is learned "
        "there",
        value=float(len(names)),
        limit=0.0,
        advice=f"look at what follows {flow.name(nearest)}: a detach(), a no_grad() or a result that is not used stops "
        "the gradient there; if that is meant, freeze the layers",
        layer=flow.layers[nearest],
    )


def _vanishing(flow: Flow) -> Finding | None:
    found = _first_to_last(flow)
    if found is None:
        return None
    first, ratio, last, steps = found
    ratio = max(ratio, ratio / flow.inputs) if first == 0 else ratio
    if ratio >= VANISHING:
        return None
    is_from_the_start = flow.begins and flow.ratios(first)[0] < VANISHING
    return Finding(
        kind="vanishing_gradients",
        message=f"the gradient vanishes on its way back: {flow.name(first)} gets {ratio:.2g} of what {flow.name(last)} "
        f"gets for each weight (median of {steps} logged steps), so it hardly learns",
        value=ratio,
        limit=VANISHING,
        advice="Residual blocks, a BatchNorm behind each layer, fewer layers, or ReLU where there is Sigmoid or Tanh",
        layer=flow.layers[first],
        epoch=1 if is_from_the_start else None,
    )


def _exploding(flow: Flow, is_fitted: bool) -> Finding | None:
    found = _first_to_last(flow)
    if found is None:
        return None
    first, ratio, last, steps = found
    when = f"median of {steps} logged steps"
    if (
        ratio <= EXPLODING and flow.begins and not is_fitted
    ):  # the first step may have thrown the weights where it is no longer seen
        ratio, when = float(flow.ratios(first)[0]), "before the first step"
    ratio = min(ratio, ratio / flow.inputs) if first == 0 else ratio
    if ratio <= EXPLODING:
        return None
    return Finding(
        kind="exploding_gradients",
        message=f"the gradient explodes on its way back: {flow.name(first)} gets {ratio:.2g} times what "
        f"{flow.name(last)} gets for each weight ({when})",
        value=ratio,
        limit=EXPLODING,
        advice="train.clip_grad_norm: 1, smaller first weights, Residual blocks, shorter sequences or fewer layers",
        layer=flow.layers[first],
    )


def _first_to_last(flow: Flow) -> tuple[int, float, int, int] | None:
    """The first layer (that gets a gradient), its gradient divided by the last one's, the last layer, the steps."""
    live = np.flatnonzero(flow.has_gradient)
    if len(live) < 2:
        return None
    first, last = int(live[0]), int(live[-1])
    ratios = flow.ratios(first)
    if len(ratios) < FEWEST_STEPS:
        return None
    return first, median(ratios), last, len(ratios)


def _growing_activations(flow: Flow) -> Finding | None:
    """Layers that each make their inputs larger: the gradients of what they pass on grow as much on their way back.

    Looked at before the first change of the weights. Later the last layer's outputs may rightly be large, as targets
    are.
    """
    if len(flow.layers) < 2 or not flow.begins:
        return None
    with np.errstate(all="ignore"):
        growth = float(flow.deviations[0, -1] / flow.deviations[0, 0])
    if not math.isfinite(growth) or growth <= EXPLODING:
        return None
    return Finding(
        kind="exploding_gradients",
        message=f"signals explode: from {flow.name(0)} to {flow.name(-1)} the outputs grow {growth:.2g} times in size "
        "before the first step, and so do gradients on their way back",
        value=growth,
        limit=EXPLODING,
        advice="smaller first weights, or a BatchNorm or LayerNorm behind each layer",
        layer=flow.layers[-1],
    )


def _rising(evidence: Evidence) -> Finding | None:
    norms, losses = evidence.column("gradient_norm"), evidence.column("train_loss")
    if not len(norms):
        return None
    with np.errstate(invalid="ignore"):  # no median is below the least so far: few epochs need one
        high = np.flatnonzero(norms[1:] > RISE * np.fmin.accumulate(norms)[:-1]) + 1
    for index in high[high >= FEWEST_STEPS].tolist():
        usual, loss = median(norms[:index]), median(losses[:index])
        if usual > 0 and norms[index] > RISE * usual and losses[index] > loss and math.isfinite(norms[index]):
            factor = float(norms[index] / usual)
            return Finding(
                kind="exploding_gradients",
                message=f"the gradient norm jumped to {norms[index]:.3g} in epoch {index + 1}, {factor:.3g} times that "
                "before, and the train loss rose with it",
                value=factor,
                limit=RISE,
                advice=f"train.clip_grad_norm: 1, or a smaller {evidence.rate_key}",
                epoch=index + 1,
            )
    return None


def _first_wall(evidence: Evidence) -> Finding | None:
    """A training that began on a wall: its first epochs have nothing before them to be compared with."""
    norms, losses = evidence.column("gradient_norm"), evidence.column("train_loss")
    if len(norms) < 2 * FEWEST_STEPS or not np.isfinite(norms[0]) or evidence.is_fitted():
        return None
    if evidence.is_wholly_dead():  # there was a gradient then, and none now
        return None
    usual, loss = median(norms[FEWEST_STEPS:]), median(losses[FEWEST_STEPS:])
    if not (usual > 0 and loss > 0 and losses[0] > 0):
        return None
    factor, of_loss = float(norms[0] / usual), float(losses[0] / loss)
    weights = math.hypot(*(row.weight_norm or 0.0 for row in evidence.gradients if row.step == 1))
    steepness = float(norms[0] * weights / losses[0])
    if not (factor > RISE and factor > BEYOND_THE_LOSS * of_loss and steepness > STEEP):
        return None
    return Finding(
        kind="exploding_gradients",
        message=f"the gradient norm was {norms[0]:.3g} in epoch 1, {factor:.3g} times the later {usual:.3g}: "
        "the first steps leapt where the gradient told little",
        value=factor,
        limit=RISE,
        advice="train.clip_grad_norm: 1, smaller first weights, shorter sequences or fewer layers",
        epoch=1,
    )


def _clipped(evidence: Evidence) -> Finding | None:
    norms, limit = evidence.column("gradient_norm"), evidence.clip_grad_norm
    if limit is None or not limit > 0 or len(norms) < FEWEST_STEPS:
        return None
    usual = median(norms)
    if not usual > CLIPPED * limit:
        return None
    return Finding(
        kind="exploding_gradients",
        message=f"the gradient norm is {usual:.3g} (median of {len(norms)} epochs), {usual / limit:.3g} times the "
        f"{limit:g} that it is clipped to: the length of each step is that of the clipping",
        value=usual / limit,
        limit=CLIPPED,
        advice="normalise inputs and target, smaller first weights, or a larger train.clip_grad_norm with a smaller "
        f"{evidence.rate_key}",
    )
