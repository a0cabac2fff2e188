"""Normalization: batch, instance, group, layer and RMS norm, local response norm, and vectors of length 1.

`mytorch.ops.normalization_kernels` has what is computed and its derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, convert
from mytorch.autograd.primitive import Primitive
from mytorch.backend.dtypes import finfo, type_name
from mytorch.ops.batch_norm_kernels import BATCH_NORM, FIXED_NORM
from mytorch.ops.clamping import clamp_min
from mytorch.ops.dims import normalize_dim
from mytorch.ops.normalization_kernels import GROUP_NORM, INSTANCE_NORM, LAYER_NORM, RMS_NORM
from mytorch.ops.padding import pad
from mytorch.ops.reduction import norm

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
]  # fmt: skip

_SINGLE = np.dtype(np.float32)


def _normalize(name: str, primitive: Primitive, x: Any, w: Any, b: Any, **options: Any) -> Any:
    """Apply a primitive after a look at the element types; float16 is computed in float32."""
    dtype = x.array.dtype
    if dtype.kind != "f":
        raise NotImplementedError(f"\"{name}\" not implemented for '{type_name(x.array.dtype)}'")
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
    if shape == (0,):
        return input.clone()
    channels = shape[normalize_dim(1, len(shape))]
    if training and channels and math.prod(shape) == channels:
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
        return _normalize("batch_norm", BATCH_NORM, input, weight, bias, eps=eps, running=running)
    return _with_fixed(input, running_mean, running_var, weight, bias, eps)


def _to_track(running_mean: Any, running_var: Any, momentum: float) -> Any:
    """What `track` writes to; None if there is nothing to track."""
    if running_mean is None:
        return None
    running_mean.changed()
    running_var.changed()
    return running_mean.array, running_var.array, momentum


def _with_fixed(input: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    """Normalize with the given mean and variance, in the element type that is computed in."""
    dtype = _SINGLE if input.array.dtype.char == "e" else input.array.dtype
    m, r = mean.array.astype(dtype), 1 / np.sqrt(variance.array.astype(dtype) + float(eps))
    return _normalize("batch_norm", FIXED_NORM, input, weight, bias, m=m, r=r)


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
        return _normalize("batch_norm", INSTANCE_NORM, input, weight, bias, groups=channels, eps=eps, running=running)
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
    return _normalize("GroupNormKernelImpl", GROUP_NORM, input, weight, bias, **options)


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
    return _normalize("LayerNormKernelImpl", LAYER_NORM, input, weight, bias, dims=dims, eps=eps, center=True)


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
    return _normalize("rms_norm", RMS_NORM, input, weight, None, dims=dims, eps=eps, center=False)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
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
