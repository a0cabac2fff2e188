"""Downloading the files of a data set: several mirrors, known SHA-256, broken downloads taken up again.

pooch checks the hash and puts a file in place only if it is right; what it lacks is here: going on where a download
broke off (HTTP Range, RFC 9110, section 14), the next mirror, and one line that says what a person can do without a
network. pooch and requests are imported when something has to be downloaded, not before.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mytorch.backend.file_lock import lock_file, unlock_file
from mytorch.data.table import DataError

__all__ = ["download"]

TIMEOUT = (10.0, 30.0)  # seconds to connect, and to wait for the next bytes
_BYTES_AT_ONCE = 1 << 16
_SECONDS_TO_WAIT = 0.1  # before another process is looked for again

Shown = Callable[[str, int, "int | None"], None]  # the file's name, bytes that are there, bytes that will be there


class _MirrorError(Exception):
    """A mirror did not give the file; the message says why, in a few words."""


def download(files: Mapping[str, str], folder: Path, mirrors: Sequence[str], what: str) -> None:
    """Download files into a folder, from the first mirror that gives the right ones.

    What has come of a file before a connection broke off stays as ``NAME.part``, and the next mirror, or the next
    call, goes on from there. A file with another hash is not kept. If another process downloads to the folder, it is
    waited for, and what it has brought is not downloaded again.

    Args:
        files: the names of the files, each with its SHA-256 in hexadecimal. Those that are there are left as they are.
        folder: where they go; it is made if it is not there.
        mirrors: addresses of folders that hold the files, ending with ``/``, in the order in which to try them.
        what: the data set's name, for messages.

    Raises:
        DataError: no mirror gives one of the files; one line says why, and which files to put where by hand. Or the
            folder cannot be written to.
    """
    order = list(mirrors)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(what, folder):
            left = [name for name in files if not (folder / name).exists()]
            if not left:
                return
            with _shown(what, folder, len(left)) as shown:
                while left:
                    failures: dict[str, str] = {}
                    for mirror in list(order):
                        try:
                            _fetch(mirror + left[0], files[left[0]], folder, shown)
                            break
                        except _MirrorError as failure:
                            failures[urlsplit(mirror).netloc] = str(failure)
                            order.append(order.pop(0))  # the last one to be tried for the other files
                    else:
                        raise DataError(_what_to_do(what, left, folder, failures))
                    del left[0]
    except KeyboardInterrupt:
        print("the download was interrupted; the next call goes on from here", file=sys.stderr)
        raise
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{what}: cannot write to {folder}: {reason}; name another one with folder") from error


@contextmanager
def _alone(what: str, folder: Path) -> Iterator[None]:
    """Two processes that append to the same part of a file would spoil it: one of them waits."""
    path = folder / "download.lock"
    descriptor = lock_file(path)
    if descriptor is None:
        print(f"waiting for another process, which downloads {what} to {folder}", file=sys.stderr, flush=True)
    while descriptor is None:
        time.sleep(_SECONDS_TO_WAIT)
        descriptor = lock_file(path)
    try:
        yield
    finally:
        unlock_file(descriptor, path)


def _what_to_do(what: str, names: Sequence[str], folder: Path, failures: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{host}: {reason}" for host, reason in failures.items())
    return (
        f"{what}: cannot be downloaded ({reasons}); put {', '.join(names)}, as they are or unpacked, "
        f"into {folder.absolute()}"
    )


def _fetch(url: str, sha256: str, folder: Path, shown: Shown) -> None:
    """Download one file from one mirror. Raises _MirrorError, or OSError where it cannot be written."""
    import pooch
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    pooch.get_logger().setLevel("WARNING")  # it announces every file
    name = url.rpartition("/")[2]
    downloader = _Downloader(folder / f"{name}.part", name, shown)
    try:
        pooch.retrieve(url, f"sha256:{sha256}", name, folder, downloader=downloader)
    except (RequestException, HTTPError) as error:  # the latter where the connection breaks off later
        raise _MirrorError(_reason(error)) from error
    except ValueError as error:  # pooch's, for another hash; the file is gone
        if downloader.resumed:  # the part that was there may have been of another file
            _fetch(url, sha256, folder, shown)
            return
        raise _MirrorError("another file came, which was not kept") from error


class _Downloader:
    """What pooch calls to download: goes on with the part that is there."""

    def __init__(self, part: Path, name: str, shown: Shown) -> None:
        self.part = part
        self.name = name
        self.shown = shown
        self.resumed = False

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        import requests

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            nothing_more = have > 0 and response.status_code == 416  # the hash will tell if the part is all
            goes_on = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            self.resumed = nothing_more or (have > 0 and response.status_code == 206 and goes_on)
            if not nothing_more:
                response.raise_for_status()
                self._write(response, have if self.resumed else 0)
        os.replace(self.part, output_file)

    def _write(self, response: Any, have: int) -> None:
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        with open(self.part, "ab" if have else "wb") as file:
            # Not `iter_content`, which would unpack what a server says to have packed for the way.
            for block in response.raw.stream(_BYTES_AT_ONCE, decode_content=False):
                have += file.write(block)
                self.shown(self.name, have, total)
            file.flush()
            os.fsync(file.fileno())


def _reason(error: Exception) -> str:
    """Why a mirror did not give a file, in a few words."""
    import requests
    from urllib3.exceptions import ReadTimeoutError

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, (requests.Timeout, ReadTimeoutError)):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate cannot be checked"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.RequestException):
        return type(error).__name__
    return "the connection broke off"


@contextmanager
def _shown(what: str, folder: Path, count: int) -> Iterator[Shown]:
    """A bar for each file on a terminal, one line elsewhere; both on standard error."""
    stream = sys.stderr
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        print(f"downloading {what} to {folder} ({count} file{'s' * (count > 1)})", file=stream, flush=True)
        yield lambda _name, _have, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(file=stream), redirect_stdout=False) as progress:
        tasks: dict[str, Any] = {}

        def show(name: str, have: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name)
            progress.update(tasks[name], completed=have, total=total)

        yield show
