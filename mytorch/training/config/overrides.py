"""Applies `key.path=value` from the command line to a config's data, before it is checked like the file.

The value is YAML. A key of a list is the index of an item. A component that was given by its bare name
becomes a mapping when an argument is set on it: with `loss: SmoothL1Loss` in the file, `loss.beta=0.5` gives
`loss: {type: SmoothL1Loss, beta: 0.5}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mytorch.training.config.wording import show
from mytorch.training.config.yaml_source import MAX_DEPTH, Keys, Source, parse_value
from mytorch.training.errors import ConfigError, Place, Problem


class _OverrideError(Exception):
    """An override that cannot be applied; the message says why."""


def apply_overrides(source: Source, overrides: Sequence[str]) -> None:
    """Changes `source` by each override in turn; what cannot be applied is added to its problems.

    >>> from mytorch.training.config.yaml_source import parse
    >>> source = parse("model: [ReLU]")
    >>> apply_overrides(source, ["model.0.inplace=true", "train.epochs=5"])
    >>> source.data
    {'model': [{'type': 'ReLU', 'inplace': True}], 'train': {'epochs': 5}}
    """
    for number, override in enumerate(overrides, start=1):
        place = Place(f"override {override!r}", column=number)
        try:
            _apply(source, override, place)
        except _OverrideError as error:
            source.problems.append(Problem(place, str(error)))
        except ConfigError as error:
            source.problems.extend(error.problems)


def _apply(source: Source, override: str, place: Place) -> None:
    dotted, equals, text = override.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not equals:
        raise _OverrideError("there is no '='; write KEY=VALUE, such as optimizer.lr=1e-3")
    if not all(keys):
        raise _OverrideError("a key is empty; write KEY=VALUE, such as optimizer.lr=1e-3")
    if len(keys) > MAX_DEPTH:
        raise _OverrideError(f"nested more than {MAX_DEPTH} levels deep")
    value = parse_value(text, place)
    source.problems.extend(value.problems)

    parent: Any = source.data
    path: Keys = ()
    for key, after in zip(keys, [*keys[1:], None], strict=True):
        step = _step(parent, key, path)
        path = (*path, step)
        if after is None:
            _forget(source, path)
            parent[step] = value.data
            source.values.update({(*path, *inner): place for inner in value.values})
            source.keys.update({(*path, *inner): place for inner in value.keys})
            source.keys[path] = place
        else:
            parent = _enter(source, parent, step, path, place)


def _step(parent: Any, key: str, path: Keys) -> str | int:
    """The key as `parent` wants it: the index of an item when that is a list."""
    if isinstance(parent, dict):
        return key
    name = ".".join(map(str, path))
    count = len(parent)
    if not (key.isascii() and key.isdigit() and len(key) < 10 and int(key) < count):
        which = f"0 to {count - 1}" if count > 1 else "only 0" if count else "none, it is empty"
        raise _OverrideError(f"{name} is a list; its items are numbered {which}, got {key!r}")
    return int(key)


def _enter(source: Source, parent: Any, step: str | int, path: Keys, place: Place) -> Any:
    """The dict or list at `path`, made of a bare name or of nothing if need be."""
    child = parent.get(step) if isinstance(parent, dict) else parent[step]
    if isinstance(child, (dict, list)):
        return child
    if child is None:
        _forget(source, path)
        parent[step] = {}
        source.values[path] = source.keys[path] = place
    elif isinstance(child, str):
        parent[step] = {"type": child}
        source.values[(*path, "type")] = source.keys[(*path, "type")] = source.values[path]
    else:
        raise _OverrideError(f"{'.'.join(map(str, path))} is {show(child)}; nothing can be set below it")
    return parent[step]


def _forget(source: Source, path: Keys) -> None:
    """Drops the places of what is overwritten."""
    for places in (source.values, source.keys):
        for known in [known for known in places if known[: len(path)] == path]:
            del places[known]
