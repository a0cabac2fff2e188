"""Ctrl-C and SIGTERM during a training: the first asks it to stop after the step, the second stops it at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_WATCHED = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Catches the signals while its `with` block runs. `signal` is the number of the one that came, None before.

    The second signal raises `KeyboardInterrupt`. A signal that is ignored from outside, as by `nohup`, stays ignored.
    Outside of the main thread, where Python allows no handlers, it does nothing.

    >>> with StopRequest(tell="") as stop:
    ...     signal.raise_signal(signal.SIGINT)
    ...     stop.signal == signal.SIGINT, stop.exit_code
    (True, 130)
    """

    def __init__(self, tell: str = "\nstopping after this step; once more to stop at once\n") -> None:
        self.signal: int | None = None
        self.tell = tell
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell calls a process that the signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in _WATCHED:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    self._before[number] = handler
                    signal.signal(number, self._came)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _came(self, number: int, _frame: FrameType | None) -> None:
        again = self.signal is not None
        self.signal = number
        if again:
            raise KeyboardInterrupt
        if self.tell:
            os.write(2, self.tell.encode())  # print might be what was interrupted
