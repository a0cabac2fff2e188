"""One run, one writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mytorch.backend import file_lock
from mytorch.training.errors import UserError
from mytorch.training.runs.lock import RunLock, holder_of

HOLD = (
    "import sys\nfrom pathlib import Path\nfrom mytorch.training.runs.lock import RunLock\n"
    "with RunLock(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.readline()\n"
)


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_it_is_there_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with RunLock(path):
        found = holder_of(path)
        assert found is not None
        assert found["process"] == os.getpid()
    assert not path.exists()
    assert holder_of(path) is None


def test_a_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        with (
            pytest.raises(UserError, match=rf"is being trained by process {process.pid} on .* since 20"),
            RunLock(path),
        ):
            pass
        process.communicate("end\n")
    with RunLock(path):
        pass
    assert not path.exists()


def test_a_second_one_in_the_same_process(tmp_path: Path) -> None:
    with RunLock(tmp_path / "lock"):
        with pytest.raises(UserError, match="is being trained"), RunLock(tmp_path / "lock"):
            pass
        assert (tmp_path / "lock").exists()


def test_the_lock_of_a_dead_process_hinders_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()
    assert holder_of(path) is not None
    with RunLock(path):
        found = holder_of(path)
        assert found is not None
        assert found["process"] == os.getpid()


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff\xfe", b"[1]", b"{}", b'{"process": 1}' + b" " * 10000])
def test_any_content_of_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "lock").write_bytes(content)
    with RunLock(tmp_path / "lock"):
        assert holder_of(tmp_path / "lock") is not None


def test_a_file_that_was_removed_in_between_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, take, calls = tmp_path / "lock", file_lock.take, []

    def remove_first(descriptor: int) -> bool:
        if not calls:
            path.unlink()  # its holder ended between our opening and our locking
        calls.append(descriptor)
        return take(descriptor)

    monkeypatch.setattr(file_lock, "take", remove_first)
    with RunLock(path):
        assert path.exists()
        assert len(calls) == 2


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot lock .*No such file"), RunLock(tmp_path / "none" / "lock"):
        pass


def test_a_directory_that_vanishes_while_it_is_held(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with RunLock(folder / "lock"):
        (folder / "lock").unlink()
        folder.rmdir()


@pytest.mark.skipif(sys.platform == "win32", reason="flock")
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="has no locks"), RunLock(tmp_path / "lock"):
        pass
