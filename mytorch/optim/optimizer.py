"""`Optimizer`: parameter groups, state and hooks, as every optimizer has them. The formulas lie beside it."""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.node import Handle
from mytorch.tensor import Tensor

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Closure: TypeAlias = Callable[[], Any]


class _Required:
    """Stands as the default of an option that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


class Optimizer:
    """Base of all optimizers. A subclass gives the options' defaults to `__init__` and defines `step`.

    Args:
        params: tensors, or `(name, tensor)` pairs, or dicts `{"params": tensors, "lr": 0.1, ...}`: a group each, with
            the options in which it differs from the defaults.
        defaults: the options of groups that do not give them.

    Raises:
        TypeError: `params` is a single tensor, or holds something else than tensors, pairs or dicts.
        ValueError: no parameters, a parameter that was computed from others, or one that is in two groups.

    >>> import mytorch
    >>> class Halve(Optimizer):
    ...     def step(self, closure=None):
    ...         with mytorch.no_grad():
    ...             for group in self.param_groups:
    ...                 for p in group["params"]:
    ...                     p.mul_(group["factor"])
    >>> w = mytorch.tensor([4.0], requires_grad=True)
    >>> optimizer = Halve([w], {"factor": 0.5})
    >>> optimizer.step()
    >>> w.detach()
    tensor([2.])
    >>> optimizer
    Halve (
    Parameter Group 0
        factor: 0.5
    )
    """

    _opt_called = False  # a step was taken; learning rate schedulers look at it
    _scheduled = False  # a scheduler is attached

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._step_pre_hooks: dict[int, Callable[..., Any]] = {}
        self._step_post_hooks: dict[int, Callable[..., Any]] = {}
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + _type_name(params)
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _with_hooks(vars(cls)["step"])  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.setdefault("_step_pre_hooks", {})
        self.__dict__.setdefault("_step_post_hooks", {})

    def __repr__(self) -> str:
        lines = []
        for number, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {number}\n")
            lines.extend(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return f"{type(self).__name__} ({''.join(lines)})"

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to `param_groups`: its `"params"`, and options that differ from the defaults.

        Raises:
            TypeError, ValueError: as for the constructor.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        given = [given] if isinstance(given, Tensor) else list(given)
        names = [item[0] for item in given if isinstance(item, tuple)]
        params = [item[1] if isinstance(item, tuple) else item for item in given]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        param_group["params"] = params
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_type_name(param)}")
            if not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for option, default in self.defaults.items():
            if default is required and option not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {option}")
            param_group.setdefault(option, default)
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                kind = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} to the optimizer"
                )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.node, p._grad.requires_grad = None, False
                    p._grad.zero_()

    def step(self, closure: Closure | None = None) -> Any:
        """Change the parameters once; `closure`, if given, computes the gradients anew and returns the loss."""
        raise NotImplementedError

    # --- state ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything but the parameters, as PyTorch lays it out: numbers stand for the parameters.

        The tensors are the optimizer's own: copy them if they shall not change with the next step.

        >>> import mytorch
        >>> w = mytorch.ones(2, requires_grad=True)
        >>> mytorch.optim.SGD([w], lr=0.1).state_dict()["param_groups"][0]["params"]
        [0]
        """
        numbers: dict[int, int] = {}
        groups = []
        start = 0
        for group in self.param_groups:
            for number, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), number)
            start += len(group["params"])
            packed = {key: value for key, value in group.items() if key != "params"}
            groups.append(packed | {"params": [numbers[id(p)] for p in group["params"]]})
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: entry for key, entry in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a copy of what `state_dict` returned, here or in PyTorch.

        Tensors may be of another library (anything that NumPy can read); they take the type of their parameter.

        Raises:
            ValueError: the groups are not as many, or not as large, as this optimizer's.
        """
        loaded = [{k: _own(v) for k, v in group.items()} for group in state_dict["param_groups"]]
        if len(loaded) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(loaded, self.param_groups, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        params = dict(
            zip(
                chain.from_iterable(group["params"] for group in loaded),
                chain.from_iterable(group["params"] for group in self.param_groups),
                strict=True,
            )
        )
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, entry in state_dict["state"].items():
            if key in params:
                state[params[key]] = _own(entry, params[key])
            else:
                state[key] = entry
        for old, new in zip(self.param_groups, loaded, strict=True):
            new["params"] = old["params"]
            if "param_names" in old:
                new.setdefault("param_names", old["param_names"])
            for option, default in self.defaults.items():
                new.setdefault(option, default)
        self.__setstate__({"state": state, "param_groups": loaded})

    # --- hooks ----------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new `(args, kwargs)` for the step."""
        return Handle.add(self._step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return Handle.add(self._step_post_hooks, hook)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `step`, with the hooks run around it and a note that it was called."""

    @functools.wraps(step)
    def wrapper(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if type(self).step is not wrapper:  # called by a subclass's step, around which the hooks run
            return step(self, *args, **kwargs)
        self._opt_called = True
        for hook in list(self._step_pre_hooks.values()):
            replaced = hook(self, args, kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
        result = step(self, *args, **kwargs)
        for hook in list(self._step_post_hooks.values()):
            hook(self, args, kwargs)
        return result

    wrapper.notes_its_call = True  # type: ignore[attr-defined]
    return wrapper


def _own(value: Any, param: Tensor | None = None, key: str | None = None) -> Any:
    """A copy of something in a state; a tensor becomes ours, and of the parameter's type unless it counts steps."""
    if isinstance(value, Tensor) or hasattr(value, "__array__"):
        array = np.asarray(value.array if isinstance(value, Tensor) else value).copy()
        if param is not None and key != "step" and param.array.dtype.kind in "fc":
            array = array.astype(param.array.dtype)
        return wrap(array)
    if isinstance(value, dict):
        return {k: _own(v, param, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_own(v, param) for v in value)
    return deepcopy(value)


def _type_name(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(value.type())
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
