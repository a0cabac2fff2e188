"""Layers that hold layers: `Sequential`, `Residual` and `Parallel`, as configs write them.

Their keys are checked here; what stands inside is resolved layer by layer, by a function that the caller passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mytorch import nn
from mytorch.training.branches import Parallel, Residual
from mytorch.training.config.faults import ComponentError, Fault
from mytorch.training.config.wording import show
from mytorch.training.config.yaml_source import Keys
from mytorch.training.errors import suggest

# The keys that hold layers. Those of `Parallel` hold lists of layers by name, the others one list.
INSIDE: dict[type, tuple[str, ...]] = {
    nn.Sequential: ("layers",),
    Residual: ("layers", "shortcut"),
    Parallel: ("branches",),
}


def resolve_inside(target: type, given: Mapping[str, Any], resolve_layer: Callable[[Any], Any]) -> dict[str, Any]:
    """The layers inside of a composite, under the fields of `Component`: `layers`, `shortcut` and `branches`.

    Raises:
        ComponentError: with all that is wrong inside.
    """
    faults: list[Fault] = []
    inside: dict[str, Any] = {}

    def read(key: str, read_value: Callable[[], Any]) -> None:
        try:
            inside[key] = read_value()
        except ComponentError as error:
            faults.extend(error.faults)

    name = target.__name__
    if target is Parallel:
        read("branches", lambda: _read_branches(given, resolve_layer))
    else:
        what = f"{name} needs 'layers', a list of at least one layer"
        read("layers", lambda: _read_layers(given, ("layers",), what, resolve_layer))
    if target is Residual and given.get("shortcut") is not None:
        what = "'shortcut' is a list of at least one layer; leave it out to add the input as it is"
        read("shortcut", lambda: _read_layers(given, ("shortcut",), what, resolve_layer))
    if faults:
        raise ComponentError(faults)
    return inside


def _read_layers(parent: Any, path: Keys, what: str, resolve_layer: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The list of layers under the last key of `path` in `parent`; `what` says what it should be."""
    key = path[-1]
    is_there = not isinstance(parent, Mapping) or key in parent
    listed = parent[key] if is_there else None
    if not isinstance(listed, list) or not listed:
        came = f", got {show(listed)}" if is_there else ""
        raise ComponentError([Fault((), f"{what}{came}", at=path)])
    faults, layers = [], []
    for index, layer in enumerate(listed):
        try:
            layers.append(resolve_layer(layer))
        except ComponentError as error:
            faults += [fault.below((*path, index)) for fault in error.faults]
    if faults:
        raise ComponentError(faults)
    return tuple(layers)


def _read_branches(given: Mapping[str, Any], resolve_layer: Callable[[Any], Any]) -> dict[str, tuple[Any, ...]]:
    """Lists of layers by name; those of a list are called "0", "1", ..."""
    written = given.get("branches")
    if not isinstance(written, (dict, list)) or not written:
        came = f", got {show(written)}" if "branches" in given else ""
        message = "Parallel needs 'branches', lists of layers by name, such as {left: [ReLU], right: [Tanh]}"
        raise ComponentError([Fault((), f"{message}{came}", at=("branches",))])
    keys = range(len(written)) if isinstance(written, list) else written
    faults: list[Fault] = []
    branches = {}
    for key in keys:
        path: Keys = ("branches", key)
        problem = _wrong_name(str(key))
        if problem:
            faults.append(Fault((), f"the branch {key!r}: {problem}", at=path, on_key=True))
            continue
        what = f"the branch '{key}' is a list of at least one layer; [Identity] is the input as it is"
        try:
            branches[str(key)] = _read_layers(written, path, what, resolve_layer)
        except ComponentError as error:
            faults += error.faults
    if faults:
        raise ComponentError(faults)
    return branches


def _wrong_name(name: str) -> str | None:
    """Why a branch cannot be called so: it is part of the names of the weights."""
    try:
        nn.ModuleDict({name: nn.Identity()})
    except (KeyError, TypeError):
        return "choose another name, not empty, without '.', and no word that dictionaries have such as keys or items"
    return None


def idle_arguments(target: type, given: Mapping[str, Any]) -> dict[str, str]:
    """Arguments that mean nothing beside the others that are given, each with a sentence that says why."""
    if target is Parallel and given.get("join", "cat") != "cat":
        return {"dim": f"dim is for join: cat; leave it out with join: {given['join']}"}
    return {}


def unknown_keys(target: type, given: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[Fault]:
    """A fault for each key that is neither one that holds layers nor an argument that means something."""
    known, idle = [*INSIDE[target], *arguments], idle_arguments(target, given)
    return [
        Fault((), idle.get(key, f"{target.__name__} has no argument {key!r}{suggest(key, known)}"), (key,), on_key=True)
        for key in given
        if key not in known
    ]


def write_branches(branches: Mapping[str, list[Any]]) -> Any:
    """Branches as a config writes them: a list if they have numbers for names."""
    numbered = list(branches) == [str(index) for index in range(len(branches))]
    return list(branches.values()) if numbered else dict(branches)
