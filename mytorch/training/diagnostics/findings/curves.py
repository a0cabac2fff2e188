"""Findings about the course of the loss: overfitting, a loss that stays where it is, one that rises again.

Losses go up and down from epoch to epoch, so they are smoothed by running medians first, and what is less than their
noise is not told.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mytorch.training.diagnostics.findings.evidence import Evidence, Finding, Floats, median
from mytorch.training.diagnostics.findings.inputs import LARGE, typical_size

FEWEST_EPOCHS = 6  # fewer tell no trend from noise
WINDOW = 0.05  # of the epochs are in a running median, at least three
# A change counts beyond three standard deviations of the noise. They are found from the median of what the loss changes
# by from epoch to epoch: 1.4826 makes it the standard deviation of normal noise, a difference has twice the variance.
NOISE = 3 * 1.4826 / math.sqrt(2)
# The validation loss has risen by a tenth above its least while the train loss fell: stricter than stopping at the
# first rise, as Prechelt, "Early Stopping - But When?" (1998) shows that there are many local minima.
OVERFITTED = 1.1
# Or the train loss fell below this part of what it was, and the validation loss did not at all.
LEARNED_BY_HEART = 0.5
# A rise or fall that is less than this part of what the loss has fallen by in all does not matter to anyone.
MATTERS = 0.05
# The train loss has risen by a fifth above its least: more than what schedules with restarts leave at their end.
ROSE = 1.2
# The train loss fell by less than this part of itself.
FELL_LITTLE = 0.02
# It stays within this part of itself to the end, for at least half of the training, and within the noise if that is
# more; and it falls by less than this from one half of that time to the other.
FLAT = 0.01
FLAT_EPOCHS = 0.5
FEWEST_EPOCHS_OF_A_PLATEAU = 20  # in fewer, the loss of a good training may rest once
# Of a flat loss is told where the model is hardly better than a constant (see `Evidence.skill`), or not half as good
# as can be: a loss that is flat since all has been learned is how trainings should end.
NO_SKILL = 0.05
LITTLE_SKILL = 0.5


def findings_of_curves(evidence: Evidence) -> list[Finding]:
    """At most one about the train loss, and overfitting."""
    train = evidence.column("train_loss")
    if len(train) < FEWEST_EPOCHS or not np.isfinite(train).all():
        return []
    found = [_overfitting(evidence, train), _rising(evidence, train) or _flat(evidence, train)]
    return [finding for finding in found if finding is not None]


def smooth(values: Floats) -> Floats:
    """Running medians over about a twentieth of the values, at least three.

    >>> smooth(np.array([5.0, 1.0, 9.0, 2.0, 2.0])).tolist()
    [3.0, 5.0, 2.0, 2.0, 2.0]
    """
    half = max(1, round(len(values) * WINDOW / 2))
    if len(values) <= 2 * half:
        return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])
    first = [np.median(values[: i + half + 1]) for i in range(half)]
    last = [np.median(values[i - half :]) for i in range(len(values) - half, len(values))]
    return np.concatenate([first, np.median(sliding_window_view(values, 2 * half + 1), axis=1), last])


def _noise(values: Floats) -> float:
    """Changes that are no trend."""
    return NOISE * median(np.abs(np.diff(values)))


def _overfitting(evidence: Evidence, train: Floats) -> Finding | None:
    validation = evidence.column("validation_loss")
    if evidence.stopped_early or not np.isfinite(validation).all():  # that is what early stopping is for
        return None
    smoothed, smoothed_train = smooth(validation), smooth(train)
    best = int(np.argmin(smoothed))
    least, last = float(smoothed[best]), float(smoothed[-1])
    if not least > 0 or smoothed_train[-1] >= last:
        return None
    advice = "train.early_stopping: {patience: 10}, Dropout, optimizer.weight_decay, a smaller model or more rows"
    learned, first = float(smoothed_train[-1] / smoothed_train[0]), float(smoothed[0])
    if learned < LEARNED_BY_HEART and least > (1 - FELL_LITTLE) * first and last >= first:
        return Finding(
            "overfitting",
            f"overfitting since epoch 1: the train loss fell from {smoothed_train[0]:.3g} to {smoothed_train[-1]:.3g}, "
            f"the validation loss did not fall ({first:.3g} and {last:.3g}): rows are learned by heart",
            value=learned,
            limit=LEARNED_BY_HEART,
            advice=advice,
            epoch=1,
        )
    rise = last - least
    matters = max(MATTERS * (smoothed[0] - least), _noise(validation))
    fell = smoothed_train[-1] < (1 - FELL_LITTLE) * smoothed_train[best]
    if not (last > OVERFITTED * least and rise > matters and fell and best < len(train) - 2):
        return None
    return Finding(
        "overfitting",
        f"overfitting since epoch {best + 1}: the validation loss rose from {least:.3g} to {last:.3g}, "
        f"{last / least:.3g} times as much, while the train loss fell to {smoothed_train[-1]:.3g}",
        value=last / least,
        limit=OVERFITTED,
        advice=advice,
        epoch=best + 1,
    )


def _scaled_target(evidence: Evidence) -> str:
    """What to try first where numbers far from 1 are to be predicted, which a model's first outputs are about."""
    if evidence.kind != "regression" or evidence.data.target_normalizer.kind != "none":
        return ""
    size = typical_size(evidence.true["train"])
    return f"dataset.normalize.target: standard (it is {size:.3g} on average), " if size > LARGE else ""


def _rising(evidence: Evidence, train: Floats) -> Finding | None:
    smoothed = smooth(train)
    best = int(np.argmin(smoothed))
    least, last = float(smoothed[best]), float(smoothed[-1])
    rise = last - least
    matters = max(2 * MATTERS * (smoothed[0] - least), _noise(train))
    if not (least > 0 and last > ROSE * least and rise > matters and best < len(train) - 2):
        return None
    return Finding(
        "loss_rising",
        f"the train loss rises since epoch {best + 1}: from {least:.3g} to {last:.3g}, {last / least:.3g} times that",
        value=last / least,
        limit=ROSE,
        advice=f"a smaller {evidence.rate_key}, a scheduler that lowers it, or train.clip_grad_norm: 1",
        epoch=best + 1,
    )


def _flat(evidence: Evidence, train: Floats) -> Finding | None:
    skill = evidence.skill()
    if skill is None or skill >= LITTLE_SKILL:
        return None
    told = "predicts no better than a constant"
    if skill >= NO_SKILL:
        told = f"is only {skill:.0%} of the way from a constant to one without mistakes"
    smoothed = smooth(train)
    first, least = float(smoothed[0]), float(smoothed.min())
    fall = (first - least) / abs(first) if first else math.inf
    if fall < FELL_LITTLE and skill < NO_SKILL:
        return Finding(
            "not_learning",
            f"the train loss is flat since epoch 1: it fell from {first:.4g} by {fall:.2%} in {len(train)} epochs, and "
            f"the model {told}",
            value=fall,
            limit=FELL_LITTLE,
            advice=f"{_scaled_target(evidence)}another {evidence.rate_key} (`mytorch lr-find` suggests one), a larger "
            "model, or other inputs: these may tell nothing about the target",
            epoch=1,
        )
    if len(train) < FEWEST_EPOCHS_OF_A_PLATEAU:
        return None
    half, quarter = len(train) // 2, len(train) // 4
    level = median(train[half:])
    if median(train[-quarter:]) < (1 - FLAT) * median(train[half:-quarter]):
        return None
    away = np.flatnonzero(np.abs(smoothed - level) > max(FLAT * abs(level), _noise(train)))
    since = int(away[-1]) + 1 if len(away) else 0
    share = 1 - since / len(train)
    if share < FLAT_EPOCHS:
        return None
    return Finding(
        "loss_flat",
        f"the train loss is flat since epoch {since + 1} of {len(train)}: it stays at {level:.4g} for {share:.0%} of "
        f"the training, and the model {told}",
        value=share,
        limit=FLAT_EPOCHS,
        advice=f"{_scaled_target(evidence)}another {evidence.rate_key} (`mytorch lr-find` suggests one), a larger "
        "model, or other inputs; otherwise fewer epochs",
        epoch=since + 1,
    )
