"""From the words of a generator to uniform numbers, and what all distributions do: scale, round, refuse types.

PyTorch's kernels take 24 bits of one word for float32 and 53 bits of two words for float64, and scale with a fused
multiply-add, since its compilers make one of `u * scale + offset`. NumPy has none, so it is put together here.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mytorch.backend.dtypes import type_name
from mytorch.backend.generator import Generator

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = int | tuple[int, ...]

CHUNK = 8192  # values made at a time, so that the arrays in between stay in the cache


def uniform24(generator: Generator, count: int) -> NDArray[np.float32]:
    """Uniforms in [0, 1): the low 24 bits of one word each."""
    values = np.empty(count, np.float32)
    for start in range(0, count, CHUNK):
        chunk = values[start : start + CHUNK]
        chunk[...] = generator.words(chunk.size) & 0xFFFFFF
        chunk *= np.float32(2.0**-24)
    return values


def uniform53(generator: Generator, count: int) -> NDArray[np.float64]:
    """Uniforms in [0, 1): the low 53 bits of two words each, put together in exact float64 arithmetic."""
    values = np.empty(count)
    for start in range(0, count, CHUNK):
        chunk = values[start : start + CHUNK]
        words = generator.words(2 * chunk.size)
        chunk[...] = words[0::2] & 0x1FFFFF
        chunk *= 2.0**32
        chunk += words[1::2]
        chunk *= 2.0**-53
    return values


def count_of(shape: Shape) -> int:
    return shape if isinstance(shape, int) else math.prod(shape)


def floating(dtype: DTypeLike, kernel: str) -> np.dtype[Any]:
    result = np.dtype(dtype)
    if result not in (np.float16, np.float32, np.float64):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(result)}'")
    return result


def refuse(dtype: DTypeLike, kinds: str, kernel: str) -> None:
    if np.dtype(dtype).kind in kinds:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(np.dtype(dtype))}'")


def rounded(values: Array, dtype: np.dtype[Any]) -> Array:
    """`values` as `dtype`; float64 becomes float16 by way of float32, as C10's Half does."""
    with np.errstate(over="ignore"):
        if dtype == np.float16:
            values = values.astype(np.float32)
        return values.astype(dtype, copy=False)


def scale_and_shift(values: Array, scale: float, offset: float) -> None:
    """`values * scale + offset` in place, rounded once: PyTorch's compilers make a fused multiply-add of it.

    float32 is computed in float64, where the product is exact. For float64 the rounding errors of the product
    (Dekker) and of the sum (Knuth) are found exactly and added at the end.
    """
    if values.dtype == np.float32:
        scale, offset = float(np.float32(scale)), float(np.float32(offset))
    scale_high, scale_low = _halves(np.float64(scale))
    for start in range(0, values.size, CHUNK):
        chunk = values[start : start + CHUNK]
        product = chunk.astype(np.float64) * scale
        total = product + offset
        if values.dtype == np.float64 and offset != 0.0:
            high, low = _halves(chunk)
            error = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
            added = total - product
            error += (product - (total - added)) + (offset - added)
            total += error
        chunk[...] = total


def _halves(values: Any) -> tuple[Any, Any]:
    """float64 as a sum of two numbers with at most 27 bits each."""
    high = (np.asarray(values).view(np.uint64) & 0xFFFFFFFFF8000000).view(np.float64)
    return high, values - high
