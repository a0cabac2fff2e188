"""Directions, projections and grids of a loss landscape, on models whose answer is known."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from mytorch import nn
from mytorch.random import manual_seed
from mytorch.training.errors import UserError
from mytorch.training.inspection.landscape import (
    Axis,
    axes_around,
    coordinates,
    keeping,
    path_directions,
    project,
    random_directions,
)
from mytorch.training.inspection.weight_path import flat, trained_parameters


@pytest.fixture
def model() -> nn.Module:
    manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))


def test_filters_of_a_direction_are_as_long_as_those_of_the_weights(model) -> None:
    directions = random_directions(model, seed=0)
    weights = trained_parameters(model)
    for direction in (directions.first, directions.second):
        assert list(direction) == list(weights)
        for name in ("0.weight", "3.weight"):
            for own, filter_ in zip(weights[name], direction[name], strict=True):
                assert np.linalg.norm(filter_) == pytest.approx(np.linalg.norm(own), rel=1e-5)
        for name in ("0.bias", "1.weight", "1.bias", "3.bias"):
            assert not direction[name].any()
    assert not np.allclose(directions.first["3.weight"], directions.second["3.weight"])
    again = random_directions(model, seed=0)
    assert all(np.array_equal(again.first[name], directions.first[name]) for name in weights)


def test_frozen_parameters_are_left_out(model) -> None:
    model[0].weight.requires_grad = False
    assert "0.weight" not in random_directions(model, seed=0).first


def test_a_model_without_filters() -> None:
    with pytest.raises(UserError, match="--directions path"):
        random_directions(nn.Sequential(nn.BatchNorm1d(3)), seed=0)


def test_a_path_in_a_plane_is_found_again(model) -> None:
    here = flat(trained_parameters(model))
    generator = np.random.default_rng(1)
    basis = np.linalg.qr(generator.standard_normal((len(here), 2)))[0]
    turns = np.linspace(0, 3, 40)
    places = np.stack([5 * (turns - 3), np.sin(turns * 2) - np.sin(6)], axis=1)
    points = (here + places @ basis.T).astype(np.float32)
    directions = path_directions(model, points)
    first, second = flat(directions.first), flat(directions.second)
    assert first @ first == pytest.approx(1, abs=1e-5)
    assert first @ second == pytest.approx(0, abs=1e-5)
    assert directions.shares is not None
    assert sum(directions.shares) == pytest.approx(1, abs=1e-5)
    seen = project(model, directions, points)
    assert seen.share == pytest.approx(1, abs=1e-5)
    assert (seen.points[0] <= 0).all()
    assert np.allclose(seen.points @ np.stack([first, second]) + here, points, atol=1e-4)


def test_a_projection_on_directions_that_are_not_orthogonal(model) -> None:
    directions = random_directions(model, seed=2)
    first, second = flat(directions.first), flat(directions.second)
    wanted = np.array([[0.5, -0.25], [2.0, 1.0]])
    points = (flat(trained_parameters(model)) + wanted @ np.stack([first, second])).astype(np.float32)
    seen = project(model, directions, points)
    assert np.allclose(seen.points, wanted, atol=1e-5)
    across = np.zeros_like(points) + flat(trained_parameters(model))
    across[:, -4:] += 1  # only biases, which the directions leave alone
    assert project(model, directions, across).share == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("points", [1, 2, 9])
def test_a_straight_path_spans_no_plane(model, points) -> None:
    here = flat(trained_parameters(model))
    line = here + np.linspace(1, 0, points)[:, None] * np.ones(len(here))
    with pytest.raises(UserError, match="straight line"):
        path_directions(model, line.astype(np.float32))


@pytest.mark.parametrize("axis", [Axis(-1, 1), Axis(-10, 0.3), Axis(-1e-6, 5)])
@pytest.mark.parametrize("count", [3, 4, 25])
def test_zero_is_on_every_axis(axis, count) -> None:
    places = coordinates(axis, count)
    assert len(places) == count
    assert 0 in places
    assert places[0] <= axis.low
    assert places[-1] >= axis.high
    assert np.allclose(np.diff(places), places[1] - places[0])


def test_axes_around_a_path_show_it_whole(model) -> None:
    here = flat(trained_parameters(model))
    points = np.stack([here - 2, here + np.arange(len(here)) / 50, here]).astype(np.float32)
    seen = project(model, path_directions(model, points), points)
    for places, axis in zip(seen.points.T, axes_around(seen, span=1.0), strict=True):
        assert axis.low < places.min() <= places.max() < axis.high
        assert axis.low < 0 < axis.high


def test_weights_are_put_back_whatever_happens(model) -> None:
    weights = trained_parameters(model)
    before = flat(weights).copy()
    with contextlib.suppress(ZeroDivisionError), keeping(weights):
        for array in weights.values():
            array += 1
        raise ZeroDivisionError
    assert np.array_equal(flat(trained_parameters(model)), before)
