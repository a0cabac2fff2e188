"""What a module calls beside its `forward`: the hooks that users register, on one module or on all.

A backward hook has to see the gradients that leave a module (of its inputs) together with those that came in (of its
outputs). So the tensors are led through a gate on either side of `forward`: an identity in the graph that tells of all
gradients that pass it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.node import Handle, Node, Pick, new_object, next_number

Hooks = dict[int, tuple[Callable[..., Any], dict[str, Any]]]


class ModuleHooks:
    """Hooks by handle number, with how they want to be called, in the order of the calls."""

    def __init__(self) -> None:
        self.forward_pre: Hooks = {}
        self.forward: Hooks = {}
        self.backward_pre: dict[int, Callable[..., Any]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}
        self.partial_backward: dict[int, Callable[..., Any]] = {}  # of the kind that sees one operation only


NONE = ModuleHooks()  # of a module that has none

# The hooks of all modules, by handle number: kind, function, how it wants to be called. One dictionary for all kinds,
# so that a call of a module need only see whether it is empty.
EVERYWHERE: dict[int, tuple[str, Callable[..., Any], dict[str, Any]]] = {}


def _of_all(kind: str) -> Hooks:
    return {key: (hook, options) for key, (its_kind, hook, options) in EVERYWHERE.items() if its_kind == kind}


def call_with_hooks(module: Any, hooks: ModuleHooks | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`module.forward`, and before and after it what was registered for all modules and for this one."""
    hooks = NONE if hooks is None else hooks
    called: set[int] = set()
    result = None
    try:
        for hook, options in [*_of_all("forward_pre").values(), *hooks.forward_pre.values()]:
            args, kwargs = _before(module, hook, options, args, kwargs)
        backward = [*(hook for hook, _ in _of_all("backward").values()), *hooks.backward.values()]
        backward_pre = [*(hook for hook, _ in _of_all("backward_pre").values()), *hooks.backward_pre.values()]
        watch = _BackwardWatch(module, backward, backward_pre) if backward or backward_pre else None
        if watch:
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for key, (hook, options) in [*_of_all("forward").items(), *hooks.forward.items()]:
            called.add(key)
            result = _after(module, hook, options, args, kwargs, result)
        if hooks.partial_backward:
            _watch_last_operation(module, hooks, result)
        return watch.outputs(result) if watch else result
    except Exception:
        for key, (hook, options) in [*_of_all("forward").items(), *hooks.forward.items()]:
            if options["always_call"] and key not in called:
                try:
                    _after(module, hook, options, args, kwargs, result)
                except Exception as error:
                    warnings.warn(
                        "forward hook with ``always_call=True`` raised an exception that was silenced as another error "
                        f"was raised in forward: {error}",
                        stacklevel=2,
                    )
        raise


def _before(module: Any, hook: Callable[..., Any], options: dict[str, Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
    if options["with_kwargs"]:
        changed = hook(module, args, kwargs)
        if changed is None:
            return args, kwargs
        if not (isinstance(changed, tuple) and len(changed) == 2):
            raise RuntimeError(
                f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
            )
        return changed
    changed = hook(module, args)
    if changed is None:
        return args, kwargs
    return changed if isinstance(changed, tuple) else (changed,), kwargs


def _after(module: Any, hook: Callable[..., Any], options: dict[str, Any], args: Any, kwargs: Any, result: Any) -> Any:
    changed = hook(module, args, kwargs, result) if options["with_kwargs"] else hook(module, args, result)
    return result if changed is None else changed


def _watch_last_operation(module: Any, hooks: ModuleHooks, result: Any) -> None:
    """Hooks of the older kind: they see the gradients of the operation that made the (first) result."""
    while not isinstance(result, DifferentiableArray):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    if result.node is not None:
        node = result.node.edges[0] if isinstance(result.node, Pick) else result.node
        for hook in list(hooks.partial_backward.values()):
            node.register_hook(lambda gin, gout, hook=hook: hook(module, gin, gout))


class _Gate(Node):
    """An identity that hands all gradients that pass it to `see`, which may replace them."""

    __slots__ = ("see",)
    see: Callable[[tuple[Any, ...]], tuple[Any, ...]]

    def backward(self, xp: Any, gradient: Any, create_graph: bool) -> Any:
        seen = self.see(tuple([g if g is None or isinstance(g, DifferentiableArray) else wrap(g) for g in gradient]))
        return [g if g is None or create_graph else g.array for g in seen]


def _through_gate(tensors: list[Any], see: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> list[Any]:
    """The same tensors behind a gate."""
    gate = new_object(_Gate)
    gate.number, gate.outputs, gate.see = next_number(), len(tensors), see
    gate.edges = tuple([(x if x.node is None else x.node) if x.requires_grad else None for x in tensors])
    gate.arrays, gate.tensors, gate.out = (), (), None
    behind = []
    for index, x in enumerate(tensors):
        out = wrap(x.array)
        if x.requires_grad:
            pick = new_object(Pick)
            pick.number, pick.index, pick.edges = next_number(), index, (gate,)
            pick.arrays, pick.tensors, pick.out = (), (), None
            out.node, out.needs_grad = pick, True
            out.version = x.counter()
        behind.append(out)
    return behind


class _BackwardWatch:
    """One call of a module that has backward hooks."""

    def __init__(self, module: Any, hooks: list[Callable[..., Any]], pre_hooks: list[Callable[..., Any]]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.slots = 0  # arguments of the call; the hook gets None for those that are no tensors with a gradient
        self.watched: list[int] = []

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.slots = len(args)
        if not mode.enabled:
            return args
        self.watched = [i for i, x in enumerate(args) if isinstance(x, DifferentiableArray) and x.requires_grad]
        if not self.watched:
            return args
        replaced = dict(zip(self.watched, _through_gate([args[i] for i in self.watched], self._left), strict=True))
        return tuple([replaced.get(i, x) for i, x in enumerate(args)])

    def outputs(self, result: Any) -> Any:
        single = isinstance(result, DifferentiableArray)
        if not single and not isinstance(result, (tuple, list)):
            return result
        items = [result] if single else list(result)
        at = [i for i, x in enumerate(items) if isinstance(x, DifferentiableArray) and x.requires_grad]
        if not at or not mode.enabled:
            return result
        slots = len(items)

        def entered(gradients: tuple[Any, ...]) -> tuple[Any, ...]:
            full: list[Any] = [None] * slots
            for i, g in zip(at, gradients, strict=True):
                full[i] = g
            changed = self._entered(tuple(full))
            return tuple([changed[i] for i in at])

        for i, x in zip(at, _through_gate([items[i] for i in at], entered), strict=True):
            items[i] = x
        return items[0] if single else type(result)(items)

    def _entered(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.pre_hooks:
            gradients = _checked(hook(self.module, gradients), gradients)
        self.grad_outputs = gradients
        if not self.watched and self.hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                "inputs require gradients.",
                stacklevel=2,
            )
            for hook in self.hooks:
                if hook(self.module, (None,) * self.slots, gradients) is not None:
                    raise RuntimeError("Backward hook for a module without inputs that require grad must return None")
        return gradients

    def _left(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_outputs is None:  # they reached the inputs past the outputs, as second derivatives do
            return gradients
        full: list[Any] = [None] * self.slots
        for i, g in zip(self.watched, gradients, strict=True):
            full[i] = g
        seen = tuple(full)
        for hook in self.hooks:
            seen = _checked(hook(self.module, seen, self.grad_outputs), seen)
        self.grad_outputs = None
        return tuple([seen[i] for i in self.watched])


def _checked(changed: Any, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a hook returned in place of the gradients, as a tuple of the same length."""
    if changed is None:
        return gradients
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(gradients):
        raise RuntimeError(
            f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but expected {len(gradients)}"
        )
    return changed


# --- hooks of all modules -------------------------------------------------------------------------------------------

# By handle number: `hook(module, name, value)` for every parameter, buffer and module that is registered; what it
# returns is registered in its place.
ON_REGISTRATION: dict[str, dict[int, Callable[..., Any]]] = {"parameter": {}, "buffer": {}, "module": {}}


def registered(kind: str, module: Any, name: str, value: Any) -> Any:
    """What the hooks on registration make of a value."""
    for hook in list(ON_REGISTRATION[kind].values()):
        changed = hook(module, name, value)
        if changed is not None:
            value = changed
    return value


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> Handle:
    """Call `hook(module, args)` before the `forward` of every module; what it returns replaces the arguments."""
    return Handle.add(EVERYWHERE, ("forward_pre", hook, {"with_kwargs": False}))


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> Handle:
    """Call `hook(module, args, output)` after the `forward` of every module; what it returns replaces the output.

    Args:
        with_kwargs: call `hook(module, args, kwargs, output)`.
        always_call: also if `forward` raises; the output is then None.

    >>> import mytorch
    >>> from mytorch import nn
    >>> names = []
    >>> with register_module_forward_hook(lambda module, args, out: names.append(type(module).__name__)):
    ...     _ = nn.Sequential(nn.ReLU(), nn.Tanh())(mytorch.zeros(1))
    >>> names
    ['ReLU', 'Tanh', 'Sequential']
    """
    return Handle.add(EVERYWHERE, ("forward", hook, {"with_kwargs": with_kwargs, "always_call": always_call}))


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> Handle:
    """Call `hook(module, grad_output)` for every module when its outputs' gradients have arrived."""
    return Handle.add(EVERYWHERE, ("backward_pre", hook, {}))


def register_module_full_backward_hook(hook: Callable[..., Any]) -> Handle:
    """Call `hook(module, grad_input, grad_output)` for every module when its inputs' gradients are known."""
    return Handle.add(EVERYWHERE, ("backward", hook, {}))


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> Handle:
    """Call `hook(module, name, parameter)` whenever a parameter is registered; what it returns takes its place."""
    return Handle.add(ON_REGISTRATION["parameter"], hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> Handle:
    """Call `hook(module, name, buffer)` whenever a buffer is registered; what it returns takes its place."""
    return Handle.add(ON_REGISTRATION["buffer"], hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> Handle:
    """Call `hook(module, name, submodule)` whenever a module is registered; what it returns takes its place."""
    return Handle.add(ON_REGISTRATION["module"], hook)
