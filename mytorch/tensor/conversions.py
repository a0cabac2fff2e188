"""A tensor in another element type, memory format or place: `to` and the methods that are short for it."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mytorch.autograd.application import convert
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.backend import memory_format as formats
from mytorch.ops import shape as shapes

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

PYTHON_TYPES = (float, int, bool, complex)


def named_dtype(name: str) -> dtypes.dtype:
    """The element type of the class of tensors that PyTorch calls by that name; ValueError if there is none.

    >>> named_dtype("torch.FloatTensor")
    torch.float32
    """
    for dtype in dtypes.ALL:
        if name == f"torch.{dtypes.type_name(dtype.numpy)}Tensor":
            return dtype
    raise ValueError(f"invalid type: '{name}'")


def destination(name: str, args: tuple[Any, ...], dtype: Any, device: Any, copy: bool = False) -> tuple[Any, bool]:
    """What the arguments of `to` ask for: the element type or None, and whether to copy in any case.

    They are `(device, dtype, non_blocking, copy)`, `(dtype, non_blocking, copy)` or `(tensor, non_blocking, copy)`;
    `dtype`, `device` and `copy` were given by name.

    Raises:
        TypeError: an argument is of another type.
        RuntimeError: the device is not there.
    """
    rest = list(args)
    if rest and isinstance(rest[0], DifferentiableArray):
        dtype = dtypes.of(rest.pop(0).array.dtype)
    elif rest and _is_dtype(rest[0]):
        dtype = rest.pop(0)
    elif rest:
        if _is_device(rest[0]):
            device = rest.pop(0)
        if rest and (rest[0] is None or _is_dtype(rest[0])):
            dtype = rest.pop(0)
    if len(rest) > 2 or not all(isinstance(flag, bool) for flag in rest):
        raise TypeError(f"{name}() received an invalid argument: expected a dtype, a device or a tensor, got {args!r}")
    devices.require(device)
    return dtype, copy or rest[1:] == [True]


def _is_dtype(value: Any) -> bool:
    return isinstance(value, dtypes.dtype) or value in PYTHON_TYPES


def _is_device(value: Any) -> bool:
    return value is None or (isinstance(value, (str, devices.device, int)) and not isinstance(value, bool))


def _converting(dtype: dtypes.dtype) -> Callable[..., Any]:
    """The method that is short for `to(dtype)`."""

    def converted(self: Any, memory_format: formats.memory_format = formats.preserve_format) -> Tensor:
        out: Tensor = self.to(dtype, memory_format=memory_format)
        return out

    converted.__doc__ = f"`to({dtype})`."
    return converted


class TensorConversions(DifferentiableArray):
    """A tensor in another type. Users meet it as `mytorch.Tensor`."""

    __slots__ = ()

    def to(
        self: Any,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: builtins.bool = False,
        copy: builtins.bool = False,
        memory_format: formats.memory_format | None = formats.preserve_format,
    ) -> Tensor:
        """The tensor in another element type, memory format or place; itself if nothing changes and not `copy`.

        Accepts `to(dtype)`, `to(device)`, `to(device, dtype)` and `to(other_tensor)`, each followed by `non_blocking`
        (nothing is ever waited for) and `copy`.

        Raises:
            RuntimeError: the device is not there, or the format is for tensors of another number of dimensions.

        >>> import mytorch
        >>> mytorch.tensor([1, 2]).to(mytorch.float64)
        tensor([1., 2.], dtype=torch.float64)
        """
        dtype, copy = destination("to", args, dtype, device, copy)
        array = self.array
        numpy = array.dtype if dtype is None else dtypes.to_numpy(dtype)
        out: Tensor = self if numpy == array.dtype else convert(self, numpy)
        if memory_format is None or memory_format is formats.preserve_format:
            return shapes.clone(out) if copy and out is self else out
        if out is not self and formats.is_laid_out(out.array, memory_format):
            return out
        if out is self and not copy and formats.suggested(array) is memory_format:
            return out
        return shapes.clone(out, memory_format=memory_format)

    float = _converting(dtypes.float32)
    double = _converting(dtypes.float64)
    half = _converting(dtypes.float16)
    byte = _converting(dtypes.uint8)
    char = _converting(dtypes.int8)
    short = _converting(dtypes.int16)
    int = _converting(dtypes.int32)
    long = _converting(dtypes.int64)
    bool = _converting(dtypes.bool_)
    cfloat = _converting(dtypes.complex64)
    cdouble = _converting(dtypes.complex128)

    def type(self: Any, dtype: Any = None, non_blocking: Any = False) -> Any:
        """The tensor in another element type, or without one the name of its class, which may be given as well.

        >>> import mytorch
        >>> mytorch.tensor([1.5]).type("torch.LongTensor").type()
        'torch.LongTensor'
        """
        if dtype is None:
            return f"torch.{dtypes.type_name(self.array.dtype)}Tensor"
        if isinstance(dtype, str):
            return self.to(named_dtype(dtype))
        return self.to(getattr(dtype, "dtype", dtype))  # of `LongTensor` and the like

    def type_as(self: Any, other: Tensor) -> Tensor:
        """The tensor in the element type of another."""
        if not isinstance(other, DifferentiableArray):
            raise TypeError(f"type_as(): argument 'other' (position 1) must be Tensor, not {other.__class__.__name__}")
        out: Tensor = self.to(other)
        return out

    def cpu(self: Any, memory_format: formats.memory_format = formats.preserve_format) -> Tensor:
        """The tensor on the CPU: itself."""
        out: Tensor = self.to(memory_format=memory_format)
        return out

    def cuda(self: Any, device: Any = None, non_blocking: Any = False) -> Tensor:
        """The tensor on a GPU; RuntimeError where there is none."""
        out: Tensor = self.to(device=devices.device("cuda") if device is None else devices.device(device))
        return out
