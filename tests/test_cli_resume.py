"""`mytorch resume` as a person meets it: signals, messages, exit codes, a full disk, two processes at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIG = """\
name: small
dataset: {type: boston, validation: {every: 5}, normalize: {inputs: standard, target: standard}, batch_size: 64, workers: 2}
model: [{type: Linear, out_features: 8}, BatchNorm1d, Tanh, {type: Dropout, p: 0.1}, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: AdamW, lr: 1e-2}
scheduler: {type: CosineAnnealingLR}
train: {epochs: 5}
checkpoint: {every_steps: 3}
metrics: [mae]
"""
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "cli.py"), *arguments]


def environment() -> dict[str, str]:
    # Without coverage: a signal that comes while its tracer holds a lock would wait for that lock for ever.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "COLUMNS": "100"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/small/*/checkpoints/state-*.safetensors"))


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A training that does not end by itself, once it has written a checkpoint."""
    process = subprocess.Popen(
        command("train", "small.yaml", "train.epochs=100000", *arguments),
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: checkpoints(folder))
    return process


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs" / "small").iterdir()
    return run


def results(run: Path) -> list[object]:
    rows = [line.split(",")[:1] + line.split(",")[2:] for line in (run / "metrics.csv").read_text().splitlines()]
    weights = [(run / "checkpoints" / f"{which}.safetensors").read_bytes() for which in ("best", "last")]
    tables = [(run / name).read_text() for name in ("gradients.csv", "predictions.csv")]
    return [rows, tables, weights, json.loads((run / "summary.json").read_text()) | {"seconds": 0}]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_then_resume(folder: Path, number: int, code: int, mytorch_process) -> None:
    process = started(folder)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    run = only_run(folder)
    assert "stopping after this step; once more to stop at once" in errors
    epoch, step = errors.split("stopped after epoch ")[1].split(" of 7")[0].split(", step ")
    steps = (int(epoch) - 1) * 7 + int(step)
    path = f"runs/small/{run.name}"
    assert f"checkpoint: {path}/checkpoints/state-{steps:08d}.safetensors" in errors
    assert f"go on with: mytorch resume {path}\n" in errors
    assert not (run / "lock").exists()
    assert not (run / "summary.json").exists()
    if int(epoch) > 1:
        assert "mae" in mytorch_process("eval", "--checkpoint", "last", "--split", "train", cwd=folder).stdout

    # One more epoch than are complete, so that both ends come soon; the schedule then is that of so many epochs.
    epochs = int(epoch) + 1
    done = mytorch_process("resume", f"train.epochs={epochs}", "checkpoint={}", cwd=folder)
    assert f"train.epochs: 100000 -> {epochs}" in done.stderr
    assert f"going on with {path} at epoch " in done.stdout
    assert f"from state-{steps:08d}.safetensors" in done.stdout
    assert json.loads((run / "summary.json").read_text())["epochs"] == epochs
    rows = (run / "metrics.csv").read_text().splitlines()[1:]
    assert [int(row.split(",")[0]) for row in rows] == list(range(1, epochs + 1))

    done = mytorch_process("resume", cwd=folder, check=2)
    assert f"{path} is finished: all {epochs} epochs are trained" in done.stderr
    assert f"mytorch resume {path} train.epochs={2 * epochs}" in done.stderr


def test_killed_and_resumed_ends_with_the_bits_of_a_run_never_interrupted(folder: Path, mytorch_process) -> None:
    mytorch_process(
        "train", "small.yaml", "--runs-dir", "whole", "train.epochs=150", "checkpoint={every_epochs: 5}", cwd=folder
    )
    whole = (folder / "whole" / "latest").resolve()
    # The same config, killed.
    process = subprocess.Popen(
        command("train", "small.yaml", "-q", "train.epochs=150", "checkpoint={every_epochs: 5}"),
        cwd=folder,
        env=environment(),
    )
    wait_for(lambda: len(checkpoints(folder)) > 1)
    process.kill()
    process.wait()
    run = only_run(folder)
    assert (run / "lock").exists()
    assert not (run / "summary.json").exists()
    done = mytorch_process("resume", "--json", cwd=folder)
    assert json.loads(done.stdout)["state"] == "finished"
    assert results(run) == results(whole)
    assert not (run / "lock").exists()
    assert (run / "plots" / "loss.png").exists()


def test_a_second_ctrl_c_stops_at_once(folder: Path) -> None:
    (folder / "layers.py").write_text(
        "import os, time\nfrom mytorch import nn\n"
        "class Slow(nn.Module):\n"
        "    calls = 0\n"
        "    def forward(self, x):\n"
        "        Slow.calls += self.training\n"
        "        if Slow.calls == 5:\n"
        "            open('slow', 'w').close()\n"
        "            time.sleep(60)\n"
        "        return x\n"
    )
    process = subprocess.Popen(
        command("train", "small.yaml", "imports=[layers.py]", "model.2=Slow"), cwd=folder, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for((folder / "slow").exists)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None  # it waits for the end of the step
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 30
    assert process.returncode == 130
    assert "stopped at once\ncheckpoint: " in errors
    assert "state-00000003.safetensors\ngo on with: mytorch resume runs/small/" in errors
    assert "Traceback" not in errors
    assert not (only_run(folder) / "lock").exists()


def test_one_run_has_one_writer(folder: Path, mytorch_process) -> None:
    process = started(folder)
    done = mytorch_process("resume", cwd=folder, check=2)
    assert f"is being trained by process {process.pid} on " in done.stderr
    process.kill()
    process.communicate()
    mytorch_process(
        "resume", "train.epochs=100000", "model.3.p=0.2", cwd=folder, check=2
    )  # the lock is free: another message


def test_other_keys_are_refused(folder: Path, mytorch_command) -> None:
    process = started(folder)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    done = mytorch_command("resume", "optimizer.lr=0.5", "train.epochs=100000", cwd=folder, check=2)
    assert "  optimizer.lr: 0.01 -> 0.5\n" in done.stderr
    assert "--force" in done.stderr
    done = mytorch_command("resume", "small", "optimizer.lr=fast", cwd=folder, check=2)
    assert "optimizer.lr: expected" in done.stderr


def test_no_such_run(folder: Path, mytorch_command) -> None:
    assert "no runs in runs yet" in mytorch_command("resume", cwd=folder, check=2).stderr
    mytorch_command("train", "small.yaml", "-q", cwd=folder)
    assert "no run 'smal1'" in mytorch_command("resume", "smal1", cwd=folder, check=2).stderr
    assert not list((folder / "runs").glob("smal1*"))


def test_a_full_disk(folder: Path, mytorch_process) -> None:
    import resource

    mytorch_process("train", "small.yaml", "--runs-dir", "whole", cwd=folder)
    size = max(path.stat().st_size for path in (folder / "whole").rglob("state-*"))

    def limit() -> None:  # no file may become larger than this: writing fails half-way, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 150, size - 150))

    done = mytorch_process("train", "small.yaml", cwd=folder, check=1, limit=limit)
    run = only_run(folder)
    assert "cannot write runs/small/" in done.stderr
    assert "File too large" in done.stderr
    named = done.stderr.split("checkpoint: ")[1].splitlines()[0]
    assert (folder / named).exists()
    assert not list(run.rglob("*.tmp"))
    mytorch_process("resume", cwd=folder)
    assert results(run) == results((folder / "whole" / "latest").resolve())


def test_a_flipped_byte(folder: Path, mytorch_command) -> None:
    process = started(folder, "checkpoint={every_steps: 3}")
    wait_for(lambda: len(checkpoints(folder)) > 1)
    process.kill()
    process.communicate()
    before, newest = checkpoints(folder)[-2:]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 4
    newest.write_bytes(data)
    epochs = int(newest.stem[6:]) // 7 + 1
    done = mytorch_command("resume", f"train.epochs={epochs}", cwd=folder)
    assert f"{newest.relative_to(folder)}: the checkpoint is damaged" in done.stderr
    assert f"{before.relative_to(folder)}, the one before it, is used" in done.stderr
    assert newest.with_name(newest.name + ".damaged").read_bytes() == data


def test_verify(folder: Path, mytorch_command) -> None:
    mytorch_command("train", "small.yaml", "-q", cwd=folder)
    done = mytorch_command("resume", "--verify", cwd=folder)
    assert "2 steps from state-00000033.safetensors, compared with state-00000035.safetensors" in done.stdout
    assert "the same to the bit: weights, " in done.stdout
    document = json.loads(mytorch_command("resume", "--verify", "--steps", "1", "--json", cwd=folder).stdout)
    assert document["steps"] == 1
    assert "--steps says" in mytorch_command("resume", "--steps", "5", cwd=folder, check=2).stderr
    assert "takes no changes" in mytorch_command("resume", "seed=2", "--verify", cwd=folder, check=2).stderr
