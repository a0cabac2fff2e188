"""Writing to a tensor's memory: `zero_`, `copy_`, `fill_`, and `in_place`, which makes `add_` from `add`.

A tensor that is written to becomes the result of the operation: it takes over the new node, and its change counter
goes up, so that a derivative which needed the old value is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from mytorch.autograd.application import misfit, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.backend.dtypes import CATEGORY, of
from mytorch.ops import arithmetic, shape
from mytorch.ops.viewing import overwrite, rebase, replace_part

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def check_writable(x: Any) -> None:
    """RuntimeError for a leaf that requires grad, a view of one, or elements that share memory."""
    if mode.enabled:
        if x.requires_grad and x.node is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if x.base is not None and x.base.requires_grad and x.base.node is None:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    array = x.array
    if array.size > 1 and any(s == 0 and n > 1 for n, s in zip(array.shape, array.strides, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def become(x: Any, result: Any) -> Any:
    """Write a result into `x`'s memory; `x` takes over its place in the graph.

    Raises:
        RuntimeError: `x` is a leaf that requires grad, the result's shape is another, or its type is of a higher
            category (a float result does not fit into an integer tensor).
    """
    check_writable(x)
    if result.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.array.shape)} doesn't match the broadcast shape {list(result.array.shape)}"
        )
    if CATEGORY[result.array.dtype.kind] > CATEGORY[x.array.dtype.kind]:
        raise RuntimeError(
            f"result type {of(result.array.dtype).name} can't be cast to the desired output type "
            f"{of(x.array.dtype).name}"
        )
    if result.requires_grad:
        _keep_old_values(result.node, x)
    if result.array.dtype != x.array.dtype:
        result = result.to(x.dtype)
    np.copyto(x.array, result.array)
    x.changed()
    if mode.recording is not None:
        mode.recording.written(x.array, result.array)
    if mode.enabled:
        _take_history(x, result)
    return x


def _take_history(x: Any, result: Any) -> None:
    """Let a tensor that has been written to, and whatever shares its memory, know what it now comes from."""
    if x.base is not None:
        if x.base.requires_grad or (result is not None and result.requires_grad):
            replace_part(x, result)
    elif result is not None and result.requires_grad:
        x.node, x.needs_grad = result.node, True
        rebase(x)
    elif x.requires_grad:
        overwrite(x)


def _keep_old_values(node: Any, x: Any) -> None:
    """Where the derivative needs `x` as it was before it is overwritten, give the node a copy to keep."""
    if not any(t is x for t in node.tensors):
        return
    old = wrap(x.array.copy())
    old.node, old.needs_grad = x.node, x.requires_grad
    node.arrays = tuple([old.array if t is x else a for a, t in zip(node.arrays, node.tensors, strict=True)])
    node.tensors = tensors = tuple([old if t is x else t for t in node.tensors])
    node.versions = tuple([0 if t is None or t.version is None else t.version[0] for t in tensors])


def write(x: Any, values: Any) -> Any:
    """Overwrite `x` with raw values that depend on nothing: no gradient flows past it."""
    check_writable(x)
    np.copyto(x.array, values, casting="unsafe")
    x.changed()
    if mode.recording is not None:
        mode.recording.written(x.array, values)
    if mode.enabled:
        _take_history(x, None)
    return x


P = ParamSpec("P")


def in_place(function: Callable[P, Any]) -> Callable[P, Any]:
    """The in-place member of a function's family: the same arguments, the result written to the first of them.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0]).add_(1, alpha=10)
    tensor([11., 12.])
    """

    def write_result(*args: P.args, **kwargs: P.kwargs) -> Any:
        return become(args[0], function(*args, **kwargs))

    write_result.__name__ = write_result.__qualname__ = f"{function.__name__}_"
    write_result.__doc__ = f"`{function.__name__}`, written to the tensor's own memory."
    return write_result


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite with the values of another tensor, broadcast and converted; gradients flow to it.

    >>> import mytorch
    >>> mytorch.zeros(2).copy_(mytorch.tensor([1, 2]))
    tensor([1., 2.])
    """
    if isinstance(src, (bool, int, float)):
        return write(input, src)
    if not isinstance(src, DifferentiableArray):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    source: Any = src
    if source.requires_grad and mode.enabled:
        return become(input, shape.expand(source.to(input.dtype), input.array.shape).clone())
    try:
        return write(input, source.array)
    except ValueError as error:
        raise misfit("copy_", error, input.array, source.array) from None


def zero_(input: Tensor) -> Tensor:
    """Overwrite with zeros.

    >>> import mytorch
    >>> mytorch.ones(2).zero_()
    tensor([0., 0.])
    """
    return write(input, 0)


def fill_(input: Tensor, value: Any) -> Tensor:
    """Overwrite with one value.

    >>> import mytorch
    >>> mytorch.ones(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, DifferentiableArray):
        if value.array.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.array.ndim} dimensions."
            )
        return copy_(input, value)
    return write(input, value)


add_ = in_place(arithmetic.add)
mul_ = in_place(arithmetic.mul)
