"""New tensors drawn from distributions whose parameters are tensors: `bernoulli`, `multinomial`, `normal` and the like.

For the same seed the numbers are PyTorch's. The gradients that reach the parameters are 0, as in PyTorch,
but `multinomial` and `binomial` have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import misfit, record_alone, wrap
from mytorch.autograd.array import DifferentiableArray
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import Primitive
from mytorch.backend import counts
from mytorch.backend import random as streams
from mytorch.backend.dtypes import of, type_name
from mytorch.backend.generator import Generator
from mytorch.ops.arguments import check_tensors
from mytorch.ops.random_fills import stream

if TYPE_CHECKING:
    from mytorch.tensor import Tensor


def _flat(name: str, inputs: int) -> Primitive:
    """A table entry for a result whose gradients by its inputs are 0."""
    if inputs == 1:
        return Primitive(
            name,
            lambda xp, x: xp.zeros_like(x),
            [lambda xp, g, _out, x: xp.zeros_like(x)],
            math={"y": f"{name}(x)"},
        )
    return Primitive(
        name,
        lambda xp, x, y: xp.zeros_like(x) + xp.zeros_like(y),
        [lambda xp, g, _out, x, _y: xp.zeros_like(x), lambda xp, g, _out, _x, y: xp.zeros_like(y)],
        math={"y": f"{name}(x1, x2)"},
    )


_bernoulli, _poisson, _normal = _flat("bernoulli", 1), _flat("poisson", 1), _flat("normal", 2)


def _drawn(values: Any, primitive: Primitive, *parameters: Tensor) -> Tensor:
    """The drawn values as a tensor, with a node if a parameter requires a gradient."""
    out: Tensor = wrap(values)
    if mode.enabled and out.array.dtype.kind == "f":
        out.node = record_alone(primitive, parameters, out)
        out.needs_grad = out.node is not None
    return out


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that each element of `input` gives (or `p` for all), else 0.

    Raises:
        RuntimeError: a probability is not between 0 and 1.
        NotImplementedError: the probabilities are integers.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> bernoulli(mytorch.tensor([0.2, 0.9]))
    tensor([0., 1.])
    """
    check_tensors("bernoulli", input)
    array = input.array
    values = streams.bernoulli(stream(generator), array.shape, array.dtype, array if p is None else p)
    return _drawn(values, _bernoulli, input)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with probabilities in proportion to the weights `input`, (n,) or (rows, n).

    Raises:
        RuntimeError: the weights are not floating point, not 1-d or 2-d, negative, not finite or all 0; or, without
            replacement, there are fewer of them than samples.

    >>> import mytorch
    >>> multinomial(mytorch.tensor([0.0, 1.0]), 1)
    tensor([1])
    """
    check_tensors("multinomial", input)
    if not isinstance(num_samples, (int, np.integer)):
        raise TypeError(
            f"multinomial(): argument 'num_samples' (position 2) must be int, not {type(num_samples).__name__}"
        )
    return wrap(streams.multinomial(stream(generator), input.array, int(num_samples), replacement))


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """A number from the Poisson distribution for each rate in `input`.

    Raises:
        RuntimeError: a rate is negative.
        NotImplementedError: the rates are not floating point.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> poisson(mytorch.tensor([1.0, 4.0, 100.0]))
    tensor([ 2.,  5., 94.])
    """
    check_tensors("poisson", input)
    if input.array.dtype.kind != "f":
        raise NotImplementedError(f"\"poisson_cpu\" not implemented for '{type_name(input.array.dtype)}'")
    return _drawn(counts.poisson(stream(generator), input.array), _poisson, input)


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with probability `prob`. It has no gradient.

    Raises:
        RuntimeError: the types differ, or the shapes do not fit.
        ValueError: the counts are not floating point.
        NotImplementedError: they are float16.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> binomial(mytorch.tensor([10.0, 100.0]), mytorch.tensor([0.5, 0.3]))
    tensor([ 7., 31.])
    """
    check_tensors("binomial", count, prob)
    trials, chance = count.array, prob.array
    if trials.dtype.kind != "f":
        raise ValueError(f"binomial only supports floating-point dtypes for count, got: {type_name(trials.dtype)}")
    if chance.dtype != trials.dtype:
        raise RuntimeError(f"Found dtype {of(chance.dtype)} but expected {of(trials.dtype)}")
    if trials.dtype == np.float16:
        raise NotImplementedError("\"binomial_cpu\" not implemented for 'Half'")
    trials, chance = _broadcast("binomial", trials, chance)
    return wrap(counts.binomial(stream(generator), trials, chance))


def _broadcast(name: str, *arrays: Any) -> Any:
    try:
        return np.broadcast_arrays(*arrays)
    except ValueError as error:
        raise misfit(name, error, *arrays) from None


def normal_of(mean: Any, std: Any, generator: Generator | None) -> Tensor:
    """Normal numbers whose mean, standard deviation, or both are tensors. The type is that of the first of them."""
    tensors = [v for v in (mean, std) if isinstance(v, DifferentiableArray)]
    raw = [v.array if isinstance(v, DifferentiableArray) else v for v in (mean, std)]
    shape = _broadcast("normal", *[t.array for t in tensors])[0].shape
    values = streams.normal(stream(generator), shape, tensors[0].array.dtype, *raw)
    mean, std = [v if isinstance(v, DifferentiableArray) else wrap(np.zeros(())) for v in (mean, std)]
    return _drawn(values, _normal, mean, std)
