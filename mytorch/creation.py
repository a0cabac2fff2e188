"""Making tensors: from data, from a rule, or from the random streams."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.ops.dims import as_shape
from mytorch.tensor import Tensor

__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "is_tensor", "linspace",
    "ones", "ones_like", "scalar_tensor", "tensor", "zeros", "zeros_like",
]  # fmt: skip


def finish(array: Any, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new leaf around a raw array, on a device that must be there."""
    devices.require(device)
    out: Tensor = wrap(array)
    return out.requires_grad_() if requires_grad else out


def sizes_of(args: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as one sequence or as separate numbers; RuntimeError for a negative size.

    >>> sizes_of((2, 3)), sizes_of(([2, 3],))
    ((2, 3), (2, 3))
    """
    shape = as_shape(args)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def _sizes(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    """The shape of a factory's call. Of the other names, those without a meaning here are accepted, as for PyTorch."""
    size = named.pop("size", None)
    unknown = set(named) - {"layout", "pin_memory", "memory_format"}
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{min(unknown)}'")
    return sizes_of(args if size is None else (size,))


def _float_type(dtype: Any) -> np.dtype[Any]:
    return dtypes.default_float() if dtype is None else dtypes.to_numpy(dtype)


def _from_data(data: Any, dtype: np.dtype[Any] | None) -> Any:
    """A raw array (a copy) from a tensor, an array, a number or nested sequences, with PyTorch's choice of type."""
    if isinstance(data, DifferentiableArray):
        data = data.array
    if isinstance(data, (np.ndarray, np.generic)):
        return np.array(data, dtype=dtype)
    items = list(_leaves(data))
    try:
        array = np.array(_plain(data) if any(isinstance(item, DifferentiableArray) for item in items) else data)
    except ValueError:
        raise ValueError(_ragged(data)) from None
    kind = array.dtype.kind
    if kind in "OUSV" and all(isinstance(item, int) for item in items):
        raise RuntimeError(f"Overflow when unpacking long long: an integer in {_short(data)} does not fit into 64 bits")
    if kind not in "biufc":
        raise TypeError(
            f"tensor(): expected numbers or nested sequences of numbers, got {type(data).__name__}: {_short(data)}"
        )
    if dtype is not None:
        return _converted(array, dtype)
    if any(isinstance(item, (DifferentiableArray, np.ndarray, np.generic)) for item in items):
        return array.astype(functools.reduce(dtypes.promote, map(_type_of, items)), copy=False)
    if kind == "u":
        raise RuntimeError(f"Overflow when unpacking long long: an integer in {_short(data)} does not fit into 64 bits")
    if kind == "f":
        return array.astype(dtypes.default_float())
    return array.astype(dtypes.default_complex()) if kind == "c" else array


def _type_of(item: Any) -> np.dtype[Any]:
    raw = item.array if isinstance(item, DifferentiableArray) else item
    return raw.dtype if isinstance(raw, (np.ndarray, np.generic)) else dtypes.scalar_dtype(raw)


def _converted(array: Any, dtype: np.dtype[Any]) -> Any:
    """Python numbers in an integer type: they must fit."""
    if dtype.kind in "iu" and array.size and array.dtype.kind in "iuf":
        limits = np.iinfo(dtype)
        if not np.isfinite(array).all() or array.max() > limits.max or array.min() < -limits.max - 1:
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow")
    return array.astype(dtype, copy=False)


def _leaves(data: Any) -> Iterator[Any]:
    """What nested sequences hold."""
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _leaves(item)
    else:
        yield data


def _plain(data: Any) -> Any:
    """Nested sequences with raw arrays in the place of tensors."""
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data.array if isinstance(data, DifferentiableArray) else data


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."


def _ragged(data: Any) -> str:
    lengths = sorted({len(d) for d in data if isinstance(d, (list, tuple))})
    return f"tensor(): nested sequences must all have one length, but there are lengths {lengths} in {_short(data)}"


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested sequences, a NumPy array or a tensor.

    Python floats become the default floating type (float32), integers int64; NumPy's types are kept. Sequences may
    hold tensors and arrays.

    Raises:
        ValueError: the sequences are ragged.
        TypeError: something in them is no number.
        RuntimeError: a number does not fit into the type.

    >>> tensor([[1, 2], [3, 4]]), tensor([1.5, 2])
    (tensor([[1, 2],
            [3, 4]]), tensor([1.5000, 2.0000]))
    """
    array = _from_data(data, None if dtype is None else dtypes.to_numpy(dtype))
    dtypes.of(array.dtype)
    return finish(array, device, requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where possible: a tensor of that type is returned as is, an array is shared.

    >>> import numpy as np
    >>> as_tensor(np.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the memory of a NumPy array.

    >>> import numpy as np
    >>> a = np.zeros(2); t = from_numpy(a); a[0] = 7; t
    tensor([7., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of(ndarray.dtype)
    return finish(ndarray)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor, of the default floating type unless told otherwise.

    >>> scalar_tensor(3)
    tensor(3.)
    """
    if not isinstance(s, (bool, int, float, complex, np.generic)):
        raise TypeError(f"scalar_tensor(): argument 's' (position 1) must be Number, not {type(s).__name__}")
    return finish(np.asarray(s, _float_type(dtype)), device, requires_grad)


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor.

    >>> is_tensor(tensor(1)), is_tensor(1)
    (True, False)
    """
    return isinstance(obj, Tensor)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """A tensor of that shape with whatever was in memory.

    >>> empty(2, 3).shape
    torch.Size([2, 3])
    """
    return finish(np.empty(_sizes("empty", size, named), _float_type(dtype)), device, requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """A tensor of zeros.

    >>> zeros(2)
    tensor([0., 0.])
    """
    return finish(np.zeros(_sizes("zeros", size, named), _float_type(dtype)), device, requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """A tensor of ones.

    >>> ones(2)
    tensor([1., 1.])
    """
    return finish(np.ones(_sizes("ones", size, named), _float_type(dtype)), device, requires_grad)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor filled with one value; its type is that of the value unless given.

    >>> full((2,), 7), full((2,), 0.5)
    (tensor([7, 7]), tensor([0.5000, 0.5000]))
    """
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    numpy = dtypes.scalar_dtype(value) if dtype is None else dtypes.to_numpy(dtype)
    return finish(np.full(sizes_of((size,)), value, numpy), device, requires_grad)


def _raw(input: Any) -> Any:
    if not isinstance(input, Tensor):
        raise TypeError(f"argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input.array


def _like(input: Tensor, dtype: Any) -> np.dtype[Any]:
    return input.array.dtype if dtype is None else dtypes.to_numpy(dtype)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """`empty` with the shape and type of another tensor.

    >>> empty_like(ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return finish(np.empty_like(_raw(input), dtype=_like(input, dtype)), device, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """`zeros` with the shape and type of another tensor.

    >>> zeros_like(tensor([1, 2]))
    tensor([0, 0])
    """
    return finish(np.zeros_like(_raw(input), dtype=_like(input, dtype)), device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """`ones` with the shape and type of another tensor.

    >>> ones_like(tensor([1, 2]))
    tensor([1, 1])
    """
    return finish(np.ones_like(_raw(input), dtype=_like(input, dtype)), device, requires_grad)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`full` with the shape and type of another tensor.

    >>> full_like(ones(2), 3)
    tensor([3., 3.])
    """
    return finish(np.full_like(_raw(input), fill_value, dtype=_like(input, dtype)), device, requires_grad)


def arange(*args: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
    """Numbers from start (0) up to, not including, end, in steps (1): `arange(end)`, `arange(start, end, step)`.

    Integers give int64; a float among the arguments gives the default floating type.

    Raises:
        RuntimeError: the step is 0 or leads away from the end.

    >>> arange(3), arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    given = dict(zip(("end",) if len(args) == 1 else ("start", "end", "step"), args, strict=False)) | named
    if len(args) > 3 or "end" not in given or set(given) - {"start", "end", "step"}:
        raise TypeError(f"arange() takes an end, or a start, an end and a step; got {args} {named or ''}".rstrip())
    numbers = [given.get("start", 0), given["end"], given.get("step", 1)]
    start, end, step = numbers = [n.item() if isinstance(n, (Tensor, np.generic)) else n for n in numbers]
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    integral = all(isinstance(n, int) for n in numbers)
    numpy = (np.dtype(np.int64) if integral else dtypes.default_float()) if dtype is None else dtypes.to_numpy(dtype)
    count = math.ceil((end - start) / step)
    values = start + step * np.arange(count, dtype=np.int64 if integral else np.float64)
    return finish(values.astype(numpy, copy=False), device, requires_grad)


def linspace(
    start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers from start to end, both included.

    >>> linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return finish(np.linspace(float(start), float(end), steps).astype(_float_type(dtype)), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere.

    >>> eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"n and m must be greater or equal to 0, got {n} and {m}")
    return finish(np.eye(n, m, dtype=_float_type(dtype)), device, requires_grad)
