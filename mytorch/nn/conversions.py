"""A module's parameters and buffers in another element type; `Module` inherits these methods. All work in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Self

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.grad_mode import no_grad
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.tensor import Tensor


class Conversions:
    """What changes the memory of all parameters and buffers of a module and of those below it."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Let every parameter, its gradient and every buffer hold what `fn` makes of it.

        The tensors stay the same objects, so that optimizers and other modules that hold them see the change.
        """
        module: Any = self
        if recurse:
            for child in module.children():
                child._apply(fn)
        with no_grad():
            for tensor in [*module._parameters.values(), *module._buffers.values()]:
                for held in (tensor, tensor._grad) if tensor is not None else ():
                    if held is not None:
                        held.array = fn(held).array
        return self

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Convert floating point parameters and buffers to another type, in place: `to(dtype)`, `to(device, dtype)`.

        Args:
            memory_format: how the elements of 4-d tensors are laid out in memory.

        Raises:
            TypeError: the type is not floating point.
            RuntimeError: the device is not there.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype = arg.dtype
            elif isinstance(arg, dtypes.dtype):
                dtype = arg
            elif isinstance(arg, (str, devices.device)) or (isinstance(arg, int) and not isinstance(arg, bool)):
                device = arg
            elif arg is not None and not isinstance(arg, bool):
                raise TypeError(
                    f"to() received an invalid argument: expected a dtype, a device or a tensor, got {arg!r}"
                )
        devices.require(device)
        if dtype is not None:
            numpy = dtypes.to_numpy(dtype)
            if numpy.kind not in "fc":
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
                )
            self._apply(lambda t: _with(t, t.array.astype(numpy, copy=False)) if t.array.dtype.kind in "fc" else t)
        if memory_format is not None:
            self._apply(lambda t: t.contiguous(memory_format=memory_format) if t.array.ndim == 4 else t)
        return self

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers, in place."""
        numpy = dtypes.to_numpy(dst_type)
        return self._apply(lambda t: _with(t, t.array.astype(numpy, copy=False)))

    def float(self) -> Self:
        """Convert floating point parameters and buffers to float32."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Convert floating point parameters and buffers to float64."""
        return self.to(dtypes.float64)

    def half(self) -> Self:
        """Convert floating point parameters and buffers to float16."""
        return self.to(dtypes.float16)

    def cpu(self) -> Self:
        """Where everything is already."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """RuntimeError where there is no GPU."""
        return self.to(device=devices.device("cuda") if device is None else devices.device(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give all parameters and buffers new memory, whose values are arbitrary."""
        devices.require(device)
        return self._apply(lambda t: _with(t, np.empty_like(t.array)), recurse=recurse)

    def share_memory(self) -> NoReturn:
        """Refused: tensors are not shared between processes here."""
        raise NotImplementedError(
            "share_memory(): tensors cannot be moved to memory that processes share. Send a state_dict() as NumPy "
            "arrays, or use threads."
        )


def _with(like: Tensor, array: Any) -> Tensor:
    """A tensor around another array; the same one if the array is its own."""
    if array is like.array:
        return like
    found: Tensor = wrap(array)
    return found
