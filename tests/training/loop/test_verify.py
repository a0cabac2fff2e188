"""`resume --verify` sees that a replay leads to the same bits, and when it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.errors import RunFailed, UserError
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.loop.signals import StopRequest
from mytorch.training.loop.verify import replay
from mytorch.training.runs import checkpoint
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states

CONFIG = """\
name: tiny
dataset: {type: csv, path: DATA, target: y, validation: {every: 4}, batch_size: 4}
model: [{type: Linear, out_features: 2}, BatchNorm1d, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.01}
train: {epochs: 3}
checkpoint: {every_steps: 4}
"""


@pytest.fixture
def make_run(tmp_path: Path):
    (tmp_path / "data.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(16)))
    (tmp_path / "tiny.yaml").write_text(CONFIG.replace("DATA", str(tmp_path / "data.csv")))

    def make(*overrides: str) -> Run:
        experiment = build(load_config(tmp_path / "tiny.yaml", overrides))
        run = Run.create(tmp_path / "runs", "tiny")
        run.config.write_text(experiment.config.to_yaml())
        Training(experiment, run).run(Progress(1, "quiet"), StopRequest(tell=""))
        return run

    return make


def files(run: Run) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def test_between_the_two_newest_checkpoints(make_run) -> None:
    run = make_run()
    before = files(run)
    seen = replay(run)
    assert (seen["steps"], seen["from"], seen["with"]) == (
        1,
        "state-00000008.safetensors",
        "state-00000009.safetensors",
    )
    assert "weights" in seen["compared"]
    assert files(run) == before


@pytest.mark.parametrize(("steps", "replayed", "start"), [(1, 1, 8), (4, 4, 4), (5, 5, 4), (99, 5, 4)])
def test_so_many_steps_twice(make_run, steps: int, replayed: int, start: int) -> None:
    seen = replay(make_run("checkpoint.keep=3"), steps)
    assert (seen["steps"], seen["from"]) == (replayed, f"state-{start:08d}.safetensors")
    assert "second replay" in seen["with"]


def test_one_checkpoint_at_the_end_is_nothing_to_replay(make_run) -> None:
    run = make_run("checkpoint.keep=1")
    for steps in (None, 3):
        with pytest.raises(UserError, match="no checkpoint after which there are steps"):
            replay(run, steps)


@pytest.mark.parametrize(
    ("part", "name"),
    [("model.0.weight", "weights"), ("optimizer.state.0.exp_avg", "optimizer"), ("random.mytorch", "random streams")],
)
def test_a_difference_is_named(make_run, part: str, name: str) -> None:
    run = make_run()
    newest = states(run)[0]
    arrays, metadata = checkpoint.load(newest)
    changed = arrays[part].reshape(-1)
    changed[-1] = np.nextafter(changed[-1], 9) if changed.dtype.kind == "f" else changed[-1] + 1
    checkpoint.save(newest, arrays, metadata)
    with pytest.raises(RunFailed, match=f"after step 9 these are not the same to the bit: {name}\\."):
        replay(run)


def test_a_layer_without_a_seed_is_found_out(make_run, tmp_path: Path) -> None:
    (tmp_path / "noise.py").write_text(
        "import os\nfrom mytorch import nn\n"
        "class Noise(nn.Module):\n"
        "    def forward(self, x):\n        return x * (1 + os.urandom(1)[0] / 1000)\n"
    )
    run = make_run(f"imports=[{tmp_path / 'noise.py'}]", "model.1=Noise")
    with pytest.raises(RunFailed, match="weights"):
        replay(run, 5)


def test_other_data_and_damaged_checkpoints(make_run, tmp_path: Path) -> None:
    run = make_run()
    data = (tmp_path / "data.csv").read_text()
    (tmp_path / "data.csv").write_text(data + "1,2,3\n")
    with pytest.raises(UserError, match="was trained on other data"):
        replay(run)
    (tmp_path / "data.csv").write_text(data)
    states(run)[1].write_bytes(b"")
    with pytest.raises(UserError, match=r"state-00000008\.safetensors: not a checkpoint"):
        replay(run)
