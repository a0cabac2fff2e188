"""What users call for derivatives: `backward` and `grad`, which start the walk and hand on what arrives."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.edges import GradientEdge, as_tensor
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.node import Node
from mytorch.autograd.primitive import TABLE, namespace_of
from mytorch.autograd.walk import check_kept, derivatives, run_hooks, walk

__all__ = ["backward", "grad"]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves that they were made from.

    Args:
        tensors: a tensor or a sequence of tensors.
        grad_tensors: for each, the gradient that flows into it, of its shape; may be None for a tensor of one element.
        retain_graph: keep what the operations kept, so that the graph can be walked again; `create_graph` if None.
        create_graph: record the backward pass itself, so that the gradients can be differentiated.
        inputs: accumulate into these tensors only.

    Raises:
        RuntimeError: a tensor needs no gradient, has more than one element and no gradient is given, or the graph
            was freed by an earlier call.

    >>> import mytorch
    >>> x = mytorch.tensor(3.0, requires_grad=True)
    >>> mytorch.autograd.backward(x ** 2)
    >>> x.grad
    tensor(6.)
    """
    roots = _as_tuple(tensors)
    targets = None if inputs is None else _as_tuple(inputs)
    if targets is not None and not targets:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    gradients = _start(roots, grad_tensors, create_graph, targets)
    keep = create_graph if retain_graph is None else retain_graph
    arrived = _in_mode(create_graph, roots, gradients, keep, targets)
    for leaf, gradient, owned in arrived.values():
        _accumulate(leaf, gradient, owned, create_graph)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; nothing is added to any `.grad`.

    Args:
        outputs, inputs: a tensor or a sequence of tensors.
        grad_outputs: for each output, the gradient that flows into it; may be None for an output of one element.
        retain_graph: as in `backward`.
        create_graph: make the gradients differentiable.
        only_inputs: has no effect, as in PyTorch.
        allow_unused: give None for an input that the outputs do not depend on, instead of an error.
        is_grads_batched: `grad_outputs` have one dimension more, in front; the gradients for each of its rows, which
            are computed one after the other, are stacked.
        materialize_grads: give zeros instead of None.

    Raises:
        RuntimeError: as `backward`; or an input was not used.

    >>> import mytorch
    >>> x = mytorch.tensor(2.0, requires_grad=True)
    >>> first, = mytorch.autograd.grad(x ** 3, x, create_graph=True)
    >>> mytorch.autograd.grad(first, x)
    (tensor(12.),)
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots, targets = _as_tuple(outputs), _as_tuple(inputs)
    for target in targets:
        if not target.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    if is_grads_batched:
        return _row_by_row(roots, targets, grad_outputs, create_graph, allow_unused, materialize_grads)
    gradients = _start(roots, grad_outputs, create_graph, targets)
    keep = create_graph if retain_graph is None else retain_graph
    arrived = _in_mode(create_graph, roots, gradients, keep, targets)
    found = []
    for position, target in enumerate(targets):
        entry = arrived.get(id(target))
        if entry is not None:
            value = entry[1]
            if target.node is None and target.hooks is not None:
                value = run_hooks(target.hooks, value)
            found.append(value if isinstance(value, DifferentiableArray) else wrap(value))
        elif materialize_grads:
            found.append(wrap(np.zeros_like(target.array)))
        elif allow_unused:
            found.append(None)
        else:
            raise RuntimeError(
                f"The differentiated Tensor at index {position} appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
    return tuple(found)


def _row_by_row(
    roots: Sequence[Any],
    targets: Sequence[Any],
    grad_outputs: Any,
    create_graph: bool,
    allow_unused: bool | None,
    materialize_grads: bool,
) -> tuple[Any, ...]:
    """The gradients for each row of batched `grad_outputs`, stacked. The graph is kept."""
    given = _as_tuple(grad_outputs)
    counts = {g.array.shape[0] for g in given if g is not None and g.array.ndim}
    if len(counts) != 1:
        raise RuntimeError(
            "is_grads_batched=True: grad_outputs must have a first dimension, of the same size in all of them; got "
            f"shapes {[None if g is None else list(g.array.shape) for g in given]}"
        )
    rows = []
    for i in range(counts.pop()):
        row = [None if g is None else g[i] for g in given]
        rows.append(grad(roots, targets, row, True, create_graph, True, allow_unused, False, materialize_grads))
    return tuple([None if gs[0] is None else apply(TABLE["stack"], *gs, axis=0) for gs in zip(*rows, strict=True)])


def apply_node(node: Node, gradient: Any) -> Any:
    """The derivatives of one node for a gradient given by hand."""
    check_kept(node)
    results = derivatives(node, node.edges, gradient.array, create_graph=False)
    tensors = [None if r is None else wrap(r) for r in results]
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


def _in_mode(
    create_graph: bool, roots: Sequence[Any], gradients: Sequence[Any], keep: bool, targets: Sequence[Any] | None
) -> dict[int, list[Any]]:
    """Walk with recording on exactly if the gradients are to be differentiable."""
    enabled, partial, recording = mode.enabled, mode.partial, mode.recording
    watch = mode.watch if recording is None else recording.begin_walk(roots)
    mode.enabled, mode.partial = create_graph, targets is not None
    try:
        return walk(roots, gradients, keep_graph=keep, create_graph=create_graph, targets=targets, watch=watch)
    except Exception as error:
        if mode.watch is not None:
            mode.watch.failed(error)
        raise
    finally:
        if recording is not None:
            recording.end_walk()
        mode.enabled, mode.partial = enabled, partial


def _accumulate(leaf: Any, g: Any, owned: bool, create_graph: bool) -> None:
    """Add what arrived at a leaf (or a wanted tensor) to its `.grad`."""
    if leaf.node is None and leaf.hooks is not None:
        g, owned = run_hooks(leaf.hooks, g), False
    held = leaf._grad
    if create_graph:
        leaf._grad = g if held is None else held + g
    elif held is None:
        leaf._grad = wrap(g if owned else g.copy(order="K"))
    else:
        held.array += g
        if held.version is not None:
            held.changed()
    if leaf.after_accumulation is not None:
        for hook in list(leaf.after_accumulation.values()):
            hook(leaf)


def _as_tuple(tensors: Any) -> tuple[Any, ...]:
    if isinstance(tensors, DifferentiableArray):
        return (tensors,)
    if isinstance(tensors, GradientEdge):
        return (tensors.ownership_token,)
    if isinstance(tensors, Iterable):
        return tuple([as_tensor(tensor) for tensor in tensors])
    raise TypeError(f"expected a tensor or a sequence of tensors, got {type(tensors).__name__}")


def _start(roots: Sequence[Any], grad_tensors: Any, create_graph: bool, targets: Sequence[Any] | None) -> list[Any]:
    """The gradients that the walk starts with: those given, or 1 for a result of one element."""
    for hook in mode.multi_hooks:
        hook.begin(roots, targets)
    given = (None,) * len(roots) if grad_tensors is None else _as_tuple(grad_tensors)
    if len(given) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(given)} gradients")
    gradients = []
    for position, (root, gradient) in enumerate(zip(roots, given, strict=True)):
        if not root.requires_grad:
            raise RuntimeError(f"element {position} of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            if root.array.size != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            if root.array.dtype.kind == "c":
                raise RuntimeError("grad can be implicitly created only for real scalar outputs but got a complex one")
            gradient = wrap(namespace_of(root.array).ones_like(root.array))
        elif not isinstance(gradient, DifferentiableArray):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        elif gradient.array.shape != root.array.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{position}] has a shape of torch.Size({list(gradient.array.shape)}) "
                f"and output[{position}] has a shape of torch.Size({list(root.array.shape)})."
            )
        gradients.append(gradient if create_graph else gradient.array)
    return gradients
