"""Parameters on flat buffers: many small arrays updated as one.

A NumPy call on a small array costs about a microsecond whatever its size, and Adam needs 13 of them. So the parameters
of a group are moved into one contiguous buffer, of which every `param.array` becomes a view, and so is their state.

Moving must never be seen. A parameter whose memory somebody else holds too (a tensor from `detach()`, a NumPy array
from `numpy()`, another parameter, another optimizer) stays where it is and is updated there; see `holders`. Before
every step, `Plan.intact` makes sure that nothing was exchanged since; if something was, a new plan is made from what
the parameters and the state then are.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from itertools import chain
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np

from mytorch.autograd.primitive import wrap
from mytorch.backend.dtypes import default_float

Array = np.ndarray[Any, Any]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
PIECE = 32768  # elements that are updated at a time: their arrays fit into a second level cache together
SCRATCH = 3  # arrays that a formula may use for what it computes on the way

_array_of = attrgetter("array")


class FlatBuffer(np.ndarray[Any, Any]):
    """Memory that parameters share. A type of its own, so that NumPy keeps `param.array` as the base of its views."""


_probe = wrap(np.zeros(1))
_ALONE = sys.getrefcount(_probe.array)  # the tensor's own reference, and the argument of the call


def holders(param: Any) -> int:
    """How many others hold the parameter's memory: its array, or an array of which that is a view."""
    count = sys.getrefcount(param.array) - _ALONE
    array = param.array
    while array.base is not None and not isinstance(array.base, FlatBuffer):
        if not isinstance(array.base, np.ndarray):
            return count + 1  # a memory map, bytes: somebody else's
        count += sys.getrefcount(array.base) - _ALONE
        array = array.base
    return count


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the numbers that an array is made of: a complex number is a pair of floats."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def as_real(array: Array) -> Array:
    """A complex array as pairs of floats (the same memory), any other array as it is."""
    return array[..., None].view(real_dtype(array.dtype)) if array.dtype.kind == "c" else array


def aligned(length: int, dtype: np.dtype[Any]) -> FlatBuffer:
    """A buffer of zeros."""
    spare = ALIGNMENT // dtype.itemsize
    memory = np.zeros(length + spare, dtype)
    start = -memory.ctypes.data % ALIGNMENT // dtype.itemsize
    return memory.view(FlatBuffer)[start : start + length]


def memory_order(array: Array) -> list[int]:
    """The dimensions, that with the widest stride first."""
    return sorted(range(array.ndim), key=lambda d: -abs(array.strides[d]))


def placed(buffer: Array, like: Array, order: list[int]) -> Array:
    """A stretch of a buffer, seen with the shape, the type and the order of dimensions of another array."""
    stretch = buffer.view(like.dtype).reshape([like.shape[d] for d in order])
    return np.transpose(stretch, np.argsort(order)).view(np.ndarray)


class Piece:
    """Arrays of one length that a formula works on in one go: a parameter, a part of one, or several."""

    __slots__ = ("grad", "param", "start", "state", "stop", "work")

    def __init__(self, block: Block, start: int, stop: int, origin: int) -> None:
        self.start, self.stop = start - origin, stop - origin  # within the parameter
        self.param = block.param[start:stop]
        self.grad = block.grad[start:stop]
        self.state = [flat[start:stop] for flat in block.state]
        self.work = [scratch[: stop - start] for scratch in block.scratch]


class Block:
    """Parameters of one element type with their gradients and state on flat buffers.

    Args:
        params: the parameters, all with memory of their own.
        entries: for each, its dict in the optimizer's state: what is there is taken over, what is missing made.
        buffers: the names of the state arrays and what they start with.
        scalars: the names of the state numbers (such as `step`) and what they start with.
        hidden: the numbers are not part of the state; they start at 1 where the state has arrays, else at 0.
    """

    def __init__(
        self,
        params: list[Any],
        entries: list[dict[str, Any]],
        buffers: dict[str, float],
        scalars: dict[str, float],
        hidden: bool,
    ) -> None:
        self.params = params
        self.dtype = real_dtype(params[0].array.dtype)
        self.names = tuple(buffers) if hidden else (*scalars, *buffers)
        self.entries = entries if self.names else []
        self._place()
        self._move()
        numbers = _scalar_dtype(entries, scalars)
        self.scalars = {name: np.full(len(params), start, numbers) for name, start in scalars.items()}
        for index, entry in enumerate(entries):
            for name, values in self.scalars.items():
                if hidden:
                    values[index] = bool(buffers) and all(entry.get(key) is not None for key in buffers)
                else:
                    _take_over(entry, name, values[index : index + 1].reshape(()), values[index])
            for name, start, flat in zip(buffers, buffers.values(), self.state, strict=True):
                _take_over(entry, name, self._view(flat, index), start)
        self._table = np.zeros(16, self.dtype)  # the formula's coefficients, as 0-d arrays: see `coefficients`
        self._coefficients = [self._table[i : i + 1].reshape(()) for i in range(16)]
        self._watch()

    def _place(self) -> None:
        """Say where in the buffers each parameter lies, and make the buffers."""
        line = ALIGNMENT // self.dtype.itemsize
        self.orders = [memory_order(p.array) for p in self.params]
        self.slots: list[tuple[int, int]] = []
        end = 0
        for p in self.params:
            start = -(-end // line) * line
            end = start + as_real(p.array).size
            self.slots.append((start, end))
        self._memory = {name: aligned(end, self.dtype) for name in ("param", "grad", *self._state_names())}
        self.param: Array = self._memory["param"].view(np.ndarray)
        self.grad: Array = self._memory["grad"].view(np.ndarray)
        self.state: list[Array] = [self._memory[name].view(np.ndarray) for name in self._state_names()]
