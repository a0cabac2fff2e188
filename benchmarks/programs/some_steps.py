"""Build the training of a row of the table and take some steps, or none: what the steps add is their memory.

    python -m benchmarks.programs.some_steps NAME mytorch|torch THREADS STEPS

A process of its own, since the most memory that a process has held never falls.
"""

from __future__ import annotations

import gc
import importlib
import sys

from benchmarks.workload import Steps
from benchmarks.workloads import TRAININGS


def main(name: str, library_name: str, threads: int, steps: int) -> None:
    library = importlib.import_module(library_name)
    library.set_num_threads(threads)
    side = next(workload for workload in TRAININGS if workload.name == name).build(library)
    assert isinstance(side, Steps)
    gc.disable()
    for _ in range(steps):
        side.step()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
