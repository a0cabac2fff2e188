"""The benchmark suite without PyTorch, and without timing anything: rows build, floors by hand are right, options work.

The comparisons with PyTorch itself are in tests/parity/test_benchmarks.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mytorch
from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.measuring import DifferentError, Row, check, compare, measure
from benchmarks.workload import Steps, Workload
from benchmarks.workloads import TRAININGS, WORKLOADS

ROOT = Path(__file__).parents[1]
GOALS = {  # ours must be so many times as fast as PyTorch
    "boston-mlp": 2.0, "two-layer-adam": 1.4, "two-layer-sgd": 1.4, "mnist-mlp": 1.5, "cnn": 1.0, "conv-pair": 1.0,
    "lenet": 0.8, "resnet": 0.8, "lstm": 1.5, "transformer": 1.0, "chain": 1.3, "loading": 3.0, "boston-process": 2.0,
    "digits-process": 1.0,
}  # fmt: skip
ROW = Row("cnn", "a CNN", "time", "step", 0.001, 0.0015, 1.5, 1.4, 1.6, 1.0, 0.0008, 1.25)
ABOUT = {
    "cpu": "a CPU", "cores": 2, "system": "Linux", "python": "3.11", "numpy": "2.4", "blas": "SkylakeX", "torch": "2.13",
    "threads": 1, "runs": 3, "clock": "cpu",
}  # fmt: skip


def with_by_hand():
    return [pytest.param(w, id=w.name) for w in WORKLOADS if w.hand]


@pytest.mark.parametrize("workload", with_by_hand())
def test_what_is_written_by_hand_gives_our_figures(workload):
    hand = workload.by_hand()
    compare(workload.name, hand.figures(), workload.ours().figures())


@pytest.mark.parametrize("workload", [pytest.param(w, id=w.name) for w in TRAININGS])
def test_trainings_change_their_weights_and_have_finite_losses(workload):
    side = workload.ours()
    before = side.results()
    figures = side.figures()
    assert len(figures["losses"]) == 5
    assert all(np.isfinite(value).all() for value in figures.values())
    assert before.keys() == figures.keys() - {"losses"}
    still = [name for name, value in before.items() if (figures[name] == value).all()]
    # The gradients of a thousand layers vanish before they reach the first.
    assert still == [] or (workload.name == "deep-mlp" and f"{2 * 999}.weight" not in still)


def test_every_row_has_its_goal_and_a_name_of_its_own():
    names = [w.name for w in WORKLOADS]
    assert len(names) == len(set(names))
    assert {w.name: w.goals["time"] for w in WORKLOADS if w.name in GOALS} == GOALS
    assert {w.name for w in WORKLOADS if "memory" in w.goals} == {"boston-process", "digits-process"}


# --- comparing and measuring ----------------------------------------------------------------------------------------


class Told:
    """A side whose figures and times are given."""

    def __init__(self, losses, weights, times):
        self.found, self.times = {"losses": np.array(losses), "w": np.array(weights)}, times

    def figures(self):
        return self.found

    def measure(self, clock):
        return {"time": next(self.times), "memory": 8.0}


def told(theirs_losses=(1.0,), hand_weights=(1.0,)):
    ours_times, theirs_times, hand_times = iter([2.0, 4.0, 2.0]), iter([3.0, 8.0, 2.0]), iter([1.0, 1.0, 1.0])
    return Workload(
        "told", "as told", lambda library: Told([1.0], [1.0], ours_times) if library is mytorch else None,
        lambda: Told([1.0], hand_weights, hand_times), {"time": 1.25}, per=2,
    ), Told(theirs_losses, [1.0], theirs_times)  # fmt: skip


@pytest.fixture
def beside(monkeypatch):
    """A workload with PyTorch's side put in by hand."""

    def make(**different):
        workload, theirs = told(**different)
        monkeypatch.setattr(Workload, "theirs", lambda self: theirs)
        return workload

    return make


def test_a_row_has_medians_and_the_median_of_the_ratios(beside):
    time, memory = measure(beside(), 3)
    assert (time.ours, time.theirs, time.by_hand) == (1.0, 1.5, 0.5)
    assert (time.ratio, time.low, time.high) == (1.5, 1.25, 1.75)
    assert (time.goal, time.over_hand) == (1.25, 2.0)
    assert (memory.quantity, memory.ours, memory.ratio, memory.goal) == ("memory", 8.0, 1.0, None)


def test_most_runs_limits_the_rounds(beside):
    time, _ = measure(replace(beside(), most_runs=1), 3)
    assert time.ours == 1.0
    assert time.ratio == 1.5


@pytest.mark.parametrize(
    ("different", "message"),
    [
        ({"theirs_losses": (1.0002,)}, "ours and PyTorch's: losses differ by 2.0e-04"),
        ({"theirs_losses": (float("nan"),)}, "losses differ by nan"),
        ({"hand_weights": (0.9,)}, "ours and by hand: results differ, in their norm, by 1.1e-01"),
    ],
)
def test_results_that_differ_are_an_error_before_anything_is_timed(beside, different, message):
    with pytest.raises(DifferentError, match=message):
        measure(beside(**different), 1)


def test_results_within_the_tolerance_pass(beside):
    check(beside(theirs_losses=(1.00005,), hand_weights=(1.00005,)))


def test_figures_of_other_names_are_an_error():
    with pytest.raises(DifferentError, match=r"\['losses', 'w'\] on one side, \['losses'\] on the other"):
        compare("x", {"losses": np.ones(1), "w": np.ones(1)}, {"losses": np.ones(1)})


def test_losses_of_another_number_are_an_error():
    with pytest.raises(DifferentError, match="2 losses on one side, 1 on the other"):
        compare("x", {"losses": np.ones(2)}, {"losses": np.ones(1)})


def test_steps_warm_up_before_the_steps_that_are_timed(monkeypatch):
    done = []
    now = {"fake": lambda: float(len(done))}
    monkeypatch.setattr("benchmarks.workload.CLOCKS", now)
    assert Steps(lambda: done.append(1), dict, 3, 4).measure("fake") == {"time": 4.0}
    assert len(done) == 7


# --- the command ----------------------------------------------------------------------------------------------------


def test_list_needs_no_pytorch():
    block = "import sys; sys.modules['torch'] = None; from benchmarks.__main__ import main; sys.exit(main(['--list']))"
    done = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [w.name for w in WORKLOADS]


def test_only_takes_parts_of_names(capsys):
    assert command.main(["--list", "--only", "two-layer", "resnet"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["two-layer-adam", "two-layer-sgd", "resnet", "resnet-memory"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nothing"], "no row has nothing in its name; --list prints the names"),
        (["--threads", "0"], "expected at least 1, but got 0"),
        (["--json", "--markdown"], "not allowed with argument"),
    ],
)
def test_wrong_options_are_told(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_rows_as_text_markdown_and_json():
    assert report.cells(ROW) == (
        "a CNN", "step", "1.00 ms", "1.50 ms", "1.50", "1.40 - 1.60", "1 reached", "800 us", "1.25"
    )  # fmt: skip
    missed = replace(ROW, goal=2.0, by_hand=None, over_hand=None, quantity="memory", ours=5e6, theirs=1e8)
    assert report.cells(missed)[0] == "a CNN, peak memory"
    assert report.cells(missed)[2:4] == ("5 MB", "100 MB")
    assert report.cells(missed)[-3:] == ("2 missed", "-", "-")
    lines = report.markdown([ROW], ABOUT).splitlines()
    assert "1 thread on each side, medians of 3 rounds, the process's CPU time" in lines[0]
    assert lines[-1].startswith("| a CNN | step | 1.00 ms |")
    assert {line.count("|") for line in lines[2:]} == {10}
    assert json.loads(report.as_json([ROW], ABOUT))["rows"][0]["ratio"] == 1.5
    heading, row = report.line(report.HEADINGS), report.line(report.cells(ROW))
    assert heading.index("ours") + len("ours") == row.index("1.00 ms") + len("1.00 ms")


@pytest.mark.parametrize(
    ("value", "said"), [(12.3456, "12.3 s"), (0.5, "500 ms"), (1.5e-6, "1.50 us"), (2e-7, "0.200 us")]
)
def test_times_have_three_digits(value, said):
    assert report.amount(ROW, value) == said


def test_the_titles_fit_their_column():
    assert max(len(report.cells(replace(ROW, title=w.title))[0]) for w in WORKLOADS) <= report.WIDTHS[0]
