"""`mytorch schema`: a JSON Schema of the config, by which editors complete and check a file while it is written.

The keys come from the pydantic models of `config`, the components and their arguments from the constructors'
signatures, as in `components`. It says less than `load_config` checks: what follows from several keys together, and
what only a constructor knows, is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from mytorch.training.branches import Parallel
from mytorch.training.config.components import (
    FILLED_BY_RUN,
    INFERRED,
    OUTPUT_SIZES,
    Kind,
    Parameter,
    Registries,
    Registry,
    parameters_of,
    standard_registries,
)
from mytorch.training.config.composites import INSIDE
from mytorch.training.config.config import Config
from mytorch.training.config.imports import UnimportableError, add_imports
from mytorch.training.config.loss_list import FACTOR, WrittenLoss
from mytorch.training.config.model_key import WrittenModel
from mytorch.training.config.sections import Written
from mytorch.training.console import print_json
from mytorch.training.errors import UserError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MARK = "$component"  # stands for a reference until pydantic is done
Schema = dict[str, Any]


def print_schema(imports: Sequence[Path] = ()) -> None:
    """Print the schema; the classes of the files `imports` are known to it."""
    registries: Registries = standard_registries()
    for path in imports:
        if not path.is_file():
            raise UserError(f"--imports: there is no file {str(path)!r}")
        try:
            registries = add_imports(registries, [path])
        except UnimportableError as error:
            raise UserError(f"--imports: {error}") from None
    print_json(config_schema(registries))


def config_schema(registries: Registries) -> Schema:
    """The JSON Schema of a config whose components are those of the registries."""
    schema = _with_references(Config.model_json_schema(schema_generator=_Generator))
    definitions = schema.setdefault("$defs", {})
    schema["required"].remove("name")  # it is that of the file, if the config gives none
    own = definitions.pop("Dataset")["properties"]
    del own["source"]
    own["batch_size"] |= {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "full"}]}
    for kind, registry in registries.items():
        definitions[kind] = component_schema(kind, registry, own if kind == "dataset" else {})  # type: ignore[arg-type]
    factor = {FACTOR: {"type": "number", "exclusiveMinimum": 0, "default": 1}}
    definitions["loss_in_a_list"] = component_schema("loss", registries["loss"], factor)
    definitions["model"] = _model_schema(registries["layer"])
    schema["properties"]["dataset"] = _reference("dataset")
    return {"$schema": DIALECT, **schema}


def component_schema(kind: Kind, registry: Registry, other_keys: Schema | None = None) -> Schema:
    """A component of a kind: its bare name, if it needs no arguments, or a mapping of `type` and the arguments.

    >>> class Scale:
    ...     def __init__(self, factor: float) -> None: ...
    >>> schema = component_schema("layer", Registry({"Scale": Scale}))
    >>> schema["anyOf"][1]["properties"]["factor"], schema["anyOf"][1]["required"]
    ({'type': 'number'}, ['type', 'factor'])
    """
    may_be_left_out = INFERRED | FILLED_BY_RUN
    bare, mappings = [], []
    for name, target in sorted(registry.classes.items()):
        parameters = {key: one for key, one in parameters_of(target).items() if key not in registry.supplied}
        arguments = {key: _argument(one) for key, one in parameters.items()} | _inside(target)
        required = [key for key, one in parameters.items() if one.required and key not in may_be_left_out]
        if target in INSIDE:
            required = [INSIDE[target][0]]
        if not required:
            bare.append(name)
        mappings.append(_mapping(name, {**arguments, **(other_keys or {})}, required))
    return {"anyOf": [{"enum": bare}, *mappings]}


def _model_schema(registry: Registry) -> Schema:
    """A model that is one module: a layer, or a class that leaves the size of the target to the builder."""
    left_out = {}
    for name, target in sorted(registry.classes.items()):
        parameters = parameters_of(target)
        required = [key for key, one in parameters.items() if one.required and key not in INFERRED]
        if OUTPUT_SIZES.intersection(required):
            arguments = {key: _argument(one) for key, one in parameters.items()}
            left_out[name] = (arguments, [key for key in required if key not in OUTPUT_SIZES])
    bare = [name for name, (_, required) in left_out.items() if not required]
    mappings = [_mapping(name, arguments, required) for name, (arguments, required) in left_out.items()]
    return {"anyOf": [_reference("layer"), {"enum": bare}, *mappings]}


def _mapping(name: str, arguments: Schema, required: Sequence[str]) -> Schema:
    return {
        "title": name,
        "type": "object",
        "properties": {"type": {"const": name}, **arguments},
        "required": ["type", *required],
        "additionalProperties": False,
    }


def _layers_of(layer: Schema) -> Schema:
    return {"type": "array", "items": layer, "minItems": 1}


def _inside(target: Any) -> Schema:
    """The keys of a layer that holds layers."""
    layers = _layers_of(_reference("layer"))
    if target is Parallel:
        named = {"type": "object", "additionalProperties": layers, "minProperties": 1}
        return {"branches": {"anyOf": [named, _layers_of(layers)]}}
    return dict.fromkeys(INSIDE.get(target, ()), layers)


def _argument(parameter: Parameter) -> Schema:
    """The schema of an argument's annotation; of one that JSON Schema cannot express, that of anything."""
    try:
        adapter = TypeAdapter(parameter.annotation, config=ConfigDict(arbitrary_types_allowed=True))
        schema = adapter.json_schema(schema_generator=_Generator)
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return {}
    if type(parameter.default) in (str, int, float, bool):
        schema["default"] = parameter.default
    return schema


def _reference(kind: str) -> Schema:
    return {"$ref": f"#/$defs/{kind}"}


def _with_references(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: _with_references(value) for key, value in schema.items() if key != MARK}
    return {**_reference(schema[MARK]), **rest} if isinstance(schema.get(MARK), str) else rest


class _Generator(GenerateJsonSchema):
    """pydantic's, with references to the components' definitions, which are added afterwards."""

    def function_plain_schema(self, schema: Any) -> JsonSchemaValue:
        written = getattr(schema["function"]["function"], "__self__", None)
        # pydantic follows each "$ref" that it meets, and these lead nowhere yet: `_with_references` writes them.
        if isinstance(written, WrittenModel):
            return {"anyOf": [_layers_of({MARK: "layer"}), {MARK: "model"}]}
        if isinstance(written, WrittenLoss):
            return {"anyOf": [{MARK: "loss"}, _layers_of({MARK: "loss_in_a_list"})]}
        return {MARK: written.kind} if isinstance(written, Written) else super().function_plain_schema(schema)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}  # anything
