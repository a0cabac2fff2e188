"""One run, one writer: the lock that a training holds on its run directory.

It is a lock of the operating system on the file `lock`, in which the holder's process number stands for people to read.
"""

from __future__ import annotations

import json
import os
import socket
import warnings
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from mytorch.backend.file_lock import lock_file, take, unlock_file
from mytorch.training.errors import UserError


class RunLock:
    """Holds the lock of a run directory while its `with` block runs; the file goes when it ends.

    Raises:
        UserError: another process holds it, or the file cannot be made.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with RunLock(Path(folder, "lock")):
    ...         holder_of(Path(folder, "lock"))["process"] == os.getpid()
    True
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> RunLock:
        try:
            self._descriptor = lock_file(self.path)
            if self._descriptor is None:
                raise UserError(_is_held(self.path))
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps(_this_process()).encode())
        except OSError as error:
            self._unlock()
            raise UserError(
                f"cannot lock {self.path.parent}: {error.strerror or error}; can you write in that directory?"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._descriptor is not None:
            unlock_file(self._descriptor, self.path)
            self._descriptor = None


def holder_of(path: Path) -> dict[str, Any] | None:
    """Who wrote the lock file: `process`, `host` and `since`; None if there is none, or it cannot be read.

    That the file is there does not mean that the process still runs.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock; nothing is written, and the lock is not kept.

    >>> is_held(Path("no-such-run", "lock"))
    False
    """
    holder = holder_of(path)
    if holder is not None and holder.get("host") == socket.gethostname() and not _is_alive(holder.get("process")):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return holder is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return not take(descriptor)
    except (OSError, UserWarning):  # a file system without locks, or with none for readers: its text decides
        return holder is not None
    finally:
        os.close(descriptor)


def _is_alive(process: Any) -> bool:
    """False for the number of a process that has ended. On Windows that cannot be asked with a signal."""
    if os.name == "nt" or not isinstance(process, int) or process <= 0:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _this_process() -> dict[str, Any]:
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now().isoformat(" ", "seconds"),
    }


def _is_held(path: Path) -> str:
    holder = holder_of(path)
    who = "another process"
    if holder is not None:
        who = f"process {holder.get('process')} on {holder.get('host')}, since {holder.get('since')}"
    return f"{path.parent} is being trained by {who}; wait for it, or stop it (its state is saved then)"
