"""Reads YAML so that every value remembers its line and column, and writes YAML that reads back the same.

Nothing in a file can run code or exhaust the machine: only plain scalars, lists and mappings are read, from
the parser's events, within limits on size, depth and the number of values that aliases expand to. Plain
scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), where `1e-3` is a
number and `no`, `12:30` and `2024-01-01` are text; PyYAML's own reading is that of YAML 1.1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mytorch.training.errors import ConfigError, Place, Problem, closest, suggest

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_VALUES = 100_000
MAX_DIGITS = 100

# Where a value stands in the data: the keys and list indices that lead to it.
Keys = tuple[str | int, ...]

# The C parser is some ten times as fast; PyYAML's builds without libyaml do not have it.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# The core schema: a plain scalar is the first of these that it matches, else text.
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NUMBER = re.compile("|".join(f"({one.pattern})" for one in (_INT, _OCTAL, _HEX, _FLOAT)))
_SPECIAL = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + inf: float(sign + "inf") for sign in ("", "+", "-") for inf in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}

_SURROGATE = re.compile("[\ud800-\udfff]")

# What the two parsers say, in the order of trial, and what it means for somebody who writes a config.
_SYNTAX = (
    (
        "mapping values are not allowed",
        "unexpected ':'; check the indentation, and quote text with ': ' in it",
    ),
    ("could not find expected ':'", "the line above is neither 'key: value' nor '- item'"),
    ("expected ',' or ']'", "a list that was opened with '['{opened} is not closed; expected ',' or ']'"),
    (
        "expected ',' or '}'",
        "a mapping that was opened with '{{'{opened} is not closed; expected ',' or '}}'",
    ),
    ("found unexpected end of stream", "text in quotes that was opened{opened} is not closed"),
    (
        "found unknown escape character",
        "unknown escape after '\\'; use single quotes for text with a backslash",
    ),
    ("node content", "expected a value"),
    ("expected <block end>", "the indentation does not fit the lines above"),
    ("did not find expected '-' indicator", "the indentation does not fit the lines above"),
    ("did not find expected key", "the indentation does not fit the lines above"),
)


@dataclass
class Source:
    """Plain data (dict, list, str, int, float, bool, None) and where each part of it was written.

    `values` and `keys` map the keys that lead to a value to the place of the value and of its key.
    `problems` are those that did not stop the reading, such as duplicate keys; later checks add theirs.

    >>> source = parse("train:\\n  epochs: 1e-3\\n", "a.yaml")
    >>> source.data
    {'train': {'epochs': 0.001}}
    >>> print(source.problem(("train", "epochs"), "expected an integer"))
    a.yaml:2:11: train.epochs: expected an integer
    """

    name: str
    path: Path | None = None
    data: Any = None
    values: dict[Keys, Place] = field(default_factory=dict)
    keys: dict[Keys, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Keys, *, on_key: bool = False) -> Place:
        """Where the value at `path`, or with `on_key` its key, was written; else what encloses it."""
        if on_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(self.name))

    def problem(self, path: Keys, message: str, *, at: Keys | None = None, on_key: bool = False) -> Problem:
        """A problem with the value at `path`; its place is that of `at` if that is given."""
        subject = ".".join(map(str, path))
        place = self.place(path if at is None else at, on_key=on_key)
        return Problem(place, f"{subject}: {message}" if subject else message)


@dataclass(slots=True, eq=False)
class _Node:
    """A value as it was written: a scalar, the items of a list, or keys and values in turn of a mapping."""

    kind: str
    place: Place
    value: Any = None
    parts: list[_Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


def load(path: str | os.PathLike[str]) -> Source:
    """Reads the YAML file at `path`.

    Raises `ConfigError` when the file is missing, unreadable, over 1 MiB or not UTF-8, and for all that
    `parse` refuses.
    """
    path = Path(path)
    name = str(path)

    def refuse(message: str) -> ConfigError:
        return ConfigError([Problem(Place(name), message)])

    try:
        if path.is_dir():
            raise refuse(f"this is a directory; expected a YAML file{_suggest_file(path, [path])}")
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise refuse(f"there is no such file{_suggest_file(path, [path.parent, Path('configs')])}") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise refuse(f"the file cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_BYTES:
        raise refuse("the file is over 1 MiB; that is no config")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise ConfigError([Problem(Place(name, line, column), "this is not UTF-8 text")]) from None
    source = parse(text, name)
    source.path = path
    return source


def _suggest_file(path: Path, folders: list[Path]) -> str:
    files = {file.stem: str(file) for folder in folders for file in sorted(folder.glob("*.y*ml"))}
    if path in folders:
        return suggest("", files.values())
    near = closest(path.stem, files)
    return f"; did you mean {files[near]!r}?" if near else ""


def parse(text: str, name: str = "<text>") -> Source:
    """Reads a YAML document whose top level is a mapping; `name` is what its places are called.

    Raises `ConfigError` for what stops the reading: bad syntax, no mapping, more than one document, tags,
    depth over 64, more than 100,000 values once aliases are expanded.
    """
    source = Source(name)
    root = _compose(text, lambda line, column: Place(name, line + 1, column + 1))
    if root is None or (root.kind == "scalar" and root.value is None):
        raise ConfigError([Problem(Place(name, 1, 1), "the file is empty; expected lines of 'key: value'")])
    if root.kind != "mapping":
        came = "a list" if root.kind == "list" else "a single value"
        raise ConfigError([Problem(root.place, f"expected lines of 'key: value' at the top level, got {came}")])
    source.data = _unfold(root, (), source)
    return source


def parse_value(text: str, place: Place) -> Source:
    """Reads one YAML value, such as the right-hand side of an override; all of it lies at `place`."""
    source = Source(place.source)
    root = _compose(text, lambda line, column: place) or _Node("scalar", place)
    source.data = _unfold(root, (), source)
    return source


def _compose(text: str, place: Callable[[int, int], Place]) -> _Node | None:
    """The document's tree, or None for an empty one. Iterative, so that depth cannot exhaust the stack."""
    root: _Node | None = None
    open_nodes: list[_Node] = []
    anchors: dict[str, _Node] = {}
    documents = 0
    for event in _events(text, place):
        here = place(event.start_mark.line, event.start_mark.column)

        def refuse(message: str, here: Place = here) -> ConfigError:
            return ConfigError([Problem(here, message)])

        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise refuse("a second document starts here ('---'); a config is one document")
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            open_nodes.pop()
        elif isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.AliasEvent):
                if event.anchor not in anchors:
                    raise refuse(f"alias '*{event.anchor}' has no anchor '&{event.anchor}' before it")
                node = anchors[event.anchor]
                if node in open_nodes:
                    raise refuse(f"alias '*{event.anchor}' stands inside of what it repeats")
            else:
                node = _node(event, here)
                if event.anchor is not None:
                    anchors[event.anchor] = node
            root = root or node
            if len(open_nodes) + node.height > MAX_DEPTH:
                raise refuse(f"nested more than {MAX_DEPTH} levels deep")
            if open_nodes:
                open_nodes[-1].parts.append(node)
            for depth, parent in enumerate(reversed(open_nodes), start=1):
                parent.size += node.size
                parent.height = max(parent.height, node.height + depth)
            if root.size > MAX_VALUES:
                raise refuse(f"more than {MAX_VALUES:,} values, aliases expanded; that is no config")
            if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
                open_nodes.append(node)
    return root


def _events(text: str, place: Callable[[int, int], Place]) -> Iterator[Any]:
    """The parser's events; its errors become problems in plain words."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        found = yaml.reader.Reader.NON_PRINTABLE.search(line)
        if found:
            message = f"character U+{ord(found.group()):04X} is not allowed in YAML"
            raise ConfigError([Problem(place(number, found.start()), message)])
    try:
        yield from yaml.parse(text, Loader=_Parser)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        row, column = (mark.line, mark.column) if mark else (0, 0)
        start = error.context_mark.line if error.context_mark else row
        here = place(row, column)
        opened = f" in line {start + 1}" if start != row and here.line else ""
        character = lines[row][column : column + 1] if row < len(lines) else ""
        message = _plain_syntax(str(error.problem), opened, character)
        raise ConfigError([Problem(here, message)]) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # a number of a character that does not exist
        raise ConfigError([Problem(place(0, 0), "not valid YAML: an escape after '\\' is no character")]) from None


def _plain_syntax(problem: str, opened: str, character: str) -> str:
    if "cannot start any token" in problem and character == "\t":
        return "a tab is used for indentation; use spaces"
    if "cannot start any token" in problem:
        return f"a value cannot start with {character!r}; put it in quotes"
    plain = next((plain for said, plain in _SYNTAX if said in problem), "not valid YAML: {problem}")
    return plain.format(opened=opened, problem=problem)


def _node(event: Any, place: Place) -> _Node:
    tag = getattr(event, "tag", None)
    if tag is not None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        raise ConfigError([Problem(place, f"tags such as '{shown}' are not allowed; write a plain value")])
    if isinstance(event, yaml.SequenceStartEvent):
        return _Node("list", place)
    if isinstance(event, yaml.MappingStartEvent):
        return _Node("mapping", place)
    if _SURROGATE.search(event.value):
        raise ConfigError([Problem(place, "an escape after '\\' stands for half a character")])
    is_plain = event.implicit[0]
    try:
        return _Node("scalar", place, plain_scalar(event.value) if is_plain else event.value)
    except ValueError:
        raise ConfigError([Problem(place, "this number has too many digits")]) from None


def plain_scalar(text: str) -> Any:
    """The value of a scalar without quotes by the core schema of YAML 1.2.

    >>> [plain_scalar(text) for text in ("1e-3", "012", "0x1F", "true", "no", "~", "1_000")]
    [0.001, 12, 31, True, 'no', None, '1_000']
    """
    if text in _SPECIAL:
        return _SPECIAL[text]
    if len(text) > MAX_DIGITS and _NUMBER.fullmatch(text):
        raise ValueError("a number of too many digits")
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    return float(text) if _FLOAT.fullmatch(text) else text


def _unfold(node: _Node, path: Keys, source: Source) -> Any:
    """Plain data of `node`, aliases copied out; notes places and bad keys in `source`."""
    source.values[path] = node.place
    if node.kind == "scalar":
        return node.value
    if node.kind == "list":
        return [_unfold(item, (*path, index), source) for index, item in enumerate(node.parts)]
    data: dict[str, Any] = {}
    for key, value in zip(node.parts[::2], node.parts[1::2], strict=True):
        wrong = _wrong_key(key, data, path, source)
        if wrong:
            source.problems.append(Problem(key.place, wrong))
            continue
        here = (*path, key.value)
        source.keys[here] = key.place
        data[key.value] = _unfold(value, here, source)
    return data


def _wrong_key(key: _Node, data: dict[str, Any], path: Keys, source: Source) -> str | None:
    if key.kind != "scalar":
        return f"a key must be a name, got a {key.kind}"
    if not isinstance(key.value, str):
        return f"a key must be a name, got {to_text(key.value)}; put it in quotes if it is one"
    if key.value == "<<":
        return "merge keys ('<<') are not supported; write the keys out"
    if key.value in data:
        first = source.keys[(*path, key.value)]
        where = f" in line {first.line}" if first.line else ""
        return f"duplicate key {key.value!r}; it was given before{where}"
    return None


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, quoting text that the core schema (not YAML 1.1) would read as something else."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's own protocol

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        is_plain = kind is yaml.ScalarNode and implicit[0]
        if not is_plain:
            return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]
        names = {str: "str", int: "int", float: "float", bool: "bool", type(None): "null"}
        return f"tag:yaml.org,2002:{names[type(plain_scalar(value))]}"

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # Only double quotes keep every kind of line break as it is.
        quoted = len(data.splitlines()) > 1 or data != data.strip()
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"' if quoted else None)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_str)


def dump(data: Any) -> str:
    """YAML for plain data, which `parse` reads back as an equal value. Mappings keep their order.

    >>> print(dump({"model": ["ReLU", {"type": "Dropout", "p": 0.1}], "name": "1e-3"}), end="")
    model:
    - ReLU
    - {type: Dropout, p: 0.1}
    name: '1e-3'
    """
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)


def to_text(value: Any) -> str:
    """A plain value as one writes it in YAML, on one line.

    >>> to_text(True), to_text(None), to_text(1e-3), to_text("no"), to_text([1, 2])
    ('true', 'null', '0.001', 'no', '[1, 2]')
    """
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=1 << 30)
    return str(text).removesuffix("\n").removesuffix("\n...")
