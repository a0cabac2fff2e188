"""Loads NumPy with the BLAS settings that suit it, where NumPy's own choice is known to be slow.

NumPy's wheels carry OpenBLAS, which reads its settings from the environment once, when it is loaded. So `load_numpy`
sets them for just that moment: never against a setting of the user's, and not at all if NumPy is there already.

- `OPENBLAS_CORETYPE`: on some AVX-512 machines (virtual ones above all) OpenBLAS does not recognise the CPU and takes
  AVX2 kernels. Measured there, a 1024x1024 float32 product ran at 242 GFLOP/s, and at 423 with the AVX-512 kernels.
- `OPENBLAS_NUM_THREADS`: OpenBLAS hands products to a second thread from about 64^3 on, where waking it costs more than
  it saves. Measured on 2 cores, a training step of an MLP 784-256-128-10 with 128 rows took 1.4 ms on one thread and
  2.3 on two; on a busy machine, where the threads wait for each other, a whole training 4 seconds and 12. So OpenBLAS
  gets one thread, and large products are shared out by `mytorch.backend.threads`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from typing import Any

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


def cpu_name(path: str = "/proc/cpuinfo") -> str:
    """The processor's name, as Linux tells it, else as Python does.

    >>> bool(cpu_name())
    True
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


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


# --- what was loaded ------------------------------------------------------------------------------------------------


@functools.cache
def openblas() -> Any:
    """The OpenBLAS library that NumPy has loaded, as ctypes sees it; None if it is another, or cannot be found out."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
            paths = {line.split(maxsplit=5)[-1].strip() for line in lines if "openblas" in line}
    except OSError:
        return None
    for path in sorted(paths):
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def _function(name: str) -> Any:
    """A function of OpenBLAS, whose names differ from build to build; None if it has it not."""
    for known in (f"scipy_openblas_{name}64_", f"scipy_openblas_{name}", f"openblas_{name}64_", f"openblas_{name}"):
        if openblas() is not None and hasattr(openblas(), known):
            return getattr(openblas(), known)
    return None


def kernel() -> str | None:
    """The name that OpenBLAS has for the kernels it uses; None if it is not OpenBLAS, or cannot be asked."""
    ask = _function("get_corename")
    if ask is None:
        return None
    ask.restype = ctypes.c_char_p
    return str(ask().decode())


def get_threads() -> int:
    """How many threads BLAS uses for one product; 1 if it cannot be asked."""
    ask = _function("get_num_threads")
    return 1 if ask is None else int(ask())


def set_threads(count: int) -> None:
    """Let BLAS use so many threads for one product; without effect on a library that cannot be told."""
    tell = _function("set_num_threads")
    if tell is not None:
        tell(count)
