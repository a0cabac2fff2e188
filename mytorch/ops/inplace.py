"""Writing to a tensor's memory: `add_`, `zero_`, `copy_`, `uniform_` and the operators `+=`, `-=`, `*=`, `/=`.

A tensor that is written to becomes the result of the operation: it takes over the new node, and its change counter
goes up, so that a derivative which needed the old value is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.backend import random as streams
from mytorch.backend.dtypes import CATEGORY, of
from mytorch.backend.generator import Generator, default_generator
from mytorch.ops import arithmetic, shape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _check_writable(x: Any) -> None:
    if x.requires_grad and mode.enabled:
        if x.node is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if x.base is not None:
            raise NotImplementedError("writing in place to a view of a tensor that requires grad is not supported yet")


def become(x: Any, result: Any) -> Any:
    """Write a result into `x`'s memory; `x` takes over its place in the graph.

    Raises:
        RuntimeError: `x` is a leaf that requires grad, the result's shape is another, or its type is of a higher
            category (a float result does not fit into an integer tensor).
    """
    _check_writable(x)
    if result.array.shape != x.array.shape:
        raise RuntimeError(
            f"output with shape {list(x.array.shape)} doesn't match the broadcast shape {list(result.array.shape)}"
        )
    if CATEGORY[result.array.dtype.kind] > CATEGORY[x.array.dtype.kind]:
        raise RuntimeError(
            f"result type {of(result.array.dtype).name} can't be cast to the desired output type {of(x.array.dtype).name}"
        )
    if result.array.dtype != x.array.dtype:
        result = result.to(x.dtype)
    np.copyto(x.array, result.array)
    x.changed()
    if result.requires_grad:
        x.node, x.requires_grad = result.node, True
    return x


def write(x: Any, values: Any) -> Any:
    """Overwrite `x` with raw values that depend on nothing: no gradient flows past it."""
    _check_writable(x)
    np.copyto(x.array, values, casting="unsafe")
    x.changed()
    if mode.enabled and x.node is not None:
        x.node, x.requires_grad = None, False
    return x


def add_(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input += alpha * other.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0]).add_(1)
    tensor([2., 3.])
    """
    return become(input, arithmetic.add(input, other, alpha=alpha))  # type: ignore[no-any-return]


def sub_(input: Tensor, other: Any, *, alpha: float = 1) -> Tensor:
    """input -= alpha * other.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0]).sub_(1)
    tensor([0., 1.])
    """
    return become(input, arithmetic.sub(input, other, alpha=alpha))  # type: ignore[no-any-return]


def mul_(input: Tensor, other: Any) -> Tensor:
    """input *= other.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0]).mul_(3)
    tensor([3., 6.])
    """
    return become(input, arithmetic.mul(input, other))  # type: ignore[no-any-return]


def div_(input: Tensor, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input /= other.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0]).div_(2)
    tensor([0.5000, 1.0000])
    """
    return become(input, arithmetic.div(input, other, rounding_mode=rounding_mode))  # type: ignore[no-any-return]


def pow_(input: Tensor, exponent: Any) -> Tensor:
    """input **= exponent.

    >>> import mytorch
    >>> mytorch.tensor([1.0, 2.0]).pow_(2)
    tensor([1., 4.])
    """
    return become(input, arithmetic.pow(input, exponent))  # type: ignore[no-any-return]


def copy_(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite with the values of another tensor, broadcast and converted; gradients flow to it.

    >>> import mytorch
    >>> mytorch.zeros(2).copy_(mytorch.tensor([1, 2]))
    tensor([1., 2.])
    """
    if not isinstance(src, DifferentiableArray):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    source: Any = src
    if source.requires_grad and mode.enabled:
        return become(input, shape.expand(source.to(input.dtype), input.array.shape).clone())  # type: ignore[no-any-return]
    try:
        return write(input, source.array)  # type: ignore[no-any-return]
    except ValueError:
        raise RuntimeError(
            f"The size of tensor a {list(input.array.shape)} must match the size of tensor b {list(source.array.shape)}"
        ) from None


def zero_(input: Tensor) -> Tensor:
    """Overwrite with zeros.

    >>> import mytorch
    >>> mytorch.ones(2).zero_()
    tensor([0., 0.])
    """
    return write(input, 0)  # type: ignore[no-any-return]


def fill_(input: Tensor, value: Any) -> Tensor:
    """Overwrite with one value.

    >>> import mytorch
    >>> mytorch.ones(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, DifferentiableArray):
        return copy_(input, value)
    return write(input, value)  # type: ignore[no-any-return]


def _stream(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


def uniform_(input: Tensor, from_: float = 0, to: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with uniform numbers in [from, to).

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.zeros(2).uniform_(-1, 1)
    tensor([-0.0075,  0.5364])
    """
    a = input.array
    return write(input, streams.uniform(_stream(generator), a.shape, a.dtype, from_, to))  # type: ignore[no-any-return]


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal numbers of that mean and standard deviation.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.zeros(2).normal_()
    tensor([ 1.5410, -0.2934])
    """
    a = input.array
    values = streams.normal(_stream(generator), a.shape, a.dtype, mean, std, contiguous=a.flags.c_contiguous)
    return write(input, values)  # type: ignore[no-any-return]


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability p (a number or a tensor), else 0.

    >>> import mytorch
    >>> mytorch.zeros(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    a = input.array
    probability = p.array if isinstance(p, DifferentiableArray) else p
    return write(input, streams.bernoulli(_stream(generator), a.shape, a.dtype, probability))  # type: ignore[no-any-return]


def exponential_(input: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with exponentially distributed numbers of rate lambd.

    >>> import mytorch
    >>> bool((mytorch.zeros(2).exponential_() > 0).all())
    True
    """
    a = input.array
    return write(input, streams.exponential(_stream(generator), a.shape, a.dtype, lambd))  # type: ignore[no-any-return]
