"""Findings of trainings that never were: edges that no small config reaches, and anything at all that may come."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytorch import nn
from mytorch.data.normalize import Normalizer
from mytorch.training.diagnostics.findings import Evidence, find
from mytorch.training.diagnostics.findings.curves import smooth
from mytorch.training.diagnostics.gradients_file import GradientRow
from mytorch.training.diagnostics.units import UnitActivity


def data_of(inputs, class_names=None, image_shape=None, names=None):
    """What findings ask of prepared data."""
    inputs = np.asarray(inputs, np.float32)
    names = [f"x{i}" for i in range(inputs.shape[1])] if names is None else names
    kind = Normalizer("none", np.zeros(1), np.ones(1))
    train = SimpleNamespace(inputs=inputs)
    return SimpleNamespace(
        train=train,
        class_names=class_names,
        image_shape=image_shape,
        feature_names=names,
        input_normalizer=kind,
        target_normalizer=kind,
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

    def test_no_wall_where_the_gradient_ends_as_all_units_have_died(self):
        norms = [4000, 1, 1e-8, 1e-8, 1e-8, 1e-8, 1e-8, 1e-8]
        metrics = curve([20, 3, 2, 2, 2, 2, 2, 2], gradient_norm=norms)
        dead = [UnitActivity("1", "ReLU", 4, 4, None, 40)]
        assert kinds(metrics=metrics, activity=dead) == ["dead_units"]
        assert kinds(metrics=metrics) == ["exploding_gradients"]

    def test_no_wall_where_the_gradient_ends_at_a_minimum(self):
        norms = [0.1 * 10.0**-epoch for epoch in range(8)]
        assert kinds(metrics=curve([0.8] + [0.7] * 7, gradient_norm=norms)) == []

    def test_gradients_that_exploded_at_first_and_no_longer(self):
        """As behind many batch norms: one step of that size has spoiled the first layer."""
        rows = [
            GradientRow(1, step, name, "Linear", gradient_norm=norm)
            for step, first in ((1, 1e5), (2, 5.0), (3, 5.0))
            for name, norm in (("0", first), ("2", 1.0))
        ]
        (finding,) = find(evidence(gradients=rows))
        assert (finding.kind, finding.layer) == ("exploding_gradients", "0")
        assert "before the first step" in finding.message
        assert kinds(gradients=rows, predicted={"train": TARGETS[:, None]}) == []  # it has learned all the same
        later = [dataclasses.replace(row, step=row.step + 90) for row in rows]  # an older version began the training
        assert kinds(gradients=later) == []

    def test_thousands_of_epochs_are_looked_through_at_once(self):
        rng = np.random.default_rng(0)
        losses, norms = rng.uniform(1, 2, 20_000).tolist(), rng.uniform(1, 50, 20_000).tolist()
        began = time.process_time()
        assert kinds(metrics=curve(losses, gradient_norm=norms)) == []
        norms[15_000], losses[15_000] = 1e4, 3.0
        assert kinds(metrics=curve(losses, gradient_norm=norms)) == ["exploding_gradients"]
        assert time.process_time() - began < 2

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


class TestUpdates:
    def of_ratios(self, ratios, **changes):
        rows = [
            GradientRow(1, step, name, "Linear", gradient_norm=1.0, update_ratio=ratio)
            for step, ratio in enumerate(ratios, start=1)
            for name in ("0", "2")
        ]
        (finding,) = find(evidence(gradients=rows, **changes))
        return finding

    @pytest.mark.parametrize(("ratio", "times"), [(0.2, 10), (0.9, 10), (1.01, 100), (9.0, 100), (1e9, 1000)])
    def test_how_much_smaller_a_rate_is_told(self, ratio, times):
        finding = self.of_ratios([ratio] * 3, rate_key="scheduler.max_lr")
        assert (finding.kind, finding.value, finding.limit) == ("update_ratio_large", ratio, 0.1)
        assert finding.advice.startswith(f"scheduler.max_lr {times} times smaller;")

    def test_a_model_that_has_come_to_a_minimum_need_not_move(self):
        finding = self.of_ratios([2e-6] * 5)
        assert (finding.kind, finding.value, finding.limit) == ("update_ratio_small", 2e-6, 1e-5)
        rows = [
            GradientRow(1, step, "0", "Linear", gradient_norm=ratio, update_ratio=ratio)
            for step, ratio in enumerate([0.05, 1e-3, 1e-5, 1e-7, 1e-9, 1e-9], 1)
        ]
        assert kinds(gradients=rows) == []

    def test_a_single_step_is_named(self):
        finding = self.of_ratios([1e-3, 6.0, 1e-3, 1e-3])
        assert finding.message.startswith("step 2 changed the weights of layer 0 Linear by 6 times their size")
        assert finding.limit == 1.0


class TestUnits:
    @pytest.mark.parametrize(("first", "advice"), [(0.1, "a smaller scheduler.max_lr"), (0.5, "a BatchNorm before")])
    def test_what_to_try_depends_on_whether_units_died_or_were_never_alive(self, first, advice):
        rows = [GradientRow(1, step, "1", "ReLU", dead=share) for step, share in enumerate([first, 0.7, 0.9], 1)]
        activity = [UnitActivity("1", "ReLU", 10, 9, None, 40)]
        (finding,) = find(evidence(activity=activity, gradients=rows, rate_key="scheduler.max_lr"))
        assert finding.kind == "dead_units"
        assert finding.advice.startswith(advice)

    @pytest.mark.parametrize(("first", "advice"), [(0.0, "a smaller optimizer.lr"), (0.9, "normalise the inputs")])
    def test_what_to_try_depends_on_when_outputs_became_saturated(self, first, advice):
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        rows = [GradientRow(1, step, "1", "Tanh", saturated=share) for step, share in enumerate([first, 0.9, 1], 1)]
        activity = [UnitActivity("1", "Tanh", 4, None, 1.0, 40)]
        (finding,) = find(evidence(model=model, activity=activity, gradients=rows))
        assert finding.kind == "saturated_units"
        assert finding.advice.startswith(advice)

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
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 40, 101, 1000])
    def test_running_medians(self, count):
        values = np.random.default_rng(count).normal(size=count)
        half = max(1, round(count * 0.05 / 2))
        around = [np.median(values[max(0, i - half) : i + half + 1]) for i in range(count)]
        assert smooth(values).tolist() == around

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

    def test_a_large_target_is_to_be_normalised(self):
        flat = {"metrics": curve([1.0] * 40), "predicted": {"train": 0 * TARGETS[:, None]}}
        (finding,) = find(evidence(**flat))
        assert (finding.kind, finding.advice.split(" ")[0]) == ("not_learning", "another")
        (finding,) = find(evidence(true={"train": 300 + TARGETS[:, None]}, **flat))
        assert finding.advice.startswith(
            "dataset.normalize.target: standard (it is 300 on average), another optimizer.lr"
        )

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

    def test_long_names_are_cut(self):
        (finding,) = self.of_classes([0] * 20 + [1] * 20, [0] * 40, ["a", "b" * 300])
        assert f"the class '{'b' * 37}...', though" in finding.message

    def test_weights_are_for_rare_classes(self):
        names, predicted = ["a", "b", "c", "d"], [0] * 10 + [1] * 15 + [2] * 15
        (as_many,) = self.of_classes([0] * 10 + [1] * 10 + [2] * 10 + [3] * 10, predicted, names)
        assert as_many.advice.startswith("another optimizer.lr")
        assert self.of_classes([0] * 12 + [1] * 12 + [2] * 12 + [3] * 4, predicted, names) == []
        few = self.of_classes([0] * 40 + [1] * 40 + [2] * 40 + [3] * 6, [0] * 40 + [1] * 40 + [2] * 46, names)
        assert few[0].advice.startswith("weight: balanced in the loss")

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
        (finding,) = find(evidence(predicted=missed, **facts))
        assert finding.kind == "classes_unbalanced"  # which is why 'b' is never predicted
        assert finding.message.endswith("none of the rarer one's rows are recognised")
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
