"""From a checked config to the objects that it describes: the data, the model, the loss, optimizer and scheduler.

Everything that can only be known with the data in hand is found here, before training, and reported at its line of the
config: sizes that were left out are filled in, and shapes that do not fit each other are errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.autograd import no_grad
from mytorch.creation import zeros
from mytorch.data.prepare import PreparedData, prepare
from mytorch.data.split import SplitRule
from mytorch.data.table import DataError
from mytorch.random_creation import manual_seed
from mytorch.training.components import INFERRED, Component, parameters_of
from mytorch.training.config import DEFAULT_METRICS, Config, Split
from mytorch.training.errors import ConfigError, Problem
from mytorch.training.metrics import METRICS, Metric
from mytorch.training.yaml_source import Keys

ROWS_TO_TRY = 2  # rows of zeros that are sent through each layer to find the shape of what comes out


@dataclasses.dataclass
class Experiment:
    """A config and all the objects built from it."""

    config: Config
    data: PreparedData
    model: nn.Module
    loss: nn.Module
    metrics: list[Metric]

    def batches_per_epoch(self) -> int:
        """How many steps an epoch has."""
        return -(-len(self.data.train) // self.batch_size)

    @property
    def batch_size(self) -> int:
        """Rows in a batch; all training rows for `full`."""
        size = self.config.dataset.batch_size
        return len(self.data.train) if size == "full" else int(size)


def build(config: Config) -> Experiment:
    """Load the data and build model and loss. The random stream is seeded first, so that the weights are PyTorch's.

    Raises:
        ConfigError: the data cannot be used, or shapes do not fit; holds every problem, with its place.
    """
    config = _with_found_files(config)
    data = load_data(config)
    problems = list(_check_task(config, data))
    manual_seed(config.seed)
    model: nn.Module | None = None
    try:
        model = build_model(config, data)
    except ConfigError as error:
        problems += error.problems
    if problems or model is None:
        raise ConfigError(problems)
    loss = config.build(("loss",), config.loss)
    names = config.metrics or DEFAULT_METRICS[data.task]
    return Experiment(config, data, model, loss, [METRICS[name] for name in names])


def build_optimizer(experiment: Experiment) -> tuple[Any, Any]:
    """The optimizer over the model's parameters, and the scheduler or None."""
    config = experiment.config
    parameters = list(experiment.model.parameters())
    if not parameters:
        raise ConfigError([config.problem(("model",), "the model has no parameters: there is nothing to train")])
    optimizer = config.build(("optimizer",), config.optimizer, params=parameters)
    if config.scheduler is None:
        return optimizer, None
    lengths = config.scheduler.schedule_length(
        epochs=config.train.epochs,
        batches=experiment.batches_per_epoch(),
        per_batch=config.train.scheduler_step == "batch",
    )
    return optimizer, config.build(("scheduler",), config.scheduler, optimizer=optimizer, **lengths)


def load_data(config: Config) -> PreparedData:
    """The data set, split and normalised as the config says."""
    section = config.dataset
    try:
        source = config.build(("dataset",), section.source)
        return prepare(
            source,
            test=_rule(section.test),
            validation=_rule(section.validation),
            normalize_inputs=section.normalize.inputs,
            normalize_target=section.normalize.target,
            seed=config.seed,
        )
    except DataError as error:
        raise ConfigError([config.problem(("dataset",), str(error))]) from error


def _rule(split: Split | None) -> SplitRule | None:
    return None if split is None else SplitRule(every=split.every, fraction=split.fraction)


def _with_found_files(config: Config) -> Config:
    """The config with the path of its data file as it was found, so that the run's own config finds it too."""
    source = config.dataset.source
    if "path" not in source.arguments:
        return config
    found = config.find_file(("dataset", "path"), source.arguments["path"])
    source = dataclasses.replace(source, arguments={**source.arguments, "path": found.as_posix()})
    changed = config.model_copy(update={"dataset": config.dataset.model_copy(update={"source": source})})
    changed._source = config._source
    return changed


def _check_task(config: Config, data: PreparedData) -> Sequence[Problem]:
    if config.task in (None, data.task):
        return [
            config.problem(
                ("metrics", i),
                f"{name} is for {METRICS[name].task}, and the target {data.target_name!r} is for {data.task}",
            )
            for i, name in enumerate(config.metrics or ())
            if METRICS[name].task != data.task
        ]
    holds = "classes" if data.task == "classification" else "numbers"
    advice = "CrossEntropyLoss" if data.task == "classification" else "MSELoss or SmoothL1Loss"
    return [
        config.problem(
            ("loss",),
            f"{config.loss.type} is for {config.task}, but the target {data.target_name!r} holds {holds}; use {advice}",
        )
    ]


# --- the model ------------------------------------------------------------------------------------------------------


def build_model(config: Config, data: PreparedData) -> nn.Module:
    """The layers of the config in a `Sequential`, with the sizes that were left out filled in.

    Raises:
        ConfigError: a layer does not fit the one before it, or the last one does not fit the target.
    """
    shape = data.train.inputs.shape[1:]
    layers, shape = _build_layers(config, ("model",), config.model, shape)
    wanted = len(data.class_names or ()) if data.task == "classification" else data.train.targets.shape[1]
    if shape != (wanted,):
        raise ConfigError([config.problem(("model", len(config.model) - 1), _wrong_end(data, shape, wanted))])
    return nn.Sequential(*layers)


def _wrong_end(data: PreparedData, shape: tuple[int, ...], wanted: int) -> str:
    gives = f"{shape[0]} features" if len(shape) == 1 else f"the shape {shape}"
    needs = f"has {wanted} classes" if data.task == "classification" else f"is {wanted} number"
    return (
        f"the model ends with {gives}, but the target {data.target_name!r} {needs}; "
        f"end with {{type: Linear, out_features: {wanted}}}"
    )


def _build_layers(
    config: Config, path: Keys, components: Sequence[Component], shape: tuple[int, ...]
) -> tuple[list[nn.Module], tuple[int, ...]]:
    layers = []
    for index, component in enumerate(components):
        layer, shape = _build_layer(config, (*path, index), index, component, shape)
        layers.append(layer)
    return layers, shape


def _build_layer(
    config: Config, path: Keys, index: int, component: Component, shape: tuple[int, ...]
) -> tuple[nn.Module, tuple[int, ...]]:
    """One layer and the shape that comes out of it, found by sending zeros through it."""
    if component.layers:
        inner, shape = _build_layers(config, (*path, "layers"), component.layers, shape)
        return nn.Sequential(*inner), shape
    expected = _inferred_argument(component)
    supplied = {}
    if expected is not None:
        features = shape[0] if expected in ("num_features", "in_channels", "num_channels") else shape[-1]
        given = component.arguments.get(expected)
        if given is None:
            supplied[expected] = features
        elif (given[-1] if isinstance(given, list) else given) != features:
            raise ConfigError(
                [
                    config.problem(
                        (*path, expected), f"layer {index} ({component.type}) expects {given} features, gets {features}"
                    )
                ]
            )
    layer = config.build(path, component, **supplied)
    return layer, _shape_after(config, path, index, component, layer, shape)


def _inferred_argument(component: Component) -> str | None:
    names = [name for name in parameters_of(component.target) if name in INFERRED]
    return names[0] if names else None


def _shape_after(
    config: Config, path: Keys, index: int, component: Component, layer: nn.Module, shape: tuple[int, ...]
) -> tuple[int, ...]:
    layer.eval()  # no dropout masks are drawn, no running statistics change
    try:
        with no_grad():
            out = layer(zeros(ROWS_TO_TRY, *shape))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        sizes = " x ".join(map(str, shape))
        raise ConfigError(
            [config.problem(path, f"layer {index} ({component.type}) cannot take rows of {sizes} numbers: {error}")]
        ) from error
    finally:
        layer.train()
    return tuple(out.shape[1:])


def count_parameters(model: nn.Module) -> int:
    """The number of trainable numbers in the model."""
    return sum(int(np.prod(p.shape)) for p in model.parameters() if p.requires_grad)
