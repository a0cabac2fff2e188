"""A training that is killed with SIGKILL, at any moment, goes on from its last checkpoint to the same bits.

The processes are forked from one that has everything loaded: so fifty of them take seconds, and most of their life is
training and writing checkpoints. Each is killed at a random moment; then the next goes on where it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KILLS = 50
CONFIG = """\
name: tiny
dataset: {type: csv, path: data.csv, target: y, validation: {every: 4}, batch_size: 4}
model: [{type: Linear, out_features: 8}, BatchNorm1d, ReLU, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: Adam, lr: 0.01}
scheduler: {type: OneCycleLR, max_lr: 0.02}
train: {epochs: 70}
checkpoint: {every_steps: 1}
"""

# Reads the random seed and the number of kills; prints what it saw as JSON.
PROGRAM = """
import io, json, os, random, signal, sys, time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from mytorch.training.runs import checkpoint
from mytorch.training.commands import train as commands
from mytorch.training.errors import UserError
from mytorch.training.runs.outcome import state_of
from mytorch.training.runs.run import Run
from mytorch.training.runs.saving import states
import mytorch.training.loop.verify, safetensors.numpy

chance, kills = random.Random(int(sys.argv[1])), int(sys.argv[2])

def child(work):
    process = os.fork()
    if process == 0:
        code = 1
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                work()
            code = 0
        except UserError as error:
            print(error, file=sys.__stderr__)
            code = 2
        finally:
            os._exit(code)
    return process

def train():
    commands.train(Path("tiny.yaml"), [], runs_dir=Path("killed"), quiet=True)

def resume():
    commands.resume(None, [], runs_dir=Path("killed"), quiet=True)

def run():
    return Run.find("killed", None)

commands.train(Path("tiny.yaml"), [], runs_dir=Path("whole"), quiet=True)
seen = {"killed": 0, "ended": 0, "steps": [], "half written": 0}
step, longest, steps = 0, 0.1, 210
while seen["killed"] < kills:
    fresh = step == 0
    process = child(train if fresh else resume)
    time.sleep(chance.uniform(0.0, longest))
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) != 0:
            sys.exit("a training ended by itself with exit code %d" % os.WEXITSTATUS(status))
        seen["ended"] += 1
        step, longest = 0, 0.1  # the next training begins anew
        continue
    seen["killed"] += 1
    newest = states(run()) if Path("killed").is_dir() and any(Path("killed").iterdir()) else []
    if newest:
        found = int(newest[0].stem.split("-")[1])
        if found < step:
            sys.exit("step %d was lost: the newest checkpoint is now of step %d" % (step, found))
        step = found
        for path in run().checkpoints.glob("*.safetensors"):
            checkpoint.load(path)  # whole, at every moment
        seen["half written"] += bool(list(run().path.rglob("*.tmp")))
    seen["steps"].append(step)
    if newest and state_of(run()) == "finished":  # the kill came after the last file
        step, longest = 0, 0.1
        continue
    # So that the kills are spread over the whole training, however fast the machine is.
    longest *= 0.7 if step > 0.8 * steps * seen["killed"] / kills else 1.2
_, status = os.waitpid(child(resume), 0) if state_of(run()) != "finished" else (0, 0)
if status:
    sys.exit("the last resume failed: %d" % os.waitstatus_to_exitcode(status))
print(json.dumps(seen))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fifty_kills_at_random_moments(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    (tmp_path / "data.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i * 3 % 5}\n" for i in range(16)))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "0", str(KILLS)], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    print(seen)
    assert seen["killed"] == KILLS
    whole = (tmp_path / "whole" / "latest").resolve()
    ended = [path.parent for path in tmp_path.glob("killed/tiny/*/summary.json")]
    assert (tmp_path / "killed" / "latest").resolve() in ended
    for killed in ended:  # more than one if a training ended before the last kill
        _assert_same(killed, whole)


def _assert_same(killed: Path, whole: Path) -> None:
    """Every file of a training that was killed is that of the whole one, and nothing half-written is left."""
    for file in ("checkpoints/best.safetensors", "checkpoints/last.safetensors", "gradients.csv", "predictions.csv"):
        assert (killed / file).read_bytes() == (whole / file).read_bytes()
    rows, expected = (
        [line.split(",")[:1] + line.split(",")[2:] for line in (run / "metrics.csv").read_text().splitlines()]
        for run in (killed, whole)
    )
    assert rows == expected
    summaries = [json.loads((run / "summary.json").read_text()) | {"seconds": 0} for run in (killed, whole)]
    assert summaries[0] == summaries[1]
    assert not list(killed.rglob("*.tmp"))
    assert not (killed / "lock").exists()
