"""The process-wide settings that programs written for PyTorch make: default device, threads, determinism, precision.

Where there is nothing to choose (every result here is deterministic and of full precision), the setting is kept and
told, and changes nothing.
"""

from __future__ import annotations

import warnings
from typing import Any

from mytorch.backend import blas, threads
from mytorch.backend.device import CPU, device, require

__all__ = [
    "are_deterministic_algorithms_enabled", "get_default_device", "get_deterministic_debug_mode",
    "get_float32_matmul_precision", "get_num_interop_threads", "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled", "set_default_device", "set_deterministic_debug_mode",
    "set_float32_matmul_precision", "set_flush_denormal", "set_num_interop_threads", "set_num_threads",
    "use_deterministic_algorithms",
]  # fmt: skip


class _Settings:
    deterministic: bool = False
    warn_only: bool = False
    precision: str = "highest"


_held = _Settings()

# --- where tensors are made -----------------------------------------------------------------------------------------


def set_default_device(device: Any) -> None:
    """Say where factories put tensors: "cpu", or None for the same.

    Raises:
        RuntimeError: the device is not there.

    >>> set_default_device("cpu")
    """
    require(device)


def get_default_device() -> device:
    """Where factories put tensors.

    >>> get_default_device()
    device(type='cpu')
    """
    return CPU


# --- threads --------------------------------------------------------------------------------------------------------


def get_num_threads() -> int:
    """How many threads share large computations: matrix products and convolutions.

    >>> get_num_threads() >= 1
    True
    """
    return max(threads.get_count(), blas.get_threads())


def set_num_threads(count: int, /) -> None:
    """Let so many threads share large computations. The results have the same bits with any number of threads.

    Without it they are one for each core that this process may use, at most 4, or what the environment variables
    OPENBLAS_NUM_THREADS, GOTO_NUM_THREADS or OMP_NUM_THREADS say.

    Raises:
        RuntimeError: it is no positive integer.

    >>> set_num_threads(get_num_threads())
    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(count).__name__}")
    if count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    threads.set_count(count)
    blas.set_threads(1)  # its threads wait for work in a loop, which takes time from ours


def get_num_interop_threads() -> int:
    """How many operations run at the same time: one.

    >>> get_num_interop_threads()
    1
    """
    return 1


def set_num_interop_threads(count: int, /) -> None:
    """Accepted, and without effect: operations run one after the other.

    Raises:
        RuntimeError: it is no positive integer.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise RuntimeError(f"set_num_interop_threads expects a positive integer, but got {count!r}")


# --- determinism and precision --------------------------------------------------------------------------------------


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Ask that the same input always gives the same result. It always does: the answer is kept, and nothing changes.

    >>> use_deterministic_algorithms(True); are_deterministic_algorithms_enabled()
    True
    >>> use_deterministic_algorithms(False)
    """
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms(): argument 'mode' must be bool, not {type(mode).__name__}")
    _held.deterministic, _held.warn_only = mode, warn_only


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return _held.deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether `use_deterministic_algorithms` was told to warn only."""
    return _held.warn_only


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """`use_deterministic_algorithms` in one word: 0 or "default" (off), 1 or "warn", 2 or "error".

    Raises:
        TypeError: it is neither a number nor a word.
        RuntimeError: it is none of those.

    >>> set_deterministic_debug_mode("error"); get_deterministic_debug_mode()
    2
    >>> set_deterministic_debug_mode(0)
    """
    words = ("default", "warn", "error")
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode).__name__}")
    level = words.index(debug_mode) if debug_mode in words else debug_mode
    if level not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, or one of {words}, but got {debug_mode}")
    use_deterministic_algorithms(level != 0, warn_only=level == 1)


def get_deterministic_debug_mode() -> int:
    """0 (off), 1 (warn) or 2 (error): see `set_deterministic_debug_mode`."""
    return 0 if not _held.deterministic else 1 if _held.warn_only else 2


def set_float32_matmul_precision(precision: str) -> None:
    """Say how exact float32 matrix products must be: "highest", "high" or "medium". Here they always are "highest".

    >>> set_float32_matmul_precision("high"); get_float32_matmul_precision()
    'high'
    >>> set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; set_float32_matmul_precision has no effect.",
            stacklevel=2,
        )
        return
    _held.precision = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return _held.precision


def set_flush_denormal(mode: bool) -> bool:
    """Ask that numbers too small for full precision become 0. NumPy cannot: False says that it is not supported.

    >>> set_flush_denormal(True)
    False
    """
    return not mode
