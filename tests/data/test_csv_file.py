"""Reading CSV files: values, missing cells, both roads alike, and what each kind of broken file says."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mytorch.data import csv_file, text
from mytorch.data.csv_file import read_csv, read_csv_parts, read_header
from mytorch.data.dialect import Dialect
from mytorch.data.table import DataError, Table


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def assert_equal(left: Table, right: Table) -> None:
    assert left.names == right.names
    np.testing.assert_array_equal(left.lines, right.lines)
    for name in left.names:
        assert left[name].values.dtype == right[name].values.dtype
        np.testing.assert_array_equal(left[name].values, right[name].values)
        np.testing.assert_array_equal(left[name].missing, right[name].missing)


def test_reads_numbers_text_and_missing_cells(write):
    table = read_csv(write("a,city,c\n1, Seoul ,.5\n?,,1e-3\n+2.,NA,nan\n"))
    assert len(table) == 3
    np.testing.assert_array_equal(table["a"].values, [1, np.nan, 2])
    np.testing.assert_array_equal(table["a"].missing, [False, True, False])
    assert table["city"].values.tolist() == ["Seoul", "", ""]
    assert table["city"].missing.tolist() == [False, True, True]
    np.testing.assert_array_equal(table["c"].values, [0.5, 1e-3, np.nan])
    assert table["a"].values.dtype == np.float64
    assert not table["a"].is_text
    assert table["city"].is_text


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4",
        "\ufeffa,b\n1,2\n3,4",
        '"a","b"\n"1","2"\n"3","4"\n',
        " a , b \n 1 ,2\n3, 4 \n",
        "a,b\n1,2\n3,4\n\n\n",
    ],
)
def test_line_ends_quotes_byte_order_mark_and_spaces(write, content):
    table = read_csv(write(content))
    np.testing.assert_array_equal(table["a"].values, [1, 3])
    np.testing.assert_array_equal(table["b"].values, [2, 4])


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends(write):
    table = read_csv(write('a,b\n"x, ""y""",1\n"two\nlines",2\nz,3\n'))
    assert table["a"].values.tolist() == ['x, "y"', "two\nlines", "z"]
    assert table.lines.tolist() == [2, 3, 5]


@pytest.mark.parametrize("last", ["4", "x"])
def test_lines_count_blank_lines(write, last):
    table = read_csv(write(f"\na,b\n\n1,y\n\n\n2,{last}\n".replace("y", "3" if last == "4" else "y")))
    assert table.lines.tolist() == [4, 7]


def test_gzip_is_recognised_by_content(write):
    plain = write("a,b\n1,2\n3,x\n".replace("x", "4"))
    assert_equal(read_csv(write(gzip.compress(plain.read_bytes()))), read_csv(plain))
    packed = write(gzip.compress(b"a,b\n1,2\n"), "data.csv.gz")
    assert read_header(packed) == ["a", "b"]


def test_other_delimiter_and_encoding(write):
    table = read_csv(write("도시\t값\n서울\t1\n".encode("cp949")), dialect=Dialect(delimiter="\t", encoding="cp949"))
    assert table.names == ["도시", "값"]
    assert table["도시"].values.tolist() == ["서울"]
    assert read_csv(write("a,b\n1,2\n".encode("utf-16")), dialect=Dialect(encoding="utf-16"))["b"].values.tolist() == [
        2.0
    ]


def test_columns_keeps_those_asked_for_and_does_not_look_at_others(write):
    path = write("a,when,b\n1,2024-01-02,3\n2,7,inf\n")
    assert read_csv(path, columns=["a"]).names == ["a"]
    path = write("a,b,c\n1,2,3\n")
    assert read_csv(path, columns=["c", "a"]).names == ["c", "a"]
    assert read_csv(path, columns=["c", "a"])["c"].values.tolist() == [3.0]


def test_categorical_keeps_the_spelling(write):
    table = read_csv(write("zip,day\n007,2024-01-02\n10,NA\n"), categorical=["zip", "day"])
    assert table["zip"].values.tolist() == ["007", "10"]
    assert table["day"].values.tolist() == ["2024-01-02", ""]


@pytest.mark.parametrize("cell", ["-999", " -999 ", "-999.0"])
def test_a_number_can_stand_for_missing_if_spelled_alike(write, cell):
    column = read_csv(write(f"a,b\n1,2\n{cell},3\n"), missing_values=["-999"])["a"]
    assert column.missing.tolist() == [False, cell.strip() == "-999"]


def test_column_of_missing_cells_is_numbers(write):
    column = read_csv(write("a,b\n,1\n,2\n"))["a"]
    assert not column.is_text
    assert column.missing.all()


def test_kind_is_decided_past_a_chunk_of_missing_cells(write, monkeypatch):
    monkeypatch.setattr(csv_file, "_FIRST_LINES", 2)
    monkeypatch.setattr(text, "BLOCK", 8)
    table = read_csv(write("a,b\n,\n,\n,\nx,1\n,2\n"))
    assert table["a"].values.tolist() == ["", "", "", "x", ""]
    np.testing.assert_array_equal(table["b"].values, [np.nan, np.nan, np.nan, 1, 2])


ERRORS = {
    "empty": ("", r"data.csv: is empty; expected a header line"),
    "only blank lines": ("\n \n", r"is empty"),
    "header only": ("a,b\n", r"data.csv: has a header and no rows"),
    "header and blank lines": ("a,b\n\n\n", r"has a header and no rows"),
    "no header": ("1,2\n3,4\n", r"data.csv:1: expected a header line with column names, got numbers"),
    "unnamed column": ("a,,c\n1,2,3\n", r"data.csv:1: column 2 has no name"),
    "same name twice": ("a,b, a\n1,2,3\n", r"data.csv:1: columns 1 and 3 have the same name 'a'"),
    "short row": ("a,b,c\n1,2,3\n4,5\n", r"data.csv:3: expected 3 fields, as in the header, got 2"),
    "long row": ("a,b\n1,2\n4,5,6\n", r"data.csv:3: expected 2 fields, as in the header, got 3"),
    "all rows long": ("a,b\n1,2,3\n4,5,6\n", r"data.csv:2: expected 2 fields, as in the header, got 3"),
    "short row after a quoted line end": ('a,b\n"1\n",x\n2\n', r"data.csv:4: expected 2 fields"),
    "text among numbers": (
        "a,b\n1,2\n3,4\n5,abc\n",
        r"data.csv:4: column 'b': expected a number, as on line 2, got 'abc'",
    ),
    "number among text": (
        "a\nx\n3\n",
        r"data.csv:3: column 'a': expected text, as 'x' on line 2, got the number '3'",
    ),
    "decimal comma": (
        'a;b\n1.5;2\n"1,5";3\n',
        r"data.csv:3: column 'a': .* got '1,5'; it looks like a number with a decimal comma; set decimal: ','",
    ),
    "underscore": ("a\n1\n1_000\n", r"column 'a': expected a number, as on line 2, got '1_000'"),
    "digits of another script": ("a\n1\n\u0661\n", r"data.csv:3: column 'a': expected a number"),
    "infinity": ("a,b\n1,2\n1,-inf\n", r"data.csv:3: column 'b': expected a finite number, got '-inf'"),
    "infinity first": ("a\nInfinity\n", r"data.csv:2: column 'a': expected a finite number, got 'Infinity'"),
    "too large": ("a,b\n1,2\n1,1e400\n", r"data.csv:3: column 'b': '1e400' is too large for a 64-bit float"),
    "date": (
        "day,b\n2024-01-02,2\n",
        r"data.csv:2: column 'day': '2024-01-02' looks like a date .* 'categorical'",
    ),
    "european date": ("day\n31.12.2024\n", r"'31.12.2024' looks like a date"),
    "time": ("t\n12:30\n", r"'12:30' looks like a date or a time"),
    "NUL": ("a,b\n1,2\n3,\0\n", r"data.csv:3: holds a NUL byte"),
    "NUL in the header": ("a,\0\n1,2\n", r"data.csv:1: holds a NUL byte"),
    "open quote": ('a,b\n1,2\n"3,4\n5,6\n', r"data.csv:3: cannot be read as CSV: .*; check the quotes"),
    "text after a quote": ('a,b\n"1"x,2\n', r"data.csv:2: cannot be read as CSV"),
    "wrong encoding": (b"a,b\n1,x\n2,caf\xe9\n", r"data.csv:3: byte 0xe9 is not utf-8; set encoding"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), r"data.csv: is not utf-8; it looks like UTF-16"),
    "Excel": (b"PK\x03\x04\x14\x00", r"is a ZIP file or an Excel workbook"),
    "cut gzip": (gzip.compress(b"a,b\n" + b"1,2\n" * 99)[:-9], r"data.csv: the compressed file is damaged"),
    "bad gzip": (b"\x1f\x8b" + b"junk" * 9, r"data.csv: the compressed file is damaged"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_errors_name_the_place(write, what):
    content, message = ERRORS[what]
    delimiter = ";" if what == "decimal comma" else ","
    with pytest.raises(DataError, match=message):
        read_csv(write(content), dialect=Dialect(delimiter=delimiter))


def test_wrong_encoding_deep_in_a_long_file(write):
    content = b"a,b\n" + b"1,2\n" * 50_000 + b"\xff,2\n"
    with pytest.raises(DataError, match=r"data.csv:50002: byte 0xff is not utf-8"):
        read_csv(write(content))


def test_wrong_bytes_in_wide_encodings(write):
    wide = "a,b\n1,2\n".encode("utf-16-le")
    with pytest.raises(DataError, match=r"data.csv:3: the last character is incomplete"):
        read_csv(write(wide + b"3"), dialect=Dialect(encoding="utf-16-le"))
    with pytest.raises(DataError, match=r"data.csv:3: byte 0x00 is not utf-16-le"):
        read_csv(write(wide + b"\x00\xdc" * 2), dialect=Dialect(encoding="utf-16-le"))


def test_what_the_operating_system_refuses():
    with pytest.raises(DataError, match=r"a: (cannot be read|no such file)"):
        read_csv("a" * 400)


def test_a_mistake_in_a_later_chunk_has_its_own_line(write):
    content = "a,b\n" + "1,2\n" * 20_000 + "1,x\n"
    with pytest.raises(DataError, match=r"data.csv:20002: column 'b': expected a number, as on line 2, got 'x'"):
        read_csv(write(content))


def test_missing_file_names_a_similar_one(write, tmp_path):
    write("a\n1\n", "boston.csv")
    with pytest.raises(DataError, match=r"bostn.csv: no such file in '.*'; did you mean 'boston.csv'\?"):
        read_csv(tmp_path / "bostn.csv")
    with pytest.raises(DataError, match=r"no such file; there is no directory '.*nowhere'"):
        read_csv(tmp_path / "nowhere" / "boston.csv")


def test_a_directory_lists_its_csv_files(write, tmp_path):
    write("a\n1\n", "boston.csv")
    write("a\n1\n", "packed.csv.gz")
    with pytest.raises(
        DataError, match=r"is a directory, expected a CSV file; CSV files in it: boston.csv, packed.csv.gz"
    ):
        read_csv(tmp_path)


def test_arguments_are_checked(write):
    path = write("medv,rm\n1,2\n")
    with pytest.raises(DataError, match=r"no column 'medvv'; did you mean 'medv'\? the columns are: medv, rm"):
        read_csv(path, columns=["medvv"])
    with pytest.raises(DataError, match=r"no column 'zzz'; the columns are: medv, rm"):
        read_csv(path, categorical=["zzz"])
    with pytest.raises(DataError, match=r"no column 'tax'; did you mean|no column 'tax'; the columns"):
        read_csv(path)["tax"]
    for delimiter in ("", ";;", "\n", '"', "e", "7", "."):
        with pytest.raises(DataError, match="expected a delimiter of one character"):
            read_csv(path, dialect=Dialect(delimiter=delimiter))
    for encoding in ("utf-99", "hex"):
        with pytest.raises(DataError, match=f"unknown encoding '{encoding}'"):
            read_csv(path, dialect=Dialect(encoding=encoding))
    with pytest.raises(DataError, match=r"the header is one field 'medv,rm': is the delimiter ','\?"):
        read_csv(path, dialect=Dialect(delimiter=";"), columns=["medv"])


cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.sampled_from(
        ["", "nan", "inf", " 1 ", "1e400", "1_0", "0x1", "-", "1.", ".5", '"2"', "x", "#1", "1\xa0", "\u0661"]
    ),
)
odd_lines = st.sampled_from(["", " ", '""', '" "', '"x', 'x"y"', '"a""b"', "\xa0", "1;2;3", "\0", "\x0c", "\x1c"])
line_ends = st.sampled_from(["\n", "\r\n", "\n\n", "\n\n\n", "\r", "\r\n\r\n"])


@st.composite
def files(draw, mark: str) -> str:
    """A header of one to three columns and some rows, most of them in order; mostly with the same line ends."""
    width = draw(st.integers(1, 3))
    end = draw(line_ends)
    row = st.lists(draw(st.sampled_from([cells, st.floats(-9, 9).map(repr)])), min_size=width, max_size=width)
    lines = draw(st.lists(row.map(mark.join), min_size=1, max_size=12))
    if draw(st.integers(0, 3)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), draw(odd_lines))
    ends = [draw(st.sampled_from([end] * 9 + ["\n", "\n\n"])) for _ in lines[:-1]]
    rows = "".join(line + end for line, end in zip(lines, [*ends, draw(st.sampled_from([end, ""]))], strict=True))
    return mark.join("abc"[:width]) + end + rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(data=st.data(), mark=st.sampled_from([",", ";", "\t", " "]), block=st.integers(4, 60), first=st.integers(1, 3))
def test_the_fast_road_gives_what_the_other_gives(write, monkeypatch, data, mark, block, first):
    monkeypatch.setattr(csv_file, "_FIRST_LINES", first)
    monkeypatch.setattr(text, "BLOCK", block)
    path = write(data.draw(files(mark)))
    kinds = data.draw(st.sampled_from([{}, {"categorical": ["a"]}, {"missing_values": ["1", "x", ""]}]))

    def outcome() -> Table | str:
        try:
            return read_csv(path, dialect=Dialect(delimiter=mark), **kinds)
        except DataError as error:
            return str(error)

    fast = outcome()
    with monkeypatch.context() as patch:
        patch.setattr(csv_file, "plain_columns", lambda *arguments: None)
        slow = outcome()
    if isinstance(fast, str) or isinstance(slow, str):
        assert fast == slow
    else:
        assert_equal(fast, slow)


def test_numbers_with_all_digits_are_those_of_float(write, monkeypatch):
    monkeypatch.setattr(csv_file, "_FIRST_LINES", 1)
    generator = np.random.default_rng(0)
    halves = [f"{2**53 + i}.{'5' if i % 2 else '50'}" for i in range(40)]  # in the middle between two doubles
    written = [repr(x) for x in (generator.normal(size=400) * 10.0 ** generator.integers(-4, 17, 400)).tolist()]
    written += [*halves, *(f"{x:.17f}" for x in generator.normal(size=400).tolist())]
    table = read_csv(write("a\n0\n" + "\n".join(written)))
    assert table["a"].values.tolist() == [0, *map(float, written)]


@pytest.mark.parametrize("place", ["header", "rows", "both", "nothing else"])
@pytest.mark.parametrize("header", ["a,b", "a"])
def test_very_many_blank_lines_are_skipped_a_block_at_a_time(write, monkeypatch, place, header):
    looked_at = []
    monkeypatch.setattr(
        csv_file, "_next_record", lambda *arguments, road=csv_file._next_record: looked_at.append(1) or road(*arguments)
    )
    blank, row = "\n" * (3 * text.BLOCK), header.replace("a", "1").replace("b", "2") + "\n"
    before, between = (blank if place in ("header", "both") else ""), (blank if place in ("rows", "both") else "")
    if place == "nothing else":
        with pytest.raises(DataError, match=r"data.csv: is empty"):
            read_csv(write(blank))
        return
    table = read_csv(write(before + header + "\n" + row + between + row))
    assert table.lines.tolist() == [2 + len(before), 3 + len(before) + len(between)]
    assert len(looked_at) < 10


def test_plain_numbers_take_the_fast_road(write, monkeypatch):
    careful = []
    road = csv_file._careful_part
    monkeypatch.setattr(csv_file, "_FIRST_LINES", 1)
    monkeypatch.setattr(text, "BLOCK", 8)
    monkeypatch.setattr(
        csv_file, "_careful_part", lambda lines, *rest: careful.append(lines.number) or road(lines, *rest)
    )
    content = "a,t,b\n1,x,2\n3,x,4e-5\n5,y,\n6,x,7\n,x,8\n,x,9\n1,x,\n"
    table = read_csv(write(content), columns=["b", "a"])
    np.testing.assert_array_equal(table["b"].values, [2, 4e-5, np.nan, 7, 8, 9, np.nan])
    assert careful == [1]  # the first part, which shows what kinds the columns are


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=60))
def test_any_bytes_give_a_table_or_a_data_error(write, content):
    path = write(content)
    try:
        rows, message = len(read_csv(path)), ""
    except DataError as error:
        rows, message = 0, str(error)
    assert rows > 0 or message.startswith(str(path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.text('ab1.,;\t|"\n\r \u00e9-/:', max_size=80),
    dialect=st.builds(
        Dialect,
        delimiter=st.sampled_from(["auto", ";", "|", "\t", " "]),
        decimal=st.sampled_from([".", ","]),
        encoding=st.sampled_from(["utf-8", "cp949", "utf-16", "utf-32", "ascii", "utf-7", "big5", "punycode", "idna"]),
        header=st.sampled_from([True, False, ("p", "q")]),
    ),
    written=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp949", "gzip"]),
)
def test_any_text_in_any_dialect_gives_a_table_or_a_data_error(write, monkeypatch, content, dialect, written):
    monkeypatch.setattr(csv_file, "_FIRST_LINES", 2)
    monkeypatch.setattr(text, "BLOCK", 8)
    raw = gzip.compress(content.encode()) if written == "gzip" else content.encode(written, "replace")
    path = write(raw)
    try:
        rows, message = len(read_csv(path, dialect=dialect)), ""
    except DataError as error:
        rows, message = 0, str(error)
    assert rows > 0 or message.startswith(str(path))


REFUSED = {
    "1,234": ("looks like a number with thousands marks, which are not read; write 1234, or set decimal: ','", ";"),
    "1,234,567.5": ("write 1234567.5", ";"),
    "1 234": ("thousands marks, which are not read; write 1234", ","),
    "1'234.5": ("write 1234.5", ","),
    "1,5": ("looks like a number with a decimal comma; set decimal: ','", ";"),
    "5 %": ("looks like a number with a unit; write the number alone", ","),
    "$1,000": ("looks like a number with a unit", ";"),
    "3 Mar 2024": ("looks like a date or a time", ","),
    "March 3, 2024": ("looks like a date or a time", ";"),
    "2024.01.02": ("looks like a date or a time", ","),
}


@pytest.mark.parametrize("cell", REFUSED)
def test_what_looks_like_a_number_is_no_category(write, cell):
    message, delimiter = REFUSED[cell]
    path = write(f"a{delimiter}b\n{cell}{delimiter}1\n")
    with pytest.raises(DataError) as caught:
        read_csv(path, dialect=Dialect(delimiter=delimiter))
    assert str(caught.value).startswith(f"{path}:2: column 'a': {cell!r} looks like")
    assert message in str(caught.value)
    assert read_csv(path, dialect=Dialect(delimiter=delimiter), categorical=["a"])["a"].values.tolist() == [cell]
    later = write(f"a{delimiter}b\n7{delimiter}1\n{cell}{delimiter}1\n")
    with pytest.raises(DataError, match=r":3: column 'a': expected a number, as on line 2, got .*it looks like"):
        read_csv(later, dialect=Dialect(delimiter=delimiter))


@pytest.mark.parametrize("lines", [1, 2, 100])
def test_decimal_comma(write, monkeypatch, lines):
    monkeypatch.setattr(csv_file, "_FIRST_LINES", lines)
    monkeypatch.setattr(text, "BLOCK", 8)
    dialect = Dialect(decimal=",")
    table = read_csv(write("a;b\n1,5;2\n-,5;1e-3\n3;4,25\n"), dialect=dialect)
    assert table["a"].values.tolist() == [1.5, -0.5, 3]
    assert table["b"].values.tolist() == [2, 1e-3, 4.25]
    table = read_csv(write("a;t;b\n1,5;x;2\n;y;1e-3\n3;x;4,25\n1,5;x;2\n2,5;x;3,5\n"), dialect=dialect)
    np.testing.assert_array_equal(table["a"].values, [1.5, np.nan, 3, 1.5, 2.5])
    with pytest.raises(DataError, match=r":4: column 'a': .* got '1.5'; .* decimal point; set decimal: '.'"):
        read_csv(write("a;b\n1,5;2\n1;2\n1.5;2\n"), dialect=dialect)
    with pytest.raises(DataError, match=r":3: column 'a': .* thousands marks, which are not read; write 1234,5"):
        read_csv(write("a;b\n1,5;2\n1.234,5;2\n"), dialect=dialect)


class TestDelimiter:
    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_is_found(self, write, mark):
        path = write(f'a{mark}"b, c; d"\n1{mark}x\n'.replace("1", '"1"'))
        assert read_header(path) == ["a", "b, c; d"]

    def test_numbers_with_decimal_commas_do_not_make_it_ambiguous(self, write):
        assert read_csv(write("a;b\n1,5;2,5\n"), dialect=Dialect(decimal=",")).names == ["a", "b"]

    def test_the_other_lines_decide(self, write):
        assert read_csv(write("a;b,c\n1;x\n2;y,z,z\n")).names == ["a", "b,c"]

    def test_ambiguous(self, write):
        with pytest.raises(
            DataError,
            match=r"data.csv:1: cannot tell the delimiter: ',' gives 2 fields, ';' gives 2 fields; write which it is",
        ):
            read_csv(write("a;b,c\n1;2,3\n"))

    def test_one_column(self, write):
        assert read_csv(write("a\n1\n"))["a"].values.tolist() == [1]

    def test_names_for_a_tab(self):
        assert Dialect(delimiter="tab") == Dialect(delimiter="\\t") == Dialect(delimiter="\t")

    def test_settings_that_make_no_sense(self):
        with pytest.raises(DataError, match="delimiter and decimal are both ','"):
            Dialect(delimiter=",", decimal=",")
        with pytest.raises(DataError, match="decimal: expected"):
            Dialect(decimal=";")
        with pytest.raises(DataError, match="header: expected true, false or a list of different names"):
            Dialect(header=("a", "a"))


class TestHeader:
    def test_none(self, write):
        table = read_csv(write("1,2\n3,4\n"), dialect=Dialect(header=False))
        assert table.names == ["c1", "c2"]
        assert table["c1"].values.tolist() == [1, 3]
        assert table.lines.tolist() == [1, 2]

    def test_given(self, write):
        path = write("\n1,2\n3,4\n")
        assert read_csv(path, dialect=Dialect(header=("x", "y"))).lines.tolist() == [2, 3]
        with pytest.raises(DataError, match=r"data.csv:2: expected 1 fields, as 'header' names, got 2"):
            read_csv(path, dialect=Dialect(header=("x",)))

    def test_numbers_say_what_to_write(self, write):
        with pytest.raises(DataError, match="set header: false"):
            read_csv(write("1,2\n3,4\n"))


class TestSeveralFiles:
    def test_are_one_table(self, write, tmp_path):
        write("a,b\n,x\n", "p1.csv")
        write(gzip.compress(b"a,b\n3,x\n\n4,y\n"), "p2.csv.gz")
        write("a,b\n", "p3.csv")
        table = read_csv(tmp_path / "p*.csv*")
        np.testing.assert_array_equal(table["a"].values, [np.nan, 3, 4])
        assert [table.where(row, "a") for row in range(3)] == [
            f"{tmp_path}/p1.csv:2: column 'a'",
            f"{tmp_path}/p2.csv.gz:2: column 'a'",
            f"{tmp_path}/p2.csv.gz:4: column 'a'",
        ]

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("a,B", r"p2.csv:1: the header differs from that of .*p1.csv: no column 'b'; did you mean 'B'\?"),
            ("a,b,c", r"p2.csv:1: .*: the column 'c' is not in it"),
            ("b,a", r"p2.csv:1: .*: column 1 is 'b', expected 'a'"),
        ],
    )
    def test_headers_must_agree(self, write, tmp_path, header, message):
        write("a,b\n1,2\n", "p1.csv")
        write(header + "\n" + ",".join("1" for _ in header.split(",")) + "\n", "p2.csv")
        with pytest.raises(DataError, match=message):
            read_csv(tmp_path / "p?.csv")

    def test_a_mistake_names_its_own_file(self, write, tmp_path):
        write("a,b\n1,2\n", "p1.csv")
        write("a,b\n1,x\n", "p2.csv")
        with pytest.raises(DataError, match=r"p2.csv:2: column 'b': expected a number"):
            read_csv(tmp_path / "p?.csv")

    def test_no_file_fits(self, tmp_path):
        with pytest.raises(DataError, match=r"p\*.csv: no file in '.*' fits this pattern"):
            read_csv(tmp_path / "p*.csv")


def test_an_encoding_error_shows_what_the_word_may_be(write):
    with pytest.raises(DataError) as caught:
        read_csv(write("town,x\nMálaga,1\n".encode("cp1252")))
    assert "data.csv:2: byte 0xe1 is not utf-8; set encoding to 'cp1252' if this is 'Málaga'" in str(caught.value)
    with pytest.raises(DataError, match="begins with the mark of UTF-8: set encoding to 'utf-8'"):
        read_csv(write("\ufeffa\n1\n"), dialect=Dialect(encoding="cp1252"))
    with pytest.raises(DataError, match=r"data.csv:1: this is not utf-16 .*set encoding"):
        read_csv(write("a,b\n1,2\n"), dialect=Dialect(encoding="utf-16"))


def test_parts_are_bounded_and_add_up(write, monkeypatch):
    monkeypatch.setattr(csv_file, "_FIRST_LINES", 3)
    monkeypatch.setattr(text, "BLOCK", 16)
    path = write("a,b\n" + "".join(f"{i},{'' if i < 5 else 'x'}\n" for i in range(20)))
    parts = list(read_csv_parts(path, numeric=["a"]))
    assert [len(part) for part in parts] == [3, 1, 4, 3, 4, 3, 2]
    assert_equal(Table.join(str(path), parts), read_csv(path))
    with pytest.raises(DataError, match=r"data.csv:7: column 'b': expected a number, got 'x'"):
        list(read_csv_parts(path, numeric=["b"]))
