"""Memory formats: in which order the elements of an array lie in memory, whatever the order of its dimensions.

`channels_last` is for images of shape (N, C, H, W) whose pixels hold their channels side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.backend.storage import contiguous_strides, strides


class memory_format:  # noqa: N801 - PyTorch's name
    """One of `contiguous_format`, `preserve_format`, `channels_last` and `channels_last_3d`.

    >>> channels_last
    torch.channels_last
    """

    __slots__ = ("axes", "name")

    def __init__(self, name: str, axes: tuple[int, ...] | None = None) -> None:
        self.name = name
        self.axes = axes  # the dimensions from the slowest to the fastest in memory; None: as they are numbered

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:  # there is one of each: copies and pickles are the same object
        return self.name


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last", (0, 2, 3, 1))
channels_last_3d = memory_format("channels_last_3d", (0, 2, 3, 4, 1))


class layout:  # noqa: N801 - PyTorch's name
    """How elements are found in memory. There is one way: `strided`, by a stride for each dimension.

    >>> strided
    torch.strided
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = layout("strided")


def is_laid_out(array: np.ndarray[Any, Any], format: memory_format = contiguous_format) -> bool:
    """Whether the elements lie in the order of a format, without gaps.

    >>> is_laid_out(np.zeros((1, 2, 3, 4))), is_laid_out(np.zeros((1, 2, 3, 4)), channels_last)
    (True, False)
    """
    if format.axes is None:
        return array.flags.c_contiguous
    if array.ndim != len(format.axes) or not array.size:
        return False
    return array.transpose(format.axes).flags.c_contiguous


def lay_out(array: np.ndarray[Any, Any], format: memory_format = contiguous_format) -> np.ndarray[Any, Any]:
    """A copy whose elements lie in the order of a format; `preserve_format` keeps the order that they have.

    Raises:
        RuntimeError: the format is for arrays of another number of dimensions.

    >>> lay_out(np.zeros((1, 2, 3, 4)), channels_last).strides
    (192, 8, 64, 16)
    """
    if format is preserve_format:
        return array.copy(order="K")
    out = empty(array.shape, array.dtype, format)
    np.copyto(out, array)
    return out


def empty(shape: tuple[int, ...], dtype: Any, format: memory_format = contiguous_format) -> np.ndarray[Any, Any]:
    """An array with whatever was in memory, its elements in the order of a format.

    Raises:
        RuntimeError: the format is for arrays of another number of dimensions.
    """
    axes = format.axes
    if axes is None:
        return np.empty(shape, dtype)
    if len(shape) != len(axes):
        raise RuntimeError(f"required rank {len(axes)} tensor to use {format.name} format")
    inverse = sorted(range(len(axes)), key=axes.__getitem__)
    return np.empty([shape[a] for a in axes], dtype).transpose(inverse)


def strides_of(shape: tuple[int, ...], format: memory_format = contiguous_format) -> tuple[int, ...]:
    """The strides, counted in elements, of an array of that shape in a format.

    Raises:
        RuntimeError: the format is for arrays of another number of dimensions.

    >>> strides_of((1, 2, 3, 4), channels_last)
    (24, 1, 8, 2)
    """
    if format.axes is None:
        return contiguous_strides(shape)
    if len(shape) != len(format.axes):
        raise RuntimeError(f"required rank {len(format.axes)} tensor to use {format.name} format")
    found = dict(zip(format.axes, contiguous_strides(tuple([shape[a] for a in format.axes])), strict=True))
    return tuple([found[d] for d in range(len(shape))])


def order(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """The dimensions from the slowest to the fastest in memory. A stride of 0 says nothing about its dimension.

    >>> order(np.zeros((2, 3, 4)).transpose(1, 2, 0))
    (2, 0, 1)
    """
    steps, shape = strides(array), array.shape
    in_rows, in_channels = is_laid_out(array), is_laid_out(array, channels_last)
    if in_rows != in_channels:
        return tuple(range(array.ndim)) if in_rows else channels_last.axes or ()
    found = list(reversed(range(array.ndim)))
    for new in range(1, array.ndim):  # insertion: those before `new` are in order, the fastest first
        place = new
        for other in reversed(range(new)):
            a, b = found[other], found[place]
            if not steps[a] or not steps[b] or (steps[a] == steps[b] and shape[b] >= shape[a]):
                continue
            if steps[b] > steps[a]:
                break
            found[other], found[place], place = b, a, other
    return tuple(reversed(found))


def suggested(array: np.ndarray[Any, Any]) -> memory_format:
    """The format of which an array's strides speak: `contiguous_format` where they could be of several, or of none.

    >>> suggested(np.zeros((1, 2, 3, 4))), suggested(np.zeros((1, 3, 4, 2)).transpose(0, 3, 1, 2))
    (torch.contiguous_format, torch.channels_last)
    """
    for format in (channels_last, channels_last_3d):
        if format.axes is not None and array.ndim == len(format.axes):
            return format if _increasing(array.shape, strides(array), format.axes) else contiguous_format
    return contiguous_format


def _increasing(shape: tuple[int, ...], steps: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Whether the strides grow from the last of `axes` to the first, and tell that order from row-major order."""
    least = 0
    if not steps[1]:
        return False
    for d in reversed(axes):
        if not shape[d] or steps[d] < least or (d == 0 and least == steps[1]):
            return False
        least = steps[d] * max(shape[d], 1)
    return True
