from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mytorch.training.config import yaml_source
from mytorch.training.config.yaml_source import dump, load, parse, plain_scalar
from mytorch.training.errors import ConfigError, Place


@pytest.fixture(params=["c", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of PyYAML's two parsers; builds without libyaml have the second alone."""
    chosen = yaml.CSafeLoader if request.param == "c" else yaml.SafeLoader
    monkeypatch.setattr(yaml_source, "_Parser", chosen)
    return str(request.param)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-3e+2", -300.0),
        ("+12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0xff", 255),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("-.inf", -math.inf),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("tRUE", "tRUE"),
        ("1e", "1e"),
        (".", "."),
        ("0b11", "0b11"),
        ("'1'", "1"),
        ('"true"', "true"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: Any, parser: str) -> None:
    read = parse(f"key: {text}").data["key"]
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(plain_scalar(".nan"))


def test_every_key_and_value_has_its_place(parser: str) -> None:
    source = parse("# comment\na: 1\nb:\n  - x\n  - {c: [1, é, 2]}\n", "f.yaml")
    assert source.data == {"a": 1, "b": ["x", {"c": [1, "é", 2]}]}
    assert source.place(("a",)) == Place("f.yaml", 2, 4)
    assert source.place(("a",), on_key=True) == Place("f.yaml", 2, 1)
    assert source.place(("b",)) == Place("f.yaml", 4, 3)
    assert source.place(("b", 1, "c"), on_key=True) == Place("f.yaml", 5, 6)
    assert source.place(("b", 1, "c", 2)) == Place("f.yaml", 5, 16)


def test_a_place_that_was_not_written_is_that_of_what_encloses_it() -> None:
    source = parse("a:\n  b: {c: 1}\n", "f.yaml")
    assert source.place(("a", "b", "d", 3)) == Place("f.yaml", 2, 6)
    assert source.place(("a", "b", "d"), on_key=True) == Place("f.yaml", 2, 6)
    assert source.place(("z",)) == Place("f.yaml", 1, 1)


def test_aliases_repeat_what_they_name_and_stand_where_it_stands(parser: str) -> None:
    source = parse("a: &x {n: 1}\nb: [*x, *x]\n", "f.yaml")
    assert source.data == {"a": {"n": 1}, "b": [{"n": 1}, {"n": 1}]}
    assert source.data["a"] is not source.data["b"][0]
    assert source.place(("b", 1, "n")) == Place("f.yaml", 1, 11)


BOMB = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
DEEP_ALIASES = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 70))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1:1: the file is empty; expected lines of 'key: value'"),
        ("# nothing\n", "f:1:1: the file is empty; expected lines of 'key: value'"),
        ("---\n", "f:1:1: the file is empty; expected lines of 'key: value'"),
        ("- 1\n", "f:1:1: expected lines of 'key: value' at the top level, got a list"),
        ("\n 5\n", "f:2:2: expected lines of 'key: value' at the top level, got a single value"),
        ("a: 1\n---\nb: 1\n", "f:2:1: a second document starts here ('---'); a config is one document"),
        (
            "a: !!python/object/apply:os.system [ls]",
            "f:1:4: tags such as '!!python/object/apply:os.system' are not allowed; write a plain value",
        ),
        ("a: !!str 1", "f:1:4: tags such as '!!str' are not allowed; write a plain value"),
        ("a: ! 1", "f:1:4: tags such as '!' are not allowed; write a plain value"),
        ("a: !mine {b: 1}", "f:1:4: tags such as '!mine' are not allowed; write a plain value"),
        ("a:\n\tb: 1\n", "f:2:1: a tab is used for indentation; use spaces"),
        ("a: @x", "f:1:4: a value cannot start with '@'; put it in quotes"),
        (
            "a: b: c",
            "f:1:5: unexpected ':'; check the indentation, and quote text with ': ' in it",
        ),
        ("a: 1\nb\nc: 2\n", "f:3:1: the line above is neither 'key: value' nor '- item'"),
        (
            "\na: [1, 2\nb: 3\n",
            "f:3:2: a list that was opened with '[' in line 2 is not closed; expected ',' or ']'",
        ),
        (
            "a: {b: 1\n",
            "f:2:1: a mapping that was opened with '{' in line 1 is not closed; expected ',' or '}'",
        ),
        ("\na: 'x\n", "f:3:1: text in quotes that was opened in line 2 is not closed"),
        ("a:\n  - 1\n b: 2", "f:3:2: the indentation does not fit the lines above"),
        ("- a\nb: 1\n", "f:2:1: the indentation does not fit the lines above"),
        ("a: ]", "f:1:4: expected a value"),
        ("a: \x01", "f:1:4: character U+0001 is not allowed in YAML"),
        ("a: 1\nb: é\x02", "f:2:5: character U+0002 is not allowed in YAML"),
        ("a: *x", "f:1:4: alias '*x' has no anchor '&x' before it"),
        ("a: &x [*x]", "f:1:8: alias '*x' stands inside of what it repeats"),
        ("a: " + "9" * 101, "f:1:4: this number has too many digits"),
        ("a: 0x" + "f" * 5000, "f:1:4: this number has too many digits"),
        ("a: " + "[" * 64, "f:1:67: nested more than 64 levels deep"),
        ("a: " + "[" * 100_000, "f:1:67: nested more than 64 levels deep"),
        (DEEP_ALIASES, "f:63:12: nested more than 64 levels deep"),
        (BOMB, "f:5:45: more than 100,000 values, aliases expanded; that is no config"),
    ],
)
def test_what_stops_the_reading(text: str, message: str, parser: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert str(caught.value) == message


def test_unknown_escape(parser: str) -> None:
    with pytest.raises(ConfigError, match="unknown escape after '\\\\'; use single quotes for text with a backslash"):
        parse('a: "C:\\data"')


def test_other_syntax_errors_keep_the_parsers_words(parser: str) -> None:
    with pytest.raises(ConfigError, match=r"^f:1:1: not valid YAML: found incompatible YAML document"):
        parse("%YAML 3.0\n---\na: 1", "f")


def test_half_a_surrogate_pair_is_refused(parser: str) -> None:
    for text in ('a: "\\ud800"', "a: \ud800"):
        with pytest.raises(ConfigError):
            parse(text)


@pytest.mark.parametrize(
    ("text", "data", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", {"a": 1, "b": 2}, "f:3:1: duplicate key 'a'; it was given before in line 1"),
        ("a: {b: 1,\n  b: 1}", {"a": {"b": 1}}, "f:2:3: duplicate key 'b'; it was given before in line 1"),
        ("1: x\n", {}, "f:1:1: a key must be a name, got 1; put it in quotes if it is one"),
        ("true: x\n", {}, "f:1:1: a key must be a name, got true; put it in quotes if it is one"),
        ("[a]: x\n", {}, "f:1:1: a key must be a name, got a list"),
        ("{a: 1}: x\n", {}, "f:1:1: a key must be a name, got a mapping"),
        (
            "a: &x {b: 1}\nc: {<<: *x}\n",
            {"a": {"b": 1}, "c": {}},
            "f:2:5: merge keys ('<<') are not supported; write the keys out",
        ),
    ],
)
def test_bad_keys_do_not_stop_the_reading(text: str, data: Any, problem: str, parser: str) -> None:
    source = parse(text, "f")
    assert source.data == data
    assert [str(one) for one in source.problems] == [problem]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "boston.yaml").write_text("name: boston\n")
    (tmp_path / "configs" / "latin.yaml").write_bytes(b"a: 1\nb: x\xe9\n")
    (tmp_path / "configs" / "huge.yaml").write_bytes(b"a: " + b"x" * 2**20)
    (tmp_path / "configs" / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "configs/bostn.yaml",
            "configs/bostn.yaml: there is no such file; did you mean 'configs/boston.yaml'?",
        ),
        ("boston", "boston: there is no such file; did you mean 'configs/boston.yaml'?"),
        ("nowhere/zzz.yaml", "nowhere/zzz.yaml: there is no such file"),
        ("configs/boston.yaml/x", "configs/boston.yaml/x: there is no such file"),
        (
            "configs",
            "configs: this is a directory; expected a YAML file; choose from configs/bom.yaml, "
            "configs/boston.yaml, configs/huge.yaml, configs/latin.yaml",
        ),
        ("configs/latin.yaml", "configs/latin.yaml:2:5: this is not UTF-8 text"),
        ("configs/huge.yaml", "configs/huge.yaml: the file is over 1 MiB; that is no config"),
        ("a\0b", "a\0b: the file cannot be read: embedded null byte"),
    ],
)
def test_files_that_cannot_be_used(folder: Path, path: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == message.replace("/", str(Path("/"))[-1])


def test_a_file_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ConfigError, match=r"^configs.boston.yaml: the file cannot be read: Permission denied$"):
        load("configs/boston.yaml")


def test_load_knows_its_path_and_accepts_a_byte_order_mark(folder: Path) -> None:
    source = load("configs/bom.yaml")
    assert source.data == {"a": 1, "b": 2}
    assert source.path == Path("configs/bom.yaml")
    assert source.place(("a",), on_key=True) == Place(str(Path("configs/bom.yaml")), 1, 1)


texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "1e-3",
        "no",
        "null",
        "<<",
        "=",
        "0o7",
        "1_0",
        "2024-01-01",
        "-",
        "a: b",
        "#",
        " x",
        ".inf",
        "~",
        "é\u2028\x85",
    ]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**90), 10**90) | st.floats() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts.filter(lambda key: key != "<<"), inner),
    max_leaves=20,
)


@given(plain)
def test_what_is_dumped_is_read_back_equal(data: Any) -> None:
    read = parse(dump({"data": data})).data["data"]
    assert repr(read) == repr(data)  # repr, for NaN equals itself there and 1 is not 1.0


@given(st.text(st.characters() | st.sampled_from("[]{}:-,&*!|>'\"%@`#? \n\t"), max_size=60))
def test_no_text_does_worse_than_a_config_error(text: str) -> None:
    try:
        problems = parse(text, "f").problems
    except ConfigError as error:
        problems = error.problems
        assert len(problems) == 1
    assert all(problem.place.line >= 1 for problem in problems)
