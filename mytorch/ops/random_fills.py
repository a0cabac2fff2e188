"""Overwriting a tensor with random numbers: `uniform_`, `normal_`, `random_` and the like.

For the same seed the numbers are PyTorch's (see `mytorch.backend.random` for how exactly), also in tensors whose
elements lie in memory in another order: they are filled in the order of memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import misfit
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend import random as streams
from mytorch.backend.generator import Generator, default_generator
from mytorch.backend.memory_format import order
from mytorch.ops.inplace import check_writable, write

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

Draw = Callable[..., Any]


def stream(generator: Generator | None) -> Generator:
    """The stream to draw from: the default one unless told otherwise."""
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be Generator, not {type(generator).__name__}")
    return generator


def _fill(x: Any, generator: Generator | None, draw: Draw, *parameters: Any) -> Any:
    check_writable(x)
    array = x.array
    if array.flags.c_contiguous:
        return write(x, draw(stream(generator), array.shape, array.dtype, *parameters))
    axes = order(array)
    values = draw(stream(generator), tuple([array.shape[a] for a in axes]), array.dtype, *parameters)
    return write(x, values.transpose(np.argsort(axes)))


def uniform_(
    input: Tensor, from_: float = 0, to: float = 1, *, generator: Generator | None = None, **named: float
) -> Tensor:
    """Overwrite with uniform numbers in [from, to). The lower bound's name is `from`: `uniform_(**{"from": 1})`.

    Raises:
        RuntimeError: from > to, or the type cannot hold a bound.
        NotImplementedError: the tensor is not floating point or complex.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.zeros(2).uniform_(-1, 1)
    tensor([-0.0075,  0.5364])
    """
    low = named.pop("from", from_)
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{min(named)}'")
    return _fill(input, generator, streams.uniform, low, to)


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal numbers of that mean and standard deviation.

    Raises:
        RuntimeError: std is negative.
        NotImplementedError: the tensor is not floating point or complex.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.zeros(2).normal_()
    tensor([ 1.5410, -0.2934])
    """
    draw = functools.partial(streams.normal, contiguous=input.array.flags.c_contiguous)
    return _fill(input, generator, draw, mean, std)


def log_normal_(input: Tensor, mean: float = 1, std: float = 2, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with numbers whose logarithm is normal, of that mean and standard deviation.

    Raises:
        RuntimeError: std is not positive.
        NotImplementedError: the tensor is not floating point.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.zeros(2).log_normal_(0, 1)
    tensor([4.6692, 0.7457])
    """
    return _fill(input, generator, streams.log_normal, mean, std)


def exponential_(input: Tensor, lambd: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with exponentially distributed numbers of rate lambd.

    Raises:
        RuntimeError: lambd is not positive, or the tensor is not floating point.

    >>> import mytorch
    >>> bool((mytorch.zeros(2).exponential_() > 0).all())
    True
    """
    return _fill(input, generator, streams.exponential, lambd)


def cauchy_(input: Tensor, median: float = 0, sigma: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with Cauchy distributed numbers, sigma the half width at half height.

    Raises:
        RuntimeError: sigma is not positive, or the tensor is not floating point.

    >>> import mytorch
    >>> mytorch.zeros(2).cauchy_(5, 1e-9)
    tensor([5., 5.])
    """
    return _fill(input, generator, streams.cauchy, median, sigma)


def geometric_(input: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with how many trials the first success takes, each with probability p.

    Raises:
        RuntimeError: p is not between 0 and 1.
        NotImplementedError: the tensor is boolean or complex.

    >>> import mytorch
    >>> bool((mytorch.zeros(5).geometric_(0.5) >= 1).all())
    True
    """
    return _fill(input, generator, streams.geometric, p)


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with 1 with probability p (a number or a tensor), else 0.

    Raises:
        RuntimeError: p is not between 0 and 1, or its shape does not fit.

    >>> import mytorch
    >>> mytorch.zeros(2).bernoulli_(1.0)
    tensor([1., 1.])
    """
    probability = p
    if isinstance(p, DifferentiableArray):
        try:
            probability = np.broadcast_to(p.array, input.array.shape)
        except ValueError as error:
            raise misfit("bernoulli_", error, input.array, p.array) from None
        probability = probability.transpose(order(input.array))
    return _fill(input, generator, streams.bernoulli, probability)


def random_(input: Tensor, *bounds: int | None, generator: Generator | None = None, **named: int | None) -> Tensor:
    """Overwrite with random integers: `random_(to)` in [0, to), `random_(from, to)` in [from, to).

    `random_()` and `random_(from, None)` go up to the largest integer that the type holds exactly with all below it.

    Raises:
        TypeError: a bound is no integer.
        RuntimeError: the range is empty, or the type cannot hold a bound.

    >>> import mytorch
    >>> mytorch.zeros(2).random_(5, 6)
    tensor([5., 5.])
    """
    given = dict(zip(("from", "to") if len(bounds) == 2 else ("to",), bounds, strict=False)) | named
    if len(bounds) + len(named) != len(given) or set(given) not in (set(), {"to"}, {"from", "to"}):
        raise TypeError(f"random_() takes no bounds, `to`, or `from` and `to`; got {bounds} {named or ''}".rstrip())
    for bound in given.values():
        if bound is not None and not isinstance(bound, (int, np.integer)):
            raise TypeError(f"random_() expects integers as bounds, got {type(bound).__name__}")
    if not given:
        return _fill(input, generator, streams.random_full)
    low, high = given.get("from", 0), given["to"]
    if high is None:
        return _fill(input, generator, streams.random_from, low)
    return _fill(input, generator, streams.randint, low, high)
