"""A module's parameters, buffers and children as live dictionaries, and the names of types in errors."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from mytorch.nn.parameter import Parameter
from mytorch.tensor import Tensor

if TYPE_CHECKING:
    from mytorch.nn.module import Module


def kind_of(value: Any) -> str:
    """The name of a value's type as PyTorch's errors give it, e.g. torch.FloatTensor."""
    if isinstance(value, Parameter):
        return "torch.nn.parameter.Parameter"
    if isinstance(value, Tensor):
        return str(value.type())
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Register(MutableMapping[str, Any]):
    """A module's parameters, buffers or children by name: the names of `names`, the values of its attributes."""

    def __init__(self, module: Module, names: dict[str, Any], register: str) -> None:
        self._module, self._names, self._register = module, names, register

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._module.__dict__[name]

    def __setitem__(self, name: str, value: Any) -> None:
        getattr(self._module, self._register)(name, value)

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        del self._module.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))
