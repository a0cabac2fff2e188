"""A few threads that share the pieces of one large computation.

NumPy lets go of Python's lock while it computes, so two threads really work at the same time; and unlike those of a
BLAS library these can share whole operations: the layout of an image, the product and the bias. Who calls decides on
the pieces, from the sizes of the arrays alone, and adds up what they give in a fixed order: then a result has the
same bits on any number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count as counter
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

from mytorch.backend import blas

Piece = TypeVar("Piece")


class _Job:
    """Pieces that several threads take from, one after the other."""

    def __init__(self, work: Callable[[Any], object], pieces: Sequence[Any]) -> None:
        self.work = work
        self.pieces: Iterator[Any] = iter(pieces)  # taking the next one is a single step for Python: no lock
        self.total = len(pieces)
        self.ended = counter(1)
        self.all_ended: SimpleQueue[None] = SimpleQueue()
        self.error: BaseException | None = None

    def take_part(self) -> None:
        """Work on pieces until none is left."""
        for piece in self.pieces:
            try:
                if self.error is None:
                    self.work(piece)
            except BaseException as error:
                self.error = error
            if next(self.ended) == self.total:
                self.all_ended.put(None)


class _Workers:
    """The threads beside the caller's own: started when they are first needed."""

    def __init__(self) -> None:
        self.started = 0
        self.jobs: SimpleQueue[_Job] = SimpleQueue()

    def ask(self, job: _Job, workers: int) -> None:
        while self.started < workers:
            self.started += 1
            threading.Thread(target=self._serve, name=f"mytorch-{self.started}", daemon=True).start()
        for _ in range(workers):
            self.jobs.put(job)

    def _serve(self) -> None:
        np.seterr(all="ignore")  # NumPy keeps this for each thread
        _this_thread.busy = True
        while True:
            self.jobs.get().take_part()


MOST = 4  # threads that nobody has asked for: the more there are, the longer they wait for Python's lock


def _default_count() -> int:
    """One for each core that this process may use; with threads of BLAS that the user has asked for, these alone."""
    if any(name in os.environ for name in blas.THREADS):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST)


_this_thread = threading.local()
_workers = _Workers()
_count = _default_count()


def get_count() -> int:
    """How many threads a computation may use.

    >>> get_count() >= 1
    True
    """
    return _count


def set_count(count: int) -> None:
    """Let computations use that many threads; 1 computes everything where it is called."""
    global _count
    _count = count


def run(work: Callable[[Piece], object], pieces: Sequence[Piece]) -> None:
    """Call `work` with every piece, on several threads if they are allowed; returns when all are done.

    The pieces must not depend on each other, and should take a tenth of a millisecond or more each: to wake a thread
    takes some twenty microseconds. Work that itself calls `run` gets its pieces done one after the other.

    Raises:
        the first error that `work` raises; pieces that were not begun are then left.

    >>> squares = [0] * 4
    >>> run(lambda i: squares.__setitem__(i, i * i), range(4))
    >>> squares
    [0, 1, 4, 9]
    """
    workers = min(_count, len(pieces)) - 1
    if workers < 1 or getattr(_this_thread, "busy", False):
        for piece in pieces:
            work(piece)
        return
    job = _Job(work, pieces)
    _workers.ask(job, workers)
    _this_thread.busy = True
    try:
        job.take_part()
    finally:
        _this_thread.busy = False
    job.all_ended.get()
    if job.error is not None:
        raise job.error


def _forget_workers() -> None:
    """A process that was forked has this one's memory, but none of its threads."""
    global _workers
    _workers = _Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
