"""`finetune`: a training that begins with the weights of another run or of a file, with some layers frozen or new.

    finetune: {from: boston, freeze: ["0.*"], new: ["6"]}

`freeze` and `new` are patterns (`*`, `?`, `[...]`) over the names of modules, parameters and buffers; a module's name
stands for all that is in it. The weights are read before a training begins and never again: from then on the run's own
checkpoints have all. What of another run's preparation of the data is kept is written beside the config, see `KEPT`.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from mytorch import nn
from mytorch.backend import atomic
from mytorch.creation.from_data import from_numpy
from mytorch.data.prepare import Preparation
from mytorch.data.table import DataError
from mytorch.tensor import Tensor
from mytorch.training.building.model import count_parameters
from mytorch.training.config.config import Config, find_file
from mytorch.training.config.sections import Finetune
from mytorch.training.errors import ConfigError, Problem, UserError, closest, some
from mytorch.training.runs import checkpoint
from mytorch.training.runs.packing import unpack
from mytorch.training.runs.run import Run

KEPT = "preparation.json"  # in the run directory: the preparation that the run has taken over
SUFFIXES = frozenset({".safetensors", ".pt", ".pth", ".bin"})  # what has one is a file, not a run
NESTED = ("state_dict", "model_state_dict", "model")  # where a PyTorch file keeps the weights among other things
LISTED = 12  # names in a message
WHERE = ("finetune", "from")
Weights = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Start:
    """What a model has begun with: names of tensors by what became of them."""

    source: Path
    taken: tuple[str, ...]
    new: tuple[str, ...]
    frozen: tuple[str, ...]
    unused: tuple[str, ...]  # that the file has and the model has not

    def lines(self) -> list[str]:
        """For people, layer by layer."""
        lines = [f"starting from {self.source}", f"  taken over: {_layers(self.taken)}"]
        others = {"new": self.new, "frozen": self.frozen, "not in this model": self.unused}
        return lines + [f"  {what}: {_layers(names)}" for what, names in others.items() if names]


# --- where it starts from ---------------------------------------------------------------------------------------------


def with_found_source(config: Config, runs_dir: Path) -> Config:
    """The config with the path of the run or file that `finetune.from` names, so that the name means no other later.

    Raises:
        ConfigError: there is no such run or file.
    """
    if config.finetune is None:
        return config
    found = _find(config, config.finetune.source, runs_dir)
    finetune = config.finetune.model_copy(update={"source": found.as_posix()})
    return config.model_copy(update={"finetune": finetune})


def _find(config: Config, name: str, runs_dir: Path) -> Path:
    file = find_file(name, config.source_path)
    if file is not None and file.is_file():
        return file
    if Path(name).suffix in SUFFIXES:
        return config.find_file(WHERE, name)  # which says what there is
    try:
        return Run.find(runs_dir, name).path
    except (UserError, OSError, ValueError) as error:  # the last two: a name that the system does not accept
        raise ConfigError([config.problem(WHERE, str(error))]) from None


def _read(config: Config, section: Finetune) -> tuple[Path, Weights, dict[str, Any]]:
    """The file that the weights come from, the weights, and the metadata of a checkpoint of ours."""
    path = Path(section.source)
    path = Run(path).best_checkpoint if path.is_dir() else path
    try:
        return path, *read_weights(path)
    except UserError as error:
        raise ConfigError([config.problem(WHERE, str(error))]) from None


def read_weights(path: Path) -> tuple[Weights, dict[str, Any]]:
    """The weights in a checkpoint, a safetensors file or a file of PyTorch's; metadata only of a checkpoint.

    Raises:
        UserError: the file is not there, damaged, or holds something else.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    from mytorch.serialization import load

    try:
        content = load(path, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise UserError(f"{path}: cannot read the weights: {error}") from None
    return _tensors(path, content), {}


def _read_safetensors(path: Path) -> tuple[Weights, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load_file

    try:
        with safe_open(path, "np") as file:
            text = (file.metadata() or {}).get("mytorch")
        if text is None:
            return load_file(path), {}
        if text.startswith('{"feature_names"'):  # what `mytorch export` has written, whose metadata is no checkpoint's
            return load_file(path), json.loads(text)
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise UserError(f"{path}: cannot read the weights: {error}") from None
    arrays, metadata = checkpoint.load(path)
    if "state" in metadata:  # all of a training's state
        arrays = unpack(arrays, metadata["state"])["model"]
    return arrays, metadata


def _tensors(path: Path, content: Any) -> Weights:
    """The arrays of a state dict, which may stand under a key among other things."""
    found = content
    if isinstance(content, Mapping):
        found = next((content[key] for key in NESTED if isinstance(content.get(key), Mapping)), content)
    if isinstance(found, Mapping) and found and all(isinstance(value, Tensor) for value in found.values()):
        return {str(name): tensor.array for name, tensor in found.items()}
    holds = (
        f"a mapping with {', '.join(map(repr, content))}" if isinstance(content, Mapping) else type(content).__name__
    )
    raise UserError(f"{path}: expected the tensors of a state_dict(), got {holds[:200]}")


# --- into the model ---------------------------------------------------------------------------------------------------


def start_from(config: Config, model: nn.Module) -> Start | None:
    """Put the weights that `finetune.from` names into the model; None where the config has no `finetune`.

    Raises:
        ConfigError: they cannot be read, or do not fit a tensor of the model that `finetune.new` does not name.
    """
    section = config.finetune
    if section is None:
        return None
    path, weights, _ = _read(config, section)
    own = model.state_dict()
    new = _matching(config, model, "new", section.new)
    frozen = _matching(config, model, "freeze", section.freeze)
    if new & frozen:
        message = f"freeze names {_layers(sorted(new & frozen))} too, which would stay random"
        raise ConfigError([config.problem(("finetune", "new"), message)])
    misfits: dict[str, str] = {}
    taken: dict[str, Tensor] = {}
    for name, tensor in own.items():
        there = weights.get(name)
        if name in new:
            continue
        if there is not None and there.shape == tuple(tensor.shape):
            taken[name] = from_numpy(np.array(there))
        elif there is not None or not name.endswith("num_batches_tracked"):  # which old files do not have
            shape = "not there" if there is None else f"{_shape(there.shape)} there"
            misfits[name] = f"  {name}: {shape}, {_shape(tensor.shape)} here"
    if misfits:
        message = f"the weights of {path} do not fit the model:\n" + "\n".join(misfits.values())
        layers = json.dumps(list(dict.fromkeys(map(_layer, misfits))))
        raise ConfigError([config.problem(WHERE, f"{message}\nlet these layers start anew with new: {layers}")])
    if not taken:
        raise ConfigError([config.problem(("finetune", "new"), "every layer is new: nothing would be taken over")])
    model.load_state_dict({**own, **taken})
    return Start(
        path,
        taken=tuple(taken),
        new=tuple(name for name in own if name in new),
        frozen=tuple(name for name in own if name in frozen),
        unused=tuple(name for name in weights if name not in own),
    )


def freeze(config: Config, model: nn.Module) -> None:
    """Take the parameters that `finetune.freeze` names out of the training.

    Batch norm (and all that has running statistics) stays in eval mode where it is frozen as a whole: its statistics
    would change the outputs of the frozen layers otherwise. Dropout stays what it is.

    Raises:
        ConfigError: a pattern fits nothing, or nothing is left to train.
    """
    section = config.finetune
    if section is None or not section.freeze:
        return
    frozen = _matching(config, model, "freeze", section.freeze)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if name in frozen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(
            [config.problem(("finetune", "freeze"), "every parameter is frozen: nothing is left to train")]
        )
    for name, module in model.named_modules():
        buffers = dict(module.named_buffers(recurse=False))
        parameters = [parameter.requires_grad for parameter in module.parameters(recurse=False)]
        is_frozen = f"{name}.running_mean" in frozen or (parameters and not any(parameters))
        if buffers.get("running_mean") is not None and is_frozen:
            # A hook, and not one call of eval(): whoever calls train() on the model reaches every module in it.
            module.register_forward_pre_hook(_stay_in_eval_mode)
            setattr(module, "reset_running_stats", _keep_statistics)  # noqa: B010 - what update_bn does before SWA


def _stay_in_eval_mode(module: nn.Module, _inputs: Any) -> None:
    module.eval()


def _keep_statistics() -> None:
    """In place of a frozen module's `reset_running_stats`."""


def _matching(config: Config, model: nn.Module, key: str, patterns: Iterable[str]) -> set[str]:
    """The names of all parameters and buffers that the patterns under `key` fit, or a module around them does.

    Raises:
        ConfigError: a pattern fits no name at all.
    """
    parameters = (name for name, _ in model.named_parameters(remove_duplicate=False))
    tensors = dict.fromkeys([*model.state_dict(), *parameters])
    modules = [name for name, _ in model.named_modules() if name]
    found: set[str] = set()
    problems: list[Problem] = []
    for index, pattern in enumerate(patterns):
        fitting = {name for name in tensors if any(fnmatchcase(part, pattern) for part in _with_parents(name))}
        if not fitting and not any(fnmatchcase(name, pattern) for name in modules):
            near = closest(pattern, [*modules, *tensors])
            hint = f"did you mean {near!r}?" if near else f"there is {some([*modules, *tensors], LISTED)}"
            problems.append(config.problem(("finetune", key, index), f"{pattern!r} fits no layer or parameter; {hint}"))
        found |= fitting
    if problems:
        raise ConfigError(problems)
    return found


def _with_parents(name: str) -> list[str]:
    """`0.1.weight` -> `0`, `0.1`, `0.1.weight`."""
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _layer(name: str) -> str:
    """The module that a tensor belongs to; the tensor itself if it is the model's own."""
    return name.rpartition(".")[0] or name


def _layers(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(map(_layer, names)))


def _shape(shape: Iterable[int]) -> str:
    return str(list(shape))


def count_frozen(model: nn.Module) -> int:
    """The number of numbers in the model that are not trained."""
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def told_parameters(model: nn.Module) -> str:
    """How many numbers are trained, and of how many if that is not all.

    >>> model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    >>> told_parameters(model)
    '11 parameters'
    >>> _ = model[0].requires_grad_(False)
    >>> told_parameters(model)
    '3 of 11 parameters trained'
    """
    frozen, trained = count_frozen(model), count_parameters(model)
    return f"{trained} of {trained + frozen} parameters trained" if frozen else f"{trained} parameters"


# --- the preparation of the data --------------------------------------------------------------------------------------


def kept_preparation(config: Config) -> Preparation | None:
    """The preparation that `finetune.preparation: keep` takes over; None where it is learned.

    A run has written down its own; see `write_kept`.

    Raises:
        ConfigError: what `finetune.from` names has none.
    """
    section = config.finetune
    if section is None or section.preparation == "learn":
        return None
    beside = None if config.source_path is None else _read_kept(config.source_path.parent / KEPT, section.source)
    if beside is not None:
        return beside
    path, _, metadata = _read(config, section)
    try:
        if "preparation" in metadata:
            return Preparation.from_dict(metadata["preparation"])
        reason = "holds no preparation of the data; best.safetensors and last.safetensors of a run do"
    except DataError as error:
        reason = str(error)
    message = f"{path} {reason}; or write preparation: learn"
    raise ConfigError([config.problem(("finetune", "preparation"), message)])


def _read_kept(path: Path, source: str) -> Preparation | None:
    """What `write_kept` wrote; None if it is not there, or of another source."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Preparation.from_dict(document["preparation"]) if document["from"] == source else None
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return None  # then the run that it is from is asked


def write_kept(config: Config, run: Run, preparation: Preparation) -> None:
    """Write the preparation beside the run's config, if it is not learned: the run needs the other one no more."""
    if config.finetune is not None and config.finetune.preparation == "keep":
        document = {"from": config.finetune.source, "preparation": preparation.to_dict()}
        atomic.write_text(run.path / KEPT, json.dumps(document))
