"""The table as text, as Markdown and as JSON, and what it was measured on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

import mytorch
from benchmarks.measuring import Row
from mytorch.backend import blas

HEADINGS = ("workload", "unit", "ours", "PyTorch", "ratio", "quartiles", "goal", "by hand", "ours / by hand")
WIDTHS = (58, 7, 8, 8, 6, 11, 11, 8, 14)


def environment(threads: int, runs: int, clock: str) -> dict[str, Any]:
    """The machine, the versions, and how it was measured."""
    import torch

    return {
        "cpu": blas.cpu_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": blas.kernel(),
        "torch": torch.__version__,
        "mytorch": mytorch.__version__,
        "threads": threads,
        "runs": runs,
        "clock": clock,
    }


def conditions(about: dict[str, Any]) -> str:
    """The environment in a sentence."""
    clock = {"wall": "wall-clock time", "cpu": "the process's CPU time"}[about["clock"]]
    threads = "1 thread" if about["threads"] == 1 else f"{about['threads']} threads"
    return (
        f"{about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, NumPy {about['numpy']} "
        f"(BLAS kernel {about['blas']}), PyTorch {about['torch']}. "
        f"{threads} on each side, medians of {about['runs']} rounds, {clock}."
    )


def amount(row: Row, value: float | None) -> str:
    """A time with three digits and its unit, or megabytes.

    >>> amount(Row("", "", "time", "step", 0, 0, 0, 0, 0, None, None, None), 0.01234)
    '12.3 ms'
    """
    if value is None:
        return "-"
    if row.quantity == "memory":
        return f"{value / 1e6:.0f} MB"
    size, unit = (1, "s") if value >= 1 else (1e-3, "ms") if value >= 1e-3 else (1e-6, "us")
    return f"{value / size:#.3g}".rstrip(".") + f" {unit}"


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table in the order of `HEADINGS`."""
    goal = "-" if row.goal is None else f"{row.goal:g} {'reached' if row.ratio >= row.goal else 'missed'}"
    return (
        row.title + (", peak memory" if row.quantity == "memory" else ""),
        row.unit,
        amount(row, row.ours),
        amount(row, row.theirs),
        f"{row.ratio:.2f}",
        f"{row.low:.2f} - {row.high:.2f}",
        goal,
        amount(row, row.by_hand),
        "-" if row.over_hand is None else f"{row.over_hand:.2f}",
    )


def line(texts: Sequence[str]) -> str:
    """Texts in columns: the first two to the left, figures to the right."""
    left = [text.ljust(width) for text, width in zip(texts[:2], WIDTHS, strict=False)]
    right = [text.rjust(width) for text, width in zip(texts[2:], WIDTHS[2:], strict=False)]
    return "  ".join(left + right).rstrip()


def markdown(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """The table for benchmarks/README.md."""
    lines = [HEADINGS, ("---",) * 2 + ("---:",) * (len(HEADINGS) - 2), *map(cells, rows)]
    return "\n".join([conditions(about), "", *("| " + " | ".join(texts) + " |" for texts in lines)])


def as_json(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """All figures: times in seconds, memory in bytes."""
    return json.dumps({"environment": about, "rows": [asdict(row) for row in rows]}, indent=2)
