"""The key `loss` of a config: one loss, or a list of several that are added up, each with a factor.

    loss: MSELoss
    loss: [{type: MSELoss, factor: 0.5}, {type: L1Loss, factor: 2}]

What a loss is for (numbers, one probability, classes) is known here too, as the losses of a list must be for the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationInfo
from pydantic_core import core_schema

from mytorch.training.config.components import Component, Registries, parameters_of, resolve
from mytorch.training.config.faults import ComponentError, Fault
from mytorch.training.config.wording import expected

REGRESSION_LOSSES = frozenset({"MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"})
CLASSIFICATION_LOSSES = frozenset({"CrossEntropyLoss", "NLLLoss", "MultiMarginLoss"})
BINARY_LOSSES = frozenset({"BCELoss", "BCEWithLogitsLoss"})  # one output: of the probability of class 1
OF_A_PROBABILITY = "BCELoss"  # the other binary loss takes the logit
FACTOR = "factor"
LossKind = Literal["regression", "binary", "classification"]


@dataclass(frozen=True)
class LossTerm:
    """One loss of a sum, and the factor that it is multiplied with."""

    component: Component
    factor: float = 1.0

    def to_data(self) -> dict[str, Any]:
        """As a config writes it in a list."""
        data = self.component.to_data()
        return {**({"type": data} if isinstance(data, str) else data), FACTOR: self.factor}


Loss = Component | tuple[LossTerm, ...]


def terms_of(loss: Loss) -> tuple[LossTerm, ...]:
    """The losses that are added up; one with factor 1, if it is no list."""
    return (LossTerm(loss),) if isinstance(loss, Component) else loss


def kind_of(component: Component) -> LossKind | None:
    """What a loss is for, None if it may serve for anything."""
    if component.type in REGRESSION_LOSSES:
        return "regression"
    if component.type in BINARY_LOSSES:
        return "binary"
    return "classification" if component.type in CLASSIFICATION_LOSSES else None


def part_names(loss: Loss) -> tuple[str, ...]:
    """What the losses of a list are called among the scores: `loss_MSELoss`, and `loss_MSELoss_2` for a second one.

    A single loss has no parts.
    """
    if isinstance(loss, Component):
        return ()
    types = [f"loss_{term.component.type}" for term in loss]
    counts = [types[: index + 1].count(name) for index, name in enumerate(types)]
    return tuple(name if count == 1 else f"{name}_{count}" for name, count in zip(types, counts, strict=True))


class WrittenLoss:
    """Tells pydantic that a field is a loss or a list of losses; see `sections.Written` for single components."""

    def __get_pydantic_core_schema__(self, annotation: Any, handler: Any) -> core_schema.CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(_to_data)
        return core_schema.with_info_plain_validator_function(self._resolve, serialization=written)

    def _resolve(self, value: Any, info: ValidationInfo[Registries]) -> Loss:
        if not isinstance(value, list):
            if isinstance(value, dict) and FACTOR in value and not _has_argument(value.get("type"), info.context):
                message = f"{FACTOR!r} is for the losses of a list; write loss: [{{type: NAME, {FACTOR}: 0.5}}, ...]"
                raise ComponentError([Fault((), message, at=(FACTOR,), on_key=True)])
            return resolve("loss", value, info.context)
        terms: list[LossTerm] = []
        faults: list[Fault] = []
        for index, item in enumerate(value):
            try:
                terms.append(_resolve_term(item, info.context))
            except ComponentError as error:
                faults += [fault.below((index,)) for fault in error.faults]
        if not value:
            faults.append(Fault((), "expected at least one loss, got an empty list"))
        faults += _different_kinds(terms) if not faults else ()
        if faults:
            raise ComponentError(faults)
        return tuple(terms)


def _to_data(loss: Loss) -> Any:
    return loss.to_data() if isinstance(loss, Component) else [term.to_data() for term in loss]


def _resolve_term(item: Any, registries: Registries) -> LossTerm:
    factor: Any = 1.0
    if isinstance(item, dict):
        if _has_argument(item.get("type"), registries):
            message = f"{item['type']} has an argument {FACTOR!r}, which in a list is the factor of the sum; rename it"
            raise ComponentError([Fault((), message)])
        factor = item.get(FACTOR, 1.0)
        item = {key: value for key, value in item.items() if key != FACTOR}
    faults = []
    if type(factor) not in (int, float) or not 0 < factor < math.inf:
        faults.append(Fault((FACTOR,), expected("a number greater than 0", factor)))
    try:
        component = resolve("loss", item, registries, other_keys=(FACTOR,))
    except ComponentError as error:
        raise ComponentError(faults + error.faults) from None
    if faults:
        raise ComponentError(faults)
    return LossTerm(component, float(factor))


def _has_argument(name: Any, registries: Registries) -> bool:
    """Whether a loss has an argument of its own that is called as the factor is."""
    target = registries["loss"].classes.get(name) if isinstance(name, str) else None
    return target is not None and FACTOR in parameters_of(target)


def _different_kinds(terms: list[LossTerm]) -> Iterable[Fault]:
    """All losses of a sum get the same output and the same target."""
    known = [(term.component.type, kind_of(term.component)) for term in terms]
    first = next(((name, kind) for name, kind in known if kind is not None), None)
    for index, (name, kind) in enumerate(known):
        if first is None or kind is None:
            continue
        if kind != first[1]:
            yield Fault(
                (index,), f"{name} is for {_aim(kind)}, and {first[0]} for {_aim(first[1])}: they cannot be added"
            )
        elif kind == "binary" and (name == OF_A_PROBABILITY) != (first[0] == OF_A_PROBABILITY):
            yield Fault((index,), f"{name} and {first[0]}: one takes a probability, the other a logit")


def _aim(kind: LossKind | None) -> str:
    return "two classes" if kind == "binary" else str(kind)
