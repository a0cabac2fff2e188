"""Checkpoints: keep a function's arguments instead of its intermediate results, and compute those again when needed.

Two forms, as in PyTorch. The one to use (`use_reentrant=False`) records the function's operations as usual and then
drops what they kept; the first derivative that is asked for runs the function again, under the same random numbers,
and hands to each operation what its twin keeps. So every kind of backward pass works. The old form is a `Function`
that runs unrecorded and makes a backward pass of its own within the backward pass.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from mytorch.autograd import engine
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.function import Function
from mytorch.autograd.grad_mode import enable_grad, mode
from mytorch.autograd.node import Node
from mytorch.backend.generator import default_generator

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]

_NOT_EXPLICIT = (
    "{name}: the use_reentrant parameter should be passed explicitly. use_reentrant=False is recommended, but if you "
    "need to preserve the current default behavior, you can pass use_reentrant=True."
)


class CheckpointError(RuntimeError):
    """The function did not do the same when it was run again."""


def _no_contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def _random_numbers_of(state: Any) -> Iterator[None]:
    """Go back to an earlier state of the random numbers for a while; None changes nothing."""
    if state is None:
        yield
        return
    now = default_generator.get_state()
    default_generator.set_state(state)
    try:
        yield
    finally:
        default_generator.set_state(now)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]] = _no_contexts,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, with less memory between forward and backward and the forward computed twice.

    Args:
        function: must do the same when it is called a second time.
        use_reentrant: False is the form to use. True is the older one: it records nothing within the function, needs an
            argument that requires grad, takes no keyword arguments, and works with `backward()` only, not with `grad()`
            or `inputs=`. None warns and means True, as in PyTorch.
        preserve_rng_state: run the function again with the random numbers of the first time, so that e.g. dropout drops
            the same elements.
        context_fn: returns two context managers: the function runs in one, and again in the other.
        determinism_check: "default" compares the shapes and types of what is computed again with those of the first
            time, "none" does not.
        debug: accepted; the errors name the operation in any case.
        early_stop: accepted; the function always runs to its end.

    Raises:
        CheckpointError: in the backward pass, if the function did something else the second time.
        RuntimeError: an argument was changed in place in between; or the older form was used with `grad()`.
        ValueError: an argument that the older form does not take.

    >>> import mytorch
    >>> x = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: x.exp().sin(), x, use_reentrant=False).sum().backward()
    >>> bool((x.grad == mytorch.autograd.grad(x.exp().sin().sum(), x)[0]).all())
    True
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of 'default' and 'none', got {determinism_check!r}")
    if use_reentrant is None:
        warnings.warn(_NOT_EXPLICIT.format(name="torch.utils.checkpoint"), stacklevel=2)
        use_reentrant = True
    if not use_reentrant:
        recording = _Recording(function, args, kwargs, preserve_rng_state, context_fn, determinism_check == "default")
        return recording.run()
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not _no_contexts or debug:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return _Reentrant.apply(function, preserve_rng_state, *args)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    *,
    preserve_rng_state: bool = True,
) -> Any:
    """Run functions (or the modules of a Sequential) one after the other, in segments that are checkpointed.

    Args:
        functions: each takes the result of the one before.
        segments: how many; the last one is not checkpointed, since its backward pass comes first.
        input: what the first one takes.
        use_reentrant, preserve_rng_state: as for `checkpoint`.

    >>> import mytorch
    >>> x = mytorch.tensor(0.5, requires_grad=True)
    >>> checkpoint_sequential([mytorch.exp, mytorch.sin, mytorch.cos], 2, x, use_reentrant=False)
    tensor(0.5429, grad_fn=<CosBackward0>)
    """
    if use_reentrant is None:
        warnings.warn(_NOT_EXPLICIT.format(name="torch.utils.checkpoint.checkpoint_sequential"), stacklevel=2)
        use_reentrant = True
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size):
        run = _chain(steps[start : start + size])
        input = checkpoint(run, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return _chain(steps[size * (segments - 1) :])(input)


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


def _tensors(values: Any) -> list[Any]:
    """The tensors among values, also within lists, tuples and dictionaries."""
    if isinstance(values, DifferentiableArray):
        return [values]
    if isinstance(values, dict):
        values = values.values()
    elif not isinstance(values, (list, tuple)):
        return []
    return [tensor for value in values for tensor in _tensors(value)]


# --- the form that records ------------------------------------------------------------------------------------------


class _Recording:
    """A call whose operations have dropped what they kept, and what it takes to get that back.

    The nodes of the graph point here; from here they are seen through weak references, so there is no circle.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preserve_rng_state: bool,
        context_fn: Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]],
        check: bool,
    ) -> None:
        self.function, self.args, self.kwargs, self.check = function, args, kwargs, check
        self.state = default_generator.get_state() if preserve_rng_state else None
        self.first, self.again = context_fn()
        self.versions = [tensor._version for tensor in self._arguments()]
        self.operations: list[tuple[str, Any]] = []  # name and kept shapes, to compare
        self.nodes: list[weakref.ref[Node]] = []

    def run(self) -> Any:
        """The function's value; what its operations kept is dropped."""
        nodes: list[Node] = []
        with _observed_by(nodes), self.first:
            result = self.function(*self.args, **self.kwargs)
        for node in nodes:
            self.operations.append((node.name(), _kept(node)))
            self.nodes.append(weakref.ref(node))
            if node.recompute is not None or node.keeps_anything():
                node.release()
                node.arrays, node.recompute = None, self.restore
        return result

    def restore(self, _: Node) -> None:
        """Run the function again, and give every operation what its twin keeps."""
        for tensor, version in zip(self._arguments(), self.versions, strict=True):
            if tensor._version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"an argument of a checkpointed function, {list(tensor.array.shape)}, is at version "
                    f"{tensor._version}; expected version {version} instead. Hint: clone() the tensor before changing "
                    "it in place."
                )
        twins: list[Node] = []
        with _random_numbers_of(self.state), enable_grad(), _observed_by(twins), self.again:
            self.function(*self.args, **self.kwargs)
        self._compare(twins)
        for reference, twin in zip(self.nodes, twins, strict=True):
            node = reference()
            if node is not None and node.recompute == self.restore:
                _hand_over(node, twin)

    def _compare(self, twins: Sequence[Node]) -> None:
        if len(twins) != len(self.nodes):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of operations was recorded during the original forward and "
                f"recomputation.\nNumber of operations during forward: {len(self.nodes)}\n"
                f"Number of operations during recomputation: {len(twins)}."
            )
        for position, ((name, kept), twin) in enumerate(zip(self.operations, twins, strict=True)):
            if twin.name() != name or (self.check and _kept(twin) != kept):
                raise CheckpointError(
                    "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                    f"during the forward pass.\noperation {position}: saved {name} {kept}, recomputed {twin.name()} "
                    f"{_kept(twin)}."
                )

    def _arguments(self) -> list[Any]:
        return _tensors([self.args, self.kwargs])


@contextlib.contextmanager
def _observed_by(nodes: list[Node]) -> Iterator[None]:
    """Collect the nodes that are recorded. Hooks on saved tensors rest: what is dropped need not be packed."""
    outer, hooks = mode.observe, mode.saved_hooks

    def observe(node: Node) -> None:
        nodes.append(node)
        if outer is not None:
            outer(node)

    mode.observe, mode.saved_hooks = observe, None
    try:
        yield
    finally:
        mode.observe, mode.saved_hooks = outer, hooks


def _kept(node: Any) -> list[tuple[tuple[int, ...], str]]:
    """The shapes and types of the arrays that a node keeps."""
    return [(a.shape, str(a.dtype)) for a in (*(node.arrays or ()), node.out) if hasattr(a, "dtype")]


def _hand_over(node: Any, twin: Any) -> None:
    """Give a node what its twin keeps, or, if the twin is in a checkpoint within this one, the way to get it."""
    node.reload(twin)
    node.recompute = None if twin.recompute is None else functools.partial(_restore_by, twin)


def _restore_by(twin: Any, node: Any) -> None:
    if twin.recompute is not None:  # unless the restoring of another operation has done it
        twin.recompute(twin)
    _hand_over(node, twin)


# --- the older form -------------------------------------------------------------------------------------------------


class _Reentrant(Function):
    """Runs unrecorded, and once more with recording when its gradient is wanted."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        if not any(isinstance(a, DifferentiableArray) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        ctx.function = function
        ctx.state = default_generator.get_state() if preserve_rng_state else None
        ctx.others = [None if isinstance(a, DifferentiableArray) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, DifferentiableArray)]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        if mode.partial:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        args: list[Any] = list(ctx.others)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[place] = tensor.detach().requires_grad_(tensor.requires_grad)
        with _random_numbers_of(ctx.state), enable_grad():
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        wanted = [i for i, o in enumerate(outputs) if isinstance(o, DifferentiableArray) and o.requires_grad]
        if not wanted:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        engine.backward([outputs[i] for i in wanted], [gradients[i] for i in wanted])
        return (None, None, *(args[i].grad if i in ctx.places else None for i in range(len(args))))
