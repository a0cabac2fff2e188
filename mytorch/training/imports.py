"""A user's own classes in a config: `imports: [layers.py]` makes the classes of that file usable as `type`.

The file is ordinary Python and is run, so only import what you would run yourself. A class counts by what it derives
from: a `Module` whose name ends in `Loss` is a loss, another `Module` a layer, an `Optimizer` an optimizer, an
`LRScheduler` a scheduler, a `Metric` a metric. A class of one's own comes before one of the same name in `mytorch`.
"""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mytorch.training.components import Kind, Registries


class UnimportableError(Exception):
    """A file that cannot be imported; the message says where in it and why."""


def add_imports(registries: Registries, files: Iterable[Path]) -> Registries:
    """The registries, and the classes that the files define.

    Raises:
        UnimportableError: a file's code raises an error.
    """
    extended = dict(registries)
    for file in files:
        for kind, name, target in _classes_of(_load(file)):
            extended[kind] = replace(extended[kind], classes={**extended[kind].classes, name: target})
    return extended


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mytorch_imports_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise UnimportableError(f"{file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame.lineno for frame in frames if Path(frame.filename).absolute() == file.absolute()]
        line = error.lineno if isinstance(error, SyntaxError) else inside[-1] if inside else None
        place = file if line is None else f"{file}:{line}"
        raise UnimportableError(f"{place}: {type(error).__name__}: {error}") from error
    return module


def _classes_of(module: ModuleType) -> Iterable[tuple[Kind, str, Callable[..., Any]]]:
    from mytorch import nn, optim
    from mytorch.optim import lr_scheduler
    from mytorch.training.metrics import Metric

    for name, thing in vars(module).items():
        if name.startswith("_") or not isinstance(thing, type) or thing.__module__ != module.__name__:
            continue
        if issubclass(thing, nn.Module):
            yield ("loss" if name.endswith("Loss") else "layer"), name, thing
        elif issubclass(thing, optim.Optimizer):
            yield "optimizer", name, thing
        elif issubclass(thing, lr_scheduler.LRScheduler):
            yield "scheduler", name, thing
        elif issubclass(thing, Metric):
            yield "metric", thing.type, thing
