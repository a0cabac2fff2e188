"""`mytorch gradcheck`: right gradients pass, wrong ones are found together with the layer, and kinks are told apart."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mytorch.training.inspection.differences import Function, check

ROOT = Path(__file__).parents[3]
CONFIG = """\
name: checked
seed: 0
dataset: {type: sine, count: 16, batch_size: 8}
model:
  - {type: Linear, out_features: 16}
  - Tanh
  - {type: Linear, out_features: 1}
loss: MSELoss
optimizer: {type: SGD, lr: 1e-2}
train: {epochs: 1}
"""
OWN = '''\
import numpy as np

import mytorch
from mytorch import nn
from mytorch.autograd import Function


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x


class MySquare(nn.Module):
    def forward(self, x):
        return Square.apply(x)


class AroundLinear(nn.Module):
    """Wrong, but not within the layer that it calls."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(16, 16)

    def forward(self, x):
        return Square.apply(self.inner(x))


class Gradient(Function):
    @staticmethod
    def forward(ctx, x, kind):
        ctx.kind = kind
        return 2 * x

    @staticmethod
    def backward(ctx, g):
        return {"nan": g * float("nan"), "none": None, "shape": g[:3, :5]}[ctx.kind], None


class Gives(nn.Module):
    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return Gradient.apply(x, self.kind)


class HalfDetachedLoss(nn.Module):
    def forward(self, output, target):
        return (output * (output - target).detach()).mean()


class Detached(nn.Module):
    def forward(self, x):
        return x.detach().tanh()


class DetachedAtLast(nn.Module):
    def forward(self, x):
        with mytorch.no_grad():
            x.tanh().exp()
        return x.tanh().detach()


class HalfDetached(nn.Module):
    def forward(self, x):
        return x * x.detach()


class Unseeded(nn.Module):
    def __init__(self):
        super().__init__()
        self.random = np.random.default_rng()

    def forward(self, x):
        return x + mytorch.from_numpy(self.random.standard_normal(x.shape)).to(x.dtype)


class Noisy(nn.Module):
    def forward(self, x):
        return x + mytorch.randn_like(x) + np.random.standard_normal()


class Rounded(nn.Module):
    """Computes in float32 whatever it is given."""

    def forward(self, x):
        return x.float().tanh().to(x.dtype)


class Constant(nn.Module):
    """Multiplies with a matrix that is float32 for good."""

    def forward(self, x):
        return x @ mytorch.eye(16, dtype=mytorch.float32)


class Spare(nn.Module):
    """Has a parameter that nothing depends on, and one that is frozen."""

    def __init__(self):
        super().__init__()
        self.spare = nn.Parameter(mytorch.ones(2))
        self.frozen = nn.Parameter(mytorch.ones(1), requires_grad=False)

    def forward(self, x):
        return x * self.frozen


class Divided(nn.Module):
    def forward(self, x):
        return 0 * x / 0


class Straight(nn.Module):
    """A straight line that autograd takes for flat at 0."""

    def forward(self, x):
        return x.relu() - (-x).relu()


class Numbered(nn.Module):
    """Embeds whole numbers; row 0 is padding."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(4, 16, padding_idx=0)

    def forward(self, x):
        return x + self.table(mytorch.arange(len(x)) % 4)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x):
        x = x.reshape(-1, 4, 4)
        return self.attention(x, x, x, need_weights=False)[0].reshape(-1, 16)
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plain.yaml").write_text(CONFIG)
    (tmp_path / "own.yaml").write_text(f"imports: [own.py]\n{CONFIG}")
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


@pytest.fixture
def gradcheck(folder, mytorch_command):
    """Run the command on a config with changes; returns what `mytorch_command` does."""

    def run(*arguments, check=0):
        return mytorch_command("gradcheck", *arguments, cwd=folder, check=check)

    return run


@pytest.fixture
def checked(gradcheck):
    """The JSON document, and its tensors by their names."""

    def run(*arguments, check=0):
        document = json.loads(gradcheck(*arguments, "--json", check=check).stdout)
        assert document["passed"] == (check == 0)
        return document, {one["tensor"]: one for one in document["tensors"]}

    return run


# --- what is right --------------------------------------------------------------------------------------------------

UNFLATTEN = "{type: Unflatten, dim: 1, unflattened_size: [%s]}"
IMAGES, SERIES = UNFLATTEN % "1, 4, 4", UNFLATTEN % "4, 4"
LAYERS = {
    "activations": ["{type: ReLU, inplace: true}", "PReLU", "Hardtanh", "SELU", "{type: Softmax, dim: 1}"],
    "more activations": ["GELU", "Hardswish", "ELU", "RReLU", "{type: LogSoftmax, dim: 1}"],
    "dropout": ["{type: Dropout, p: 0.5}", "Softplus", "AlphaDropout"],
    "norms": ["BatchNorm1d", "{type: LayerNorm, normalized_shape: 16}", "{type: GroupNorm, num_groups: 4}"],
    "images": [
        IMAGES,
        "{type: Conv2d, out_channels: 3, kernel_size: 3, padding: 1}",
        "BatchNorm2d",
        "ReLU",
        "{type: MaxPool2d, kernel_size: 2}",
        "{type: ConvTranspose2d, out_channels: 2, kernel_size: 2}",
        "{type: AvgPool2d, kernel_size: 2, stride: 1}",
        "Flatten",
        "{type: Linear, out_features: 16}",
    ],
    "LSTM": [SERIES, "{type: LSTM, hidden_size: 16, batch_first: true}", "LastStep"],
    "GRU": [SERIES, "{type: GRU, hidden_size: 8, batch_first: true, bidirectional: true}", "LastStep"],
    "nested": ["{type: Residual, layers: [{type: Linear, out_features: 16}, SiLU]}"],
    "own embedding": ["Numbered"],
    "own attention": ["Attention"],
    "own random numbers": ["Noisy"],
}


@pytest.mark.parametrize("name", LAYERS)
def test_right_gradients_pass(name, checked):
    model = ["{type: Linear, out_features: 16}", *LAYERS[name], "{type: Linear, out_features: 1}"]
    document, tensors = checked("own.yaml", f"model=[{', '.join(model)}]", "--samples", 5)
    assert {one["verdict"] for one in tensors.values()} <= {"ok", "kink", "hidden"}  # such as biases before batch norm
    assert tensors["inputs"]["verdict"] in ("ok", "kink")
    assert 0 < max(one["error"] or 0 for one in tensors.values()) <= document["tolerance"] == 1e-5
    assert document["wrong_layers"] == []
    assert {"0.weight", "0.bias", "inputs"} < set(tensors)


@pytest.mark.parametrize("loss", ["L1Loss", "{type: SmoothL1Loss, beta: 0.1}", "[{type: MSELoss}, {type: HuberLoss}]"])
def test_so_they_do_with_other_losses_and_several_batches_in_a_step(loss, checked):
    _, tensors = checked("plain.yaml", f"loss={loss}", "train.accumulate=2", "--rows", 16)
    assert {one["verdict"] for one in tensors.values()} == {"ok"}
    assert tensors["inputs of batch 2"]["shape"] == [8, 1]


def test_the_table_and_what_is_said_beneath_it(gradcheck):
    lines = gradcheck("plain.yaml").stdout.splitlines()
    assert lines[0].startswith("step 1 of plain.yaml (epoch 1, step 1 of 2): 8 rows, loss ")
    assert lines[2].split() == ["tensor", "shape", "checked", "error", "verdict"]
    assert lines[3].split()[:6] == ["0.weight", "(16,", "1)", "16", "of", "16"]
    assert lines[3].endswith("ok")
    assert lines[-2].startswith("5 gradients agree with finite differences; the largest relative error is ")
    assert lines[-1] == "each layer and the loss agree as well when called alone (4 calls)"


def test_a_run_and_its_test_rows(folder, gradcheck, mytorch_command):
    mytorch_command("train", "plain.yaml", "dataset.test={every: 4}", "-q", cwd=folder)
    said = gradcheck("checked", "--split", "test", "--rows", 3).stdout
    assert said.startswith("the first test rows with runs/checked/")
    assert ": 3 rows, loss " in said
    assert "5 gradients agree" in said


# --- what is wrong --------------------------------------------------------------------------------------------------


def test_a_wrong_backward_is_found_with_the_layer_the_index_and_both_values(gradcheck, checked):
    document, tensors = checked("own.yaml", "model.1=MySquare", check=1)
    verdicts = {name: one["verdict"] for name, one in tensors.items()}
    assert verdicts == {"0.weight": "wrong", "0.bias": "wrong", "2.weight": "ok", "2.bias": "ok", "inputs": "wrong"}
    for one in tensors["0.weight"]["wrong"]:
        assert one["differences"] == pytest.approx(2 * one["autograd"], rel=1e-5, abs=1e-8)
    (layer,) = document["wrong_layers"]
    assert (layer["layer"], layer["type"], layer["tensor"]) == ("1", "MySquare", "input")
    assert layer["functions"] == ["Square (backward: own.py:14)"]
    assert all(len(one["index"]) == 2 for one in layer["wrong"])
    told = gradcheck("own.yaml", "model.1=MySquare", check=1)
    worst = max(layer["wrong"], key=lambda one: abs(one["autograd"] - one["differences"]))
    row, column = worst["index"]
    assert (
        "the mistake is in layer 1 (MySquare), which applies Square (backward: own.py:14), as is seen when it is "
        f"called alone: input[{row}, {column}] has {worst['differences']:.6g} by finite differences, "
        f"{worst['autograd']:.6g} by autograd"
    ) in told.stdout
    assert told.stderr == "error: 3 of 5 gradients are wrong, because of layer 1 (MySquare)\n"


def test_a_layer_that_is_wrong_around_those_that_it_calls(checked):
    document, _ = checked("own.yaml", "model.1=AroundLinear", check=1)
    assert [(one["layer"], one["type"]) for one in document["wrong_layers"]] == [("1", "AroundLinear")]


def test_what_is_detached_in_part_is_a_wrong_gradient(gradcheck):
    said = gradcheck("own.yaml", "model.1=HalfDetached", check=1).stdout
    assert "the mistake is in layer 1 (HalfDetached), which detaches what goes into mul, as is seen" in said


def test_a_wrong_loss(gradcheck):
    done = gradcheck("own.yaml", "loss=[{type: MSELoss}, {type: HalfDetachedLoss}]", check=1)
    assert done.stderr == "error: 5 of 5 gradients are wrong, because of the loss (HalfDetachedLoss)\n"


def test_a_layer_that_detaches(gradcheck, checked):
    document, tensors = checked("own.yaml", "model.1=Detached", check=1)
    assert tensors["0.weight"]["verdict"] == tensors["inputs"]["verdict"] == "no gradient"
    assert tensors["2.weight"]["verdict"] == "ok"
    assert document["wrong_layers"][0]["verdict"] == "no gradient"
    said = gradcheck("own.yaml", "model.1=Detached", check=1).stdout
    assert "0.weight: no gradient arrives although the loss depends on it: 0.weight[" in said
    assert "the mistake is in layer 1 (Detached), which detaches what goes into tanh, as is seen" in said
    said = gradcheck("own.yaml", "model.1=DetachedAtLast", check=1).stdout
    assert "the mistake is in layer 1 (DetachedAtLast), as is seen" in said
    assert "is something detached, or computed without autograd?" in said


def test_gradients_that_are_none_or_not_finite(checked):
    _, tensors = checked("own.yaml", "model.1={type: Gives, kind: none}", check=1)
    assert tensors["0.bias"]["verdict"] == "no gradient"
    _, tensors = checked("own.yaml", "model.1={type: Gives, kind: nan}", check=1)
    assert tensors["0.bias"]["verdict"] == "wrong"
    assert tensors["0.bias"]["wrong"][0]["autograd"] == "nan"


def test_a_gradient_of_a_wrong_shape(gradcheck):
    said = gradcheck("own.yaml", "model.1={type: Gives, kind: shape}", check=1).stderr
    assert "the backward pass of layer 1 (Gives) fails: " in said
    assert "got [3, 5] but expected shape compatible with [8, 16]" in said


def test_a_single_wrong_element_among_many_is_found():
    x, wrong_at = np.linspace(-1.0, 1.0, 10_000).reshape(100, 100), (71, 23)

    def gradients():
        found = np.cos(x)
        found[wrong_at] *= 0.5
        return {"x": found}

    (array,) = check(Function({"x": x}, lambda: float(np.sin(x).sum()), gradients), samples=5, seed=0)
    assert [one.index for one in array.judged("wrong")] == [wrong_at]
    assert array.verdict == "wrong"


# --- what cannot be told, or only roughly ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ReLU", "Straight"])
def test_a_kink_is_no_mistake(kind, folder, gradcheck, checked):
    (folder / "zero.csv").write_text("x,y\n" + "".join(f"{x},{x + 1}\n" for x in (0, 0.5, -1, 2)))
    changes = [
        "dataset={type: csv, path: zero.csv, target: y, batch_size: full, shuffle: false}",
        "model.0={type: Linear, out_features: 16, bias: false}",
        f"model.1={kind}",
    ]
    _, tensors = checked("own.yaml", *changes)
    assert {name: one["verdict"] for name, one in tensors.items() if one["verdict"] != "ok"} == {"inputs": "kink"}
    (kink,) = tensors["inputs"]["kinks"]
    assert (kink["index"], kink["autograd"]) == ([0, 0], 0)
    assert (kink["left"] == pytest.approx(kink["right"], rel=1e-4)) == (kind == "Straight")
    said = gradcheck("own.yaml", *changes).stdout
    assert "ok, 1 at kinks" in said
    assert "kink at inputs[0, 0]: the slope is " in said


@pytest.mark.parametrize(
    ("value", "gradient", "verdict"),
    [
        (lambda x: np.abs(x).sum(), np.sign, "kink"),
        (lambda x: np.abs(x).sum(), lambda x: np.where(x < 0, -1.0, 1.0), "kink"),
        (lambda x: np.abs(x).sum(), lambda x: np.sign(x) + 0.5, "wrong"),
        (lambda x: np.floor(x).sum(), np.zeros_like, "kink"),
        (lambda x: np.maximum(x, 0).sum() * 1e6, lambda x: 1e6 * (x > 0), "kink"),
    ],
)
def test_kinks_jumps_and_mistakes(value, gradient, verdict):
    x = np.array([-1.5, 0.0, 0.3, 2.0])
    (array,) = check(Function({"x": x}, lambda: float(value(x)), lambda: {"x": gradient(x) * 1.0}), samples=20, seed=0)
    assert array.verdict == verdict
    assert x.tolist() == [-1.5, 0.0, 0.3, 2.0]


@pytest.mark.parametrize(
    ("gradient", "judgements"),
    [([1e-3, 10.0], ["hidden", "ok"]), ([2e-3, 10.0], ["hidden", "ok"]), ([1e-3, 10.1], ["hidden", "wrong"])],
)
def test_what_rounding_of_a_large_loss_hides(gradient, judgements):
    x = np.array([0.5, 1.0])
    function = Function({"x": x}, lambda: float(1e8 + 1e-3 * x[0] + 10 * x[1]), lambda: {"x": np.array(gradient)})
    (array,) = check(function, samples=20, seed=0)
    assert [one.judgement for one in array.elements] == judgements


def test_gradients_that_vanish_are_too_small_to_tell(gradcheck):
    hidden = ", ".join(["{type: Linear, out_features: 4}, Sigmoid"] * 16)
    lines = gradcheck("plain.yaml", f"model=[{hidden}, {{type: Linear, out_features: 1}}]", "--samples", 2).stdout
    (first,) = re.findall(r"^0.weight .*", lines, re.M)
    assert first.endswith("too small to tell")
    assert "0.weight, 0.bias, " in lines
    assert ": the derivatives are so small that rounding of the loss hides whether they are right" in lines


def test_a_layer_that_cannot_be_repeated(gradcheck):
    said = gradcheck("own.yaml", "model.1=Unseeded", check=1).stderr
    assert "layer 1 (Unseeded) gives other results when it is called again" in said


def test_a_loss_that_is_not_finite(gradcheck):
    said = gradcheck("own.yaml", "model.1=Divided", check=1).stderr
    assert "the loss is nan, so there is nothing to be checked: the output of layer 1 (Divided) is the first" in said


def test_a_layer_that_computes_in_float32(checked):
    document, _ = checked("own.yaml", "model.1=Rounded")
    assert document["layers_in_float32"] == ["layer 1 (Rounded)"]
    assert document["tolerance"] == 0.01


def test_a_model_that_cannot_compute_in_float64(gradcheck, checked):
    document, _ = checked("own.yaml", "model.1=Constant")
    assert (document["precision"], document["tolerance"]) == ("float32", 0.01)
    assert "the model cannot compute in float64: matmul()" in gradcheck("own.yaml", "model.1=Constant").stdout


def test_parameters_that_nothing_depends_on_or_that_are_frozen(gradcheck, checked):
    document, tensors = checked("own.yaml", "model.1=Spare")
    assert tensors["1.spare"]["verdict"] == "unused"
    assert document["not_checked"] == {"1.frozen": "frozen"}
    said = gradcheck("own.yaml", "model.1=Spare").stdout
    assert "1.spare: no gradient arrives, and the loss does not depend on it" in said
    assert "not checked: frozen" in said


# --- the docs -------------------------------------------------------------------------------------------------------


def test_what_the_docs_show_is_what_is_printed(tmp_path, mytorch_command):
    text = (ROOT / "docs" / "gradcheck.md").read_text(encoding="utf-8")
    (code,), configs, (rows,) = (
        re.findall(rf"^```{kind}\n(.*?)^```$", text, re.M | re.S) for kind in ("python", "yaml", "csv")
    )
    (tmp_path / "square.py").write_text(code)
    (tmp_path / "zero.csv").write_text(rows)
    for config in configs:
        (tmp_path / re.match(r"# (\w+\.yaml)", config)[1]).write_text(config)
    examples = re.findall(r"^\$ mytorch (.*)\n((?s:.*?))^```$", text, re.M)
    assert len(examples) == 4
    for arguments, shown in examples:
        folder = ROOT if "configs/" in arguments else tmp_path
        done = mytorch_command(*arguments.split(), cwd=folder, check=int("error: " in shown))
        assert without_errors(done.stdout + done.stderr) == without_errors(shown)


def without_errors(text):
    """The text without the errors of right gradients, which are the rounding of this machine's matrix products."""
    return re.sub(r"\d\.\de-\d\d", "E", text)
