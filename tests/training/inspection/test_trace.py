"""`mytorch trace`: its numbers are those of a computation in NumPy, and what it prints can be read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]

HAND = """\
name: hand
dataset: {type: csv, path: hand.csv, target: y, batch_size: 3, shuffle: false}
model: [{type: Linear, out_features: 4}, Sigmoid, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: SGD, lr: 0.1}
train: {epochs: 3}
checkpoint: {every_steps: 1, keep: 99}
"""
OWN = """\
import mytorch
from mytorch import nn
from mytorch.autograd import Function

class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return 3 * x * x * g

class Cut(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = nn.Linear(2, 2)
        self.cut = nn.Linear(2, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        self.unused(x)
        with mytorch.no_grad():
            mean = self.kept.weight.mean()
        return Cube.apply(self.kept(x)) + self.cut(x).detach().exp() * mean

class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(mytorch.ones(2) * 3)

    def forward(self, x):
        return x * self.scale

class Poisoned(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(mytorch.ones(2))

    def forward(self, x):
        return x * mytorch.where(self.weight > 0, self.weight / 0, self.weight) * 0
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hand.csv").write_text("a,b,y\n1,0.5,1\n-1,2,0\n0.25,-0.5,2\n")
    (tmp_path / "hand.yaml").write_text(HAND)
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


@pytest.fixture
def traced(mytorch_command, folder):
    def run(*arguments):
        return json.loads(mytorch_command("trace", *arguments, "--json", cwd=folder).stdout)

    return run


@pytest.fixture
def printed(mytorch_command, folder):
    return lambda *arguments: mytorch_command("trace", *arguments, cwd=folder).stdout


def by_hand(x, t, w1, b1, w2, b2):
    """Forward and backward of 2-4-1 with a sigmoid and the mean squared error."""
    z = x @ w1.T + b1
    a = 1 / (1 + np.exp(-z))
    y = a @ w2.T + b2
    gy = 2 * (y - t) / len(x)
    ga = gy @ w2
    gz = ga * a * (1 - a)
    return {
        "outputs": [z, a, y, np.mean((y - t) ** 2)],
        "arriving": [np.array(1.0), gy, ga, gz],
        "gradients": {"0.weight": gz.T @ x, "0.bias": gz.sum(0), "2.weight": gy.T @ a, "2.bias": gy.sum(0)},
    }


def values(part):
    return np.array(part["values"], dtype=np.float64)


def given(document):
    first, _, third, loss = document["batches"][0]["forward"]
    x, w1, b1 = map(values, first["inputs"])
    _, w2, b2 = map(values, third["inputs"])
    return by_hand(x, values(loss["inputs"][1]), w1, b1, w2, b2)


def test_every_number_is_that_of_a_computation_in_numpy(traced):
    document = traced("hand.yaml", "--values")
    expected = given(document)
    (batch,) = document["batches"]
    np.testing.assert_array_equal(values(batch["forward"][0]["inputs"][0]), [[1, 0.5], [-1, 2], [0.25, -0.5]])
    assert [row["op"] for row in batch["forward"]] == ["linear", "sigmoid", "linear", "mse_loss"]
    assert [row["type"] for row in batch["forward"]] == ["Linear", "Sigmoid", "Linear", "MSELoss"]
    assert [row["number"] for row in batch["backward"]] == [4, 3, 2, 1]
    for row, array in zip(batch["forward"], expected["outputs"], strict=True):
        (output,) = row["outputs"]
        np.testing.assert_allclose(values(output), array, rtol=1e-5)
        assert output["shape"] == list(np.shape(array))
        assert output["dtype"] == "float32"
        np.testing.assert_allclose(output["mean"], array.mean(), rtol=1e-5)
        np.testing.assert_allclose(output["std"], array.std(), rtol=1e-4, atol=1e-9)
        assert output["zeros"] == output["not_finite"] == 0
        assert row["seconds"] > 0
    for row, array in zip(batch["backward"], expected["arriving"], strict=True):
        (arriving,) = row["arriving"]
        np.testing.assert_allclose(values(arriving), array, rtol=1e-4)
        np.testing.assert_allclose(arriving["norm"], np.linalg.norm(array), rtol=1e-5)
        for part in row["leaving"]:
            if part["name"] in expected["gradients"]:
                np.testing.assert_allclose(values(part), expected["gradients"][part["name"]], rtol=1e-4, atol=1e-7)
    norms = {name: one["gradient_norm"] for name, one in document["parameters"].items()}
    assert norms == pytest.approx({n: np.linalg.norm(g) for n, g in expected["gradients"].items()}, rel=1e-4)
    assert document["gradient_norm"] == pytest.approx(np.sqrt(sum(n * n for n in norms.values())))
    assert document["loss"] == pytest.approx(expected["outputs"][3])
    assert document["rows"] == 3
    assert document["without_gradient"] == []
    # The sigmoid's result (3 x 4 numbers) serves two derivatives and is kept once; the loss keeps 3 x 1 differences or
    # what came in.
    assert [row["kept_bytes"] for row in batch["forward"][:3]] == [0, 48, 0]
    assert document["kept_bytes"] == sum(row["kept_bytes"] for row in batch["forward"])
    assert document["forward_seconds"] == pytest.approx(sum(row["seconds"] for row in batch["forward"]))


def test_values_are_in_json_only_when_asked_for(traced):
    document = traced("hand.yaml")
    parts = [part for row in document["batches"][0]["forward"] for part in (*row["inputs"], *row["outputs"])]
    assert parts
    assert not any("values" in part for part in parts)


def test_the_tables_show_the_same_numbers(traced, printed):
    document, lines = traced("hand.yaml"), printed("hand.yaml").splitlines()
    assert lines[0] == f"step 1 of hand.yaml (epoch 1, step 1 of 1): 3 rows, loss {document['loss']:.6g}"
    assert max(map(len, lines)) <= 100
    forward, backward = lines[: lines.index("backward, from the bottom up")], lines[len(lines) // 2 :]
    for row in document["batches"][0]["forward"]:
        (line,) = [line for line in forward if re.match(rf"{row['number']}  {row['op']} ", line)]
        assert f"  {row['outputs'][0]['mean']:.3g}  " in line
        assert f"  {row['outputs'][0]['std']:.3g}  " in line
    weight = document["parameters"]["0.weight"]["gradient_norm"]
    (line,) = [line for line in backward if re.match("1  linear ", line)]
    assert f"weight {weight:.3g}, bias " in line
    places = [line for line in lines if line.startswith(("layer ", "loss "))]
    downward = ["layer 0 Linear", "layer 1 Sigmoid", "layer 2 Linear", "loss MSELoss"]
    assert places == [*downward, *reversed(downward)]
    assert "all of them float32, and finite" in lines
    assert lines[-1].endswith(f"norm of all gradients {document['gradient_norm']:.3g}")


def test_a_step_on_paper(printed):
    text = printed("hand.yaml", "--values", "--formula")
    assert (
        "1. linear: y = x Wᵀ + b\n   x = inputs, 3x2:\n         1   0.5\n        -1     2\n      0.25  -0.5\n" in text
    )
    forward, backward = text.split("backward, from the bottom up")
    assert re.findall(r"^\d\. \w+", forward, re.M) == ["1. linear", "2. sigmoid", "3. linear", "4. mse_loss"]
    assert re.findall(r"^\d\. \w+", backward, re.M) == ["4. mse_loss", "3. linear", "2. sigmoid", "1. linear"]
    assert "   ∂L/∂W = gᵀ x, with W = 0.weight, 4x2:\n" in backward
    assert "∂L/∂x = g·y·(1 \N{MINUS SIGN} y), with x = #1, 3x4:\n" in backward
    assert "∂L/∂x = 2·g·d / n, with x = #3, 3x1:\n" in backward
    assert all("   d = x \N{MINUS SIGN} t\n" in part for part in (forward, backward))


def test_terminals_without_unicode(mytorch_process, folder):
    done = mytorch_process("trace", "hand.yaml", "--values", "--formula", cwd=folder, PYTHONIOENCODING="ascii")
    assert "dL/dW = g^T x" in done.stdout
    done.stdout.encode("ascii")


def test_a_layer_alone(traced, printed, mytorch_command, folder):
    document = traced("hand.yaml", "--layer", "2")
    assert [row["number"] for row in document["batches"][0]["forward"]] == [3]
    assert set(document["parameters"]) == {"2.weight", "2.bias"}
    assert "mse_loss" not in printed("hand.yaml", "--layer", "2")
    assert "4  mse_loss" in printed("hand.yaml", "--layer", "loss")
    failed = mytorch_command("trace", "hand.yaml", "--layer", "7", cwd=folder, check=2)
    assert "there is no layer '7'; choose from 0, 1, 2, (loss); mytorch check" in failed.stderr


def test_branches_that_are_cut_off_are_said(traced, printed):
    change = "model=[{type: Linear, out_features: 2}, Cut, {type: Linear, out_features: 1}]"
    document = traced("hand.yaml", "imports=[own.py]", change)
    notes = {row["op"]: row["note"] for row in document["batches"][0]["forward"] if row["note"]}
    rows = document["batches"][0]["forward"]
    cut = next(row["number"] for row in rows if row["layer"] == "1.cut")
    assert notes["exp"] == f"no gradient: cut off from #{cut}"
    assert notes["mean"] == "no gradient: cut off from 1.kept.weight"
    before = next(row for row in rows if row["layer"] == "1.cut")
    exponential = next(row["number"] for row in rows if row["op"] == "exp")
    assert before["note"] == f"no gradient: cut off before #{exponential}"
    unused = next(row for row in rows if row["layer"] == "1.unused")
    assert unused["note"] == "no gradient: its result does not lead to the loss"
    own = next(row for row in rows if row["op"] == "Cube")
    assert (own["layer"], own["type"]) == ("1", "Cut")
    assert document["without_gradient"] == ["1.cut.weight", "1.cut.bias", "1.unused.weight", "1.unused.bias"]
    text = printed("hand.yaml", "imports=[own.py]", change, "--formula")
    assert f"no gradient: cut off from #{cut}" in text
    assert "own function Cube" in text
    assert "no gradient reaches 1.cut.weight, 1.cut.bias, 1.unused.weight, 1.unused.bias" in text


def test_numbers_that_are_not_finite(traced, printed):
    change = "model=[Poisoned, {type: Linear, out_features: 1}]"
    rows = traced("hand.yaml", "imports=[own.py]", change)["batches"][0]["forward"]
    bad = [row["outputs"][0]["not_finite"] for row in rows if row["layer"] == "1"]
    assert bad == [1]
    assert next(row for row in rows if row["layer"] == "1")["outputs"][0]["mean"] == "nan"
    text = printed("hand.yaml", "imports=[own.py]", change)
    assert "not finite" in text
    assert "loss nan" in text


def test_batches_that_are_added_up(printed, traced):
    change = ["dataset.batch_size=2", "train.accumulate=2"]
    text = printed("hand.yaml", *change)
    assert "forward of batch 2 of 2, from the top down" in text
    assert "backward of batch 2 of 2, from the bottom up" in text
    document = traced("hand.yaml", *change, "--values")
    assert len(document["batches"]) == 2
    # The share of a batch in the step is a number, not the targets, which a loss's second input is otherwise.
    told = printed("hand.yaml", *change, "--formula")
    assert re.search(r"y = x1·x2\n +x1 = #4, x2 = 0\.666667\n", told)
    assert re.search(r"\d  mul .*\n +∂L/∂x1 = g·x2\n", told)
    assert told.count("d = x \N{MINUS SIGN} t\n") == 4
    whole = traced("hand.yaml", "--values")
    for name, one in whole["parameters"].items():
        assert document["parameters"][name]["gradient_norm"] == pytest.approx(one["gradient_norm"], rel=1e-4)
    assert document["loss"] == pytest.approx(whole["loss"], rel=1e-5)


def test_a_step_of_a_run(traced, mytorch_command, folder):
    mytorch_command("train", "hand.yaml", "--quiet", cwd=folder)
    first, third = traced("hand", "--step", "1", "--values"), traced("hand", "--step", "3", "--values")
    config = traced("hand.yaml", "--values")
    assert [values(part).tolist() for part in first["batches"][0]["forward"][0]["inputs"]] == [
        values(part).tolist() for part in config["batches"][0]["forward"][0]["inputs"]
    ]
    weights = {}
    for name, one in (("0.weight", 0), ("2.weight", 2)):
        weights[name] = values(first["batches"][0]["forward"][one]["inputs"][1])
    current = given(first)
    second = traced("hand", "--step", "2", "--values")
    after = values(second["batches"][0]["forward"][0]["inputs"][1])
    np.testing.assert_allclose(after, weights["0.weight"] - 0.1 * current["gradients"]["0.weight"], rtol=1e-5)
    assert third["loss"] < second["loss"] < first["loss"]
    failed = mytorch_command("trace", "hand", "--step", "4", cwd=folder, check=2)
    assert "has the steps 1 to 3" in failed.stderr
    assert "of a run" not in failed.stderr


def test_large_arrays_are_cut(printed):
    text = printed("hand.yaml", "model.0.out_features=40", "--values", "--layer", "0")
    assert "W = 0.weight, 40x2:" in text
    assert re.search(r"^ +\.\.\.$", text, re.M)
    assert max(map(len, text.splitlines())) <= 100


def test_an_optimizer_that_computes_gradients_several_times(printed):
    lines = printed("hand.yaml", "optimizer={type: LBFGS}").splitlines()
    assert lines[1] == "LBFGS computes gradients several times in a step; this is the first time"


def test_other_element_types_are_told_where_they_are(printed):
    model = "model=[{type: Linear, out_features: 4}, BatchNorm1d, {type: Linear, out_features: 1}]"
    forward, backward = printed("hand.yaml", model).split("backward, from the bottom up")
    assert re.search(r"^2  add +number +number int64 ", forward, re.M)
    assert forward.rstrip().endswith("all others float32, and all finite")
    assert "all of them float32, and finite" in backward


def test_a_table_that_is_wider_than_the_terminal_leaves_the_inputs_out(printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    narrow = printed("hand.yaml").splitlines()
    monkeypatch.setenv("COLUMNS", "100")
    wide = printed("hand.yaml").splitlines()
    assert wide[3].split()[:6] == ["#", "op", "of", "in", "out", "mean"]
    assert narrow[3].split()[:5] == ["#", "op", "of", "out", "mean"]


def test_what_was_stretched_is_summed(printed, traced):
    arguments = "hand.yaml", "imports=[own.py]", "model=[Scaled, {type: Linear, out_features: 1}]"
    text = printed(*arguments, "--values", "--formula", "--layer", "0")
    assert "∂L/∂x2 = Σ(g·x1) over what was stretched from 2, with x2 = 0.scale, 2:" in text
    (row,) = traced(*arguments, "--values", "--layer", "0")["batches"][0]["backward"]
    (gradient,) = [values(part) for part in row["leaving"] if part["name"] == "0.scale"]
    x = np.array([[1, 0.5], [-1, 2], [0.25, -0.5]])
    np.testing.assert_allclose(gradient, (values(row["arriving"][0]) * x).sum(0), rtol=1e-5)


def test_the_page_shows_what_is_printed(mytorch_command):
    text = (ROOT / "docs" / "trace.md").read_text(encoding="utf-8")
    command = "trace configs/learn/by-hand.yaml --values --formula"
    shown = re.search(rf"^\$ mytorch {re.escape(command)}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1].splitlines()
    now = mytorch_command(*command.split(), cwd=ROOT).stdout.splitlines()
    assert shown[:-1] == now[:-1]  # the last line has times


def test_class_weights(traced, printed, folder):
    text = HAND.replace("loss: MSELoss", "loss: {type: CrossEntropyLoss, weight: [1.0, 3.0]}")
    text = text.replace("{type: csv, path: hand.csv, target: y, batch_size: 3, shuffle: false}", "DATA")
    text = text.replace("DATA", "{type: moons, count: 12, batch_size: 6}").replace("features: 1}", "features: 2}")
    (folder / "classes.yaml").write_text(text)
    batch = traced("classes.yaml", "--values", "--layer", "loss")["batches"][0]
    (row,), (back,) = batch["forward"], batch["backward"]
    x = values(row["inputs"][0])
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    told = printed("classes.yaml", "--values", "--layer", "loss")
    targets = re.search(r"target = targets, 6:\n +([\d ]+)\n", told)[1]
    assert values(row["options"]["target"]).tolist() == [int(one) for one in targets.split()]
    assert row["options"]["target"]["name"] == "targets"
    assert all("#3 targets" in printed("classes.yaml", *fewer) for fewer in ([], ["--rows", "2"]))
    onehot = np.eye(2)[[int(one) for one in targets.split()]]
    weights = onehot @ [1.0, 3.0]
    loss = -(weights * np.log((p * onehot).sum(1))).sum() / weights.sum()
    assert values(row["outputs"][0]) == pytest.approx(loss, rel=1e-5)
    expected = weights[:, None] * (p - onehot) / weights.sum()
    np.testing.assert_allclose(values(back["leaving"][0]), expected, rtol=1e-4, atol=1e-7)
    assert "weights·" in printed("classes.yaml", "--formula")
    assert "weights·" not in printed("classes.yaml", "loss.weight=null", "--formula")
