"""Metrics as a config names them: with arguments, by default, with mistakes; and what a training then reports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mytorch.training.building.experiment import Experiment, build
from mytorch.training.commands.train import train
from mytorch.training.config.components import standard_registries
from mytorch.training.config.config import check, load_config
from mytorch.training.config.yaml_source import parse
from mytorch.training.errors import ConfigError
from mytorch.training.loop.scoring import as_scored, predict, score, true_values

CONFIG = """\
dataset:
  {{type: csv, path: flowers.csv, features: [x, y], target: {target}, task: {task}, test: {{every: 4}},
   validation: {{every: 5}}}}
model:
  - {{type: Linear, out_features: {outputs}}}
loss: {loss}
optimizer: {{type: Adam, lr: 0.05}}
train: {{epochs: 3}}
metrics: {metrics}
"""
ROWS = 80


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of flowers with a kind (3), whether they are blue (text), whether they are red (0 or 1), and a size."""
    generator = np.random.default_rng(0)
    lines = ["x,y,kind,blue,red,size"]
    for row in range(ROWS):
        kind = row % 3
        x, y = generator.normal(kind, 0.7), generator.normal(-kind, 0.7)
        blue = "yes" if x + generator.normal(0, 0.5) > 1 else "no"
        lines.append(f"{x:.3f},{y:.3f},{'abc'[kind]},{blue},{int(blue == 'yes')},{x - y:.3f}")
    (tmp_path / "flowers.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, target: str, loss: str, outputs: int, metrics: str = "null", task: str = "") -> Path:
    task = task or ("regression" if target in ("size", "red") else "classification")
    text = CONFIG.format(target=target, loss=loss, outputs=outputs, metrics=metrics, task=task)
    (folder / "flowers.yaml").write_text(text)
    return folder / "flowers.yaml"


def experiment(folder: Path, *arguments: object, **options: str) -> Experiment:
    return build(load_config(write(folder, *arguments, **options)))  # type: ignore[arg-type]


def problems(folder: Path, *arguments: object, **options: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        experiment(folder, *arguments, **options)
    return [str(problem).partition("flowers.yaml:")[2] for problem in caught.value.problems]


def test_arguments(folder: Path) -> None:
    metrics = "[accuracy, {type: top_k, k: 2}, {type: f1, average: micro}, {type: ece, bins: 5}, auc]"
    built = experiment(folder, "kind", "CrossEntropyLoss", 3, metrics)
    assert [metric.name for metric in built.metrics] == ["accuracy", "top_2", "f1_micro", "ece_5", "auc"]
    assert list(score(built, built.data.test)) == ["loss", "accuracy", "top_2", "f1_micro", "ece_5", "auc"]


def test_a_config_is_written_back_equal(folder: Path) -> None:
    config = load_config(write(folder, "kind", "CrossEntropyLoss", 3, "[accuracy, {type: top_k, k: 2}, f1]"))
    assert "metrics:\n- accuracy\n- {type: top_k, k: 2}\n- {type: f1, average: macro}\n" in config.to_yaml()
    assert check(parse(config.to_yaml())) == config


@pytest.mark.parametrize(
    ("target", "loss", "outputs", "names"),
    [
        ("size", "MSELoss", 1, ["mae", "rmse", "r2"]),
        ("kind", "CrossEntropyLoss", 3, ["accuracy", "f1"]),
        ("blue", "BCEWithLogitsLoss", 1, ["accuracy", "f1_binary", "auc"]),
        ("red", "BCEWithLogitsLoss", 1, ["accuracy", "f1_binary", "auc"]),
        ("size", "KLDivLoss", 1, ["mae", "rmse", "r2"]),
    ],
)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss:UserWarning")
def test_defaults_by_the_loss(folder: Path, target: str, loss: str, outputs: int, names: list[str]) -> None:
    assert [metric.name for metric in experiment(folder, target, loss, outputs).metrics] == names
    assert experiment(folder, target, loss, outputs, "[]").metrics == []


@pytest.mark.parametrize(
    ("target", "loss", "outputs", "metrics", "message"),
    [
        ("kind", "CrossEntropyLoss", 3, "[top_k]",
         "9:11: metrics.0: top_k: k must be less than the number of classes, 3, got 5: every row is right"),
        ("kind", "CrossEntropyLoss", 3, "[accuracy, {type: f1, average: binary}]",
         "9:21: metrics.1: f1: average: binary needs 2 classes, there are 3; use macro, micro or weighted"),
        ("kind", "CrossEntropyLoss", 3, "[{type: f1, average: makro}]",
         "9:31: metrics.0.average: expected 'macro', 'micro', 'weighted' or 'binary', got text 'makro'; "
         "did you mean 'macro'?"),
        ("kind", "CrossEntropyLoss", 3, "[{type: top_k, K: 1}]",
         "9:25: metrics.0: top_k has no argument 'K'; did you mean 'k'?"),
        ("kind", "CrossEntropyLoss", 3, "[{type: top_k, k: 0}]",
         "9:28: metrics.0.k: top_k: k must be at least 1, got 0"),
        ("kind", "CrossEntropyLoss", 3, "[{type: top_k, k: 1.5}]",
         "9:28: metrics.0.k: expected an integer, got 1.5"),
        ("kind", "CrossEntropyLoss", 3, "[f1, {type: f1, average: macro}]",
         "9:15: metrics.1: f1 is listed twice"),
        ("kind", "CrossEntropyLoss", 3, "[mae]",
         "9:11: metrics.0: mae is for regression, and CrossEntropyLoss for classification"),
        ("blue", "BCEWithLogitsLoss", 1, "[mae]",
         "9:11: metrics.0: mae is for regression, and BCEWithLogitsLoss for classification"),
        ("kind", "BCEWithLogitsLoss", 1, "null",
         "6:7: loss: BCEWithLogitsLoss is for two classes, but the target 'kind' has 3; use CrossEntropyLoss"),
    ],
)  # fmt: skip
def test_mistakes(folder: Path, target: str, loss: str, outputs: int, metrics: str, message: str) -> None:
    assert problems(folder, target, loss, outputs, metrics) == [message]


def test_numbers_for_a_binary_loss(folder: Path) -> None:
    (message,) = problems(folder, "size", "BCEWithLogitsLoss", 1)
    assert message.startswith("6:7: loss: the metrics of BCEWithLogitsLoss need a target of 0 and 1, but 'size' holds ")
    assert experiment(folder, "size", "BCEWithLogitsLoss", 1, "[]").metrics == []
    path = write(folder, "red", "BCEWithLogitsLoss", 1)
    with pytest.raises(ConfigError, match=r"dataset\.normalize\.target: BCEWithLogitsLoss needs a target of 0 and 1"):
        build(load_config(path, ["dataset.normalize.target=standard"]))


def test_a_binary_loss_scores_text_and_numbers_alike_whether_from_logits_or_probabilities(folder: Path) -> None:
    text, number = (experiment(folder, target, "BCEWithLogitsLoss", 1) for target in ("blue", "red"))
    scores = score(text, text.data.test)
    assert score(number, number.data.test) == scores

    logits = predict(text.model, text.data.test.inputs)
    probability = 1 / (1 + np.exp(-logits.ravel().astype(np.float64)))
    truth = text.data.test.targets.ravel()
    assert scores["accuracy"] == np.mean((probability > 0.5) == truth)
    loss = -(truth * np.log(probability) + (1 - truth) * np.log(1 - probability)).mean()
    assert scores["loss"] == pytest.approx(loss, rel=1e-6)
    assert true_values(text, text.data.test).tolist() == truth.tolist()

    path = write(folder, "blue", "BCELoss", 1)
    path.write_text(path.read_text().replace("loss:", "  - Sigmoid\nloss:"))
    sigmoid = build(load_config(path))
    assert score(sigmoid, sigmoid.data.test) == pytest.approx(scores, rel=1e-5)
    two = as_scored(sigmoid, predict(sigmoid.model, sigmoid.data.test.inputs))
    np.testing.assert_allclose(np.exp(two).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("target", "loss", "outputs"), [("kind", "CrossEntropyLoss", 3), ("red", "BCEWithLogitsLoss", 1)]
)
def test_a_training_writes_a_column_for_each(folder: Path, target: str, loss: str, outputs: int) -> None:
    metrics = "[{type: recall, average: weighted}, {type: recall, average: micro}]"
    train(write(folder, target, loss, outputs, metrics), [], runs_dir=folder / "runs", quiet=True)
    (run,) = (folder / "runs" / "flowers").iterdir()
    header = (run / "metrics.csv").read_text().splitlines()[0].split(",")
    assert header[-2:] == ["validation_recall_weighted", "validation_recall_micro"]
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary["best"]["test"]) == {"loss", "recall_weighted", "recall_micro"}
    with Image.open(run / "plots" / "confusion.png") as image:
        image.load()


def test_a_metric_of_ones_own(folder: Path) -> None:
    (folder / "own.py").write_text(
        "from mytorch.training.metrics import RegressionMetric\n\n"
        "class Within(RegressionMetric):\n"
        '    """The share of rows whose error is at most a limit."""\n\n'
        '    direction = "max"\n\n'
        "    def __init__(self, limit: float = 1.0) -> None:\n"
        "        self.limit = limit\n"
        "        super().__init__()\n\n"
        "    def start(self):\n"
        "        self.near = 0.0\n\n"
        "    def add(self, prediction, target, weights):\n"
        "        near = abs(prediction - target)[:, 0] <= self.limit\n"
        "        self.near += (near if weights is None else near * weights).sum()\n\n"
        "    def result(self):\n"
        "        return self.near / self.weight\n"
    )
    path = write(folder, "size", "MSELoss", 1, "[Within, {type: Within, limit: 1e9}, mae]")
    path.write_text("imports: [own.py]\n" + path.read_text())
    built = build(load_config(path))
    scores = score(built, built.data.test)
    assert scores["Within_1000000000.0"] == 1.0
    assert 0 <= scores["Within"] < 1
    path.write_text(path.read_text().replace("limit: 1e9", "limit: far"))
    with pytest.raises(ConfigError, match=r"metrics\.1\.limit: expected a number, got text 'far'"):
        load_config(path)


def test_rows_with_weights_are_weighted(folder: Path) -> None:
    text = (folder / "flowers.csv").read_text().splitlines()
    weights = [row * 7 % 5 for row in range(ROWS)]
    lines = [f"{text[0]},w", *(f"{line},{weight}" for line, weight in zip(text[1:], weights, strict=True))]
    (folder / "flowers.csv").write_text("\n".join(lines) + "\n")
    path = write(folder, "size", "MSELoss", 1, "[mae, mse]")
    path.write_text(path.read_text().replace("target: size", "target: size, weight: w"))
    built = build(load_config(path))
    test = built.data.test
    errors = predict(built.model, test.inputs).ravel() - test.original_targets.ravel()
    of_rows = [weights[row] for row in test.rows]
    scores = score(built, test)
    assert scores["mse"] == pytest.approx(np.average(errors**2, weights=of_rows), rel=1e-5)
    assert scores["loss"] == pytest.approx(scores["mse"], rel=1e-5)


def test_every_metric_can_be_named_bare_and_its_arguments_have_types() -> None:
    from mytorch.training.config.components import parameters_of, resolve

    registries = standard_registries()
    for name, target in registries["metric"].classes.items():
        component = resolve("metric", name, registries)
        assert resolve("metric", component.to_data(), registries) == component
        assert all(parameter.annotation is not None for parameter in parameters_of(target).values())
