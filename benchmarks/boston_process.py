"""The whole command `mytorch train configs/boston.yaml` beside an equal PyTorch script, process by process.

    python benchmarks/boston_process.py [--runs N] [--json]

Both are started in turn, A B A B ..., so that a machine whose speed drifts treats them alike; the medians and the
median of the pairwise ratios are printed. Also `mytorch --help` beside `python -c "import numpy"`.
Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seconds(command: list[str], **environment: str) -> float:
    """Wall-clock seconds of one process, from start to end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env={**os.environ, **environment})
    return time.perf_counter() - started


def compare(ours: list[str], theirs: list[str], runs: int) -> dict[str, float]:
    """Medians of both and of theirs / ours, after one run of each that is not counted."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs + 1)][1:]
    return {
        "ours_s": statistics.median(a for a, _ in pairs),
        "theirs_s": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(b / a for a, b in pairs),
    }


def main() -> None:
    """Run and print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each process (7)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        train = [python, "cli.py", "train", "configs/boston.yaml", "--runs-dir", f"{folder}/runs", "--quiet"]
        torch = [python, "benchmarks/boston_torch.py", f"{folder}/torch"]
        table = {
            "train boston / equal PyTorch script": compare(train, torch, options.runs),
            "--help / import numpy": compare(
                [python, "cli.py", "--help"], [python, "-c", "import numpy"], options.runs
            ),
        }
    if options.json:
        print(json.dumps(table, indent=2))
        return
    print(f"{'whole process':<38}{'ours':>9}{'theirs':>9}{'theirs / ours':>15}")
    for name, row in table.items():
        print(f"{name:<38}{row['ours_s']:>8.2f}s{row['theirs_s']:>8.2f}s{row['ratio']:>15.2f}")
    print("wanted: at least 2 for the training, at least 0.25 for --help")


if __name__ == "__main__":
    main()
