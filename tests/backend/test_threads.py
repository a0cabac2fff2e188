"""Pieces of work on several threads: all are done, once; errors arrive; work in work and forked processes go on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from mytorch.backend import threads


@pytest.fixture(params=[1, 2, 4], autouse=True)
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    before = threads.get_count()
    threads.set_count(request.param)
    yield request.param
    threads.set_count(before)


def test_every_piece_is_done_once() -> None:
    for pieces in range(9):
        for _ in range(50):
            done: list[int] = []
            threads.run(done.append, range(pieces))
            assert sorted(done) == list(range(pieces))


def test_pieces_run_at_the_same_time(count: int) -> None:
    if count == 1:
        here: set[int] = set()
        threads.run(lambda _: here.add(threading.get_ident()), range(4))
        assert here == {threading.get_ident()}
    else:
        meeting = threading.Barrier(count, timeout=10)  # none gets past it alone
        threads.run(lambda _: meeting.wait(), range(count))


def test_the_first_error_arrives_and_the_threads_go_on() -> None:
    def work(piece: int) -> None:
        time.sleep(0.001)
        if piece == 2:
            raise ValueError("piece 2")

    for _ in range(3):
        with pytest.raises(ValueError, match="piece 2"):
            threads.run(work, range(8))
    test_every_piece_is_done_once()


def test_work_may_call_for_work() -> None:
    done: list[tuple[int, int]] = []
    threads.run(lambda i: threads.run(lambda j: done.append((i, j)), range(3)), range(4))
    assert sorted(done) == [(i, j) for i in range(4) for j in range(3)]


def test_several_callers_at_once() -> None:
    results: dict[int, list[int]] = {i: [] for i in range(4)}
    callers = [
        threading.Thread(target=lambda i=i: [threads.run(results[i].append, range(20)) for _ in range(50)])  # type: ignore[misc]
        for i in results
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert all(sorted(found) == sorted(list(range(20)) * 50) for found in results.values())


def test_numpy_warns_of_nothing_in_any_thread() -> None:
    with np.errstate(all="ignore"):
        threads.run(lambda _: np.ones(3) / np.zeros(3), range(8))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_starts_its_own_threads(count: int) -> None:
    threads.run(lambda _: None, range(4))
    process = os.fork()
    if process == 0:
        done: list[int] = []
        threads.run(done.append, range(20))
        os._exit(0 if sorted(done) == list(range(20)) else 1)
    assert os.waitpid(process, 0)[1] == 0
