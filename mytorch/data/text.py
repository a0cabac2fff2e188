"""Opening text files, plain or gzip-compressed, in a stated encoding, with every failure told as a `DataError`.

Whatever the encoding, what comes out is blocks of whole lines in UTF-8: bytes are what numbers are quickly read from.
No line may be longer than `LONGEST_LINE` bytes, so that a file without line ends, or a small compressed one that
unpacks to a very large one, cannot fill the memory.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from mytorch.data.names import did_you_mean
from mytorch.data.table import DataError

__all__ = ["BLOCK", "LONGEST_LINE", "lines_of", "matching_files", "open_blocks", "open_text"]

BLOCK = 1 << 19  # bytes that are read at once
LONGEST_LINE = 64 << 20  # bytes

# Encodings that text which is not UTF-8 is often in: of Western Europe and of Korea.
OFTEN_MEANT = ("cp1252", "cp949")


def matching_files(path: str | os.PathLike[str]) -> list[str]:
    """The files that `path` stands for: itself, or those that a pattern with ``*``, ``?`` or ``[`` fits, sorted.

    Raises:
        DataError: no file fits the pattern.
    """
    name = os.fspath(path)
    if os.path.exists(name) or not glob.has_magic(name):
        return [name]
    found = sorted(file for file in glob.glob(name, recursive=True) if os.path.isfile(file))
    if not found:
        folder = os.path.dirname(name) or "."
        raise DataError(f"{name}: no file in {os.path.abspath(folder)!r} fits this pattern")
    return found


@contextmanager
def open_text(path: str | os.PathLike[str], encoding: str) -> Iterator[Iterator[str]]:
    """The lines of a text file, each with its end; otherwise as `open_blocks`."""
    with open_blocks(path, encoding) as blocks:
        yield (line for block in blocks for line in lines_of(block))


@contextmanager
def open_blocks(
    path: str | os.PathLike[str], encoding: str, stream: BinaryIO | None = None
) -> Iterator[Iterator[bytes]]:
    """Open a text file, compressed or not, and turn what goes wrong while it is read into a DataError.

    What it gives are blocks of whole lines in UTF-8, of some `BLOCK` bytes. A `stream`, such as standard input, is
    read in place of a file and left open; `path` is what messages call it.
    """
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"{path}: unknown encoding {encoding!r}; write one such as utf-8, cp1252 or cp949") from error
    try:
        if stream is None:
            _check_is_file(Path(path))
            with open(path, "rb") as raw:
                yield _blocks(path, raw, encoding)
        else:
            yield _blocks(path, cast(io.BufferedReader, stream), encoding)
    except UnicodeError as error:
        raise DataError(_encoding_message(path, encoding, error, again=stream is None)) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed file is damaged: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def lines_of(block: bytes) -> list[str]:
    r"""The lines of a block, each with its end: ``\n``, ``\r\n`` or ``\r``.

    >>> lines_of(b"a\r\nb\n")
    ['a\r\n', 'b\n']
    """
    # Not `str.splitlines`, for which form feeds and the like are line ends too.
    return [line.decode("utf-8", "surrogatepass") for line in block.splitlines(keepends=True)]


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        inside = sorted(entry.name for entry in path.iterdir() if ".csv" in entry.suffixes)
        listed = f"; CSV files in it: {', '.join(inside[:10])}" if inside else ""
        raise DataError(f"{path}: is a directory, expected a CSV file{listed}")
    if path.exists():
        return
    folder = str(path.parent.absolute())
    if not path.parent.is_dir():
        raise DataError(f"{path}: no such file; there is no directory {folder!r}")
    raise DataError(f"{path}: no such file in {folder!r}{did_you_mean(path.name, os.listdir(folder))}")


def _blocks(path: str | os.PathLike[str], raw: io.BufferedReader, encoding: str) -> Iterator[bytes]:
    binary = _binary_stream(raw)
    start = binary.peek(4)[:4]
    if start == b"PK\x03\x04":
        raise DataError(f"{path}: is a ZIP file or an Excel workbook, not text; save it as CSV")
    codec = codecs.lookup(encoding).name
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and not codec.startswith(("utf-16", "utf-32")):
        raise DataError(f"{path}: is not {encoding}; it looks like UTF-16: set encoding to 'utf-16'")
    if start[:3] == codecs.BOM_UTF8 and not codec.startswith("utf-8"):
        raise DataError(f"{path}: is not {encoding}; it begins with the mark of UTF-8: set encoding to 'utf-8'")
    if codec != "utf-8":
        yield from _whole_lines(path, _as_utf8(binary, encoding))
        return
    if start[:3] == codecs.BOM_UTF8:  # Excel writes it; it is no part of the first name
        binary.read(3)
    for block in _whole_lines(path, _chunks(binary)):
        if not block.isascii():
            block.decode()  # a UnicodeDecodeError where it is not UTF-8
        yield block


def _chunks(binary: Any) -> Iterator[bytes]:
    # What a pipe has is taken at once: `read` would wait for a whole block, and hear of no Ctrl-C meanwhile.
    read = binary.read if isinstance(binary, gzip.GzipFile) else binary.read1
    return iter(lambda: read(BLOCK), b"")


def _as_utf8(binary: Any, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in _chunks(binary):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", True).encode("utf-8", "surrogatepass")


def _whole_lines(path: str | os.PathLike[str], chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes cut behind line ends."""
    begun: list[bytes] = []  # the pieces of the line that has begun
    length = 0
    for chunk in chunks:
        # A carriage return at the very end may be the first half of a line end.
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, -1)) + 1
        if end:
            yield b"".join([*begun, chunk[:end]])
            begun, length = [], 0
        begun.append(chunk[end:])
        length += len(chunk) - end
        if length > LONGEST_LINE:
            raise DataError(f"{path}: holds a line of more than {LONGEST_LINE >> 20} MiB, so this is no table of text")
    if length:
        yield b"".join(begun)


def _binary_stream(raw: io.BufferedReader) -> Any:
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw


def _encoding_message(path: str | os.PathLike[str], encoding: str, error: UnicodeError, again: bool) -> str:
    """Find the first line that does not decode; the decoder only knows its place in a block of the file.

    What cannot be read `again`, such as a pipe, is named without the line.
    """
    if not again:
        return f"{path}: is not {encoding} ({error}); set encoding to what it is"
    decoder = codecs.getincrementaldecoder(encoding)()
    number, what = 0, "the last character is incomplete"
    hint = f"set encoding (often {' or '.join(map(repr, OFTEN_MEANT))}) or repair the file"
    with open(path, "rb") as raw:
        for number, line in enumerate(_binary_stream(raw), 1):  # noqa: B007 - the last number is needed
            try:
                decoder.decode(line)
            except UnicodeDecodeError as error:
                wrong = error.object[error.start]
                what = f"byte 0x{wrong:02x} is not {encoding}"
                hint = _readings(line, line.find(wrong)) or hint
                break
            except UnicodeError as error:  # utf-16 without its mark
                what, hint = f"this is not {encoding} ({error})", "set encoding to what it is, often 'utf-8'"
                break
    return f"{path}:{number}: {what}; {hint}"


def _readings(line: bytes, position: int) -> str:
    """What the word at `position` would be in the encodings that are often meant."""
    readings = {}
    for encoding in OFTEN_MEANT:
        try:
            before, text = line[:position].decode(encoding, "ignore"), line.decode(encoding)
        except UnicodeDecodeError:
            continue
        start = re.search(r"[\w ]{0,20}\Z", before)
        word = re.match(r"[^,;\t|\"\r\n]{0,20}", text[start.start() if start else len(before) :])
        readings[encoding] = word.group().strip() if word else ""
    told = " or ".join(f"set encoding to {encoding!r} if this is {text!r}" for encoding, text in readings.items())
    return f"{told}, or repair the file" if told else ""
