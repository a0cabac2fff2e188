"""BLAS settings: made where they help, never against the user's, and gone once NumPy is loaded."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys

import pytest

from mytorch.backend import blas

CPU_FLAGS = blas.cpu_flags
ALL_FLAGS = "flags\t\t: fpu " + " ".join(sorted(blas.NEEDED)) + "\n"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose processor has these flags, with an environment without settings."""

    def make(flags):
        (tmp_path / "cpuinfo").write_text("processor\t: 0\n" + flags)
        read = CPU_FLAGS
        monkeypatch.setattr(blas, "cpu_flags", functools.partial(read, str(tmp_path / "cpuinfo")))
        monkeypatch.setattr(platform, "machine", lambda: "x86_64")
        for name in (blas.CORETYPE, *blas.THREADS):
            monkeypatch.delenv(name, raising=False)

    return make


def test_avx512_gets_its_kernels_and_one_thread(machine):
    machine(ALL_FLAGS)
    assert blas.choose() == {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "1"}


def test_other_processors_keep_openblas_choice(machine, monkeypatch):
    machine("flags\t\t: fpu avx2 fma avx512f\n")
    assert "OPENBLAS_CORETYPE" not in blas.choose()
    machine("")
    assert "OPENBLAS_CORETYPE" not in blas.choose()
    machine(ALL_FLAGS)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert "OPENBLAS_CORETYPE" not in blas.choose()


@pytest.mark.parametrize("name", blas.THREADS)
def test_the_users_settings_are_kept(machine, monkeypatch, name):
    machine(ALL_FLAGS)
    monkeypatch.setenv(name, "3")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert blas.choose() == {}


def test_numpy_that_is_loaded_already_is_left_alone():
    assert blas.load_numpy() == {}


def test_children_do_not_inherit_the_settings():
    code = "import os; before = dict(os.environ); import mytorch; assert os.environ == before; print(mytorch.backend.blas.settings)"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS", "OMP", "GOTO"))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "'OPENBLAS_NUM_THREADS': '1'" in done.stdout


def test_flags_that_cannot_be_read():
    assert blas.cpu_flags("/no/such/file") == set()


def test_the_loaded_library_is_asked_and_told():
    if blas.openblas() is None:
        pytest.skip("NumPy has another BLAS library here")
    before = blas.get_threads()
    blas.set_threads(1)
    assert blas.get_threads() == 1
    blas.set_threads(before)
    assert blas.kernel()


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(blas, "openblas", lambda: None)
    blas.set_threads(5)
    assert (blas.get_threads(), blas.kernel()) == (1, None)
