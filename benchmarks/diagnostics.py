"""What diagnostics cost: whole trainings with and without them in turn, in one process, in CPU time.

python -m benchmarks.diagnostics [--rounds 9] [--only boston]

The training alone is timed, from the first step to the summary, without building the data and without plots. Where
others use the machine too, the quickest training of each kind tells most: all that disturbs one makes it slower.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from pathlib import Path

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.diagnostics.gradients_file import read_gradients
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.run import Run

CONFIGS = ("boston", "boston-tutorial", "digits-cnn", "sine", "xor")
FOLDER = Path(__file__).parents[1] / "configs"


def train(name: str, choice: str) -> tuple[float, int, int]:
    """Seconds of CPU time, the steps, and how many of them were measured."""
    experiment = build(load_config(FOLDER / f"{name}.yaml", [f"diagnostics={choice}"]), runs_dir=None)
    with Run.throwaway(name) as run:
        training = Training(experiment, run)
        gc.collect()
        began = time.process_time()
        training.run(Progress(1, "quiet"))
        seconds = time.process_time() - began
        logged = {row.step for row in read_gradients(run.gradients)} if choice == "on" else set()
    return seconds, training.steps, len(logged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="*", default=CONFIGS, choices=CONFIGS)
    options = parser.parse_args()
    print("| config | steps | measured | off, quickest | on, quickest | more | more, quartiles of the rounds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in options.only:
        _, steps, measured = train(name, "on")  # to warm up
        off: list[float] = []
        on: list[float] = []
        for turn in range(options.rounds):
            for choice in ("off", "on") if turn % 2 else ("on", "off"):  # neither is always the first
                (on if choice == "on" else off).append(train(name, choice)[0])
        low, middle, high = statistics.quantiles([a / b - 1 for a, b in zip(on, off, strict=True)], n=4)
        times = " | ".join(f"{1e3 * min(of):.1f} ms" for of in (off, on))
        rounds = " / ".join(f"{value:.1%}" for value in (low, middle, high))
        print(f"| {name} | {steps} | {measured} | {times} | {min(on) / min(off) - 1:.1%} | {rounds} |", flush=True)


if __name__ == "__main__":
    main()
