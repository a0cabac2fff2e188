"""The sections of a config: what keys each has, of what type, and which of them make sense together.

Each is a pydantic model; `config` puts them together and turns what is wrong into messages with places.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic_core import core_schema

from mytorch.data.normalize import NormalizeKind
from mytorch.data.split import SplitRule
from mytorch.training.config.components import Component, ComponentError, Fault, Kind, Registries, resolve
from mytorch.training.config.wording import expected, show
from mytorch.training.errors import suggest


@dataclass(frozen=True)
class Written:
    """Tells pydantic that a field is a component of this kind: read by `resolve`, written by `to_data`."""

    kind: Kind

    def __get_pydantic_core_schema__(self, annotation: Any, handler: Any) -> core_schema.CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(Component.to_data)
        return core_schema.with_info_plain_validator_function(self._resolve, serialization=written)

    def _resolve(self, value: Any, info: ValidationInfo[Registries]) -> Component:
        return resolve(self.kind, value, info.context, Dataset.own_keys() if self.kind == "dataset" else ())


def _check_batch_size(value: Any) -> int | Literal["full"]:
    if value == "full":
        return "full"
    if type(value) is int and value >= 1:
        return value
    raise ValueError(expected("an integer of at least 1 or 'full'", value))


Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]


class Section(BaseModel):
    """A part of the config: keys that it does not know are errors, and it does not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def keys(cls) -> list[str]:
        """The keys as a config writes them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Split(Section):
    """Which rows are set aside: 0, N, 2N, ... (`every: N`), a `fraction` that the seed draws, or one of `folds`."""

    every: Integer | None = Field(None, ge=2)
    fraction: Number | None = Field(None, gt=0, lt=1)
    fold: Integer | None = Field(None, ge=1)
    folds: Integer | None = Field(None, ge=2)

    @model_validator(mode="after")
    def _exactly_one(self) -> Split:
        self.rule()
        return self

    def rule(self) -> SplitRule:
        """The same for `mytorch.data`, which knows what makes sense."""
        return SplitRule(every=self.every, fraction=self.fraction, fold=self.fold, folds=self.folds)


class Normalize(Section):
    """How inputs and target are scaled, by what the training rows show."""

    inputs: NormalizeKind = "none"
    target: NormalizeKind = "none"


class Dataset(Section):
    """Where the rows come from (`source`: the key `type` and the source's own arguments) and their use.

    `test` and `validation` left out set no rows aside. `augment` are transforms of images that training batches go
    through. `batch_size: full` is all training rows. `workers` are threads that read batches ahead; they change no
    number.
    """

    source: Annotated[Component, Written("dataset")]
    test: Split | None = None
    validation: Split | None = None
    normalize: Normalize = Normalize()
    augment: tuple[Annotated[Component, Written("transform")], ...] = ()
    batch_size: Annotated[int | Literal["full"], PlainValidator(_check_batch_size)] = 32
    shuffle: Flag = True
    workers: Integer = Field(0, ge=0)

    @classmethod
    def own_keys(cls) -> list[str]:
        """The keys that stand beside those of the source."""
        return [key for key in cls.model_fields if key != "source"]

    @model_validator(mode="before")
    @classmethod
    def _part_source(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {"source": value}
        own = cls.own_keys()
        source = {key: argument for key, argument in value.items() if key not in own}
        return {"source": source} | {key: argument for key, argument in value.items() if key in own}

    @model_serializer(mode="wrap")
    def _join_source(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = serialize(self)
        source = data.pop("source")
        if not self.augment:
            del data["augment"]
        return {**({"type": source} if isinstance(source, str) else source), **data}


class EarlyStopping(Section):
    """When a training ends before its last epoch: after `patience` epochs in a row without improvement.

    An improvement is better than the best so far by more than `min_delta`. `monitor` is a column of metrics.csv; the
    best weights are then those of its best epoch.
    """

    patience: Integer = Field(ge=1)
    min_delta: Number = Field(0.0, ge=0)
    monitor: Annotated[str, Strict()] = "validation_loss"


class Ema(Section):
    """Scores and saved weights are those of an exponential moving average: `decay` of it stay at every step."""

    decay: Number = Field(gt=0, lt=1)


class Swa(Section):
    """Scores and saved weights are the mean of the weights after each epoch from `start_epoch` on.

    With `lr` the learning rate is that from `start_epoch` on, whatever the schedule says.
    """

    start_epoch: Integer = Field(ge=1)
    lr: Number | None = Field(None, gt=0)


class Train(Section):
    """How long and how; which of these make sense together says `training_options`.

    A step is one change of the weights, by the gradients of `accumulate` batches. `scheduler_step` left out is what
    PyTorch's documentation does with the scheduler. `scheduler_monitor` is the column of metrics.csv that
    ReduceLROnPlateau looks at. `threads` left out are one for each core that this process may use, four at most.
    """

    epochs: Integer = Field(ge=1)
    clip_grad_norm: Number | None = Field(None, gt=0)
    clip_grad_value: Number | None = Field(None, gt=0)
    accumulate: Integer = Field(1, ge=1)
    warmup_steps: Integer | None = Field(None, ge=1)
    warmup_epochs: Integer | None = Field(None, ge=1)
    scheduler_step: Literal["epoch", "batch"] | None = None
    scheduler_monitor: Annotated[str, Strict()] | None = None
    early_stopping: EarlyStopping | None = None
    ema: Ema | None = None
    swa: Swa | None = None
    threads: Integer | None = Field(None, ge=1)


class Finetune(Section):
    """What a training begins with, instead of random weights; see `mytorch.training.building.finetune`.

    `freeze` are patterns of what is not trained, `new` of what begins with random weights all the same. `preparation`
    says where fill values, categories, shifts and scales of the data come from: learned from the training rows, or kept
    from the run.
    """

    source: Annotated[str, Strict()] = Field(alias="from")
    freeze: tuple[Annotated[str, Strict()], ...] = ()
    new: tuple[Annotated[str, Strict()], ...] = ()
    preparation: Literal["learn", "keep"] = "learn"


class Checkpoint(Section):
    """When all of the training's state is saved, and how many of these checkpoints are kept.

    Whichever comes first, if several are given. If none is: after the first epoch, then every 10 seconds or more
    rarely, so that it costs a fiftieth of the time at most. Always at the end and when the training is stopped.
    """

    every_epochs: Integer | None = Field(default=None, ge=1)
    every_steps: Integer | None = Field(default=None, ge=1)
    every_minutes: Number | None = Field(default=None, gt=0)
    keep: Integer = Field(default=2, ge=1)


PlotName = Literal[
    "loss",
    "metrics",
    "predictions",
    "residuals",
    "confusion",
    "roc",
    "calibration",
    "gradient-flow",
    "layers",
    "samples",
    "filters",
]


def _check_plots(value: Any) -> tuple[PlotName, ...] | Literal["all"] | None:
    if value is None or value == "all":
        return value
    if not isinstance(value, (list, tuple)):
        raise ValueError(expected("a list of plots, such as [loss, metrics], or 'all'", value))
    names = get_args(PlotName)
    faults = [
        Fault((index,), f"unknown plot {f'{name!r}{suggest(name, names)}' if isinstance(name, str) else show(name)}")
        for index, name in enumerate(value)
        if name not in names
    ]
    if faults:
        raise ComponentError(faults)
    return tuple(dict.fromkeys(value))


# Which plots are drawn at the end of a training; None: the few that say most, see `plot_choice`.
Plots = Annotated[
    tuple[PlotName, ...] | Literal["all"] | None,
    PlainValidator(_check_plots),
    WithJsonSchema({"anyOf": [{"const": "all"}, {"type": "array", "items": {"enum": list(get_args(PlotName))}}]}),
]


@dataclass(frozen=True)
class Measuring:
    """Whether a training measures its layers, and in which steps: every so many, or as `diagnostics` chooses them."""

    is_on: bool = True
    every_steps: int | None = None

    def to_data(self) -> str | dict[str, int]:
        """As a config writes it."""
        if self.every_steps is not None:
            return {"every_steps": self.every_steps}
        return "on" if self.is_on else "off"


def _check_diagnostics(value: Any) -> Measuring:
    if isinstance(value, Measuring):
        return value
    if value in ("on", "off") or isinstance(value, bool):
        return Measuring(is_on=value in ("on", True))
    if isinstance(value, dict) and value:
        # An override sets a key below `on` as it sets the argument of a component, whose name is its type.
        keys = [key for key in value if key != "type" or value[key] not in ("on", "off")]
        faults = [
            Fault((), f"unknown key {key!r}{suggest(str(key), ['every_steps'])}", at=(key,), on_key=True)
            for key in keys
            if key != "every_steps"
        ]
        steps = value.get("every_steps")
        if "every_steps" in keys and not (type(steps) is int and steps >= 1):
            faults.append(Fault(("every_steps",), expected("an integer of at least 1", steps)))
        if faults:
            raise ComponentError(faults)
        return Measuring(every_steps=steps)
    raise ValueError(expected("on, off or {every_steps: N}", value))


# Whether and how often gradients, weights and outputs are measured; see `mytorch.training.diagnostics`.
Diagnostics = Annotated[
    Measuring,
    PlainValidator(_check_diagnostics),
    PlainSerializer(Measuring.to_data),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["on", "off", True, False]},
                {
                    "type": "object",
                    "properties": {"every_steps": {"type": "integer", "minimum": 1}},
                    "required": ["every_steps"],
                    "additionalProperties": False,
                },
            ],
            "default": "on",
        }
    ),
]


def _check_fall(value: Any) -> float | str | None:
    if value is None:
        return None
    if isinstance(value, str):
        percent = re.fullmatch(r"\s*(\d{1,3}(?:\.\d{1,10})?)\s*%\s*", value)
        if percent and 0 < float(percent[1]) <= 100:
            return f"{percent[1]}%"
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise ValueError(expected("a number greater than 0 or a share such as 50%", value))


class Expectation(Section):
    """What one figure of a training must be for the training to pass; see `mytorch.training.loop.gates`.

    `max` and `min` are limits that it may reach, `less_than` and `more_than` such that it must not reach.
    `falls_by` is how much lower it must be after epoch `by_epoch` (the last, if left out) than after the first: a
    number, or a share of the first such as 50%.
    """

    max: Number | None = None
    min: Number | None = None
    less_than: Number | None = None
    more_than: Number | None = None
    falls_by: Annotated[float | str | None, PlainValidator(_check_fall)] = None
    by_epoch: Integer | None = Field(None, ge=2)

    @model_validator(mode="before")
    @classmethod
    def _name_is_one_key(cls, value: Any) -> Any:
        if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
            raise ValueError("a figure's name is one key, with its dot; for example expect: {test.mae: {max: 2.5}}")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Expectation:
        if {self.max, self.min, self.less_than, self.more_than, self.falls_by} == {None}:
            raise ValueError("expected max, min, less_than, more_than or falls_by; for example {max: 2.5}")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise ValueError(f"no number is at least {self.min:.15g} and at most {self.max:.15g}")
        if self.by_epoch is not None and self.falls_by is None:
            raise ValueError("by_epoch says when falls_by is looked at; for example {falls_by: 50%, by_epoch: 5}")
        return self
