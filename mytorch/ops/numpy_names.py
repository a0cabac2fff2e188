"""NumPy's names of arguments, which PyTorch takes beside its own: `x.sum(axis=1, keepdims=True)`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

PYTORCH_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def with_numpy_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which also understands `axis` for `dim` and `keepdims` for `keepdim`.

    Raises:
        TypeError: an argument is given under both names.

    >>> import mytorch
    >>> mytorch.ones(2, 3).sum(axis=1, keepdims=True).shape
    torch.Size([2, 1])
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for numpy_name, name in PYTORCH_NAMES.items():
            if numpy_name in kwargs:
                if name in kwargs:
                    raise TypeError(f"{function.__name__}() got both {name!r} and {numpy_name!r}, which mean the same")
                kwargs[name] = kwargs.pop(numpy_name)
        return function(*args, **kwargs)

    return call


def takes_dimensions(function: Any) -> bool:
    """Whether a function has an argument `dim`.

    >>> from mytorch.ops import reduction
    >>> takes_dimensions(reduction.sum), takes_dimensions(print)
    (True, False)
    """
    if not isinstance(function, FunctionType):
        return False
    code = function.__code__
    return "dim" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def add_numpy_names(functions: Mapping[str, Any]) -> dict[str, Any]:
    """Of the functions in a namespace, those that take dimensions, made to understand NumPy's names too."""
    return {name: with_numpy_names(f) for name, f in functions.items() if takes_dimensions(f)}
