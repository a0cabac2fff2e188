"""Pooling: the maximum or the average of every window that slides over the images.

The maximum of a window is that of its rows' maxima, and so for its sum: both are taken axis by axis. The gradient of
a maximum goes to the first element that has it, in row-major order (of several NaNs, to the last), as in PyTorch.
Images are channels-last in memory, as in `mytorch.ops.conv`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive, namespace_of
from mytorch.ops import shape
from mytorch.ops.variant import variant
from mytorch.ops.windows import Geometry, Sizes, channels_first, channels_last, taps

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "max_pool1d", "max_pool2d", "max_pool3d",
]  # fmt: skip

Numbers = int | Sequence[int]

# --- the maximum ----------------------------------------------------------------------------------------------------


def _one_axis(geometry: Geometry, axis: int, kernel: Sizes) -> tuple[Sizes, Geometry]:
    """The kernel and the geometry of pooling along one axis only."""
    nothing = Geometry(*[(n,) * len(kernel) for n in (1, 0, 1)])
    alone = [(*n[:axis], v[axis], *n[axis + 1 :]) for v, n in zip(geometry, nothing, strict=True)]
    return tuple([k if i == axis else 1 for i, k in enumerate(kernel)]), Geometry(*alone)


def _axis_by_axis(xp: Any, x: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry, combine: Any, empty: Any) -> Any:
    """Reduce windows of `x` (channels-last) by a NumPy function of two arrays; `empty` is what a border counts as."""
    for axis, size in enumerate(sizes):
        shape = (*x.shape[: axis + 1], size, *x.shape[axis + 2 :])
        alone, there = _one_axis(geometry, axis, kernel)
        met = [(windows, x[places]) for _, windows, places in taps(x.shape[1:-1], shape[1:-1], alone, there)]
        whole = all(part.shape == shape for _, part in met)
        if len(met) == 1 and whole:
            x = met[0][1]
        elif whole:  # no window meets a border: begin with two of its elements instead of with `empty`
            x = combine(met[0][1], met[1][1])
            for _, part in met[2:]:
                combine(x, part, out=x)
        else:
            x = xp.full(shape, empty, dtype=x.dtype)
            for windows, part in met:
                combine(x[windows], part, out=x[windows])
    return x


def _lowest(dtype: Any) -> Any:
    return -math.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_forward(xp: Any, x: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry) -> Any:
    x = channels_last(x)
    return channels_first(_axis_by_axis(xp, x, sizes, kernel, geometry, xp.maximum, _lowest(x.dtype)))


def _chosen(
    xp: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry
) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...], Any]]:
    """For every kernel position the windows and places, and for which of them the maximum was taken from there.

    `x` are images and `y` their windows' maxima, both channels-last.
    """
    positions = list(taps(x.shape[1:-1], y.shape[1:-1], kernel, geometry))
    last = _last_undefined(xp, x, y, positions) if bool(xp.isnan(xp.sum(y))) else None
    free = xp.ones(y.shape, dtype=bool)
    for number, (_, windows, places) in enumerate(positions):
        here = x[places] == y[windows]
        here &= free[windows]
        free[windows] ^= here
        if last is not None:
            here |= last[windows] == number
        yield windows, places, here


def _last_undefined(xp: Any, x: Any, y: Any, positions: Any) -> Any:
    """For each window the number of the last kernel position with NaN, or -1. (NaN equals nothing, not even NaN.)"""
    last = xp.full(y.shape, -1)
    undefined = x != x
    for number, (_, windows, places) in enumerate(positions):
        last[windows][undefined[places]] = number
    return last


def _only(xp: Any, g: Any, here: Any, out: Any = None) -> Any:
    """`g` where `here`, else 0: by their bits, which is faster than a choice and, unlike a product, right for inf."""
    mask = here.view(np.int8)
    xp.negative(mask, out=mask)  # True becomes -1, which has all bits set
    bits = f"i{g.itemsize}"
    where = None if out is None else out.view(bits)
    return xp.bitwise_and(g.view(bits), mask, out=where, dtype=bits).view(g.dtype)


def _max_back_forward(xp: Any, g: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> Any:
    g, x, y = channels_last(g), channels_last(x), channels_last(y)
    out = xp.zeros(x.shape, dtype=g.dtype)
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, geometry.stride, geometry.dilation, strict=True))
    for windows, places, here in _chosen(xp, x, y, kernel, geometry):
        if apart:
            _only(xp, g[windows], here, out[places])
        else:
            out[places] += _only(xp, g[windows], here)
    return channels_first(out)


def _max_pick_forward(xp: Any, h: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> Any:
    h, x, y = channels_last(h), channels_last(x), channels_last(y)
    out = xp.zeros(y.shape, dtype=h.dtype)
    for windows, places, here in _chosen(xp, x, y, kernel, geometry):
        out[windows] += _only(xp, h[places], here)
    return channels_first(out)


def _max_indices(xp: Any, x: Any, y: Any, kernel: Sizes, geometry: Geometry) -> Any:
    """Where each maximum was taken from, counted through the image in row-major order."""
    x, y = channels_last(x), channels_last(y)
    numbers = xp.arange(math.prod(x.shape[1:-1])).reshape(1, *x.shape[1:-1], 1)
    out = xp.zeros(y.shape, dtype=np.int64)
    for windows, places, here in _chosen(xp, x, y, kernel, geometry):
        out[windows] += numbers[places] * here
    return xp.ascontiguousarray(channels_first(out))


# x images, y their maxima, g the gradient of y, h one of the shape of x. Which element is chosen depends on x and y,
# but changes by jumps: there is no derivative by them.
_max_pool = Primitive(
    "max_pool",
    _max_forward,
    [lambda xp, g, out, x, sizes, kernel, geometry: xp.max_pool_back(g, x, out, kernel, geometry)],
    grad_name="MaxPool2DWithIndicesBackward0",
)
_max_pool3d = variant(_max_pool, "max_pool3d", "MaxPool3DWithIndicesBackward0")
_max_pool_back = Primitive(
    "max_pool_back",
    _max_back_forward,
    [lambda xp, h, _out, _g, x, y, kernel, geometry: xp.max_pool_pick(h, x, y, kernel, geometry), None, None],
)
_max_pool_pick = Primitive(
    "max_pool_pick",
    _max_pick_forward,
    [lambda xp, g, _out, _h, x, y, kernel, geometry: xp.max_pool_back(g, x, y, kernel, geometry), None, None],
)

# --- the average ----------------------------------------------------------------------------------------------------


def _counts(
    xp: Any, space: Sizes, sizes: Sizes, kernel: Sizes, geometry: Geometry, include_pad: bool, divisor: int | None
) -> Any:
    """What the sum of each window is divided by: one number, or (*sizes, 1)."""
    if divisor is not None:
        return divisor
    whole = math.prod(kernel)
    counts = []
    for n, size, k, step, before, _ in zip(space, sizes, kernel, *geometry, strict=True):
        start = np.arange(size) * step - before
        # Padding on both sides may count; what `ceil_mode` lets a window overhang beyond it never does.
        end = np.minimum(start + k, n + before)
        counts.append(end - start if include_pad else np.minimum(end, n) - np.maximum(start, 0))
    if all((c == k).all() for c, k in zip(counts, kernel, strict=True)):
        return whole
    return xp.asarray(functools.reduce(np.multiply.outer, counts)[..., None])


def _divided(x: Any, counts: Any) -> Any:
    return (x / counts).astype(x.dtype, copy=False)


def _avg_forward(
    xp: Any, x: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry, include_pad: bool, divisor: int | None
) -> Any:
    x = channels_last(x)
    counts = _counts(xp, x.shape[1:-1], sizes, kernel, geometry, include_pad, divisor)
    return channels_first(_divided(_axis_by_axis(xp, x, sizes, kernel, geometry, xp.add, 0), counts))


def _avg_back_forward(
    xp: Any, g: Any, sizes: Sizes, kernel: Sizes, geometry: Geometry, include_pad: bool, divisor: int | None
) -> Any:
    g = channels_last(g)
    g = _divided(g, _counts(xp, sizes, g.shape[1:-1], kernel, geometry, include_pad, divisor))
    for axis in reversed(range(len(sizes))):
        out = xp.zeros((*g.shape[: axis + 1], sizes[axis], *g.shape[axis + 2 :]), dtype=g.dtype)
        alone, there = _one_axis(geometry, axis, kernel)
        for _, windows, places in taps(out.shape[1:-1], g.shape[1:-1], alone, there):
            out[places] += g[windows]
        g = out
    return channels_first(g)


_avg_pool = Primitive(
    "avg_pool",
    _avg_forward,
    [
        lambda xp, g, _out, x_shape, sizes, kernel, geometry, include_pad, divisor: xp.avg_pool_back(
            g, tuple(x_shape[2:]), kernel, geometry, include_pad, divisor
        )
    ],
    grad_name="AvgPool2DBackward0",
)
_avg_pool3d = variant(_avg_pool, "avg_pool3d", "AvgPool3DBackward0")
_avg_pool_back = Primitive(
    "avg_pool_back",
    _avg_back_forward,
    [
        lambda xp, h, _out, g_shape, sizes, kernel, geometry, include_pad, divisor: xp.avg_pool(
            h, tuple(g_shape[2:]), kernel, geometry, include_pad, divisor
        )
    ],
)

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
    primitive = _max_pool3d if dims == 3 else _max_pool
    out = on_batch(primitive, dims, input, sizes=sizes, kernel=kernel, geometry=geometry)
    if not indices:
        return out
    x, y = input.array, out.array
    if x.ndim == dims + 2:
        return out, wrap(_max_indices(namespace_of(x), x, y, kernel, geometry))
    return out, wrap(_max_indices(namespace_of(x), x[None], y[None], kernel, geometry)[0])


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
    return on_batch(
        _avg_pool3d if dims == 3 else _avg_pool,
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
