"""The command line of the suite: one table of workloads, ours beside PyTorch's and those written by hand in NumPy.

    python -m benchmarks [--only NAME ...] [--threads N] [--runs N] [--clock wall|cpu] [--json | --markdown]
    python -m benchmarks --list

The ratio is PyTorch's time / ours: above 1 we are faster. Each row's results are compared before it is timed; where
they differ the row is an error, and so is the exit code. Needs the `bench` extra.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import mytorch
from benchmarks import report
from benchmarks.measuring import DifferentError, Row, measure
from benchmarks.workload import CLOCKS, Workload
from benchmarks.workloads import WORKLOADS


def positive(text: str) -> int:
    """A whole number of at least one, of an option."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, but got {number}")
    return number


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=as_written)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only rows with one of these in their names")
    parser.add_argument("--threads", type=positive, default=2, help="threads of both libraries (2)")
    parser.add_argument("--runs", type=positive, default=11, help="rounds that count (11; fewer of whole processes)")
    parser.add_argument(
        "--clock", choices=CLOCKS, default="wall",
        help="wall-clock time, or the process's CPU time, for a machine on which others work (wall)",
    )  # fmt: skip
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--markdown", action="store_true", help="print the table for benchmarks/README.md")
    form.add_argument("--list", action="store_true", help="print names, goals and titles, and measure nothing")
    found = parser.parse_args(arguments)
    found.workloads = chosen(found.only)
    if not found.workloads:
        parser.error(f"no row has {' or '.join(found.only)} in its name; --list prints the names")
    return found


def chosen(only: Sequence[str] | None) -> list[Workload]:
    """The workloads with one of those texts in their names."""
    return [w for w in WORKLOADS if only is None or any(part in w.name for part in only)]


def measured(workloads: Sequence[Workload], runs: int, clock: str) -> Iterator[Row | DifferentError]:
    """Row by row, or what is wrong with it."""
    for workload in workloads:
        try:
            yield from measure(workload, runs, clock)
        except DifferentError as error:
            yield error


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code: 1 if results differ."""
    asked = options(arguments)
    if asked.list:
        for w in asked.workloads:
            goals = ", ".join(f"{quantity} {goal}" for quantity, goal in w.goals.items())
            print(f"{w.name:18}{goals or '-':24}{w.title}")
        return 0
    try:
        import torch
    except ModuleNotFoundError:
        raise SystemExit("PyTorch is needed to compare with: pip install -e '.[bench]', or make bench") from None
    torch.set_num_threads(asked.threads)
    mytorch.set_num_threads(asked.threads)

    about = report.environment(asked.threads, asked.runs, asked.clock)
    is_text = not (asked.json or asked.markdown)
    if is_text:
        print(report.conditions(about), report.line(report.HEADINGS), sep="\n")
    rows, errors = [], []
    for found in measured(asked.workloads, asked.runs, asked.clock):
        if isinstance(found, Row):
            rows.append(found)
        else:
            errors.append(found)
        if is_text:
            print(report.line(report.cells(found)) if isinstance(found, Row) else f"ERROR {found}", flush=True)
    if asked.json:
        print(report.as_json(rows, about))
    elif asked.markdown:
        print(report.markdown(rows, about))
    if not is_text:
        print(*(f"ERROR {error}" for error in errors), sep="\n", end="", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
