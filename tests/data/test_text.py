"""Text files that would fill the memory: they are refused in time."""

from __future__ import annotations

import gzip
import io

import pytest

from mytorch.data import csv_file, text
from mytorch.data.csv_file import read_csv, read_csv_parts, read_header
from mytorch.data.table import DataError


@pytest.fixture(autouse=True)
def short_lines(monkeypatch):
    monkeypatch.setattr(text, "LONGEST_LINE", 1 << 20)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("read", [read_csv, read_header], ids=["table", "header"])
@pytest.mark.parametrize("start", [b"", b"a,b\n1,2\n"], ids=["in the header", "further down"])
def test_a_line_without_end_is_refused(tmp_path, packed, read, start):
    path = tmp_path / "a.csv"
    content = start + b"x" * (5 << 20)
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    with pytest.raises(DataError, match=r"a.csv: holds a line of more than 1 MiB, so this is no table of text"):
        read(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_many_lines_are_no_long_line(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes((f"a,b{end}" + f"1,2{end}" * 400_000).encode())
    assert len(read_csv(path)) == 400_000


def test_parts_of_long_lines_are_small(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "BLOCK", 16_000)
    path = tmp_path / "a.csv"
    monkeypatch.setattr(csv_file, "_FIRST_LINES", 4)
    path.write_text("a,b\n" + ("x" * 1000 + ",1\n") * 200)
    parts = list(read_csv_parts(path))
    assert sum(map(len, parts)) == 200
    assert max(map(len, parts[1:])) <= 16  # which make 16,000 characters


def test_a_stream_is_read_once_and_stays_open():
    stream = io.BufferedReader(io.BytesIO("\ufeffa;b\n1;2\n3;4\n".encode()))
    parts = list(read_csv_parts("the stream", stream=stream))
    assert parts[0].names == ["a", "b"]
    assert parts[0]["b"].values.tolist() == [2, 4]
    assert not stream.closed
    bad = io.BufferedReader(io.BytesIO(b"a\n\xff\n"))
    with pytest.raises(DataError, match="the stream: is not utf-8"):
        list(read_csv_parts("the stream", stream=bad))


def test_columns_as_they_are_and_columns_by_the_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,a,b\nNA, 1 ,2\n007,3,4\n")
    seen = []

    def choose(file, header):
        seen.append((file, header))
        return ["b", "id"]

    (part,) = read_csv_parts(path, columns=choose, verbatim=["id"])
    assert seen == [(str(path), ["id", "a", "b"])]
    assert part.names == ["b", "id"]
    assert part["id"].values.tolist() == ["NA", "007"]
    assert not part["id"].missing.any()
