"""IDX files, the format of MNIST: arrays of any shape with a short header, plain or gzip-compressed.

Plain files are mapped into memory, not read; compressed ones are unpacked as they are read. A file that is shorter or
longer than its header says is refused, and a header alone never makes memory be taken. The format: two zero bytes, a
byte for the type of the numbers, one for the count of dimensions, each dimension as 4 bytes, then the numbers, the
most significant byte first (http://yann.lecun.com/exdb/mnist).
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from mytorch.data.table import DataError

__all__ = ["IdxHeader", "looks_like_idx", "read_idx", "read_idx_header", "read_idx_parts"]

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8  # MNIST has 3 and 1; more than these, and it is some other file that begins with zeros
_BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class IdxHeader:
    """What the first bytes of an IDX file say: the shape, and the numbers' type, as they are stored (big-endian)."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def offset(self) -> int:
        """Where the numbers begin."""
        return 4 + 4 * len(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return math.prod(self.shape) * self.dtype.itemsize


def looks_like_idx(start: bytes) -> bool:
    """Whether a file that begins with these 4 bytes (unpacked) is one.

    >>> looks_like_idx(bytes([0, 0, 8, 3])), looks_like_idx(b"crim")
    (True, False)
    """
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _TYPES and 1 <= start[3] <= _MOST_DIMENSIONS


def read_idx_header(path: str | os.PathLike[str]) -> IdxHeader:
    """The shape and type of an IDX file. Raises DataError if it is none."""
    with _opened(path) as file:
        return _header(path, file)


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """The array of an IDX file: mapped and read-only if the file is plain, in memory if it is compressed.

    Numbers of several bytes keep the file's order of bytes, which NumPy calculates with as with any other.

    Raises:
        DataError: the file is missing, no IDX file, shorter or longer than it should be, or damaged.

    >>> import tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "labels.idx1-ubyte")
    >>> with open(path, "wb") as file:
    ...     _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
    >>> read_idx(path).tolist()
    [5, 0, 4]
    """
    with _opened(path) as file:
        header = _header(path, file)
        if isinstance(file, gzip.GzipFile):
            data = bytearray()  # unlike joined pieces it takes the memory once
            for block in _blocks(path, file, header, _BYTES_AT_ONCE):
                data += block
            return np.frombuffer(data, header.dtype).reshape(header.shape)
        _check_size(path, file, header)
    if header.nbytes == 0:  # nothing that could be mapped
        return np.zeros(header.shape, header.dtype)
    return np.memmap(path, header.dtype, mode="r", offset=header.offset, shape=header.shape)


def read_idx_parts(path: str | os.PathLike[str], rows: int) -> Iterator[npt.NDArray[Any]]:
    """The same in arrays of up to so many rows, so that memory stays bounded, of compressed files too.

    Raises:
        DataError: as `read_idx`; for a compressed file once the reading comes to the mistake.
    """
    with _opened(path) as file:
        header = _header(path, file)
        if not isinstance(file, gzip.GzipFile):
            _check_size(path, file, header)
        row = header.shape[1:]
        row_bytes = math.prod(row) * header.dtype.itemsize
        if row_bytes == 0:
            raise DataError(f"{path}: has rows of the shape {row}, which hold no numbers")
        for block in _blocks(path, file, header, rows * row_bytes):
            yield np.frombuffer(block, header.dtype).reshape(-1, *row)


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """The file, unpacked if it is compressed; what goes wrong while it is open becomes a DataError."""
    try:
        with open(path, "rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed file is damaged: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _header(path: str | os.PathLike[str], file: BinaryIO) -> IdxHeader:
    start = file.read(4)
    if not looks_like_idx(start):
        told = " ".join(f"{byte:02x}" for byte in start) or "nothing"
        raise DataError(
            f"{path}: is no IDX file: it begins with {told}, expected 00 00, a type (08, 09, 0b to 0e) and the number "
            "of dimensions"
        )
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise DataError(f"{path}: ends within its header of {start[3]} dimensions; it is cut short")
    return IdxHeader(struct.unpack(f">{start[3]}I", sizes), np.dtype(_TYPES[start[2]]))


def _check_size(path: str | os.PathLike[str], file: BinaryIO, header: IdxHeader) -> None:
    found = os.fstat(file.fileno()).st_size - header.offset
    if found != header.nbytes:
        raise _wrong_size(path, header, f"{found}")


def _blocks(path: str | os.PathLike[str], file: BinaryIO, header: IdxHeader, size: int) -> Iterator[bytes]:
    """The bytes behind the header, as many as there should be, so many at once."""
    for start in range(0, header.nbytes, size):
        wanted = min(size, header.nbytes - start)
        block = bytearray()  # grows with what really comes, whatever the header says
        while len(block) < wanted:
            piece = file.read(min(_BYTES_AT_ONCE, wanted - len(block)))
            if not piece:
                raise _wrong_size(path, header, f"{start + len(block)}")
            block += piece
        yield bytes(block)
    if file.read(1):
        raise _wrong_size(path, header, "more")


def _wrong_size(path: str | os.PathLike[str], header: IdxHeader, found: str) -> DataError:
    shape = " x ".join(map(str, header.shape))
    what = "has bytes left over" if found == "more" or int(found) > header.nbytes else "is cut short"
    return DataError(
        f"{path}: {what}: its header says {shape} numbers of {header.dtype.itemsize} bytes, {header.nbytes} bytes; "
        f"there are {found}"
    )
