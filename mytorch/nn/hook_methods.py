"""The methods with which users register hooks on a module; `Module` inherits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mytorch.autograd.node import Handle
from mytorch.nn.hooks import Hooks, ModuleHooks
from mytorch.nn.state import StateHooks


class HookMethods:
    """A module's hooks: around `forward` and backward passes, and around saving and loading of its state."""

    _hooks: ModuleHooks | None
    _state_hooks: StateHooks | None = None

    def _hook_register(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks

    def _state_hook_register(self) -> StateHooks:
        if self._state_hooks is None:
            self._state_hooks = StateHooks()
        return self._state_hooks

    @property
    def _forward_pre_hooks(self) -> Hooks:
        """What is called before `forward`, by handle number, as a live dictionary."""
        return self._hook_register().forward_pre

    @property
    def _forward_hooks(self) -> Hooks:
        return self._hook_register().forward

    @property
    def _backward_hooks(self) -> dict[int, Callable[..., Any]]:
        return self._hook_register().backward

    # --- around forward and backward ------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args)` before every `forward`; what it returns replaces the arguments.

        Args:
            prepend: before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs)`, which may return a pair of both.
        """
        return Handle.add(self._hook_register().forward_pre, (hook, {"with_kwargs": with_kwargs}), first=prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> Handle:
        """Call `hook(module, args, output)` after every `forward`; what it returns replaces the output.

        Args:
            prepend: before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs, output)`.
            always_call: also if `forward` raises; the output is then None.

        >>> import mytorch
        >>> from mytorch import nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, out: print(out))
        >>> _ = layer(mytorch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
        >>> handle.remove()
        """
        options = {"with_kwargs": with_kwargs, "always_call": always_call}
        return Handle.add(self._hook_register().forward, (hook, options), first=prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` when the outputs' gradients have arrived; what it returns replaces them."""
        return Handle.add(self._hook_register().backward_pre, hook, first=prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when the inputs' gradients are known; it may replace these.

        Both are tuples with a place for every positional argument and every output, None where there is no gradient.

        Raises:
            RuntimeError: the module has hooks of the other kind (`register_backward_hook`).
        """
        _refuse_both_kinds(self._hook_register().partial_backward)
        return Handle.add(self._hook_register().backward, hook, first=prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, grad_input, grad_output)` with the gradients of the module's last operation alone.

        For a module of several operations, `grad_input` is not of the module's inputs: `register_full_backward_hook` is
        the one to use.
        """
        _refuse_both_kinds(self._hook_register().backward)
        return Handle.add(self._hook_register().partial_backward, hook)

    # --- around saving and loading --------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, prefix, keep_vars)` before the module's state is put into a `state_dict()`."""
        return Handle.add(self._state_hook_register().before_save, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata)` afterwards; it may change the dictionary in place.

        >>> from mytorch import nn
        >>> layer = nn.Linear(1, 1)
        >>> _ = layer.register_state_dict_post_hook(lambda module, state, prefix, metadata: state.pop(prefix + "bias"))
        >>> layer.state_dict()
        Traceback (most recent call last):
        RuntimeError: state_dict post-hook must return None
        """
        return Handle.add(self._state_hook_register().after_save, (hook, True))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> Handle:
        """Like the public one, but a dictionary that it returns takes the other's place."""
        return Handle.add(self._state_hook_register().after_save, (hook, False))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`.

        It comes before the module takes its part from the dictionary, of which it is handed a copy.
        """
        return Handle.add(self._state_hook_register().before_load, (hook, True))

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., Any], with_module: bool = False) -> Handle:
        """Like the public one, but the hook is not given the module unless asked for."""
        return Handle.add(self._state_hook_register().before_load, (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, incompatible_keys)` when the module and those below it have been loaded.

        It may change the lists of keys in place, to let a name that is missing pass or to complain of one.
        """
        return Handle.add(self._state_hook_register().after_load, hook)


def _refuse_both_kinds(others: dict[int, Any]) -> None:
    if others:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of "
            "them."
        )
