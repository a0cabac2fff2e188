"""The random streams that a training draws from, to be kept in a checkpoint and put back.

They are our own, whose numbers are PyTorch's, and those of NumPy and Python, from which a user's own code may draw.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mytorch.backend.generator import Generator, default_generator
from mytorch.random import manual_seed


def seed_streams(seed: int) -> None:
    """Seed all of them."""
    manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def get_streams() -> dict[str, Any]:
    """Where all of them are, as a checkpoint can hold it."""
    version, words, cached = random.getstate()
    return {
        "mytorch": Generator.get_state(default_generator),
        "numpy": np.random.get_state(),
        "python": [version, np.array(words, np.uint32), cached],
    }


def set_streams(streams: dict[str, Any]) -> None:
    """Put them where they were at `get_streams`."""
    Generator.set_state(default_generator, streams["mytorch"])
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
