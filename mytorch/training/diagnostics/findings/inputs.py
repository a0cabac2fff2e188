"""Findings about inputs: scales far from 1 or far apart, and columns that are the same in every row."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch import nn
from mytorch.training.diagnostics.findings.evidence import EMBEDDINGS, Evidence, Finding, Floats, listed, quoted
from mytorch.training.diagnostics.layers import layers_of

# First weights are drawn for inputs of size 1: LeCun, Bottou, Orr and Müller, "Efficient BackProp" (1998), section 4.3.
# Half a power of ten either way does no harm; pixels of 0..255 and years are far beyond ten.
LARGE = 10.0
SMALL = 0.01
# Sizes of columns as far apart as that make the loss a narrow valley, a hundred times longer than wide.
APART = 100.0
ROWS_LOOKED_AT = 2000

NORMALISING = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    *(nn.GroupNorm, nn.LayerNorm, nn.RMSNorm),
)


def findings_of_inputs(evidence: Evidence) -> list[Finding]:
    """At most one of each kind."""
    if not _takes_numbers(evidence.model):
        return []
    rows = sampled(evidence.data.train.inputs)
    return [finding for finding in (_scales(evidence, rows), _constant(evidence)) if finding is not None]


def sampled(inputs: Any) -> Floats:
    """Rows spread evenly over all there are, without what is not finite."""
    count = len(inputs)
    places = np.unique(np.linspace(0, count - 1, min(count, ROWS_LOOKED_AT)).astype(np.int64))
    return np.nan_to_num(np.asarray(inputs[places], np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def typical_size(inputs: Any) -> float:
    """The root mean square of all inputs.

    >>> typical_size(np.array([[3.0, -4.0], [0.0, 0.0]]))
    2.5
    """
    rows = sampled(inputs)
    return float(np.sqrt(np.square(rows).mean())) if rows.size else 0.0


def sees_inputs(model: nn.Module, layer: str) -> bool:
    """Whether this layer is the model's first, so that nothing but reshaping is between it and the inputs."""
    layers = layers_of(model)
    return bool(layers) and layers[0].name == layer


def _takes_numbers(model: nn.Module) -> bool:
    """Whether the size of the inputs counts: they are no numbers of rows in an embedding, and nothing scales them."""
    layers = layers_of(model)
    if not layers or any(isinstance(layer.module, EMBEDDINGS) for layer in layers):
        return False
    first = layers[0].module
    return type(first).__module__.startswith("mytorch.") and not isinstance(first, NORMALISING)


def _scales(evidence: Evidence, rows: Floats) -> Finding | None:
    is_table = rows.ndim == 2 and evidence.data.image_shape is None
    columns = rows if is_table else rows.reshape(-1, 1)
    if not columns.size:
        return None
    sizes = np.sqrt(np.square(columns).mean(axis=0))
    names = evidence.data.feature_names if is_table else []
    largest = int(np.argmax(sizes))
    size = float(sizes[largest])
    what = f"the input {quoted(names[largest])} is" if len(names) == len(sizes) else "inputs are"
    advice = "dataset.normalize.inputs: standard"
    if evidence.data.image_shape is not None:
        advice = "pixels from 0 to 1 instead of 0 to 255, or a Normalize in dataset.augment"
    if size > LARGE:
        reach = f"{columns[:, largest].min():.4g} to {columns[:, largest].max():.4g}"
        message = f"{what} large: {reach}, {size:.3g} on average, where first weights are made for inputs of about 1"
        return Finding("inputs_not_normalised", message, size, LARGE, advice)
    if 0 < size < SMALL:
        message = f"all inputs are small: {size:.3g} on average at most, where first weights are made for about 1"
        return Finding("inputs_not_normalised", message, size, SMALL, advice)
    # Rare categories are ones among many zeros, and what has been normalised is as its kind of normalising leaves it.
    if evidence.data.input_normalizer.kind != "none" or len(names) != len(sizes):
        return None
    amounts = np.where(((columns == 0) | (columns == 1)).all(axis=0) | (sizes == 0), np.inf, sizes)
    smallest = int(np.argmin(amounts))
    if not amounts[smallest] * APART < size:
        return None
    ratio = size / float(amounts[smallest])
    message = (
        f"the inputs' sizes are far apart: {quoted(names[largest])} is {ratio:.3g} times as large as "
        f"{quoted(names[smallest])} ({size:.3g} and {amounts[smallest]:.3g} on average)"
    )
    return Finding("inputs_not_normalised", message, ratio, APART, advice)


def _constant(evidence: Evidence) -> Finding | None:
    """Of tables only: the border of images is black in all of them, and it does no harm."""
    inputs, names = evidence.data.train.inputs, evidence.data.feature_names
    if not isinstance(inputs, np.ndarray) or inputs.ndim != 2 or inputs.shape[1] != len(names) or not len(inputs):
        return None
    if evidence.data.image_shape is not None:
        return None
    same = np.flatnonzero((inputs == inputs[0]).all(axis=0))
    if not len(same):
        return None
    of_all = [quoted(names[index]) for index in same]
    have = "has" if len(same) == 1 else "have"
    return Finding(
        "constant_inputs",
        f"{listed(of_all)} {have} the same value in all {len(inputs)} training rows: nothing can be learned from "
        f"{'it' if len(same) == 1 else 'them'}",
        value=float(len(same)),
        limit=0.0,
        advice="leave out such columns (dataset.drop), or split so that the training rows have several values",
    )
