"""Samplers: in which order a loader takes the samples. For the same seed the order is PyTorch's."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from mytorch.autograd.application import wrap
from mytorch.backend import random
from mytorch.backend.random import Generator
from mytorch.tensor import Tensor

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)
_DRAWN_AT_ONCE = 32  # RandomSampler with replacement draws its indices in groups of this many
_LISTED_AT_ONCE = 1 << 16


class Sampler(Generic[T_co]):
    """Base of all samplers: a subclass has `__iter__`, which gives indices, and usually `__len__`."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError("Subclasses of Sampler should implement __iter__.")


class SequentialSampler(Sampler[int]):
    """The indices 0, 1, ... in order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices in random order, or `num_samples` indices drawn with `replacement`.

    Without `generator` each pass takes one number of the default stream to seed a generator of its own.
    Without replacement more samples than there are come as several orders one after another.

    Raises:
        TypeError: for a `replacement` that is no bool.
        ValueError: for `num_samples`, or a length of `data_source`, that is not positive.

    >>> import mytorch
    >>> list(RandomSampler(range(5), generator=mytorch.Generator().manual_seed(0)))
    [4, 0, 1, 3, 2]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        _require_positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many indices a pass gives; follows the length of the data source unless it was given."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        count, generator = len(self.data_source), self.generator
        if generator is None:
            generator = Generator().manual_seed(int(random.random_full(random.default_generator, (), np.int64)))
        group = _DRAWN_AT_ONCE if self.replacement else count
        whole, rest = divmod(self.num_samples, group)
        for wanted in [group] * whole + [rest]:
            if self.replacement:
                yield from random.randint(generator, wanted, np.int64, 0, count).tolist()
            else:
                # PyTorch shuffles once more even for a rest of 0, which moves a generator that is used again.
                yield from _in_groups(random.permutation(generator, count)[:wanted])

    def __len__(self) -> int:
        return self.num_samples


def _in_groups(numbers: npt.NDArray[np.int64]) -> Iterator[int]:
    """The numbers as Python's, of which a list would take five times the array's memory."""
    for start in range(0, len(numbers), _LISTED_AT_ONCE):
        yield from numbers[start : start + _LISTED_AT_ONCE].tolist()


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    >>> import mytorch
    >>> list(SubsetRandomSampler([10, 20, 30], mytorch.Generator().manual_seed(0)))
    [30, 10, 20]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for position in random.permutation(self.generator or random.default_generator, len(self.indices)).tolist():
            yield self.indices[position]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, drawn in proportion to `weights`, which need not sum up to 1.

    Raises:
        ValueError: for weights that are not 1-d, `num_samples` that is not positive, `replacement` that is
            no bool.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _require_positive("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        values = np.asarray(weights, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {tuple(values.shape)}")
        self.weights: Tensor = wrap(values)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        generator = self.generator or random.default_generator
        yield from random.multinomial(generator, self.weights.array, self.num_samples, self.replacement).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler; a shorter last one is left out if `drop_last`.

    Raises:
        ValueError: for a `batch_size` that is not positive or a `drop_last` that is no bool.

    >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool) -> None:
        _require_positive("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        at_once = min(self.batch_size, sys.maxsize)  # islice takes no more
        while batch := list(itertools.islice(indices, at_once)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        count: int = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _require_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")
