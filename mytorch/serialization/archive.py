"""The zip archive of a saved file: its records, where they lie, and what is said of an archive that is damaged.

The records are `data.pkl` (everything but the tensors' elements), `data/0`, `data/1` ... (the bytes of the storages),
`byteorder` and `version`, all in one folder and not compressed.
"""

from __future__ import annotations

import contextlib
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

FOLDER = "archive"
ALIGNMENT = 64  # bytes: where storages begin in the file, so that it can be mapped into memory
_LARGE = 2_000_000_000  # from here on a record is written with ZIP64 headers, 20 bytes longer
_LOCAL_HEADER = 30  # bytes before a record's name


class _Counted:
    """A binary file that counts what is written to it; zipfile does not seek in it."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.position = 0

    def write(self, data: Any) -> int:
        self.file.write(data)
        size = memoryview(data).nbytes
        self.position += size
        return size

    def flush(self) -> None:
        if hasattr(self.file, "flush"):
            self.file.flush()


def write_archive(file: Any, pickled: bytes, storages: Sequence[Bytes]) -> None:
    """Write a pickle and the storages that it names to an open binary file."""
    counted = _Counted(file)
    records: list[tuple[str, Any]] = [("data.pkl", pickled), ("byteorder", sys.byteorder.encode())]
    records += [(f"data/{number}", storage.data) for number, storage in enumerate(storages)]
    records.append(("version", b"3\n"))
    with zipfile.ZipFile(counted, "w") as archive:  # type: ignore[call-overload]
        for name, data in records:
            record = zipfile.ZipInfo(f"{FOLDER}/{name}")
            large = len(data) > _LARGE
            start = counted.position + _LOCAL_HEADER + len(record.filename) + 20 * large + 4
            padding = -start % ALIGNMENT
            record.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            with archive.open(record, "w", force_zip64=large) as out:
                out.write(data)


class Archive:
    """A saved file, open for reading.

    Args:
        file: a binary file at its beginning.
        name: what messages call it.

    Attributes:
        swapped: whether numbers lie there in the other byte order than this machine's.

    Raises:
        EOFError: the file is empty or was read to its end.
        RuntimeError: it is damaged, or no such archive.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        if not magic:
            raise EOFError(f"{name}: nothing to read. It is empty, or was read to its end: call seek(0) first")
        if magic[:1] == b"\x80":
            raise RuntimeError(
                f"{name} is a bare pickle, as PyTorch wrote before version 1.6 (or with _use_new_zipfile_serialization="
                "False). Load it with PyTorch and save it again there."
            )
        if not magic.startswith(b"PK"):
            raise RuntimeError(f"{name} is no file that save() of mytorch or PyTorch wrote: it is not a zip archive.")
        with self._damage():
            self._zip = zipfile.ZipFile(file)
        names = self._zip.namelist()
        folders = [n.removesuffix("data.pkl") for n in names if n.count("/") == 1 and n.endswith("/data.pkl")]
        if not folders:
            raise RuntimeError(f"{name} is a zip archive, but no file that save() wrote: it has no record data.pkl.")
        self._folder = folders[0]
        if f"{self._folder}constants.pkl" in names:
            raise RuntimeError(
                f"{name} is a TorchScript program, not weights. Load it with torch.jit.load in PyTorch and save its "
                "state_dict()."
            )
        order = self.read("byteorder").decode("latin1") if f"{self._folder}byteorder" in names else "little"
        if order not in ("little", "big"):
            raise RuntimeError(f"{name} is damaged: its byte order is {order!r}.")
        self.swapped = order != sys.byteorder

    def read(self, record: str) -> bytes:
        """The bytes of a record."""
        with self._damage():
            return self._zip.read(self._folder + record)

    def storage(self, key: str, size: int) -> Bytes:
        """The memory of a storage of `size` bytes, read anew."""
        with self._damage():
            info = self._zip.getinfo(f"{self._folder}data/{key}")
            if info.file_size != size:
                raise EOFError(f"record data/{key} has {info.file_size} bytes, not {size}")
            memory = np.empty(size, np.uint8)
            with self._zip.open(info) as record:
                view, done = memory.data, 0
                while done < size:
                    done += record.readinto(view[done:]) or self._ends(key)  # type: ignore[attr-defined]
                record.read()  # to the end, where the checksum is compared
            return memory

    @staticmethod
    def _ends(key: str) -> int:
        raise EOFError(f"record data/{key} ends early")

    @contextlib.contextmanager
    def _damage(self) -> Iterator[None]:
        """One kind of error for all that can be wrong with a zip archive."""
        try:
            yield
        except (
            zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, ValueError, NotImplementedError,
            RuntimeError, MemoryError, OSError,
        ) as error:  # fmt: skip
            raise RuntimeError(
                f"{self.name} cannot be read: it is damaged or was cut off ({error or type(error).__name__})."
            ) from None
