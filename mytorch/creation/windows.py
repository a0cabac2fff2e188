"""Windows for signals: `hann_window` and its family, that fade a piece of a signal in and out.

A periodic window (the default) is the first part of a symmetric one that is longer by one, so that repeated ones join.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mytorch.backend.dtypes import of
from mytorch.creation.filled import finish, float_type, integer
from mytorch.tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(name: str, shape: Callable[[Any, int], Any], length: int, periodic: bool, dtype: Any) -> Any:
    """The raw window; `shape(places, last)` gives the values at the places 0 to last."""
    count = integer(name, "window_length", length)
    numpy = float_type(dtype)
    if numpy.kind != "f":
        raise RuntimeError(f"{name} expects floating point dtypes, got: {of(numpy)}")
    if count < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={count}")
    if count < 2:
        return np.ones(count, numpy)
    total = count + bool(periodic)
    return shape(np.arange(total, dtype=numpy), total - 1)[:count].astype(numpy)


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """(1 - cos(2 pi n / N)) / 2, where N + 1 is the length of the symmetric window.

    Raises:
        RuntimeError: the length is negative, or the type is not floating point.

    >>> hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    array = _window("hann_window", _cosine(0.5, 0.5), window_length, periodic, dtype)
    return finish(array, device, requires_grad, layout, pin_memory)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """alpha - beta cos(2 pi n / N), where N + 1 is the length of the symmetric window.

    Raises:
        RuntimeError: the length is negative, or the type is not floating point.

    >>> hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    array = _window("hamming_window", _cosine(alpha, beta), window_length, periodic, dtype)
    return finish(array, device, requires_grad, layout, pin_memory)


def _cosine(alpha: float, beta: float) -> Callable[[Any, int], Any]:
    return lambda places, last: alpha - beta * np.cos(places * (2 * math.pi / last))


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """A triangle: 1 - |2 n / N - 1|, where N + 1 is the length of the symmetric window.

    Raises:
        RuntimeError: the length is negative, or the type is not floating point.

    >>> bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def triangle(places: Any, last: int) -> Any:
        rising = places * (2 / last)
        return np.where(places <= last // 2, rising, 2 - rising)

    array = _window("bartlett_window", triangle, window_length, periodic, dtype)
    return finish(array, device, requires_grad, layout, pin_memory)


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N), where N + 1 is the length of the symmetric window.

    Raises:
        RuntimeError: the length is negative, or the type is not floating point.

    >>> blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """

    def shape(places: Any, last: int) -> Any:
        half = places * (math.pi / last)
        return np.cos(half * 4) * 0.08 - np.cos(half * 2) * 0.5 + 0.42

    array = _window("blackman_window", shape, window_length, periodic, dtype)
    return finish(array, device, requires_grad, layout, pin_memory)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta), where N + 1 is the length of the symmetric window.

    It is computed in float64; PyTorch's float32 windows differ from it by up to 1e-6.

    Raises:
        RuntimeError: the length is negative, or the type is not floating point.

    >>> kaiser_window(4, beta=6.0)
    tensor([0.0149, 0.4830, 1.0000, 0.4830])
    """
    array = _window("kaiser_window", lambda _places, last: np.kaiser(last + 1, beta), window_length, periodic, dtype)
    return finish(array, device, requires_grad, layout, pin_memory)
