"""Memory formats: in which order the elements of an array lie in memory, whatever the order of its dimensions.

`channels_last` is for images of shape (N, C, H, W) whose pixels hold their channels side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np


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


contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last", (0, 2, 3, 1))
channels_last_3d = memory_format("channels_last_3d", (0, 2, 3, 4, 1))


def is_laid_out(array: np.ndarray[Any, Any], format: memory_format = contiguous_format) -> bool:
    """Whether the elements lie in the order of a format, without gaps.

    >>> is_laid_out(np.zeros((1, 2, 3, 4))), is_laid_out(np.zeros((1, 2, 3, 4)), channels_last)
    (True, False)
    """
    if format.axes is None:
        return array.flags.c_contiguous
    return array.ndim == len(format.axes) and array.transpose(format.axes).flags.c_contiguous


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
