"""A user's own classes in a config: `imports: [layers.py]` makes the classes of that file usable as `type`.

The file is ordinary Python and is run, so only import what you would run yourself. What is imported at its top may lie
beside it. A class counts by what it derives from: a `Module` is a layer, or a loss if its name ends in `Loss` or its
`forward` takes two things; an `Optimizer` is an optimizer, an `LRScheduler` a scheduler, a `Metric` a metric, a
`Callback` a tracker under `log`, a `Transform` one of images under `dataset.augment`, and a `Dataset`, or another class
with a method `load`, a data set. A class of one's own comes before one of the same name in `mytorch`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from mytorch import data, nn, optim
from mytorch.optim import lr_scheduler
from mytorch.training.config.components import Kind, Registries
from mytorch.training.config.own_dataset import as_source
from mytorch.training.errors import suggest
from mytorch.training.metrics import Metric
from mytorch.training.own_code import add_own_folder, own_place

PREFIX = "mytorch_imports_"  # of the names of these files among Python's modules


class UnimportableError(Exception):
    """A file that cannot be imported; the message says where in it and why."""


def add_imports(registries: Registries, files: Iterable[Path]) -> Registries:
    """The registries, and the classes that the files define.

    Raises:
        UnimportableError: a file's code raises an error, or it defines nothing that a config can name.
    """
    with OwnFiles() as own:
        for file in files:
            registries = own.add(registries, file)
    return registries


class OwnFiles:
    """Imports files one by one; while it is open they can import what lies beside them, and each other.

    Afterwards `sys.path` is what it was, and files of the same names in another folder can be imported.
    """

    def __enter__(self) -> OwnFiles:
        self._path = list(sys.path)
        self._known = set(sys.modules)
        self._folders: set[Path] = set()
        self._modules: dict[Path, ModuleType] = {}
        self._origins: dict[tuple[Kind, str], Path] = {}
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _traceback: TracebackType | None) -> None:
        sys.path[:] = self._path
        added = [name for name in sys.modules if name not in self._known and not name.startswith(PREFIX)]
        beside = {name for name in added if "." not in name and _folder_of(sys.modules[name]) in self._folders}
        for name in added:
            if name.partition(".")[0] in beside:
                del sys.modules[name]

    def add(self, registries: Registries, file: Path) -> Registries:
        """The registries with the classes of one more file.

        Raises:
            UnimportableError: as `add_imports`, and if another file has a class of the same name.
        """
        file = file.absolute()
        if file in self._modules:
            return registries
        module = self._modules[file] = self._load(file)
        extended, found = dict(registries), False
        unusable = {}
        for name, thing in vars(module).items():
            kind = _kind_of(name, thing, module)
            problem = _why_unusable(thing, module) if kind is None else _what_it_lacks(thing)
            if problem is not None:
                unusable[name] = f"in {file.name} {problem}"
            if kind is None or problem is not None:
                continue
            found = True
            name = getattr(thing, "type", name) if kind == "metric" else name
            before = self._origins.setdefault((kind, name), file)
            if before != file:
                raise UnimportableError(f"{file}: the {kind} {name} is also in {before}; give one of them another name")
            known, target = extended[kind], as_source(thing) if kind == "dataset" else thing
            extended[kind] = replace(known, classes={**known.classes, name: target}, own=known.own | {name})
        if not found:
            reasons = "".join(f"; {name} {reason}" for name, reason in unusable.items())
            raise UnimportableError(
                f"{file} defines no class that a config can name, such as a Module{reasons}. "
                "A file that others import need not be listed"
            )
        return {kind: replace(one, unusable={**one.unusable, **unusable}) for kind, one in extended.items()}

    def _load(self, file: Path) -> ModuleType:
        folder = file.parent
        add_own_folder(folder)
        if folder.resolve() not in self._folders:
            sys.path.insert(0, str(folder))
            self._folders.add(folder.resolve())
        importlib.invalidate_caches()
        already = sys.modules.get(file.stem)
        if already is not None and getattr(already, "__file__", None) == str(file):
            return already  # another of the files has imported it
        name = PREFIX + file.stem
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise UnimportableError(f"{file} is no Python file: its name must end in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where dataclasses look for it
        if already is None and file.stem.isidentifier() and _is_unknown(file):
            sys.modules[file.stem] = module  # for the other files
        try:
            spec.loader.exec_module(module)
        except SystemExit as error:
            advice = "put what ends the program under if __name__ == '__main__':"
            raise UnimportableError(f"{_place(file, error)}: the file ends the program; {advice}") from error
        except Exception as error:  # whatever the user's code raises
            raise UnimportableError(f"{_place(file, error)}: {_said(error)}") from error
        return module


def _is_unknown(file: Path) -> bool:
    """Whether `import NAME` finds this very file, and not a package or a module of Python's that is called so."""
    try:
        spec = importlib.util.find_spec(file.stem)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin == str(file)


def _folder_of(module: ModuleType) -> Path | None:
    """The folder in which `import` found a module or package."""
    file = getattr(module, "__file__", None)
    if file is None:
        places = list(getattr(module, "__path__", []))  # a folder of modules without an __init__.py
        return Path(places[0]).resolve().parent if places else None
    folder = Path(file).resolve().parent
    return folder.parent if Path(file).name == "__init__.py" else folder


def _place(file: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    return own_place(error).strip(" ()") or str(file)


def _said(error: Exception) -> str:
    """An error in one line; Python shows of an error in the syntax where it was found."""
    message = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    if isinstance(error, ImportError) and "relative import" in message:
        message += "; a file beside it is imported by its name alone: from helpers import width"
    return message


# --- what the names in a file are -----------------------------------------------------------------------------------


def _kind_of(name: str, thing: Any, module: ModuleType) -> Kind | None:
    """The kind of component that something is, if it is a class that the file defines."""
    if name.startswith("_") or not isinstance(thing, type) or thing.__module__ != module.__name__:
        return None
    for kind, base in _bases():
        if issubclass(thing, base):
            return "loss" if kind == "layer" and _is_loss(name, thing) else kind
    return "dataset" if callable(getattr(thing, "load", None)) else None


def _bases() -> tuple[tuple[Kind, type], ...]:
    from mytorch.data.transforms import Transform
    from mytorch.training.callbacks.base import Callback

    return (
        ("layer", nn.Module),
        ("optimizer", optim.Optimizer),
        ("scheduler", lr_scheduler.LRScheduler),
        ("metric", Metric),
        ("callback", Callback),
        ("transform", Transform),
        ("dataset", data.Dataset),
    )


def _is_loss(name: str, module_class: Any) -> bool:
    """A loss takes an output and a target, a layer one thing."""
    if name.endswith("Loss"):
        return True
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = list(inspect.signature(module_class.forward).parameters.values())[1:]
    return sum(one.kind in positional and one.default is one.empty for one in parameters) >= 2


def _what_it_lacks(thing: Any) -> str | None:
    """Why a class of a known kind cannot be used all the same."""
    if issubclass(thing, data.IterableDataset):
        return "is a stream; a data set of a config has __len__ and __getitem__"
    if inspect.isabstract(thing):
        return f"is abstract: it has to define {', '.join(sorted(thing.__abstractmethods__))}"
    needed = ("task", "direction") if issubclass(thing, Metric) else ()
    missing = [name for name in needed if not hasattr(thing, name)]
    if missing:
        return f"has no {missing[0]}"
    if issubclass(thing, Metric) and thing.direction not in ("min", "max"):
        return f"has the direction {thing.direction!r}, expected 'min' or 'max'"
    return _uncalled_method(thing)


def _uncalled_method(thing: Any) -> str | None:
    """The method of a callback that was meant to be called, and is not."""
    from mytorch.training.callbacks.base import Callback

    if not issubclass(thing, Callback):
        return None
    called = [name for name in vars(Callback) if name.startswith("on_")]
    for name in dir(thing):
        if name.startswith("on_") and name not in called:
            return f"has a method {name}, which is never called{suggest(name, called)}"
    return None


def _why_unusable(thing: Any, module: ModuleType) -> str | None:
    """Why a name of a file cannot be a `type`, where someone may have meant it to be one; None for all other names."""
    if isinstance(thing, tuple(base for _, base in _bases())):
        return f"is an object, not a class; a type names the class, here {type(thing).__name__}"
    if not (inspect.isclass(thing) or inspect.isfunction(thing)) or thing.__module__ != module.__name__:
        return None
    return "is a function, not a class" if inspect.isfunction(thing) else "derives from no class such as Module"
