"""Activation functions that draw random numbers, from PyTorch's stream: `rrelu` and `gumbel_softmax`."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import apply, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.primitive import Primitive
from mytorch.backend import random as streams
from mytorch.backend.generator import Generator, default_generator
from mytorch.ops.activation import leaky_relu
from mytorch.ops.dimension_activation import softmax
from mytorch.ops.inplace import become

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = ["gumbel_softmax", "rrelu"]

_rrelu_with_noise = Primitive(
    "rrelu_with_noise",
    lambda xp, x, slopes: x * slopes,
    [lambda xp, g, _out, _x, slopes: g * slopes, None],
)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x, or where x is negative x times a slope: in training drawn uniformly from [lower, upper), else their mean.

    Source: B. Xu and others, "Empirical Evaluation of Rectified Activations in Convolutional Network", 2015.

    Raises:
        RuntimeError: lower is above upper, or the tensor holds no floats.

    >>> import mytorch
    >>> mytorch.nn.functional.rrelu(mytorch.tensor([-24.0, 1.0]))
    tensor([-5.5000,  1.0000])
    """
    return rrelu_from(None, input, lower, upper, training, inplace)


def rrelu_from(
    generator: Generator | None, input: Any, lower: float, upper: float, training: bool, inplace: bool
) -> Any:
    """`rrelu` that draws from a given generator (None for the default one)."""
    given: Any = input
    if not isinstance(given, DifferentiableArray):
        raise wrong_argument("rrelu", given)
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    x = input.array
    if x.dtype.kind != "f":
        raise NotImplementedError(f'"rrelu_with_noise_out_cpu" not implemented for {input.dtype}')
    below = x <= 0
    slopes: Any = np.ones(x.shape, x.dtype)
    stream = default_generator if generator is None else generator
    slopes[below] = streams.uniform(stream, int(below.sum()), np.float64, lower, upper)
    out = apply(_rrelu_with_noise, input, wrap(slopes))
    return become(input, out) if inplace else out


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A random choice that can be differentiated: the softmax of (logits + Gumbel noise) / tau along `dim`.

    Source: E. Jang and others, "Categorical Reparameterization with Gumbel-Softmax", 2017.

    Args:
        logits: logarithms of probabilities, up to a constant.
        tau: the temperature; the smaller, the nearer the result is to a choice of one.
        hard: return 1 for the largest element and 0 for the others, with the gradient of the softmax.
        eps: without effect; taken for PyTorch's sake.

    >>> import mytorch
    >>> mytorch.nn.functional.gumbel_softmax(mytorch.zeros(2, 3), hard=True).sum(1)
    tensor([1., 1.])
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    x = logits.array
    noise = -np.log(streams.exponential(default_generator, x.shape, x.dtype, 1.0))
    soft = softmax((logits + wrap(noise)) / tau, dim)
    if not hard:
        return soft
    largest = np.expand_dims(soft.array.argmax(axis=dim), dim)
    chosen = np.zeros_like(x)
    np.put_along_axis(chosen, largest, 1, axis=dim)
    return wrap(chosen) - soft.detach() + soft
