"""Adaptive pooling: as many windows as asked for, spread evenly over the input, whatever its size.

Window `i` of `size` over `space` places covers from `floor(i * space / size)` to `ceil((i + 1) * space / size)`, so
windows can overlap and differ in length by one. The average over the windows of one axis is a matrix product.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.primitive import Primitive, namespace_of
from mytorch.backend.dtypes import type_name
from mytorch.ops import shape
from mytorch.ops.indexing import gather
from mytorch.ops.pooling import check_input, max_pool, on_batch
from mytorch.ops.variant import variant
from mytorch.ops.windows import Sizes, blocks, channels_first, channels_last, scatter

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d",
]  # fmt: skip

OutputSize = int | None | Sequence[int | None]


def window_bounds(space: int, size: int) -> list[tuple[int, int]]:
    """Where each of `size` windows over `space` places begins and ends."""
    return [(i * space // size, -((i + 1) * space // -size)) for i in range(size)]


@functools.cache
def averaging_matrix(space: int, size: int) -> Any:
    """The matrix (size, space) that averages over the windows of one axis."""
    matrix = np.zeros((size, space))
    for row, (start, end) in zip(matrix, window_bounds(space, size), strict=True):
        row[start:end] = 1 / (end - start)
    return matrix


def multiply_axes(xp: Any, x: Any, matrices: Sequence[Any]) -> Any:
    """Apply to each axis in space of (batch, channels, *space) its matrix; a few images at a time."""
    x = channels_last(x)
    factors = [xp.asarray(matrix, dtype=x.dtype) for matrix in matrices]
    out = xp.empty((len(x), *[len(matrix) for matrix in matrices], x.shape[-1]), x.dtype)
    for block in blocks(out if out.nbytes > x.nbytes else x):
        images = xp.ascontiguousarray(x[block])
        for axis, matrix in enumerate(factors, start=1):
            images = _multiply_axis(xp, images, axis, matrix)
        out[block] = images
    return channels_first(out)


def _multiply_axis(xp: Any, x: Any, axis: int, matrix: Any) -> Any:
    rows = x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
    if matrix.shape[1] == 1 and bool((matrix == matrix[0]).all()):  # the same number everywhere
        product = xp.empty((len(rows), len(matrix), rows.shape[2]), x.dtype)
        scatter(xp, xp.broadcast_to(rows * matrix[0], product.shape), product)
    else:
        product = xp.matmul(matrix, rows)
        if not bool(xp.isfinite(xp.sum(product))):
            product = _without_zeros(xp, matrix, rows)
    return product.reshape(*x.shape[:axis], len(matrix), *x.shape[axis + 1 :])


def _without_zeros(xp: Any, matrix: Any, rows: Any) -> Any:
    """matrix @ rows without the products with 0, which are NaN for infinities and NaN: they stay in their windows."""
    sums = [xp.matmul(weights[weights != 0], rows[:, weights != 0]) for weights in matrix]
    return xp.stack(sums, axis=1)


def _adaptive_forward(xp: Any, x: Any, sizes: Sizes) -> Any:
    return multiply_axes(xp, x, [averaging_matrix(n, size) for n, size in zip(x.shape[2:], sizes, strict=True)])


def _adaptive_back_forward(xp: Any, g: Any, sizes: Sizes) -> Any:
    return multiply_axes(xp, g, [averaging_matrix(n, size).T for n, size in zip(sizes, g.shape[2:], strict=True)])


_adaptive_avg_pool = Primitive(
    "adaptive_avg_pool",
    _adaptive_forward,
    [lambda xp, g, _out, x_shape, sizes: xp.adaptive_avg_pool_back(g, tuple(x_shape[2:]))],
    grad_name="AdaptiveAvgPool2DBackward0",
)
_adaptive_avg_pool3d = variant(_adaptive_avg_pool, "adaptive_avg_pool3d", "AdaptiveAvgPool3DBackward0")
_adaptive_avg_pool_back = Primitive(
    "adaptive_avg_pool_back",
    _adaptive_back_forward,
    [lambda xp, h, _out, g_shape, sizes: xp.adaptive_avg_pool(h, tuple(g_shape[2:]))],
)


# --- arguments ------------------------------------------------------------------------------------------------------


def _adaptive_sizes(name: str, input: Any, output_size: Any, dims: int) -> Sizes:
    one = isinstance(output_size, int) or output_size is None
    if not one and dims > 1 and input.array.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    check_input(name, input, dims)
    given = (output_size,) * dims if one else tuple(output_size)
    if len(given) == 1:
        given = given * dims
    if len(given) != dims:
        raise RuntimeError(f"{name}: output_size must be one number or {dims}, but got {output_size}")
    sizes = tuple([n if size is None else int(size) for n, size in zip(input.array.shape[-dims:], given, strict=True)])
    if min(sizes) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {sizes}")
    return sizes


def _adaptive_avg(dims: int, input: Any, output_size: Any) -> Any:
    name = f"adaptive_avg_pool{dims}d"
    sizes = _adaptive_sizes(name, input, output_size, dims)
    if input.array.dtype.kind != "f":
        raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(input.array.dtype)}'")
    return on_batch(_adaptive_avg_pool3d if dims == 3 else _adaptive_avg_pool, dims, input, sizes=sizes)


def _adaptive_max(dims: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    sizes = _adaptive_sizes(f"adaptive_max_pool{dims}d", input, output_size, dims)
    x = input.array
    space = x.shape[-dims:]
    if 0 not in sizes and all(n % size == 0 for n, size in zip(space, sizes, strict=True)):
        step = tuple([n // size for n, size in zip(space, sizes, strict=True)])
        return max_pool(dims, input, step, step, 0, 1, False, return_indices)
    lead = x.shape[: x.ndim - dims]
    images = channels_last(x if x.ndim == dims + 2 else x[None])
    chosen = _places_of_maxima(namespace_of(x), images, sizes).reshape(*lead, math.prod(sizes))
    picked = gather(shape.flatten(input, x.ndim - dims), -1, wrap(chosen))
    out = shape.reshape(picked, (*lead, *sizes))
    return (out, wrap(chosen.reshape(*lead, *sizes))) if return_indices else out


def _places_of_maxima(xp: Any, x: Any, sizes: Sizes) -> Any:
    """For each window where its maximum lies, counted through the image; (batch, channels, *sizes), of x channels-last.

    Element by element of the windows, all windows at once. A window that has fewer gives its last one again, which
    changes nothing.
    """
    space = x.shape[1:-1]
    numbers = xp.arange(math.prod(space)).reshape(*space, 1)
    axes = [_elements(n, size) for n, size in zip(space, sizes, strict=True)]
    first, *others = [np.ix_(*elements) for elements in itertools.product(*axes)]
    best = x[(slice(None), *first)]
    chosen = xp.zeros(best.shape, dtype=np.int64) + numbers[first]
    for here in others:
        values = x[(slice(None), *here)]
        better = (values > best) | (values != values)  # of several NaNs the last counts, as in PyTorch
        step = numbers[here] - chosen
        step *= better
        chosen += step
        best = xp.maximum(best, values)
    return xp.ascontiguousarray(channels_first(chosen))


def _elements(space: int, size: int) -> Any:
    """For each window along one axis its first element, its second and so on: (elements, size)."""
    bounds = np.array(window_bounds(space, size), np.int64).reshape(size, 2)
    start, end = bounds[:, 0], bounds[:, 1]
    return np.minimum(start + np.arange(int((end - start).max(initial=1)))[:, None], end - 1)


# --- what users call ------------------------------------------------------------------------------------------------


def adaptive_avg_pool1d(input: Tensor, output_size: OutputSize) -> Tensor:
    """`output_size` averages of windows spread over each sequence; see `adaptive_avg_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.adaptive_avg_pool1d(mytorch.tensor([[1.0, 2.0, 6.0]]), 2)
    tensor([[1.5000, 4.0000]])
    """
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Averages of windows spread over each image, (batch, channels, height, width) or (channels, height, width).

    Args:
        output_size: the result's height and width; one number for both, None to keep a size.

    Raises:
        RuntimeError: an input of other dimensions, or a negative size.

    >>> import mytorch
    >>> mytorch.nn.functional.adaptive_avg_pool2d(mytorch.arange(16.0).reshape(1, 4, 4), 1)
    tensor([[[7.5000]]])
    """
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Averages of windows spread over each volume; see `adaptive_avg_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.adaptive_avg_pool3d(mytorch.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return _adaptive_avg(3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: OutputSize, return_indices: bool = False) -> Any:
    """`output_size` maxima of windows spread over each sequence; see `adaptive_max_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.adaptive_max_pool1d(mytorch.tensor([[1.0, 2.0, 6.0]]), 2)
    tensor([[2., 6.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: OutputSize, return_indices: bool = False) -> Any:
    """Maxima of windows spread over each image, (batch, channels, height, width) or (channels, height, width).

    Args:
        output_size: the result's height and width; one number for both, None to keep a size.
        return_indices: return with the maxima their positions, counted through each image in row-major order.

    Raises:
        RuntimeError: an input of other dimensions, or a negative size.

    >>> import mytorch
    >>> mytorch.nn.functional.adaptive_max_pool2d(mytorch.arange(9.0).reshape(1, 3, 3), 2)
    tensor([[[4., 5.],
             [7., 8.]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: OutputSize, return_indices: bool = False) -> Any:
    """Maxima of windows spread over each volume; see `adaptive_max_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.adaptive_max_pool3d(mytorch.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return _adaptive_max(3, input, output_size, return_indices)
