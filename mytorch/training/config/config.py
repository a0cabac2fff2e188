"""The schema of a config, and the road from a YAML file and overrides to a checked, frozen `Config`.

`load_config` collects everything that is wrong, in the file and in the overrides, and raises it as one
`ConfigError` in which each problem has its line and column. A `Config` remembers the places, so that what
turns out later (shapes that do not fit, a data file that is missing) is reported in the same way.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, Strict, ValidationError, model_validator

from mytorch.training.config.components import (
    Component,
    ComponentError,
    Fault,
    Registries,
    Registry,
    resolve,
    standard_registries,
)
from mytorch.training.config.imports import OwnFiles, UnimportableError
from mytorch.training.config.loss_list import (
    OF_A_PROBABILITY,
    Loss,
    LossKind,
    LossTerm,
    WrittenLoss,
    kind_of,
    part_names,
    terms_of,
)
from mytorch.training.config.model_key import Model, WrittenModel
from mytorch.training.config.overrides import apply_overrides
from mytorch.training.config.sections import (
    Checkpoint,
    Dataset,
    Diagnostics,
    EarlyStopping,
    Ema,
    Expectation,
    Finetune,
    Integer,
    Measuring,
    Normalize,
    Plots,
    Section,
    Split,
    Swa,
    Train,
    Written,
)
from mytorch.training.config.training_options import LOOKS_AT_A_FIGURE, faults_of
from mytorch.training.config.wording import explain, show
from mytorch.training.config.yaml_source import Keys, Source, dump, load
from mytorch.training.errors import ConfigError, Problem, closest, suggest
from mytorch.training.metrics import METRICS

# What to write where a key is missing or is no list or mapping.
EXAMPLES = {
    "dataset": "dataset: {type: boston}",
    "dataset.test": "test: {every: 4}",
    "dataset.validation": "validation: {fraction: 0.1}",
    "dataset.normalize": "normalize: {inputs: standard, target: standard}",
    "dataset.augment": "augment: [{type: RandomCrop, padding: 2}, RandomHorizontalFlip]",
    "model": "model: [{type: Linear, out_features: 1}]",
    "loss": "loss: MSELoss",
    "optimizer": "optimizer: {type: Adam, lr: 1e-3}",
    "train": "train: {epochs: 100}",
    "train.epochs": "epochs: 100",
    "train.early_stopping": "early_stopping: {patience: 10}",
    "train.ema": "ema: {decay: 0.999}",
    "train.swa": "swa: {start_epoch: 75}",
    "metrics": "metrics: [mae, rmse]",
    "log": "log: [tensorboard]",
    "expect": "expect: {test.mae: {max: 2.5}}",
    "finetune": "finetune: {from: boston}",
    "finetune.from": "from: boston",
    "finetune.freeze": 'freeze: ["0.*"]',
    "finetune.new": 'new: ["6"]',
}

# The metrics of a config that names none, by what its loss is for.
DEFAULT_METRICS: dict[LossKind, list[Any]] = {
    "regression": ["mae", "rmse", "r2"],
    "binary": ["accuracy", {"type": "f1", "average": "binary"}, "auc"],
    "classification": ["accuracy", "f1"],
}

# runs/latest names the newest run of all.
RESERVED_NAMES = frozenset({"latest"})


def _check_name(name: str) -> str:
    if not re.fullmatch(r"[^\W_]([\w.-]*[\w-])?", name) or len(name) > 100:
        raise ValueError(
            "expected a name of at most 100 letters, digits, '.', '_' and '-', with a letter or digit first "
            f"and no '.' last, got {show(name)}"
        )
    if name in RESERVED_NAMES:
        raise ValueError(f"{name!r} is the link to the newest run; choose another name")
    return name


class Config(Section):
    """All that a training is made of. Made by `load_config`; two are equal when all their values are.

    `metrics` and `train.scheduler_step` hold what is really used, also where the file left them out.
    """

    name: Annotated[str, Strict(), AfterValidator(_check_name)]
    imports: tuple[Annotated[str, Strict()], ...] = ()
    seed: Integer = Field(0, ge=0, lt=2**63)
    dataset: Dataset
    model: Annotated[Model, WrittenModel()]
    loss: Annotated[Loss, WrittenLoss()]
    optimizer: Annotated[Component, Written("optimizer")]
    scheduler: Annotated[Component, Written("scheduler")] | None = None
    train: Train
    metrics: tuple[Annotated[Component, Written("metric")], ...] | None = None
    checkpoint: Checkpoint = Checkpoint()
    expect: dict[str, Expectation] = Field({})
    finetune: Finetune | None = None
    log: tuple[Annotated[Component, Written("callback")], ...] = ()
    plots: Plots = None
    diagnostics: Diagnostics = Measuring()

    _source: Source = PrivateAttr()

    @model_validator(mode="after")
    def _metrics_fit_the_loss(self) -> Config:
        faults = []
        scored_as = "classification" if self.loss_kind == "binary" else self.loss_kind
        names: list[str] = []
        for index, component in enumerate(self.metrics or ()):
            metric = component.build()
            if scored_as not in (None, metric.task):
                message = f"{component.type} is for {metric.task}, and {self.loss_name} for {scored_as}"
                faults.append(Fault(("metrics", index), message))
            if metric.name in ("loss", *part_names(self.loss)):
                message = f"{metric.name} is what the loss is called among the scores; give the metric another name"
                faults.append(Fault(("metrics", index), message))
            if metric.name in names:
                faults.append(Fault(("metrics", index), f"{metric.name} is listed twice"))
            names.append(metric.name)
        if faults:
            raise ComponentError(faults)
        return self

    @model_validator(mode="after")
    def _training_options_fit(self) -> Config:
        faults = faults_of(self)
        if faults:
            raise ComponentError(faults)
        return self

    def __eq__(self, other: object) -> bool:
        # Where it was written down makes no difference.
        return isinstance(other, Config) and self.__dict__ == other.__dict__

    @property
    def task(self) -> Literal["regression", "classification"] | None:
        """What the target of the loss must be for, None if it may be either."""
        kind = self.loss_kind
        return None if kind == "binary" else kind  # which takes two classes, and a column of numbers 0 and 1

    @property
    def loss_kind(self) -> LossKind | None:
        """What the loss is for, None if it may serve for anything; several losses are all for the same."""
        kinds = [kind_of(term.component) for term in self.loss_terms]
        return next((kind for kind in kinds if kind is not None), None)

    @property
    def loss_terms(self) -> tuple[LossTerm, ...]:
        """The losses that are added up, with their factors; a single one has factor 1."""
        return terms_of(self.loss)

    @property
    def loss_name(self) -> str:
        """The loss in a message."""
        return " + ".join(term.component.type for term in self.loss_terms)

    def loss_path(self, index: int) -> Keys:
        """Where the loss stands that is number `index` of `loss_terms`."""
        return ("loss",) if isinstance(self.loss, Component) else ("loss", index)

    @property
    def takes_probability(self) -> bool:
        """Whether a binary loss takes a probability; it is a logit otherwise."""
        return any(term.component.type == OF_A_PROBABILITY for term in self.loss_terms)

    @property
    def source_path(self) -> Path | None:
        """The file that the config was read from."""
        return self._source.path

    def problem(self, path: Keys, message: str, *, key: str | None = None) -> Problem:
        """A problem with the value at `path`, such as `("model", 3, "in_features")`, at its place.

        The place is that of the value or, if it was left out, of what encloses it; with `key`, that of this key in
        it. The message is put behind the path, as in `configs/boston.yaml:9:5: model.3: expects 64 features, gets 32`.
        """
        if key is not None:
            return self._source.problem(path, message, at=(*path, key), on_key=True)
        return self._source.problem(path, message)

    def build(self, path: Keys, component: Component, **supplied: Any) -> Any:
        """The object that `component`, which stands at `path`, describes; `supplied` are what it left out.

        Raises `ConfigError` at the right place when the constructor refuses its arguments.
        """
        try:
            return component.build(**supplied)
        except ComponentError as error:
            raise ConfigError(self.problem(path + fault.path, fault.message) for fault in error.faults) from error

    def find_file(self, path: Keys, name: str) -> Path:
        """The data file called `name` by the value at `path`: looked for as `find_file` does.

        Raises `ConfigError` when it is not there, with the folders that were searched.
        """
        found = find_file(name, self.source_path)
        if found is not None:
            return found
        folders = [(folder / name).parent for folder in _folders(self.source_path)]
        beside = [file.name for folder in folders for file in folder.glob("*") if file.is_file()]
        near = closest(Path(name).name, beside)
        hint = f"; did you mean {str(Path(name).with_name(near))!r}?" if near else ""
        searched = " or ".join(dict.fromkeys(os.path.abspath(folder) for folder in folders))
        raise ConfigError([self.problem(path, f"there is no file {name!r} in {searched}{hint}")])

    @property
    def rate_key(self) -> str:
        """The key that decides the learning rate: OneCycleLR does not start from that of the optimizer."""
        return "scheduler.max_lr" if self.scheduler and "max_lr" in self.scheduler.arguments else "optimizer.lr"

    def to_yaml(self) -> str:
        """The config in full, overrides and defaults written out; loading it gives an equal config."""
        data = self.model_dump(exclude_none=True, by_alias=True)
        if not self.imports:
            del data["imports"]
        if not self.expect:
            del data["expect"]
        if not self.log:
            del data["log"]
        if self.diagnostics == Measuring():
            del data["diagnostics"]
        return dump(data)


# Where each section stands.
SECTIONS: dict[Keys, type[Section]] = {
    (): Config,
    ("dataset", "test"): Split,
    ("dataset", "validation"): Split,
    ("dataset", "normalize"): Normalize,
    ("train",): Train,
    ("train", "early_stopping"): EarlyStopping,
    ("train", "ema"): Ema,
    ("train", "swa"): Swa,
    ("checkpoint",): Checkpoint,
    ("finetune",): Finetune,
}


def load_config(
    path: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    registries: Registries | None = None,
) -> Config:
    """Reads and checks the config at `path`, with overrides such as `optimizer.lr=1e-3` applied in turn.

    `registries` say what the names of components mean; None takes `standard_registries`. The name of the
    config is the file's, without suffix, if it gives none.

    Raises `ConfigError` with everything that is wrong.
    """
    return check(load(path), overrides, registries)


def check(source: Source, overrides: Sequence[str] = (), registries: Registries | None = None) -> Config:
    """The config that `source` holds; see `load_config`."""
    registries = standard_registries() if registries is None else registries
    apply_overrides(source, overrides)
    registries = _with_imports(source, registries)
    left_out = {key for key, value in source.data.items() if value is None and key in Config.model_fields}
    data = {key: value for key, value in source.data.items() if key not in left_out}
    data.setdefault("name", _name_from(source.path))
    try:
        config = Config.model_validate(data, context=registries)
    except ValidationError as error:
        source.problems += [problem for details in error.errors() for problem in _problems(details, source)]
    if source.problems:
        raise ConfigError(source.problems)
    config = _complete(config)
    config._source = source
    return config


def _with_imports(source: Source, registries: Registries) -> Registries:
    """The registries with the classes of the files under `imports`, which are found beside the config."""
    listed = source.data.get("imports")
    if not isinstance(listed, list):
        return registries  # absent, or wrong in a way that the schema will say
    with OwnFiles() as own:
        for index, name in enumerate(listed):
            if not isinstance(name, str):
                continue
            path = ("imports", index)
            found = find_file(name, source.path)
            if found is None:
                folders = " or ".join(dict.fromkeys(str(folder.absolute()) for folder in _folders(source.path)))
                source.problems.append(source.problem(path, f"there is no file {name!r} in {folders}"))
                continue
            listed[index] = found.as_posix()
            try:
                registries = own.add(registries, found)
            except UnimportableError as error:
                source.problems.append(source.problem(path, str(error)))
    return registries


def _name_from(path: Path | None) -> str:
    stem = re.sub(r"[^\w.-]+", "-", path.stem if path else "").lstrip("._-")[:100].rstrip(".")
    return stem if stem and stem not in RESERVED_NAMES else "run"


def _complete(config: Config) -> Config:
    """Writes down what follows from the rest where the config left it out."""
    train, scheduler = config.train, config.scheduler
    if scheduler is None:
        train = train.model_copy(update={"scheduler_step": None, "scheduler_monitor": None})
    elif train.scheduler_step is None:
        train = train.model_copy(update={"scheduler_step": "batch" if scheduler.steps_per_batch else "epoch"})
    if scheduler is not None and scheduler.type == LOOKS_AT_A_FIGURE and train.scheduler_monitor is None:
        monitor = "train_loss" if config.dataset.validation is None else "validation_loss"
        train = train.model_copy(update={"scheduler_monitor": monitor})
    metrics = config.metrics
    if metrics is None and config.loss_kind is not None:
        metrics = default_metrics(config.loss_kind)
    return config.model_copy(update={"train": train, "metrics": metrics})


def default_metrics(kind: LossKind) -> tuple[Component, ...]:
    """The metrics of a config that names none, by what its loss is for."""
    registry = {"metric": Registry(METRICS)}
    return tuple(resolve("metric", metric, registry) for metric in DEFAULT_METRICS[kind])


def _problems(error: Any, source: Source) -> list[Problem]:
    """One of pydantic's errors in our words and at its place."""
    path: Keys = error["loc"]
    if path[:2] == ("dataset", "source"):  # the two share one mapping
        path = ("dataset", *path[2:])
    example = EXAMPLES.get(".".join(map(str, path)))
    hint = f"; for example {example}" if example else ""
    if error["type"] == "missing":
        return [source.problem(path[:-1], f"missing key {path[-1]!r}{hint}")]
    if error["type"] == "extra_forbidden":
        section = Expectation if path[0] == "expect" and len(path) > 1 else SECTIONS[path[:-1]]
        hint = suggest(str(path[-1]), section.keys())
        return [source.problem(path[:-1], f"unknown key {path[-1]!r}{hint}", at=path, on_key=True)]
    if error["type"] == "value_error":
        reason = error["ctx"]["error"]
        faults = reason.faults if isinstance(reason, ComponentError) else [Fault((), str(reason))]
        return [
            source.problem(fault.path, fault.message, at=fault.at, on_key=fault.on_key)
            for fault in (fault.below(path) for fault in faults)
        ]
    if error["type"] not in ("model_type", "tuple_type", "dict_type"):
        hint = ""
    return [source.problem(path, explain(error) + hint)]


def find_file(name: str, config_path: Path | None = None) -> Path | None:
    """The existing file that a config means by `name`, None if there is none.

    A relative name is looked up from the current directory first, then from the config's own. A pattern such as
    ``data/*.csv`` counts as there if a file fits it.
    """
    # os.path, unlike pathlib, says no to a name that the system does not accept.
    return next((folder / name for folder in _folders(config_path) if _is_there(str(folder / name))), None)


def _is_there(name: str) -> bool:
    return os.path.isfile(name) or ("\0" not in name and glob.has_magic(name) and bool(glob.glob(name, recursive=True)))


def _folders(config_path: Path | None) -> list[Path]:
    return [Path()] if config_path is None else [Path(), config_path.parent]
