"""predictions.csv, which plots are drawn when, and that `plot` needs nothing but the run's files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.commands.drawing import _captions, draw_plots
from mytorch.training.commands.redraw import redraw
from mytorch.training.commands.train import resume, train
from mytorch.training.config.config import load_config
from mytorch.training.config.plot_choice import OF_CLASSES, OF_LAYERS, OF_NUMBERS
from mytorch.training.errors import ConfigError, UserError
from mytorch.training.loop.image_samples import ImageSamples
from mytorch.training.loop.prediction_table import (
    Part,
    Predictions,
    predictions_of,
    read_predictions,
    write_predictions,
)
from mytorch.training.loop.scoring import predict, score
from mytorch.training.loop.trained import load_trained
from mytorch.training.runs.run import Run

ROWS = 60
KINDS = ("plain", "with,comma", 'with "quotes"')
HEAD = """\
name: flowers
dataset: {{type: csv, path: flowers.csv, target: {target}, {more}test: {{every: 4}}, batch_size: 16, normalize: {{inputs: standard}}}}
model: [{{type: Linear, out_features: 4}}, Tanh, {{type: Linear, out_features: {outputs}}}]
loss: {loss}
optimizer: {{type: Adam, lr: 3e-2}}
train: {{epochs: 4}}
"""
TARGETS = {
    "size": {"target": "size", "loss": "MSELoss", "outputs": 1, "more": "drop: [kind, big, w], "},
    "kind": {"target": "kind", "loss": "CrossEntropyLoss", "outputs": 3, "more": "task: classification, drop: [size, big, w], "},
    "big": {"target": "big", "loss": "BCEWithLogitsLoss", "outputs": 1, "more": "task: classification, weight: w, drop: [kind, size], "},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "flowers.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "size", "kind", "big", "w"])
        for index in range(ROWS):
            a, b = rng.normal(size=2)
            big = "yes" if a + b > 0 else "no"
            writer.writerow([f"{a:.3f}", f"{b:.3f}", f"{50 + 9 * a - b:.2f}", KINDS[index % 3], big, 1 + index % 2])
    for target, options in TARGETS.items():
        (tmp_path / f"{target}.yaml").write_text(HEAD.format(**options))
    return tmp_path


def trained(folder: Path, target: str, *overrides: str) -> Run:
    train(folder / f"{target}.yaml", list(overrides), runs_dir=folder / "runs", quiet=True)
    return Run.find(folder / "runs", None)


def drawn(run: Run) -> set[str]:
    return {path.stem for path in run.plots.iterdir()}


@pytest.mark.parametrize("target", TARGETS)
def test_predictions_csv_says_what_the_best_weights_say(folder, target):
    run = trained(folder, target, "plots=[]")
    predictions = read_predictions(run.predictions)
    experiment = load_trained(run).experiment
    assert list(predictions.parts) == ["train", "test"]
    truth = list(csv.DictReader((folder / "flowers.csv").read_text().splitlines()))
    table = list(csv.DictReader(run.predictions.read_text().splitlines()))
    assert sorted(int(row["row"]) for row in table) == list(range(ROWS))
    assert [row["row"] for row in table if row["split"] == "test"] == [str(index) for index in range(0, ROWS, 4)]
    for row in table:
        wanted = truth[int(row["row"])][target]
        assert (float(row["target"]) == float(wanted)) if target == "size" else (row["target"] == wanted)
    for name, split in experiment.data.splits.items():
        part, scores = predictions.parts[name], score(experiment, split)
        if target == "size":
            assert np.abs(part.prediction - part.target).mean() == pytest.approx(scores["mae"], rel=1e-6)
            assert part.probabilities is None
        else:
            right = np.average(part.prediction == part.target, weights=part.weights)
            assert right == pytest.approx(scores["accuracy"], rel=1e-6)
            np.testing.assert_allclose(part.probabilities.sum(axis=1), 1, rtol=1e-8)
            assert (part.probabilities.argmax(axis=1) == part.prediction).all()
    weights = predictions.parts["train"].weights
    assert (weights is None) == (target != "big")
    if weights is not None:
        assert weights == pytest.approx(experiment.data.train.weights)
    if target == "kind":
        assert predictions.class_names == sorted(KINDS)


def test_numbers_come_back_to_the_bit(tmp_path):
    values = np.array([0.1, 1 / 3, 1e300, -5e-324, np.nan, np.inf])
    part = Part(np.arange(6), values[::-1], values, None, np.full(6, 1 / 3))
    write_predictions(tmp_path / "p.csv", Predictions({"train": part, "test": part}))
    for back in read_predictions(tmp_path / "p.csv").parts.values():
        np.testing.assert_array_equal(back.prediction, values)
        np.testing.assert_array_equal(back.target, values[::-1])
        np.testing.assert_array_equal(back.weights, part.weights)


@pytest.mark.parametrize(
    "text",
    [
        "", "epoch,loss\n1,2\n", "split,row,target,prediction\ntest,1,2\n", "split,row,target,prediction\ntest,1,2,x\n",
        "split,row,target,prediction\ntest,a,2,3\n", "split,row,target,prediction\ntest,1,2,3,4\n",
        "split,row,target,prediction,probability:a\ntest,0,a,b,0.5\n", "split,row,target,prediction\n\n", b"\xff\xfe",
        "split,row,target,prediction,more\ntest,1,2,3,4\n",
    ],
)  # fmt: skip
def test_another_file_is_told(tmp_path, text):
    path = tmp_path / "predictions.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"predictions\.csv"):
        read_predictions(path)


# --- which plots, and from what -----------------------------------------------------------------------------------------


def test_few_plots_are_drawn_by_default_others_on_demand(folder):
    assert drawn(trained(folder, "size")) == {"loss", "predictions", "gradient-flow"}
    assert drawn(trained(folder, "size", "diagnostics=off")) == {"loss", "predictions"}
    assert drawn(trained(folder, "kind", "plots=[roc, roc, layers]")) == {"roc", "layers"}
    assert drawn(trained(folder, "big", "plots=[]")) == set()
    assert drawn(trained(folder, "big", "plots=all")) == set(OF_CLASSES)


@pytest.mark.parametrize(
    ("target", "plots", "message"),
    [
        ("size", "[loss, roc]", "plots.1: 'roc' is no plot of a target that holds numbers; use loss, metrics, pred"),
        ("kind", "[residuals]", "plots.0: 'residuals' is no plot of a target that holds classes; use loss, metrics"),
        ("kind", "[losses]", "plots.0: unknown plot 'losses'; did you mean 'loss'"),
        ("kind", "everything", r"plots: expected a list of plots, such as \[loss, metrics\], or 'all', got text 'ev"),
        ("kind", "[[loss]]", r"plots.0: unknown plot \[loss\]"),
    ],
)
def test_plots_that_there_are_not(folder, target, plots, message):
    with pytest.raises(ConfigError, match=message):
        build(load_config(folder / f"{target}.yaml", [f"plots={plots}"]))


@pytest.mark.parametrize("target", TARGETS)
def test_plot_draws_all_from_the_run_alone(folder, target, capsys):
    run = trained(folder, target, "plots=all")
    before = {path.name: path.read_bytes() for path in run.plots.iterdir()}
    assert set(before) == {f"{name}.png" for name in (OF_NUMBERS if target == "size" else OF_CLASSES)}
    assert all(picture.startswith(b"\x89PNG") for picture in before.values())
    (folder / "flowers.csv").unlink()
    for path in run.plots.iterdir():
        path.unlink()
    redraw(None, runs_dir=folder / "runs")
    after = {path.name: path.read_bytes() for path in run.plots.iterdir()}
    assert set(after) == set(before)
    exact = set(before) - {"roc.png", "calibration.png"}  # whose probabilities have nine digits in the file
    assert {name: after[name] for name in exact} == {name: before[name] for name in exact}
    assert f"{run}, predictions.csv (epoch 4)\n" in capsys.readouterr().out


def test_plot_of_a_run_that_is_not_finished_asks_its_weights(folder, capsys):
    run = trained(folder, "size", "plots=[]")
    old = run.predictions.read_bytes()
    resume(None, ["train.epochs=6"], runs_dir=folder / "runs", quiet=True)
    run.predictions.write_bytes(old)
    (run.failure).write_text("{}")  # as if it had failed before it wrote them
    redraw(None, runs_dir=folder / "runs")
    assert f"{run}, best.safetensors (epoch 6)\n" in capsys.readouterr().out
    assert drawn(run) == set(OF_NUMBERS)


def test_a_run_without_diagnostics_has_no_plots_of_layers(folder):
    run = trained(folder, "size", "plots=[]", "diagnostics=off")
    assert not run.gradients.exists()
    draw_plots(run, read_predictions(run.predictions), title="flowers", target_name="size", best_epoch=4)
    assert drawn(run) == set(OF_NUMBERS) - set(OF_LAYERS)


def test_predictions_of_a_column_of_zeros_and_ones(folder):
    text = (folder / "flowers.csv").read_text().replace("yes", "1").replace("no", "0")
    (folder / "flowers.csv").write_text(text)
    (folder / "big.yaml").write_text((folder / "big.yaml").read_text().replace("task: classification, ", ""))
    experiment = build(load_config(folder / "big.yaml"))
    outputs = {name: predict(experiment.model, split.inputs) for name, split in experiment.data.splits.items()}
    predictions = predictions_of(experiment, outputs)
    assert predictions.class_names == ["0", "1"]
    test = predictions.parts["test"]
    np.testing.assert_allclose(test.probabilities[:, 1], 1 / (1 + np.exp(-outputs["test"].ravel())), rtol=1e-6)


def test_a_training_without_plots_does_not_speak_of_them(mytorch_command, tmp_path):
    (tmp_path / "c.yaml").write_text(
        "dataset: boston\nmodel: Linear\nloss: MSELoss\noptimizer: {type: SGD, lr: 1e-6}\ntrain: {epochs: 1}\nplots: []\n"
    )
    lines = mytorch_command("train", "c.yaml", cwd=tmp_path).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[-3:]] == ["metrics", "summary", "report"]


@pytest.mark.parametrize(
    ("predicted", "told"),
    [
        ([0, 1, 0, 1], "no mistake in 4; below the class: how surely it was predicted"),
        ([1, 1, 0, 1], "1 mistake in 4, the surest first; below the class: what was predicted instead, and how surely"),
        ([1, 1, 1, 1], "all 2 mistakes in 4, the surest first"),
        ([1, 0, 1, 0], "3 of 4 mistakes in 4, the surest first"),
    ],
)
def test_what_is_said_of_the_mistakes_among_the_samples(predicted, told):
    target, prediction = np.array([0, 1, 0, 1]), np.array(predicted)
    part = Part(np.arange(4), target, prediction, np.full((4, 2), 0.5))
    samples = ImageSamples("test", np.arange(3), np.zeros((3, 1, 2, 2), np.uint8), "", np.zeros((0, 1, 2, 2)))
    captions, said = _captions(part, samples, ["a", "b"])
    assert said.startswith(told)
    assert [caption.is_wrong for caption in captions] == (target != prediction)[:3].tolist()
