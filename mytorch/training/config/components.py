"""Turns what a config says about a layer, loss, optimizer, scheduler, data set or metric into a checked `Component`.

A component is written one way everywhere: a bare class name (`ReLU`) or a mapping with `type` and the
constructor's own arguments (`{type: Linear, out_features: 64}`). The constructor's signature is the schema:
its names, type annotations and defaults are read from the class and stand nowhere else.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError

from mytorch.training.config.composites import INSIDE, idle_arguments, resolve_inside, unknown_keys, write_branches
from mytorch.training.config.faults import ComponentError, Fault
from mytorch.training.config.wording import OUT_OF_LIMITS, describe, expected, explain
from mytorch.training.errors import suggest
from mytorch.training.own_code import told
from mytorch.training.random_streams import keeping_streams

Kind = Literal["layer", "loss", "optimizer", "scheduler", "dataset", "transform", "metric", "callback"]

# Arguments of layers that the incoming data decides: they may be left out, the builder reads them off it.
INFERRED = frozenset({
    "in_features", "in_channels", "num_features", "normalized_shape", "num_channels", "input_size", "d_model",
})  # fmt: skip

# Those of them that are the size of the first dimension of a sample, the channels; the others are that of the last.
OF_CHANNELS = frozenset({"in_channels", "num_features", "num_channels"})

# Arguments of a model that is one module, of which the target decides how large they are: they may be left out.
OUTPUT_SIZES = frozenset({"out_features", "num_classes"})

# Arguments of schedulers that the length of the training decides: may be left out, see `schedule_length`.
FILLED_BY_RUN = frozenset({"T_max", "total_steps"})

# Schedulers that PyTorch's documentation steps after every batch; all others are stepped after every epoch.
STEPPED_PER_BATCH = frozenset({"OneCycleLR", "CyclicLR"})

# Arguments of losses for which the word stands for numbers that `building.losses` computes from the training rows.
BALANCED = "balanced"
MAY_BE_BALANCED = frozenset({
    ("CrossEntropyLoss", "weight"),
    ("NLLLoss", "weight"),
    ("MultiMarginLoss", "weight"),
    ("BCEWithLogitsLoss", "pos_weight"),
})  # fmt: skip

# Modules that no config can use, and what to write instead.
NOT_IN_A_LIST = {
    "MultiheadAttention": "it takes queries, keys and values; TransformerEncoderLayer attends to its one input",
    "Transformer": "it takes two inputs; a model of your own can hold it",
    "TransformerDecoder": "it takes two inputs; a model of your own can hold it",
    "TransformerDecoderLayer": "it takes two inputs; a model of your own can hold it",
    "TransformerEncoder": "it copies a layer; write each TransformerEncoderLayer as a layer of the list",
}

# What a constructor raises when it does not like its arguments.
REJECTIONS = (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError, AssertionError, MemoryError)


@dataclass(frozen=True)
class Registry:
    """The classes that a kind of component may name.

    `supplied` are arguments that the program passes and a config must not, each with a function that makes a
    stand-in, with which the arguments are tried out. `own` are the names of a user's own classes, and `unusable` says
    of other names in the user's files why no config can use them.
    """

    classes: Mapping[str, Any]
    supplied: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    unusable: Mapping[str, str] = field(default_factory=dict)


Registries = Mapping[str, Registry]


@dataclass(frozen=True)
class Parameter:
    """An argument of a constructor: its name, its type as a config can write it, its default if any."""

    name: str
    annotation: Any
    default: Any = inspect.Parameter.empty

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is inspect.Parameter.empty

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.annotation, config=ConfigDict(strict=True, arbitrary_types_allowed=True))

    def convert(self, value: Any) -> Any:
        """The value as the constructor wants it, lists turned into tuples. Raises `ValidationError`.

        It goes by way of JSON because pydantic is strict there in the sense that a config needs: "0.1" is no
        number and 1 is no bool, while an integer is a number and a list may be a tuple.
        """
        return self._adapter.validate_json(json.dumps(value))

    def check(self, value: Any, kind: Kind) -> list[Fault]:
        """What is wrong with the value, if anything."""
        # An infinite bound of a layer makes sense, an infinite learning rate does not.
        if _has_number(value, math.isnan) or (kind != "layer" and _has_number(value, math.isinf)):
            return [Fault((self.name,), expected("a finite number", value))]
        try:
            self.convert(value)
        except ValidationError as error:
            errors = error.errors()
            if len(errors) == 1 and not errors[0]["loc"] and errors[0]["type"] in OUT_OF_LIMITS:
                return [Fault((self.name,), explain(errors[0]))]
            return [Fault((self.name,), expected(describe(self.annotation), value))]
        return []


@functools.cache
def parameters_of(target: Callable[..., Any]) -> dict[str, Parameter]:
    """The arguments that may be passed to a class or function by name, in order.

    >>> def source(path: str, delimiter: str = ","): ...
    >>> [(one.name, one.annotation, one.required) for one in parameters_of(source).values()]
    [('path', <class 'str'>, True), ('delimiter', <class 'str'>, False)]
    """
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    function = inspect.getattr_static(target, "__init__") if isinstance(target, type) else target
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # imported for type checkers only, or no type at all: the constructor must check by itself
        hints = {}
    owner = getattr(target, "__name__", "")
    return {
        name: Parameter(name, _writable(hints.get(name, Any), (owner, name) in MAY_BE_BALANCED), parameter.default)
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind in named
    }


def _writable(annotation: Any, may_be_balanced: bool = False) -> Any:
    """The type as a config can write it: a tensor, if nothing simpler will do, is a list of numbers.

    Where there is a choice of a function and something else, it is the other.
    """
    alternatives = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    no_functions = tuple(one for one in alternatives if get_origin(one) is not Callable)
    if not set(no_functions) <= {type(None)} and len(no_functions) < len(alternatives):
        annotation, alternatives = Union[no_functions], no_functions  # noqa: UP007 - built from a list
    others = [one for one in alternatives if getattr(one, "__name__", "") != "Tensor"]
    if len(others) == len(alternatives):
        return annotation
    if set(others) <= {type(None)}:
        numbers = Annotated[list[float], AfterValidator(_to_tensor)]
        others += [numbers, Literal[BALANCED]] if may_be_balanced else [numbers]
    return Union[tuple(others)]  # noqa: UP007 - built from a list


def _to_tensor(values: list[float]) -> Any:
    from mytorch.creation.from_data import tensor

    return tensor(values)


@dataclass(frozen=True)
class Component:
    """A class and the arguments to call it with.

    `arguments` are plain YAML values: the user's, and the constructor's defaults where these are plain values
    other than None. `layers`, `shortcut` and `branches` are the layers inside of a `Sequential`, `Residual` or
    `Parallel`. `is_own`: the class is the user's, whose code may raise anything.
    """

    kind: Kind
    type: str
    target: Callable[..., Any] = field(repr=False)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[Component, ...] = ()
    shortcut: tuple[Component, ...] = ()
    branches: Mapping[str, tuple[Component, ...]] = field(default_factory=dict)
    is_own: bool = False

    @property
    def left_out(self) -> list[str]:
        """The required arguments that are not there, in the constructor's order; `build` needs them."""
        parameters = parameters_of(self.target).values()
        return [one.name for one in parameters if one.required and one.name not in self.arguments]

    @property
    def balanced(self) -> list[str]:
        """The arguments whose numbers are to be computed from the training rows; `build` needs the numbers."""
        return [
            name for name, value in self.arguments.items() if (self.type, name) in MAY_BE_BALANCED and value == BALANCED
        ]

    @property
    def steps_per_batch(self) -> bool:
        """Whether a scheduler is by default stepped after every batch rather than every epoch."""
        return self.type in STEPPED_PER_BATCH

    def schedule_length(self, *, epochs: int, batches: int, per_batch: bool) -> dict[str, int]:
        """What a scheduler must be told of the training's length and the config left out.

        `batches` is the number of batches in an epoch. `T_max` and `total_steps` count the calls of `step`,
        hence batches when the scheduler is stepped after every batch. `epochs` and `steps_per_epoch`, which
        OneCycleLR accepts in place of `total_steps`, complete each other.
        """
        names = [name for name in parameters_of(self.target) if name not in self.arguments]
        pair = {"epochs": epochs, "steps_per_epoch": batches if per_batch else 1}
        if any(name in self.arguments for name in pair):
            return {name: value for name, value in pair.items() if name in names}
        return {name: epochs * batches if per_batch else epochs for name in names if name in FILLED_BY_RUN}

    def build(self, **supplied: Any) -> Any:
        """Calls the class with the arguments and `supplied`. Raises `ComponentError` if it refuses them."""
        parameters = parameters_of(self.target)
        arguments = {name: parameters[name].convert(value) for name, value in self.arguments.items()}
        try:
            return self.target(**arguments, **supplied)
        except Exception as error:
            if not (isinstance(error, REJECTIONS) or self.is_own):
                raise
            message = told(error) if self.is_own else str(error) or type(error).__name__
            raise ComponentError([self._rejection(message)]) from error

    def _rejection(self, message: str) -> Fault:
        """Points at the argument that the constructor's message mentions, or the only one that was set."""
        parameters = parameters_of(self.target)
        given = [key for key, value in self.arguments.items() if value != _to_plain(parameters[key].default)]
        guilty = [key for key in given if _mentions(message, key, self.arguments[key])] or given
        return Fault((guilty[0],) if len(guilty) == 1 else (), f"{self.type}: {message}")

    def to_data(self) -> str | dict[str, Any]:
        """The component as a config writes it, with defaults written out."""
        data = {"type": self.type, **self.arguments}
        if self.layers:
            data["layers"] = [layer.to_data() for layer in self.layers]
        if self.shortcut:
            data["shortcut"] = [layer.to_data() for layer in self.shortcut]
        if self.branches:
            lists = {name: [layer.to_data() for layer in layers] for name, layers in self.branches.items()}
            data["branches"] = write_branches(lists)
        return data if len(data) > 1 else self.type


def resolve(
    kind: Kind,
    value: Any,
    registries: Registries,
    other_keys: Iterable[str] = (),
    may_be_left_out: frozenset[str] = frozenset(),
) -> Component:
    """The component that `value`, plain YAML data, describes; it has been tried out where that is cheap.

    `other_keys` are those that may stand beside the arguments; they are suggested when a name is not known.
    `may_be_left_out` are required arguments that are supplied later, beside those that always are.
    Raises `ComponentError` with everything that is wrong.
    """
    registry = registries[kind]
    name, given = _name_and_arguments(kind, value, registry)
    if name not in registry.classes:
        raise ComponentError([Fault((), _unknown(kind, name, registries), at=("type",))])
    target = registry.classes[name]
    is_composite = target in INSIDE
    parameters = {key: one for key, one in parameters_of(target).items() if key not in registry.supplied}
    inside: dict[str, Any] = {}
    faults: list[Fault] = []
    if is_composite:
        elsewhere = {*INSIDE[target], *idle_arguments(target, given)}
        parameters = {key: one for key, one in parameters.items() if key not in elsewhere}
        faults += unknown_keys(target, given, parameters)
        try:
            inside = resolve_inside(target, given, lambda layer: resolve("layer", layer, registries))
        except ComponentError as error:
            faults += error.faults
        given = {key: argument for key, argument in given.items() if key in parameters}
    for key, argument in given.items():
        if key in parameters:
            faults += parameters[key].check(argument, kind)
        elif key in registry.supplied:
            message = f"{key!r} is passed by the program; leave it out"
            faults.append(Fault((), message, at=(key,), on_key=True))
        else:
            known = [*parameters, *other_keys]
            takes = suggest(key, known) if known else "; it takes none"
            faults.append(Fault((), f"{name} has no argument {key!r}{takes}", at=(key,), on_key=True))
    may_be_left_out |= {"layer": INFERRED, "scheduler": FILLED_BY_RUN}.get(kind, frozenset())
    for key, parameter in parameters.items():
        if parameter.required and key not in given and key not in may_be_left_out:
            what = "" if parameter.annotation is Any else f" ({describe(parameter.annotation)})"
            faults.append(Fault((), f"{name} needs the argument {key!r}{what}"))
    if faults:
        raise ComponentError(faults)
    component = Component(kind, name, target, _complete(kind, given, parameters), **inside, is_own=name in registry.own)
    _try_out(component, registry)
    return component


def _name_and_arguments(kind: Kind, value: Any, registry: Registry) -> tuple[str, dict[str, Any]]:
    if isinstance(value, str):
        return value, {}
    if not isinstance(value, dict):
        raise ComponentError([Fault((), expected(f"{_a(kind)}, as NAME or {{type: NAME, ...}}", value))])
    if "type" not in value:
        # {Linear: {out_features: 64}} and {name: Adam} are how other tools write it.
        words = [word for word in (*value, *value.values()) if isinstance(word, str)]
        meant = next((word for word in words if word in registry.classes), "NAME")
        message = f"missing key 'type', the name of the {kind}; write {{type: {meant}, ...}}"
        raise ComponentError([Fault((), message)])
    name = value["type"]
    if not isinstance(name, str):
        raise ComponentError([Fault(("type",), expected(f"the name of {_a(kind)}", name))])
    return name, {key: argument for key, argument in value.items() if key != "type"}


def _unknown(kind: Kind, name: str, registries: Registries) -> str:
    for other, registry in registries.items():
        if other != kind and name in registry.classes:
            return f"{name!r} is {_a(other)}, not {_a(kind)}"
    if name in registries[kind].unusable:
        return f"unknown {kind} {name!r}: {registries[kind].unusable[name]}"
    return f"unknown {kind} {name!r}{suggest(name, registries[kind].classes)}"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _complete(kind: Kind, given: dict[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The arguments in the constructor's order, with the defaults that can be written.

    None is not written where it is the default.
    """
    arguments = {}
    for name, parameter in parameters.items():
        default = _to_plain(parameter.default)
        if name in given:
            if given[name] is not None or parameter.default is not None:
                arguments[name] = given[name]
        elif default is not None and not parameter.check(default, kind):
            arguments[name] = default
    return arguments


def _mentions(message: str, name: str, value: Any) -> bool:
    """Whether a constructor's message has the argument's name or value as a word; 1 may have become 1.0."""
    words = [name, str(value), f"{value}.0" if type(value) is int else name]
    return any(re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.])", message) for word in words)


def _to_plain(default: Any) -> Any:
    """A default as YAML data, None if it cannot be written."""
    if isinstance(default, (tuple, list)):
        items = [_to_plain(item) for item in default]
        return None if None in items else items
    return default if type(default) in (str, int, float, bool) else None


def _try_out(component: Component, registry: Registry) -> None:
    """Calls the constructor, which knows best what its arguments may be; the random streams are left as they were.

    Layers whose size the data decides, and layers that hold others, are left to the builder, which has both.
    """
    if component.kind == "layer":
        sizes = (INFERRED | OUTPUT_SIZES).intersection(parameters_of(component.target))
        if component.target in INSIDE or sizes:
            return
    supplied = {name: make() for name, make in registry.supplied.items()}
    if component.kind == "scheduler":
        supplied |= component.schedule_length(epochs=100, batches=100, per_batch=component.steps_per_batch)
    known = {name: value for name, value in component.arguments.items() if name not in component.balanced}
    with keeping_streams():
        replace(component, arguments=known).build(**supplied)


def _has_number(value: Any, test: Callable[[float], bool]) -> bool:
    if isinstance(value, (list, dict)):
        return any(_has_number(item, test) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and test(value)


_registered: dict[Kind, dict[str, Callable[..., Any]]] = {}


def register(kind: Kind) -> Callable[[type], type]:
    """Makes a class known to configs under its own name: `@register("layer")` above a `Module`.

    The class comes before one of the same name in `mytorch`.
    """

    def add(target: type) -> type:
        _registered.setdefault(kind, {})[target.__name__] = target
        return target

    return add


def standard_registries() -> dict[str, Registry]:
    """What the names in a config mean: the public classes of `mytorch.nn`, `.optim` and `.data`."""
    from mytorch import nn, optim
    from mytorch.creation.filled import zeros
    from mytorch.data.sources import SOURCES
    from mytorch.data.transforms import TRANSFORMS
    from mytorch.optim import lr_scheduler
    from mytorch.training.branches import Parallel, Residual
    from mytorch.training.callbacks.tensorboard import TensorBoard
    from mytorch.training.metrics import METRICS
    from mytorch.training.steps import EveryStep, LastStep

    def parameters() -> list[Any]:
        return [nn.Parameter(zeros(1))]

    def optimizer() -> Any:
        return optim.SGD(parameters(), lr=0.1, momentum=0.9)

    modules = _public_classes(nn, nn.Module)
    layers = {
        name: module
        for name, module in modules.items()
        if not name.endswith(("Loss", "List", "Dict", "Base")) and name not in NOT_IN_A_LIST
    }
    losses = {name: module for name, module in modules.items() if name.endswith("Loss")}
    registries = {
        "layer": Registry(
            {**layers, "Residual": Residual, "Parallel": Parallel, "EveryStep": EveryStep, "LastStep": LastStep},
            unusable=NOT_IN_A_LIST,
        ),
        "loss": Registry(losses),
        "optimizer": Registry(_public_classes(optim, optim.Optimizer), {"params": parameters}),
        "scheduler": Registry(_public_classes(lr_scheduler, lr_scheduler.LRScheduler), {"optimizer": optimizer}),
        "dataset": Registry(SOURCES),
        "transform": Registry(TRANSFORMS),
        "metric": Registry(METRICS),
        "callback": Registry({"tensorboard": TensorBoard}),
    }
    for kind, classes in _registered.items():
        registry = registries[kind]
        registries[kind] = replace(registry, classes={**registry.classes, **classes}, own=frozenset(classes))
    return registries


def _public_classes(namespace: Any, base: type) -> dict[str, Callable[..., Any]]:
    return {
        name: thing
        for name, thing in vars(namespace).items()
        if isinstance(thing, type) and issubclass(thing, base) and thing is not base and not name.startswith("_")
    }
