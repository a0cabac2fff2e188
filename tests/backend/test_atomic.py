"""Atomic writes: whole files or none, and nothing left over."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mytorch.backend import atomic


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old\n")
    atomic.write_text(str(path), "né\r\n")
    assert path.read_bytes() == "né\r\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "ours", b"")
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic.write_bytes(tmp_path / "none" / "a", b"")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not fsync folders")
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_broken_disk_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, folder_error = os.fsync, errno.EINVAL

    def sync_files_only(descriptor: int) -> None:
        if os.path.isdir(f"/dev/fd/{descriptor}"):
            raise OSError(folder_error, "told to fail")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync_files_only)
    atomic.write_bytes(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    folder_error = errno.EIO
    with pytest.raises(OSError, match="told to fail"):
        atomic.write_bytes(tmp_path / "a", b"y")


def test_concurrent_writers_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    contents = [bytes([letter]) * 50_000 for letter in b"abcd"]
    atomic.write_bytes(path, contents[0])
    torn: list[bytes] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            data = path.read_bytes()
            if data not in contents:
                torn.append(data[:20])

    def write(content: bytes) -> None:
        for _ in range(10):
            atomic.write_bytes(path, content)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not torn
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    program = (
        "import sys\n"
        "from mytorch.backend import atomic\n"
        "for number in range(10**9):\n"
        "    atomic.write_bytes(sys.argv[1], b'%d' % (number % 10) * 200_000)\n"
        "    print(number, flush=True)\n"
    )
    for kill_after in range(3):
        with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(kill_after + 1):
                process.stdout.readline()
            process.kill()
        data = path.read_bytes()
        assert data == data[:1] * 200_000
