"""`mytorch check`, seen from the command line."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CONFIG = """\
name: small
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 5}
metrics: [mae, r2]
"""
CLASSES = """\
dataset: {type: csv, path: flowers.csv, target: kind, task: classification, batch_size: 4}
model: [{type: Linear, out_features: 3}]
loss: CrossEntropyLoss
optimizer: {type: SGD, lr: 0.1}
train: {epochs: 2}
"""
OWN = """\
import mytorch
from mytorch import nn
class Half(nn.Module):
    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.used = nn.Linear(in_features, out_features)
        self.unused = nn.Linear(in_features, out_features)
    def forward(self, x):
        return self.used(x)
class Infinite(nn.Module):
    def forward(self, x):
        return x / 0
class Steep(nn.Module):
    def forward(self, x):
        return (x - x.detach()).abs().sqrt() + x.mean() * 0
class Picky(nn.Module):
    def forward(self, x):
        if x.shape[0] > 2:
            raise ValueError("two rows at most")
        return x
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(CONFIG)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "classes.yaml").write_text(CLASSES)
    rows = "".join(f"{i},{i % 4},{'abc'[i % 3]}\n" for i in range(12))
    (tmp_path / "flowers.csv").write_text("x,y,kind\n" + rows)
    return tmp_path


def test_the_table(folder, mytorch_command):
    out = mytorch_command("check", "small.yaml", cwd=folder).stdout
    lines = out.splitlines()
    assert lines[:5] == [
        "small.yaml: small",
        "rows      379 train, 127 test",
        "inputs    13: crim, zn, indus, chas, nox, rm, ...",
        "target    medv: a number",
        "training  5 epochs of 6 steps, batches of 64",
    ]
    start = lines.index("layer     output   parameters  FLOPs/row  kept/step")
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["0", "Linear", "(64,", "8)", "112", "208", "0"],
        ["1", "Tanh", "(64,", "8)", "0", "8", "2", "KiB"],
        ["2", "Linear", "(64,", "1)", "9", "16", "0"],
    ]
    assert lines[start + 5].split() == ["total", "121", "232", "2.5", "KiB"]
    assert lines[-1].startswith("loss on the first batch: ")
    assert not (folder / "runs").exists()


def test_operations_are_those_of_a_row_where_the_batch_is_not_full(folder, mytorch_command):
    done = mytorch_command("check", "small.yaml", "dataset.batch_size=400", cwd=folder)
    assert "batches of 379" in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("0 Linear"))
    assert line.split()[2:6] == ["(379,", "8)", "112", "208"]


def test_changes_and_json(folder, mytorch_command):
    done = mytorch_command("check", "small.yaml", "model.0.out_features=16", "--json", cwd=folder)
    (document,) = json.loads(done.stdout)["configs"]
    assert document["state"] == "passed"
    assert document["rows"] == {"train": 379, "test": 127}
    assert document["layers"][0] == {
        "name": "0",
        "type": "Linear",
        "output_shapes": [[64, 16]],
        "parameters": 224,
        "trainable": 224,
        "flops_per_row": 416,
        "kept_bytes": 0,
    }
    assert document["total"]["parameters"] == 241
    assert document["features"][:2] == ["crim", "zn"]
    assert math.isfinite(document["loss"])
    # The mean of normalised targets is 0: the loss of that guess is near their variance, which is 1.
    assert 0.3 < document["loss_of_a_guess"] < 2


def test_who_knows_nothing_of_three_classes_has_a_loss_of_log_3(folder, mytorch_command):
    done = mytorch_command("check", "classes.yaml", "--json", cwd=folder)
    (document,) = json.loads(done.stdout)["configs"]
    assert document["loss_of_a_guess"] == pytest.approx(math.log(3), rel=1e-6)
    assert document["classes"] == ["a", "b", "c"]
    text = mytorch_command("check", "classes.yaml", cwd=folder).stdout
    assert "target    kind: 3 classes: a, b, c" in text
    assert "(guessing all classes with equal chances: 1.099)" in text


@pytest.mark.parametrize("loss", ["BCELoss", "BCEWithLogitsLoss"])
def test_who_knows_nothing_of_two_classes_has_a_loss_of_log_2(folder, mytorch_command, loss):
    rows = "".join(f"{i},{i % 4},{'ab'[i % 2]}\n" for i in range(12))
    (folder / "flowers.csv").write_text("x,y,kind\n" + rows)
    model = "model=[{type: Linear, out_features: 1}, Sigmoid]" if loss == "BCELoss" else "model.0.out_features=1"
    done = mytorch_command("check", "classes.yaml", f"loss={loss}", model, "--json", cwd=folder)
    (document,) = json.loads(done.stdout)["configs"]
    assert document["loss_of_a_guess"] == pytest.approx(math.log(2), rel=1e-6)


def test_all_problems_of_all_files(folder, mytorch_command):
    (folder / "bad.yaml").write_text(CONFIG.replace("Tanh", "Tanhh").replace("lr: 1e-2", "lr: x"))
    (folder / "misfit.yaml").write_text(CONFIG.replace("out_features: 1}", "out_features: 2}"))
    done = mytorch_command("check", "bad.yaml", "none.yaml", "small.yaml", "misfit.yaml", cwd=folder, check=2)
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("error: bad.yaml:3:42: model.1: unknown layer 'Tanhh'; did you mean 'Tanh'?")
    assert lines[1].startswith("bad.yaml:5:30: optimizer.lr: expected a number")
    assert lines[2].startswith("none.yaml: ")
    assert lines[3].startswith("misfit.yaml:3:48: model.2: the model ends with 2 features")
    assert "small.yaml: small" in done.stdout, "the others are checked all the same"
    assert "bad.yaml: 2 problems, see below" in done.stdout


def test_problems_in_json(folder, mytorch_command):
    (folder / "bad.yaml").write_text(CONFIG.replace("Tanh", "Tanhh"))
    done = mytorch_command("check", "bad.yaml", "small.yaml", "--json", cwd=folder, check=2)
    bad, small = json.loads(done.stdout)["configs"]
    assert bad["state"] == "invalid"
    assert (bad["problems"][0]["line"], bad["problems"][0]["column"]) == (3, 42)
    assert small["state"] == "passed"


def test_gates_and_optimizers_are_looked_at_too(folder, mytorch_command):
    done = mytorch_command("check", "small.yaml", "expect={test.mea: {max: 2}}", cwd=folder, check=2)
    assert "test.mea" in done.stderr
    done = mytorch_command("check", "small.yaml", "model=[{type: Flatten}]", cwd=folder, check=2)
    assert "model" in done.stderr


def test_a_layer_that_is_never_trained_is_named(folder, mytorch_command):
    done = mytorch_command(
        "check", "small.yaml", "imports=[own.py]", "model.1={type: Half, out_features: 8}", cwd=folder
    )
    assert (
        "warning: small.yaml: layer 1.unused (Linear) would not be trained: no gradient came to weight and bias;"
        in done.stderr
    )
    assert "what Half computes itself is not known" in done.stdout
    assert "  unused Linear" in done.stdout


def test_a_loss_that_is_not_finite(folder, mytorch_command):
    done = mytorch_command("check", "small.yaml", "imports=[own.py]", "model.1=Infinite", cwd=folder, check=1)
    assert "error: small.yaml: the loss of the first batch is" in done.stderr
    assert "layer 1 (Infinite) is the first that is not finite" in done.stderr


def test_a_gradient_that_is_not_finite(folder, mytorch_command):
    done = mytorch_command("check", "small.yaml", "imports=[own.py]", "model.1=Steep", cwd=folder, check=1)
    assert "the gradients of the first batch are not finite: going backward," in done.stderr
    assert "gradient of layer 0 (Linear) is the first not finite" in done.stderr


def test_a_batch_that_the_model_refuses(folder, mytorch_command):
    arguments = ("check", "small.yaml", "imports=[own.py]", "model.1=Picky", "--json")
    done = mytorch_command(*arguments, cwd=folder, check=1)
    (document,) = json.loads(done.stdout)["configs"]
    assert document["state"] == "failed"
    assert "two rows at most" in document["failure"]
    assert "own.py:" in document["failure"]


def test_mistakes_in_the_command(folder, mytorch_command):
    both = mytorch_command("check", "small.yaml", "classes.yaml", "seed=3", cwd=folder, check=2)
    assert "changes are for one config, and 2 are given: seed=3" in both.stderr
    none = mytorch_command("check", "seed=3", cwd=folder, check=2)
    assert "expected a config file" in none.stderr


def test_the_documentation_shows_what_is_printed(mytorch_command, tmp_path):
    text = (ROOT / "docs" / "check.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    command, _, shown = blocks[0][1].partition("\n")
    assert command == "$ mytorch check configs/boston.yaml"
    assert mytorch_command(*command.split()[2:], cwd=ROOT).stdout == shown
    (language, config), (_, table) = blocks[1:3]
    assert language == "yaml"
    (tmp_path / "tree.yaml").write_text(config)
    command, *lines = table.splitlines()
    printed = mytorch_command(*command.split()[2:], cwd=tmp_path).stdout
    assert len(lines) == 18
    assert "\n".join(lines) in printed


def test_a_layer_that_no_memory_holds(folder, mytorch_command):
    pad = "model.0={type: ConstantPad1d, padding: [0, 1000000000000000], value: 1.0}"
    done = mytorch_command("check", "small.yaml", pad, cwd=folder, check=2)
    assert (
        "model.0: layer 0 (ConstantPad1d) cannot take rows of 13 numbers: MemoryError: Unable to allocate"
        in done.stderr
    )
