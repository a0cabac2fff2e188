"""Generated data sets: their points, their limits, and that a model's weights know nothing of the data's seed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import mytorch
from mytorch.data.generated import GENERATED, Digits, Moons, RandomTensors, Sine, Spirals, Xor
from mytorch.data.prepare import SplitRule, prepare
from mytorch.data.sources import SOURCES


def arrays(source):
    """The inputs and targets of a source, as `prepare` gives them, every row."""
    data = prepare(source, test=SplitRule(every=2))
    parts = (data.train, data.test)
    order = np.argsort(np.concatenate([part.rows for part in parts]))
    return tuple(
        np.concatenate([np.asarray(getattr(part, name)[:]) for part in parts])[order]
        for name in ("inputs", "original_targets")
    )


def test_all_of_them_have_a_name_in_configs():
    assert set(GENERATED) < set(SOURCES.values())


@pytest.mark.parametrize("source", GENERATED)
def test_the_seed_alone_draws(source):
    small = {} if source is RandomTensors else {"count": 60}
    (one, targets), (again, same), (other, _) = (arrays(source(**small, seed=seed)) for seed in (1, 1, 2))
    assert (one == again).all()
    assert (targets == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("source", [Xor, Moons, Spirals])
def test_every_split_has_about_as_many_of_each_class(source):
    data = prepare(source(), test=SplitRule(every=4))
    for part in (data.train, data.test):
        counts = np.bincount(part.targets)
        assert counts.min() > 0.7 * counts.max()
    assert data.feature_names == ["x", "y"]
    assert data.target_name == "class"
    assert data.class_names == [str(number) for number in range(len(counts))]


def test_xor():
    points, classes = arrays(Xor(count=400, noise=0.05))
    assert (classes == (points.round()[:, 0] != points.round()[:, 1])).all()
    assert np.abs(points - points.round()).std() == pytest.approx(0.05 * np.sqrt(1 - 2 / np.pi), rel=0.1)


def test_moons():
    points, classes = arrays(Moons(count=400, noise=0.0))
    upper, lower = points[classes == 0], points[classes == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1, rtol=1e-6)
    assert upper[:, 1].min() >= 0
    assert lower[:, 1].max() <= 0.5
    noisy, _ = arrays(Moons(count=400, noise=0.2))
    assert (noisy - points).std() == pytest.approx(0.2, rel=0.1), "the noise moves the same points"


def test_spirals():
    points, classes = arrays(Spirals(count=300, noise=0.0, classes=4, turns=1.5))
    radius = np.hypot(*points.T)
    angle = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)
    apart = angle - 1.5 * radius - classes / 4
    np.testing.assert_allclose(apart, apart.round(), atol=1e-5)
    assert set(classes.tolist()) == {0, 1, 2, 3}
    mirrored, _ = arrays(Spirals(count=300, noise=0.0, classes=4, turns=-1.5))
    np.testing.assert_allclose(np.hypot(*mirrored.T), radius, rtol=1e-6)


def test_sine():
    x, y = arrays(Sine(count=2000, noise=0.1, periods=3.0))
    assert -1 <= x.min() < -0.99
    assert 0.99 < x.max() <= 1
    rest = y[:, 0] - np.sin(3 * np.pi * x[:, 0].astype(float))
    assert rest.std() == pytest.approx(0.1, rel=0.1)


def test_random_tensors_are_those_of_the_seed():
    data = prepare(RandomTensors(count=5, inputs=7, outputs=3, seed=11))
    mytorch.manual_seed(11)
    assert (mytorch.randn(5, 7).numpy() == data.train.inputs[:]).all()
    assert (mytorch.randn(5, 3).numpy() == data.train.targets).all()
    assert data.train.targets.shape == data.train.original_targets.shape == (5, 3)


def test_several_targets_are_normalised_column_by_column():
    data = prepare(RandomTensors(count=50, inputs=2, outputs=3), normalize_target="standard")
    np.testing.assert_allclose(data.train.targets.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(data.train.targets.std(0), 1, rtol=1e-6)
    undone = data.target_normalizer.invert(data.train.targets)
    np.testing.assert_allclose(undone, data.train.original_targets, rtol=1e-5, atol=1e-6)


def test_digits_are_bytes_that_become_inputs_from_0_to_1():
    data = prepare(Digits(count=50), test=SplitRule(every=5))
    assert data.input_format == {"shape": [1, 28, 28], "dtype": "uint8"}
    assert data.class_names == list("0123456789")
    values = data.train.inputs[:]
    assert (values.dtype, values.min(), values.max()) == (np.float32, 0, 1)


def test_drawing_leaves_the_model_s_stream_alone():
    mytorch.manual_seed(5)
    expected = mytorch.rand(4).tolist()
    mytorch.manual_seed(5)
    for source in GENERATED:
        source(count=10).load()
    assert mytorch.rand(4).tolist() == expected


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        (Xor, {"count": 3}, "count: expected a number from 4 to 10,000,000, got 3"),
        (Moons, {"noise": -0.1}, "noise: expected a number of at least 0, got -0.1"),
        (Moons, {"noise": float("nan")}, "noise: expected a number of at least 0, got nan"),
        (Moons, {"seed": -1}, "seed: expected a number from 0 to 18,446,744,073,709,551,615, got -1"),
        (Spirals, {"classes": 1}, "classes: expected a number from 2 to 100, got 1"),
        (Spirals, {"count": 4, "classes": 5}, "count: expected a number from 5 to 10,000,000, got 4"),
        (Spirals, {"turns": 1e9}, "turns: expected a number from -100 to 100, got 1000000000.0"),
        (Sine, {"periods": -1.0}, "periods: expected a number from 0 to 1,000, got -1.0"),
        (Digits, {"count": 10**9}, "count: expected a number from 10 to 1,000,000, got 1000000000"),
        (Digits, {"stroke": 0.0}, "stroke: expected a number from 0.5 to 20, got 0.0"),
        (RandomTensors, {"inputs": 0}, "inputs: expected a number from 1 to 100,000,000, got 0"),
        (RandomTensors, {"count": 10**6, "inputs": 101}, "inputs: expected a number from 1 to 100, got 101"),
    ],
)
def test_limits(source, arguments, message):
    with pytest.raises(ValueError) as caught:
        source(**arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("source", GENERATED)
def test_every_argument_is_documented_and_limited(source):
    names = list(inspect.signature(source).parameters)
    assert [name for name in names if f"    {name}: " not in source.__doc__] == []
    assert {*source.limits, "seed"} == set(names)
    assert set(inspect.signature(source.draw).parameters) == set(names)
