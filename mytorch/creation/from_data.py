"""Tensors from what holds data already: numbers, nested sequences, NumPy arrays, buffers, other tensors."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import dtypes
from mytorch.creation.filled import finish

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["as_tensor", "asarray", "from_numpy", "frombuffer", "tensor"]

PLAIN = {bool, int, float, complex}  # what NumPy itself makes of them is what PyTorch does, but for the default types


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested sequences, a NumPy array or a tensor.

    Python floats become the default floating type (float32), integers int64; NumPy's types are kept. Sequences may
    hold arrays, and tensors of one element.

    Raises:
        ValueError: the sequences are ragged, or an integer does not fit into 64 bits.
        TypeError: text is no data.
        RuntimeError: something else is no number, or a number does not fit into the type.

    >>> tensor([[1, 2], [3, 4]]), tensor([1.5, 2])
    (tensor([[1, 2],
            [3, 4]]), tensor([1.5000, 2.0000]))
    """
    if isinstance(data, DifferentiableArray):
        source = "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True)"
        warnings.warn(
            f"To copy construct from a tensor, it is recommended to use {source}, rather than "
            "torch.tensor(sourceTensor).",
            stacklevel=2,
        )
    array = _copied(data, None if dtype is None else dtypes.to_numpy(dtype))
    return finish(array, device, requires_grad, pin_memory=pin_memory)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where possible: a tensor of that type is returned as is, an array is shared.

    >>> import numpy as np
    >>> as_tensor(np.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    if isinstance(data, DifferentiableArray):
        return data.to(dtype=dtype, device=device)  # type: ignore[attr-defined]
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(dtype=dtype, device=device)
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """`obj` as a tensor: shared where possible, always copied if `copy`, never if `copy` is False.

    A buffer, such as `bytes`, is read as numbers of the type (see `frombuffer`). Where `requires_grad` is not given,
    a tensor keeps its own.

    Raises:
        ValueError: it cannot be shared, and must not be copied.

    >>> asarray([1, 2]), asarray(bytearray(b"ab"), dtype=dtypes.uint8)
    (tensor([1, 2]), tensor([97, 98], dtype=torch.uint8))
    """
    found: Any
    if isinstance(obj, DifferentiableArray):
        found = obj
    elif isinstance(obj, (np.ndarray, np.generic)):
        found = from_numpy(np.asarray(obj))
    elif _is_buffer(obj):
        found = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
    elif copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    else:
        return tensor(obj, dtype=dtype, device=device, requires_grad=bool(requires_grad))
    if copy is False and dtype is not None and dtypes.to_numpy(dtype) != found.array.dtype:
        there, wanted = dtypes.type_name(found.array.dtype), dtypes.type_name(dtypes.to_numpy(dtype))
        raise ValueError(f"can't alias tensor with dtype '{there}' into dtype '{wanted}'.")
    found = found.to(dtype=dtype, device=device, copy=bool(copy))
    if requires_grad is None and found.requires_grad:
        warnings.warn(
            "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass "
            "requires_grad=False explicitly to get the old behavior and silence this warning.",
            stacklevel=2,
        )
    if requires_grad is None or requires_grad == found.requires_grad:
        return found
    return found.detach().requires_grad_(requires_grad)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the memory of a NumPy array.

    Raises:
        TypeError: it is no array, or of a type that tensors do not have.
        ValueError: its bytes are in another order, or it has a negative stride.

    >>> import numpy as np
    >>> a = np.zeros(2); t = from_numpy(a); a[0] = 7; t
    tensor([7., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    _check_array(ndarray)
    if not ndarray.flags.writeable:
        _warn_not_writable("NumPy array", stacklevel=3)
    return finish(ndarray)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor over the memory of an object with Python's buffer interface.

    Args:
        buffer: bytes, a bytearray, an `array.array`, a memoryview ...
        dtype: the type of the elements.
        count: how many elements; all if negative.
        offset: how many bytes to leave out at the beginning.

    Raises:
        ValueError: it is no buffer, or has no such part.

    >>> frombuffer(bytearray(b"abcd"), dtype=dtypes.uint8, offset=2)
    tensor([ 99, 100], dtype=torch.uint8)
    """
    if not _is_buffer(buffer):
        raise ValueError("object does not implement Python buffer protocol.")
    view = memoryview(buffer)
    numpy = dtypes.to_numpy(dtype)
    length, size = view.nbytes, numpy.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % size:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element "
            f"size ({size})"
        )
    if count > 0 and offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    if view.readonly:
        _warn_not_writable("buffer", stacklevel=3)
    return finish(np.frombuffer(buffer, numpy, max(count, -1), offset), requires_grad=requires_grad)


# --- raw arrays -----------------------------------------------------------------------------------------------------


def _is_buffer(obj: Any) -> bool:
    try:
        memoryview(obj)
    except TypeError:
        return False
    return True


def _warn_not_writable(what: str, stacklevel: int) -> None:
    warnings.warn(
        f"The given {what} is not writable, and PyTorch does not support non-writable tensors: writing to this tensor "
        f"will fail. You may want to copy the {what} or make it writable before converting it to a tensor.",
        stacklevel=stacklevel + 1,
    )


def _check_array(array: np.ndarray[Any, Any]) -> None:
    """Refuse the arrays that PyTorch does: of other types, byte orders and strides."""
    if not array.dtype.isnative and array.dtype.newbyteorder("=") in [d.numpy for d in dtypes.ALL]:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    dtypes.of(array.dtype)
    if any(s % array.itemsize for s in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
            "memory."
        )
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )


def _copied(data: Any, dtype: np.dtype[Any] | None) -> Any:
    """A raw array from a tensor, an array, a number or nested sequences, with PyTorch's choice of type."""
    if isinstance(data, DifferentiableArray):
        data = data.array
    if isinstance(data, (np.ndarray, np.generic)):
        _check_array(np.asarray(data))
        return np.array(data, dtype=dtype)
    kinds = _kinds([data])
    if not kinds <= PLAIN:
        data, types = _with_raw_leaves(data)
        if dtype is None:
            dtype = functools.reduce(dtypes.promote, types) if types else dtypes.default_float()
    try:
        array = np.array(data)
    except ValueError:
        raise _misshapen(data) from None
    kind = array.dtype.kind
    too_large = kind in "Ou" or (kind == "f" and kinds and kinds <= {int, bool})  # integers, but not for int64
    if too_large and (dtype is None or dtype.kind in "bi"):
        raise ValueError(f"Overflow when unpacking long long: an integer in {_short(data)} needs more than 64 bits")
    if dtype is not None:
        return _converted(array, dtype)
    if kind == "f":
        return array.astype(dtypes.default_float())
    return array.astype(dtypes.default_complex()) if kind == "c" else array


def _kinds(data: Any) -> set[type]:
    """The types of what nested lists and tuples hold."""
    kinds = set(map(type, data))
    for sequence in kinds & {list, tuple}:
        kinds.discard(sequence)
        kinds = kinds.union(*[_kinds(item) for item in data if type(item) is sequence])
    return kinds


def _converted(array: Any, dtype: np.dtype[Any]) -> Any:
    """Python numbers in a type: they must fit, by the same rules as in `dtypes.fitted`."""
    if array.dtype.kind in "c" and dtype.kind != "c":
        raise TypeError("must be real number, not complex")
    if dtype.kind in "iu" and array.size and array.dtype.kind != "b":
        limits = np.iinfo(dtype)
        lowest = limits.min if dtype.kind == "i" else -limits.max
        if not (lowest <= array.min() and array.max() <= limits.max):
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow")
    return array.astype(dtype, copy=False)


def _with_raw_leaves(data: Any) -> tuple[Any, list[np.dtype[Any]]]:
    """Nested lists with numbers or arrays in the place of whatever stands for them, and the types of those."""
    if isinstance(data, DifferentiableArray):
        if data.array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return data.array.item(), [data.array.dtype]
    if isinstance(data, (np.ndarray, np.generic)):
        return data, [dtypes.of(data.dtype).numpy]
    if isinstance(data, (bool, int, float, complex)):
        return data, [dtypes.scalar_dtype(data)]
    if isinstance(data, (str, bytes)):
        raise TypeError(
            f"new(): invalid data type '{type(data).__name__}': expected numbers or nested sequences of numbers, got "
            f"{_short(data)}"
        )
    if not isinstance(data, Sequence) and not _is_buffer(data):
        raise RuntimeError(
            f"Could not infer dtype of {type(data).__name__}: expected numbers or nested sequences of numbers, got "
            f"{_short(data)}"
        )
    items = [_with_raw_leaves(item) for item in data]
    return [item for item, _ in items], list({t: None for _, types in items for t in types})


def _lengths(data: Any) -> Iterator[int]:
    """The lengths of a nested sequence's first item, of that item's first item, and so on."""
    while isinstance(data, (Sequence, np.ndarray)):
        yield len(data)
        if not len(data):
            return
        data = data[0]


def _misshapen(data: Any) -> Exception:
    """The error for nested sequences whose lengths differ."""
    expected = list(_lengths(data))

    def find(part: Any, dim: int) -> Exception | None:
        is_sequence = isinstance(part, (Sequence, np.ndarray))
        if dim == len(expected):
            what = type(part).__name__
            return TypeError(f"'{what}' object cannot be interpreted as a number") if is_sequence else None
        if not is_sequence:
            return TypeError(f"not a sequence: expected one of length {expected[dim]} at dim {dim}, got {_short(part)}")
        if len(part) != expected[dim]:
            return ValueError(f"expected sequence of length {expected[dim]} at dim {dim} (got {len(part)})")
        return next((error for item in part if (error := find(item, dim + 1))), None)

    return find(data, 0) or ValueError(f"tensor(): {_short(data)} is no array of numbers")


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else text[:57] + "..."
