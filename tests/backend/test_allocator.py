"""Freed memory is kept for the next step, and never against the user's own settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAULTS = """
import resource
from mytorch.backend import allocator
import numpy as np
count = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3): np.ones(1 << 20)
before = count()
for _ in range(20): np.ones(1 << 20)
print(allocator.kept, count() - before)
"""


def _faults(**environment: str) -> tuple[bool, int]:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be told")
def test_memory_is_used_again() -> None:
    kept, faults = _faults()
    if not kept:
        pytest.skip("another C library, or settings of the user's")
    assert faults < 1000  # 20 arrays of 8 MB are 40,000 pages of 4 KB


@pytest.mark.parametrize(
    "setting", [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}]
)
def test_the_users_own_settings_stay(setting: dict[str, str]) -> None:
    assert not _faults(**setting)[0]
