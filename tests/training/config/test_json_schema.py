"""The JSON Schema that `mytorch schema` prints: it takes what `load_config` takes, and names what is wrong."""

from __future__ import annotations

import copy
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mytorch.training.config.components import standard_registries
from mytorch.training.config.config import load_config
from mytorch.training.config.yaml_source import load, parse

ROOT = Path(__file__).parents[3]
# Those with layers of their own have a schema of their own, which `mytorch schema --imports` prints.
STARTERS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if "\nimports:" not in path.read_text("utf-8"))
WITH_LAYERS = sorted(set((ROOT / "configs").rglob("*.yaml")) - set(STARTERS))
CONFIG = """\
name: digits
seed: 3
dataset: {type: csv, path: a.csv, target: kind, test: {every: 4}, normalize: {inputs: standard}, batch_size: full}
model: [{type: Sequential, layers: [{type: Conv2d, out_channels: 4, kernel_size: [3, 3]}, ReLU]}, Flatten, {type: Linear, out_features: 3}]
loss: {type: CrossEntropyLoss, weight: [1.0, 2.0, 1.0]}
optimizer: {type: AdamW, lr: 1e-2, betas: [0.9, 0.99]}
scheduler: {type: OneCycleLR, max_lr: 1e-2}
train: {epochs: 4, clip_grad_norm: 5.0}
checkpoint: {every_minutes: 5}
"""
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}  # fmt: skip
SAID = {
    "title", "description", "default", "type", "enum", "const", "anyOf", "$ref", "$defs", "$schema", "properties", "required",
    "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minProperties", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
}  # fmt: skip


def mytorch_schema(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "schema", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    done = mytorch_schema(cwd=tmp_path_factory.mktemp("schema"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def accepts(value, schema, root) -> bool:
    """The part of JSON Schema that ours is written in."""
    if "$ref" in schema and not accepts(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root):
        return False
    if "anyOf" in schema and not any(accepts(value, one, root) for one in schema["anyOf"]):
        return False
    if "type" in schema:
        is_bool_for_number = isinstance(value, bool) and schema["type"] in ("integer", "number")
        if is_bool_for_number or not isinstance(value, TYPES[schema["type"]]):
            return False
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        return False
    if isinstance(value, (int, float)):
        inf = float("inf")
        return (
            schema.get("minimum", -inf) <= value <= schema.get("maximum", inf)
            and schema.get("exclusiveMinimum", -inf) < value < schema.get("exclusiveMaximum", inf)
        )  # fmt: skip
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        items = [*first, *[schema.get("items", {})] * (len(value) - len(first))][: len(value)]
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", float("inf"))
        return fits and all(accepts(one, item, root) for one, item in zip(value, items, strict=True))
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        if len(value) < schema.get("minProperties", 0):
            return False
        if not set(schema.get("required", [])) <= set(value):
            return False
        return all(
            accepts(item, known[key], root) if key in known
            else others is True or (others is not False and accepts(item, others, root))
            for key, item in value.items()
        )  # fmt: skip
    return True


def schemas_in(schema):
    yield schema
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from schemas_in(schema[key])
    for one in [*schema.get("anyOf", []), *schema.get("prefixItems", [])]:
        yield from schemas_in(one)
    for one in [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]:
        yield from schemas_in(one)


def test_the_schema_is_one_that_is_understood_here(schema):
    for one in schemas_in(schema):
        assert set(one) <= SAID, one
        if "$ref" in one:
            assert one["$ref"].removeprefix("#/$defs/") in schema["$defs"]


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.name)
def test_the_starter_configs_fit(schema, path):
    assert accepts(load(path).data, schema, schema)
    assert accepts(parse(load_config(path).to_yaml()).data, schema, schema), "with all defaults written out too"


def test_every_component_is_named(schema):
    for kind, registry in standard_registries().items():
        named = {one["title"] for one in schema["$defs"][kind]["anyOf"][1:]}
        assert named == set(registry.classes)


MISTAKES = [
    (("optimizer", "type"), "Adm"),
    (("optimizer", "lr"), "high"),
    (("optimizer", "learning_rate"), 0.1),
    (("optimizer", "betas"), [0.9]),
    (("loss",), "ReLU"),
    (("train", "epochs"), 0),
    (("train", "epoch"), 3),
    (("seed",), 1.5),
    (("dataset", "batch_size"), "all"),
    (("dataset", "normalize", "inputs"), "std"),
    (("dataset", "delimeter"), ";"),
    (("model", 0, "layers", 0, "kernel_size"), "three"),
    (("model", 2), {"type": "Dropout", "p": True}),
    (("model", 2), "Conv2d"),
    (("colour",), "red"),
]


def with_value(path, value):
    data = copy.deepcopy(parse(CONFIG).data)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


@pytest.mark.parametrize(("path", "value"), MISTAKES, ids=lambda value: str(value))
def test_mistakes_do_not_fit(schema, path, value):
    assert accepts(parse(CONFIG).data, schema, schema)
    assert not accepts(with_value(path, value), schema, schema)


@pytest.mark.parametrize(
    ("model", "fits"),
    [
        ("Linear", True),
        ("{type: Linear, bias: false}", True),
        ("[Linear]", False),
        ("{type: Linear, bais: false}", False),
        ("{type: Conv2d, out_channels: 3, kernel_size: 1}", True),
        ("[{type: Residual, layers: [ReLU], shortcut: [{type: Linear, out_features: 3}]}]", True),
        ("[{type: Residual, shortcut: [ReLU]}]", False),
        ("[{type: Residual, layers: [Linear]}]", False),
        ("{type: Parallel, branches: {a: [ReLU], b: [{type: Residual, layers: [ReLU]}]}, join: add}", True),
        ("{type: Parallel, branches: [[ReLU], [Tanh]], dim: -1}", True),
        ("{type: Parallel, branches: [ReLU, Tanh]}", False),
        ("{type: Parallel, branches: {}}", False),
        ("{type: Parallel, branches: [[ReLU]], join: stack}", False),
        ("5", False),
    ],
)
def test_models(schema, model, fits):
    data = parse(CONFIG).data | {"model": parse(f"model: {model}").data["model"]}
    assert accepts(data, schema, schema) == fits


def test_the_file_beside_the_starter_configs_is_what_the_command_prints(schema):
    said = "write it again: mytorch schema > configs/config.schema.json"
    assert json.loads((ROOT / "configs" / "config.schema.json").read_text()) == schema, said
    for path in STARTERS:
        first = path.read_text(encoding="utf-8").splitlines()[0]
        way = "../" * (len(path.relative_to(ROOT / "configs").parts) - 1)
        assert first == f"# yaml-language-server: $schema={way}config.schema.json", path


@pytest.mark.skipif(importlib.util.find_spec("jsonschema") is None, reason="the package jsonschema is not installed")
def test_the_package_jsonschema_says_the_same(schema):
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for data in [*(load(path).data for path in STARTERS), parse(CONFIG).data]:
        validator.validate(data)
    for path, value in MISTAKES:
        assert not validator.is_valid(with_value(path, value)), path


def test_the_starter_configs_with_layers_of_their_own_fit():
    assert {path.parent.name for path in WITH_LAYERS} == {"learn"}
    schema = json.loads(mytorch_schema("--imports", "configs/learn/layers.py", cwd=ROOT).stdout)
    for path in WITH_LAYERS:
        assert accepts(load(path).data, schema, schema), path


def test_own_classes_are_named_with_imports(tmp_path):
    (tmp_path / "layers.py").write_text(
        "from mytorch import nn\n\nclass Scale(nn.Module):\n    def __init__(self, factor: float = 1.0) -> None: ...\n"
    )
    schema = json.loads(mytorch_schema("--imports", "layers.py", cwd=tmp_path).stdout)
    assert accepts({"type": "Scale", "factor": 2}, schema["$defs"]["layer"], schema)
    assert not accepts({"type": "Scale", "factor": "two"}, schema["$defs"]["layer"], schema)
    done = mytorch_schema("--imports", "layer.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "error: --imports: there is no file 'layer.py'\n")
