"""Normalization: inputs shifted and scaled to mean 0 and variance 1, over the batch, a channel, a group or a row.

All of them compute `(x - mean) * r * weight + bias` with `r = 1 / sqrt(variance + eps)`, and differ in what mean and
variance are taken over. In the derivatives, d is `x - mean`; both d and r are kept from the forward pass. When the
backward pass is itself differentiated, `_gradients` computes everything anew, for all of them alike.

Numbers by channel are small beside the data: everything that can be is computed from the sums of `_Channels`, and the
data itself is read and written a few times only, in the order in which it lies in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.primitive import Primitive, apply, convert
from mytorch.backend.dtypes import finfo
from mytorch.ops.activation import scalar_name
from mytorch.ops.clamping import clamp_min
from mytorch.ops.dims import normalize_dim
from mytorch.ops.padding import pad
from mytorch.ops.reduction import norm
from mytorch.ops.windows import channels_first, channels_last

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip

_SINGLE = np.dtype(np.float32)
_SPREAD = 16384  # a number for each channel is repeated to about so many before it meets the data

# --- memory ---------------------------------------------------------------------------------------------------------


def _tiles(rows: int, width: int) -> int:
    """How many rows of `width` numbers to take together, so that NumPy's inner loops are long."""
    limit = min(_SPREAD // max(width, 1), rows // 8)
    return math.gcd(rows, 1 << (limit.bit_length() - 1)) if limit > 1 else 1


class _Channels:
    """(samples, channels, *space) as three axes in the order of memory, and what is computed for each channel.

    With `groups` None there is one number for each channel of the whole batch, as an array of shape (1, channels);
    with a number of groups there is one for each channel of each sample, (samples, channels).
    """

    def __init__(self, xp: Any, x: Any, groups: int | None) -> None:
        self.xp, self.shape, self.groups = xp, x.shape, groups
        n, c = x.shape[:2]
        s = math.prod(x.shape[2:])
        self.last = s == 1 or (not x.flags.c_contiguous and channels_last(x).flags.c_contiguous)
        if not self.last:
            self.axes = n, c, s
        elif groups is None:  # samples and space are the same here, and can be divided anew
            tile = _tiles(n * s, c)
            self.axes = n * s // tile, tile, c
        else:
            self.axes = n, s, c
        self.count = max(n * s if groups is None else s * c // groups, 1)

    def rows(self, x: Any) -> Any:
        """The data in three axes; a copy only if its memory is in neither order."""
        return (channels_last(x) if self.last else x).reshape(self.axes)

    def back(self, rows: Any) -> Any:
        """The data in its own shape."""
        if not self.last:
            return rows.reshape(self.shape)
        n, c, *space = self.shape
        return channels_first(rows.reshape(n, *space, c))

    def sums(self, rows: Any) -> Any:
        """The sum of each channel. The products with ones are sums that BLAS computes."""
        first, second, third = self.axes
        ones = self.xp.ones
        if self.groups is None:
            folded = (ones(first, rows.dtype) @ rows.reshape(first, second * third)).reshape(second, third)
            return self.xp.sum(folded, 0 if self.last else 1)[None]
        return ones(second, rows.dtype) @ rows if self.last else rows @ ones(third, rows.dtype)

    def sums_of_products(self, x: Any, y: Any) -> Any:
        if self.last:
            return self.sums(x * y)
        sums = self.xp.vecdot(x, y)
        return self.xp.sum(sums, 0, keepdims=True) if self.groups is None else sums

    def mean(self, sums: Any) -> Any:
        """For each channel the mean over all that it is normalized together with."""
        if self.groups in (None, self.shape[1]):
            return sums / self.count
        grouped = self.xp.sum(sums.reshape(len(sums), self.groups, -1), 2) / self.count
        return self.xp.repeat(grouped, self.shape[1] // (self.groups or 1), 1)

    def spread(self, values: Any) -> Any:
        """A number for each channel in a shape that broadcasts to the data."""
        values = values[:, None, :] if self.last else values[:, :, None]
        if len(values) == self.axes[0]:
            return values
        full = self.xp.empty((1, *self.axes[1:]), values.dtype)
        full[...] = values
        return full


# --- over channels --------------------------------------------------------------------------------------------------


def _channel_forward(xp: Any, x: Any, w: Any, b: Any, groups: int | None, eps: float, running: Any) -> Any:
    how = _Channels(xp, x, groups)
    rows = how.rows(x)
    mean = how.mean(how.sums(rows))
    d = rows - how.spread(mean)
    variance = how.mean(how.sums_of_products(d, d))
    if running is not None and x.size:
        _track(xp, *running, mean, variance * (how.count / (how.count - 1)))
    r = 1 / xp.sqrt(variance + eps)
    out = d * how.spread(r if w is None else r * w)
    if b is not None:
        out += how.spread(b[None])
    return how.back(out), (how, d, r)


def _track(xp: Any, running_mean: Any, running_var: Any, momentum: float, mean: Any, variance: Any) -> None:
    """Move the running statistics towards those of this batch, by the share `momentum`."""
    for held, new in ((running_mean, mean), (running_var, variance)):
        held *= 1 - momentum
        held += xp.sum(new, 0) * (momentum / len(new))


def _channel_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, groups: int | None, eps: float, running: Any,
    aux: Any,
) -> tuple[Any, Any, Any]:  # fmt: skip
    if aux is None:
        n, c, *space = x.shape
        view = (n, c, *space) if groups is None else (n, groups, c // groups, *space)
        axes = (0, *range(2, len(view))) if groups is None else tuple(range(2, len(view)))
        inner = (*view[1 : len(view) - len(space)], *[1] * len(space))
        gx, gw, gb = _gradients(xp, g, x, w, needs, view, axes, inner, eps)
        return gx, *[None if v is None else xp.reshape(v, (c,)) for v in (gw, gb)]
    how, d, r = aux
    g = how.rows(g)
    sums, products = how.sums(g), how.sums_of_products(g, d)
    gx = None
    if needs[0]:
        mean = how.mean(sums if w is None else sums * w)
        slope = how.mean(products if w is None else products * w) * (r * r)
        gx = d * how.spread(-r * slope)
        gx -= how.spread(r * mean)
        gx += g * how.spread(r if w is None else r * w)
        gx = how.back(gx)
    return gx, xp.sum(r * products, 0) if needs[1] else None, xp.sum(sums, 0) if needs[2] else None


_batch_norm = Primitive(
    "batch_norm", _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name="NativeBatchNormBackward0"
)
_group_norm = Primitive(
    "group_norm", _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name="NativeGroupNormBackward0"
)
_instance_norm = Primitive(
    "instance_norm", _channel_forward, [None] * 3, joint=_channel_joint, aux=True, grad_name="NativeBatchNormBackward0"
)

# --- over channels, with mean m and factor r given ------------------------------------------------------------------


def _fixed_forward(xp: Any, x: Any, w: Any, b: Any, m: Any, r: Any) -> Any:
    how = _Channels(xp, x, None)
    scale = r if w is None else r * w
    shift = -m * scale if b is None else b - m * scale
    out = how.rows(x) * how.spread(scale[None])
    out += how.spread(shift[None])
    return how.back(out)


def _fixed_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, m: Any, r: Any
) -> tuple[Any, Any, Any]:
    shape = (-1, *[1] * (len(x.shape) - 2))
    over = (0, *range(2, len(x.shape)))
    m, r = m.reshape(shape), r.reshape(shape)
    return (
        g * (r if w is None else xp.reshape(w, shape) * r) if needs[0] else None,
        xp.sum(g * ((x - m) * r), axis=over, keepdims=False) if needs[1] else None,
        xp.sum(g, axis=over, keepdims=False) if needs[2] else None,
    )


_fixed_norm = Primitive(
    "batch_norm_fixed", _fixed_forward, [None] * 3, joint=_fixed_joint, grad_name="NativeBatchNormBackward0"
)

# --- over the last dimensions ---------------------------------------------------------------------------------------


def _row_forward(xp: Any, x: Any, w: Any, b: Any, dims: int, eps: float, center: bool) -> Any:
    n = math.prod(x.shape[-dims:])
    rows = d = x.reshape(-1, n) if x.size else x.reshape(0, max(n, 1))
    if center:
        d = rows - (rows @ xp.full(n, 1 / max(n, 1), dtype=x.dtype))[:, None]
    r = 1 / xp.sqrt(xp.vecdot(d, d) / max(n, 1) + eps)
    out = d * r[:, None]
    if w is not None:
        _with_each_row(xp, xp.multiply, out, w)
    if b is not None:
        _with_each_row(xp, xp.add, out, b)
    return out.reshape(x.shape), (d, r)


def _with_each_row(xp: Any, function: Any, rows: Any, values: Any) -> None:
    """Combine every row, in place, with the same values; several rows at a time."""
    length, width = rows.shape
    tile = _tiles(length, width)
    repeated = xp.empty((tile, width), rows.dtype)
    repeated[...] = values.reshape(width)
    blocks = rows.reshape(length // tile, tile, width)
    function(blocks, repeated, out=blocks)


def _row_joint(
    xp: Any, g: Any, _out: Any, x: Any, w: Any, _b: Any, *, needs: Any, dims: int, eps: float, center: bool, aux: Any
) -> tuple[Any, Any, Any]:
    if aux is None:
        axes, inner = tuple(range(len(x.shape) - dims, len(x.shape))), x.shape[len(x.shape) - dims :]
        return _gradients(xp, g, x, w, needs, x.shape, axes, inner, eps, center)
    d, r = aux
    length, n = d.shape
    inner = x.shape[x.ndim - dims :]
    g = g.reshape(length, n)
    products = g * d
    gx = gw = gb = None
    if needs[0]:
        weights = xp.full(n, 1 / n, dtype=g.dtype) if w is None else w.reshape(n) / n
        gx = g.copy()
        if w is not None:
            _with_each_row(xp, xp.multiply, gx, w)
        if center:
            gx -= (g @ weights)[:, None]
        gx -= d * (r * r * (products @ weights))[:, None]
        gx *= r[:, None]
        gx = gx.reshape(x.shape)
    if needs[1]:
        gw = (r @ products).reshape(inner)
    if needs[2]:
        gb = (xp.ones(length, dtype=g.dtype) @ g).reshape(inner)
    return gx, gw, gb


_layer_norm = Primitive(
    "layer_norm", _row_forward, [None] * 3, joint=_row_joint, aux=True, grad_name="NativeLayerNormBackward0"
)
_rms_norm = Primitive("rms_norm", _row_forward, [None] * 3, joint=_row_joint, aux=True, grad_name="MulBackward0")

# --- differentiated again -------------------------------------------------------------------------------------------


def _gradients(
    xp: Any, g: Any, x: Any, w: Any, needs: Any, view: Any, axes: Any, inner: Any, eps: float, center: bool = True
) -> tuple[Any, Any, Any]:
    """The gradients of any of these normalizations, from its inputs alone.

    `view` is the shape of x in which `axes` are normalized over and weight and bias have the shape `inner`.
    """
    count = math.prod([view[axis] for axis in axes])

    def mean(values: Any) -> Any:
        return xp.sum(values, axis=axes, keepdims=True) / max(count, 1)

    shape = x.shape
    x, g = xp.reshape(x, view), xp.reshape(g, view)
    d = x - mean(x) if center else x
    r = 1 / xp.sqrt(mean(d * d) + eps)
    normal = d * r
    gw = xp.sum_to(g * normal, inner) if needs[1] else None
    gb = xp.sum_to(g, inner) if needs[2] else None
    if not needs[0]:
        return None, gw, gb
    h = g if w is None else g * xp.reshape(w, inner)
    gx = h - normal * mean(h * normal)
    if center:
        gx = gx - mean(h)
    return xp.reshape(gx * r, shape), gw, gb


# --- what users call ------------------------------------------------------------------------------------------------


def _normalize(name: str, primitive: Primitive, x: Any, w: Any, b: Any, **options: Any) -> Any:
    """Apply a primitive after a look at the element types; float16 is computed in float32."""
    dtype = x.array.dtype
    if dtype.kind != "f":
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(x)}'")
    if dtype.char != "e":
        return apply(primitive, x, w, b, **options)
    w, b = [None if t is None else convert(t, _SINGLE) for t in (w, b)]
    return convert(apply(primitive, convert(x, _SINGLE), w, b, **options), dtype)


def _check_types(x: Any, *others: Any) -> None:
    """Parameters have the input's element type; those of a float16 input may be float32."""
    dtype = x.array.dtype
    for other in others:
        if other is None or other.array.dtype == dtype:
            continue
        if other.array.dtype != _SINGLE:
            raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
        if dtype.char != "e":
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def _check_sizes(channels: int, times: int = 1, **given: Any) -> None:
    """Each tensor has a number for each channel; PyTorch counts those of instance norm once for every sample."""
    for name, tensor in given.items():
        if tensor is not None and tensor.array.size != channels:
            raise RuntimeError(f"{name} should contain {channels * times} elements not {tensor.array.size * times}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel with mean 0 and variance 1 over the batch and all places, times `weight`, plus `bias`.

    Source: S. Ioffe and C. Szegedy, "Batch Normalization", 2015.

    Args:
        input: (batch, channels, *space).
        running_mean, running_var: (channels,); None, if they are not to be tracked. In training they are moved, in
            place, towards mean and (unbiased) variance of the batch; else these are taken in place of the batch's.
        weight, bias: (channels,) or None.
        training: whether to use the batch's own mean and variance.
        momentum: the share of the batch in the new running values.
        eps: added to the variance.

    Raises:
        ValueError: a single value for each channel in training, or an eps that is not positive.
        RuntimeError: sizes or types that do not fit, or no running values though training is off.

    >>> import mytorch
    >>> mean, variance = mytorch.zeros(1), mytorch.ones(1)
    >>> batch_norm(mytorch.tensor([[1.0], [3.0]]), mean, variance, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    >>> mean, variance
    (tensor([0.2000]), tensor([1.1000]))
    """
    shape = input.array.shape
    channels = shape[normalize_dim(1, len(shape))]
    if training and math.prod(shape) == channels:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if not training:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"{missing} must be defined in evaluation mode")
    elif (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    _check_sizes(channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    _check_types(input, weight, bias, running_mean, running_var)
    if training:
        running = _to_track(running_mean, running_var, momentum)
        return _normalize("batch_norm", _batch_norm, input, weight, bias, groups=None, eps=eps, running=running)
    return _with_fixed(input, running_mean, running_var, weight, bias, eps)


def _to_track(running_mean: Any, running_var: Any, momentum: float) -> Any:
    """What `_track` writes to; None if there is nothing to track."""
    if running_mean is None:
        return None
    running_mean.changed()
    running_var.changed()
    return running_mean.array, running_var.array, momentum


def _with_fixed(input: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Normalize with the given mean and variance, in the element type that is computed in."""
    dtype = _SINGLE if input.array.dtype.char == "e" else input.array.dtype
    m, r = mean.array.astype(dtype), 1 / np.sqrt(variance.array.astype(dtype) + eps)
    return _normalize("batch_norm", _fixed_norm, input, weight, bias, m=m, r=r)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel of each sample with mean 0 and variance 1, times `weight`, plus `bias`.

    Source: D. Ulyanov and others, "Instance Normalization", 2016.

    Args:
        input: (batch, channels, *space).
        use_input_stats: False to use the running values in place of each channel's own.
        running_mean, running_var, weight, bias, momentum, eps: as in `batch_norm`.

    Raises:
        ValueError: a single place for each channel.
        RuntimeError: sizes or types that do not fit, or no running values though they are to be used.

    >>> import mytorch
    >>> instance_norm(mytorch.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
    tensor([[[-1.0000,  1.0000],
             [-1.0000,  1.0000]]])
    """
    shape = input.array.shape
    if use_input_stats and math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    samples, channels = shape[0], shape[normalize_dim(1, len(shape))]
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    _check_sizes(channels, samples, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    _check_types(input, weight, bias, running_mean, running_var)
    if use_input_stats:
        running = _to_track(running_mean, running_var, momentum)
        return _normalize("batch_norm", _instance_norm, input, weight, bias, groups=channels, eps=eps, running=running)
    return _with_fixed(input, running_mean, running_var, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Each group of channels of each sample with mean 0 and variance 1, times `weight`, plus `bias`.

    Source: Y. Wu and K. He, "Group Normalization", 2018.

    Args:
        input: (batch, channels, *space).
        num_groups: the number of groups; divides the number of channels.
        weight, bias: (channels,) or None.

    Raises:
        ValueError: a single value for each group.
        RuntimeError: sizes or types that do not fit.

    >>> import mytorch
    >>> group_norm(mytorch.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    shape = list(input.array.shape)
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{shape} and num_groups={num_groups}"
        )
    if math.prod(shape) == num_groups:
        size = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor.array.shape != (shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of "
                f"shape {list(tensor.array.shape)} and input of shape {shape}"
            )
    _check_types(input, weight, bias)
    options = {"groups": num_groups, "eps": eps, "running": None}
    return _normalize("GroupNormKernelImpl", _group_norm, input, weight, bias, **options)


def _check_rows(name: str, input: Any, normalized_shape: Any, weight: Any, bias: Any, star: str) -> int:
    """The number of dimensions that are normalized over."""
    if isinstance(normalized_shape, int):
        raise TypeError(f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int")
    wanted, shape = list(normalized_shape), list(input.array.shape)
    if not wanted:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for what, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and list(tensor.array.shape) != wanted:
            raise RuntimeError(
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                f"{list(tensor.array.shape)} and normalized_shape = {wanted}"
            )
    if len(shape) < len(wanted) or shape[-len(wanted) :] != wanted:
        raise RuntimeError(
            f"Given normalized_shape={wanted}, expected input with shape [{star}{', '.join(map(str, wanted))}], but "
            f"got input of size{shape}"
        )
    return len(wanted)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Mean 0 and variance 1 over the last dimensions, times `weight`, plus `bias`.

    Source: J. L. Ba and others, "Layer Normalization", 2016.

    Args:
        normalized_shape: the sizes of these dimensions.
        weight, bias: of that shape, or None.

    Raises:
        RuntimeError: sizes or types that do not fit.

    >>> import mytorch
    >>> layer_norm(mytorch.tensor([[1.0, 3.0], [10.0, 30.0]]), (2,))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """
    dims = _check_rows("layer_norm", input, normalized_shape, weight, bias, "*, ")
    _check_types(input, weight, bias)
    return _normalize("LayerNormKernelImpl", _layer_norm, input, weight, bias, dims=dims, eps=eps, center=True)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """The input divided by the root of its mean square over the last dimensions, times `weight`.

    Source: B. Zhang and R. Sennrich, "Root Mean Square Layer Normalization", 2019.

    Args:
        normalized_shape: the sizes of these dimensions.
        weight: of that shape, or None.
        eps: added to the mean square; None for the smallest step from 1 of the element type.

    Raises:
        RuntimeError: sizes that do not fit.

    >>> import mytorch
    >>> rms_norm(mytorch.tensor([1.0, 7.0]), (2,))
    tensor([0.2000, 1.4000])
    """
    dims = _check_rows("rms_norm", input, normalized_shape, weight, None, "*")
    if weight is not None and input.array.dtype.kind == "f":
        weight = convert(weight, input.array.dtype)
    if eps is None:
        eps = finfo(input.dtype).eps if input.array.dtype.kind == "f" else 0.0
    return _normalize("rms_norm", _rms_norm, input, weight, None, dims=dims, eps=eps, center=False)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * m)^beta, where m is the mean square over `size` neighbouring channels (zero outside).

    Source: A. Krizhevsky and others, "ImageNet Classification with Deep Convolutional Neural Networks", 2012.

    Args:
        input: (batch, channels, *space).
        size: the number of channels, the element's own in the middle (of an even number, behind it).

    Raises:
        ValueError: fewer than 3 dimensions.
        RuntimeError: `size` is not positive.

    >>> import mytorch
    >>> local_response_norm(mytorch.ones(1, 3, 1), 3, alpha=3.0, beta=1.0).flatten()
    tensor([0.3333, 0.2500, 0.3333])
    """
    ndim, channels = input.array.ndim, input.array.shape[1] if input.array.ndim > 1 else 0
    if ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {ndim} dimensions)")
    if size <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got {size}")
    if not input.array.size:
        return input
    squares = pad(input * input, [0, 0] * (ndim - 2) + [size // 2, (size - 1) // 2])
    total = squares[:, :channels]
    for first in range(1, size):
        total = total + squares[:, first : first + channels]
    return input / (total * (alpha / size) + k) ** beta


def normalize(input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12) -> Tensor:
    """The input divided by its p-norm over `dim`, or by `eps` where the norm is smaller.

    >>> import mytorch
    >>> normalize(mytorch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / clamp_min(norm(input, p, dim, keepdim=True), eps)
