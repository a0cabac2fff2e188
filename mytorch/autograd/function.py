"""`Function`: operations whose forward and derivative the user writes, and the context in which the two meet.

The forward runs unrecorded; its results are then tied to one node, which calls the user's `backward` when the walk
comes to it. What the context saves is checked for changes when it is read, as the engine checks what it keeps itself.
A saved result is held without its place in the graph, which is given back on reading: so no circle of references
keeps the graph alive.
"""

from __future__ import annotations

import copy
import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, NoReturn

import numpy as np

from mytorch.autograd.application import apply as apply_primitive
from mytorch.autograd.application import convert, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode, no_grad
from mytorch.autograd.node import Node, Pick, new_object, next_number
from mytorch.autograd.primitive import TABLE
from mytorch.autograd.walk import overwritten

__all__ = ["Function", "FunctionCtx", "once_differentiable"]

_FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
    "tensors after calling backward."
)


class _Saved(NamedTuple):
    """A saved tensor, its version then, and for a result the number of the output that it was.

    `unpack` gives the tensor, where `saved_tensors_hooks` have taken it.
    """

    tensor: Any
    version: int
    output: int | None
    unpack: Callable[[], Any] | None = None


class FunctionCtx:
    """What `forward` leaves for `backward`: saved tensors, marks on the results, and any attribute the user sets.

    - `needs_input_grad`: for each argument of `forward`, whether its gradient is wanted.
    - `saved_tensors`: what `save_for_backward` was given.
    """

    needs_input_grad: tuple[bool, ...]
    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _non_differentiable: tuple[Any, ...] = ()
    _materialize: bool = True
    _saved: tuple[_Saved | None, ...] | None = ()  # None once it has been freed
    _node: Callable[[], FunctionNode | None]  # a weak reference

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for `backward`, which reads them from `saved_tensors`. To be called once.

        They may be arguments, results or anything computed in between; a later in-place change is detected.
        """
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted without effect: it is for derivatives in forward mode, which are not offered."""

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which arguments `forward` has changed in place; it must return them."""
        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, DifferentiableArray):
                kind = type(tensor).__name__
                raise RuntimeError(f"mark_dirty can only accept variables, but argument {position} is of type {kind}")
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which results have no gradient. `backward` still gets a place for each of them."""
        for position, tensor in enumerate(tensors):
            if not isinstance(tensor, DifferentiableArray):
                raise RuntimeError(
                    "mark_non_differentiable only accepts variable arguments, but got argument "
                    f"{position} of type {type(tensor).__name__}"
                )
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for a result that no gradient reached."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors, each checked for changes since it was saved.

        Raises:
            RuntimeError: one was changed in place, or they were freed by an earlier backward pass.
        """
        if self._saved is None:
            raise RuntimeError(_FREED)
        return tuple([None if s is None else self._restore(i, s) for i, s in enumerate(self._saved)])

    def _restore(self, position: int, saved: _Saved) -> Any:
        tensor, node = saved.tensor, self._node()
        if saved.unpack is not None:
            tensor = saved.unpack()
        if node is None:  # nothing can be differentiated any more
            return tensor
        found = 0 if tensor.version is None else tensor.version[0]
        if saved.unpack is None and found != saved.version:
            raise overwritten(node, tensor.array, saved.version, found, f"saved tensor {position} of")
        if saved.output is None:
            return tensor
        result = wrap(tensor.array)
        result.version = tensor.version
        result.node, result.needs_grad = node.output(saved.output), True
        return result


class FunctionNode(Node):
    """A call of a user's function. Attributes that the node lacks are looked up in the context."""

    __slots__ = ("accepts", "ctx", "picks", "returned")

    function: ClassVar[Any] = None
    ctx: FunctionCtx
    accepts: tuple[Any, ...]  # for each argument of forward, (shape, type) of a tensor, or None
    returned: tuple[Any, ...]  # for each result, (shape, type) of a tensor, or None
    picks: list[Any]  # for each of several results, a weak reference to the node that hands its gradient on

    def __getattr__(self, name: str) -> Any:
        if name == "ctx":
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def output(self, index: int) -> Node:
        """Where the gradient of a result goes."""
        if self.outputs == 1:
            return self
        pick: Pick | None = self.picks[index] and self.picks[index]()
        if pick is None:
            pick = new_object(Pick)
            pick.number, pick.index, pick.edges = next_number(), index, (self,)
            pick.arrays, pick.tensors, pick.out = (), (), None
            self.picks[index] = weakref.ref(pick)
        return pick

    def backward(self, xp: Any, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """Call the user's `backward` and check what it returns."""
        gradients = gradient if self.outputs > 1 else (gradient,)
        returned = self.function._derivative()(self.ctx, *map(self._as_given, gradients, self.returned))
        if not isinstance(returned, tuple):
            returned = (returned,)
        count = len(self.accepts)
        if len(returned) != count and (len(returned) < count or any(g is not None for g in returned[count:])):
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {count}, got {len(returned)})"
            )
        checked: list[Any] = []
        for position, accepted in enumerate(self.accepts):
            g = returned[position]
            if accepted is not None:
                checked.append(self._checked(len(checked), g, accepted, create_graph))
            elif g is not None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position {position + 1}, "
                    "but the corresponding forward input was not a Variable"
                )
        return checked

    def _as_given(self, g: Any, result: Any) -> Any:
        """A gradient as the user's `backward` sees it."""
        if g is None:
            if result is None or not self.ctx._materialize:
                return None
            return wrap(np.zeros(*result))
        return g if isinstance(g, DifferentiableArray) else wrap(g)

    def _checked(self, index: int, g: Any, accepted: Any, create_graph: bool) -> Any:
        """The gradient for an edge as the engine wants it: of the argument's shape and type."""
        if g is None or self.edges[index] is None:
            return None
        if not isinstance(g, DifferentiableArray):
            raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
        shape, dtype = accepted
        if g.array.shape != shape:
            if not _expands_to(shape, g.array.shape):
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {index} - got {list(g.array.shape)} "
                    f"but expected shape compatible with {list(shape)}"
                )
            g = apply_primitive(TABLE["sum_to"], g, shape=shape)
        if g.array.dtype != dtype:
            g = convert(g, dtype)
        return g if create_graph else g.array

    def release(self) -> None:
        """Forget the saved tensors. A function that saved none can be walked again."""
        if self.ctx._saved:
            self.ctx._saved = None

    def keeps_anything(self) -> bool:
        """Whether `release` would free something."""
        return bool(self.ctx._saved)

    def reload(self, twin: Any) -> None:
        """Take over the context of the same call, made again."""
        self.ctx, self.arrays = copy.copy(twin.ctx), twin.arrays  # a copy, since each is freed in its own time
        self.ctx._node = weakref.ref(self)


def _expands_to(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether broadcasting the first shape can give the second."""
    try:
        return np.broadcast_shapes(small, large) == large
    except ValueError:
        return False


class Function:
    """The base of operations with a derivative of their own. They are used through `apply`, never instantiated.

    A subclass has static methods: either `forward(ctx, *args)`, or `forward(*args)` and
    `setup_context(ctx, inputs, output)`; and `backward(ctx, *grads)`, which gets a gradient for every result and
    returns one for every argument, None for what has none. A `backward` written in tensor operations can itself be
    differentiated; others are marked with `once_differentiable`.

    >>> import mytorch
    >>> class MyReLU(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * (x > 0)
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         x, = ctx.saved_tensors
    ...         return grad_output * (x > 0)
    >>> x = mytorch.tensor([-1.0, 2.0], requires_grad=True)
    >>> y = MyReLU.apply(x)
    >>> y.sum().backward()
    >>> x.grad, y.grad_fn.name()
    (tensor([0., 1.]), 'MyReLUBackward')
    """

    _node_type: ClassVar[type[FunctionNode]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._node_type = type(f"{cls.__name__}Backward", (FunctionNode,), {"__slots__": (), "function": cls})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: the old style, in which an instance was called."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. "
            "(Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the results: a tensor, or a tuple in which what is no tensor is passed on as it is."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Fill the context, where `forward` does not take one."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Turn the gradients of the results into those of the arguments. `vjp` is another name for it."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    generate_vmap_rule: ClassVar[bool] = False  # read by nothing here

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """A derivative in forward mode. A subclass may define it, but nothing here calls it."""
        raise NotImplementedError("forward mode automatic differentiation is not offered: define and use backward()")

    @classmethod
    def _derivative(cls) -> Callable[..., Any]:
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                "implement one of them."
            )
        return cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and record it. Arguments given by name come last in the order of the gradients.

        Raises:
            RuntimeError: `forward` changed a leaf that requires grad, or did not return what it changed.
        """
        recording = mode.recording
        if recording is not None and recording.listens:
            return recording.apply_function(cls, args, kwargs)
        separate = cls.setup_context is not Function.setup_context
        if separate:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        inputs = (*args, *kwargs.values())
        ctx = FunctionCtx()
        ctx.needs_input_grad = needs = tuple([isinstance(x, DifferentiableArray) and x.requires_grad for x in inputs])
        node = _node_for(cls, ctx, inputs) if mode.enabled and True in needs else None

        enabled, mode.enabled = mode.enabled, False
        try:
            if separate:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, inputs, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
            returned = output if isinstance(output, tuple) else (output,)
            if ctx._dirty:
                _check_dirty(ctx, inputs, returned)
            results = _fresh_aliases(ctx, inputs, returned)
        finally:
            mode.enabled = enabled

        if node is not None:
            if separate:
                _refuse_saving_returned_inputs(ctx, inputs, returned)
            _tie(node, returned, results)
            if mode.observe is not None:
                mode.observe(node)
        return tuple(results) if isinstance(output, tuple) else results[0]


def _node_for(cls: type[Function], ctx: FunctionCtx, inputs: Sequence[Any]) -> FunctionNode:
    """A node that knows where the arguments' gradients go; made before `forward` can change the arguments."""
    node = new_object(cls._node_type)
    node.ctx = ctx
    accepts: list[Any] = []
    edges: list[Any] = []
    for x in inputs:
        if isinstance(x, DifferentiableArray):
            accepts.append((x.array.shape, x.array.dtype))
            edges.append((x if x.node is None else x.node) if x.requires_grad else None)
        else:
            accepts.append(None)
    node.accepts, node.edges = tuple(accepts), tuple(edges)
    node.arrays, node.tensors, node.out = (), (), None
    return node


def _among(tensor: Any, others: Sequence[Any]) -> bool:
    for other in others:  # noqa: SIM110 - `in` would compare elements, and a generator costs more than the loop
        if tensor is other:
            return True
    return False


def _check_dirty(ctx: FunctionCtx, inputs: Sequence[Any], returned: Sequence[Any]) -> None:
    for tensor in ctx._dirty:
        tensor.changed()
        if not _among(tensor, returned):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        if not _among(tensor, inputs):
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated "
                "should be passed to ctx.mark_dirty().",
                stacklevel=3,
            )


def _fresh_aliases(ctx: FunctionCtx, inputs: Sequence[Any], returned: Sequence[Any]) -> list[Any]:
    """The results, with a view in place of each argument that is returned unchanged."""
    return [
        apply_primitive(TABLE["view"], value, shape=value.array.shape)
        if isinstance(value, DifferentiableArray) and _among(value, inputs) and not _among(value, ctx._dirty)
        else value
        for value in returned
    ]


def _refuse_saving_returned_inputs(ctx: FunctionCtx, inputs: Sequence[Any], returned: Sequence[Any]) -> None:
    for tensor in ctx._to_save:
        if _among(tensor, inputs) and _among(tensor, returned) and not _among(tensor, ctx._dirty):
            raise RuntimeError(
                "An input that has been returned as-is as output is being saved for backward. This is not supported "
                "if you override setup_context. You should return and save a view of the input instead, e.g. with "
                "x.view_as(x) or setup ctx inside the forward function itself."
            )


def _tie(node: FunctionNode, returned: Sequence[Any], results: Sequence[Any]) -> None:
    """Make the results descend from the node, and put what is to be saved into its context.

    `returned` is what `forward` returned and `results` what the user gets: they differ in arguments returned as is.
    """
    ctx = node.ctx
    node.number = next_number()
    node.outputs = len(results)
    node.picks = [None] * len(results)
    kinds: list[Any] = []
    tied: list[tuple[Any, int]] = []
    for index, (original, result) in enumerate(zip(returned, results, strict=True)):
        if not isinstance(result, DifferentiableArray):
            kinds.append(None)
            continue
        kinds.append((result.array.shape, result.array.dtype))
        if _among(original, ctx._non_differentiable) or result.array.dtype.kind not in "fc":
            result.node, result.needs_grad = None, False
            continue
        if _among(result, ctx._dirty):
            _check_writable(result)
        if _among(result, ctx._dirty) and (result.base is not None or result.views):
            _write_to_shared_memory(result, node.output(index))
        else:
            result.node, result.needs_grad = node.output(index), True
            if result.base is not None:
                result.base = _unwritable(result.base)
        tied.append((result, index))
    node.returned = tuple(kinds)
    ctx._node = weakref.ref(node)
    ctx._saved = tuple([_save(i, tensor, tied) for i, tensor in enumerate(ctx._to_save)])
    ctx._to_save = ctx._dirty = ctx._non_differentiable = ()


def _check_writable(x: Any) -> None:
    if x.node is None and x.requires_grad:
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")


def _unwritable(base: Any) -> Any:
    """A stand-in for the tensor that a result is a view of: a leaf, so that writing to the view is refused.

    Such a write would give the view a history that leaves out the function.
    """
    stand_in = wrap(base.array)
    stand_in.version, stand_in.needs_grad = base.counter(), True
    return stand_in


def _write_to_shared_memory(x: Any, node: Node) -> None:
    """Let a tensor that other tensors share memory with descend from a node, and let those others know."""
    result = wrap(x.array.copy())
    result.node, result.needs_grad = node, True
    x.copy_(result)


def _save(position: int, tensor: Any, tied: Sequence[tuple[Any, int]]) -> _Saved | None:
    """How a tensor is kept: a result without its place in the graph, anything else as it is."""
    if tensor is None:
        return None
    if not isinstance(tensor, DifferentiableArray):
        raise TypeError(
            f"save_for_backward can only save variables, but argument {position} is of type {type(tensor).__name__}"
        )
    for result, index in tied:
        if tensor is result:
            held = wrap(tensor.array)
            held.version = tensor.counter()
            return _Saved(held, held.version[0], index)
    return _Saved(tensor, 0 if tensor.version is None else tensor.version[0], None)


class DelayedError(Node):
    """Stands behind gradients that cannot be differentiated again, and says so when somebody tries."""

    __slots__ = ()

    def name(self) -> str:
        """The name that PyTorch prints."""
        return "Error"

    def backward(self, xp: Any, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """Refuse."""
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` that is not made of differentiable operations, e.g. because it computes in NumPy.

    It then runs unrecorded, and differentiating its results is an error instead of a wrong number.
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *gradients: Any) -> Any:
        with no_grad():
            outputs = fn(ctx, *gradients)
        sources = [g for g in gradients if isinstance(g, DifferentiableArray) and g.requires_grad]
        if not mode.enabled or not sources:
            return outputs
        node = new_object(DelayedError)
        node.number = next_number()
        node.edges = tuple(g if g.node is None else g.node for g in sources)
        node.arrays, node.tensors, node.out = (), (), None
        guarded = []
        for output in outputs if isinstance(outputs, tuple) else (outputs,):
            alias = output
            if isinstance(output, DifferentiableArray):
                alias = wrap(output.array)
                alias.node, alias.needs_grad = node, True
            guarded.append(alias)
        return tuple(guarded) if isinstance(outputs, tuple) else guarded[0]

    return wrapper
