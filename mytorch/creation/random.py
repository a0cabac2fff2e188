"""New tensors of random numbers: PyTorch's streams (`mytorch.backend.random`) in tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.backend import dtypes
from mytorch.backend import random as streams
from mytorch.backend.generator import Generator
from mytorch.creation.filled import array_like, finish, float_type, integer, number, sizes_of
from mytorch.ops.random_draws import normal_of
from mytorch.ops.random_fills import normal_, random_, stream, uniform_
from mytorch.tensor import Tensor

__all__ = ["normal", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm"]


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Uniform numbers in [0, 1).

    Raises:
        NotImplementedError: the type is an integer.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.rand(2)
    tensor([0.4963, 0.7682])
    """
    array = streams.uniform(stream(generator), sizes_of("rand", sizes, size), float_type(dtype))
    return finish(array, device, requires_grad, layout, pin_memory)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Normal numbers with mean 0 and standard deviation 1.

    Raises:
        NotImplementedError: the type is an integer.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    array = streams.normal(stream(generator), sizes_of("randn", sizes, size), float_type(dtype))
    return finish(array, device, requires_grad, layout, pin_memory)


def randint(
    *args: Any,
    low: Any = None,
    high: Any = None,
    size: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Integers from low (0) up to, not including, high: `randint(high, size)` or `randint(low, high, size)`.

    Raises:
        RuntimeError: the range is empty, or the type cannot hold it.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.randint(10, (3,))
    tensor([4, 9, 3])
    """
    given = list(args)
    if size is None and given:
        size = given.pop()
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"randint(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    low, high = _limits("randint", given, low, high)
    numpy = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    array = streams.randint(stream(generator), sizes_of("randint", (size,)), numpy, low, high)
    return finish(array, device, requires_grad, layout, pin_memory)


def _limits(name: str, given: list[Any], low: Any, high: Any) -> tuple[int, int]:
    """The bounds from `(high)`, `(low, high)`, and what was given by keyword."""
    if high is None and given:
        high = given.pop()
    if low is None:
        low = given.pop() if given else 0
    if given or high is None:
        raise TypeError(f"{name}() takes an upper bound, or a lower and an upper bound")
    return integer(name, "low", low), integer(name, "high", high)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """The numbers 0 to n - 1 in random order.

    Raises:
        RuntimeError: n is negative, or the type cannot hold n - 1.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    numpy = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    array = streams.permutation(stream(generator), integer("randperm", "n", n), numpy)
    return finish(array, device, requires_grad, layout, pin_memory)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
) -> Tensor:
    """Normal numbers with the given mean and standard deviation: two numbers and a size, or one or two tensors.

    Raises:
        TypeError: `size` is missing, or given together with a tensor.
        RuntimeError: a standard deviation is negative, or the shapes do not fit.

    >>> import mytorch
    >>> mytorch.normal(5.0, 0.0, (2,)), mytorch.normal(mytorch.tensor([1.0, 2.0]), 1e-9)
    (tensor([5., 5.]), tensor([1., 2.]))
    """
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        if size is not None:
            raise TypeError("normal() received an invalid combination of arguments: a size and a tensor")
        return normal_of(mean, std, generator)
    if size is None:
        raise TypeError("normal(): size is needed when mean and std are numbers")
    shape, parameters = sizes_of("normal", (size,)), (number("normal", "mean", mean), number("normal", "std", std))
    array = streams.normal(stream(generator), shape, float_type(dtype), *parameters)
    return finish(array, device, requires_grad, layout, pin_memory)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`rand` with the shape, type and memory order of another tensor, filled in that order.

    >>> import mytorch
    >>> mytorch.rand_like(mytorch.zeros(2)).shape
    torch.Size([2])
    """
    out = finish(array_like("rand_like", input, dtype, memory_format), device, False, layout, pin_memory)
    return _required(uniform_(out, generator=generator), requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`randn` with the shape, type and memory order of another tensor, filled in that order.

    >>> import mytorch
    >>> mytorch.randn_like(mytorch.zeros(2)).shape
    torch.Size([2])
    """
    out = finish(array_like("randn_like", input, dtype, memory_format), device, False, layout, pin_memory)
    return _required(normal_(out, generator=generator), requires_grad)


def randint_like(
    input: Tensor,
    *bounds: Any,
    low: Any = None,
    high: Any = None,
    generator: Generator | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool | None = False,
    memory_format: Any = None,
) -> Tensor:
    """`randint` like another tensor, filled in its order: `randint_like(x, high)` or `randint_like(x, low, high)`.

    >>> import mytorch
    >>> mytorch.randint_like(mytorch.zeros(2), 1)
    tensor([0., 0.])
    """
    low, high = _limits("randint_like", list(bounds), low, high)
    out = finish(array_like("randint_like", input, dtype, memory_format), device, False, layout, pin_memory)
    return _required(random_(out, low, high, generator=generator), requires_grad)


def _required(out: Tensor, requires_grad: bool) -> Tensor:
    return out.requires_grad_() if requires_grad else out
