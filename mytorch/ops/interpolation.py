"""Images in another size: nearest neighbours, linear and cubic interpolation, averages of areas.

Every mode works axis by axis, and along an axis each element of the result is a weighted sum of a few elements of the
input. So an axis is described by `Taps`: the numbers of those elements and their weights. The gradient adds the same
products the other way round.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mytorch.autograd.application import apply
from mytorch.autograd.primitive import Primitive
from mytorch.ops.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    multiply_axes,
)
from mytorch.ops.windows import channels_first, channels_last

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

Numbers = int | Sequence[int]


LONGEST = 256  # elements of an axis up to which its taps are a matrix


class Taps(NamedTuple):
    """Along one axis, for each element of the result: which elements of the input to add up, with which weights."""

    index: Any  # (taps, size), each row in ascending order
    weight: Any  # (taps, size), or None where there is one tap of weight 1


def _along(values: Any, axis: int, ndim: int) -> Any:
    """A vector as an array that broadcasts along one axis."""
    return values.reshape((-1,) + (1,) * (ndim - axis - 1))


def _matrices(xp: Any, x: Any, taps: tuple[Taps, ...], space: Sequence[int]) -> list[Any] | None:
    """The taps of each axis as a matrix, (size, space); None where the sums of a few elements have to be taken.

    A product with a matrix of mostly zeros takes a fifth of the time, but spreads infinities over its lines; and beyond
    some hundred elements it has too many zeros.
    """
    if x.dtype.kind != "f" or max(space) > LONGEST or not bool(xp.isfinite(xp.sum(x))):
        return None
    found = []
    for (index, weight), n in zip(taps, space, strict=True):
        matrix = np.zeros((index.shape[1], n))
        for k, places in enumerate(index):
            np.add.at(matrix, (np.arange(len(places)), places), 1 if weight is None else weight[k])
        found.append(matrix)
    return found


def _resample_forward(xp: Any, x: Any, taps: tuple[Taps, ...]) -> Any:
    dtype = x.dtype
    if dtype.kind == "f":
        x = x.astype(np.float32) if dtype.itemsize < 4 else x
    copies = all(weight is None for _, weight in taps)
    matrices = None if copies else _matrices(xp, x, taps, x.shape[2:])
    if matrices is not None:
        return multiply_axes(xp, x, matrices).astype(dtype, copy=False)
    x = channels_last(x)
    for axis, (index, weight) in reversed(list(enumerate(taps, 1))):
        if weight is None:
            x = xp.take(x, index[0], axis)
        elif dtype.kind == "f":
            x = _weighted(xp, x, index, weight.astype(x.dtype), axis)
        else:
            # PyTorch computes bytes in integers, with weights of 16 bits, and rounds to bytes after every axis.
            bits = int(np.floor(np.log2((2**15 - 0.5) / weight.max())))
            whole = np.trunc(weight * 2.0**bits + np.copysign(0.5, weight)).astype(np.int64)
            summed = _weighted(xp, x.astype(np.int64), index, whole, axis) + 2 ** (bits - 1)
            x = xp.clip(summed >> bits, 0, 255)
    return channels_first(x.astype(dtype, copy=False))


def _weighted(xp: Any, x: Any, index: Any, weight: Any, axis: int) -> Any:
    total: Any = 0
    for i, w in zip(index, weight, strict=True):
        total = total + xp.take(x, i, axis) * _along(w, axis, x.ndim)
    return total


def _resample_back_forward(xp: Any, g: Any, taps: tuple[Taps, ...], space: tuple[int, ...]) -> Any:
    dtype = g.dtype
    g = g.astype(np.float32) if dtype.itemsize < 4 else g
    matrices = _matrices(xp, g, taps, space)
    if matrices is not None:
        return multiply_axes(xp, g, [matrix.T for matrix in matrices]).astype(dtype, copy=False)
    g = channels_last(g)
    for axis, (index, weight) in enumerate(taps, 1):
        out = xp.zeros((*g.shape[:axis], space[axis - 1], *g.shape[axis + 1 :]), dtype=g.dtype)
        for k, i in enumerate(index):
            part = g if weight is None else g * _along(weight[k].astype(g.dtype), axis, g.ndim)
            # Neighbours in the result that came from the same element stand side by side.
            starts = np.flatnonzero(np.diff(i, prepend=-1))
            out[(slice(None),) * axis + (i[starts],)] += xp.add.reduceat(part, starts, axis=axis)
        g = out
    return channels_first(g.astype(dtype, copy=False))


_resample = Primitive(
    "resample",
    _resample_forward,
    [lambda xp, g, _out, x_shape, taps: xp.resample_back(g, taps, tuple(x_shape[2:]))],
    grad_name="UpsampleBackward0",
)
_resample_back = Primitive(
    "resample_back", _resample_back_forward, [lambda xp, h, _out, _g, taps, space: xp.resample(h, taps)]
)

# --- which elements, with which weights -----------------------------------------------------------------------------
# `scale` is how many elements of the input one of the result stands for. Positions are counted in the precision of
# the image, float32 at least, as in PyTorch: where they fall near an integer, rounding decides which element is taken.


def nearest_places(n: int, size: int, factor: float | None, exact: bool) -> Any:
    """Along one axis of `n` elements, for each of `size` in the result the one that it is a copy of.

    `factor` is what the size was multiplied by, None if it is to be found from the sizes.
    """
    single = np.float32
    scale = single(1.0 / factor) if factor is not None else single(n) / single(size)
    places = np.arange(size)
    if not exact and size in (n, 2 * n):
        return places // (size // n)
    moved = places.astype(single) + single(0.5 if exact else 0)
    return np.minimum(np.floor(moved * scale).astype(np.int64), n - 1)


def _positions(n: int, size: int, factor: float | None, align: bool, real: Any, cubic: bool) -> tuple[Any, Any]:
    """For each element of the result the element of the input before it, and how far after that it lies (0 to 1)."""
    places = np.arange(size, dtype=real)
    scale = _scale(n, size, factor, align, real)
    at = places * scale if align else (places + real(0.5)) * scale - real(0.5)
    if not cubic:
        at = np.maximum(at, 0)
    before = np.minimum(np.floor(at).astype(np.int64), n - 1)
    return before, np.clip(at - before, 0, 1)


def _scale(n: int, size: int, factor: float | None, align: bool, real: Any) -> Any:
    if align:
        return real(n - 1) / real(size - 1) if size > 1 else real(0)
    return real(1.0 / factor) if factor is not None else real(n) / real(size)


def _linear(n: int, size: int, factor: float | None, align: bool, real: Any) -> Taps:
    if n == size:
        return Taps(np.arange(n)[None], None)
    before, beyond = _positions(n, size, factor, align, real, False)
    return Taps(np.stack([before, np.minimum(before + 1, n - 1)]), np.stack([1 - beyond, beyond]))


def _cubic_kernel(x: Any, a: float) -> Any:
    """Keys' convolution kernel, which reaches over two elements on each side.

    Source: R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981.
    """
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _cubic(n: int, size: int, factor: float | None, align: bool, real: Any) -> Taps:
    before, beyond = _positions(n, size, factor, align, real, True)
    offsets = np.arange(-1, 3)[:, None]
    return Taps(np.clip(before + offsets, 0, n - 1), _cubic_kernel(beyond - offsets.astype(real), -0.75))


def _lanczos_kernel(x: Any) -> Any:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


# For downscaling without aliasing: how far a kernel reaches to each side, and the kernel.
_SMOOTH: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "bilinear": (1, lambda x: np.maximum(1 - np.abs(x), 0)),
    "bicubic": (2, lambda x: _cubic_kernel(x, -0.5)),
    "lanczos": (3, _lanczos_kernel),
}


def _antialiased(n: int, size: int, factor: float | None, align: bool, real: Any, mode: str) -> Taps:
    """The kernel, widened by the scale when the image shrinks, so that no element of the input is passed over."""
    reach, kernel = _SMOOTH[mode]
    scale = float(_scale(n, size, factor, align, real))
    stretch = max(scale, 1.0)
    center = scale * (np.arange(size) + 0.5)
    first = np.maximum((center - reach * stretch + 0.5).astype(np.int64), 0)
    stop = np.minimum((center + reach * stretch + 0.5).astype(np.int64), n)
    index = first + np.arange((stop - first).max())[:, None]
    weight = np.where(index < stop, kernel((index - center + 0.5) / stretch), 0)
    return Taps(np.minimum(index, n - 1), (weight / weight.sum(0)).astype(real))


# --- arguments ------------------------------------------------------------------------------------------------------

# For each mode the numbers of dimensions of an input that it takes.
_MODES = {
    "nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5), "linear": (3,), "bilinear": (4,),
    "trilinear": (5,), "bicubic": (4,), "lanczos": (4,),
}  # fmt: skip


def target_sizes(
    space: tuple[int, ...], size: Any, scale_factor: Any, recompute: bool
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """The result's sizes, from those of the input, and the factors to compute positions with (None: from the sizes)."""
    if (size is None) == (scale_factor is None):
        both = "only one of" if size is not None else "either"
        raise ValueError(f"{both} size or scale_factor should be defined")
    name, given = ("output size", size) if size is not None else ("scale_factor", scale_factor)
    if isinstance(given, (tuple, list)) and len(given) != len(space):
        raise ValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got input with spatial dimensions "
            f"of {list(space)} and {name} of {given}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
            f"a {name} for each of d1, d2, ...,dK."
        )
    numbers = tuple(given) if isinstance(given, (tuple, list)) else (given,) * len(space)
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if not all(isinstance(n, (int, np.integer)) for n in numbers):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
                f"with types {[type(n) for n in numbers]}"
            )
        return numbers, (None,) * len(space)
    sizes = tuple([int(n * factor) for n, factor in zip(space, numbers, strict=True)])
    return sizes, (None,) * len(space) if recompute else numbers


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Sequences, images or volumes, (batch, channels, *space), in another size.

    Args:
        size: the result's sizes in space; one number for all, or one for each.
        scale_factor: instead of `size`, by how much to multiply the input's; results are rounded down.
        mode: "nearest", "nearest-exact" (which rounds positions as image libraries do), "area" (averages), for any
            input; "linear" for sequences, "bilinear" and "bicubic" for images, "trilinear" for volumes; "lanczos" for
            images with `antialias`.
        align_corners: whether the outermost elements are taken to lie at the corners of both images, or the images'
            borders to be the same (the default). Not for nearest and area.
        recompute_scale_factor: take positions from the rounded sizes and not from `scale_factor`.
        antialias: for "bilinear", "bicubic" and "lanczos": take more elements into account when the image shrinks.

    Raises:
        ValueError, TypeError: arguments that do not go together.
        NotImplementedError: the mode does not exist for an input of that number of dimensions.
        RuntimeError: nothing to interpolate, or an empty result.

    >>> import mytorch
    >>> mytorch.nn.functional.interpolate(mytorch.tensor([[[0.0, 4.0]]]), scale_factor=2, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    ndim = input.array.ndim
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    recompute = bool(recompute_scale_factor)
    sizes, factors = target_sizes(
        input.array.shape[2:], size, scale_factor, recompute or (mode == "area" and size is None)
    )
    if antialias and not (mode in _SMOOTH and ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode in _MODES and ndim not in _MODES[mode] and ndim in (3, 4, 5):
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {_MODES[mode][0]}D input")
    if mode not in _MODES or ndim not in (3, 4, 5):
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: "
            f"{' | '.join(_MODES)} (got {mode})"
        )
    if mode == "lanczos" and (align_corners or not antialias):
        raise ValueError("Lanczos mode requires antialias=True and does not support align_corners=True")
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[ndim - 3](input, sizes)
    return apply(_resample, input, taps=_taps(input, sizes, factors, mode, bool(align_corners), antialias))


def _taps(input: Any, sizes: Any, factors: Any, mode: str, align: bool, antialias: bool) -> tuple[Taps, ...]:
    x = input.array
    space = x.shape[2:]
    if min((*space, *sizes)) <= 0:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(space)} and output {list(sizes)}"
        )
    if not x.shape[1]:
        raise RuntimeError(f"Non-empty {x.ndim}D data tensor expected but got a tensor with sizes {list(x.shape)}")
    if x.dtype.kind not in "f" and x.dtype != np.uint8:
        raise NotImplementedError(f'"upsample_{mode}" not implemented for {input.dtype}')
    real = np.float32 if x.dtype in (np.float16, np.float32) else np.float64
    axes = zip(space, sizes, factors, strict=True)
    if antialias:
        return tuple([_antialiased(*axis, align, real, mode) for axis in axes])
    if mode.startswith("nearest"):
        return tuple([Taps(nearest_places(*axis, mode == "nearest-exact")[None], None) for axis in axes])
    found = [(_cubic if mode == "bicubic" else _linear)(*axis, align, real) for axis in axes]
    return tuple([t if t.weight is None or x.dtype.kind == "f" else _merged(t) for t in found])


def _merged(taps: Taps) -> Taps:
    """At a border, where taps meet the same element, the whole weight at the first of them: bytes round each weight."""
    index, weight = taps.index, taps.weight.copy()
    for k in reversed(range(1, len(index))):
        same = index[k] == index[k - 1]
        weight[k - 1] += np.where(same, weight[k], 0)
        weight[k] = np.where(same, 0, weight[k])
    return Taps(index, weight)


def _deprecated(name: str) -> None:
    warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate`'s old name."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "nearest"; deprecated."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "bilinear" and aligned corners; deprecated."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
