"""From the `model` of a checked config to the module: sizes that were left out are filled in, shapes are checked.

A layer's size and the shape that comes out of it are found by sending zeros through the layers one after the other, and
through every branch. What does not fit is an error at its place in the config.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from mytorch import nn
from mytorch.autograd import no_grad
from mytorch.creation.filled import zeros
from mytorch.data.prepare import PreparedData
from mytorch.tensor import Tensor
from mytorch.training.branches import Parallel, Residual, shape_of_join
from mytorch.training.config.components import INFERRED, OF_CHANNELS, OUTPUT_SIZES, Component, parameters_of
from mytorch.training.config.config import Config
from mytorch.training.config.yaml_source import Keys
from mytorch.training.errors import ConfigError
from mytorch.training.own_code import is_of_a_layer, told
from mytorch.training.random_streams import keeping_streams
from mytorch.training.steps import EveryStep, LastStep

ROWS_TO_TRY = 2  # rows of zeros that are sent through each layer to find the shape of what comes out
Shape = tuple[int, ...]  # of one row


def build_model(config: Config, data: PreparedData) -> nn.Module:
    """The layers of the config in a `Sequential`, or the one module that it names, with sizes that were left out.

    Raises:
        ConfigError: a layer does not fit the one before it, or the last one does not fit the target.
    """
    shape = data.train.inputs.shape[1:]
    wanted = output_size(data)
    end: Keys
    model: nn.Module
    if isinstance(config.model, Component):
        end = ("model",)
        model, shape = _build_layer(config, end, config.model, shape, wanted)
    else:
        end = ("model", len(config.model) - 1)
        model, shape = _build_layers(config, ("model",), config.model, shape)
    if shape != (wanted,):
        raise ConfigError([config.problem(end, _wrong_end(config, data, shape, wanted))])
    return model


def output_size(data: PreparedData) -> int:
    """How many numbers a row the target needs: one for each of its columns, or a score for each class."""
    return data.train.targets.shape[1] if data.train.targets.ndim == 2 else len(data.class_names or ())


def _wrong_end(config: Config, data: PreparedData, shape: Shape, wanted: int) -> str:
    numbers = "1 number" if wanted == 1 else f"{wanted} numbers"
    needs = f"has {wanted} classes" if data.train.targets.ndim == 1 else f"is {numbers}"
    said = f"the model ends with {_sizes(shape)}, but the target {data.target_name!r} {needs}"
    if shape == () and wanted == 1:
        return f"{said}; give it a dimension of its own, the shape (rows, 1), such as by out.unsqueeze(1)"
    if isinstance(config.model, Component) and config.model.is_own:
        return f"{said}; let it give the shape (rows, {wanted})"
    if len(shape) > 1:  # a Linear layer would leave the other dimensions as they are
        return f"{said}; end with Flatten and {{type: Linear, out_features: {wanted}}}"
    return f"{said}; end with {{type: Linear, out_features: {wanted}}}"


def _sizes(shape: Shape) -> str:
    """A shape as a message mentions it: `64 features`, `the shape (3, 8, 8)`, `a number`."""
    if len(shape) == 1:
        return "1 feature" if shape == (1,) else f"{shape[0]} features"
    return f"the shape {shape}" if shape else "one number a row without a dimension"


def _build_layers(
    config: Config, path: Keys, components: Sequence[Component], shape: Shape
) -> tuple[nn.Sequential, Shape]:
    layers: list[nn.Module] = []
    for index, component in enumerate(components):
        place = (*path, index)
        if _is_a(nn.RNNBase, component):
            layer: nn.Module = config.build(place, component, **_inferred_size(config, place, component, shape))
            _check_sequences(config, place, component, components[index + 1 : index + 2])
        elif layers and isinstance(layers[-1], nn.RNNBase):  # what chooses among the results of the layer before
            layer = config.build(place, component)
            both = nn.Sequential(layers[-1], layer)
            shape = _shape_after(config, (*path, index - 1), components[index - 1], both, shape)
        elif _is_a((EveryStep, LastStep), component):
            message = f"{_called(place, component)} stands behind an RNN, LSTM or GRU and chooses among its results"
            raise ConfigError([config.problem(place, message)])
        else:
            layer, shape = _build_layer(config, place, component, shape)
        layers.append(layer)
    return nn.Sequential(*layers), shape


def _is_a(kind: type | tuple[type, ...], component: Component) -> bool:
    return isinstance(component.target, type) and issubclass(component.target, kind)


def _check_sequences(config: Config, path: Keys, component: Component, behind: Sequence[Component]) -> None:
    """Raise an error unless a recurrent layer takes rows first, and a module behind it chooses what goes on."""
    called = _called(path, component)
    if not component.arguments.get("batch_first"):
        place = (*path, "batch_first") if "batch_first" in component.arguments else path
        raise ConfigError([config.problem(place, f"{called} needs batch_first: true, as rows come first here")])
    if not behind or not _is_a((EveryStep, LastStep), behind[0]):
        message = (
            f"{called} gives its outputs and its last states; write LastStep behind it for the state after the last "
            "step, or EveryStep for the outputs of all steps"
        )
        raise ConfigError([config.problem(path, message)])


def _build_layer(
    config: Config, path: Keys, component: Component, shape: Shape, target_size: int | None = None
) -> tuple[nn.Module, Shape]:
    """One layer and the shape that comes out of it.

    `target_size` is what the target needs, for a model that is one module.
    """
    if component.target is nn.Sequential:
        return _build_layers(config, (*path, "layers"), component.layers, shape)
    if component.target is Residual:
        return _build_residual(config, path, component, shape)
    if component.target is Parallel:
        return _build_parallel(config, path, component, shape)
    supplied = _inferred_size(config, path, component, shape)
    if target_size is not None:
        names = OUTPUT_SIZES.intersection(parameters_of(component.target)).difference(component.arguments)
        supplied |= dict.fromkeys(names, target_size)
    layer: nn.Module = config.build(path, component, **supplied)
    if isinstance(layer, nn.TransformerEncoderLayer):
        _check_sequence(config, path, component, layer, shape)
    if component.is_own:
        _warn_of_hidden_modules(layer)
    return layer, _shape_after(config, path, component, layer, shape)


# --- branches -------------------------------------------------------------------------------------------------------


def _build_residual(config: Config, path: Keys, component: Component, shape: Shape) -> tuple[nn.Module, Shape]:
    layers, end = _build_layers(config, (*path, "layers"), component.layers, shape)
    if not component.shortcut:
        if end != shape:
            message = (
                f"Residual: the layers turn {_sizes(shape)} into {_sizes(end)}, which cannot be added to the input; "
                f"{_advice(shape, end)}"
            )
            raise ConfigError([config.problem(path, message)])
        return Residual(layers), end
    shortcut, other = _build_layers(config, (*path, "shortcut"), component.shortcut, shape)
    if end != other:
        message = (
            f"Residual: the layers give {_sizes(end)} and the shortcut {_sizes(other)}, which cannot be added; "
            f"{_advice(shape, end)}"
        )
        raise ConfigError([config.problem((*path, "shortcut"), message)])
    return Residual(layers, shortcut), end


def _advice(before: Shape, after: Shape) -> str:
    """A shortcut that turns one shape into the other, where a single layer does."""
    if len(before) == len(after) == 1:
        return f"write shortcut: [{{type: Linear, out_features: {after[0]}}}]"
    if len(before) == len(after) and len(after) in (2, 3) and 0 not in after:
        stride = max(-(-old // new) for old, new in zip(before[1:], after[1:], strict=True))
        if all((old - 1) // stride + 1 == new for old, new in zip(before[1:], after[1:], strict=True)):
            steps = f", stride: {stride}" if stride > 1 else ""
            name = f"Conv{len(after) - 1}d"
            return f"write shortcut: [{{type: {name}, out_channels: {after[0]}, kernel_size: 1{steps}}}]"
    return "change the layers, or write a shortcut with layers that give the same shape"


def _build_parallel(config: Config, path: Keys, component: Component, shape: Shape) -> tuple[nn.Module, Shape]:
    built: dict[str, nn.Module] = {}
    shapes: dict[str, Shape] = {}
    problems = []
    is_list = isinstance(component.to_data()["branches"], list)  # type: ignore[index]
    for index, (name, components) in enumerate(component.branches.items()):
        try:
            place = (*path, "branches", index if is_list else name)
            built[name], shapes[name] = _build_layers(config, place, components, shape)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    parallel: Parallel = config.build(path, component, branches=built)
    try:
        joined = shape_of_join([(ROWS_TO_TRY, *one) for one in shapes.values()], parallel.join, parallel.dim)
    except ValueError as error:
        given = ", ".join(f"{name} gives {_sizes(one)}" for name, one in shapes.items())
        raise ConfigError([config.problem(path, f"Parallel: {error}, but {given}")]) from None
    return parallel, joined[1:]


# --- one layer ------------------------------------------------------------------------------------------------------


def _inferred_size(config: Config, path: Keys, component: Component, shape: Shape) -> dict[str, Any]:
    """The argument that the data decides, if the layer has one and it was left out."""
    name = next((name for name in parameters_of(component.target) if name in INFERRED), None)
    if name is None:
        return {}
    if not shape:
        message = f"{_called(path, component)} needs features, gets {_sizes(shape)}"
        raise ConfigError([config.problem(path, message)])
    features = shape[0] if name in OF_CHANNELS else shape[-1]
    given = component.arguments.get(name)
    if given is None:
        return {name: features}
    if (given[-1] if isinstance(given, list) else given) != features:
        message = f"{_called(path, component)} expects {given} features, gets {features}"
        raise ConfigError([config.problem((*path, name), message)])
    return {}


def _check_sequence(
    config: Config, path: Keys, component: Component, layer: nn.TransformerEncoderLayer, shape: Shape
) -> None:
    """Raise an error where a layer would take the rows for the places of one sequence, and mix them."""
    called = _called(path, component)
    if not layer.self_attn.batch_first:
        message = f"{called} needs batch_first: true, as rows come first here"
        at = (*path, "batch_first") if component.arguments.get("batch_first") is False else path
        raise ConfigError([config.problem(at, message)])
    if len(shape) != 2:
        message = f"{called} needs rows of the shape (length, features), gets {_sizes(shape)}"
        raise ConfigError([config.problem(path, message)])


def _called(path: Keys, component: Component) -> str:
    """What a message calls a layer: `layer 3 (Linear)`, or its type if it is the whole model."""
    return component.type if path == ("model",) else f"layer {path[-1]} ({component.type})"


def _shape_after(config: Config, path: Keys, component: Component, layer: nn.Module, shape: Shape) -> Shape:
    """The shape of a row of what comes out of a layer, found by sending zeros through it."""
    called = _called(path, component)
    layer.eval()  # no dropout masks are drawn, no running statistics change
    try:
        with no_grad(), keeping_streams():
            out = layer(zeros(ROWS_TO_TRY, *shape))
    except Exception as error:
        if not (is_of_a_layer(error) or component.is_own):
            raise
        message = f"{called} cannot take rows of {' x '.join(map(str, shape))} numbers: {told(error)}"
        raise ConfigError([config.problem(path, message)]) from error
    finally:
        layer.train()
    if not isinstance(out, Tensor):
        raise ConfigError([config.problem(path, f"{called} gives a {type(out).__name__}, expected a tensor")])
    if out.shape[:1] != (ROWS_TO_TRY,):
        message = f"{called} makes the shape {tuple(out.shape)} of {ROWS_TO_TRY} rows; each row has to stay one"
        raise ConfigError([config.problem(path, message)])
    return tuple(out.shape[1:])


def _warn_of_hidden_modules(model: nn.Module) -> None:
    """Warn of modules in a plain list or dictionary, which a module does not see: they would not be trained."""
    known = set(map(id, model.modules()))
    for module in list(model.modules()):
        for name, value in vars(module).items():
            items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
            if any(isinstance(item, nn.Module) and id(item) not in known for item in items):
                kind = "ModuleDict" if isinstance(value, dict) else "ModuleList"
                what = f"{type(module).__name__}.{name} is a plain {type(value).__name__} of modules"
                warnings.warn(f"{what}, which are not trained; make it an nn.{kind}", stacklevel=2)


def count_parameters(model: nn.Module) -> int:
    """The number of trainable numbers in the model."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
