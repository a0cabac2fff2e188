"""Exported runs in the programs that they are exported for: PyTorch takes the weights, onnxruntime runs the model."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch

import mytorch
from mytorch import nn
from mytorch.creation.from_data import from_numpy
from mytorch.interop.onnx_model import network
from mytorch.interop.safetensors_export import to_safetensors
from mytorch.training.loop.scoring import in_own_units, predict
from mytorch.training.loop.trained import load_model, load_trained
from mytorch.training.runs.run import Run

TRAIN = """\
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 2}
"""
TABLE = """\
name: table
dataset:
  type: csv
  path: table.csv
  target: target
  missing: {long: mean, place: constant}
  fill_value: {place: unknown}
  test: {fraction: 0.2}
  normalize: {inputs: standard, target: minmax}
  batch_size: 16
model:
  - {type: Parallel, branches: {deep: [{type: Linear, out_features: 8}, {type: BatchNorm1d}, GELU], wide: [{type: Linear, out_features: 2}]}}
  - {type: Residual, layers: [{type: Linear, out_features: 10}, Tanh]}
  - {type: Linear, out_features: 1}
loss: SmoothL1Loss
"""
CLASSES = """\
name: classes
dataset: {type: csv, path: table.csv, target: place, missing: drop, drop: [target], normalize: {inputs: minmax, target: none}, batch_size: 16}
model: [{type: Linear, out_features: 8}, ReLU, {type: Linear, out_features: 3}]
loss: CrossEntropyLoss
"""
IMAGES = """\
name: images
dataset: {type: npy, inputs: images.npy, targets: labels.npy, normalize: {inputs: standard, target: none}, batch_size: 16}
model:
  - {type: Conv2d, out_channels: 4, kernel_size: 3, padding: same, padding_mode: circular}
  - {type: BatchNorm2d}
  - Hardswish
  - {type: MaxPool2d, kernel_size: 3, stride: 2, ceil_mode: true}
  - Flatten
  - {type: Linear, out_features: 1}
loss: BCEWithLogitsLoss
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory, mytorch_command):
    """A folder with a trained run of each config above."""
    folder = tmp_path_factory.mktemp("export")
    draw = np.random.default_rng(0)
    lines = ["near,long,place,target"]
    for _ in range(120):
        near, far, place = draw.normal(), 1.7e6 + 30 * draw.normal(), draw.choice(["oak", "ash", "fir"])
        lines.append(
            f"{near},{'' if draw.random() < 0.1 else far},{'' if draw.random() < 0.1 else place},{3 * near + 100}"
        )
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    np.save(folder / "images.npy", draw.integers(0, 255, (80, 2, 6, 7)).astype(np.uint8))
    np.save(folder / "labels.npy", draw.integers(0, 2, 80))
    for text in (TABLE, CLASSES, IMAGES):
        (folder / "config.yaml").write_text(text + TRAIN)
        mytorch_command("train", "config.yaml", "-q", cwd=folder)
    return folder


def exported(runs, mytorch_command, name, form, *options):
    """The path of the exported file, and what the command said of it."""
    told = json.loads(mytorch_command("export", name, "--to", form, "--json", *options, cwd=runs).stdout)
    return runs / told["file"], told


def run_onnx(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (value,) = session.get_inputs()
    assert value.shape == ["batch", *inputs.shape[1:]]
    return session.run(None, {value.name: inputs})[0]


def trained(runs, name, monkeypatch):
    monkeypatch.chdir(runs)
    return load_trained(Run.find(runs / "runs", name)).experiment


def test_regression_in_own_units(runs, mytorch_command, monkeypatch):
    path, told = exported(runs, mytorch_command, "table", "onnx")
    assert told["output"] == {"name": "prediction", "type": "float32", "shape": ["batch", 1]}
    experiment = trained(runs, "table", monkeypatch)
    test, preparation = experiment.data.test, experiment.data.preparation
    assert preparation.feature_names == ["near", "long", "place=ash", "place=fir", "place=oak", "place=unknown"]
    assert told["input"]["type"] == "float64"  # as float32 would round `long` to eighths
    own = preparation.input_normalizer.invert(test.inputs)
    expected = in_own_units(experiment, predict(experiment.model, test.inputs))
    np.testing.assert_allclose(run_onnx(path, own), expected, rtol=1e-5)
    own[:, 1] = np.nan  # filled in with the mean, which becomes 0
    inputs = test.inputs.copy()
    inputs[:, 1] = 0
    expected = in_own_units(experiment, predict(experiment.model, inputs))
    np.testing.assert_allclose(run_onnx(path, own), expected, rtol=1e-5)


def test_the_bare_network(runs, mytorch_command, monkeypatch):
    path, told = exported(runs, mytorch_command, "table", "onnx", "--raw", "-o", "raw.onnx", "--checkpoint", "last")
    assert (told["output"]["name"], told["checkpoint"].rsplit("/", 1)[1]) == ("output", "last.safetensors")
    monkeypatch.chdir(runs)
    experiment = load_model(Run.find(runs / "runs", "table"), "last").experiment
    inputs = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    np.testing.assert_allclose(run_onnx(path, inputs), predict(experiment.model, inputs), rtol=1e-5, atol=1e-6)


def test_probabilities_of_classes(runs, mytorch_command, monkeypatch):
    path, told = exported(runs, mytorch_command, "classes", "onnx")
    assert told["output"] == {"name": "probabilities", "type": "float32", "shape": ["batch", 3]}
    experiment = trained(runs, "classes", monkeypatch)
    inputs = experiment.data.train.inputs
    own = experiment.data.input_normalizer.invert(inputs)
    expected = nn.Softmax(1)(from_numpy(predict(experiment.model, inputs))).numpy()
    np.testing.assert_allclose(run_onnx(path, own), expected, atol=1e-5)


def test_a_probability_from_images(runs, mytorch_command, monkeypatch):
    path, told = exported(runs, mytorch_command, "images", "onnx")
    assert (told["output"]["name"], told["input"]["shape"]) == ("probability", ["batch", 2, 6, 7])
    experiment = trained(runs, "images", monkeypatch)
    inputs = np.asarray(experiment.data.train.inputs[:])
    expected = mytorch.sigmoid(from_numpy(predict(experiment.model, inputs))).numpy()
    np.testing.assert_allclose(run_onnx(path, np.load("images.npy").astype(np.float32)), expected, atol=1e-5)


def test_the_class_of_a_probability_is_named(runs, mytorch_command):
    done = mytorch_command("export", "images", "--to", "onnx", cwd=runs)
    assert done.stdout.splitlines()[-1] == "output:  probability (float32, batch x 1): of 1"


def test_what_the_numbers_mean_is_in_the_file(runs, mytorch_command):
    path, _ = exported(runs, mytorch_command, "classes", "onnx")
    metadata = {one.key: json.loads(one.value) for one in onnx.load(path).metadata_props}
    assert metadata["feature_names"] == ["near", "long"]
    assert (metadata["target_name"], metadata["class_names"], metadata["task"], metadata["units"]) == (
        "place", ["ash", "fir", "oak"], "classification", "own",
    )  # fmt: skip
    assert metadata["preparation"]["input_normalizer"]["kind"] == "minmax"
    weights, _ = exported(runs, mytorch_command, "classes", "safetensors")
    with safetensors.safe_open(weights, "pt") as file:
        assert json.loads(file.metadata()["mytorch"]).items() <= metadata.items()


def test_equal_exports_are_equal_bytes(runs, mytorch_command):
    for form in ("onnx", "safetensors"):
        first, _ = exported(runs, mytorch_command, "table", form, "-o", f"first.{form}")
        second, _ = exported(runs, mytorch_command, "table", form, "-o", f"second.{form}")
        assert first.read_bytes() == second.read_bytes()


def test_pytorch_takes_the_weights_of_a_run(runs, mytorch_command, monkeypatch):
    path, told = exported(runs, mytorch_command, "images", "safetensors")
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding="same", padding_mode="circular"), torch.nn.BatchNorm2d(4), torch.nn.Hardswish(),
        torch.nn.MaxPool2d(3, 2, ceil_mode=True), torch.nn.Flatten(), torch.nn.Linear(36, 1),
    )  # fmt: skip
    assert told["tensors"] == list(module.state_dict())
    module.load_state_dict(safetensors.torch.load_file(path))
    experiment = trained(runs, "images", monkeypatch)
    inputs = np.asarray(experiment.data.train.inputs[:])
    with torch.no_grad():
        got = module.eval()(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(got, predict(experiment.model, inputs), rtol=1e-5, atol=1e-6)


PARAMETRISED = {
    "Linear": (3, 4), "Bilinear": (2, 3, 4), "Conv1d": (2, 4, 3), "Conv2d": (2, 4, (3, 2)), "Conv3d": (2, 4, 3),
    "ConvTranspose1d": (2, 4, 3), "ConvTranspose2d": (2, 4, (3, 2)), "ConvTranspose3d": (2, 4, 3), "BatchNorm1d": (3,),
    "BatchNorm2d": (3,), "BatchNorm3d": (3,), "InstanceNorm1d": (3, 1e-5, 0.1, True, True),
    "InstanceNorm2d": (3, 1e-5, 0.1, True, True), "InstanceNorm3d": (3, 1e-5, 0.1, True, True), "GroupNorm": (2, 4),
    "LayerNorm": ((2, 3),), "RMSNorm": ((2, 3),), "Embedding": (5, 3), "EmbeddingBag": (5, 3), "PReLU": (4,),
    "RNN": (3, 4), "LSTM": (3, 4, 2), "GRU": (3, 4), "RNNCell": (3, 4), "LSTMCell": (3, 4), "GRUCell": (3, 4),
    "MultiheadAttention": (4, 2), "TransformerEncoderLayer": (4, 2, 8), "TransformerDecoderLayer": (4, 2, 8),
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETRISED)
def test_pytorch_takes_the_weights_of_every_layer(name, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(runs)
    ours = getattr(nn, name)(*PARAMETRISED[name])
    for value in ours.state_dict().values():
        if value.ndim > 1:  # in another memory order, which the file must not show
            value.copy_(mytorch.from_numpy(np.asfortranarray(np.random.default_rng(0).normal(size=value.shape))))
    experiment = load_model(Run.find(runs / "runs", "table")).experiment
    path = tmp_path / "layer.safetensors"
    path.write_bytes(to_safetensors(replace(experiment, model=ours)))
    theirs = getattr(torch.nn, name)(*PARAMETRISED[name])
    theirs.load_state_dict(safetensors.torch.load_file(path), strict=True)
    for key, value in theirs.state_dict().items():
        kept = ours.state_dict()[key].numpy()
        assert value.numpy().dtype == kept.dtype
        np.testing.assert_array_equal(value.numpy(), kept)


def test_no_parametrised_layer_is_missing_above():
    from_table = {*PARAMETRISED, "RNNBase", "RNNCellBase"}
    from_table |= {"Module", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Sequential"}
    public = {name: one for name, one in vars(nn).items() if isinstance(one, type) and issubclass(one, nn.Module)}
    for name in set(public) - from_table:
        source = public[name].__init__.__code__.co_names
        assert "Parameter" not in source, name


def test_the_programs_in_the_documentation(tmp_path, mytorch_command, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    served, _, loaded = re.findall(r"```python\n(.*?)```", text.partition("## A PyTorch script")[0], re.DOTALL)
    mytorch_command("init", ".", cwd=tmp_path)
    mytorch_command("train", "configs/boston.yaml", "-q", cwd=tmp_path)
    mytorch_command("export", "boston", "--to", "onnx", "-o", "boston.onnx", cwd=tmp_path)
    mytorch_command("export", "boston", "--to", "safetensors", "-o", "boston.safetensors", cwd=tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(compile(served, "served", "exec"), {})
    prices = np.array(json.loads(capsys.readouterr().out))
    np.testing.assert_allclose(prices, [[25.02], [21.56], [33.49]], atol=1)  # kernels of other machines round otherwise
    exec(compile(loaded, "loaded", "exec"), {})
    assert capsys.readouterr().out == "<All keys matched successfully>\n"


def test_the_layer_in_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
    names = {}
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[1], names)
    layer = names["Gated"](3)
    inputs = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession(network(layer, (3,)).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"input": inputs})[0], predict(layer, inputs), atol=1e-6)


OWN = """\
from mytorch import nn


class Twice(nn.Module):
    def __init__(self, factor: float = 2.0):
        self.factor = factor

    def forward(self, input):
        return input * self.factor


class Written(Twice):
    def to_onnx(self, layer, input):
        return layer.node("Mul", input, self.factor)


class Wrong(Twice):
    def to_onnx(self, layer, input):
        return layer.node("Nonsense", input)
"""
WITH_OWN = """\
name: own
imports: [own.py]
dataset: {type: boston, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 4}, {type: Sequential, layers: [Tanh, {type: Written, factor: 3.0}]}, {type: Linear, out_features: 1}]
loss: MSELoss
"""


def test_own_layers_in_a_config(tmp_path, mytorch_command, monkeypatch):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "own.yaml").write_text(WITH_OWN + TRAIN)
    mytorch_command("train", "own.yaml", "-q", cwd=tmp_path)
    path, _ = exported(tmp_path, mytorch_command, "own", "onnx")
    experiment = trained(tmp_path, "own", monkeypatch)
    inputs = experiment.data.train.inputs
    own = experiment.data.input_normalizer.invert(inputs).astype(np.float32)
    expected = in_own_units(experiment, predict(experiment.model, inputs))
    np.testing.assert_allclose(run_onnx(path, own), expected, rtol=1e-5)

    (tmp_path / "own.yaml").write_text((WITH_OWN + TRAIN).replace("Written", "Twice"))
    mytorch_command("train", "own.yaml", "-q", cwd=tmp_path)
    done = mytorch_command("export", "--to", "onnx", cwd=tmp_path, check=2)
    assert done.stderr.startswith("error: layer 1.1 (Twice) cannot be exported to ONNX: there is no rule")

    (tmp_path / "own.yaml").write_text((WITH_OWN + TRAIN).replace("Written", "Wrong"))
    mytorch_command("train", "own.yaml", "-q", cwd=tmp_path)
    done = mytorch_command("export", "--to", "onnx", cwd=tmp_path, check=2)
    assert done.stderr.startswith(
        "error: with to_onnx of layer 1.1 the graph is not valid: No Op registered for Nonsense"
    )
