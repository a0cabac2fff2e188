"""How a run stands, told from its files: a lock that is held or was left behind, and a failure that was recorded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from mytorch.training.errors import RunFailed, Stopped
from mytorch.training.runs.lock import RunLock, is_held
from mytorch.training.runs.outcome import recording_failure, state_of
from mytorch.training.runs.run import Run


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, "example")


def test_a_lock_is_held_while_its_holder_runs(run):
    assert not is_held(run.lock)
    with RunLock(run.lock):
        text = run.lock.read_bytes()
        assert is_held(run.lock)
        assert state_of(run) == "running"
        assert run.lock.read_bytes() == text
    assert not is_held(run.lock)


def test_looking_does_not_keep_the_lock(run):
    run.lock.write_text("")
    assert not is_held(run.lock)
    with RunLock(run.lock):
        pass


def test_a_lock_file_that_was_left_behind_is_not_held(run):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid()):  # the second number is that of another process by now
        run.lock.write_text(json.dumps({"process": process, "host": socket.gethostname(), "since": "2026-01-31"}))
        assert not is_held(run.lock)
        assert state_of(run) == "interrupted"


def test_a_failure_is_recorded_and_forgotten_when_the_run_goes_on(run):
    with pytest.raises(RunFailed), recording_failure(run):
        raise RunFailed("the loss is nan")
    assert json.loads(run.failure.read_text()) == {"kind": "RunFailed", "message": "the loss is nan"}
    assert state_of(run) == "failed"
    with pytest.raises(Stopped), recording_failure(run):
        raise Stopped
    assert not run.failure.exists()
    with pytest.raises(KeyboardInterrupt), recording_failure(run):
        raise KeyboardInterrupt
    assert state_of(run) == "interrupted"


WHOLE = {
    "state": "finished",
    "epochs": 3,
    "steps": 3,
    "best_epoch": 3,
    "seconds": 1.5,
    "best": {"test": {"loss": "nan"}},
}


def test_a_whole_summary_means_finished(run):
    run.summary.write_text(json.dumps(WHOLE))
    assert state_of(run) == "finished"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "3",
        *(
            json.dumps(WHOLE | change)
            for change in (
                {"best": {}},
                {"best": {"test": {"loss": "low"}}},
                {"best": [1]},
                {"steps": None},
                {"state": "x"},
            )
        ),
    ],
)
def test_a_summary_that_is_none_counts_for_nothing(run, text):
    run.summary.write_text(text)
    assert state_of(run) == "interrupted"
