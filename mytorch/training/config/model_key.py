"""The key `model` of a config: a list of layers, or one module, such as a model of one's own.

model: [{type: Linear, out_features: 64}, ReLU, {type: Linear, out_features: 1}]
model: {type: MyNet, hidden: 64}
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationInfo
from pydantic_core import core_schema

from mytorch.training.config.components import OUTPUT_SIZES, Component, Registries, resolve
from mytorch.training.config.faults import ComponentError, Fault
from mytorch.training.config.wording import expected

Model = Component | tuple[Component, ...]


class WrittenModel:
    """Tells pydantic that a field is a model; see `sections.Written` for single components."""

    def __get_pydantic_core_schema__(self, annotation: Any, handler: Any) -> core_schema.CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(_to_data)
        return core_schema.with_info_plain_validator_function(self._resolve, serialization=written)

    def _resolve(self, value: Any, info: ValidationInfo[Registries]) -> Model:
        if isinstance(value, (dict, str)):
            return resolve("layer", value, info.context, may_be_left_out=OUTPUT_SIZES)
        if not isinstance(value, (list, tuple)):
            what = "a list of layers, or one module as {type: NAME, ...}"
            raise ValueError(f"{expected(what, value)}; for example model: [{{type: Linear, out_features: 1}}]")
        if not value:
            raise ValueError("expected at least one layer, got an empty list")
        layers: list[Component] = []
        faults: list[Fault] = []
        for index, layer in enumerate(value):
            try:
                layers.append(resolve("layer", layer, info.context))
            except ComponentError as error:
                faults += [fault.below((index,)) for fault in error.faults]
        if faults:
            raise ComponentError(faults)
        return tuple(layers)


def _to_data(model: Model) -> Any:
    return model.to_data() if isinstance(model, Component) else [layer.to_data() for layer in model]
