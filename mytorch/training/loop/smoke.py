"""A training of a few steps that must go well: for CI, where a config should prove in a second that it still trains."""

from __future__ import annotations

import math
from typing import Any

from mytorch.training.errors import RunFailed
from mytorch.training.loop.loop import Training
from mytorch.training.loop.scoring import evaluation_mode

BATCHES = 5  # of one epoch
REPEATS = 20  # steps on one and the same batch, after which its loss must have fallen


def run_smoke(training: Training) -> dict[str, Any]:
    """Train on a few batches, then on one batch again and again; every loss and gradient must be finite.

    Returns what was seen: the losses of the batches, and the repeated batch's loss before and after.

    Raises:
        RunFailed: a loss or gradient is not finite, or the loss on the repeated batch has not fallen.
    """
    training.model.train()
    training.schedule.warmup = 0  # the first steps of a warm-up change so little that nothing would be proved
    batches = iter(training.batches)
    losses: list[float] = []
    while len(losses) < BATCHES and (together := training.next_batches(batches)):
        losses.append(training.step(*together)[0])
    batch = training.first_batch()
    before = _loss_on(training, batch)
    for _ in range(REPEATS):
        training.step(batch)
    after = _loss_on(training, batch)
    if not (math.isfinite(after) and after < before):
        raise RunFailed(
            f"smoke: the loss on one batch did not fall in {REPEATS} steps on that same batch: {before:.6g} before, "
            f"{after:.6g} after. Is optimizer.lr too large, or the model cut off from its parameters?"
        )
    return {"losses": losses, "repeated_batch": {"steps": REPEATS, "before": before, "after": after}}


def _loss_on(training: Training, batch: Any) -> float:
    inputs, *targets = batch
    with evaluation_mode(training.model):
        return float(training.loss(training.model(inputs), *targets).item())
