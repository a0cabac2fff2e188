"""Findings of whole trainings: a tiny config for each one that must raise it and nothing else, and healthy ones."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.runs import checkpoint

LAYERS = """\
from mytorch import nn, sin

class Add(nn.Module):
    def __init__(self, number: float):
        super().__init__()
        self.number = number
    def forward(self, x):
        return x + self.number

class Times(nn.Module):
    def __init__(self, number: float):
        super().__init__()
        self.number = number
    def forward(self, x):
        return x * self.number

class Wave(nn.Module):
    def forward(self, x):
        return sin(30 * x)

class Cut(nn.Module):
    def forward(self, x):
        return x.detach()
"""
RANDOM = Path(__file__).parents[3] / "configs" / "random.yaml"
REGRESSION = "loss: MSELoss"
CLASSES = "loss: CrossEntropyLoss"
TARGET = "target: y, batch_size: 16"
OF_CLASSES = "task: classification, target: y, batch_size: 16"


@pytest.fixture
def trained(tmp_path, mytorch_command):
    """Write data and a config, train it, and give the summary with the run's folder."""

    def train(
        data, *, dataset=TARGET, model, loss=REGRESSION, optimizer="{type: Adam, lr: 0.01}", train="epochs: 20", more=""
    ):
        columns = {name: list(values) for name, values in data.items()}
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
        (tmp_path / "layers.py").write_text(LAYERS)
        config = [
            "name: small",
            "seed: 0",
            "imports: [layers.py]",
            "plots: []",
            f"dataset: {{type: csv, path: data.csv, {dataset}}}",
            f"model: [{model}]",
            loss,
            f"optimizer: {optimizer}",
            f"train: {{{train}}}",
            more,
        ]
        (tmp_path / "small.yaml").write_text("\n".join(config) + "\n")
        summary = json.loads(mytorch_command("train", "small.yaml", "--json", cwd=tmp_path).stdout)
        run = Path(tmp_path, summary["run"])
        assert json.loads((run / "summary.json").read_text())["findings"] == summary["findings"]
        return summary["findings"], run

    return train


@pytest.fixture
def only(trained):
    """The one finding of a training."""

    def train(kind, data, **config):
        findings, run = trained(data, **config)
        assert [finding["kind"] for finding in findings] == [kind], findings
        (finding,) = findings
        assert finding["message"]
        assert finding["advice"]
        return finding, run

    return train


def linear(out, *after):
    return ", ".join([f"{{type: Linear, out_features: {out}}}", *after])


def line(rows=64, noise=0.1):
    """Rows that a small network learns: y is the sum of a and b, and a little noise."""
    random = np.random.default_rng(0)
    a, b = random.standard_normal((2, rows)).round(4)
    return {"a": a, "b": b, "y": (a + b + noise * random.standard_normal(rows)).round(4)}


def noise(rows=64, columns=2):
    """Rows of which nothing can be learned but by heart."""
    values = np.random.default_rng(1).standard_normal((columns + 1, rows)).round(4)
    return dict(zip([*"abcdefghijklmnopqrst"[:columns], "y"], values, strict=True))


def cells(run, layer, column):
    """A column of gradients.csv, for one layer."""
    with open(run / "gradients.csv", newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row["layer"] == layer and row[column]]


def column(run, name):
    with open(run / "metrics.csv", newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


class TestHealthy:
    @pytest.mark.parametrize(
        "model",
        [linear(8, "ReLU", linear(1)), linear(8, "Tanh", linear(1)), linear(8, "BatchNorm1d", "Sigmoid", linear(1))],
    )
    def test_of_numbers(self, trained, model):
        findings, _ = trained(line(), model=model, dataset=TARGET + ", validation: {every: 4}", train="epochs: 40")
        assert findings == []

    def test_of_classes(self, trained):
        data = line()
        data["y"] = np.where(data["y"] > 0, "high", "low")
        model = linear(8, "ReLU", linear(2))
        findings, _ = trained(data, dataset=OF_CLASSES + ", test: {every: 4}", model=model, loss=CLASSES)
        assert findings == []

    @pytest.mark.parametrize("epochs", [1, 2, 3])
    def test_few_epochs_of_what_cannot_be_learned(self, trained, epochs):
        findings, _ = trained(noise(), model=linear(8, "ReLU", linear(1)), train=f"epochs: {epochs}")
        assert findings == []

    def test_frozen_layers_are_meant_to_stand_still(self, trained, tmp_path):
        model = linear(8, "Tanh", linear(1))
        _, run = trained(line(), model=model)
        findings, _ = trained(line(), model=model, more=f"finetune: {{from: {run.as_posix()}, freeze: ['0']}}")
        assert findings == []

    def test_lbfgs_and_an_lstm(self, trained):
        data = line()
        model = "{type: Unflatten, dim: 1, unflattened_size: [2, 1]}, {type: LSTM, hidden_size: 4, batch_first: true}, "
        model += "LastStep, " + linear(1)
        optimizer = "{type: LBFGS, lr: 0.5}"
        dataset = "target: y, batch_size: full"
        assert trained(data, dataset=dataset, model=model, optimizer=optimizer, train="epochs: 10")[0] == []


class TestGradients:
    def test_a_deep_network_vanishes_and_is_dead(self, trained):
        """The units that are dead do not explain it: the gradient had vanished before the first step."""
        layers = ", ".join(["{type: Linear, out_features: 6}, ReLU"] * 40)
        found, _ = trained(line(), model=f"{layers}, {linear(1)}", train="epochs: 6")
        (vanishing,) = (finding for finding in found if finding["kind"] == "vanishing_gradients")
        assert vanishing["value"] < 1e-6
        assert (vanishing["layer"], vanishing["epoch"]) == ("0", 1)

    def test_vanishing(self, only):
        model = ", ".join([*(linear(8, "Sigmoid") for _ in range(10)), linear(1)])
        finding, run = only("vanishing_gradients", line(), model=model)
        first, last = cells(run, "0", "gradient_norm"), cells(run, "20", "gradient_norm")
        # 2 inputs and a bias for 8 units, 8 and a bias for one
        expected = np.median(np.array(first) / np.array(last) * np.sqrt(9 / 24))
        assert finding["value"] == pytest.approx(expected, rel=0.5)  # the inputs are about 1 in size
        assert finding["value"] < 1e-3 == finding["limit"]
        assert finding["layer"] == "0"
        assert "layer 0 Linear" in finding["message"]
        assert "layer 20 Linear" in finding["message"]

    def test_exploding(self, only):
        model = ", ".join([*(linear(8, "Wave") for _ in range(5)), linear(1)])
        finding, run = only("exploding_gradients", line(), model=model, optimizer="{type: Adam, lr: 0.0001}")
        first, last = cells(run, "0", "gradient_norm"), cells(run, "10", "gradient_norm")
        expected = np.median(np.array(first) / np.array(last) * np.sqrt(9 / 24))
        assert finding["value"] == pytest.approx(expected, rel=0.5)
        assert finding["value"] > 1e3 == finding["limit"]
        assert finding["layer"] == "0"

    def test_growing_activations(self, only):
        model = ", ".join([*(linear(8, "{type: Times, number: 8}") for _ in range(7)), linear(1)])
        finding, run = only("exploding_gradients", line(), model=model, optimizer="{type: Adam, lr: 0.0001}")
        deviations = [cells(run, layer, "activation_std")[0] for layer in ("0", "14")]
        assert finding["value"] == pytest.approx(deviations[1] / deviations[0])
        assert finding["layer"] == "14"

    def test_clipped(self, only):
        clip = "epochs: 20, clip_grad_norm: 0.0001"
        finding, run = only("exploding_gradients", noise(), model=linear(4, "Tanh", linear(1)), train=clip)
        assert finding["value"] == pytest.approx(np.median(column(run, "gradient_norm")) / 0.0001)

    def test_none_at_a_cut_branch(self, only):
        model = linear(8, "Tanh", linear(8, "Cut", "Tanh", linear(1)))
        finding, run = only("no_gradient", line(), model=model)
        assert (finding["value"], finding["layer"]) == (2.0, "2")
        assert "layer 0 Linear and layer 2 Linear get no gradient" in finding["message"]
        assert set(cells(run, "2", "gradient_norm")) == {0.0}
        assert all(cells(run, "5", "gradient_norm"))


class TestUnits:
    def test_dead(self, only):
        model = linear(20, "{type: Add, number: -1.2}", "ReLU", linear(1))
        finding, run = only("dead_units", line(), model=model, train="epochs: 6", optimizer="{type: SGD, lr: 0.01}")
        weights, _ = checkpoint.load(run / "checkpoints" / "last.safetensors")
        data = line()
        sums = np.stack([data["a"], data["b"]], 1) @ weights["0.weight"].T + weights["0.bias"] - 1.2
        dead = int((sums <= 0).all(axis=0).sum())
        assert finding["value"] == dead / 20 >= finding["limit"]
        assert finding["message"].startswith(f"layer 2 ReLU: {dead} of 20 units never active on the training rows")
        assert finding["layer"] == "2"

    @pytest.mark.parametrize(("function", "flat"), [("Tanh", 0.98), ("Sigmoid", 0.98)])
    def test_saturated(self, only, function, flat):
        model = linear(8, "{type: Times, number: 60}", function, linear(1))
        finding, run = only("saturated_units", noise(), model=model, optimizer="{type: SGD, lr: 0.001}")
        weights, _ = checkpoint.load(run / "checkpoints" / "last.safetensors")
        data = noise()
        sums = 60 * (np.stack([data["a"], data["b"]], 1) @ weights["0.weight"].T + weights["0.bias"])
        outputs = np.tanh(sums if function == "Tanh" else sums / 2)  # Sigmoid is (1 + tanh(x / 2)) / 2
        assert finding["value"] == pytest.approx((np.abs(outputs) > flat).mean(), abs=0.01)
        assert finding["layer"] == "2"


class TestUpdates:
    def test_large(self, only):
        model = linear(8, "LeakyReLU", linear(1))
        finding, run = only("update_ratio_large", line(noise=1), model=model, optimizer="{type: Adam, lr: 3}")
        layer = finding["layer"]
        ratios = {name: cells(run, name, "update_ratio") for name in ("0", "2")}
        if finding["limit"] == 0.1:
            assert finding["value"] == max(np.median(values) for values in ratios.values())
        else:
            assert finding["value"] == max(map(max, ratios.values())) > finding["limit"] == 1
        assert finding["value"] in (np.median(ratios[layer]), max(ratios[layer]))

    def test_small(self, only):
        model = linear(8, "LeakyReLU", linear(1))
        finding, run = only("update_ratio_small", line(), model=model, optimizer="{type: SGD, lr: 1e-7}")
        assert finding["value"] == max(np.median(cells(run, name, "update_ratio")) for name in ("0", "2"))
        assert finding["value"] < 1e-5 == finding["limit"]

    def test_a_schedule_may_end_at_zero(self, trained):
        model, schedule = linear(8, "LeakyReLU", linear(1)), "scheduler: {type: CosineAnnealingLR}"
        assert trained(line(), model=model, more=schedule)[0] == []


class TestCurves:
    def test_overfitting(self, only):
        data = line(rows=60, noise=0.7)
        model = linear(64, "LeakyReLU", linear(64, "LeakyReLU", linear(1)))
        dataset = TARGET + ", validation: {every: 2}"
        finding, run = only("overfitting", data, dataset=dataset, model=model, train="epochs: 60")
        validation, train = column(run, "validation_loss"), column(run, "train_loss")
        best = int(np.argmin(validation)) + 1
        assert finding["epoch"] == pytest.approx(best, abs=6)
        assert finding["value"] == pytest.approx(validation[-1] / min(validation), rel=0.1)
        assert finding["value"] > finding["limit"] == 1.1
        assert train[-1] < train[finding["epoch"] - 1]

    def test_learned_by_heart(self, tmp_path, mytorch_command):
        """Random numbers: the validation loss does not fall from the first epoch on."""
        changes = ["dataset.validation={every: 4}", "train.epochs=60", "plots=[]"]
        done = mytorch_command("train", RANDOM, "--json", *changes, cwd=tmp_path)
        summary = json.loads(done.stdout)
        (finding,) = summary["findings"]
        assert (finding["kind"], finding["epoch"]) == ("overfitting", 1)
        train = column(tmp_path / summary["run"], "train_loss")
        assert finding["value"] == pytest.approx(train[-1] / train[0], rel=0.3)

    def test_early_stopping_has_done_what_is_to_be_done(self, trained):
        model = linear(64, "LeakyReLU", linear(64, "LeakyReLU", linear(1)))
        dataset = TARGET + ", validation: {every: 2}"
        train = "epochs: 60, early_stopping: {patience: 12}"
        findings, run = trained(line(rows=60, noise=0.7), dataset=dataset, model=model, train=train)
        assert findings == []
        assert len(column(run, "train_loss")) < 60

    def test_flat_from_the_start(self, only):
        """No line tells where a and b have the same sign."""
        data = line()
        data = {"a": data["a"] / 10, "b": data["b"] / 10, "y": np.where(data["a"] * data["b"] > 0, "same", "other")}
        config = {"dataset": OF_CLASSES, "loss": CLASSES, "optimizer": "{type: SGD, lr: 0.1}", "train": "epochs: 30"}
        finding, run = only("not_learning", data, model="{type: Linear, out_features: 2, bias: false}", **config)
        train = column(run, "train_loss")
        assert finding["epoch"] == 1
        assert finding["value"] == pytest.approx(1 - min(train) / train[0], abs=0.001)

    def test_plateau(self, only):
        """A line through a parabola: the mean is soon learned, and then nothing."""
        a = np.linspace(-1, 1, 64).round(4)
        data = {"a": a, "y": (3 * a**2 + 0.8 * a).round(4)}
        finding, run = only("loss_flat", data, model=linear(1), optimizer="{type: SGD, lr: 0.1}", train="epochs: 60")
        train = np.array(column(run, "train_loss"))
        near_its_end = np.flatnonzero(train < 1.03 * np.median(train[30:]))
        assert finding["epoch"] == pytest.approx(near_its_end[0] + 1, abs=3)
        assert finding["epoch"] > 1
        assert finding["value"] == pytest.approx(1 - (finding["epoch"] - 1) / 60)

    def test_rising(self, only):
        optimizer = "{type: SGD, lr: 0.02}\nscheduler: {type: ExponentialLR, gamma: 1.2}"
        finding, run = only("loss_rising", line(noise=0.5), model=linear(1), optimizer=optimizer, train="epochs: 22")
        train = column(run, "train_loss")
        assert finding["epoch"] == pytest.approx(int(np.argmin(train)) + 1, abs=6)
        assert finding["value"] > 1.2 == finding["limit"]


class TestInputs:
    def test_large(self, only):
        data = line()
        data["a"] = (data["a"] * 100 + 500).round(2)
        finding, _ = only("inputs_not_normalised", data, model=linear(8, "LeakyReLU", linear(1)))
        assert finding["value"] == pytest.approx(np.sqrt(np.square(data["a"]).mean()), rel=1e-5)
        assert "'a'" in finding["message"]
        assert "dataset.normalize" in finding["advice"]

    def test_normalised_ones_are_well(self, trained):
        data = line()
        data["a"] = (data["a"] * 100 + 500).round(2)
        dataset = TARGET + ", normalize: {inputs: standard}"
        assert trained(data, dataset=dataset, model=linear(8, "LeakyReLU", linear(1)))[0] == []
        assert trained(data, model="BatchNorm1d, " + linear(8, "LeakyReLU", linear(1)))[0] == []

    def test_far_apart(self, only):
        data = line()
        data["a"] = (data["a"] / 1000).round(7)
        finding, _ = only("inputs_not_normalised", data, model=linear(8, "LeakyReLU", linear(1)))
        sizes = {name: np.sqrt(np.square(data[name]).mean()) for name in "ab"}
        assert finding["value"] == pytest.approx(sizes["b"] / sizes["a"], rel=1e-4)

    def test_constant(self, only):
        data = {**line(), "c": [7] * 64}
        finding, _ = only("constant_inputs", data, model=linear(8, "LeakyReLU", linear(1)))
        assert finding["value"] == 1
        assert "'c'" in finding["message"]


class TestClasses:
    def test_unbalanced(self, only):
        random = np.random.default_rng(0)
        y = np.repeat(["no", "yes"], [110, 10])
        data = {"a": (random.standard_normal(120) + 1.5 * (y == "yes")).round(4), "y": y}
        config = {"dataset": OF_CLASSES, "model": linear(8, "Tanh", linear(2)), "train": "epochs: 60"}
        finding, _ = only("classes_unbalanced", data, loss=CLASSES, **config)
        assert finding["value"] == 11
        assert "110 training rows of 'no', 10 of 'yes'" in finding["message"]

    def test_weighted_ones_are_well(self, trained):
        random = np.random.default_rng(0)
        y = np.repeat(["no", "yes"], [110, 10])
        data = {"a": (random.standard_normal(120) + 1.5 * (y == "yes")).round(4), "y": y}
        loss = "loss: {type: CrossEntropyLoss, weight: balanced}"
        findings, _ = trained(data, dataset=OF_CLASSES, model=linear(8, "Tanh", linear(2)), loss=loss)
        assert findings == []

    @pytest.mark.filterwarnings("ignore::mytorch.data.feature.DataWarning")
    def test_without_a_training_row(self, only):
        data = line()
        data["y"] = np.where(data["y"] > 0, "above", "below")
        data["y"][[0, 4]] = "never"
        dataset = OF_CLASSES + ", test: {every: 4}"
        finding, _ = only(
            "class_not_in_training", data, dataset=dataset, model=linear(8, "Tanh", linear(3)), loss=CLASSES
        )
        assert finding["value"] == 1
        assert "'never'" in finding["message"]

    def test_never_predicted(self, only):
        """Without a bias the scores are lines through 0, so the class in the middle never has the greatest."""
        a = np.linspace(-3, 3, 63).round(4)
        data = {"a": a, "y": np.select([a < -1, a < 1], ["left", "middle"], "right")}
        model = "{type: Linear, out_features: 3, bias: false}"
        config = {"dataset": OF_CLASSES, "loss": CLASSES, "optimizer": "{type: Adam, lr: 0.1}"}
        finding, run = only("class_never_predicted", data, model=model, **config)
        with open(run / "predictions.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert finding["value"] == sum(row["target"] == "middle" for row in rows)
        assert "middle" not in {row["prediction"] for row in rows}
        assert "'middle'" in finding["message"]
