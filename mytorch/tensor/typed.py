"""`FloatTensor`, `LongTensor` and the like: PyTorch's old names for tensors of one element type.

They make tensors (`LongTensor(2, 3)`, `LongTensor([1, 2])`) and tell types (`isinstance(x, LongTensor)`), but every
tensor's class is `Tensor`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch.backend import dtypes
from mytorch.creation.filled import empty
from mytorch.creation.from_data import tensor
from mytorch.tensor import Size, Tensor

__all__ = [
    "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor", "LongTensor",
    "ShortTensor", "set_default_tensor_type",
]  # fmt: skip


class TensorType(type):
    """The class of the names below: what calling one of them does, and `isinstance`.

    >>> import mytorch
    >>> LongTensor([1, 2]), LongTensor(2, 3).shape, isinstance(mytorch.ones(1), LongTensor)
    (tensor([1, 2]), torch.Size([2, 3]), False)
    """

    dtype: dtypes.dtype

    def __call__(cls, *args: Any, size: Any = None, device: Any = None) -> Tensor:
        """Uninitialised of a shape (numbers, or a `Size`), or with the values of a sequence; empty without arguments.

        Raises:
            TypeError: the argument is a tensor of another type, or no sequence.
        """
        if size is not None:
            args = (Size(size),)
        if len(args) != 1 or isinstance(args[0], (int, Size)):
            return empty(*(args or (0,)), dtype=cls.dtype, device=device)
        data = args[0]
        if isinstance(data, Tensor):
            if data.dtype is not cls.dtype:
                raise TypeError(f"{cls.__name__} expected a tensor of {cls.dtype}, got one of {data.dtype}")
            return data.detach()
        if isinstance(data, (str, bytes)):
            raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
        if not isinstance(data, (Sequence, np.ndarray)):
            raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
        return tensor(data.tolist() if isinstance(data, np.ndarray) else data, dtype=cls.dtype, device=device)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _of(dtype: dtypes.dtype) -> TensorType:
    name = f"{dtypes.type_name(dtype.numpy)}Tensor"
    text = f"Tensors of {dtype.name}: makes them when it is called, and tells them by `isinstance`."
    return TensorType(name, (), {"dtype": dtype, "__doc__": text, "__module__": __name__})


FloatTensor = _of(dtypes.float32)
DoubleTensor = _of(dtypes.float64)
HalfTensor = _of(dtypes.float16)
ByteTensor = _of(dtypes.uint8)
CharTensor = _of(dtypes.int8)
ShortTensor = _of(dtypes.int16)
IntTensor = _of(dtypes.int32)
LongTensor = _of(dtypes.int64)
BoolTensor = _of(dtypes.bool_)

_BY_NAME = {
    f"torch.{t.__name__}": t
    for t in (FloatTensor, DoubleTensor, HalfTensor, ByteTensor, CharTensor, ShortTensor, IntTensor, LongTensor)
}


def set_default_tensor_type(t: Any) -> None:
    """`set_default_dtype` by a class or its name; PyTorch has declared it outdated.

    Raises:
        TypeError: it is no class of floating-point tensors.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     set_default_tensor_type("torch.FloatTensor")
    """
    found = _BY_NAME.get(t, t) if isinstance(t, str) else t
    if not isinstance(found, TensorType):
        raise TypeError(f"invalid type object: only floating-point types are supported as the default type, got {t!r}")
    dtypes.set_default_dtype(found.dtype)
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        stacklevel=2,
    )
