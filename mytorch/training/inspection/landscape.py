"""The loss over a plane through a run's weights, and a training's path projected on that plane.

After Li, Xu, Taylor, Studer and Goldstein, "Visualizing the Loss Landscape of Neural Nets" (2018). The plane is spanned
by two random directions that are normalised filter by filter, or by the two along which the training moved most.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mytorch import nn
from mytorch.autograd import no_grad
from mytorch.creation.from_data import from_numpy
from mytorch.data.prepare import Split
from mytorch.training.building.experiment import Experiment
from mytorch.training.errors import UserError
from mytorch.training.inspection.weight_path import flat, trained_parameters
from mytorch.training.loop.scoring import predict

Floats = NDArray[np.float64]
Direction = dict[str, NDArray[Any]]  # by the name of the parameter, in its shape

MARGIN = 0.15  # of the path's extent, around it


class Directions(NamedTuple):
    """What spans the plane; `shares` are those of the path's movement along each, None for random ones."""

    first: Direction
    second: Direction
    shares: tuple[float, float] | None = None


class Axis(NamedTuple):
    """How far a plane reaches along a direction, to either side of the weights."""

    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Projection:
    """A path on the plane: `points[i]` are the coordinates of its point i, `share` that of its movement in the plane.

    The movement is the sum of the squared distances from the weights through which the plane goes.
    """

    points: Floats
    share: float


# --- directions -----------------------------------------------------------------------------------------------------


def random_directions(model: nn.Module, seed: int) -> Directions:
    """Two directions of normal random numbers, each of whose filters is as long as the weights' own.

    A filter is all that belongs to one index of a parameter's first axis: a row of a Linear's weight, a filter of a
    convolution's. Parameters of fewer than two axes, such as biases and the factors of norms, are left as they are.

    Raises:
        UserError: no trained parameter has two axes, or all of them are zero.
    """
    generator = np.random.default_rng(seed)
    weights = trained_parameters(model)
    first, second = (
        {name: _like_filters(generator.standard_normal(array.shape), array) for name, array in weights.items()}
        for _ in range(2)
    )
    if not any(direction.any() for direction in first.values()):
        raise UserError(
            "no trained parameter has two axes or more and is not zero: there is no filter to give a random direction "
            "its length; use --directions path"
        )
    return Directions(first, second)


def _like_filters(direction: Floats, weights: NDArray[Any]) -> NDArray[Any]:
    if weights.ndim < 2:
        return np.zeros_like(weights)
    axes = tuple(range(1, weights.ndim))
    lengths = np.sqrt(np.square(weights, dtype=np.float64).sum(axis=axes, keepdims=True))
    own = np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
    return (direction * (lengths / np.maximum(own, 1e-30))).astype(weights.dtype)


def path_directions(model: nn.Module, points: NDArray[np.float32]) -> Directions:
    """The first two principal components of a path, seen from the model's weights; each has length 1.

    The path begins on their negative side.

    Raises:
        UserError: the path has fewer than two dimensions.
    """
    weights = trained_parameters(model)
    moved = points - flat(weights)
    # Of far fewer points than weights: the components follow from the products of the points with each other.
    values, vectors = np.linalg.eigh((moved @ moved.T).astype(np.float64))
    values, vectors = values[::-1], vectors[:, ::-1]
    if len(values) < 2 or not values[1] > 1e-10 * values[0]:
        raise UserError(
            f"the training's path ({len(points) - 1} points behind the first weights) lies on a straight line, which "
            "spans no plane; use --directions random"
        )
    found = []
    for index in range(2):
        along = moved.T @ vectors[:, index]
        along = along.astype(np.float64) / math.sqrt(values[index])
        found.append(_shaped(-along if along @ moved[0] > 0 else along, weights))
    total = float(np.trace(moved @ moved.T))
    return Directions(found[0], found[1], (float(values[0]) / total, float(values[1]) / total))


def _shaped(vector: Floats, weights: Mapping[str, NDArray[Any]]) -> Direction:
    shaped, start = {}, 0
    for name, array in weights.items():
        shaped[name] = vector[start : start + array.size].reshape(array.shape).astype(array.dtype)
        start += array.size
    return shaped


def project(model: nn.Module, directions: Directions, points: NDArray[np.float32]) -> Projection:
    """The points of the plane that are nearest to those of a path."""
    moved = points - flat(trained_parameters(model))
    span = np.stack([flat(directions.first), flat(directions.second)], axis=1)
    products = (span.T @ span).astype(np.float64)
    found: Floats = np.linalg.lstsq(products, (moved @ span).astype(np.float64).T, rcond=None)[0].T.astype(np.float64)
    movement = float(np.square(moved, dtype=np.float64).sum())
    inside = float(np.einsum("ij,jk,ik->", found, products, found))
    return Projection(found, inside / movement if movement else 1.0)


# --- the grid -------------------------------------------------------------------------------------------------------


def coordinates(axis: Axis, count: int) -> Floats:
    """So many places on an axis, evenly spread; 0 is one of them, and both ends lie within.

    >>> coordinates(Axis(-1, 1), 5).tolist(), coordinates(Axis(-2, 1), 4).tolist()
    ([-1.0, -0.5, 0.0, 0.5, 1.0], [-2.0, -1.0, 0.0, 1.0])
    """
    below = min(max(round((count - 1) * -axis.low / (axis.high - axis.low)), 1), count - 2)
    step = max(-axis.low / below, axis.high / (count - 1 - below))
    return np.asarray((np.arange(count) - below) * step, np.float64)


def axes_around(projection: Projection, span: float) -> tuple[Axis, Axis]:
    """Axes that show a whole path and some room around it; `span` 2 shows twice as much."""
    ends = []
    for places in projection.points.T:
        low, high = min(0.0, float(places.min())), max(0.0, float(places.max()))
        room = MARGIN * (high - low)
        ends.append(Axis((low - room) * span, (high + room) * span))
    return ends[0], ends[1]


def some_rows(split: Split, most: int) -> Split:
    """So many rows of a split, evenly spread; all of them if there are no more."""
    if len(split) <= most:
        return split
    rows = np.linspace(0, len(split) - 1, most).round().astype(np.int64)
    weights = None if split.weights is None else split.weights[rows]
    return Split(split.inputs[rows], split.targets[rows], split.original_targets[rows], split.rows[rows], weights)


def loss_on(experiment: Experiment, rows: Split) -> float:
    """The loss of the model as it is, computed as the scores of a run are."""
    output = predict(experiment.model, rows.inputs)
    with no_grad():
        return float(experiment.loss(from_numpy(output), *rows.for_loss()).item())


def losses_on_plane(
    experiment: Experiment,
    rows: Split,
    directions: Directions,
    places: tuple[Floats, Floats],
    look: Callable[[int, int], object] = lambda _done, _total: None,
) -> Floats:
    """`losses[i, j]` is the loss at ``places[0][j]`` along the first direction and ``places[1][i]`` along the second.

    The weights are changed in place, and put back. `look` is called with the number of losses that are computed, and
    of all.
    """
    across, up = places
    losses = np.empty((len(up), len(across)))
    weights = trained_parameters(experiment.model)
    with keeping(weights) as own:
        for i, b in enumerate(up):
            row = {name: own[name] + array.dtype.type(b) * directions.second[name] for name, array in weights.items()}
            for j, a in enumerate(across):
                for name, array in weights.items():
                    np.multiply(directions.first[name], array.dtype.type(a), out=array)
                    array += row[name]
                losses[i, j] = loss_on(experiment, rows)
                look(i * len(across) + j + 1, losses.size)
    return losses


@contextmanager
def keeping(weights: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    """Copies of arrays, which are put back when the ``with`` block ends."""
    own = {name: array.copy() for name, array in weights.items()}
    try:
        yield own
    finally:
        for name, array in weights.items():
            array[...] = own[name]
