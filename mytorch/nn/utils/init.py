"""Modules whose weights are not initialised, because other values are loaded into them at once."""

from __future__ import annotations

from typing import Any, TypeVar

from mytorch.backend.generator import default_generator
from mytorch.nn.module import Module

__all__ = ["skip_init"]

M = TypeVar("M", bound=Module)


def skip_init(module_cls: type[M], *args: Any, **kwargs: Any) -> M:
    """A module of arbitrary values: as `module_cls(*args, **kwargs)`, but no random numbers are drawn.

    >>> import mytorch
    >>> from mytorch import nn
    >>> _ = mytorch.manual_seed(0); first = mytorch.rand(1)
    >>> _ = mytorch.manual_seed(0); layer = skip_init(nn.Linear, 3, 4)
    >>> tuple(layer.weight.shape), bool(mytorch.rand(1) == first)
    ((4, 3), True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    state = default_generator.get_state()
    try:
        return module_cls(*args, **kwargs)
    finally:
        default_generator.set_state(state)
