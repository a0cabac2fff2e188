"""Opening text files, plain or gzip-compressed, in a stated encoding, with every failure told as a `DataError`.

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from mytorch.data.names import did_you_mean
from mytorch.data.table import DataError

__all__ = ["LONGEST_LINE", "matching_files", "open_text"]

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
def open_text(path: str | os.PathLike[str], encoding: str, stream: BinaryIO | None = None) -> Iterator[TextIO]:
    """Open a text file, compressed or not, and turn what goes wrong while it is read into a DataError.

    A `stream`, such as standard input, is read in place of a file and left open; `path` is what messages call it.
    """
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"{path}: unknown encoding {encoding!r}; write one such as utf-8, cp1252 or cp949") from error
    try:
        if stream is None:
            _check_is_file(Path(path))
            with open(path, "rb") as raw:
                yield _text_stream(path, raw, encoding)
        else:
            text = _text_stream(path, cast(io.BufferedReader, stream), encoding)
            yield text
            cast(io.TextIOWrapper, text).detach()  # or it would close the stream
    except UnicodeError as error:
        raise DataError(_encoding_message(path, encoding, error, again=stream is None)) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed file is damaged: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


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


def _text_stream(path: str | os.PathLike[str], raw: io.BufferedReader, encoding: str) -> TextIO:
    binary = _binary_stream(raw)
    start = binary.peek(4)[:4]
    if start == b"PK\x03\x04":
        raise DataError(f"{path}: is a ZIP file or an Excel workbook, not text; save it as CSV")
    codec = codecs.lookup(encoding).name
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") and not codec.startswith(("utf-16", "utf-32")):
        raise DataError(f"{path}: is not {encoding}; it looks like UTF-16: set encoding to 'utf-16'")
    if start[:3] == codecs.BOM_UTF8 and not codec.startswith("utf-8"):
        raise DataError(f"{path}: is not {encoding}; it begins with the mark of UTF-8: set encoding to 'utf-8'")
    # Excel writes a byte order mark in front of UTF-8; it is no part of the first name.
    bounded = cast(BinaryIO, _BoundedLines(path, binary))
    return io.TextIOWrapper(bounded, encoding="utf-8-sig" if codec == "utf-8" else encoding, newline="")


class _BoundedLines(io.BufferedIOBase):
    """The bytes of a stream, as long as none of its lines is too long."""

    def __init__(self, path: str | os.PathLike[str], binary: Any) -> None:
        self.path = path
        self.binary = binary
        self.length = 0  # of the line that has begun

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        chunk: bytes = self.binary.read1(size)
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self.length = self.length + len(chunk) if end < 0 else len(chunk) - end - 1
        if self.length > LONGEST_LINE:
            raise DataError(
                f"{self.path}: holds a line of more than {LONGEST_LINE >> 20} MiB, so this is no table of text"
            )
        return chunk


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
