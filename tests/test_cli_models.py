"""Models of all kinds, and classes of a user's own, through the command line; the examples of docs/models.md are run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mytorch.training.config.yaml_source import load, parse

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", DOCS, re.DOTALL | re.MULTILINE))
EXAMPLES = [title for title, text in SECTIONS.items() if "```yaml" in text]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


BASE = parse(blocks(SECTIONS["A list of layers"], "yaml")[0]).data


def write_example(title, folder, name):
    """The files of a section of the docs; what its config leaves out is as in the first one."""
    for code in blocks(SECTIONS[title], "python"):
        (folder / re.match(r"# (\w+\.py), beside", code)[1]).write_text(code)
    (config,) = blocks(SECTIONS[title], "yaml")
    rest = {key: value for key, value in BASE.items() if key not in parse(config).data}
    (folder / name).write_text(config + "".join(f"{key}: {json.dumps(value)}\n" for key, value in rest.items()))


@pytest.mark.parametrize("title", EXAMPLES)
def test_the_examples_of_the_docs_train(title, tmp_path, mytorch_command):
    write_example(title, tmp_path, "a.yaml")
    done = mytorch_command("train", "a.yaml", "train.epochs=3", "--json", cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert (summary["state"], summary["epochs"], done.stderr) == ("finished", 3, "")
    assert mytorch_command("eval", "--json", cwd=tmp_path)


def test_all_examples_are_found():
    assert len(EXAMPLES) == 8


MESSAGES = {
    "A list of layers": "a.yaml",
    "Residual: layers and what came in": "residual.yaml",
    "Recurrent layers: sequences": "sequences.yaml",
    "Transformers: layers that attend": "transformer.yaml",
    "A model of your own": "own.yaml",
}


@pytest.mark.parametrize("title", MESSAGES)
def test_the_messages_of_the_docs_are_real(title, tmp_path, mytorch_command):
    write_example(title, tmp_path, MESSAGES[title])
    for said in blocks(SECTIONS[title], ""):
        for command, message in re.findall(r"^\$ mytorch (.*)\n(error: .*)$", said, re.MULTILINE):
            words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", command)]
            done = mytorch_command(*words, cwd=tmp_path, check=2)
            assert done.stderr.replace(f"{tmp_path}/", "") == f"{message}\n"


NET = """
from mytorch import nn, relu

class MyNet(nn.Module):
    def __init__(self, in_features: int, hidden: int, out_features: int, refuses: int = 0):
        super().__init__()
        self.first = nn.Linear(in_features, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(hidden, out_features)
        self.refuses = refuses

    def forward(self, x):
        if self.training and len(x) == self.refuses:
            raise LookupError(f"no batches of {len(x)} rows")
        return self.last(self.drop(relu(self.norm(self.first(x)))))
"""
CONFIG = """
imports: [net.py]
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: 64}
model: {type: MyNet, hidden: 8}
loss: MSELoss
optimizer: {type: Adam, lr: 1e-2}
train: {epochs: 3}
checkpoint: {every_steps: 4}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "net.yaml").write_text(CONFIG)
    return tmp_path


def test_a_model_of_ones_own_from_training_to_resuming(folder, mytorch_command):
    mytorch_command("train", "net.yaml", "model.hidden=16", "-q", cwd=folder)
    run = (folder / "runs" / "latest").resolve()
    assert "model: {type: MyNet, hidden: 16, refuses: 0}\n" in (run / "config.yaml").read_text()
    before = json.loads(mytorch_command("eval", "--json", cwd=folder).stdout)["scores"]["mae"]
    summary = json.loads((run / "summary.json").read_text())
    assert before == summary["best"]["test"]["mae"]
    mytorch_command("resume", "--verify", cwd=folder)
    refused = mytorch_command("resume", "model.hidden=4", "train.epochs=5", cwd=folder, check=2)
    assert "model.hidden: 16 -> 4" in refused.stderr
    mytorch_command("resume", "train.epochs=5", "-q", cwd=folder)
    assert json.loads((run / "summary.json").read_text())["epochs"] == 5


def test_from_another_folder(folder, mytorch_command):
    (folder / "elsewhere").mkdir()
    mytorch_command("train", "../net.yaml", "-q", cwd=folder / "elsewhere")
    mytorch_command("eval", cwd=folder / "elsewhere")


def test_an_error_in_the_middle_of_the_training_has_its_line(folder, mytorch_command):
    last = 379 % 64
    done = mytorch_command("train", "net.yaml", f"model.refuses={last}", cwd=folder, check=1)
    assert f"no batches of {last} rows ({folder}/net.py:" in done.stderr
    assert "epoch 1, step 6 of 6" in done.stderr


def test_errors_of_ones_own_metric_at_the_end_have_their_line(folder, mytorch_command):
    (folder / "metric.py").write_text(
        "from mytorch.training.metrics import RegressionMetric\n\n"
        "class Few(RegressionMetric):\n    def start(self): pass\n    def result(self): return 0.0\n"
        "    def add(self, prediction, target, weights):\n        assert len(target) < 100, 'too many rows'\n"
    )
    done = mytorch_command("train", "net.yaml", "imports=[net.py, metric.py]", "metrics=[Few]", cwd=folder, check=1)
    assert f"error: in your own code: AssertionError: too many rows ({folder}/metric.py:7)\n" in done.stderr


def test_branches_from_training_to_resuming(tmp_path, mytorch_command):
    write_example("Parallel: branches side by side", tmp_path, "a.yaml")
    mytorch_command("train", "a.yaml", "train.epochs=2", "model.0.branches.deep.0.out_features=8", "-q", cwd=tmp_path)
    config = load(tmp_path / "runs" / "latest" / "config.yaml").data
    assert config["model"][0]["branches"]["deep"][0]["out_features"] == 8
    mytorch_command("resume", "train.epochs=3", cwd=tmp_path)
    refused = mytorch_command(
        "resume", "train.epochs=4", "model.0.branches.wide.0.out_features=5", cwd=tmp_path, check=2
    )
    assert "model.0.branches.wide.0.out_features: 4 -> 5" in refused.stderr
