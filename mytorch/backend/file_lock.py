"""Locks of the operating system on files, for what only one process at a time may do.

The system lets go of a lock when its process ends, in whatever way, so that the file of a process that was killed
hinders nobody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from pathlib import Path

_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
_BEHIND_THE_TEXT = 1 << 20  # Windows locks bytes, and nobody can read those; so one that is never written


def lock_file(path: Path) -> int | None:
    """The descriptor of the file, made if it is not there, and locked; None if another process has the lock.

    Raises ``OSError`` as ``os.open`` does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     descriptor = lock_file(Path(folder, "lock"))
    ...     again = lock_file(Path(folder, "lock"))
    ...     unlock_file(descriptor, Path(folder, "lock"))
    ...     again is None, Path(folder, "lock").exists()
    (True, False)
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not take(descriptor):
                os.close(descriptor)
                return None
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # another process has removed the file in between: open it again


def unlock_file(descriptor: int, path: Path) -> None:
    """Remove the file, which may be gone already, and let go of the lock."""
    # Removed while it is held: who has opened it in the meantime sees, in `lock_file`, that it is no longer the one.
    with contextlib.suppress(OSError):
        if os.name == "nt":
            os.close(descriptor)  # an open file cannot be removed there
        path.unlink(missing_ok=True)
    if os.name != "nt":
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def take(descriptor: int) -> bool:
        """Lock an open file; False if another process has the lock."""
        os.lseek(descriptor, _BEHIND_THE_TEXT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def take(descriptor: int) -> bool:
        """Lock an open file; False if another process has the lock."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return False
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            warnings.warn("this file system has no locks: see to it yourself that only one writes there", stacklevel=5)
        return True
