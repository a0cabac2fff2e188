"""Configs that are built from the schema and then broken: each is checked, or refused with the place, never more.

They go through `mytorch check`, which reads, builds and tries out a config without training it.
"""

from __future__ import annotations

import functools
import math
import re
import resource
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from mytorch.training.config.components import standard_registries
from mytorch.training.config.json_schema import config_schema

pytestmark = pytest.mark.filterwarnings("ignore")  # which the command line prints; here they would be errors

CASES = 5000
PARTS = 8  # which run side by side
MEMORY = 6 << 30  # bytes of address space that a case may take; what asks for more must fail with a message

BASES = [
    {
        "dataset": {"type": "boston", "test": {"every": 4}, "normalize": {"inputs": "standard"}},
        "model": [{"type": "Linear", "out_features": 4}, "ReLU", {"type": "Linear", "out_features": 1}],
        "loss": "MSELoss",
        "optimizer": {"type": "Adam", "lr": 1e-3},
        "train": {"epochs": 2},
    },
    {
        "dataset": {"type": "csv", "path": "classes.csv", "target": "kind", "validation": {"fraction": 0.2}},
        "model": [{"type": "Linear", "out_features": 3}],
        "loss": "CrossEntropyLoss",
        "optimizer": {"type": "SGD", "lr": 0.1},
        "scheduler": {"type": "StepLR", "step_size": 1},
        "train": {"epochs": 2},
        "metrics": ["accuracy"],
    },
    {
        "dataset": {"type": "npy", "inputs": "images.npy", "targets": "labels.npy", "batch_size": 4},
        "model": [{"type": "Conv2d", "out_channels": 2, "kernel_size": 3}, "Flatten", {"type": "Linear", "out_features": 3}],
        "loss": "CrossEntropyLoss",
        "optimizer": {"type": "AdamW"},
        "train": {"epochs": 1},
    },
]  # fmt: skip

INTEGERS = st.one_of(
    st.integers(-2, 12), st.sampled_from([-(10**12), 1000, 2**31, 2**40, 10**15, 2**63, 10**30])
)  # fmt: skip
FLOATS = st.one_of(
    st.floats(0, 1), st.sampled_from([-1.0, 0.0, 1e-300, 1e300, 3.5, math.inf, -math.inf, math.nan, 1e30])
)
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(["", "\0", "ㄱ", "🙂", "../../up", "/etc/passwd", "null", "1e5", "${x}", "a" * 3000, "yes", "%s %d {0}"]),
)  # fmt: skip
FILES = st.sampled_from(
    ["classes.csv", "images.npy", "labels.npy", "missing.csv", ".", "../x.csv", "/dev/null", "*.csv"]
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, FLOATS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)


@functools.cache
def schema() -> dict[str, Any]:
    return config_schema(standard_registries())


def from_schema(part: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit a part of the schema, apart from the limits of numbers, which are broken often."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return st.deferred(lambda: of_definition(name, depth))
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    if "anyOf" in part:
        return st.one_of([from_schema(one, depth) for one in part["anyOf"] if one != {"enum": []}])
    kind = part.get("type")
    if kind == "object":
        return of_object(part, depth)
    if kind == "array":
        items = part.get("items", {})
        if depth > 3:
            return st.just([])
        return st.lists(from_schema(items, depth + 1) if isinstance(items, dict) else INTEGERS, max_size=3)
    plain = {"integer": INTEGERS, "number": FLOATS, "boolean": st.booleans(), "string": TEXTS, "null": st.none()}
    return plain.get(kind, JUNK)  # type: ignore[arg-type]


def of_object(part: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    properties = {
        key: FILES if key in ("path", "inputs", "targets") else from_schema(one, depth + 1)
        for key, one in part.get("properties", {}).items()
    }
    required = {key: properties.pop(key) for key in part.get("required", []) if key in properties}
    return st.fixed_dictionaries(required, optional=dict(list(properties.items())))


@functools.cache
def of_definition(name: str, depth: int) -> st.SearchStrategy[Any]:
    return from_schema(schema()["$defs"][name], depth)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in paths_of(item, (*path, key)))]


@st.composite
def configs(draw: Any) -> Any:
    """One of the bases with some sections drawn from the schema, then with up to three things broken."""
    config = dict(draw(st.sampled_from(BASES)))
    sections = schema()["properties"]
    for name in draw(st.lists(st.sampled_from(sorted(set(sections) - {"imports"})), max_size=3, unique=True)):
        config[name] = draw(from_schema(sections[name]))
    config = yaml.safe_load(yaml.safe_dump(config, allow_unicode=True)) if draw(st.booleans()) else config
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(paths_of(config)))
        config = broken(draw, config, path)
    return config


def broken(draw: Any, value: Any, path: tuple[Any, ...]) -> Any:
    """The value with what is at the path replaced, removed or renamed."""
    if not path:
        return draw(JUNK) if draw(st.integers(0, 9)) == 0 else value
    copy = dict(value) if isinstance(value, dict) else list(value)
    key = path[0]
    if len(path) > 1:
        copy[key] = broken(draw, copy[key], path[1:])
        return copy
    how = draw(st.sampled_from(["junk", "number", "remove", "rename", "nest"]))
    if how == "junk":
        copy[key] = draw(JUNK)
    elif how == "number":
        copy[key] = draw(st.one_of(INTEGERS, FLOATS))
    elif how == "nest":
        copy[key] = [copy[key]] if draw(st.booleans()) else {"type": copy[key]}
    elif how == "remove":
        del copy[key]
    elif isinstance(copy, dict):
        copy[draw(st.one_of(TEXTS, INTEGERS, st.just(f"{key}s")))] = copy.pop(key)
    return copy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    kinds = ["red", "green", "blue"]
    rows = [f"{i % 7},{i % 5}.5,{kinds[i % 3]}" for i in range(30)]
    (folder / "classes.csv").write_text("\n".join(["x,y,kind", *rows]) + "\n")
    np.save(folder / "images.npy", np.arange(12 * 3 * 8 * 8, dtype=np.float32).reshape(12, 3, 8, 8) % 11)
    np.save(folder / "labels.npy", np.arange(12) % 3)
    yield folder
    assert {path.name for path in folder.iterdir()} <= {"classes.csv", "images.npy", "labels.npy", "f.yaml"}


@pytest.fixture(scope="module", autouse=True)
def _bounded_memory():
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def check(folder, mytorch_command):
    """`mytorch check` of a text: it ends with exit code 0, or with 2 and messages that name the file.

    Or with 1, where the config is right and its loss is not a number: the logarithm of a negative output, say.
    """

    def run(text: bytes) -> None:
        (folder / "f.yaml").write_bytes(text)
        done = mytorch_command("check", "f.yaml", cwd=folder, check={0, 1, 2})
        if done.returncode == 1:
            assert re.search("error: f.yaml: the (loss|gradients) of the first batch", done.stderr), done.stderr
        if done.returncode == 2:
            message = done.stderr
            lines = [line for line in message.splitlines() if not line.startswith("warning: ")]
            assert lines
            assert lines[0].removeprefix("error: ").startswith("f.yaml"), message
            assert len(message) < 20_000, message[:2000]

    return run


def fuzz(cases: int, number: int, *strategies: Any) -> Any:
    """A decorator that runs a function with so many cases, the same ones every time, so that a failure is a change's."""
    options = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, max_examples=cases)
    return lambda test: seed(number)(options(given(*strategies)(test)))


@pytest.mark.parametrize("part", range(PARTS))
def test_broken_configs(check, part):
    @fuzz((CASES - 1000) // PARTS, part, configs())
    def run(config):
        check(yaml.safe_dump(config, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass"))

    run()


def test_bytes_in_the_text(check):
    changes = st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), min_size=1, max_size=4)

    @fuzz(600, 0, st.sampled_from(BASES), changes)
    def run(config, changes):
        text = yaml.safe_dump(config).encode()
        for place, inserted in changes:
            place %= len(text) + 1
            text = text[:place] + inserted + text[place + len(inserted) % 2 :]
        check(text)

    run()


def test_any_bytes(check):
    pieces = st.text("[]{}:,-&*!|>'\"# \n\tab1", max_size=60).map(str.encode)

    @fuzz(400, 0, st.one_of(st.binary(max_size=200), pieces))
    def run(text):
        check(text)

    run()
