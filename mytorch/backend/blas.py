"""Loads NumPy with the BLAS settings that suit it, where NumPy's own choice is known to be slow.

NumPy's wheels carry OpenBLAS, which reads its settings from the environment once, when it is loaded. So `load_numpy`
sets them for just that moment: never against a setting of the user's, and not at all if NumPy is there already.

- `OPENBLAS_CORETYPE`: on some AVX-512 machines (virtual ones above all) OpenBLAS does not recognise the CPU and takes
  AVX2 kernels. Measured there, a 1024x1024 float32 product ran at 242 GFLOP/s, and at 423 with the AVX-512 kernels.
- `OPENBLAS_NUM_THREADS`: OpenBLAS hands products to a second thread from about 64^3 on, where waking it costs more than
  it saves. Measured on 2 cores, a training step of an MLP 784-256-128-10 with 128 rows took 1.4 ms on one thread and
  2.3 on two; on a busy machine, where the threads wait for each other, a whole training 4 seconds and 12. One thread is
  the better choice for the sizes that are trained here; for large matrices, set the variable.
"""

from __future__ import annotations

import os
import platform
import sys

CORETYPE = "OPENBLAS_CORETYPE"
THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")  # the first that is set counts
NEEDED = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl", "fma", "avx2"}


def cpu_flags(path: str = "/proc/cpuinfo") -> set[str]:
    """The instruction sets that Linux reports for the first processor; empty where it cannot be known.

    >>> cpu_flags("/no/such/file")
    set()
    """
    try:
        with open(path, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("flags"):
                    return set(line.partition(":")[2].split())
    except OSError:
        pass
    return set()


def choose() -> dict[str, str]:
    """The settings to load NumPy with: only those that help on this machine and that the user has not made.

    >>> set(choose()) <= {"OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS"}
    True
    """
    settings = {}
    if CORETYPE not in os.environ and platform.machine() in ("x86_64", "AMD64") and cpu_flags() >= NEEDED:
        settings[CORETYPE] = "SkylakeX"
    if not any(name in os.environ for name in THREADS):
        settings[THREADS[0]] = "1"
    return settings


def load_numpy() -> dict[str, str]:
    """Import NumPy with the chosen settings; returns those that took effect. The environment stays as it was."""
    if "numpy" in sys.modules:
        return {}
    settings = choose()
    os.environ.update(settings)
    try:
        import numpy  # noqa: F401
    finally:
        for name in settings:
            del os.environ[name]
    return settings


settings = load_numpy()
