"""The configs with generated data reach what they say, and every command works with their runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mytorch.data.drawn_digits import draw_digits
from mytorch.data.generated import Digits
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

CONFIGS = Path(__file__).parents[2] / "configs"
SMALL_DIGITS = ["dataset.count=1500", "dataset.test.every=5", "train.epochs=5"]
# train_loss of configs/random.yaml after 1, 100, 200 ... 500 epochs, as PyTorch 2.13 has them: see its comment.
RANDOM = {
    "{type: Adam, lr: 1e-4}": [619.33349609375, 40.207359313964844, 0.4681628346443176, 0.0023571813944727182],
    "{type: SGD, lr: 1e-4}": [619.33349609375, 2.4774200916290283, 0.03256319835782051, 0.000928413646761328],
}


def train(folder, name, overrides=()):
    """The final scores and the rows of metrics.csv."""
    experiment = build(load_config(CONFIGS / f"{name}.yaml", overrides))
    run = Run.create(folder, name)
    summary = Training(experiment, run).run(Progress(experiment.config.train.epochs, "quiet"))
    return summary["final"], read_metrics(run.metrics)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("name", "metric", "least"), [
    ("xor", "accuracy", 1.0),
    ("moons", "accuracy", 0.99),
    ("spirals", "accuracy", 0.99),
    ("sine", "r2", 0.99),
])  # fmt: skip
def test_a_config_reaches_what_it_says(tmp_path, name, metric, least, seed):
    final, _ = train(tmp_path, name, [f"seed={seed}"])
    assert final["test"][metric] >= least


def test_a_line_is_not_enough(tmp_path):
    """That the results above are worth something: without hidden layers they are out of reach."""
    for name, most in (("xor", 0.8), ("moons", 0.93), ("spirals", 0.7)):
        outputs = {"xor": 1, "moons": 2, "spirals": 3}[name]
        final, _ = train(tmp_path, name, [f"model=[{{type: Linear, out_features: {outputs}}}]"])
        assert final["test"]["accuracy"] < most


@pytest.mark.parametrize("optimizer", RANDOM)
def test_random_has_the_losses_of_pytorch(tmp_path, optimizer):
    _, rows = train(tmp_path, "random", [f"optimizer={optimizer}"])
    losses = [rows[epoch - 1]["train_loss"] for epoch in (1, 100, 200, 300)]
    np.testing.assert_allclose(losses, RANDOM[optimizer], rtol=2e-3)
    assert rows[-1]["train_loss"] < 1e-5


# --- the commands ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mytorch_command):
    """Runs of all of them, shortened, and inputs for `predict`."""
    folder = tmp_path_factory.mktemp("generated")
    for name in ("moons", "sine", "random"):
        mytorch_command("train", CONFIGS / f"{name}.yaml", "train.epochs=3", "-q", cwd=folder)
    mytorch_command("train", CONFIGS / "digits-cnn.yaml", *SMALL_DIGITS, "-q", cwd=folder)
    (folder / "points.csv").write_text("x,y\n0,1\n1,-0.5\n")
    np.save(folder / "rows.npy", np.random.default_rng(0).standard_normal((3, 1000)).astype(np.float32))
    return folder


@pytest.mark.parametrize("name", ["moons", "sine", "digits-cnn"])
def test_eval_repeats_the_scores(folder, mytorch_command, name):
    scores = json.loads(mytorch_command("eval", name, "--json", cwd=folder).stdout)
    (run,) = (folder / "runs" / name).iterdir()
    assert scores["scores"] == json.loads((run / "summary.json").read_text())["best"]["test"]


def test_a_few_digits_are_learned_already(folder):
    (run,) = (folder / "runs" / "digits-cnn").iterdir()
    assert json.loads((run / "summary.json").read_text())["final"]["test"]["accuracy"] > 0.85


@pytest.mark.parametrize("name", ["moons", "sine", "random", "digits-cnn"])
def test_plots_and_exports(folder, mytorch_command, name):
    mytorch_command("plot", name, cwd=folder)
    mytorch_command("export", name, "--to", "safetensors", cwd=folder)
    mytorch_command("export", name, "--to", "pytorch", cwd=folder)
    (run,) = (folder / "runs" / name).iterdir()
    assert {path.name for path in run.glob("plots/*.png")} > {"loss.png"}
    compile((run / "train_pytorch.py").read_text(encoding="utf-8"), name, "exec")


@pytest.mark.parametrize("name", ["moons", "random", "digits-cnn"])
def test_resume_trains_on(folder, tmp_path, mytorch_command, name):
    small = ["dataset.count=100"] if name != "random" else []
    mytorch_command("train", CONFIGS / f"{name}.yaml", *small, "train.epochs=2", "scheduler=null", "-q", cwd=tmp_path)
    mytorch_command("resume", name, "train.epochs=3", "-q", cwd=tmp_path)
    (run,) = (tmp_path / "runs" / name).iterdir()
    assert [row["epoch"] for row in read_metrics(run / "metrics.csv")] == [1, 2, 3]


@pytest.fixture
def predict(folder, mytorch_command):
    def run(name, inputs):
        mytorch_command("predict", name, inputs, "-o", "out.csv", "-q", cwd=folder)
        return table(folder / "out.csv")

    return run


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_predict_points(predict):
    assert [row["class"] for row in predict("moons", "points.csv")] == ["0", "1"]
    assert set(predict("sine", "points.csv")[0]) == {"y"}


def test_predict_several_numbers(predict):
    rows = predict("random", "rows.npy")
    assert len(rows) == 3
    assert list(rows[0]) == ["index", *(f"target{output}" for output in range(10))]
    assert len(set(rows[0].values())) > 10


def test_predict_images(folder, predict):
    images, digits = draw_digits(**vars(Digits(count=40, seed=7)))
    np.save(folder / "images.npy", images)
    rows = predict("digits-cnn", "images.npy")
    assert sum(row["class"] == str(digit) for row, digit in zip(rows, digits, strict=True)) >= 30


def test_predictions_of_several_targets_have_a_line_for_each(folder):
    (run,) = (folder / "runs" / "random").iterdir()
    rows = table(run / "predictions.csv")
    assert len(rows) == 640
    assert [row["row"] for row in rows[:20]] == ["0"] * 10 + ["1"] * 10
    targets = [float(row["target"]) for row in rows[:10]]
    experiment = build(load_config(CONFIGS / "random.yaml"))
    np.testing.assert_allclose(targets, experiment.data.train.targets[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("moons", "dataset.noise=-1", "dataset.noise: moons: noise: expected a number of at least 0, got -1"),
        ("spirals", "dataset.arms=4", "spirals has no argument 'arms'"),
        (
            "digits-cnn",
            "dataset.count=3",
            "dataset.count: digits: count: expected a number from 10 to 1,000,000, got 3",
        ),
        ("digits-cnn", "dataset.count=many", "dataset.count: expected an integer, got text 'many'"),
        ("random", "model.2.out_features=9", "ends with 9 features, but the target 'target' is 10 numbers"),
        ("random", "loss=CrossEntropyLoss", "mae is for regression, and CrossEntropyLoss for classification"),
    ],
)
def test_mistakes(tmp_path, mytorch_command, name, change, said):
    assert said in mytorch_command("train", CONFIGS / f"{name}.yaml", change, cwd=tmp_path, check=2).stderr
