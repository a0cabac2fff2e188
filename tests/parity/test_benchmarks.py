"""The benchmark suite beside PyTorch: every row's results are the same on both sides, and the command prints them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import mytorch
from benchmarks import __main__ as command
from benchmarks.measuring import check
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("workload", [pytest.param(w, id=w.name) for w in WORKLOADS])
def test_the_results_of_a_row_are_the_same(workload):
    check(workload)


@pytest.fixture
def _threads():
    before = torch.get_num_threads(), mytorch.get_num_threads()
    yield
    torch.set_num_threads(before[0])
    mytorch.set_num_threads(before[1])


@pytest.mark.usefixtures("_threads")
def test_the_command_measures_and_prints(capsys):
    assert command.main(["--only", "chain-add", "two-layer-sgd", "--runs", "1", "--threads", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["environment"]["torch"] == torch.__version__
    assert [row["name"] for row in found["rows"]] == ["two-layer-sgd", "chain-add"]
    assert all(row["ours"] > 0 and row["theirs"] > 0 for row in found["rows"])
    assert found["rows"][0]["by_hand"] > 0
    assert command.main(["--only", "chain-add", "--runs", "1", "--threads", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("300 times y + w")


@pytest.mark.usefixtures("_threads")
def test_a_row_whose_results_differ_is_an_error(capsys, monkeypatch):
    right = next(w for w in WORKLOADS if w.name == "chain-add")
    other = next(w for w in WORKLOADS if w.name == "chain-mul")
    wrong = replace(right, build=lambda library: (right if library is mytorch else other).build(library))
    monkeypatch.setattr(command, "WORKLOADS", [wrong])
    assert command.main(["--runs", "1", "--threads", "1"]) == 1
    assert "ERROR chain-add, ours and PyTorch's: results differ" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["boston-process", "cnn-memory"])
def test_processes_have_a_time_and_a_peak_memory(name):
    workload = next(w for w in WORKLOADS if w.name == name)
    assert len(workload.ours().figures()["losses"]) == (3 if name == "boston-process" else 0)
    taken = workload.ours().measure("wall")
    assert 1e6 < taken["memory"] < 2e9
    assert name != "boston-process" or taken["time"] > 0
