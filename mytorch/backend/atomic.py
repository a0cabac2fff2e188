"""Writing a file so that whoever reads it sees the old one or the new one whole, come what may.

The data goes to a temporary name in the same folder, is forced to the disk, and then takes the file's name in
one step (``os.replace``, atomic on POSIX and Windows alike). Whatever fails on the way, the temporary file is
removed and the old file stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# What a file system answers that cannot fsync a folder, or a user who may write in a folder but not list it.
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}


def write_bytes(path: str | os.PathLike[str], data: bytes | bytearray | memoryview) -> None:
    """Write ``data`` to ``path``, in place of the file that may be there.

    The folder must exist. Raises ``OSError`` as ``open`` does; then nothing is left behind and the old file
    is whole.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder, "a.bin"), b"abc")
    ...     Path(folder, "a.bin").read_bytes()
    b'abc'
    """
    with replacing(Path(path)) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file to write to, which takes the name `path` when the block is left, or vanishes if it fails."""
    temporary = temporary_name(path)
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too: no temporary file may stay
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Write ``text`` to ``path`` as UTF-8, line ends as they are; otherwise as `write_bytes`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "a.txt"), "one\ntwo\n")
    ...     Path(folder, "a.txt").read_bytes()
    b'one\ntwo\n'
    """
    write_bytes(path, text.encode("utf-8"))


def temporary_name(path: Path) -> Path:
    """A fresh hidden name beside ``path``, different for every call and every process.

    >>> temporary_name(Path("runs/last.safetensors")).parent.as_posix()
    'runs'
    """
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")


def remove_leftovers(*folders: Path) -> None:
    """Remove the temporary files that a killed process has left in these folders. Call it when nobody else writes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     temporary_name(Path(folder, "a.bin")).touch()
    ...     remove_leftovers(Path(folder))
    ...     os.listdir(folder)
    []
    """
    for folder in folders:
        for path in folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Force the new name itself to the disk. Windows opens no folders and needs none of this."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
