"""Plain data and tensors as a pickle of protocol 2, in the opcodes and names that PyTorch's restricted reader takes.

Python's own pickler would write any object and leave it to the reader to refuse. This one knows what can be read again,
and names what cannot.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.backend import storage as memory
from mytorch.nn.module import Module
from mytorch.nn.parameter import Buffer, Parameter
from mytorch.tensor import Size, Tensor
from mytorch.tensor.storage import UntypedStorage

Array = np.ndarray[Any, Any]

# PyTorch has no typed storage for these.
_UNTYPED = (dtypes.uint16, dtypes.uint32, dtypes.uint64)
# Attributes of tensors that are the engine's own, or that only a module needs.
_NOT_SAVED = frozenset({"hooks", "after_accumulation", "views", "persistent"})


class _Name(str):
    """A name that the reader looks up: the module and the name in it, with a space between."""

    __slots__ = ()


class _Reference(NamedTuple):
    """Stands for a storage: its type, the number of its record, and how many elements of that type it has."""

    type: _Name
    key: str
    numel: int


class PickleWriter:
    """Writes one object.

    Attributes:
        storages: the memory of the tensors that were met, as bytes: the records that must be stored beside the pickle.
    """

    def __init__(self) -> None:
        self.storages: list[Any] = []
        self.out = bytearray(b"\x80\x02")
        self._memo: dict[Any, tuple[int, Any]] = {}  # the objects are kept so that no id is given twice
        self._numbers = count()
        self._keys: dict[tuple[int, Any], tuple[str, dtypes.dtype]] = {}

    def dump(self, obj: object) -> bytes:
        """The pickle of `obj`.

        Raises:
            TypeError: something in it cannot be stored.
            RuntimeError: tensors of two element types share memory.
            RecursionError: it is nested too deeply, or something else than a list or dict contains itself.
        """
        try:
            self.value(obj)
        except RecursionError:
            raise RecursionError("what is to be saved is nested too deeply, or contains itself") from None
        return bytes(self.out + b".")

    def value(self, obj: Any) -> None:
        """Write one value; what was written before is only referred to."""
        kind = type(obj)
        emit = _EMITTERS.get(kind)
        if emit is None:
            raise TypeError(_refusal(obj))
        known = self._memo.get(_memo_key(obj))
        if known is None:
            emit(self, obj)
        else:
            self.out += _numbered(b"hj", known[0])

    def remember(self, obj: Any) -> None:
        """Give the value that was just written a number, by which it can be referred to."""
        number = next(self._numbers)
        self._memo[_memo_key(obj)] = number, obj
        self.out += _numbered(b"qr", number)

    def call(self, name: str, *arguments: Any) -> None:
        """What the reader makes by calling a name that it knows."""
        self.value(_Name(name))
        self.items(arguments)
        self.out += b"R"

    def items(self, values: tuple[Any, ...]) -> None:
        """A tuple."""
        short = (b")", b"\x85", b"\x86", b"\x87")
        if len(values) >= len(short):
            self.out += b"("
        for value in values:
            self.value(value)
        self.out += short[len(values)] if len(values) < len(short) else b"t"

    def fill(self, target: list[Any] | dict[Any, Any]) -> None:
        """Put its elements into the empty list or dict that was just written."""
        if not target:
            return
        self.out += b"("
        for value in chain.from_iterable(target.items()) if isinstance(target, dict) else target:
            self.value(value)
        self.out += b"u" if isinstance(target, dict) else b"e"

    def reference(self, array: Array) -> _Reference:
        """The storage behind an array.

        Raises:
            RuntimeError: it has been saved as elements of another type.
        """
        start, size = memory.extent(array)
        dtype = dtypes.of(array.dtype)
        place = (start, size) if size else (start, dtype)
        key, held = self._keys.setdefault(place, (str(len(self.storages)), dtype))
        if held is not dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        if len(self._keys) > len(self.storages):
            self.storages.append(UntypedStorage(array).array)
        if dtype in _UNTYPED:
            return _Reference(_Name("torch.storage UntypedStorage"), key, size)
        return _Reference(_Name(f"torch {dtypes.type_name(array.dtype)}Storage"), key, size // array.itemsize)


def _memo_key(obj: Any) -> Any:
    kind = type(obj)
    return (kind, obj) if kind in (str, _Name) else id(obj)


def _numbered(opcodes: bytes, number: int) -> bytes:
    """The short form of an opcode with a number of one byte, or the long one with four."""
    return opcodes[:1] + bytes([number]) if number < 256 else opcodes[1:] + struct.pack("<I", number)


def _refusal(obj: Any) -> str:
    kind = type(obj)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(obj, Module):
        hint = "Save its state_dict(), make the module anew from its class, and load_state_dict() into it."
    elif isinstance(obj, np.generic):
        hint = "Save it as Python's own number, x.item()."
    elif isinstance(obj, np.ndarray):
        hint = "Save it as a tensor, mytorch.from_numpy(x)."
    elif hasattr(kind, "state_dict"):
        hint = "Save its state_dict()."
    elif isinstance(obj, (dict, list, tuple, str, int, float, set, frozenset)):
        hint = "Convert it to a plain dict, list, tuple, str, int, float or set first."
    else:
        hint = "Save the state_dict() of modules and optimizers, and the rest as numbers, strings, lists and dicts."
    return f"a {name} cannot be saved: files hold tensors and plain data, so that loading them runs no code. {hint}"


# --- how each type is written -----------------------------------------------------------------------------------------


def _none(writer: PickleWriter, _obj: None) -> None:
    writer.out += b"N"


def _bool(writer: PickleWriter, obj: bool) -> None:
    writer.out += b"\x88" if obj else b"\x89"


def _int(writer: PickleWriter, obj: int) -> None:
    if 0 <= obj < 1 << 8:
        writer.out += b"K" + struct.pack("<B", obj)
    elif 0 <= obj < 1 << 16:
        writer.out += b"M" + struct.pack("<H", obj)
    elif -1 << 31 <= obj < 1 << 31:
        writer.out += b"J" + struct.pack("<i", obj)
    else:
        data = obj.to_bytes(obj.bit_length() // 8 + 1, "little", signed=True)
        writer.out += b"\x8a" + bytes([len(data)]) if len(data) < 256 else b"\x8b" + struct.pack("<i", len(data))
        writer.out += data


def _float(writer: PickleWriter, obj: float) -> None:
    writer.out += b"G" + struct.pack(">d", obj)


def _str(writer: PickleWriter, obj: str) -> None:
    data = obj.encode("utf-8", "surrogatepass")
    writer.out += b"X" + struct.pack("<I", len(data)) + data
    writer.remember(obj)


def _name(writer: PickleWriter, obj: _Name) -> None:
    writer.out += b"c" + obj.replace(" ", "\n").encode() + b"\n"
    writer.remember(obj)


def _reference(writer: PickleWriter, obj: _Reference) -> None:
    writer.items(("storage", obj.type, obj.key, "cpu", obj.numel))
    writer.out += b"Q"


def _tuple(writer: PickleWriter, obj: tuple[Any, ...]) -> None:
    writer.items(obj)
    writer.remember(obj)


def _list(writer: PickleWriter, obj: list[Any]) -> None:
    writer.out += b"]"
    writer.remember(obj)
    writer.fill(obj)


def _dict(writer: PickleWriter, obj: dict[Any, Any]) -> None:
    writer.out += b"}"
    writer.remember(obj)
    writer.fill(obj)


def _ordered_dict(writer: PickleWriter, obj: OrderedDict[Any, Any]) -> None:
    writer.call("collections OrderedDict")
    writer.remember(obj)
    writer.fill(obj)
    if vars(obj):  # a state_dict has its modules' versions as `_metadata`
        writer.value(vars(obj))
        writer.out += b"b"


def _called(arguments: Callable[[Any], tuple[Any, ...]]) -> Callable[[PickleWriter, Any], None]:
    """How to write what the reader makes by a call: the name and the arguments."""

    def emit(writer: PickleWriter, obj: Any) -> None:
        writer.call(*arguments(obj))
        writer.remember(obj)

    return emit


def _tensor(writer: PickleWriter, obj: Tensor) -> None:
    array = obj.array
    if any(s < 0 or s % array.itemsize for s in array.strides):  # PyTorch has no such strides
        array = array.copy()
    dtype = dtypes.of(array.dtype)
    place = (memory.offset(array), array.shape, memory.strides(array))
    arguments: tuple[Any, ...] = (writer.reference(array), *place, obj.requires_grad, OrderedDict())
    rebuild = "torch._utils _rebuild_tensor_v2"
    if dtype in _UNTYPED:
        rebuild, arguments = "torch._utils _rebuild_tensor_v3", (*arguments, dtype)
    state = _attributes(obj)
    if state:
        writer.call("torch._tensor _rebuild_from_type_v2", _Name(rebuild), _Name("torch Tensor"), arguments, state)
    else:
        writer.call(rebuild, *arguments)
    writer.remember(obj)


def _parameter(writer: PickleWriter, obj: Parameter) -> None:
    arguments: tuple[Any, ...] = (wrap(obj.array), obj.requires_grad, OrderedDict())
    state = _attributes(obj)
    if state:
        writer.call("torch._utils _rebuild_parameter_with_state", *arguments, state)
    else:
        writer.call("torch._utils _rebuild_parameter", *arguments)
    writer.remember(obj)


def _attributes(tensor: Tensor) -> dict[str, Any]:
    """What the user has put on a tensor."""
    return {name: value for name, value in vars(tensor).items() if name not in _NOT_SAVED}


_EMITTERS: dict[type, Callable[[PickleWriter, Any], None]] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    complex: _called(lambda x: ("__builtin__ complex", x.real, x.imag)),
    str: _str,
    bytes: _called(lambda x: ("_codecs encode", x.decode("latin1"), "latin1")),
    bytearray: _called(lambda x: ("__builtin__ bytearray", bytes(x))),
    tuple: _tuple,
    list: _list,
    dict: _dict,
    OrderedDict: _ordered_dict,
    Counter: _called(lambda x: ("collections Counter", dict(x))),
    set: _called(lambda x: ("__builtin__ set", list(x))),
    Size: _called(lambda x: ("torch Size", tuple(x))),
    devices.device: _called(lambda x: ("torch device", x.type, *([] if x.index is None else [x.index]))),
    dtypes.dtype: lambda writer, obj: writer.value(_Name(f"torch {obj.name}")),
    Tensor: _tensor,
    Buffer: _tensor,
    Parameter: _parameter,
    _Name: _name,
    _Reference: _reference,
}
