"""Random tensors: PyTorch's streams (`mytorch.backend.random`) in tensors, and the state of the streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.backend import dtypes
from mytorch.backend import random as streams
from mytorch.backend.generator import Generator, default_generator, initial_seed, manual_seed, seed
from mytorch.creation import finish, sizes_of
from mytorch.tensor import Tensor

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "seed",
    "set_rng_state",
]


def _generator(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


def _float_type(dtype: Any) -> np.dtype[Any]:
    return dtypes.default_float() if dtype is None else dtypes.to_numpy(dtype)


def rand(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers in [0, 1).

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.rand(2)
    tensor([0.4963, 0.7682])
    """
    array = streams.uniform(_generator(generator), sizes_of(size), _float_type(dtype))
    return finish(array, device, requires_grad)


def randn(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Normal numbers with mean 0 and standard deviation 1.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    array = streams.normal(_generator(generator), sizes_of(size), _float_type(dtype))
    return finish(array, device, requires_grad)


def randint(
    *args: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **named: Any,
) -> Tensor:
    """Integers from low (0) up to, not including, high: `randint(high, size)` or `randint(low, high, size)`.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.randint(10, (3,))
    tensor([4, 9, 3])
    """
    given = list(args)
    size = named.pop("size", None)
    if size is None:
        if not given:
            raise TypeError("randint() needs a size")
        size = given.pop()
    low, high = named.pop("low", None), named.pop("high", None)
    if high is None:
        if not given:
            raise TypeError("randint() needs an upper bound: randint(high, size) or randint(low, high, size)")
        high = given.pop()
    if low is None:
        low = given.pop() if given else 0
    if given or named:
        raise TypeError(f"randint() got arguments it does not know: {given or sorted(named)}")
    numpy = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    return finish(
        streams.randint(_generator(generator), sizes_of((size,)), numpy, int(low), int(high)), device, requires_grad
    )


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The numbers 0 to n - 1 in random order.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    numpy = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    return finish(streams.permutation(_generator(generator), n, numpy), device, requires_grad)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element of `input` gives (or `p` for all), else 0.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> mytorch.bernoulli(mytorch.tensor([0.2, 0.9]))
    tensor([0., 1.])
    """
    probability = input.array if p is None else p
    return wrap(streams.bernoulli(_generator(generator), input.array.shape, input.array.dtype, probability))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with probabilities in proportion to the weights `input`, (n,) or (rows, n).

    >>> import mytorch
    >>> mytorch.multinomial(mytorch.tensor([0.0, 1.0]), 1)
    tensor([1])
    """
    return wrap(streams.multinomial(_generator(generator), input.array, num_samples, replacement))


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
) -> Tensor:
    """Normal numbers with the given mean and standard deviation, numbers (then `size` is needed) or tensors.

    >>> import mytorch
    >>> mytorch.normal(5.0, 0.0, (2,))
    tensor([5., 5.])
    """
    parts = [v.array if isinstance(v, Tensor) else v for v in (mean, std)]
    arrays = [v for v in parts if isinstance(v, np.ndarray)]
    if not arrays and size is None:
        raise TypeError("normal(): size is needed when mean and std are numbers")
    shape = sizes_of((size,)) if size is not None else np.broadcast_shapes(*[a.shape for a in arrays])
    numpy = arrays[0].dtype if arrays and dtype is None else _float_type(dtype)
    return finish(streams.normal(_generator(generator), shape, numpy, *parts))


def _as(input: Tensor, dtype: Any) -> Any:
    return input.dtype if dtype is None else dtype


def rand_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """`rand` with the shape and type of another tensor.

    >>> import mytorch
    >>> mytorch.rand_like(mytorch.zeros(2)).shape
    torch.Size([2])
    """
    return rand(input.array.shape, dtype=_as(input, dtype), device=device, requires_grad=requires_grad)


def randn_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """`randn` with the shape and type of another tensor.

    >>> import mytorch
    >>> mytorch.randn_like(mytorch.zeros(2)).shape
    torch.Size([2])
    """
    return randn(input.array.shape, dtype=_as(input, dtype), device=device, requires_grad=requires_grad)


def randint_like(
    input: Tensor, *bounds: int, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`randint` with the shape and type of another tensor: `randint_like(x, high)` or `randint_like(x, low, high)`.

    >>> import mytorch
    >>> mytorch.randint_like(mytorch.zeros(2), 1)
    tensor([0., 0.])
    """
    return randint(*bounds, input.array.shape, dtype=_as(input, dtype), device=device, requires_grad=requires_grad)


def get_rng_state() -> Tensor:
    """The state of the default stream, as a tensor of bytes in PyTorch's own layout.

    >>> get_rng_state().shape
    torch.Size([5056])
    """
    return wrap(default_generator.get_state())


def set_rng_state(new_state: Tensor) -> None:
    """Put the default stream into a state that `get_rng_state` returned.

    >>> state = get_rng_state(); a = rand(3); set_rng_state(state); bool((rand(3) == a).all())
    True
    """
    default_generator.set_state(new_state.array)
