"""The BLAS kernel: chosen before NumPy is loaded, where NumPy's own choice is known to be slow.

NumPy's wheels carry OpenBLAS, which picks its matrix kernels by CPU model. On some AVX-512 machines (virtual ones
above all) it does not recognise the model and takes AVX2 kernels; measured on such a machine, a 1024x1024 float32
product ran at 242 GFLOP/s, and at 423 with the AVX-512 kernels. OpenBLAS reads `OPENBLAS_CORETYPE` once, when it is
loaded. So this module, which must not import NumPy, sets it if and only if the user has not, NumPy is not loaded yet,
and the CPU has every instruction set that those kernels use.
"""

from __future__ import annotations

import os
import platform
import sys

VARIABLE = "OPENBLAS_CORETYPE"
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


def choose_kernel() -> str:
    """Set OpenBLAS's kernel where that helps and is allowed; returns a sentence that says what was done and why."""
    if VARIABLE in os.environ:
        return f"{VARIABLE}={os.environ[VARIABLE]} was set by the user and is kept"
    if "numpy" in sys.modules:
        return "NumPy was loaded before mytorch: its choice of kernel is kept"
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"no other kernel is known for a {platform.machine()} CPU"
    if not cpu_flags() >= NEEDED:
        return "the CPU has no AVX-512 (or does not say so): OpenBLAS's own choice is kept"
    os.environ[VARIABLE] = "SkylakeX"
    return f"{VARIABLE}=SkylakeX was set: the CPU has AVX-512"


decision = choose_kernel()
