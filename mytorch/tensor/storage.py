"""The memory of tensors as an object: what `tensor.untyped_storage()` and `tensor.storage()` give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mytorch.backend import device as devices
from mytorch.backend import dtypes, storage


class UntypedStorage:
    """The memory that a tensor and its views share, byte by byte. Made by `tensor.untyped_storage()`.

    >>> import mytorch
    >>> memory = mytorch.tensor([1, 2], dtype=mytorch.int16)[1:].untyped_storage()
    >>> len(memory), memory.tolist()
    (4, [1, 0, 2, 0])
    """

    is_cuda = False

    def __init__(self, array: np.ndarray[Any, Any], dtype: np.dtype[Any] | None = None) -> None:
        """The memory behind a raw array, read as bytes or as another element type."""
        start, size = storage.extent(array)
        dtype = np.dtype(np.uint8) if dtype is None else dtype
        shape = (size // dtype.itemsize,)
        self.array = storage.Window(array, start, dtype, shape, (dtype.itemsize,), array.flags.writeable).array()

    @property
    def device(self) -> devices.device:
        """Where the memory is."""
        return devices.CPU

    def data_ptr(self) -> int:
        """The address at which the memory begins."""
        return storage.address(self.array)

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self.array.nbytes

    def size(self) -> int:
        """How many elements there are: bytes, where the storage has no type."""
        return self.array.size

    __len__ = size

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.array.itemsize

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return list(self.array.tolist())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, index: int | slice) -> Any:
        found = self.array[index]
        return found.tolist() if isinstance(index, slice) else found.item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self.array[index] = value

    def is_shared(self) -> bool:
        """Whether other processes see the memory: never."""
        return False

    def is_pinned(self) -> bool:
        """Whether the memory is page-locked for a GPU: never."""
        return False

    def __repr__(self) -> str:
        lines = [f" {value}" for value in self.tolist()]
        return "\n".join([*lines, f"[torch.storage.{type(self).__name__}(device=cpu) of size {len(self)}]"])


class TypedStorage(UntypedStorage):
    """The memory that a tensor and its views share, read as elements of the tensor's type. Made by `tensor.storage()`.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0])[1:].storage().tolist()
    [1.0, 2.0]
    """

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes.of(self.array.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory byte by byte."""
        return UntypedStorage(self.array)
