"""Trainings that take turns: each is as if it were alone, and nothing of them is left behind."""

from __future__ import annotations

import random
import re
import threading
from pathlib import Path

import numpy as np
import pytest

import mytorch
from mytorch.training.building.experiment import build
from mytorch.training.commands.difference import differences_of
from mytorch.training.config.config import load_config
from mytorch.training.errors import UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.replay import Lane, state_arrays
from mytorch.training.loop.signals import StopRequest
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import Loaded, states

CONFIG = """\
name: tiny
dataset: {type: csv, path: DATA, target: y, validation: {every: 4}, batch_size: 4}
model: [{type: Linear, out_features: 3}, BatchNorm1d, {type: Dropout, p: 0.3}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 3, clip_grad_norm: 0.5}
checkpoint: {every_steps: 1, keep: 99}
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "data.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(16)))
    (tmp_path / "tiny.yaml").write_text(CONFIG.replace("DATA", str(tmp_path / "data.csv")))
    experiment = build(load_config(tmp_path / "tiny.yaml"))
    made = Run.create(tmp_path / "runs", "tiny")
    made.config.write_text(experiment.config.to_yaml())
    Training(experiment, made).run(Progress(1, "quiet"), StopRequest(tell=""))
    return made


def stored(run: Run) -> dict[int, Loaded]:
    loaded = [Loaded(path, *checkpoint.load(path)) for path in states(run)]
    return {one.metadata["step"]: one for one in loaded}


def test_three_that_take_turns_come_to_what_the_run_has_stored(run, tmp_path):
    expected = stored(run)
    before = mytorch.get_rng_state().numpy().copy(), np.random.get_state()[1].copy(), random.getstate()
    lanes = [Lane(run, None, tmp_path), Lane(run, None, tmp_path), Lane(run, expected[4], tmp_path)]
    for step in range(10):
        records = [lane.advance() for lane in lanes]
        for record, start in zip(records, (0, 0, 4), strict=True):
            at = step + start
            if at > 9:
                assert record is None
                continue
            assert record.step == at
            if at:
                assert not differences_of(record.state, state_arrays(expected[at].arrays)), at
    assert [lane.advance() for lane in lanes] == [None] * 3
    assert [lane.advance() for lane in lanes] == [None] * 3, "asking again does no harm"
    assert np.array_equal(before[0], mytorch.get_rng_state().numpy())
    assert np.array_equal(before[1], np.random.get_state()[1])
    assert before[2] == random.getstate()


def test_what_is_seen_in_a_step_in_its_order(run, tmp_path):
    lane = Lane(run, None, tmp_path)
    assert lane.advance().seen == {}
    record = lane.advance()
    lane.close()
    names = list(record.seen)
    assert names[:9] == [
        "inputs of the batch",
        *(f"output of layer {index}" for index in range(4)),
        "output of the model",
        "targets of the batch",
        "loss",
        names[8],
    ]
    gradients = [name for name in names if name.startswith("gradient")]
    assert len(gradients) == 2 * 6
    clipped = [name for name in gradients if name.endswith("as the optimizer gets it")]
    raw = record.seen["gradient of 0.weight"]
    assert gradients[-6:] == clipped
    assert not np.array_equal(raw, record.seen["gradient of 0.weight as the optimizer gets it"]), "it was clipped"
    assert record.seen["loss"] == np.float32(record.loss)
    assert [name.split(".")[0] for name in dict.fromkeys(n.split(".")[0] for n in record.state)] == [
        "model", "optimizer", "random", "pass",
    ]  # fmt: skip


def test_one_that_is_left_early_ends(run, tmp_path):
    threads = threading.active_count()
    lane = Lane(run, None, tmp_path)
    lane.close()
    assert threading.active_count() == threads
    lane.advance()
    lane.advance()
    lane.close()
    assert threading.active_count() == threads
    assert lane.failure is None


def test_an_error_of_the_user_comes_out(run, tmp_path):
    (tmp_path / "data.csv").unlink()
    with pytest.raises(UserError, match="there is no file"):
        Lane(run, None, tmp_path).advance()


def test_a_training_that_fails_gives_what_it_came_to(run, tmp_path):
    (tmp_path / "own.py").write_text(
        "from mytorch import nn\n"
        "class Late(nn.Module):\n"
        "    calls = 0\n"
        "    def forward(self, x):\n"
        "        self.calls += self.training\n"
        "        return x / (self.calls < 4)\n"
    )
    text = re.sub(r"- \{type: Dropout.*", "- Late", run.config.read_text())
    run.config.write_text(f"imports: [{tmp_path / 'own.py'}]\n{text}")
    lane = Lane(run, None, tmp_path)
    steps = []
    while (record := lane.advance()) is not None:
        steps.append(record)
    assert "the output of layer 2 (Late) is the first that is not finite" in str(lane.failure)
    assert steps[-1].state == {}
    assert "output of layer 2" in steps[-1].seen
    assert all(record.state for record in steps[:-1])
