"""The random streams that a training draws from, to be kept in a checkpoint and put back.

They are our own, whose numbers are PyTorch's, and those of NumPy and Python, from which a user's own code may draw.
What augments images draws from a stream beside these, so that weights, shuffles and dropout are the same with it as
without it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mytorch.backend.generator import Generator, default_generator
from mytorch.random import manual_seed

# Added to the seed for the augmentation, whose numbers would otherwise be those of the first weights.
AUGMENTATION_SEED = 0x9E3779B9

_augmentation = Generator()


def seed_streams(seed: int) -> None:
    """Seed all of them."""
    manual_seed(seed)
    _augmentation.manual_seed(seed + AUGMENTATION_SEED)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def get_streams() -> dict[str, Any]:
    """Where all of them are, as a checkpoint can hold it."""
    version, words, cached = random.getstate()
    return {
        "mytorch": Generator.get_state(default_generator),
        "augmentation": _augmentation.get_state(),
        "numpy": np.random.get_state(),
        "python": [version, np.array(words, np.uint32), cached],
    }


def set_streams(streams: dict[str, Any]) -> None:
    """Put them where they were at `get_streams`."""
    Generator.set_state(default_generator, streams["mytorch"])
    if "augmentation" in streams:  # checkpoints of older versions have none
        _augmentation.set_state(streams["augmentation"])
    np.random.set_state(streams["numpy"])
    version, words, cached = streams["python"]
    random.setstate((version, tuple(words.tolist()), cached))


@contextmanager
def keeping_streams() -> Iterator[None]:
    """The streams as they were before the `with` block, whatever it has drawn from them.

    >>> seed_streams(0)
    >>> with keeping_streams():
    ...     first = random.random()
    >>> random.random() == first
    True
    """
    before = get_streams()
    try:
        yield
    finally:
        set_streams(before)


@contextmanager
def augmenting() -> Iterator[None]:
    """In the `with` block the default stream is that of augmentation; afterwards each goes on from where it was.

    >>> import mytorch
    >>> seed_streams(0)
    >>> with augmenting():
    ...     inside = mytorch.rand(1).item()
    >>> outside = mytorch.rand(1).item()
    >>> inside == outside, outside == mytorch.rand(1, generator=mytorch.Generator().manual_seed(0)).item()
    (False, True)
    """
    _exchange(default_generator, _augmentation)
    try:
        yield
    finally:
        _exchange(default_generator, _augmentation)


def _exchange(one: Generator, other: Generator) -> None:
    """Let two generators change places, by their contents: the default stream is one object for good."""
    for name in Generator.__slots__:
        first, second = getattr(one, name), getattr(other, name)
        setattr(one, name, second)
        setattr(other, name, first)
