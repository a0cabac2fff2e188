"""Findings about classes: too unlike in number, without a training row, or never predicted."""

from __future__ import annotations

import math

import numpy as np

from mytorch.training.diagnostics.findings.evidence import Evidence, Finding, listed, quoted

# The most frequent class has so many times the rows of the rarest. Tenfold is where a share is called moderately, no
# longer mildly unbalanced for two classes: Google's "Machine Learning Crash Course", imbalanced datasets.
UNBALANCED = 10.0
# It does no harm where so much of the rarest class is recognised on rows that were not trained on.
RECOGNISED = 0.8
# Classes with fewer rows than this part of what classes have on average are told to be given more weight.
RARE = 0.5
# A class with fewer rows may be missed by chance.
FEWEST_ROWS = 5
# A model that has taken fewer steps need not have come to all classes yet.
FEWEST_STEPS = 50


def findings_of_classes(evidence: Evidence) -> list[Finding]:
    """At most one of each kind; none where numbers are predicted."""
    true = {split: np.asarray(values).ravel() for split, values in evidence.true.items()}
    if evidence.kind == "regression" or not len(true.get("train", ())):
        return []
    names = evidence.data.class_names or ["0", "1"]  # a column of numbers may say which of two
    counts = np.bincount(true["train"].astype(np.int64), minlength=len(names))[: len(names)]
    found = [_without_rows(names, counts), _unbalanced(evidence, names, counts), _never_predicted(evidence, names)]
    return [finding for finding in found if finding is not None]


def _without_rows(names: list[str], counts: np.ndarray) -> Finding | None:
    missing = [quoted(name) for name, count in zip(names, counts, strict=True) if not count]
    if not missing:
        return None
    return Finding(
        "class_not_in_training",
        f"no training row is of the {_classes(missing)}, so the model cannot learn "
        f"{'it' if len(missing) == 1 else 'them'}",
        value=float(len(missing)),
        limit=0.0,
        advice="other test or validation rows (dataset.test: {fraction: 0.2} draws from every class), or more data",
    )


def _unbalanced(evidence: Evidence, names: list[str], counts: np.ndarray) -> Finding | None:
    present = np.flatnonzero(counts)
    if len(present) < 2 or evidence.has_class_weights:
        return None
    rarest, frequent = present[np.argmin(counts[present])], present[np.argmax(counts[present])]
    ratio = float(counts[frequent] / counts[rarest])
    if ratio < UNBALANCED:
        return None
    recalled = _recall(evidence, int(rarest))
    if recalled >= RECOGNISED:
        return None
    share = f"{recalled:.0%}" if recalled else "none"
    told = f", and {share} of the rarer one's rows are recognised" if math.isfinite(recalled) else ""
    return Finding(
        "classes_unbalanced",
        f"the classes are unbalanced: {counts[frequent]} training rows of {quoted(names[frequent])}, "
        f"{counts[rarest]} of {quoted(names[rarest])} ({ratio:.3g} to 1){told}",
        value=ratio,
        limit=UNBALANCED,
        advice="weight: balanced in the loss, more rows of the rare class; look at recall or F1 rather than accuracy",
    )


def _recall(evidence: Evidence, number: int) -> float:
    """The share of a class's rows that are recognised: of those not trained on, where there are some; else of all."""
    for splits in (("validation", "test"), ("train",)):
        right, rows = 0, 0
        for split in splits:
            if split in evidence.true and split in evidence.predicted:
                of_class = np.asarray(evidence.true[split]).ravel() == number
                right += int(np.count_nonzero(np.asarray(evidence.predicted[split]).ravel()[of_class] == number))
                rows += int(np.count_nonzero(of_class))
        if rows:
            return right / rows
    return math.nan


def _never_predicted(evidence: Evidence, names: list[str]) -> Finding | None:
    true = np.asarray(evidence.true["train"]).ravel().astype(np.int64)
    given = [np.asarray(values).ravel() for values in evidence.predicted.values()]
    if not sum(map(len, given)) or len(evidence.metrics) * evidence.steps_per_epoch < FEWEST_STEPS:
        return None
    ever = set(np.unique(np.concatenate(given)).tolist())
    counts = np.bincount(true, minlength=len(names))
    missed = [number for number in range(len(names)) if counts[number] >= FEWEST_ROWS and number not in ever]
    if not missed:
        return None
    rows = int(counts[missed].sum())
    shown = [quoted(names[number]) for number in missed]
    are_rare = rows / len(missed) < RARE * counts.mean()
    first = "weight: balanced in the loss" if are_rare else f"another {evidence.rate_key}"
    return Finding(
        "class_never_predicted",
        f"the model never predicts the {_classes(shown)}, though {rows} training rows are of "
        f"{'it' if len(missed) == 1 else 'them'}",
        value=float(rows),
        limit=0.0,
        advice=f"{first}, longer training, a larger model, or inputs that tell these classes apart",
    )


def _classes(shown: list[str]) -> str:
    return f"{'class' if len(shown) == 1 else 'classes'} {listed(shown)}"
