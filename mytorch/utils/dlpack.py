"""DLPack: tensors and arrays of other libraries in the same memory.

Any library that speaks the protocol takes a tensor (`numpy.from_dlpack(tensor)`), and `from_dlpack` takes its arrays.
NumPy reads the capsules. It holds memory that comes by an old version of the protocol to be read-only, since that
version cannot say; PyTorch, and so this file, holds it to be writable.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.backend.storage import Window, address
from mytorch.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]

NEW, OLD = b"dltensor_versioned", b"dltensor"  # what unused capsules of the two versions are called
CPU = (1, 0)


class _Capsule:
    """A capsule as an object that hands it out, which is what NumPy asks for."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


def _is_called(capsule: Any, name: bytes) -> bool:
    check = ctypes.pythonapi.PyCapsule_IsValid
    check.argtypes, check.restype = (ctypes.py_object, ctypes.c_char_p), ctypes.c_int
    return bool(check(capsule, name))


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor in the memory of an array of another library (or of a DLPack capsule, which can be used once).

    Args:
        device: where the tensor is to be; None for where the array is.
        copy: True for memory of its own, False to refuse where a copy would be needed.

    Raises:
        BufferError: the other library refuses.
        RuntimeError: the array is not on the CPU, or the capsule has been used already.
        TypeError: it is no array that speaks DLPack, or its element type does not exist here.

    >>> import mytorch
    >>> array = np.zeros(2)
    >>> mytorch.from_dlpack(array).add_(1)
    tensor([1., 1.], dtype=torch.float64)
    >>> array
    array([1., 1.])
    """
    devices.require(device)
    capsule = _export(ext_tensor, copy) if hasattr(ext_tensor, "__dlpack__") else ext_tensor
    old = _is_called(capsule, OLD)
    if not old and not _is_called(capsule, NEW):
        if type(capsule).__name__ == "PyCapsule":
            raise RuntimeError(
                "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so "
                "you might have already constructed a tensor from it once."
            )
        raise TypeError(f"from_dlpack(): expected an array that has __dlpack__, got {type(capsule).__name__}")
    array = np.from_dlpack(_Capsule(capsule))
    dtypes.of(array.dtype)
    if old and not array.flags.writeable:
        array = Window(array, address(array), array.dtype, array.shape, array.strides, True).array()
    out: Tensor = wrap(array)
    return out


def _export(array: Any, copy: bool | None) -> Any:
    """The capsule of another library's array, of the new version where that library has it."""
    kind = int(array.__dlpack_device__()[0])
    if kind != CPU[0]:
        raise RuntimeError(
            f"from_dlpack(): the array is on a device of DLPack's kind {kind}, and this installation computes on the "
            "CPU only. Copy it to the CPU first."
        )
    options: dict[str, Any] = {"max_version": (1, 0)}
    if copy is not None:
        options["copy"] = copy
    try:
        return array.__dlpack__(**options)
    except TypeError:  # a library that knows only the first version of the protocol, without arguments
        if copy is not None:
            raise
        return array.__dlpack__()


def to_dlpack(tensor: Tensor) -> Any:
    """The memory of a tensor as a DLPack capsule of the first version; it can be used once.

    Raises:
        BufferError: the tensor requires a gradient, or its memory is read-only.

    >>> import mytorch
    >>> x = mytorch.tensor([1.0, 2.0])
    >>> from_dlpack(to_dlpack(x)).mul_(2)
    tensor([2., 4.])
    >>> x
    tensor([2., 4.])
    """
    if not isinstance(tensor, DifferentiableArray):
        raise TypeError(f"to_dlpack(): argument must be Tensor, not {type(tensor).__name__}")
    return tensor.__dlpack__()
