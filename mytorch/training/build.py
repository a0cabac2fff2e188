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
from mytorch.creation.filled import zeros
from mytorch.data.prepare import PreparedData, prepare
from mytorch.data.table import DataError
from mytorch.random import manual_seed
from mytorch.training.components import INFERRED, Component, parameters_of
from mytorch.training.config import Config, LossKind, default_metrics
from mytorch.training.errors import ConfigError, Problem
from mytorch.training.metrics import ClassificationMetric, Metric, Task
from mytorch.training.weighted_loss import WeightedLoss
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

    @property
    def kind(self) -> LossKind:
        """What is scored: numbers, one probability of two classes, or the scores of several classes."""
        return "binary" if self.config.loss_kind == "binary" else self.data.task

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
    loss = build_loss(config, data)
    metrics = default_metrics(data.task) if config.metrics is None else config.metrics
    return Experiment(config, data, model, loss, [metric.build() for metric in metrics])


def build_loss(config: Config, data: PreparedData) -> nn.Module:
    """The loss; a `WeightedLoss` where the rows have weights.

    Raises:
        ConfigError: the rows have weights, and the loss has no value for each row.
    """
    if data.train.weights is None:
        loss: nn.Module = config.build(("loss",), config.loss)
        return loss
    if config.loss.arguments.get("reduction", "mean") != "mean" or "reduction" not in parameters_of(config.loss.target):
        message = f"the rows have weights, which needs a loss with reduction: mean; {config.loss.type} has not"
        raise ConfigError([config.problem(("loss",), message)])
    by_row = dataclasses.replace(config.loss, arguments={**config.loss.arguments, "reduction": "none"})
    return WeightedLoss(config.build(("loss",), by_row))


def build_optimizer(experiment: Experiment) -> tuple[Any, Any]:
    """The optimizer over the model's parameters, and the scheduler or None."""
    config = experiment.config
    parameters = list(experiment.model.parameters())
    if not parameters:
        raise ConfigError([config.problem(("model",), "the model has no parameters: there is nothing to train")])
    optimizer = config.build(("optimizer",), config.optimizer, params=parameters)
    if config.scheduler is None:
        return optimizer, None
    lengths = schedule_length(config, experiment.batches_per_epoch())
    return optimizer, config.build(("scheduler",), config.scheduler, optimizer=optimizer, **lengths)


def schedule_length(config: Config, batches: int) -> dict[str, int]:
    """The arguments of the scheduler that follow from `train.epochs` and the number of batches in an epoch."""
    if config.scheduler is None:
        return {}
    per_batch = config.train.scheduler_step == "batch"
    return config.scheduler.schedule_length(epochs=config.train.epochs, batches=batches, per_batch=per_batch)


def load_data(config: Config) -> PreparedData:
    """The data set, split and normalised as the config says."""
    section = config.dataset
    try:
        source = config.build(("dataset",), section.source)
        data = prepare(
            source,
            test=None if section.test is None else section.test.rule(),
            validation=None if section.validation is None else section.validation.rule(),
            normalize_inputs=section.normalize.inputs,
            normalize_target=section.normalize.target,
            seed=config.seed,
        )
    except DataError as error:
        raise ConfigError([config.problem(("dataset",), str(error))]) from error
    if config.loss_kind == "binary" and data.task == "classification":
        return _with_number_targets(data)
    return data


def _with_number_targets(data: PreparedData) -> PreparedData:
    """Class numbers as a column of numbers, which is what the losses of one output compare with."""
    splits: dict[str, Any] = {
        name: dataclasses.replace(split, targets=split.targets[:, None].astype(np.float32))
        for name, split in data.splits.items()
    }
    return dataclasses.replace(data, **splits)


def _with_found_files(config: Config) -> Config:
    """The config with the paths of its data files as they were found, so that the run's own config finds them too."""
    source = config.dataset.source
    names = getattr(source.target, "file_arguments", ("path",))
    found = {
        name: config.find_file(("dataset", name), source.arguments[name]).as_posix()
        for name in names
        if source.arguments.get(name) is not None
    }
    if not found:
        return config
    source = dataclasses.replace(source, arguments={**source.arguments, **found})
    changed = config.model_copy(update={"dataset": config.dataset.model_copy(update={"source": source})})
    changed._source = config._source
    return changed


def _check_task(config: Config, data: PreparedData) -> Sequence[Problem]:
    if config.loss_kind == "binary":
        return [*_check_binary(config, data), *_check_metrics(config, data, "classification", classes=2)]
    if config.task in (None, data.task):
        return _check_metrics(config, data, data.task, classes=len(data.class_names or ()))
    holds = "classes" if data.task == "classification" else "numbers"
    advice = "CrossEntropyLoss" if data.task == "classification" else "MSELoss or SmoothL1Loss"
    return [
        config.problem(
            ("loss",),
            f"{config.loss.type} is for {config.task}, but the target {data.target_name!r} holds {holds}; use {advice}",
        )
    ]


def _check_metrics(config: Config, data: PreparedData, task: Task, classes: int) -> list[Problem]:
    problems = []
    for index, component in enumerate(config.metrics or ()):
        metric = component.build()
        if metric.task != task:
            message = f"{component.type} is for {metric.task}, and the target {data.target_name!r} is for {task}"
            problems.append(config.problem(("metrics", index), message))
        elif isinstance(metric, ClassificationMetric):
            try:
                metric.check_classes(classes)
            except ValueError as error:
                problems.append(config.problem(("metrics", index), f"{component.type}: {error}"))
    return problems


def _check_binary(config: Config, data: PreparedData) -> list[Problem]:
    """A loss of one probability needs two classes, or a column of numbers that says which of two."""
    loss, target = config.loss.type, data.target_name
    if data.task == "classification":
        classes = len(data.class_names or ())
        if classes == 2:
            return []
        message = f"{loss} is for two classes, but the target {target!r} has {classes}; use CrossEntropyLoss"
        return [config.problem(("loss",), message)]
    if config.dataset.normalize.target != "none":
        message = f"{loss} needs a target of 0 and 1, which must not be normalised; use target: none"
        return [config.problem(("dataset", "normalize", "target"), message)]
    values = np.concatenate([split.original_targets.ravel() for split in data.splits.values()])
    other = values[(values != 0) & (values != 1)]
    if not len(other) or config.metrics == ():
        return []
    message = (
        f"the metrics of {loss} need a target of 0 and 1, but {target!r} holds {other[0]:g}; use task: classification "
        "in the dataset for two classes, or metrics: [] for probabilities"
    )
    return [config.problem(("loss",), message)]


# --- the model ------------------------------------------------------------------------------------------------------


def build_model(config: Config, data: PreparedData) -> nn.Module:
    """The layers of the config in a `Sequential`, with the sizes that were left out filled in.

    Raises:
        ConfigError: a layer does not fit the one before it, or the last one does not fit the target.
    """
    shape = data.train.inputs.shape[1:]
    layers, shape = _build_layers(config, ("model",), config.model, shape)
    # A target in columns is of numbers; else each class has a score.
    wanted = data.train.targets.shape[1] if data.train.targets.ndim == 2 else len(data.class_names or ())
    if shape != (wanted,):
        raise ConfigError([config.problem(("model", len(config.model) - 1), _wrong_end(data, shape, wanted))])
    return nn.Sequential(*layers)


def _wrong_end(data: PreparedData, shape: tuple[int, ...], wanted: int) -> str:
    gives = f"{shape[0]} features" if len(shape) == 1 else f"the shape {shape}"
    needs = f"has {wanted} classes" if data.train.targets.ndim == 1 else f"is {wanted} number"
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
