"""Random counts, drawn one by one: the Poisson and the binomial distribution, with PyTorch's numbers.

Both try pairs of uniforms until one is accepted, so how many words of the stream a value takes is not known before it
has been drawn. Few arrays need them; they are Python loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytorch.backend.generator import Generator
from mytorch.backend.random import uniform

Uniform = Callable[[], float]
_AHEAD = 64  # uniforms drawn at a time


def _one_by_one(generator: Generator, sample: Callable[..., float], *columns: NDArray[Any]) -> list[float]:
    """`sample(uniform, *row)` for every row; the stream moves on by the uniforms that were used."""
    ahead = generator.clone_state()
    used = 0

    def uniforms() -> Iterator[float]:
        nonlocal used
        while True:
            for value in uniform(ahead, _AHEAD, np.float64).tolist():
                used += 1
                yield value

    draw = uniforms().__next__
    rows = zip(*[column.reshape(-1).tolist() for column in columns], strict=True)
    values = [sample(draw, *row) for row in rows]
    generator.words64(used)
    return values


def poisson(generator: Generator, rates: NDArray[Any]) -> NDArray[Any]:
    """A Poisson number for each rate, as `torch.poisson`, of the type of the rates.

    Raises RuntimeError for a negative rate or NaN. Sources: D. E. Knuth, "The Art of Computer Programming", 2, 3.4.1
    (rates below 10); W. Hoermann, "The transformed rejection method for generating Poisson random variables", 1993.

    >>> poisson(Generator().manual_seed(0), np.array([1.0, 4.0, 100.0]))
    array([ 2.,  5., 94.])
    """
    if not np.all(rates >= 0):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    values = _one_by_one(generator, _poisson, rates.astype(np.float64))
    return np.array(values).astype(rates.dtype).reshape(rates.shape)


def _poisson(uniform: Uniform, rate: float) -> float:
    if rate == 0:
        return 0
    if rate < 10:
        limit = math.exp(-rate)
        events, product = 0, uniform()
        while product > limit:
            events += 1
            product *= uniform()
        return events
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_limit = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43) if us else -1
        if us >= 0.07 and v <= v_limit:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if v == 0 or math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= (
            k * log_rate - rate - math.lgamma(k + 1)
        ):
            return k


def binomial(generator: Generator, count: NDArray[Any], prob: NDArray[Any]) -> NDArray[Any]:
    """How many of `count` trials succeed that each do with probability `prob`, as `torch.binomial`.

    The two arrays have one shape and one floating type. Sources: L. Devroye, "Non-Uniform Random Variate Generation",
    1986, X.4.3 (fewer than 10 successes expected); W. Hoermann, "The generation of binomial random variates", 1993.

    >>> binomial(Generator().manual_seed(0), np.array([10.0, 100.0]), np.array([0.5, 0.3]))
    array([ 7., 31.])
    """
    values = _one_by_one(generator, _binomial, count.astype(np.float64), prob.astype(np.float64))
    return np.array(values).astype(count.dtype).reshape(count.shape)


def _binomial(uniform: Uniform, count: float, prob: float) -> float:
    if count <= 0 or prob <= 0:
        return 0
    if prob >= 1:
        return count
    if prob <= 0.5:
        return _successes(uniform, count, prob)
    if prob > 0.5:
        return count - _successes(uniform, count, 1 - prob)
    return math.nan


def _successes(uniform: Uniform, count: float, prob: float) -> float:
    """For a probability of at most 1/2."""
    return _transformed_rejection(uniform, count, prob) if count * prob >= 10 else _waiting(uniform, count, prob)


def _waiting(uniform: Uniform, count: float, prob: float) -> float:
    """Add up the waiting times for successes until the trials are over."""
    log_failure = math.log1p(-prob)
    trials, successes = 0.0, -1
    while trials <= count:
        u = uniform()
        trials += math.ceil(math.log(u) / log_failure) if u else math.inf
        successes += 1
    return successes


def _transformed_rejection(uniform: Uniform, count: float, prob: float) -> float:
    deviation = math.sqrt(count * prob * (1 - prob))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    c = count * prob + 0.5
    v_limit = 0.92 - 4.2 / b
    odds = prob / (1 - prob)
    alpha = (2.83 + 5.1 / b) * deviation
    m = math.floor((count + 1) * prob)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c) if us else -1
        if not 0 <= k <= count:
            continue
        if us >= 0.07 and v <= v_limit:
            return k
        bound = (
            (m + 0.5) * math.log((m + 1) / (odds * (count - m + 1)))
            + (count + 1) * math.log((count - m + 1) / (count - k + 1))
            + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
            + _stirling_tail(m)
            + _stirling_tail(count - m)
            - _stirling_tail(k)
            - _stirling_tail(count - k)
        )
        if v == 0 or math.log(v * alpha / (a / (us * us) + b)) <= bound:
            return k


def _stirling_tail(k: float) -> float:
    """What Stirling's formula for log(k!) leaves out."""
    if k <= 9:
        return math.lgamma(k + 1) - (0.5 * math.log(2 * math.pi) + (k + 0.5) * math.log(k + 1) - (k + 1))
    square = (k + 1) ** 2
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
