"""Parametrizations: a weight that is computed from other tensors whenever it is read.

The module's class is replaced by one of its own, in which the weight's name is a property. Behind it stands a
`ParametrizationList`: the original tensors, which are what is learned and saved, and the modules that make the weight
of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mytorch.autograd.grad_mode import no_grad
from mytorch.nn.container import ModuleDict, ModuleList
from mytorch.nn.module import Module
from mytorch.nn.parameter import Parameter
from mytorch.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cached: dict[tuple[int, str], Tensor] | None = None  # weights by module and name, within `cached()`
_cache_users = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized weight once within the block, however often it is read.

    >>> from mytorch import nn
    >>> layer = register_parametrization(nn.Linear(1, 1), "weight", nn.Softplus())
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """
    global _cached, _cache_users
    _cache_users += 1
    _cached = {} if _cached is None else _cached
    try:
        yield
    finally:
        _cache_users -= 1
        if not _cache_users:
            _cached = None


def _put(target: Tensor, value: Tensor) -> None:
    """Give a tensor the memory of another one, without making it a new object: optimizers hold it."""
    target.array = value.array
    target.changed()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _inverse(module: Module, value: Any) -> Any:
    """What the module makes `value` of; `value` itself if it does not say."""
    try:
        return module.right_inverse(value) if hasattr(module, "right_inverse") else value
    except NotImplementedError:
        return value


class ParametrizationList(ModuleList):
    """The modules that make a weight, applied in order, and the tensors that the first one takes.

    - `original`: that tensor, or `original0`, `original1` ... if the first module's `right_inverse` gives several.
    - `unsafe`: whether the weight may have another type and shape than it had.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        kind, shape = original.dtype, original.shape
        with no_grad():
            sources: Any = original
            for module in reversed(list(self)):
                sources = _inverse(module, sources)
        if not isinstance(sources, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(sources).__name__}"
            )
        self.is_tensor = isinstance(sources, Tensor)
        self.ntensors = 1 if self.is_tensor else len(sources)
        if isinstance(sources, Tensor):
            if sources.dtype != kind:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {kind}\nright_inverse(original).dtype: {sources.dtype}"
                )
            if sources is not original:
                _put(original, sources)
            _register(self, "original", original)
        else:
            self._register_several(sources, original)
        if not unsafe:
            found = self()
            if not isinstance(found, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
            for what, before, after in (("dtype", kind, found.dtype), ("shape", shape, found.shape)):
                if before != after:
                    raise ValueError(
                        f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag "
                        f"is enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
                    )

    def _register_several(self, sources: Sequence[Any], original: Tensor) -> None:
        for i, source in enumerate(sources):
            if not isinstance(source, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                    f"{i} of the sequence with type {type(source).__name__}."
                )
            source = source.detach()
            if isinstance(original, Parameter):
                source = Parameter(source, original.requires_grad)
            _register(self, f"original{i}", source)

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def __iter__(self) -> Iterator[Module]:
        return iter([module for name, module in self._modules.items() if name.isdigit()])

    def __len__(self) -> int:
        return sum(name.isdigit() for name in self._module_names)

    def right_inverse(self, value: Any) -> None:
        """Set the originals so that the weight becomes `value`.

        Raises:
            RuntimeError: a parametrization has no `right_inverse`.
            ValueError: it gives something else than when it was registered.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            values = [value] if self.is_tensor else list(value)
            if len(values) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of "
                    f"length {len(values)}."
                )
            for original, new in zip(self._originals(), values, strict=True):
                if not isinstance(new, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(new).__name__}")
                if new.dtype != original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {new.dtype} while `original` has dtype "
                        f"{original.dtype}"
                    )
                _put(original, new)

    def forward(self) -> Any:
        first, *others = self
        found = first(*self._originals())
        for module in others:
            found = module(found)
        return found


def _weight_of(name: str) -> property:
    """The property that stands in the place of a parametrized tensor."""

    def get(module: Any) -> Any:
        parametrization = module.parametrizations[name]
        if _cached is None:
            return parametrization()
        key = id(module), name
        if key not in _cached:
            _cached[key] = parametrization()
        return _cached[key]

    def put(module: Any, value: Any) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(get, put)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or that one is."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make a parameter or buffer of a module a function of the tensor that it was; a second call adds a step.

    Args:
        parametrization: its `forward` takes the tensor and returns the weight. It may have a `right_inverse`, which
            finds a tensor for a given weight, so that the weight keeps its value and can be assigned; one that returns
            several tensors says that `forward` takes as many.
        unsafe: let the weight have another type and shape.

    Raises:
        ValueError: the module has no such tensor, or its type or shape would change.

    >>> import mytorch
    >>> from mytorch import nn
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).t()
    >>> layer = register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.t()).all()), [name for name, _ in layer.named_parameters()]
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        _add_step(module, tensor_name, parametrization, unsafe)
        return module
    owner: Any = module
    if tensor_name not in module._buffers and tensor_name not in module._parameters:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    steps = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        kind = type(module)
        module.__class__ = type(f"Parametrized{kind.__name__}", (kind,), {"__module__": kind.__module__})
        owner.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _weight_of(tensor_name))
    owner.parametrizations[tensor_name] = steps
    return module


def _add_step(module: Any, tensor_name: str, parametrization: Module, unsafe: bool) -> None:
    steps = module.parametrizations[tensor_name]
    if not unsafe:
        with no_grad():
            before = getattr(module, tensor_name)
            after = parametrization(before)
            checked = [(f"parametrization(module.{tensor_name})", after)]
            if isinstance(after, Tensor) and hasattr(parametrization, "right_inverse"):
                checked.append(
                    ("the tensor returned by parametrization.right_inverse", _inverse(parametrization, after))
                )
        for what, found in checked:
            if not isinstance(found, Tensor):
                raise ValueError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
            if (found.dtype, found.shape) != (before.dtype, before.shape):
                raise ValueError(
                    "Registering a parametrization may not change the dtype or shape of the tensor, unless the "
                    f"`unsafe` flag is enabled.\nmodule.{tensor_name}: {before.dtype}, {before.shape}\n{what}: "
                    f"{found.dtype}, {found.shape}"
                )
    steps.append(parametrization)
    steps.unsafe |= unsafe


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make a parametrized tensor an ordinary one again.

    Args:
        leave_parametrized: it keeps the value that was computed; else it is the original tensor again.

    Raises:
        ValueError: it is not parametrized, or the originals are several and cannot be left.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    owner: Any = module
    steps = owner.parametrizations[tensor_name]
    value = getattr(module, tensor_name)
    if steps.is_tensor:
        original = steps.original
        if leave_parametrized:
            _put(original, value.detach())
    elif leave_parametrized:
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del owner.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del owner.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class without its parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give one module copies of another's parametrizations, and its values of the tensors that are parametrized.

    Args:
        tensor_name: this one alone.
    """
    if not is_parametrized(from_module):
        return to_module
    giver: Any = from_module
    taker: Any = to_module
    for name in [tensor_name] if tensor_name is not None else list(giver.parametrizations):
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        source = giver.parametrizations[name]
        for step in source:
            register_parametrization(to_module, name, copy.deepcopy(step), unsafe=source.unsafe)
        target = taker.parametrizations[name]
        for theirs, ours in zip(source._originals(), target._originals(), strict=True):
            _put(ours, theirs.detach().clone())
    return to_module
