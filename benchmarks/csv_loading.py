"""How long a CSV file takes to load: mytorch's reader against pandas, on files of one million rows and 14 columns.

    pip install pandas         # into an environment of its own; the project does not need it
    python benchmarks/csv_loading.py [--rows N] [--repeats K] [--only KIND]

Four files are written to a temporary directory: ``numbers`` (14 columns of numbers with five digits), ``mixed`` (2 of
them text, 2 with missing values), ``quoted`` (the same, text in quotes) and ``digits`` (numbers with all 17 digits).
Each is read K times by each reader in turn, in one process; the quickest of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mytorch.data import read_csv

COLUMNS = 14
TOWNS = ("Lynn", "Salem", "Boston", "Cambridge", "Somerville")
KINDS = ("numbers", "mixed", "quoted", "digits")


def write_file(path: Path, kind: str, rows: int) -> None:
    generator = np.random.default_rng(0)
    quote = '"' if kind == "quoted" else ""
    with path.open("w") as handle:
        handle.write(",".join(f"c{column}" for column in range(COLUMNS)) + "\n")
        for start in range(0, rows, 100_000):
            count = min(100_000, rows - start)
            form = "" if kind == "digits" else ".5g"
            cells = [[format(x, form) for x in generator.normal(size=count).tolist()] for _ in range(COLUMNS)]
            if kind in ("mixed", "quoted"):
                for column in (3, 7):
                    cells[column] = [f"{quote}{TOWNS[i]}{quote}" for i in generator.integers(0, 5, count).tolist()]
                for column, marker in ((5, ""), (9, "NA")):
                    gone = (generator.random(count) < 0.01).tolist()
                    cells[column] = [marker if g else c for g, c in zip(gone, cells[column], strict=True)]
            handle.write("".join(",".join(row) + "\n" for row in zip(*cells, strict=True)))


def seconds(read: Callable[[Path], Any], path: Path) -> float:
    started = time.perf_counter()
    read(path)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="CSV loading against pandas")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=KINDS)
    arguments = parser.parse_args()
    try:
        import pandas
    except ModuleNotFoundError:
        raise SystemExit("pandas is needed to compare with: pip install pandas") from None

    readers: dict[str, Callable[[Path], Any]] = {"mytorch": read_csv, "pandas": pandas.read_csv}
    print(f"{arguments.rows} rows, {COLUMNS} columns, pandas {pandas.__version__}, NumPy {np.__version__}")
    print(f"{'file':8} {'MB':>6} {'mytorch':>9} {'pandas':>9} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS if arguments.only is None else (arguments.only,):
            path = Path(folder, f"{kind}.csv")
            write_file(path, kind, arguments.rows)
            best = dict.fromkeys(readers, float("inf"))
            for _ in range(arguments.repeats):
                for name, read in readers.items():
                    best[name] = min(best[name], seconds(read, path))
            size, ratio = path.stat().st_size / 1e6, best["mytorch"] / best["pandas"]
            print(f"{kind:8} {size:6.0f} {best['mytorch']:8.2f}s {best['pandas']:8.2f}s {ratio:6.2f}")


if __name__ == "__main__":
    main()
