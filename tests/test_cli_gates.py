"""Gates through the command line, as a CI job meets them: output, exit codes, JUnit file; and docs/ci.md's workflow."""

from __future__ import annotations

import json
import os
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SMALL = """\
name: small
dataset: {type: boston, test: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: full}
model: [{type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.05}
train: {epochs: 20}
metrics: [mae]
expect:
  test.mae: {max: 5}
  train.loss: {falls_by: 10%, by_epoch: 10}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL)
    return tmp_path


def test_gates_pass_fail_and_are_told_everywhere(folder, mytorch_command):
    passed = mytorch_command(
        "train", "small.yaml", "--expect", "seconds<60", "--junit", "gates.xml", cwd=folder, check=0
    )
    lines = [line for line in passed.stdout.splitlines() if line.startswith("passed")]
    assert [line.split("  ")[1] for line in lines] == [
        "test.mae <= 5",
        "train.loss falls by 10% by epoch 10",
        "seconds < 60",
    ]
    assert ET.parse(folder / "gates.xml").getroot().attrib == {"tests": "3", "failures": "0", "errors": "0"}

    failed = mytorch_command("eval", "--expect", "test.mae<1", "--junit", "gates.xml", "--json", cwd=folder, check=1)
    result = json.loads(failed.stdout)
    (gate,) = result["gates"]
    assert gate == {
        "gate": "test.mae < 1",
        "passed": False,
        "value": result["scores"]["mae"],
        "expected": "less than 1",
    }
    assert (
        failed.stderr == f"error: 1 of 1 gates failed:\n  test.mae < 1: expected less than 1, got {gate['value']:.4g}\n"
    )
    assert json.loads((folder / "runs" / "latest" / "eval.json").read_text()) == result
    assert ET.parse(folder / "gates.xml").getroot().attrib["failures"] == "1"


def test_an_unknown_name_is_found_before_anything_is_trained(folder, mytorch_command):
    (folder / "small.yaml").write_text(SMALL.replace("test.mae:", "test.mea:"))
    done = mytorch_command(
        "train", "small.yaml", "--expect", "test.rmse<1", "--junit", "gates.xml", cwd=folder, check=2
    )
    assert "small.yaml:9:3: expect: unknown figure 'test.mea'; did you mean 'test.mae'?" in done.stderr
    assert "--expect 'test.rmse<1': unknown figure 'test.rmse'" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["small.yaml"]


def test_a_training_that_fails_is_an_error_in_the_junit_file(folder, mytorch_command):
    done = mytorch_command(
        "train", "small.yaml", "optimizer={type: SGD, lr: 1e30}", "--junit", "gates.xml", cwd=folder, check=1
    )
    root = ET.parse(folder / "gates.xml").getroot()
    assert root.attrib == {"tests": "2", "failures": "0", "errors": "2"}
    assert root.find(".//error").attrib["message"] in done.stderr


def test_the_workflow_in_the_documentation_runs(tmp_path, mytorch_command):
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    (workflow,) = [data for data in map(yaml.safe_load, blocks) if "jobs" in data]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    (command,) = [step["run"] for step in steps if step.get("run", "").startswith("mytorch train")]
    (upload,) = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    arguments = shlex.split(command)[1:]
    os.symlink(ROOT / "configs", tmp_path / "configs")
    mytorch_command(*arguments, cwd=tmp_path, check=0)
    assert upload["with"]["path"].split()[0] == arguments[arguments.index("--junit") + 1]
    assert ET.parse(tmp_path / "gates.xml").getroot().attrib["failures"] == "0"
