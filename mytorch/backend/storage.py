"""The memory behind an array: where it begins and ends, and other arrays over it, by size, stride and offset.

PyTorch calls it the storage of a tensor: all views of a tensor have the same. Here it is the memory of the array that
views were made from. Strides and offsets are counted in elements, as PyTorch counts them, where NumPy counts bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]


class Window:
    """What `numpy.asarray` makes an array of: any shape and strides (in bytes) over memory that `base` keeps alive."""

    def __init__(self, base: Any, address: int, dtype: np.dtype[Any], shape: Shape, strides: Shape, writable: bool):
        self.base = base
        self.__array_interface__ = {
            "data": (address, not writable), "typestr": dtype.str, "shape": shape, "strides": strides, "version": 3
        }  # fmt: skip

    def array(self) -> Array:
        """The array."""
        return np.asarray(self)


def owner(array: Array) -> Array:
    """The array whose memory this one shows: itself if it is no view.

    >>> a = np.zeros(4)
    >>> owner(a[1:][:2]) is a
    True
    """
    while True:
        base = array.base.base if isinstance(array.base, Window) else array.base
        if type(base) is not np.ndarray:
            return array
        array = base


def extent(array: Array) -> tuple[int, int]:
    """The address at which the memory begins of which the array shows a part, and its size in bytes."""
    if not array.size:
        found = owner(array)
        return (byte_bounds(found)[0], found.nbytes) if found.size else (array.ctypes.data, 0)
    start, end = byte_bounds(owner(array))
    return start, end - start


def address(array: Array) -> int:
    """Where the first element lies."""
    found: int = array.__array_interface__["data"][0]
    return found


def offset(array: Array) -> int:
    """How many elements lie between the beginning of the memory and the array's first one.

    >>> offset(np.zeros((2, 3))[1:])
    3
    """
    return (address(array) - extent(array)[0]) // array.itemsize


def strides(array: Array) -> Shape:
    """How many elements lie between neighbours, for each dimension.

    Where it makes no difference NumPy may say 0 (in a new array without elements, and along a dimension of size 1 that
    an index has added); PyTorch says what a contiguous tensor would have.

    >>> strides(np.zeros((0, 5, 2))), strides(np.zeros(3)[:, None])
    ((10, 2, 1), (1, 1))
    """
    held = tuple([s // array.itemsize for s in array.strides])
    if 0 not in held:
        return held
    if not array.size and not any(held):
        return contiguous_strides(array.shape)
    found: list[int] = []
    behind = 1
    for n, s in zip(reversed(array.shape), reversed(held), strict=True):
        found.append(behind if n == 1 and not s else s)
        behind = n * found[-1]
    return tuple(reversed(found))


def contiguous_strides(shape: Shape) -> Shape:
    """The strides of an array in row-major order.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    return tuple([math.prod([max(n, 1) for n in shape[d + 1 :]]) for d in range(len(shape))])


def span(shape: Shape, strides: Shape) -> int:
    """How many elements lie between the first and the last of an array, both counted."""
    return 1 + sum([(n - 1) * s for n, s in zip(shape, strides, strict=True)]) if math.prod(shape) else 0


def overlaps(shape: Shape, strides: Shape) -> bool:
    """Whether two elements may lie at one place.

    >>> overlaps((2, 3), (3, 1)), overlaps((2, 3), (1, 1))
    (False, True)
    """
    reach = 0
    for s, n in sorted(zip(strides, shape, strict=True)):
        if n > 1:
            if s <= reach:
                return True
            reach += (n - 1) * s
    return False


def as_strided(array: Array, shape: Shape, strides: Shape, offset: int) -> Array:
    """Another array over the memory of this one; the offset counts from where the memory begins.

    Raises:
        RuntimeError: the numbers are no sizes, strides or offset, or lead out of the memory.

    >>> as_strided(np.arange(6), (2, 2), (3, 1), 1)
    array([[1, 2],
           [4, 5]])
    """
    if len(shape) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    if any(n < 0 for n in shape):
        raise RuntimeError(f"as_strided: negative sizes are not supported, got {list(shape)}")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    start, held = extent(array)
    size = array.itemsize
    needed = (offset + span(shape, strides)) * size if math.prod(shape) else 0
    if needed > held:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and itemsize {size} "
            f"requiring a storage size of {needed} are out of bounds for storage of size {held}"
        )
    where = start + offset * size if needed else start
    steps = tuple([s * size for s in strides])
    return Window(array, where, array.dtype, shape, steps, array.flags.writeable).array()
