"""IDX files: every type and shape, plain and compressed, and those that are no such thing."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mytorch.data.idx import looks_like_idx, read_idx, read_idx_header, read_idx_parts
from mytorch.data.table import DataError

ROOT = Path(__file__).parents[2]
CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    """The file, written by the format's description alone."""
    code = CODES[array.dtype.str[1:]]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def write(tmp_path):
    def write(content: bytes, *, packed: bool = False) -> Path:
        path = tmp_path / ("data.idx.gz" if packed else "data.idx")
        path.write_bytes(gzip.compress(content) if packed else content)
        return path

    return write


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 4, 3), (5, 1, 2, 2)])
def test_every_type_and_shape(write, kind, shape, packed):
    array = (np.arange(np.prod(shape)) % 100).reshape(shape).astype(kind)
    path = write(idx_bytes(array), packed=packed)
    whole, parts = read_idx(path), list(read_idx_parts(path, 2))
    np.testing.assert_array_equal(whole, array)
    assert [len(part) for part in parts] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(parts), array)
    assert read_idx_header(path).shape == shape


def test_a_plain_file_is_mapped_and_read_only(write):
    array = read_idx(write(idx_bytes(np.arange(6, dtype=np.uint8))))
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable


@pytest.mark.parametrize("packed", [False, True])
def test_no_rows(write, packed):
    path = write(idx_bytes(np.zeros((0, 4), np.uint8)), packed=packed)
    assert read_idx(path).shape == (0, 4)
    assert list(read_idx_parts(path, 3)) == []


WHOLE = idx_bytes(np.arange(12, dtype=np.int16).reshape(3, 4))
WRONG = {
    "empty": (b"", "is no IDX file: it begins with nothing"),
    "text": (b"crim,zn\n1,2\n", "is no IDX file: it begins with 63 72 69 6d"),
    "unknown type": (bytes([0, 0, 7, 1, 0, 0, 0, 0]), "is no IDX file"),
    "no dimension": (bytes([0, 0, 8, 0, 1]), "is no IDX file"),
    "header cut": (WHOLE[:9], "ends within its header of 2 dimensions"),
    "one byte short": (
        WHOLE[:-1],
        "is cut short: its header says 3 x 4 numbers of 2 bytes, 24 bytes; there are 23",
    ),
    "no data": (WHOLE[:12], "is cut short"),
    "one byte more": (WHOLE + b"x", "has bytes left over"),
    "claims more than any memory": (bytes([0, 0, 8, 3]) + b"\xff" * 12 + b"abc", "is cut short: its header says"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused(write, name, packed):
    content, told = WRONG[name]
    path = write(content, packed=packed)
    for read in (read_idx, lambda path: list(read_idx_parts(path, 2))):
        with pytest.raises(DataError, match=f"^{path}: ") as caught:
            read(path)
        assert told in str(caught.value)


def test_missing_directory_and_damage(write, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "no.idx")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)
    path = write(idx_bytes(np.arange(250, dtype=np.uint8)), packed=True)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="the compressed file is damaged"):
        read_idx(path)
    whole = gzip.compress(WHOLE)
    path.write_bytes(whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:])
    with pytest.raises(DataError, match="the compressed file is damaged"):
        list(read_idx_parts(path, 2))


def test_rows_without_numbers_are_refused(write):
    path = write(bytes([0, 0, 8, 2]) + struct.pack(">2I", 7, 0))
    with pytest.raises(DataError, match="hold no numbers"):
        list(read_idx_parts(path, 2))


@pytest.mark.parametrize("start", [b"", b"\0\0\x08", b"\0\0\x08\x09", b"\0\0\x0a\x01", b"\x1f\x8b\x08\x00"])
def test_what_is_no_idx_file(start):
    assert not looks_like_idx(start)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    noise=st.binary(max_size=40), begin=st.sampled_from([b"", b"\0\0\x08\x01", b"\0\0\x0d\x02"]), packed=st.booleans()
)
def test_any_bytes_are_read_or_refused(write, noise, begin, packed):
    path = write(begin + noise, packed=packed)
    told = ""
    try:
        assert idx_bytes(read_idx(path)) == begin + noise
    except DataError as error:
        told = str(error)
    assert told == "" or told.startswith(f"{path}: ")


def test_a_packed_file_streams_in_bounded_memory(tmp_path):
    """400 MB of images that pack to a few hundred KB; the process grows by less than 100 MB."""
    path = tmp_path / "images.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(bytes([0, 0, 8, 3]) + struct.pack(">3I", 400, 1000, 1000))
        for _ in range(400):
            file.write(bytes(1000 * 1000))
    program = (
        "import resource, sys\n"
        "from mytorch.data.idx import read_idx_parts\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rows = sum(len(part) for part in read_idx_parts(sys.argv[1], 16))\n"
        "print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    rows, grown = map(int, done.stdout.split())
    assert rows == 400
    assert grown < 100 * 1024  # kilobytes, of 400,000 that it unpacks
