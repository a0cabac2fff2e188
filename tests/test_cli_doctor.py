"""`mytorch doctor`, seen from the command line and, for what this machine does not have, from within."""

from __future__ import annotations

import json
import locale
import os
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from mytorch.backend import allocator, blas
from mytorch.training.commands import doctor as module
from mytorch.training.commands.doctor import OPTIONAL, REQUIRED, Findings

ROOT = Path(__file__).parents[1]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_it_says_what_there_is(tmp_path, mytorch_command):
    done = mytorch_command("doctor", cwd=tmp_path)
    names = [line.split()[0] for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert names[:3] == ["mytorch", "packages", "optional"]
    assert {"cpu", "blas", "products", "runs", "output"} <= set(names)
    assert "runs (not there yet)" in done.stdout
    assert os.listdir(tmp_path) == [], "nothing is left behind"


def test_the_documentation_shows_the_same_lines(tmp_path, mytorch_command):
    told = (ROOT / "docs" / "check.md").read_text(encoding="utf-8").split("$ mytorch doctor\n")[1].split("\n\n")[0]
    printed = mytorch_command("doctor", cwd=tmp_path).stdout.split("\n\n")[0]
    heads, shown = ([line[:10] for line in text.splitlines()] for text in (printed, told))
    assert [head for head in heads if head.strip()] == [head for head in shown if head.strip()]
    packages, in_docs = (re.findall(r"([a-z]+) \d", text.splitlines()[1]) for text in (printed, told))
    assert packages == in_docs


def test_json(tmp_path, mytorch_command):
    document = json.loads(mytorch_command("doctor", "--json", cwd=tmp_path).stdout)
    assert document["state"] in ("well", "questionable")
    assert document["versions"]["numpy"] == np.__version__
    assert document["products"]["gflops"] > 0
    assert document["runs"]["writable"] is True
    assert document["runs"]["free_bytes"] > 0
    assert set(document["packages"]) == {*REQUIRED, *OPTIONAL}


def test_a_runs_directory_that_cannot_be_written_is_broken(tmp_path, mytorch_command):
    (tmp_path / "file").write_text("")
    done = mytorch_command("doctor", "--runs-dir", "file/runs", cwd=tmp_path, check=1)
    assert "broken: runs cannot be written to" in done.stdout
    assert done.stderr.startswith("error: runs cannot be written to")


def test_a_terminal_without_utf8_and_a_locale_that_is_not_there(tmp_path, mytorch_process):
    done = mytorch_process("doctor", cwd=tmp_path, PYTHONIOENCODING="latin-1", LC_ALL="xx_XX.UTF-8")
    assert "questionable: the output's encoding is iso8859-1" in done.stdout
    assert "questionable: the locale LC_ALL=xx_XX.UTF-8 is not installed\n  export LC_ALL=C.UTF-8" in done.stdout


def test_the_kernel_and_who_chose_it(tmp_path, mytorch_process):
    chosen = dict.fromkeys(("GOTO_NUM_THREADS", "OMP_NUM_THREADS"), "")
    done = mytorch_process(
        "doctor", "--json", cwd=tmp_path, OPENBLAS_CORETYPE="Haswell", OPENBLAS_NUM_THREADS="2", **chosen
    )
    document = json.loads(done.stdout)
    assert document["blas"]["kernel_because"] == "OPENBLAS_CORETYPE=Haswell in the environment"
    assert document["threads"]["because"].startswith("OPENBLAS_NUM_THREADS=2 in the environment: ")
    assert document["threads"]["count"] == 2
    told = [finding["what"] for finding in document["findings"] if "OPENBLAS_CORETYPE" in finding["what"]]
    assert bool(told) == (blas.cpu_flags() >= blas.NEEDED)


def test_the_packages_are_those_of_the_project():
    wanted = {name.split(">")[0].lower() for name in project()["dependencies"]}
    assert wanted == set(REQUIRED)
    extras = project()["optional-dependencies"]
    for name, command in OPTIONAL.items():
        extra = command.partition("[")[2].partition("]")[0]
        if extra in extras:
            assert any(text.lower().startswith(name.lower()) for text in extras[extra]), (
                f"{command} does not bring {name}"
            )
        else:
            assert command == f"pip install {name}"


def test_what_mytorch_set_is_told(monkeypatch):
    monkeypatch.setattr(blas, "settings", {"OPENBLAS_CORETYPE": "NoSuch", "OPENBLAS_NUM_THREADS": "1"})
    monkeypatch.setattr(blas, "kernel", lambda: "Haswell")
    findings = Findings()
    found = module._blas(findings)
    assert found["kernel_because"].startswith("mytorch set OPENBLAS_CORETYPE=NoSuch: ")
    assert any("not those for NoSuch" in finding.what for finding in findings.found)


def test_a_missing_package_is_broken(monkeypatch):
    monkeypatch.setattr(module, "_version", lambda name: None if name in ("rich", "torch") else "1.0")
    findings = Findings()
    assert module._packages(findings)["rich"] is None
    assert [(finding.what, finding.advice) for finding in findings.found] == [
        ("the package rich is missing", "pip install rich")
    ]
    assert findings.is_broken


def test_wrong_products_are_broken(monkeypatch):
    def wrong(a, b, out):
        out[...] = np.dot(a, b)
        out[0, 1] += 1
        return out

    monkeypatch.setattr(module.np, "matmul", wrong)
    findings = Findings()
    module._products(findings)
    assert findings.found[0].what == "NumPy's matrix products are wrong on this machine"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("SLOW_PRODUCTS", 1e9, "GFLOP/s only"),
        ("LITTLE_SPACE", 1 << 60, "are free where runs go"),
        ("SLOW_WRITE", 0.0, "to be safe on the disk"),
        ("LITTLE_MEMORY", 1 << 60, "of memory are free"),
    ],
)
def test_what_is_slow_or_nearly_full_is_questionable(tmp_path, monkeypatch, name, value, what):
    monkeypatch.setattr(module, name, value)
    (tmp_path / "meminfo").write_text("MemTotal: 2048 kB\nMemAvailable: 1024 kB\n")
    findings = Findings()
    module._products(findings)
    module._runs(tmp_path, findings)
    module._memory(findings, str(tmp_path / "meminfo"))
    assert any(what in finding.what for finding in findings.found)
    assert not findings.is_broken


def test_a_busy_machine(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0), raising=False)
    findings = Findings()
    module._cpu(findings)
    assert "the load is 99.0" in findings.found[0].what


def test_systems_that_tell_nothing(tmp_path, monkeypatch):
    findings = Findings()
    assert module._memory(findings, str(tmp_path / "none")) == {
        "total": None,
        "available": None,
        "kept_when_freed": allocator.kept,
    }
    assert blas.cpu_name(str(tmp_path / "none"))
    assert findings.found == []


def test_the_locale_stays_what_it_was(monkeypatch):
    before = locale.setlocale(locale.LC_CTYPE)
    monkeypatch.setenv("LC_ALL", "C.UTF-8" if sys.platform == "linux" else "C")
    module._terminal(Findings())
    assert locale.setlocale(locale.LC_CTYPE) == before
