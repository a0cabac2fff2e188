"""`Module`: the base class of layers and models, which knows its parameters, buffers and parts by name."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn, Self

from mytorch.autograd.application import wrap
from mytorch.nn import state
from mytorch.nn.conversions import Conversions
from mytorch.nn.hook_methods import HookMethods
from mytorch.nn.hooks import (
    EVERYWHERE,
    ModuleHooks,
    call_with_hooks,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    registered,
)
from mytorch.nn.parameter import Buffer, Parameter
from mytorch.nn.register import Register, kind_of
from mytorch.tensor import Tensor

__all__ = [
    "Module",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

_UNEXPECTED_CALL = (
    "Reached a code path in Module.{0}() that should never be called: a module that has extra state defines both "
    "get_extra_state() and set_extra_state()."
)


class Module(HookMethods, Conversions):
    """Base class of all layers and models.

    A subclass assigns parameters and other modules to attributes, which registers them, and defines `forward`. Calling
    `super().__init__()` first is allowed but not needed.

    >>> import mytorch
    >>> from mytorch import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(3, 8)
    ...         self.out = nn.Linear(8, 1)
    ...     def forward(self, x):
    ...         return self.out(mytorch.relu(self.hidden(x)))
    >>> net = Net()
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    >>> net(mytorch.zeros(5, 3)).shape
    torch.Size([5, 1])
    """

    training: bool
    _parameter_names: dict[str, None]
    _module_names: dict[str, None]
    _buffer_names: dict[str, bool]  # whether the buffer is part of the state
    _hooks: ModuleHooks | None
    _version: int = 1  # of the layout of its state; a subclass that changes it loads older states by `_load_from_...`
    dump_patches: ClassVar[bool] = False
    call_super_init: ClassVar[bool] = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = object.__new__(cls)
        self.__dict__.update(training=True, _parameter_names={}, _module_names={}, _buffer_names={}, _hooks=None)
        return self

    def __init__(self) -> None:
        """Nothing is left to do here: `__new__` has made the registers."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooks is None and not EVERYWHERE:
            return self.forward(*args, **kwargs)
        return call_with_hooks(self, self._hooks, args, kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accepted without effect, whatever the arguments: every call runs `forward` as it is written."""

    # --- attributes -----------------------------------------------------------------------------------------------

    # Parameters, buffers and child modules are ordinary attributes; beside them stand the names of those that are
    # registered, in order. So reading one costs no more than reading any attribute.

    @property
    def _parameters(self) -> Register:
        """The registered parameters by name, as a live dictionary; None for a place without one."""
        return Register(self, self._parameter_names, "register_parameter")

    @property
    def _buffers(self) -> Register:
        return Register(self, self._buffer_names, "register_buffer")

    @property
    def _modules(self) -> Register:
        return Register(self, self._module_names, "register_module")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._make_room(name, self._parameter_names)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._make_room(name, self._module_names)
            self._module_names[name] = None
            object.__setattr__(self, name, registered("module", self, name, value))
        elif isinstance(value, Buffer):
            self._make_room(name, self._buffer_names)
            self.register_buffer(name, value, value.persistent)
        elif value is None:
            object.__setattr__(self, name, None)
        elif name in self._parameter_names:
            raise TypeError(
                f"cannot assign '{kind_of(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
            )
        elif name in self._module_names:
            raise TypeError(
                f"cannot assign '{kind_of(value)}' as child module '{name}' (torch.nn.Module or None expected)"
            )
        elif name in self._buffer_names and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{kind_of(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
            )
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for names in (self._parameter_names, self._module_names, self._buffer_names):
            names.pop(name, None)

    def _make_room(self, name: str, names: dict[str, Any]) -> None:
        """Forget what a name stood for, unless it is among `names` already."""
        if name not in names and name in self.__dict__:
            delattr(self, name)

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if not name[0].isdigit()]

    def __copy__(self) -> Self:
        twin = self._twin(self.__getstate__())
        twin.__dict__.update({k: dict(v) for k, v in self.__dict__.items() if k.endswith("_names")})
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin  # before its parts are copied: one of them may point back
        return self._twin(copy.deepcopy(self.__getstate__(), memo), twin)

    def _twin(self, attributes: Any, twin: Self | None = None) -> Self:
        """A module of the same class with these attributes, in the form that `__getstate__` gives."""
        twin = type(self).__new__(type(self)) if twin is None else twin
        if hasattr(twin, "__setstate__"):
            twin.__setstate__(attributes)
            return twin
        own, slots = attributes if isinstance(attributes, tuple) else (attributes, {})
        twin.__dict__.update(own)
        for name, value in slots.items():
            object.__setattr__(twin, name, value)
        return twin

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            f"a module ({type(self).__name__}) cannot be pickled: loading a pickle can run any code. Save its "
            "state_dict() with mytorch.save or safetensors, make the module anew from its class, and load_state_dict() "
            "into it."
        )

    def _check_name(self, name: Any, what: str, names: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {kind_of(name)}")
        if "." in name:
            got = f", got: {name}" if what == "module" else ""
            raise KeyError(f'{what} name can\'t contain "."{got}')
        if not name:
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in names and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or with None a place for one.

        Raises:
            KeyError: the name is empty, has a dot or is taken.
            TypeError, ValueError: it is no parameter, or no leaf.
        """
        self._check_name(name, "parameter", self._parameter_names)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{kind_of(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None and param.node is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._parameter_names[name] = None
        self.__dict__[name] = registered("parameter", self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not learned, such as a running mean; `persistent` if it is to be saved.

        >>> import mytorch
        >>> m = Module()
        >>> m.register_buffer("steps", mytorch.tensor(0))
        >>> m.steps, list(m.state_dict())
        (tensor(0), ['steps'])
        """
        self._check_name(name, "buffer", self._buffer_names)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{kind_of(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffer_names[name] = persistent
        self.__dict__[name] = registered("buffer", self, name, tensor)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{kind_of(module)} is not a Module subclass")
        self._check_name(name, "module", self._module_names)
        self._module_names[name] = None
        self.__dict__[name] = registered("module", self, name, module)

    add_module = register_module

    # --- what it holds --------------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their names, parents first; one that is used twice comes once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def _named_members(
        self, register: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        parts = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in parts:
            for name, value in getattr(module, register).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their names, in the order of registration.

        Args:
            prefix: put before every name, with a dot.
            recurse: those of the modules below, too.
            remove_duplicate: name a parameter that is used in two places once.
        """
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, in the order of registration: what an optimizer takes."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their names; arguments as for `named_parameters`."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, parents first."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules right below this one, with their names."""
        seen: set[Module] = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules right below this one."""
        for _, child in self.named_children():
            yield child

    def get_submodule(self, target: str) -> Module:
        """The module of that name, e.g. "encoder.0.linear"; "" is this module itself.

        Raises:
            AttributeError: there is none, or it is something else.
        """
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            found = getattr(module, name)
            if not isinstance(found, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
            module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module in the place of that name, e.g. "encoder.0.linear".

        Args:
            strict: there must be a module in that place already.

        Raises:
            ValueError: the name is empty, or `module` is none.
            AttributeError: the way to the place, or with `strict` the place, is not there or is no module.

        >>> from mytorch import nn
        >>> net = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
        >>> net.set_submodule("1", nn.Tanh()); net[1]
        Tanh()
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def _get_member(self, target: str, kind: type, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        found = getattr(module, name)
        if not isinstance(found, kind) or (what == "a buffer" and name not in module._buffer_names):
            raise AttributeError(f"`{name}` is not {what}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of that name, e.g. "encoder.0.weight"; AttributeError if there is none."""
        found: Parameter = self._get_member(target, Parameter, "an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of that name; AttributeError if there is none."""
        found: Tensor = self._get_member(target, Tensor, "a buffer")
        return found

    # --- state ----------------------------------------------------------------------------------------------------

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by name. The tensors share the module's memory.

        Args:
            *args: the following by position, as older programs give them.
            destination: a dictionary to add to; a new one if None.
            prefix: put before every name.
            keep_vars: give the parameters themselves instead of detached tensors.
        """
        options = (destination, prefix, keep_vars)
        found: dict[str, Any] = state.collect(self, *args, *options[len(args) :])
        return found

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state._IncompatibleKeys:
        """Copy parameters and buffers from a dictionary such as `state_dict()` returns.

        Args:
            strict: names that are missing or that the module does not have are an error.
            assign: put the dictionary's tensors themselves in place, instead of copying their values.

        Returns:
            The missing and the unexpected names.

        Raises:
            RuntimeError: with every name that is missing, unexpected or of another shape. What fits is loaded all the
                same.

        >>> from mytorch import nn
        >>> nn.Linear(2, 3).load_state_dict(nn.Linear(2, 3).state_dict())
        <All keys matched successfully>
        """
        return state.load(self, state_dict, strict, assign)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the module's own state, without that of its children, into a dictionary; for subclasses to extend."""
        state.save_own(self, destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take the module's own state from a dictionary, and note what is wrong with it; for subclasses to extend."""
        state.load_own(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)

    def get_extra_state(self) -> Any:
        """What is to be saved beside parameters and buffers; a subclass that has something defines it."""
        raise RuntimeError(_UNEXPECTED_CALL.format("get_extra_state"))

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise RuntimeError(_UNEXPECTED_CALL.format("set_extra_state"))

    def _has_extra_state(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Module, method)

    # --- changes of everything below ------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training (dropout drops, batch norm learns its statistics), or off."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """`train(False)`."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients, or with `set_to_none=False` fill them with zeros."""
        for p in self.parameters():
            if set_to_none:
                p._grad = None
            elif p._grad is not None:
                if p._grad.requires_grad:
                    p._grad = wrap(p._grad.array)  # without the history that create_graph gave it
                p._grad.zero_()

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say for all parameters whether gradients are computed for them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` with every module below this one and then with this one.

        >>> from mytorch import nn
        >>> def ones(m):
        ...     if isinstance(m, nn.Linear):
        ...         nn.init.ones_(m.weight)
        >>> nn.Sequential(nn.Linear(1, 1)).apply(ones)[0].weight.item()
        1.0
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- printing -------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What `repr` shows between the parentheses before the children; a layer gives its arguments here."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        children = [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        if not children and "\n" not in extra:
            return f"{self._get_name()}({extra})"
        return block(self._get_name(), [*(extra.split("\n") if extra else []), *children])


def indented(text: str) -> str:
    """All lines but the first moved two columns to the right."""
    return text.replace("\n", "\n  ")


def block(name: str, lines: list[str]) -> str:
    """A module of several lines: its name, and the lines in parentheses below it."""
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)"
