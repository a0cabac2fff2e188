"""What tells configs apart, key by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MISSING = object()  # stands for the value of a key that a config does not have


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Nested data as one mapping from `model.0.out_features` and the like to plain values.

    >>> flatten({"train": {"epochs": 3}, "model": ["ReLU"]})
    {'train.epochs': 3, 'model.0': 'ReLU'}
    """
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {path: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat |= flatten(item, f"{path}.{key}" if path else str(key))
    return flat


def differing(configs: Sequence[Any]) -> dict[str, list[Any]]:
    """The keys that are not the same in all configs, each with its value in every one, or `MISSING`.

    >>> differing([{"train": {"epochs": 3}, "seed": 0}, {"train": {"epochs": 5}, "seed": 0}])
    {'train.epochs': [3, 5]}
    """
    flat = [flatten(config) for config in configs]
    keys = dict.fromkeys(key for config in flat for key in config)
    rows = {key: [config.get(key, MISSING) for config in flat] for key in keys}
    return {key: row for key, row in rows.items() if any(not _same(row[0], value) for value in row[1:])}


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and a == b)  # 1 is neither 1.0 nor true
