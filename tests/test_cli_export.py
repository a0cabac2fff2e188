"""`mytorch export` as a user meets it; what the files are worth in other programs is tested in tests/parity."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

CONFIG = """\
name: small
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: [{type: Linear, out_features: 8}, {type: BatchNorm1d}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
train: {epochs: 2}
"""
NAMES = [
    "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked", "3.weight",
    "3.bias",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mytorch_command):
    """A folder with a trained run."""
    folder = tmp_path_factory.mktemp("export")
    (folder / "small.yaml").write_text(CONFIG)
    mytorch_command("train", "small.yaml", "-q", cwd=folder)
    return folder


def test_safetensors_in_a_process(folder, mytorch_command):
    done = mytorch_command("export", "small", "--to", "safetensors", cwd=folder)
    (run,) = (folder / "runs" / "small").iterdir()
    path = (run / "model.safetensors").relative_to(folder)
    first, second, third = done.stdout.splitlines()
    assert first == f"wrote {path} ({(folder / path).stat().st_size:,} bytes)"
    assert second == f"weights: {run.relative_to(folder)}/checkpoints/best.safetensors (epoch 2)"
    assert third == f"tensors: {', '.join(NAMES)}"
    arrays = load_file(run / "model.safetensors")
    assert sorted(arrays) == sorted(NAMES)
    assert {name: array.dtype.name for name, array in arrays.items() if array.dtype != np.float32} == {
        "1.num_batches_tracked": "int64"
    }
    assert arrays["1.num_batches_tracked"].shape == ()
    with safe_open(run / "model.safetensors", "np") as file:
        described = json.loads(file.metadata()["mytorch"])
    assert (described["target_name"], described["class_names"], described["task"]) == ("medv", None, "regression")
    assert described["feature_names"][:2] == ["crim", "zn"]
    assert described["preparation"]["target_normalizer"]["kind"] == "standard"


def test_json_and_another_place(folder, mytorch_command):
    options = ("--to", "safetensors", "--checkpoint", "last", "-o", "here.safetensors", "--json")
    told = json.loads(mytorch_command("export", *options, cwd=folder).stdout)
    assert told["checkpoint"].endswith("last.safetensors")
    assert (told["to"], told["file"], told["epoch"], told["tensors"]) == ("safetensors", "here.safetensors", 2, NAMES)
    assert told["bytes"] == (folder / "here.safetensors").stat().st_size
    mytorch_command("export", *options, cwd=folder)  # a file that is there is replaced
    assert not list(folder.glob(".*.tmp"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "onxx"), "--to: expected one of safetensors, onnx, pytorch, got 'onxx'; did you mean 'onnx'?"),
        (("nothing", "--to", "onnx"), "no run 'nothing'"),
        (("--to", "safetensors", "--raw"), "--raw leaves the units out of an ONNX model"),
        (("--to", "pytorch", "--checkpoint", "last"), "--checkpoint: a PyTorch script trains from the beginning"),
        (("--to", "safetensors", "--checkpoint", "x"), "x: no such checkpoint file"),
        (("--to", "safetensors", "-o", "."), "-o: . is a directory; give the name of a file"),
        (("--to", "safetensors", "-o", "runs/latest/checkpoints/best.safetensors"), "keeps its checkpoints"),
    ],
)
def test_mistakes(folder, mytorch_command, options, said):
    done = mytorch_command("export", *options, cwd=folder, check=2)
    assert said in done.stderr
    assert not done.stdout


def test_a_script_computes_with_the_threads_of_the_training(folder, mytorch_command):
    mytorch_command("train", "small.yaml", "-q", "--threads", "1", "name=threads", cwd=folder)
    mytorch_command("export", "threads", "--to", "pytorch", "-o", "threads.py", cwd=folder)
    assert "    torch.set_num_threads(1)\n" in (folder / "threads.py").read_text()
    mytorch_command("export", "small", "--to", "pytorch", "-o", "plain.py", cwd=folder)
    assert "set_num_threads" not in (folder / "plain.py").read_text()


def test_exported_weights_can_be_trained_further(folder, mytorch_command, tmp_path):
    (tmp_path / "small.yaml").write_text(f"{CONFIG}finetune: {{from: weights.safetensors, preparation: keep}}\n")
    mytorch_command("export", "--to", "safetensors", "-o", tmp_path / "weights.safetensors", cwd=folder)
    done = mytorch_command("train", "small.yaml", cwd=tmp_path)
    assert "starting from weights.safetensors\n  taken over: " in done.stdout


def test_the_form_must_be_named(folder, mytorch_command):
    assert "Missing option '--to'" in mytorch_command("export", cwd=folder, check=2).stderr


def test_a_place_that_cannot_be_written(folder, mytorch_command):
    done = mytorch_command("export", "--to", "safetensors", "-o", "no/where.safetensors", cwd=folder, check=2)
    assert done.stderr == "error: -o: no/where.safetensors: there is no directory 'no'\n"


def test_the_missing_extra_is_named(folder, mytorch_command, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "onnx" else found(name, *rest))
    done = mytorch_command("export", "--to", "onnx", cwd=folder, check=2)
    assert done.stderr == "error: --to onnx needs another package; install it with: pip install 'mytorch[onnx]'\n"


def test_no_run_yet(tmp_path, mytorch_command):
    assert "there are no runs in runs yet" in mytorch_command("export", "--to", "onnx", cwd=tmp_path, check=2).stderr
