"""Hooks on the tensors that a graph keeps for its derivatives: they put them elsewhere and bring them back.

Operations are recorded as usual. While hooks are in force, each new node's kept tensors are handed to the packing hook,
and the node forgets them; when a derivative asks for them, the unpacking hook gives them back, and they get their
places in the graph again, so that the derivative can itself be differentiated. Nothing of this costs an operation that
is recorded without hooks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Self

from mytorch.autograd.application import apply, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.function import FunctionNode
from mytorch.autograd.grad_mode import mode, no_grad
from mytorch.autograd.node import Node, PrimitiveNode
from mytorch.autograd.primitive import TABLE

__all__ = ["disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]


class saved_tensors_hooks:  # noqa: N801 - PyTorch's name
    """Within the block, hand every tensor that is kept for a derivative to `pack_hook`, and keep what that returns.

    Args:
        pack_hook: takes a tensor and returns anything; it must not change the tensor in place. It is called when an
            operation is recorded, once for every tensor that the operation keeps.
        unpack_hook: takes what `pack_hook` returned and returns a tensor of the same values. It is called when the
            backward pass comes to the operation.

    Where blocks are nested, the innermost hooks alone are called. An unpacked tensor is not checked for changes in
    place, and is kept for further backward passes if the graph is.

    Raises:
        RuntimeError: `pack_hook` changed its tensor, or hooks are disabled.
        TypeError: `unpack_hook` did not return a tensor.

    >>> import mytorch
    >>> x = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy(force=True).astype("float16"), lambda a: mytorch.tensor(a).float()):
    ...     y = x.exp()
    >>> y.sum().backward()
    >>> x.grad
    tensor([2.7188, 7.3906])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> Self:
        if mode.hooks_refused is not None:
            raise RuntimeError(mode.hooks_refused)
        self._outer = mode.observe, mode.saved_hooks
        mode.observe, mode.saved_hooks = self._observe, self
        return self

    def __exit__(self, *_: object) -> None:
        mode.observe, mode.saved_hooks = self._outer

    def _observe(self, node: Any) -> None:
        if self._outer[0] is not None:
            self._outer[0](node)
        if mode.saved_hooks is self:
            if isinstance(node, FunctionNode):
                self._pack_function(node)
            elif isinstance(node, PrimitiveNode):
                self._pack_primitive(node)

    def _pack_primitive(self, node: Any) -> None:
        packed = {i: self._pack(tensor) for i, tensor in enumerate(node.tensors) if tensor is not None}
        result = None if node.out is None else self._pack(wrap(node.out))
        if not packed and result is None:
            return
        others = [None if i in packed else value for i, value in enumerate(node.arrays)]

        def restore(node: Any) -> None:
            tensors: list[Any] = [None] * len(others)
            arrays = list(others)
            for i, unpack in packed.items():
                tensors[i] = _in_graph(unpack(), node.edges[i])
                arrays[i] = tensors[i].array
            node.arrays, node.tensors, node.recompute = tuple(arrays), tuple(tensors), None
            node.versions = tuple([0 if t is None or t.version is None else t.version[0] for t in tensors])
            if result is not None:
                node.out = result().array
                node.out_version, node.out_expected = [0], 0

        node.arrays, node.tensors, node.out, node.recompute = None, (), None, restore

    def _pack_function(self, node: FunctionNode) -> None:
        def packed(saved: Any) -> Any:
            tensor = saved.tensor
            edge = (tensor if tensor.node is None else tensor.node) if tensor.requires_grad else None
            unpack = self._pack(tensor)
            return saved._replace(tensor=None, unpack=lambda: _in_graph(unpack(), edge))

        node.ctx._saved = tuple([saved and packed(saved) for saved in node.ctx._saved or ()])

    def _pack(self, tensor: Any) -> Callable[[], Any]:
        """Hand a tensor to the hook; returns the function that gives it back."""
        counter = tensor.counter()
        before = counter[0]
        with no_grad():
            packed = self.pack_hook(tensor)
        if counter[0] != before:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can "
                "not be modified by in-place operations as this can lead to unexpected side-effects."
            )

        def unpack() -> Any:
            with no_grad():
                tensor = self.unpack_hook(packed)
            if not isinstance(tensor, DifferentiableArray):
                raise TypeError(
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                    f"{type(tensor).__name__}"
                )
            return tensor

        return unpack


def _in_graph(tensor: Any, edge: Any) -> Any:
    """The values of an unpacked tensor, in the place of the graph that the packed one had."""
    if tensor is edge or (edge is not None and tensor.node is edge):
        return tensor
    if edge is None or not mode.enabled:
        return wrap(tensor.array)
    if isinstance(edge, Node):
        placed = wrap(tensor.array)
        placed.node, placed.needs_grad = edge, True
    else:  # a leaf: its gradient must go to the leaf itself
        placed = apply(TABLE["view"], edge, shape=edge.array.shape)
        placed.array, placed.base = tensor.array, None
    return placed


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - PyTorch's name
    """Keep what derivatives need in the memory of the CPU: where it is anyway, so that nothing is copied.

    Args:
        pin_memory, device_type: as in PyTorch's signature; they make no difference here.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within the block, refuse `saved_tensors_hooks` with this message.

    Raises:
        RuntimeError: hooks are in force already.
    """
    if mode.saved_hooks is not None:
        raise RuntimeError(error_message)
    held, mode.hooks_refused = mode.hooks_refused, error_message
    try:
        yield
    finally:
        mode.hooks_refused = held
