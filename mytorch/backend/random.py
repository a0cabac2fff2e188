"""PyTorch's CPU random streams on raw NumPy arrays: the same seed gives the same numbers as PyTorch does.

The functions turn the words of a `Generator` into distributions, in the order in which PyTorch's CPU
kernels consume them. They have one shape, `name(generator, shape, dtype, *parameters)`, return a fresh
array and know nothing of tensors.

Integers, uniforms and all that compares uniforms equal PyTorch's bit for bit. What goes through a
logarithm, a sine or an exponential may differ in the last bits, since NumPy and PyTorch use different
vectorised mathematics: by about 1e-15 relative for float64, 1e-6 for float32.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mytorch.backend.dtypes import of, type_name
from mytorch.backend.generator import Generator, default_generator, initial_seed, manual_seed, seed
from mytorch.backend.uniforms import (
    CHUNK,
    Array,
    Shape,
    count_of,
    floating,
    refuse,
    rounded,
    scale_and_shift,
    uniform24,
    uniform53,
)

__all__ = [
    "Generator",
    "bernoulli",
    "cauchy",
    "default_generator",
    "dropout_mask",
    "exponential",
    "geometric",
    "initial_seed",
    "log_normal",
    "manual_seed",
    "multinomial",
    "normal",
    "permutation",
    "randint",
    "random_from",
    "random_full",
    "seed",
    "uniform",
]


def _of_parts(draw: Callable[..., Array], generator: Generator, shape: Shape, dtype: np.dtype[Any], *at: Any) -> Array:
    """Complex numbers: real and imaginary parts are drawn in turn."""
    shape = (shape,) if isinstance(shape, int) else shape
    parts = draw(generator, (*shape, 2), np.empty(0, dtype).real.dtype, *at)
    return parts.view(dtype)[..., 0]


# Continuous distributions -----------------------------------------------------------------------------------


def uniform(generator: Generator, shape: Shape, dtype: DTypeLike, low: float = 0.0, high: float = 1.0) -> Array:
    """Uniform numbers in [low, high), as `Tensor.uniform_` and `rand`.

    A result that rounding would make `high` becomes `low`. Of a complex type, both parts are drawn. Raises
    RuntimeError for low > high or a bound that `dtype` cannot hold, NotImplementedError for integers.

    >>> uniform(Generator().manual_seed(0), 2, np.float64, -1.0, 1.0)
    array([0.940106  , 0.41563973])
    """
    if np.dtype(dtype).kind == "c":
        return _of_parts(uniform, generator, shape, np.dtype(dtype), low, high)
    dtype = floating(dtype, "check_uniform_bounds")
    largest = float(np.finfo(dtype).max)
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {dtype}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= {largest}, the largest {dtype}, but found to={high} and from={low}"
        )
    standard = low == 0.0 and high == 1.0
    draw = uniform53 if dtype == np.float64 else uniform24
    values = draw(generator, count_of(shape))
    if not standard:
        width = high - low if dtype == np.float64 else float(np.float32(high) - np.float32(low))
        scale_and_shift(values, width, low)
    values = values.astype(dtype, copy=False)
    if not standard or dtype == np.float16:
        values[values >= dtype.type(high)] = low
    return values.reshape(shape)


def normal(
    generator: Generator,
    shape: Shape,
    dtype: DTypeLike,
    mean: float | Array = 0.0,
    std: float | Array = 1.0,
    *,
    contiguous: bool = True,
) -> Array:
    """Normal numbers, as `Tensor.normal_`, `randn` and `torch.normal`.

    From 16 values on PyTorch fills a contiguous tensor in blocks; fewer values, or `contiguous=False` (for
    a target whose memory has gaps), come one by one in float64 and share the generator's cached second
    value. `mean` or `std` may be arrays that broadcast to `shape`. The parts of complex numbers have half the
    variance each, and both have the mean. Raises RuntimeError for a negative std, NotImplementedError for integers.
    Source: G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958.

    >>> normal(Generator().manual_seed(0), 2, np.float64).round(4)
    array([ 1.541 , -0.2934])
    """
    if not np.all(np.greater_equal(std, 0.0)):
        if isinstance(std, np.ndarray):
            raise RuntimeError("normal expects all elements of std >= 0.0")
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if np.dtype(dtype).kind == "c":
        draw = functools.partial(normal, contiguous=contiguous)
        return _of_parts(draw, generator, shape, np.dtype(dtype), mean, std / math.sqrt(2.0))
    dtype = floating(dtype, "normal_kernel_cpu")
    if isinstance(mean, np.ndarray) or isinstance(std, np.ndarray):
        values = normal(generator, shape, dtype)
        values *= np.asarray(std, dtype)
        values += np.asarray(mean, dtype)
        return values
    count = count_of(shape)
    if contiguous and count >= 16:
        values = _normal_blocks(generator, count, dtype)
    else:
        values = _normal_pairs(generator, count)
    if mean != 0.0 or std != 1.0:
        scale_and_shift(values, std, mean)
    return rounded(values, dtype).reshape(shape)


def _normal_blocks(generator: Generator, count: int, dtype: np.dtype[Any]) -> Array:
    """Standard normals from blocks of 16 uniforms; for a part of a block the last 16 are drawn anew.

    float64 stays float64, the others are computed in float32.
    """
    draw = uniform53 if dtype == np.float64 else uniform24
    whole = count - count % 16
    values = draw(generator, whole if dtype == np.float16 else count)  # float16 leaves the part out at first
    for start in range(0, whole, CHUNK):
        _box_muller(values[start : min(start + CHUNK, whole)])
    if whole < count:
        tail = draw(generator, 16)
        _box_muller(tail)
        values = np.concatenate([values[: count - 16], tail])
    return values


def _box_muller(values: Array) -> None:
    """Turn blocks of 16 uniforms into normals, in place: 8 that give the radii, 8 the angles."""
    real = values.dtype.type
    blocks = values.reshape(-1, 2, 8)
    radius = np.sqrt(real(-2.0) * np.log(real(1.0) - blocks[:, 0]))
    angle = real(2.0 * math.pi) * blocks[:, 1]
    np.multiply(radius, np.cos(angle), out=blocks[:, 0])
    np.multiply(radius, np.sin(angle), out=blocks[:, 1])


def _normal_pairs(generator: Generator, count: int) -> NDArray[np.float64]:
    """Standard normals one by one in float64; the second value of the last pair waits in the generator."""
    values = np.empty(count)
    cached = 0
    if count and generator.cached_normal is not None:
        values[0], generator.cached_normal = generator.cached_normal, None
        cached = 1
    pairs = (count - cached + 1) // 2
    uniforms = uniform53(generator, 2 * pairs).reshape(pairs, 2)
    if pairs <= 8:  # PyTorch uses the C library's functions, as `math` does; for a few they are quicker, too
        drawn = np.array([_normal_pair(*pair) for pair in uniforms.tolist()]).reshape(-1)
    else:
        radius = np.sqrt(-2.0 * np.log1p(-uniforms[:, 1]))
        angle = 2.0 * math.pi * uniforms[:, 0]
        drawn = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
    values[cached:] = drawn[: count - cached]
    if drawn.size > count - cached:
        generator.cached_normal = float(drawn[-1])
    return values


def _normal_pair(for_angle: float, for_radius: float) -> tuple[float, float]:
    radius = math.sqrt(-2.0 * math.log1p(-for_radius))
    angle = 2.0 * math.pi * for_angle
    return radius * math.cos(angle), radius * math.sin(angle)


def log_normal(generator: Generator, shape: Shape, dtype: DTypeLike, mean: float = 1.0, std: float = 2.0) -> Array:
    """Numbers whose logarithm is normal, as `Tensor.log_normal_`. Raises RuntimeError for std <= 0.

    >>> log_normal(Generator().manual_seed(0), 1, np.float64, 0.0, 1.0).round(4)
    array([4.6692])
    """
    dtype = floating(dtype, "log_normal_cpu")
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    values = _normal_pairs(generator, count_of(shape))
    scale_and_shift(values, std, mean)
    with np.errstate(over="ignore"):
        return rounded(np.exp(values), dtype).reshape(shape)


def _continuous(dtype: DTypeLike, name: str) -> np.dtype[Any]:
    if np.dtype(dtype).kind != "f":
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {type_name(np.dtype(dtype))}"
        )
    return np.dtype(dtype)


def exponential(generator: Generator, shape: Shape, dtype: DTypeLike, rate: float = 1.0) -> Array:
    """Exponential numbers with mean 1 / rate, as `Tensor.exponential_`.

    Raises RuntimeError for rate <= 0 and for integers.

    >>> exponential(Generator().manual_seed(0), 1, np.float64).round(4)
    array([3.5083])
    """
    dtype = _continuous(dtype, "Exponential")
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
    return rounded(-1.0 / rate * np.log1p(-uniform53(generator, count_of(shape))), dtype).reshape(shape)


def cauchy(generator: Generator, shape: Shape, dtype: DTypeLike, median: float = 0.0, sigma: float = 1.0) -> Array:
    """Cauchy numbers, `sigma` the half width at half height, as `Tensor.cauchy_`.

    Raises RuntimeError for sigma <= 0 and for integers.

    >>> cauchy(Generator().manual_seed(0), 1, np.float64).round(4)
    array([10.5977])
    """
    dtype = _continuous(dtype, "Cauchy")
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    values = np.tan(math.pi * (uniform53(generator, count_of(shape)) - 0.5))
    scale_and_shift(values, sigma, median)
    return rounded(values, dtype).reshape(shape)


# Discrete distributions -------------------------------------------------------------------------------------


def geometric(generator: Generator, shape: Shape, dtype: DTypeLike, p: float) -> Array:
    """Trials up to the first success, as `Tensor.geometric_`. Raises RuntimeError unless 0 < p < 1.

    >>> geometric(Generator().manual_seed(0), 4, np.int64, 0.3)
    array([1, 1, 3, 1])
    """
    refuse(dtype, "bc", "geometric_cpu")
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    trials = np.ceil(np.log(uniform53(generator, count_of(shape))) / math.log1p(-p))
    return trials.astype(dtype).reshape(shape)


def bernoulli(generator: Generator, shape: Shape, dtype: DTypeLike, p: float | Array) -> Array:
    """1 with probability `p`, else 0, as `Tensor.bernoulli_` and `torch.bernoulli`.

    `p` is one number, or a floating-point array that broadcasts to `shape`. As in PyTorch a number and a
    float64 array are compared with 53-bit uniforms, a float32 or float16 array with 24-bit ones. Raises
    RuntimeError unless 0 <= p <= 1.

    >>> bernoulli(Generator().manual_seed(0), 4, np.int64, 0.5)
    array([0, 0, 1, 0])
    """
    refuse(dtype, "c", "bernoulli_scalar_cpu_")
    if isinstance(p, np.ndarray):
        floating(p.dtype, "bernoulli_tensor_cpu_p_")
    if not np.all((np.less_equal(0.0, p)) & (np.less_equal(p, 1.0))):
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    count = count_of(shape)
    if not isinstance(p, np.ndarray):
        return (uniform53(generator, count) < p).astype(dtype).reshape(shape)
    draw = uniform53 if p.dtype == np.float64 else uniform24
    return (draw(generator, count) < np.broadcast_to(p, shape).reshape(-1)).astype(dtype).reshape(shape)


def dropout_mask(generator: Generator, shape: Shape, dtype: DTypeLike, p: float) -> Array:
    """What `functional.dropout` multiplies its input with: 0 with probability `p`, else 1 / (1 - p).

    Nothing is drawn for p = 0 and p = 1. Raises ValueError unless 0 <= p <= 1.

    >>> dropout_mask(Generator().manual_seed(0), 4, np.float32, 0.5)
    array([0., 0., 2., 0.], dtype=float32)
    """
    dtype = floating(dtype, "dropout_mask")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p in (0.0, 1.0):
        return np.full(shape, 1.0 - p, dtype)
    keep = 1.0 - p
    scale = 1.0 / keep if dtype == np.float64 else np.float32(1.0) / np.float32(keep)
    kept = uniform53(generator, count_of(shape)) < keep
    mask: Array = np.multiply(kept, dtype.type(scale), dtype=dtype)
    return mask.reshape(shape)


def randint(generator: Generator, shape: Shape, dtype: DTypeLike, low: int, high: int) -> Array:
    """Integers in [low, high), as `torch.randint` and `Tensor.random_(low, high)`.

    A range of 2**28 or more takes 64-bit words. Raises RuntimeError for an empty range and for a bound that
    an integer `dtype` cannot hold; where a floating type skips integers, a UserWarning says so.

    >>> randint(Generator().manual_seed(0), 5, np.int64, 0, 10)
    array([4, 9, 3, 0, 3])
    """
    dtype = np.dtype(dtype)
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    smallest, largest = _integer_bounds(dtype)
    for name, value in (("from", low), ("to - 1", high - 1)):
        if not smallest <= value <= largest:
            if dtype.kind != "f":
                raise RuntimeError(f"{name} is out of bounds for {of(dtype).name}")
            warnings.warn(
                f"{name} is out of bounds [{smallest}, {largest}]. Due to precision limitations {dtype} can support "
                "discrete uniform distribution only within this range.",
                stacklevel=4,
            )
    if dtype.kind == "f":
        low, high = _bounds_held(low, high, dtype)
    count, width = count_of(shape), high - low
    draws = generator.words(count) if width < 2**28 else generator.words64(count)
    if width < 2**64:
        draws = draws % width
    return (draws.astype(np.int64) + low).astype(dtype).reshape(shape)


def _bounds_held(low: int, high: int, dtype: np.dtype[Any]) -> tuple[int, int]:
    """The bounds, moved inwards to numbers that a floating type holds if rounding would move them outwards."""
    real = dtype.type
    if int(real(low + 1)) < low:
        low = int(np.nextafter(real(low + 1), real(np.inf)))
    if int(real(high - 1)) >= high:
        high = int(np.nextafter(real(high - 1), real(-np.inf)))
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, not {low}")
    return low, high


def _integer_bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The smallest and the largest integer of the range in which `dtype` holds every integer."""
    if dtype.kind == "f":
        bound = 2 ** (np.finfo(dtype).nmant + 1)
        return -bound, bound
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind == "c":
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def random_from(generator: Generator, shape: Shape, dtype: DTypeLike, low: int) -> Array:
    """Integers from `low` to the largest that `dtype` holds exactly with all below it, as `Tensor.random_(low, None)`.

    >>> random_from(Generator().manual_seed(0), 2, np.int8, 120)
    array([124, 127], dtype=int8)
    """
    return randint(generator, shape, dtype, low, _integer_bounds(np.dtype(dtype))[1] + 1)


def random_full(generator: Generator, shape: Shape, dtype: DTypeLike) -> Array:
    """Integers from 0 to the largest that `dtype` holds exactly with all below it, as `Tensor.random_()`.

    >>> random_full(Generator().manual_seed(0), 2, np.uint8)
    array([172,  47], dtype=uint8)
    """
    dtype = np.dtype(dtype)
    refuse(dtype, "c", "random_kernel_cpu")
    draws = generator.words64(count_of(shape)) if dtype.itemsize == 8 else generator.words(count_of(shape))
    return (draws % (_integer_bounds(dtype)[1] + 1)).astype(dtype).reshape(shape)


def permutation(generator: Generator, n: int, dtype: DTypeLike = np.int64) -> Array:
    """The numbers 0 to n - 1 in random order, as `torch.randperm`.

    Raises RuntimeError for a negative n, NotImplementedError from 214,748,364 on, where PyTorch shuffles
    differently. Source: R. A. Fisher and F. Yates, "Statistical Tables", 1938, in R. Durstenfeld's form
    (CACM algorithm 235, 1964).

    >>> permutation(Generator().manual_seed(0), 5)
    array([4, 0, 1, 3, 2])
    """
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    refuse(dtype, "bc", "randperm")
    if n > _integer_bounds(np.dtype(dtype))[1] + 1:
        raise RuntimeError(f"n cannot be greater than {_integer_bounds(np.dtype(dtype))[1] + 1} for {dtype} type.")
    if n >= (2**32 - 1) // 20:
        raise NotImplementedError(f"n is limited to {(2**32 - 1) // 20 - 1}, but got {n}")
    if n < 2:
        return np.arange(n, dtype=dtype)
    steps = np.arange(n - 1)
    partners = steps + (generator.words(n - 1) % (n - steps).astype(np.uint64)).astype(np.int64)
    return _swapped(steps, partners).astype(dtype, copy=False)


def _swapped(steps: NDArray[np.int64], partners: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `for i in steps: swap(a[i], a[partners[i]])` makes of 0, 1, 2, ..., without a loop over the steps.

    Step i moves what place i holds to place partners[i], which is i or later. So what a place holds at a
    given time came from the last earlier step with that partner, and what that step moved can be followed
    back in the same way.
    """
    n = len(steps) + 1
    order = np.sort(partners << 32 | steps)  # by partner, then by step
    place, step = order >> 32, order & 0xFFFFFFFF
    again = place[1:] == place[:-1]
    previous = np.full(n, -1)  # the last earlier step with the same partner as this step
    previous[step[1:][again]] = step[:-1][again]
    # source[i]: the last step before step i that wrote to place i, or i itself if there is none.
    source = np.arange(n)
    last = np.append(~again, True)
    source[place[last]] = step[last]
    idle = np.flatnonzero(partners == steps)  # these wrote to their own place only now
    source[idle] = np.where(previous[idle] < 0, idle, previous[idle])
    while not np.array_equal(further := source[source], source):
        source = further
    result = np.where(previous < 0, np.append(partners, n - 1), source[previous])
    result[-1] = source[-1]
    return result


def multinomial(generator: Generator, weights: Array, num_samples: int, replacement: bool = False) -> Array:
    """Indices drawn in proportion to `weights`, as `torch.multinomial`: `num_samples` of them for each row.

    Raises RuntimeError for weights that are not 1-d or 2-d floating point, finite, non-negative and of
    positive sum, and for more samples than weights without replacement. When the positive weights run out,
    zero weights follow in their own order; PyTorch's order among them is arbitrary.

    >>> multinomial(Generator().manual_seed(0), np.array([0.1, 0.6, 0.3]), 2)
    array([2, 1])
    """
    if weights.dtype.kind != "f":
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {type_name(weights.dtype)}"
        )
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, but has {weights.ndim}")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, but got {num_samples}")
    categories = weights.shape[-1]
    if not replacement and num_samples > categories:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: {num_samples} > {categories}"
        )
    if not np.all(np.isfinite(weights)) or np.any(weights < 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not np.all(weights.sum(axis=-1) > 0):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    rows = weights.reshape(-1, categories)
    winners: Array
    if not replacement or num_samples == 1:
        # The race of exponential clocks: the category with the largest weight / clock rings first.
        with np.errstate(divide="ignore"):
            race = rows / exponential(generator, rows.shape, rows.dtype)
        if num_samples == 1:
            winners = race.argmax(axis=1)
        else:
            winners = np.argsort(-race, axis=1, kind="stable")[:, :num_samples]
    else:
        sums = np.cumsum(rows, axis=1, dtype=np.float32 if rows.dtype == np.float16 else rows.dtype)
        sums = (sums / sums[:, -1:]).astype(np.float64)
        draws = uniform53(generator, len(rows) * num_samples).reshape(len(rows), num_samples)
        winners = np.zeros(draws.shape, np.int64)
        for row, draw, winner in zip(sums, draws, winners, strict=True):
            winner[:] = np.searchsorted(row, draw)
    return winners.reshape(*weights.shape[:-1], num_samples)
