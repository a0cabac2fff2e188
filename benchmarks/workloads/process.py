"""Whole processes and their memory: `mytorch train` beside an equal PyTorch script, `--help` beside `import numpy`."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import mytorch
from benchmarks.workload import Figures, Side, Workload

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "benchmarks" / "programs"


def run(*command: str) -> str:
    """What a command writes to its standard output. Raises RuntimeError with its errors if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def measured(*command: str) -> dict[str, float]:
    """The "wall" and "cpu" seconds of a command, and the "memory" in bytes that it held at most."""
    taken: dict[str, float] = json.loads(run(sys.executable, "-S", str(PROGRAMS / "child.py"), *command))
    return taken


class Process:
    """A side that is a command: its time and its peak memory, those of the whole process.

    `command` is told the directory to write to, and whether it is only to be checked: then it trains very little. With
    `trains`, it writes its losses to a file metrics.csv somewhere in the directory.
    """

    def __init__(self, command: Callable[[Path, bool], Sequence[str]], quantities: Sequence[str], trains: bool) -> None:
        self._command, self._quantities, self._trains = command, quantities, trains

    def figures(self) -> Figures:
        with tempfile.TemporaryDirectory() as folder:
            run(*self._command(Path(folder), True))
            (metrics,) = Path(folder).rglob("metrics.csv") if self._trains else [None]
            rows = csv.DictReader(metrics.read_text().splitlines()) if metrics else []
            return {"losses": np.array([float(row["train_loss"]) for row in rows])}

    def measure(self, clock: str) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            taken = measured(*self._command(Path(folder), False))
        return {name: taken[clock if name == "time" else name] for name in self._quantities}


def training_process(config: str, script: str, little: Sequence[str], **of_workload: Any) -> Workload:
    """The rows, time and peak memory, of a config that ships.

    Args:
        config: the YAML file that `mytorch train` trains.
        script: the program that does the same with PyTorch.
        little: changes to the config that make it train a few steps only, whose losses are compared: a whole training
            would multiply the rounding. The program has options of the same names.
        of_workload: attributes of the `Workload`.
    """

    def build(library: Any) -> Side:
        threads = str(mytorch.get_num_threads())

        def ours(folder: Path, is_check: bool) -> list[str]:
            command = [sys.executable, "cli.py", "train", config, "--runs-dir", str(folder), "--quiet"]
            return [*command, "--threads", threads, *(little if is_check else [])]

        def theirs(folder: Path, is_check: bool) -> list[str]:
            options = ["--" + change.rpartition(".")[2] for change in little] if is_check else []
            return [sys.executable, str(PROGRAMS / script), str(folder), "--threads", threads, *options]

        return Process(ours if library is mytorch else theirs, ("time", "memory"), trains=True)

    return Workload(title=f"mytorch train {config}", build=build, unit="process", **of_workload)


def help_process() -> Workload:
    """`mytorch --help` beside NumPy's import, which it should not take more than four times as long as."""

    def build(library: Any) -> Side:
        ours, theirs = (sys.executable, "cli.py", "--help"), (sys.executable, "-c", "import numpy")
        return Process(lambda folder, is_check: ours if library is mytorch else theirs, ("time",), trains=False)

    return Workload("help-process", "mytorch --help beside import numpy", build, goals={"time": 0.25}, unit="process")


class StepMemory:
    """A side that tells what memory training steps need on top: a process with steps less one without any."""

    def __init__(self, name: str, library: str) -> None:
        self._command = sys.executable, "-m", "benchmarks.programs.some_steps", name, library
        self._threads = str(mytorch.get_num_threads())

    def figures(self) -> Figures:
        """None: they are those of the row whose steps they are."""
        return {"losses": np.array([])}

    def measure(self, clock: str) -> dict[str, float]:
        without, with_steps = (measured(*self._command, self._threads, steps)["memory"] for steps in ("0", "5"))
        return {"memory": with_steps - without}


def step_memory(of: Workload) -> Workload:
    """The row of the memory that a training step of another row needs."""

    def build(library: Any) -> Side:
        return StepMemory(of.name, library.__name__)

    return Workload(f"{of.name}-memory", f"a step of {of.name}", build, most_runs=2)


WORKLOADS = [
    training_process(
        "configs/boston.yaml", "boston_torch.py", ["train.epochs=3"],
        name="boston-process", goals={"time": 2.0, "memory": 2.0}, most_runs=7,
    ),
    training_process(
        "configs/digits-cnn.yaml", "digits_torch.py", ["train.epochs=1", "dataset.count=400"],
        name="digits-process", goals={"time": 1.0, "memory": 2.0}, most_runs=3,
    ),
    help_process(),
]  # fmt: skip
