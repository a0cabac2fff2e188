"""A module's weights as a flat dictionary of names and tensors, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from mytorch.autograd.grad_mode import no_grad
from mytorch.nn.parameter import Parameter
from mytorch.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the names that were missing in the dictionary, and those it had too many."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"


def collect(module: Any, destination: Any, prefix: str, keep_vars: bool) -> Any:
    """Add a module's parameters and persistent buffers, and those of its children, to `destination`."""
    destination = OrderedDict() if destination is None else destination
    for name, tensor in own_state(module):
        destination[prefix + name] = tensor if keep_vars else tensor.detach()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    return destination


def own_state(module: Any) -> list[tuple[str, Tensor]]:
    """The parameters and persistent buffers of a module without its children."""
    buffers = {name: b for name, b in module._buffers.items() if module._buffer_names[name]}
    return [(name, t) for name, t in [*module._parameters.items(), *buffers.items()] if t is not None]


def load(module: Any, state: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Fill a module's parameters and buffers from `state`; see `Module.load_state_dict`."""
    if not isinstance(state, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state)}.")
    missing: list[str] = []
    expected: set[str] = set()
    wrong: list[str] = []
    changes: list[tuple[Any, str, Tensor, Tensor]] = []
    for prefix, part in module.named_modules(remove_duplicate=False):
        for name, target in own_state(part):
            key = f"{prefix}.{name}" if prefix else name
            expected.add(key)
            if key not in state:
                missing.append(key)
            elif problem := _misfit(key, target, state[key]):
                wrong.append(problem)
            else:
                changes.append((part, name, target, state[key]))
    unexpected = [key for key in state if key not in expected]
    problems = []
    if strict and missing:
        problems.append("Missing key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in missing)))
    if strict and unexpected:
        problems.append("Unexpected key(s) in state_dict: {}. ".format(", ".join(f'"{k}"' for k in unexpected)))
    problems += wrong
    if problems:
        raise RuntimeError(
            "Error(s) in loading state_dict for {}:\n\t{}".format(type(module).__name__, "\n\t".join(problems))
        )
    for part, name, target, source in changes:
        if assign:
            _assign(part, name, target, source)
        else:
            with no_grad():
                target.copy_(source)
    return IncompatibleKeys(missing, unexpected)


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
