"""From a checked config to the objects that it describes: the data, the model, the loss, optimizer and scheduler.

Everything that can only be known with the data in hand is found here, before training, and reported at its line of the
config: sizes that were left out are filled in, and shapes that do not fit each other are errors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.data.mnist import MNIST, StandIn
from mytorch.data.preparation import PreparationMismatchError
from mytorch.data.prepare import PreparedData, prepare
from mytorch.data.table import DataError
from mytorch.settings import set_num_threads
from mytorch.training.building.augmentation import (
    Augmentation,
    build_augmentation,
    problems_of_augmentation,
    with_channels,
)
from mytorch.training.building.finetune import Start, freeze, kept_preparation, start_from, with_found_source
from mytorch.training.building.losses import build_loss
from mytorch.training.building.model import build_model
from mytorch.training.building.training_options import problems_of_options
from mytorch.training.building.trial import problems_of_a_trial
from mytorch.training.config.config import Config, LossKind, default_metrics
from mytorch.training.config.loss_list import part_names
from mytorch.training.config.plot_choice import problems_of_plots
from mytorch.training.errors import ConfigError, Problem
from mytorch.training.metrics import ClassificationMetric, Metric, Task
from mytorch.training.own_code import told
from mytorch.training.random_streams import seed_streams


@dataclasses.dataclass
class Experiment:
    """A config and all the objects built from it."""

    config: Config
    data: PreparedData
    model: nn.Module
    loss: nn.Module
    metrics: list[Metric]
    start: Start | None = None  # what the model has begun with; None: random weights, or those of a checkpoint
    missing_files: list[str] = dataclasses.field(default_factory=list)  # those that made-up data stands in for
    augmentation: Augmentation = dataclasses.field(default_factory=lambda: Augmentation([]))

    @property
    def kind(self) -> LossKind:
        """What is scored: numbers, one probability of two classes, or the scores of several classes."""
        return "binary" if self.config.loss_kind == "binary" else self.data.task

    @property
    def score_names(self) -> list[str]:
        """The scores of a split besides the loss: the metrics, then the losses of a list."""
        return [*(metric.name for metric in self.metrics), *self.loss_parts]

    @property
    def loss_parts(self) -> tuple[str, ...]:
        """What the losses of a list are called among the scores; none for a single loss."""
        return part_names(self.config.loss)

    def batches_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.data.train) // self.batch_size)

    def steps_per_epoch(self) -> int:
        """How many steps an epoch has; the gradients of `train.accumulate` batches make one."""
        return -(-self.batches_per_epoch() // self.config.train.accumulate)

    @property
    def batch_size(self) -> int:
        """Rows in a batch; all training rows for `full`."""
        size = self.config.dataset.batch_size
        return len(self.data.train) if size == "full" else int(size)


def build(config: Config, *, runs_dir: Path | None = Path("runs"), stand_in: bool = False) -> Experiment:
    """Load the data and build model and loss. The random stream is seeded first, so that the weights are PyTorch's.

    `train.threads` is set for the process, where the config has it.

    Args:
        config: what to build.
        runs_dir: where the run is looked for that `finetune` starts from; None does not start from it, as the weights
            of a checkpoint will be put into the model.
        stand_in: download nothing: made-up data of the same shape stands in for files that are not there, and
            `Experiment.missing_files` names them.

    Raises:
        ConfigError: the data cannot be used, or shapes do not fit; holds every problem, with its place.
    """
    if config.train.threads is not None:
        set_num_threads(config.train.threads)
    config = located(config, runs_dir)
    missing_files = files_to_download(config) if stand_in else []
    data = load_data(config, made_up=bool(missing_files))
    of_classes = config.loss_kind == "binary" or data.task == "classification"
    of_images = data.image_shape is not None
    problems = [*_check_task(config, data), *problems_of_plots(config, of_classes=of_classes, of_images=of_images)]
    problems += problems_of_augmentation(config, data)
    seed_streams(config.seed)
    model: nn.Module | None = None
    start: Start | None = None
    try:
        model = build_model(config, data)
        if runs_dir is not None:
            start = start_from(config, model)
        freeze(config, model)
    except ConfigError as error:
        problems += error.problems
    if problems or model is None:
        raise ConfigError(problems)
    loss = build_loss(config, data)
    metrics = default_metrics(data.task) if config.metrics is None else config.metrics
    built = [metric.build() for metric in metrics]
    augmentation = build_augmentation(config)
    experiment = Experiment(config, data, model, loss, built, start, missing_files, augmentation)
    problems = problems_of_options(experiment) + problems_of_a_trial(experiment)
    if problems:
        raise ConfigError(problems)
    return experiment


def build_optimizer(experiment: Experiment) -> tuple[Any, Any]:
    """The optimizer over the model's parameters, and the scheduler or None."""
    config = experiment.config
    parameters = [parameter for parameter in experiment.model.parameters() if parameter.requires_grad]
    if not parameters:
        raise ConfigError([config.problem(("model",), "the model has no parameters: there is nothing to train")])
    optimizer = config.build(("optimizer",), config.optimizer, params=parameters)
    if config.scheduler is None:
        return optimizer, None
    lengths = schedule_length(config, experiment.steps_per_epoch())
    return optimizer, config.build(("scheduler",), config.scheduler, optimizer=optimizer, **lengths)


def schedule_length(config: Config, steps: int) -> dict[str, int]:
    """The arguments of the scheduler that follow from `train.epochs` and the number of steps in an epoch."""
    if config.scheduler is None:
        return {}
    per_batch = config.train.scheduler_step == "batch"
    return config.scheduler.schedule_length(epochs=config.train.epochs, batches=steps, per_batch=per_batch)


def files_to_download(config: Config) -> list[str]:
    """The names of the files that the data set would download."""
    source = config.build(("dataset",), config.dataset.source)
    return source.missing() if isinstance(source, MNIST) else []


def load_data(config: Config, *, made_up: bool = False) -> PreparedData:
    """The data set, split and normalised as the config says; `made_up` takes what stands in for one to download."""
    section = config.dataset
    try:
        source = config.build(("dataset",), section.source)
        kept = kept_preparation(config)
        data = prepare(
            StandIn(source) if made_up else source,
            test=None if section.test is None else section.test.rule(),
            validation=None if section.validation is None else section.validation.rule(),
            normalize_inputs=section.normalize.inputs,
            normalize_target=section.normalize.target,
            seed=config.seed,
            kept=kept,
        )
        data = with_channels(config, data, kept)
    except PreparationMismatchError as error:
        raise ConfigError([config.problem(("finetune", "preparation"), f"keep: {error}")]) from error
    except DataError as error:
        raise ConfigError([config.problem(("dataset",), str(error))]) from error
    except Exception as error:
        if not section.source.is_own or isinstance(error, ConfigError):
            raise
        message = f"{section.source.type} cannot be loaded: {told(error)}"
        raise ConfigError([config.problem(("dataset",), message)]) from error
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


def located(config: Config, runs_dir: Path | None) -> Config:
    """The config with the files and runs that it names as they were found, so that the run's own config finds them too.

    Raises:
        ConfigError: one is not there.
    """
    config = _with_found_files(config)
    return config if runs_dir is None else with_found_source(config, runs_dir)


def _with_found_files(config: Config) -> Config:
    source = config.dataset.source
    names = getattr(source.target, "file_arguments", ("path",))
    found = {
        name: config.find_file(("dataset", name), source.arguments[name]).as_posix()
        for name in names
        if isinstance(source.arguments.get(name), str)
    }
    if not found:
        return config
    source = dataclasses.replace(source, arguments={**source.arguments, **found})
    return config.model_copy(update={"dataset": config.dataset.model_copy(update={"source": source})})


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
            f"{config.loss_name} is for {config.task}, but the target {data.target_name!r} holds {holds}; use {advice}",
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
    loss, target = config.loss_name, data.target_name
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
