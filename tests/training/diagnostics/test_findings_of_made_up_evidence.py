"""Findings of trainings that never were: edges that no small config reaches, and anything at all that may come."""

from __future__ import annotations

import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytorch import nn
from mytorch.data.normalize import Normalizer
from mytorch.training.diagnostics.findings import Evidence, find
from mytorch.training.diagnostics.gradients_file import GradientRow
from mytorch.training.diagnostics.units import UnitActivity


def data_of(inputs, class_names=None, image_shape=None, names=None):
    """What findings ask of prepared data."""
    inputs = np.asarray(inputs, np.float32)
    names = [f"x{i}" for i in range(inputs.shape[1])] if names is None else names
    kind = Normalizer("none", np.zeros(1), np.ones(1))
    train = SimpleNamespace(inputs=inputs)
    return SimpleNamespace(
        train=train, class_names=class_names, image_shape=image_shape, feature_names=names, input_normalizer=kind
    )


STANDARD = np.random.default_rng(0).standard_normal((40, 2))
TARGETS = STANDARD.sum(axis=1)


def evidence(**changes):
    """A good training of numbers."""
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    losses = [1 / (1 + epoch) for epoch in range(20)]
    metrics = [
        {"epoch": n, "gradient_norm": loss, "train_loss": loss, "validation_loss": 1.1 * loss}
        for n, loss in enumerate(losses, start=1)
    ]
    gradients = [
        GradientRow(
            step, step, layer, "Linear", gradient_norm=0.1, weight_norm=1.0, update_ratio=1e-3, activation_std=1.0
        )
        for step in range(1, 6)
        for layer in ("0", "2")
    ]
    facts = {
        "kind": "regression",
        "model": model,
        "data": data_of(STANDARD),
        "metrics": metrics,
        "steps_per_epoch": 4,
        "optimizer": "Adam",
        "gradients": gradients,
        "activity": [UnitActivity("1", "ReLU", 4, 0, None, 40)],
        "true": {"train": TARGETS[:, None]},
        "predicted": {"train": TARGETS[:, None] * 0.5},
    }
    return Evidence(**{**facts, **changes})


def kinds(**changes):
    return [finding.kind for finding in find(evidence(**changes))]


def curve(train, validation=None, **others):
    """Rows of metrics.csv."""
    rows = [
        {"train_loss": loss, **{name: values[n] for name, values in others.items()}} for n, loss in enumerate(train)
    ]
    for row, loss in zip(rows, validation or [], strict=False):
        row["validation_loss"] = loss
    return rows


def test_a_good_training_has_none():
    assert kinds() == []


@pytest.mark.parametrize("name", ["metrics", "gradients", "activity", "true", "predicted"])
def test_what_is_not_known_is_not_told(name):
    assert kinds(**{name: {} if name in ("true", "predicted") else []}) == []


class TestGradients:
    def test_a_jump_of_the_gradient_norm(self):
        norms = [1, 1.5, 0.8, 1, 300, 2, 1, 1]
        metrics = curve([2, 1.8, 1.7, 1.6, 9, 3, 2, 1.6], gradient_norm=norms)
        (finding,) = find(evidence(metrics=metrics))
        assert (finding.kind, finding.epoch, finding.value) == ("exploding_gradients", 5, 300.0)

    def test_a_wall_at_the_beginning(self):
        metrics = curve([20, 3, 2, 2, 2, 2, 2, 2], gradient_norm=[4000, 70, 9, 8, 8, 8, 8, 8])
        (finding,) = find(evidence(metrics=metrics))
        assert (finding.kind, finding.epoch, finding.value) == ("exploding_gradients", 1, 500.0)

    def test_a_norm_that_falls_with_the_loss_is_well(self):
        losses = [10.0**-epoch for epoch in range(8)]
        assert kinds(metrics=curve(losses, gradient_norm=losses)) == []

    def test_a_norm_that_grows_where_the_loss_falls_is_the_end_of_a_plateau(self):
        metrics = curve([0.7, 0.7, 0.7, 0.69, 0.5, 0.3, 0.1, 0.1], gradient_norm=[1e-4] * 4 + [0.3] * 4)
        assert kinds(metrics=metrics) == []

    def test_zeros_behind_gradients_that_fade_have_vanished(self):
        """They are too small for a number; nothing cut them off."""
        layers = [layer for _ in range(5) for layer in (nn.Linear(2, 2), nn.Sigmoid())]
        norms = {"0": 0.0, "2": 1e-30, "4": 1e-15, "6": 1e-6, "8": 1.0}
        rows = [
            GradientRow(1, step, name, "Linear", gradient_norm=norm)
            for step in (1, 2, 3)
            for name, norm in norms.items()
        ]
        (finding,) = find(evidence(model=nn.Sequential(*layers), gradients=rows, activity=[]))
        assert (finding.kind, finding.layer) == ("vanishing_gradients", "2")
        assert finding.value == pytest.approx(1e-30)

    def test_zeros_before_a_dead_layer_are_its_doing(self):
        rows = [
            GradientRow(1, step, name, "Linear", gradient_norm=norm)
            for step in (1, 2, 3)
            for name, norm in [("0", 0.0), ("2", 1.0)]
        ]
        activity = [UnitActivity("1", "ReLU", 4, 4, None, 40)]
        assert kinds(gradients=rows, activity=activity) == ["dead_units"]

    def test_large_inputs_alone_explode_nothing(self):
        """The first layer's gradient is as large as they are; so would smaller ones make it vanish."""
        for size, kind in ((5e4, ["inputs_not_normalised"]), (5e-5, ["inputs_not_normalised"])):
            rows = [
                GradientRow(1, step, name, "Linear", gradient_norm=norm, update_ratio=1e-3)
                for step in (1, 2, 3)
                for name, norm in [("0", size), ("2", 1.0)]
            ]
            assert kinds(data=data_of(STANDARD * size), gradients=rows) == kind

    def test_two_steps_tell_nothing(self):
        rows = [GradientRow(1, step, "0", "Linear", gradient_norm=1e-9, update_ratio=9.0) for step in (1, 2)]
        rows += [GradientRow(1, step, "2", "Linear", gradient_norm=1.0, update_ratio=9.0) for step in (1, 2)]
        assert kinds(gradients=rows) == []

    def test_many_layers_are_not_all_listed(self):
        layers = [nn.Linear(2, 2) for _ in range(50)]
        rows = [
            GradientRow(1, step, str(n), "Linear", gradient_norm=float(n > 40)) for step in (1, 2, 3) for n in range(50)
        ]
        (finding,) = find(evidence(model=nn.Sequential(*layers), gradients=rows, activity=[]))
        assert (finding.kind, finding.value, finding.layer) == ("no_gradient", 41.0, "40")
        assert finding.message.startswith("layer 0 Linear, layer 1 Linear, layer 2 Linear and 38 more get no gradient")


class TestUnits:
    def test_all_layers_with_dead_units_are_in_one_finding(self):
        activity = [UnitActivity(name, "ReLU", 32, dead, None, 9) for name, dead in [("1", 20), ("3", 21), ("5", 3)]]
        (finding,) = find(evidence(activity=activity))
        assert finding.message.startswith(
            "layer 3 ReLU: 21 of 32 units never active on the training rows (as in layer 1"
        )
        assert (finding.value, finding.layer) == (21 / 32, "3")

    def test_saturated_outputs_of_the_model_are_sure_predictions(self):
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid())
        sure, stuck = (UnitActivity(name, "Sigmoid", 1, None, 0.97, 40) for name in ("3", "1"))
        assert kinds(model=model, activity=[sure]) == []
        assert kinds(model=model, activity=[stuck]) == ["saturated_units"]

    def test_units_may_saturate_at_the_end_of_a_training(self):
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        rows = [GradientRow(1, step, "1", "Tanh", saturated=share) for step, share in enumerate([0, 0.1, 0.2, 0.6], 1)]
        assert kinds(model=model, activity=[UnitActivity("1", "Tanh", 4, None, 0.6, 40)], gradients=rows) == []


class TestCurves:
    @pytest.mark.parametrize("seed", range(20))
    def test_noise_is_no_overfitting(self, seed):
        noise = np.random.default_rng(seed).normal(0, 0.05, 40)
        train = [1 / (1 + epoch) + 0.3 for epoch in range(40)]
        assert kinds(metrics=curve(train, [1.2 * loss + n for loss, n in zip(train, noise, strict=True)])) == []

    @pytest.mark.parametrize("seed", range(20))
    def test_overfitting_is_told_in_spite_of_noise(self, seed):
        noise = np.random.default_rng(seed).normal(0, 0.01, 60)
        train = [math.exp(-epoch / 10) for epoch in range(60)]
        validation = [0.5 + abs(epoch - 20) / 40 + n for epoch, n in enumerate(noise)]
        (finding,) = find(evidence(metrics=curve(train, validation)))
        assert finding.kind == "overfitting"
        assert finding.epoch == pytest.approx(21, abs=4)
        assert finding.value == pytest.approx(1.475 / 0.5, rel=0.1)

    def test_a_rise_of_next_to_nothing_is_none(self):
        train = [math.exp(-epoch) for epoch in range(20)]
        assert kinds(metrics=curve(train, [*train[:10], *(2 * train[9] for _ in range(10))])) == []

    @pytest.mark.parametrize("predicted", [0.5, 1.0])
    def test_converged_or_still_falling_is_well(self, predicted):
        for train in ([0.5 ** min(epoch, 8) for epoch in range(40)], [1 - epoch / 100 for epoch in range(40)]):
            assert kinds(metrics=curve(train), predicted={"train": TARGETS[:, None] * predicted}) == []

    def test_five_epochs_are_too_few(self):
        assert kinds(metrics=curve([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]), predicted={"train": 0 * TARGETS[:, None]}) == []


class TestClasses:
    def of_classes(self, true, predicted, names, **changes):
        facts = {"kind": "classification", "data": data_of(STANDARD, names), **changes}
        return find(evidence(true={"train": np.array(true)}, predicted={"train": np.array(predicted)}, **facts))

    def test_names_are_shown_as_they_are(self):
        names = ["고양이", "<script>", "a" * 300]
        findings = self.of_classes([0] * 20 + [1] * 20, [0] * 40, names)
        assert [finding.kind for finding in findings] == ["class_not_in_training", "class_never_predicted"]
        assert "'<script>'" in findings[1].message

    def test_one_class_only(self):
        assert [finding.kind for finding in self.of_classes([0] * 40, [0] * 40, ["a", "b"])] == [
            "class_not_in_training"
        ]

    def test_a_column_of_0_and_1(self):
        findings = self.of_classes([0] * 20 + [1] * 20, [0] * 40, None, kind="binary")
        assert [finding.message.split(",")[0] for finding in findings] == ["the model never predicts the class '1'"]

    def test_few_steps_have_not_come_to_all_classes_yet(self):
        assert self.of_classes([0] * 20 + [1] * 20, [0] * 40, ["a", "b"], steps_per_epoch=2) == []

    def test_a_rare_class_that_is_recognised_is_well(self):
        true, test = [0] * 38 + [1] * 2, {"train": np.repeat([0, 1], [38, 2]), "test": np.repeat([0, 1], [20, 5])}
        facts = {"kind": "classification", "data": data_of(STANDARD, ["a", "b"]), "true": test}
        assert kinds(predicted=test, **facts) == []
        missed = {**test, "test": np.zeros(25, int)}
        assert kinds(predicted=missed, **facts) == ["classes_unbalanced"]
        assert len(true) == len(test["train"])


class TestInputs:
    def test_images_of_bytes(self):
        images = np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4))
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
        (finding,) = find(evidence(data=data_of(images, image_shape=(1, 4, 4)), model=model, gradients=[], activity=[]))
        assert finding.kind == "inputs_not_normalised"
        assert finding.value == pytest.approx(np.sqrt(np.square(images).mean()))
        assert "pixels" in finding.advice

    def test_black_borders_of_images_are_well(self):
        images = np.random.default_rng(0).random((40, 1, 4, 4))
        images[:, :, 0] = 0
        model = nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
        assert kinds(data=data_of(images, image_shape=(1, 4, 4)), model=model, gradients=[], activity=[]) == []

    def test_words_of_an_embedding_have_no_size(self):
        words = np.random.default_rng(0).integers(0, 5000, (40, 2))
        model = nn.Sequential(nn.Embedding(5000, 2), nn.Flatten(), nn.Linear(4, 1))
        assert kinds(data=data_of(words), model=model, gradients=[], activity=[]) == []

    def test_rare_categories_are_well(self):
        rows = np.random.default_rng(0).standard_normal((2000, 2)) * 5
        rows[:, 1] = 0
        rows[7, 1] = 1
        assert kinds(data=data_of(rows)) == []

    def test_holes_are_passed_over(self):
        rows = STANDARD.copy()
        rows[3, 0], rows[4, 1] = np.nan, np.inf
        assert kinds(data=data_of(rows)) == []


cells = st.none() | st.floats() | st.sampled_from([0.0, 1.0, -1.0, 1e-45, 1e300])
names = st.sampled_from(["", "0", "1", "2", "3.층", "x" * 200])
counts = st.integers(0, 5)


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(["regression", "binary", "classification"]),
    metrics=st.lists(
        st.dictionaries(st.sampled_from(["train_loss", "validation_loss", "gradient_norm", "epoch"]), cells),
        max_size=30,
    ),
    gradients=st.lists(
        st.builds(GradientRow, counts, counts, names, names, *[cells] * 7),
        max_size=30,
    ),
    activity=st.lists(st.builds(UnitActivity, names, names, counts, st.none() | counts, cells, counts), max_size=4),
    rows=st.integers(0, 9),
    seed=counts,
    clip=cells,
    stopped=st.booleans(),
    class_names=st.none() | st.lists(names, min_size=1, max_size=4),
)
def test_nothing_is_too_strange(kind, metrics, gradients, activity, rows, seed, clip, stopped, class_names):
    random = np.random.default_rng(seed)
    if kind == "regression":
        true, predicted = random.choice([0.0, 1.0, np.nan, np.inf, 1e300], (2, rows, 1))
    else:
        true, predicted = random.integers(0, 2, (2, rows))
    inputs = random.choice([0.0, 1.0, np.nan, 1e30, -7.0], (rows, 2))
    found = find(
        evidence(
            kind=kind,
            data=data_of(inputs, class_names),
            metrics=metrics,
            gradients=gradients,
            activity=activity,
            true={"train": true},
            predicted={"train": predicted},
            clip_grad_norm=clip,
            stopped_early=stopped,
            steps_per_epoch=seed + 1,
        )
    )
    for finding in found:
        assert finding.message
        assert finding.advice
        assert math.isfinite(finding.value)
        assert math.isfinite(finding.limit)
        assert not any(word in finding.message.split() for word in ("nan", "inf", "None"))
        assert json.loads(json.dumps(finding.to_dict(), allow_nan=False)) == dataclasses.asdict(finding)
