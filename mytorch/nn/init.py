"""Initial values of weights. Every function fills a tensor in place, unrecorded, and returns it.

With the same seed the numbers are PyTorch's.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.grad_mode import no_grad
from mytorch.backend import random as streams
from mytorch.backend.generator import Generator, default_generator
from mytorch.tensor import Tensor

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


def _unrecorded(function: F) -> F:
    """Run under `no_grad`, so that parameters may be written to; type checkers see the function unchanged."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with no_grad():
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights must be larger to make up for what an activation function takes away.

    Args:
        nonlinearity: "linear", "conv1d" and the other convolutions, "sigmoid", "tanh", "relu", "leaky_relu", "selu".
        param: the negative slope of leaky_relu (0.01).

    Raises:
        ValueError: the name is not known, or the slope no number.

    >>> calculate_gain("relu") ** 2
    2.0000000000000004
    """
    linear = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
    if nonlinearity in linear or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs and outputs a weight connects: (out, in, kernel...) gives (in, out) times the kernel's size.

    Raises:
        ValueError: the weight has fewer than two dimensions.

    >>> import mytorch
    >>> fans(mytorch.zeros(8, 3, 5, 5))
    (75, 200)
    """
    shape = tensor.array.shape
    if len(shape) < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return fans(tensor)[mode == "fan_out"]


@_unrecorded
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b).

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> uniform_(mytorch.empty(2))
    tensor([0.4963, 0.7682])
    """
    return tensor.uniform_(a, b, generator=generator)


@_unrecorded
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> normal_(mytorch.empty(2))
    tensor([ 1.5410, -0.2934])
    """
    return tensor.normal_(mean, std, generator=generator)


@_unrecorded
def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value.

    >>> import mytorch
    >>> constant_(mytorch.empty(2), 3)
    tensor([3., 3.])
    """
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return constant_(tensor, 0.0)


@_unrecorded
def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix; ValueError unless the tensor is a matrix.

    >>> import mytorch
    >>> eye_(mytorch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.array.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.zero_().copy_(wrap(np.eye(*tensor.array.shape)))


@_unrecorded
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights (out, in, kernel...) that pass channels on as they are: 1 in the kernel's middle, else 0.

    Raises:
        ValueError: the tensor has not 3 to 5 dimensions, or the groups do not divide the output channels.

    >>> import mytorch
    >>> dirac_(mytorch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    shape = tensor.array.shape
    if len(shape) not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    per_group = shape[0] // groups
    values = np.zeros(shape)
    middle = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for d in range(min(per_group, shape[1])):
            values[(group * per_group + d, d, *middle)] = 1
    return tensor.copy_(wrap(values))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)) (X. Glorot and Y. Bengio, 2010).

    >>> import mytorch
    >>> bool((xavier_uniform_(mytorch.empty(2, 4)).abs() < 1).all())
    True
    """
    a = math.sqrt(3.0) * (gain * math.sqrt(2.0 / sum(fans(tensor))))
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)) (X. Glorot and Y. Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform with variance gain^2 / fan (K. He and others, "Delving Deep into Rectifiers", 2015).

    Args:
        a: the negative slope of leaky_relu, if that is the activation after the layer.
        mode: "fan_in" keeps the size of activations, "fan_out" that of gradients.
        nonlinearity: see `calculate_gain`.

    >>> import mytorch
    >>> bool((kaiming_uniform_(mytorch.empty(2, 6)).abs() < 1).all())
    True
    """
    if _is_empty(tensor):
        return tensor
    fan = _fan(tensor, mode)
    bound = math.sqrt(3.0) * (calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with variance gain^2 / fan; arguments as for `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    fan = _fan(tensor, mode)
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan), generator)


def _is_empty(tensor: Tensor) -> bool:
    if not tensor.array.size:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return not tensor.array.size


@_unrecorded
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """A random orthogonal matrix (rows or columns, the fewer of them, are orthonormal) times gain.

    Source: A. Saxe and others, 2014; the QR decomposition's signs are made unique as in F. Mezzadri, "How to generate
    random matrices from the classical compact groups", 2007.

    Raises:
        ValueError: the tensor has fewer than two dimensions; further ones count as columns.

    >>> import mytorch
    >>> w = orthogonal_(mytorch.empty(2, 3, dtype=mytorch.float64))
    >>> bool(((w @ w.t() - mytorch.eye(2)).abs() < 1e-12).all())
    True
    """
    if tensor.array.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if not tensor.array.size:
        return tensor
    rows = tensor.array.shape[0]
    shape = (rows, tensor.array.size // rows)
    values = streams.normal(generator or default_generator, shape, tensor.array.dtype)
    q, r = np.linalg.qr(values.T if rows < shape[1] else values)
    q = q * np.sign(np.diag(r))
    return tensor.copy_(wrap((q.T if rows < shape[1] else q).reshape(tensor.array.shape))).mul_(gain)


@_unrecorded
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """A normal matrix in which a share of each column is 0 (J. Martens, "Deep learning via Hessian-free", 2010).

    Raises:
        ValueError: the tensor is no matrix.

    >>> import mytorch
    >>> int((sparse_(mytorch.empty(4, 3), sparsity=0.5) == 0).sum())
    6
    """
    if tensor.array.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.array.shape
    zeros = math.ceil(sparsity * rows)
    tensor.normal_(0, std, generator=generator)
    keep = np.ones((rows, columns))
    for column in range(columns):
        keep[streams.permutation(default_generator, rows)[:zeros], column] = 0
    return tensor.copy_(wrap(tensor.array * keep))


@_unrecorded
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers between a and b, by drawing again until none is outside.

    Draws are normal if at least 0.3 of them fall inside; else they are uniform in [a, b] and accepted with the
    probability that the normal density there bears to its maximum.

    >>> import mytorch
    >>> bool((trunc_normal_(mytorch.empty(100)).abs() <= 2).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=3,
        )
    stream, shape, dtype = generator or default_generator, tensor.array.shape, tensor.array.dtype
    inside = (math.erf((b - mean) / std / math.sqrt(2)) - math.erf((a - mean) / std / math.sqrt(2))) / 2
    if inside > 0.3:
        low, high = dtype.type(a), dtype.type(b)
        values = streams.normal(stream, shape, dtype, mean, std)
        while (outside := (values < low) | (values > high)).any():
            values = np.where(outside, streams.normal(stream, shape, dtype, mean, std), values)
        return tensor.copy_(wrap(values))
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    values = np.empty(shape, dtype)
    pending = np.ones(shape, bool)
    while pending.any():
        drawn = streams.uniform(stream, shape, dtype, a, b)
        values = np.where(pending, drawn, values)
        log_density = ((drawn - dtype.type(mean)) / dtype.type(std)) ** 2 * dtype.type(-0.5) - dtype.type(peak)
        pending &= np.log(streams.uniform(stream, shape, dtype)) > log_density
    return tensor.copy_(wrap(values))
