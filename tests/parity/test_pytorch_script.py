"""Exported PyTorch scripts, run by the real PyTorch: the losses of every epoch and the final scores are those here."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mytorch.interop.pytorch_script import export_script
from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

ROOT = Path(__file__).parents[2]
NUMBER = r"(-?(?:\d[\d.e+-]*|inf|nan))"


def run_here(path):
    """Run a script as if it had been started; in this process, which has loaded PyTorch already."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        runpy.run_path(str(path), run_name="__main__")
    return out.getvalue()


def run_alone(path):
    """Run a script in a process of its own, without mytorch on the path; warnings are errors."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def agree(config, folder, overrides=(), run_script=run_here):
    """Train here, run the exported script, and compare every figure that both report; returns the script."""
    path = folder / "train.py"
    text = export_script(build(load_config(config, overrides)), path)
    path.write_text(text, encoding="utf-8")
    experiment = build(load_config(config, overrides))
    run = Run.create(folder / "runs", "here")
    summary = Training(experiment, run).run(Progress(experiment.config.train.epochs, "quiet"))
    output = run_script(path)
    lines = [dict(re.findall(rf"(\w+) {NUMBER}", line)) for line in output.splitlines() if line.startswith("epoch ")]
    rows = read_metrics(run.metrics)
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert {"epoch", "learning_rate", "train_loss"} <= line.keys()
        assert ("validation_loss" in row) == ("validation_loss" in line)
        for name, value in line.items():
            assert float(value) == pytest.approx(row[name], rel=1e-4, abs=1e-6), (name, row["epoch"])
    for word in ("final", "best"):
        for part, name, value in re.findall(rf"(train|validation|test)_(\w+) {NUMBER}", text_of(output, word)):
            assert float(value) == pytest.approx(summary[word][part][name], rel=1e-4, abs=1e-6), (word, part, name)
    assert all(part in text_of(output, "final") for part in summary["final"])
    assert path.with_suffix(".pt").is_file()
    return text


def text_of(output, word):
    return "\n".join(line for line in output.splitlines() if line.startswith(f"{word}  "))


def write(folder, text, name="config.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A CSV file with columns of several kinds, gaps, weights, classes as text."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    rows = ["id;age;height;town;size;weight;kind;yes;number"]
    for i in range(120):
        age = "" if i % 17 == 0 else f"{rng.integers(18, 90)}"
        height = "NA" if i % 23 == 0 else f"{rng.normal(170, 9):.1f}".replace(".", ",")
        town = "" if i % 19 == 0 else rng.choice(["Seoul", "Busan", "Malmö", '"a ""b"""'])
        size = rng.choice(["S", "M", "L"])
        rows.append(
            f"{i};{age};{height};{town};{size};{rng.integers(0, 3)},{rng.integers(10, 99)};{rng.choice(['red', 'green', 'blue'])};"
            f"{i % 3 % 2};{rng.choice([3, 10, 7])}"
        )
        if i == 50:
            rows.append("")
    (folder / "people.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


PEOPLE = """
seed: 5
dataset:
  type: csv
  path: people.csv
  decimal: ","
  drop: [id, {drop}]
  target: {target}
  missing: {{age: median, height: mean, town: {town}}}
  {more}
  test: {{fraction: 0.2}}
  validation: {{every: 5}}
  normalize: {{inputs: {inputs}}}
  batch_size: 16
model:
  - {{type: Linear, out_features: 12, bias: false}}  # batch norm takes it out again
  - {{type: BatchNorm1d}}
  - {{type: ELU, alpha: 0.5}}
  - {{type: Linear, out_features: {outputs}, bias: false}}
loss: {loss}
optimizer: {{type: Adam, lr: 0.01, betas: [0.8, 0.99]}}
train: {{epochs: 4}}
"""


@pytest.mark.parametrize(("name", "changes"), [
    ("boston", ["train.epochs=12"]),
    ("boston-tutorial", ["train.epochs=60"]),
    ("mixed-columns", ["train.epochs=10"]),
])  # fmt: skip
def test_the_configs_that_ship(tmp_path, name, changes):
    text = agree(ROOT / "configs" / f"{name}.yaml", tmp_path, changes, run_alone)
    assert "mytorch" not in text.split('"""', 2)[2]


@pytest.mark.parametrize(("name", "changes"), [
    ("xor", ["train.epochs=10"]),
    ("moons", ["train.epochs=5", "dataset.validation={fraction: 0.2}"]),
    ("spirals", ["train.epochs=5"]),
    ("sine", ["train.epochs=20", "dataset.normalize={inputs: minmax, target: standard}"]),
    ("random", ["train.epochs=50"]),
    ("random", ["train.epochs=20", "dataset.normalize={inputs: standard, target: standard}", "metrics=[mse, mape]"]),
    ("digits-cnn", ["train.epochs=2", "dataset.count=200"]),
    ("digits-cnn", ["train.epochs=1", "dataset.count=200", "dataset.normalize.inputs=standard", "dataset.noise=0"]),
])  # fmt: skip
def test_generated_data(tmp_path, name, changes):
    text = agree(ROOT / "configs" / f"{name}.yaml", tmp_path, changes)
    assert "mytorch" not in text.split('"""', 2)[2]


def test_what_is_computed_by_output_is_left_out_of_several(tmp_path):
    text = agree(ROOT / "configs" / "random.yaml", tmp_path, ["train.epochs=2", "metrics=[mae, rmse, r2]"])
    assert "Not computed here: rmse, r2." in text


@pytest.mark.parametrize("changes", [
    {"target": "kind", "drop": "yes", "outputs": 3, "loss": "CrossEntropyLoss", "town": "drop"},
    {"target": "kind", "drop": "weight", "outputs": 3, "loss": "{type: CrossEntropyLoss, weight: [1, 2, 0.5]}", "town": "median", "inputs": "minmax"},
    {"target": "yes", "drop": "kind", "outputs": 1, "loss": "BCEWithLogitsLoss", "town": "constant", "more": "fill_value: nowhere"},
    {"target": "number", "drop": "kind", "outputs": 3, "loss": "CrossEntropyLoss", "town": "median", "more": "task: classification\n  categories: {town: index}\n  weight: weight", "inputs": "none"},
    {"target": "number", "drop": "kind", "outputs": 1, "loss": "HuberLoss", "town": "drop", "more": "weight: weight\n  categories: index\n  shuffle: false"},
])  # fmt: skip
def test_csv_files(people, tmp_path, changes):
    fields = {"more": "unknown_categories: ignore", "inputs": "standard", **changes}
    agree(write(people, PEOPLE.format(**fields)), tmp_path)


def test_several_compressed_files_without_a_header(tmp_path):
    rng = np.random.default_rng(1)
    for number in (1, 2):
        text = "\n".join(f"{a:.4f}|{b:.4f}|{a - b:.4f}" for a, b in rng.normal(size=(40, 2)))
        (tmp_path / f"part{number}.csv.gz").write_bytes(gzip.compress(text.encode("utf-16")))
    config = write(
        tmp_path,
        """
dataset: {type: csv, path: 'part*.csv.gz', target: c3, header: false, encoding: utf-16, test: {fold: 2, folds: 5}, normalize: {target: minmax}}
model: [{type: Linear, out_features: 1}]
loss: L1Loss
optimizer: {type: SGD, lr: 0.1, momentum: 0.9, nesterov: true}
train: {epochs: 3}
metrics: [mse, mape, max_error, {type: error_quantile, q: 0.9}, r2]
""",
    )
    agree(config, tmp_path)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(2)
    targets = rng.choice([2, 5, 9], 90)
    images = rng.integers(0, 200, (90, 1, 8, 8), dtype=np.uint8) + targets[:, None, None, None].astype(np.uint8) * 5
    np.save(folder / "x.npy", images)
    np.save(folder / "y.npy", targets)
    np.save(folder / "w.npy", rng.uniform(0.5, 2, 90))
    return folder


IMAGES = """
dataset: {type: npy, inputs: x.npy, targets: y.npy, test: {fold: 1, folds: 4}, normalize: {inputs: standard}, batch_size: 20}
model:
  - {type: Conv2d, out_channels: 4, kernel_size: 3, padding: 1, bias: false}
  - BatchNorm2d
  - ReLU
  - {type: MaxPool2d, kernel_size: 2}
  - {type: Dropout2d, p: 0.2}
  - {type: Sequential, layers: [Flatten, {type: Linear, out_features: 10}, Tanh]}
  - {type: Linear, out_features: 3}
loss: {type: CrossEntropyLoss, label_smoothing: 0.1}
optimizer: {type: RMSprop, lr: 0.001}
scheduler: CosineAnnealingLR
train: {epochs: 3}
metrics: [accuracy, error_rate, log_loss, f1, {type: f1, average: weighted}, {type: precision, average: micro}, recall, {type: top_k, k: 2}]
"""


@pytest.mark.parametrize("changes", [
    [],
    ["dataset.weights=w.npy", "loss.label_smoothing=0"],
    ["model.4={type: Residual, layers: [{type: Conv2d, out_channels: 4, kernel_size: 3, padding: 1}, ReLU]}"],
    ["model.4={type: Parallel, branches: {a: [{type: Conv2d, out_channels: 2, kernel_size: 1}], b: [{type: Conv2d, out_channels: 3, kernel_size: 1}, ReLU]}}"],
    ["model.4={type: Parallel, join: mul, branches: [[Sigmoid], [{type: Conv2d, out_channels: 4, kernel_size: 1}]]}"],
    ["train.swa={start_epoch: 2, lr: 0.01}", "dataset.validation={every: 4}"],
    ["train.ema={decay: 0.9}"],
    ["loss={type: CrossEntropyLoss, weight: balanced}"],
    ["loss=[{type: CrossEntropyLoss, factor: 0.5}, {type: MultiMarginLoss, factor: 2}]"],
    ["loss=[CrossEntropyLoss, {type: MultiMarginLoss, factor: 2, p: 2}]", "dataset.weights=w.npy"],
])  # fmt: skip
def test_images(images, tmp_path, changes):
    agree(write(images, IMAGES), tmp_path, changes)


BOSTON = """
dataset: {type: boston, test: {every: 4}, validation: {fraction: 0.2}, normalize: {inputs: standard, target: standard}}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: SGD, lr: 0.02}
train: {epochs: 6}
"""


@pytest.mark.parametrize("changes", [
    ["train.clip_grad_norm=0.5", "scheduler={type: StepLR, step_size: 2}"],
    ["optimizer={type: Adagrad, lr: 0.05}", "scheduler={type: ExponentialLR, gamma: 0.8}"],
    ["optimizer={type: NAdam, lr: 0.01}", "scheduler={type: MultiStepLR, milestones: [2, 4]}"],
    ["optimizer={type: Adamax}", "scheduler={type: CyclicLR, base_lr: 0.001, max_lr: 0.01, cycle_momentum: false}"],
    ["optimizer={type: SGD, lr: 0.1, momentum: 0.9}", "scheduler=CosineAnnealingLR", "train.scheduler_step=batch"],
    ["scheduler={type: ReduceLROnPlateau, patience: 0, threshold: 0.1}"],
    ["scheduler={type: ReduceLROnPlateau, mode: max, patience: 0, threshold: 0.5}", "train.scheduler_monitor=validation_r2"],
    ["optimizer={type: LBFGS, lr: 0.1, max_iter: 4}", "dataset.batch_size=full"],
    ["train.accumulate=3", "scheduler={type: OneCycleLR, max_lr: 0.1}"],
    ["train.accumulate=4", "train.warmup_epochs=2", "train.clip_grad_value=0.05"],
    ["train.warmup_steps=20", "train.clip_grad_value=0.1", "train.clip_grad_norm=0.2", "scheduler={type: LinearLR, total_iters: 3}"],
    ["train.early_stopping={patience: 2}", "optimizer.lr=0.5", "train.epochs=30"],
    ["train.early_stopping={patience: 1, min_delta: 0.05, monitor: validation_r2}", "train.epochs=30"],
    ["train.swa={start_epoch: 4, lr: 0.01}", "train.warmup_steps=50", "train.ema=null"],
    ["train.ema={decay: 0.95}", "train.early_stopping={patience: 3, monitor: train_loss}"],
    ["loss=[{type: MSELoss, factor: 0.7}, L1Loss]", "dataset.shuffle=false", "dataset.validation=null"],
])  # fmt: skip
def test_options_of_training(tmp_path, changes):
    agree(write(tmp_path, BOSTON), tmp_path, changes)


OWN = '''
"""Layers of one's own."""

import math

import mytorch
from mytorch import nn
from mytorch.training.metrics import RegressionMetric

START = math.log(2)


class Median(RegressionMetric):
    """A metric, which no script has."""

    def start(self): ...
    def add(self, prediction, target, weights): ...
    def result(self):
        return 1.0


# A comment above the class.
class Scale(nn.Module):
    """mytorch's own."""

    def __init__(self, in_features: int, start: float = START):
        super().__init__()
        self.by = nn.Parameter(mytorch.full((in_features,), start))

    def forward(self, x):
        return x * self.by


class Net(nn.Module):
    def __init__(self, in_features: int, out_features: int, hidden: int = 4):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(in_features, hidden), nn.Dropout(0.1), nn.Linear(hidden, out_features))

    def forward(self, x):
        return mytorch.tanh(self.inner(x))


class CubeLoss(nn.Module):
    def forward(self, output, target):
        return ((output - target).abs() ** 3).mean()
'''


@pytest.mark.parametrize("changes", [
    ["model.1=Scale", "metrics=[mae, Median]"],
    ["model={type: Net, hidden: 6}", "loss=CubeLoss", "metrics=[mae]"],
])  # fmt: skip
def test_classes_of_ones_own(tmp_path, changes):
    write(tmp_path, OWN, "own.py")
    text = agree(write(tmp_path, BOSTON + "imports: [own.py]\n"), tmp_path, changes)
    assert "class Median" not in text
    assert "# A comment above the class." in text


RUFF = shutil.which("ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


@pytest.mark.skipif(RUFF is None, reason="needs ruff")
def test_the_linter_finds_nothing(people, images, tmp_path):
    write(tmp_path, OWN, "own.py")
    configs = [
        (
            write(
                people,
                PEOPLE.format(
                    target="kind",
                    drop="yes",
                    outputs=3,
                    loss="CrossEntropyLoss",
                    town="drop",
                    more="",
                    inputs="standard",
                ),
            ),
            [],
        ),
        (write(images, IMAGES), ["train.ema={decay: 0.9}", "dataset.weights=w.npy", "loss.label_smoothing=0"]),
        (write(tmp_path, BOSTON + "imports: [own.py]\n"), ["model={type: Net}", "train.accumulate=2"]),
        (ROOT / "configs" / "boston.yaml", []),
        (ROOT / "configs" / "digits-cnn.yaml", ["dataset.count=200"]),
        (ROOT / "configs" / "sine.yaml", []),
        (ROOT / "configs" / "random.yaml", ["dataset.normalize.target=standard"]),
        (write(tmp_path, BOSTON, "plain.yaml"), ["optimizer={type: LBFGS}", "dataset.batch_size=full"]),
        (
            write(tmp_path, BOSTON, "plain.yaml"),
            ["train.swa={start_epoch: 2, lr: 0.1}", "train.warmup_steps=3", "train.early_stopping={patience: 2}"],
        ),
    ]
    for number, (config, changes) in enumerate(configs):
        path = tmp_path / f"{number}.py"
        path.write_text(export_script(build(load_config(config, changes)), path), encoding="utf-8")
    subprocess.run([RUFF, "check", "--isolated", *map(str, tmp_path.glob("[0-9].py"))], check=True)


def test_a_code_that_pytorch_does_not_have_is_named(tmp_path):
    own = "from mytorch import nn\nfrom mytorch.data import Boston\n\n\nclass Odd(nn.Identity):\n    source = Boston\n"
    write(tmp_path, own, "own.py")
    config = load_config(write(tmp_path, BOSTON + "imports: [own.py]\n"), ["model.1=Odd"])
    with pytest.raises(UserError, match=r"layer Odd \(.*own\.py:5\) uses Boston of mytorch\.data"):
        export_script(build(config), tmp_path / "train.py")


def test_a_name_that_stands_twice_is_named(tmp_path):
    write(
        tmp_path,
        "from mytorch import nn\n\n\ndef evaluate():\n    return 1\n\n\nclass Odd(nn.Identity):\n    one = evaluate()\n",
        "own.py",
    )
    config = load_config(write(tmp_path, BOSTON + "imports: [own.py]\n"), ["model.1=Odd"])
    with pytest.raises(UserError, match="would hold 'evaluate' 2 times"):
        export_script(build(config), tmp_path / "train.py")


def test_the_command_line(mytorch_process, tmp_path):
    (tmp_path / "datasets").mkdir()
    shutil.copy(ROOT / "datasets" / "boston.csv", tmp_path / "datasets")
    write(tmp_path, BOSTON)
    mytorch_process("train", "config.yaml", "-q", cwd=tmp_path)
    done = mytorch_process("export", "--to", "pytorch", "-o", "train.py", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["to"] == "pytorch"
    assert 'Path(__file__).resolve().parent / "datasets/boston.csv"' in (tmp_path / "train.py").read_text()
    moved = tmp_path.rename(
        tmp_path.with_name(f"{tmp_path.name}-moved")
    )  # the script finds its data from where it lies
    printed = subprocess.run([sys.executable, "train.py"], cwd=moved, capture_output=True, text=True, check=True).stdout
    rows = read_metrics(next(moved.glob("runs/config/*/metrics.csv")))
    losses = [float(loss) for loss in re.findall(rf"train_loss {NUMBER}", printed)]
    np.testing.assert_allclose(losses[: len(rows)], [row["train_loss"] for row in rows], rtol=1e-4)
