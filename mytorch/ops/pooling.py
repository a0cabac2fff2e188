"""Pooling: the maximum or the average of every window that slides over the images.

`mytorch.ops.pooling_kernels` has what is computed and its derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive, namespace_of
from mytorch.backend.dtypes import type_name
from mytorch.ops import shape
from mytorch.ops.pooling_kernels import AVG_POOL, AVG_POOL_3D, MAX_POOL, MAX_POOL_3D, max_indices
from mytorch.ops.windows import Geometry, Sizes

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip

Numbers = int | Sequence[int]

# --- arguments ------------------------------------------------------------------------------------------------------

_WORDS = {1: "one int", 2: "two ints", 3: "three ints"}


def as_numbers(name: str, what: str, value: Any, dims: int) -> Sizes:
    """One number for all dimensions, or one for each."""
    given = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    if len(given) not in (1, dims):
        raise RuntimeError(f"{name}: {what} must either be a single int, or a tuple of {_WORDS[dims]}")
    return given * dims if len(given) == 1 else given


def check_input(name: str, input: Any, dims: int) -> None:
    if not isinstance(input, DifferentiableArray):
        raise wrong_argument(name, input)
    shape_ = input.array.shape
    if len(shape_) not in (dims + 1, dims + 2) or 0 in shape_[-dims - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {dims + 1}D or {dims + 2}D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(shape_)}"
        )


def _window(
    name: str, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, dims: int
) -> tuple[Sizes, Sizes, Geometry]:
    """The output's sizes, the kernel and the geometry, checked."""
    check_input(name, input, dims)
    kernel = as_numbers(name, "kernel_size", kernel_size, dims)
    no_stride = stride is None or (not isinstance(stride, int) and not len(stride))
    geometry = Geometry(
        kernel if no_stride else as_numbers(name, "stride", stride, dims),
        as_numbers(name, "padding", padding, dims),
        as_numbers(name, "dilation", dilation, dims),
    )
    if min(kernel) <= 0:
        raise RuntimeError(f"{name}: kernel size should be greater than zero, but got {list(kernel)}")
    if min(geometry.stride) <= 0:
        raise RuntimeError(f"stride should be greater than zero, but got {list(geometry.stride)}")
    if min(geometry.dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(geometry.dilation)}")
    for k, p, d in zip(kernel, geometry.padding, geometry.dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    if dims > 1 and any(p > k // 2 for k, p in zip(kernel, geometry.padding, strict=True)):
        raise RuntimeError(
            "pad should be smaller than or equal to half of kernel size, but got "
            f"pad = {list(geometry.padding)}, kernel = {list(kernel)}"
        )
    space = input.array.shape[-dims:]
    sizes = []
    for n, k, s, p, d in zip(space, kernel, *geometry, strict=True):
        spare = n + 2 * p - d * (k - 1) - 1
        size = -(-spare // s) + 1 if ceil_mode else spare // s + 1
        if ceil_mode and (size - 1) * s >= n + p:
            size -= 1  # the last window would lie in the padding alone
        sizes.append(size)
    if min(sizes) < 1:
        channels = input.array.shape[-dims - 1]
        before, after = "x".join(map(str, space)), "x".join(map(str, sizes))
        raise RuntimeError(
            f"Given input size: ({channels}x{before}). Calculated output size: ({channels}x{after}). Output size is "
            "too small"
        )
    return tuple(sizes), kernel, geometry


def on_batch(primitive: Primitive, dims: int, input: Any, **options: Any) -> Any:
    """Apply to a batch, or to one image as a batch of one."""
    if input.array.ndim == dims + 2:
        return apply(primitive, input, **options)
    return shape.squeeze(apply(primitive, shape.unsqueeze(input, 0), **options), 0)


def max_pool(
    dims: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: bool
) -> Any:
    name = f"max_pool{dims}d"
    sizes, kernel, geometry = _window(name, input, kernel_size, stride, padding, dilation, ceil_mode, dims)
    primitive = MAX_POOL_3D if dims == 3 else MAX_POOL
    out = on_batch(primitive, dims, input, sizes=sizes, kernel=kernel, geometry=geometry)
    if not indices:
        return out
    x, y = input.array, out.array
    if x.ndim == dims + 2:
        return out, wrap(max_indices(namespace_of(x), x, y, kernel, geometry))
    return out, wrap(max_indices(namespace_of(x), x[None], y[None], kernel, geometry)[0])


def _avg(
    dims: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Any:
    name = f"avg_pool{dims}d"
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    sizes, kernel, geometry = _window(name, input, kernel_size, stride, padding, 1, ceil_mode, dims)
    dtype = input.array.dtype
    if dtype.kind != "f" and dtype != np.int64:
        raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(dtype)}'")
    return on_batch(
        AVG_POOL_3D if dims == 3 else AVG_POOL,
        dims,
        input,
        sizes=sizes,
        kernel=kernel,
        geometry=geometry,
        include_pad=count_include_pad,
        divisor=divisor_override,
    )


# --- what users call ------------------------------------------------------------------------------------------------


def max_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of sequences, (batch, channels, length) or (channels, length); see `max_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.max_pool1d(mytorch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of images, (batch, channels, height, width) or (channels, height, width).

    Args:
        kernel_size: the window's size; here and below one number, or one for each dimension.
        stride: the step from window to window; `kernel_size` if not given.
        padding: rows around the image that no maximum is taken from; at most half a window.
        dilation: the distance between neighbouring elements of a window.
        ceil_mode: also take a last window that lies partly outside.
        return_indices: return with the maxima their positions, counted through each image in row-major order.

    A NaN in a window is its maximum. The gradient goes to the first of equal maxima.

    Raises:
        RuntimeError: an input of other dimensions, numbers that make no sense, or no window fits.

    >>> import mytorch
    >>> mytorch.nn.functional.max_pool2d(mytorch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The maximum of every window of volumes, (batch, channels, depth, height, width); see `max_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.max_pool3d(mytorch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The average of every window of sequences, (batch, channels, length) or (channels, length); see `avg_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.avg_pool1d(mytorch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of every window of images, (batch, channels, height, width) or (channels, height, width).

    Args:
        kernel_size, stride, ceil_mode: as in `max_pool2d`.
        padding: rows of zeros around the image; at most half a window.
        count_include_pad: count the zeros of the padding when dividing.
        divisor_override: divide by this instead of the number of elements.

    Raises:
        RuntimeError: as `max_pool2d`, or a divisor of 0.

    >>> import mytorch
    >>> mytorch.nn.functional.avg_pool2d(mytorch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of every window of volumes, (batch, channels, depth, height, width); see `avg_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.avg_pool3d(mytorch.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    return _avg(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp(dims: int, input: Any, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Any:
    count = math.prod(as_numbers(f"lp_pool{dims}d", "kernel_size", kernel_size, dims))
    mean = _avg(dims, input**norm_type, kernel_size, stride, 0, ceil_mode, True)
    return (mean.sign() * mean.abs().relu() * count) ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Tensor:
    """The power mean of every window of sequences; see `lp_pool2d`.

    >>> import mytorch
    >>> mytorch.nn.functional.lp_pool1d(mytorch.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _lp(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Numbers, stride: Numbers | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window of images: (sum of x^p)^(1/p), without taking absolute values first, as in PyTorch.

    >>> import mytorch
    >>> mytorch.nn.functional.lp_pool2d(mytorch.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp(2, input, norm_type, kernel_size, stride, ceil_mode)
