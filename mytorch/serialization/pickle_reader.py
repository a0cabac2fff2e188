"""An interpreter of pickles that can only make tensors and plain data.

Python's own unpickler imports and calls what the file names, so a file can do anything. This one has no such way: it
goes through the opcodes (which `pickletools` tells apart without running them) and knows those of plain data, and a
short list of names with what is made for each. Everything else ends in an `UnpicklingError` that says what was met.
"""

from __future__ import annotations

import math
import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.backend import device as devices
from mytorch.backend import dtypes
from mytorch.backend.storage import span
from mytorch.nn.parameter import Parameter
from mytorch.tensor import Size, Tensor
from mytorch.tensor.storage import TypedStorage, UntypedStorage

Array = np.ndarray[Any, Any]


class _Maker(NamedTuple):
    """What stands for a known name until the pickle calls it."""

    name: str
    make: Callable[..., Any] | None


class _StorageType(NamedTuple):
    """A type of storage: its elements' type, or None for bytes without one."""

    dtype: dtypes.dtype | None
    name: str = ""


_MISSING = _StorageType(dtypes.float16, "bfloat16")  # read to the end, so that all tensors of the type can be named


class PickleReader:
    """Reads one pickle.

    Args:
        load: gives the bytes of the storage of a name and a size.
        place: gives a storage for a storage and the name of the device where it was saved.
        swapped: whether numbers in storages have the other byte order.
    """

    def __init__(
        self,
        load: Callable[[str, int], Array],
        place: Callable[[UntypedStorage, str], UntypedStorage],
        swapped: bool = False,
    ) -> None:
        self._load, self._place, self._swapped = load, place, swapped
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # what lay on the stack before each mark
        self._memo: dict[int, Any] = {}
        self._storages: dict[str, UntypedStorage] = {}
        self._missing: list[str] = []  # where tensors were met whose type does not exist here

    def read(self, data: bytes) -> Any:
        """The object that was pickled.

        Raises:
            UnpicklingError: it is something else than tensors and plain data, or the pickle is damaged.
        """
        try:
            steps = list(pickletools.genops(data))
        except Exception as error:
            raise UnpicklingError(f"the pickle is damaged ({error})") from None
        for opcode, argument, position in steps:
            if opcode.name == "BINPERSID":  # errors on the way to a storage are not the pickle's
                self._stack[-1:] = [self._storage(*self._stack[-1:])]
                continue
            try:
                self._step(opcode.name, argument)
            except UnpicklingError:
                raise
            except Exception as error:
                raise UnpicklingError(f"the pickle is damaged at byte {position}, {opcode.name} ({error})") from None
        if self._missing:
            names = ", ".join(self._missing[:8]) + (" ..." if len(self._missing) > 8 else "")
            raise UnpicklingError(
                f"{len(self._missing)} tensor(s) are of type bfloat16, which NumPy has not: {names}. Convert them in "
                "PyTorch before saving: {name: tensor.float() for name, tensor in state_dict.items()}."
            )
        if len(self._stack) != 1 or self._below or isinstance(self._stack[0], (_Maker, _StorageType)):
            raise UnpicklingError("the pickle is damaged: it does not end with one value")
        return self._stack[0]

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        match name:
            case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "BINFLOAT" | "LONG1" | "LONG4":
                stack.append(argument)
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "MARK":
                self._below.append(stack)
                self._stack = []
            case "TUPLE":
                self._to_mark().append(tuple(stack))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                if len(stack) < count:
                    raise IndexError("the stack is empty")
                stack[-count:] = [tuple(stack[-count:])]
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                stack.append({"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}[name]())
            case "APPEND":
                value = stack.pop()
                _filled(stack[-1], list).append(value)
            case "APPENDS":
                _filled(self._to_mark()[-1], list).extend(stack)
            case "SETITEM":
                key, value = stack[-2:]
                del stack[-2:]
                _filled(stack[-1], dict, OrderedDict)[key] = value
            case "SETITEMS":
                target = _filled(self._to_mark()[-1], dict, OrderedDict)
                target.update(zip(stack[::2], stack[1::2], strict=True))
            case "GLOBAL":
                stack.append(_known(argument))
            case "REDUCE":
                arguments, maker = stack.pop(), stack.pop()
                if type(maker) is not _Maker or maker.make is None or type(arguments) is not tuple:
                    raise UnpicklingError(f"the pickle wants to call {maker!r}, which is nothing that can be called")
                stack.append(maker.make(*arguments))
            case "BUILD":
                state = stack.pop()
                _set_attributes(_filled(stack[-1], OrderedDict), state)
            case "PROTO" | "STOP":
                if name == "STOP":
                    return
                if argument != 2:
                    raise UnpicklingError(
                        f"the pickle is of protocol {argument}; only 2, which save() writes by default, is read"
                    )
            case _:
                raise UnpicklingError(f"the pickle has the opcode {name}, which tensors and plain data do not need")

    def _to_mark(self) -> list[Any]:
        """Go back to the stack as it was before the last mark."""
        self._stack = self._below.pop()
        return self._stack

    def _storage(self, reference: Any = None) -> UntypedStorage:
        """The storage of which the pickle says the type, the number, the device and the length."""
        match reference:
            case ("storage", _StorageType() as kind, str() as key, str() as location, int() as numel) if numel >= 0:
                pass
            case _:
                raise UnpicklingError(f"the pickle refers to {reference!r}, where only storages can be referred to")
        if kind is _MISSING:
            self._missing.append(self._where())
        if key not in self._storages:
            itemsize = 1 if kind.dtype is None else kind.dtype.itemsize
            array = self._load(key, numel * itemsize)
            if kind.dtype is None:
                if self._swapped:
                    raise UnpicklingError("unsigned integers of the other byte order are not read")
                storage = UntypedStorage(array)
            else:
                array = array.view(kind.dtype.numpy)
                storage = TypedStorage(array.byteswap(inplace=True) if self._swapped else array, array.dtype)
            self._storages[key] = self._place(storage, location)
        return self._storages[key]

    def _where(self) -> str:
        """The keys under which the value lies that is being read."""
        texts = [[item for item in level if type(item) is str] for level in (*self._below, self._stack)]
        return ".".join(level[-1] for level in texts if level)


def _filled(target: Any, *kinds: type) -> Any:
    """The object itself, if it is of one of the types that may be filled at this place."""
    if type(target) not in kinds:
        raise UnpicklingError(f"the pickle wants to fill a {type(target).__name__} as if it were a {kinds[0].__name__}")
    return target


def _known(name: str) -> Any:
    """What stands for a name: a dtype itself, else what makes an object when it is called."""
    name = name.replace("__builtin__ ", "builtins ").replace(" ", ".")
    found = _NAMES.get(name)
    if found is None:
        raise UnpicklingError(
            f"it names {name}, which is neither a tensor nor plain data. Only weights and plain data are read, since "
            "anything else would run code from the file. Save the state_dict() of a model instead of the model, and "
            "NumPy's numbers as float(x)."
        )
    return found


def _set_attributes(target: Any, state: Any) -> Any:
    """Put attributes on a tensor or an OrderedDict; none may hide one that its class has."""
    if type(state) is tuple and len(state) == 2 and not state[1]:
        state = state[0]
    for name, value in ({} if state is None else state).items():
        if type(name) is not str or hasattr(type(target), name):
            raise UnpicklingError(f"the pickle wants to set the attribute {name!r} of a {type(target).__name__}")
        vars(target)[name] = value
    return target


# --- what is made for the known names ---------------------------------------------------------------------------------


def _tensor(
    storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, _hooks: Any, metadata: Any = None
) -> Tensor:
    """`torch._utils._rebuild_tensor_v2`: a view of a storage."""
    if not isinstance(storage, UntypedStorage):
        raise TypeError(f"a tensor needs a storage, not {type(storage).__name__}")
    memory, numbers = storage.array, (offset, *size, *stride)
    if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise ValueError(f"impossible size {size}, stride {stride} or offset {offset}")
    # Python's integers do not overflow; NumPy's own check of the bounds would.
    if offset + span(size, stride) * bool(math.prod(size)) > memory.size:
        raise ValueError(f"size {size}, stride {stride}, offset {offset} lead out of a storage of {memory.size}")
    steps = tuple(s * memory.itemsize for s in stride)
    array: Array = np.ndarray(tuple(size), memory.dtype, memory, offset * memory.itemsize, steps)
    for name in metadata or ():
        if name not in ("conj", "neg"):
            raise UnpicklingError(f"a tensor has the property {name!r}, which does not exist here")
        if metadata[name]:
            array = np.conj(array) if name == "conj" else -array
    tensor: Tensor = wrap(array)
    tensor.requires_grad = requires_grad
    return tensor


def _untyped_tensor(
    storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool, hooks: Any, dtype: Any, metadata: Any = None
) -> Tensor:
    """`torch._utils._rebuild_tensor_v3`: a view of a storage of bytes."""
    if not isinstance(storage, UntypedStorage) or not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"a tensor needs a storage and a type, not {storage!r} and {dtype!r}")
    typed = TypedStorage(storage.array, dtype.numpy)
    return _tensor(typed, offset, size, stride, requires_grad, hooks, metadata)


def _parameter(data: Any, requires_grad: bool, _hooks: Any, state: Any = None) -> Parameter:
    """`torch._utils._rebuild_parameter`, and `_rebuild_parameter_with_state`, which has attributes."""
    parameter: Parameter = _set_attributes(Parameter(data, requires_grad), state)
    return parameter


def _with_attributes(rebuild: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """`torch._tensor._rebuild_from_type_v2`: a tensor that its user has put attributes on."""
    known = type(rebuild) is _Maker and rebuild.make in (_tensor, _untyped_tensor)
    if not known or kind is not _NAMES["torch.Tensor"]:
        raise UnpicklingError(f"the pickle wants to make a tensor of class {kind!r} with {rebuild!r}")
    return _set_attributes(rebuild.make(*arguments), state)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes are stored as latin1, not {encoding}")
    return text.encode("latin1")


_MAKERS: dict[str, Callable[..., Any] | None] = {
    "collections.OrderedDict": OrderedDict,
    "collections.Counter": lambda counts: Counter(_filled(counts, dict)),
    "builtins.set": lambda items=(): set(items),
    "builtins.complex": complex,
    "builtins.bytes": lambda: b"",
    "builtins.bytearray": lambda data=b"": bytearray(_filled(data, bytes)),
    "_codecs.encode": _encode,
    "torch.Size": lambda sizes: Size(_filled(sizes, tuple)),
    "torch.device": devices.device,
    "torch.Tensor": None,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _untyped_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _with_attributes,
}
_NAMES: dict[str, Any] = {name: _Maker(name, make) for name, make in _MAKERS.items()}
_NAMES |= {f"torch.{dtype.name}": dtype for dtype in dtypes.ALL}
_NAMES |= {f"torch.{dtypes.type_name(d.numpy)}Storage": _StorageType(d) for d in dtypes.PROMOTED}
_NAMES |= {"torch.storage.UntypedStorage": _StorageType(None), "torch.BFloat16Storage": _MISSING}
