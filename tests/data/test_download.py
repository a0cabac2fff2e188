"""Downloads: mirrors in turn, broken ones taken up again, wrong files refused; from a server in this process."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mytorch.data.download import download
from mytorch.data.table import DataError

CONTENT = bytes(range(256)) * 1000
NAMES = ["first.gz", "second.gz"]
FILES = {name: CONTENT + name.encode() for name in NAMES}
WANTED = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


class Mirror(http.server.ThreadingHTTPServer):
    """Serves `files`; `breaks_at` closes the connection after so many bytes, `ranges` says whether it knows Range.

    It takes a `pause`, in seconds, in the middle of each file.
    """

    def __init__(
        self,
        files: dict[str, bytes],
        breaks_at: int | None = None,
        ranges: bool = True,
        encoding: str = "",
        pause: float = 0,
    ):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.breaks_at, self.ranges, self.encoding, self.pause = files, breaks_at, ranges, encoding, pause
        self.asked: list[tuple[str, str | None]] = []  # names and ranges
        self.url = f"http://127.0.0.1:{self.server_port}/data/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        name, wanted = self.path.removeprefix("/data/"), self.headers.get("Range")
        self.server.asked.append((name, wanted))
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.server.encoding:
            self.send_header("Content-Encoding", self.server.encoding)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        middle = start + 70_000
        self.wfile.write(content[start : self.server.breaks_at][:70_000])
        time.sleep(self.server.pause)
        self.wfile.write(content[middle : self.server.breaks_at])

    def log_message(self, *_arguments):
        """Nothing on standard error."""


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    started = []

    def start(files=FILES, **behaviour):
        server = Mirror(files, **behaviour)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def dead(mirror):
    """The address of a server that is gone."""
    server = Mirror({})
    server.server_close()
    return server.url


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_come_and_nothing_else_stays(mirror, tmp_path, capsys):
    good = mirror()
    folder = tmp_path / "new" / "data"
    download(WANTED, folder, [good.url], "digits")
    assert {name: (folder / name).read_bytes() for name in names_in(folder)} == FILES
    assert good.asked == [("first.gz", None), ("second.gz", None)]
    assert capsys.readouterr().err == f"downloading digits to {folder} (2 files)\n"


def test_the_next_mirror_is_tried_and_stays_the_first_for_what_follows(mirror, dead, tmp_path):
    empty, good = mirror({}), mirror()
    download(WANTED, tmp_path, [dead, empty.url, good.url], "digits")
    assert names_in(tmp_path) == NAMES
    assert empty.asked == [("first.gz", None)]
    assert len(good.asked) == 2


def test_a_broken_download_goes_on_at_the_next_mirror(mirror, tmp_path):
    broken, good = mirror(breaks_at=100_000), mirror()
    download({"first.gz": WANTED["first.gz"]}, tmp_path, [broken.url, good.url], "digits")
    assert (tmp_path / "first.gz").read_bytes() == FILES["first.gz"]
    ((_name, wanted),) = good.asked
    assert wanted is not None
    assert 0 < int(wanted.removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_a_broken_download_goes_on_at_the_next_call(mirror, tmp_path):
    broken = mirror(breaks_at=100_000)
    with pytest.raises(DataError, match="the connection broke off"):
        download(WANTED, tmp_path, [broken.url], "digits")
    assert names_in(tmp_path) == ["first.gz.part"], "no file under its own name before it is whole"
    have = (tmp_path / "first.gz.part").stat().st_size
    assert 0 < have <= 100_000
    good = mirror()
    download(WANTED, tmp_path, [good.url], "digits")
    assert good.asked[0] == ("first.gz", f"bytes={have}-")
    assert names_in(tmp_path) == NAMES


def test_an_interrupted_download_goes_on_at_the_next_call(mirror, tmp_path, monkeypatch, capsys):
    good = mirror()
    replace = os.replace

    def interrupted(part, path):
        monkeypatch.setattr(os, "replace", replace)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)  # when all has come, but is not yet under its name
    with pytest.raises(KeyboardInterrupt):
        download(WANTED, tmp_path, [good.url], "digits")
    assert capsys.readouterr().err.endswith("the download was interrupted; the next call goes on from here\n")
    assert names_in(tmp_path) == ["first.gz.part"]
    download(WANTED, tmp_path, [good.url], "digits")
    assert good.asked[1] == ("first.gz", f"bytes={len(FILES['first.gz'])}-")
    assert names_in(tmp_path) == NAMES


@pytest.mark.parametrize("wrong", [b"<html>log in</html>", CONTENT, FILES["first.gz"] + b"x", b""])
def test_another_file_is_refused_and_not_kept(mirror, tmp_path, wrong):
    bad = mirror({"first.gz": wrong})
    with pytest.raises(DataError, match="another file came, which was not kept"):
        download(WANTED, tmp_path, [bad.url], "digits")
    assert names_in(tmp_path) == []
    download(WANTED, tmp_path, [bad.url, mirror().url], "digits")
    assert names_in(tmp_path) == NAMES


@pytest.mark.parametrize("part", [b"of another file", FILES["first.gz"] + b"too long"])
def test_a_part_of_another_file_is_left_behind(mirror, tmp_path, part):
    (tmp_path / "first.gz.part").write_bytes(part)
    good = mirror()
    download(WANTED, tmp_path, [good.url], "digits")
    assert good.asked[:2] == [("first.gz", f"bytes={len(part)}-"), ("first.gz", None)]
    assert (tmp_path / "first.gz").read_bytes() == FILES["first.gz"]


def test_a_part_that_is_the_whole_file_is_taken(mirror, tmp_path):
    (tmp_path / "first.gz.part").write_bytes(FILES["first.gz"])
    good = mirror()
    download(WANTED, tmp_path, [good.url], "digits")
    assert [name for name, _ in good.asked] == NAMES
    assert names_in(tmp_path) == NAMES


def test_a_server_without_ranges_sends_all_again(mirror, tmp_path):
    (tmp_path / "first.gz.part").write_bytes(FILES["first.gz"][:5000])
    download(WANTED, tmp_path, [mirror(ranges=False).url], "digits")
    assert (tmp_path / "first.gz").read_bytes() == FILES["first.gz"]


def test_a_packed_file_stays_packed_whatever_the_server_calls_it(mirror, tmp_path):
    download(WANTED, tmp_path, [mirror(encoding="gzip").url], "digits")
    assert (tmp_path / "first.gz").read_bytes() == FILES["first.gz"]


def test_without_a_network_one_line_says_what_to_do(mirror, dead, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        download(WANTED, Path("datasets") / "digits", [dead, mirror({}).url], "digits")
    message = str(error.value)
    assert "\n" not in message
    assert "no connection" in message
    assert "HTTP 404" in message
    assert f"put first.gz, second.gz, as they are or unpacked, into {tmp_path / 'datasets' / 'digits'}" in message


def test_only_what_is_still_missing_is_asked_for(mirror, tmp_path):
    with pytest.raises(DataError, match=r"put second\.gz, as"):
        download(WANTED, tmp_path, [mirror({"first.gz": FILES["first.gz"]}).url], "digits")
    assert names_in(tmp_path) == ["first.gz"]


def test_a_folder_that_cannot_be_written_to(mirror, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"digits: cannot write to .*file.data"):
        download(WANTED, tmp_path / "file" / "data", [mirror().url], "digits")


def test_two_processes_at_once_do_not_spoil_each_others_files(mirror, tmp_path):
    program = (
        "import json, sys\nfrom pathlib import Path\nfrom mytorch.data.download import download\n"
        "download(json.loads(sys.argv[1]), Path(sys.argv[2]), [sys.argv[3]], 'digits')\n"
    )
    slow = mirror(pause=0.3)
    arguments = [sys.executable, "-c", program, json.dumps(WANTED), str(tmp_path), slow.url]
    processes = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[1] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    line = f"downloading digits to {tmp_path} (2 files)\n"
    assert said == [line, f"waiting for another process, which downloads digits to {tmp_path}\n"]
    assert [name for name, _ in slow.asked] == NAMES, "each file once"
    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == FILES


def test_a_bar_on_a_terminal(mirror, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    download(WANTED, tmp_path, [mirror().url], "digits")
    shown = terminal.getvalue()
    assert "first.gz" in shown
    assert "256.0/256.0 kB" in shown
