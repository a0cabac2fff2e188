"""A module's weights as a flat dictionary of names and tensors, and back.

Each module saves and loads its own part (`Module._save_to_state_dict`, `Module._load_from_state_dict`), which a
subclass may do in its own way. Here is what those methods do by default, the way through the children, and the hooks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mytorch.autograd.grad_mode import no_grad
from mytorch.nn.parameter import Parameter
from mytorch.tensor import Tensor

EXTRA = "_extra_state"  # the name under which `get_extra_state` is saved


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the names that were missing in the dictionary, and those it had too many."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"


class StateHooks:
    """The hooks of one module around saving and loading, by handle number.

    `after_save` and `before_load` hold pairs: the function, and whether it is one of the public kind.
    """

    def __init__(self) -> None:
        self.before_save: dict[int, Callable[..., Any]] = {}
        self.after_save: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.before_load: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.after_load: dict[int, Callable[..., Any]] = {}


def own_state(module: Any) -> list[tuple[str, Tensor]]:
    """The parameters and persistent buffers of a module without its children."""
    buffers = {name: b for name, b in module._buffers.items() if module._buffer_names[name]}
    return [(name, t) for name, t in [*module._parameters.items(), *buffers.items()] if t is not None]


# --- saving ---------------------------------------------------------------------------------------------------------


def collect(module: Any, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """Add a module's state, and that of its children, to `destination`; see `Module.state_dict`."""
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    metadata = {"version": module._version}
    if hasattr(destination, "_metadata"):
        destination._metadata[prefix[:-1]] = metadata
    hooks = module._state_hooks
    if hooks is not None:
        for hook in list(hooks.before_save.values()):
            hook(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    if hooks is not None:
        for hook, public in list(hooks.after_save.values()):
            changed = hook(module, destination, prefix, metadata)
            if changed is not None:
                if public:
                    raise RuntimeError("state_dict post-hook must return None")
                destination = changed
    return destination


def save_own(module: Any, destination: Any, prefix: str, keep_vars: bool) -> None:
    """What `Module._save_to_state_dict` does."""
    for name, tensor in own_state(module):
        destination[prefix + name] = tensor if keep_vars else tensor.detach()
    if module._has_extra_state("get_extra_state"):
        destination[prefix + EXTRA] = module.get_extra_state()


# --- loading --------------------------------------------------------------------------------------------------------


class _Loading:
    """One call of `load_state_dict`: what it has met so far, and the way through the modules."""

    def __init__(self, metadata: Any, assign: bool) -> None:
        self.metadata, self.assign = metadata, assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.problems: list[str] = []

    def fill(self, module: Any, state: Any, prefix: str = "") -> None:
        metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(state, prefix, metadata, True, self.missing, self.unexpected, self.problems)
        for name, child in module._modules.items():
            if child is not None:
                inner = f"{prefix}{name}."
                self.fill(child, {key: value for key, value in state.items() if key.startswith(inner)}, inner)
        if module._state_hooks is not None:
            keys = _IncompatibleKeys(self.missing, self.unexpected)
            for hook in list(module._state_hooks.after_load.values()):
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )


def load(module: Any, state: Mapping[str, Any], strict: bool, assign: bool) -> _IncompatibleKeys:
    """Fill a module's parameters and buffers from `state`; see `Module.load_state_dict`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    metadata = getattr(state, "_metadata", None)
    own: Any = OrderedDict(state)  # hooks may change it
    if metadata is not None:
        own._metadata = metadata
    loading = _Loading(metadata or {}, assign)
    loading.fill(module, own)
    problems = loading.problems
    if strict:
        kinds = (("Missing", loading.missing), ("Unexpected", loading.unexpected))
        problems = [
            "{} key(s) in state_dict: {}. ".format(kind, ", ".join(f'"{key}"' for key in keys))
            for kind, keys in kinds
            if keys
        ] + problems
    if problems:
        raise RuntimeError(
            "Error(s) in loading state_dict for {}:\n\t{}".format(type(module).__name__, "\n\t".join(problems))
        )
    return _IncompatibleKeys(loading.missing, loading.unexpected)


def load_own(
    module: Any,
    state: Any,
    prefix: str,
    metadata: dict[str, Any],
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    problems: list[str],
) -> None:
    """What `Module._load_from_state_dict` does."""
    if module._state_hooks is not None:
        for hook, public in list(module._state_hooks.before_load.values()):
            arguments = (state, prefix, metadata, strict, missing, unexpected, problems)
            hook(module, *arguments) if public else hook(*arguments)
    own = dict(own_state(module))
    for name, target in own.items():
        key = prefix + name
        if key not in state:
            if strict:
                missing.append(key)
            continue
        source = state[key]
        if not target.array.ndim and isinstance(source, Tensor) and source.array.shape == (1,):
            source = source[0]  # numbers were once saved as vectors of one element
        problem = _misfit(key, target, source)
        if problem is not None:
            problems.append(problem)
        elif metadata.get("assign_to_params_buffers"):
            _assign(module, name, target, source)
        else:
            with no_grad():
                target.copy_(source)
    extra = prefix + EXTRA
    if module._has_extra_state("set_extra_state"):
        if extra in state:
            module.set_extra_state(state[extra])
        elif strict:
            missing.append(extra)
    elif strict and extra in state:
        unexpected.append(extra)
    if strict:
        for key in state:
            if key.startswith(prefix) and key != extra:
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (module._modules if dot else own):
                    unexpected.append(key)


def _misfit(key: str, target: Tensor, source: Any) -> str | None:
    """Why a value cannot be loaded, or None."""
    if not isinstance(source, Tensor):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(source)}"
        )
    if source.array.shape != target.array.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {source.shape} from checkpoint, the shape in current "
            f"model is {target.shape}."
        )
    return None


def _assign(module: Any, name: str, target: Tensor, source: Tensor) -> None:
    """Put the loaded tensor itself in the place of the module's own."""
    if isinstance(target, Parameter) and not isinstance(source, Parameter):
        source = Parameter(source, requires_grad=target.requires_grad)
    elif isinstance(target, Parameter):
        source.requires_grad_(target.requires_grad)
    setattr(module, name, source)
