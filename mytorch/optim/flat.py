"""Parameters on flat buffers: many small arrays updated as one.

A NumPy call on a small array costs about a microsecond whatever its size, and Adam needs 13 of them. So the parameters
of a group are moved into one contiguous buffer, of which every `param.array` becomes a view, and so is their state.

Moving must never be seen. A parameter whose memory somebody else holds too (a tensor from `detach()`, a NumPy array
from `numpy()`, another parameter, another optimizer) stays where it is and is updated there; see `holders`. Before
every step, `Plan.intact` makes sure that nothing was exchanged since; if something was, a new plan is made from what
the parameters and the state then are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import attrgetter, is_, itemgetter
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.autograd.array import DifferentiableArray
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


def aligned(length: int, dtype: np.dtype[Any]) -> Array:
    """A `FlatBuffer` of zeros that starts on a cache line."""
    spare = ALIGNMENT // dtype.itemsize
    memory = np.zeros(length + spare, dtype)
    start = -memory.ctypes.data % ALIGNMENT // dtype.itemsize
    return memory.view(FlatBuffer)[start : start + length]


def memory_order(array: Array) -> list[int]:
    """The dimensions, that with the widest stride first."""
    return sorted(range(array.ndim), key=lambda d: -abs(array.strides[d]))


class Piece:
    """Arrays of one length that a formula works on in one go: a parameter, a part of one, or several."""

    __slots__ = ("param", "part", "state", "work")

    def __init__(self, param: Array, state: list[Array], work: list[Array], part: Any) -> None:
        self.param, self.state, self.work = param, state, work
        self.part = part  # where this piece lies within its parameter


class Block:
    """Parameters of one element type that are updated together: the parameters, their gradients and state, flat.

    Args:
        params: the parameters; nobody else holds their memory.
        entries: for each, its dict in the optimizer's state: what is there is taken over, what is missing is made.
        buffers: the names of the state arrays, and what they start with.
        scalars: the names of the state numbers (such as `step`), and what they start with.
        hidden: the numbers are no part of the state: they start with 1 where the state has its arrays, else with 0.
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
        self._place(len(buffers))
        kind = _scalar_dtype(entries, scalars)
        self.scalars = {name: np.full(len(params), start, kind) for name, start in scalars.items()}
        self._names = tuple(buffers) if hidden else (*scalars, *buffers)
        self._entries = entries if self._names else []
        for index, entry in enumerate(entries):
            for name, numbers in self.scalars.items():
                if hidden:
                    numbers[index] = bool(buffers) and all(entry.get(key) is not None for key in buffers)
                else:
                    _adopt(entry, name, numbers[index : index + 1].reshape(()), scalars[name])
            for name, flat in zip(buffers, self.state, strict=True):
                _adopt(entry, name, self._view(flat, index), buffers[name])
        self._held = _getter(self._names)
        self._tensors = list(chain.from_iterable(map(self._held, self._entries)))
        self._watched = [*params, *self._tensors]
        self._arrays = [tensor.array for tensor in self._watched]
        self._table = np.zeros(16, self.dtype)
        self._coefficients = [self._table[i : i + 1].reshape(()) for i in range(16)]

    def _place(self, states: int) -> None:
        """Make the buffers and move the parameters there."""
        self._orders = [memory_order(p.array) for p in self.params]
        line = ALIGNMENT // self.dtype.itemsize
        self._slots: list[tuple[int, int]] = []
        end = 0
        for p in self.params:
            start = -(-end // line) * line
            end = start + as_real(p.array).size
            self._slots.append((start, end))
        self.param, self.grad, *self.state = [aligned(end, self.dtype) for _ in range(2 + states)]
        self._scratch = [np.empty(min(end, PIECE), self.dtype) for _ in range(SCRATCH)]
        for index, p in enumerate(self.params):
            view = self._view(self.param, index)
            view[...] = p.array
            p.array = view
        self._gradients = [self._view(self.grad, index) for index in range(len(self.params))]
        self._pieces: dict[int, list[Piece]] = {}
        self.runs = [
            (indices, self._piece(start, stop, start), self.grad[start:stop].view(np.ndarray))
            for indices, start, stop in self._runs()
        ]
        together = {index for indices, _, _ in self.runs for index in indices}
        self.apart = [index for index in range(len(self.params)) if index not in together]

    def _runs(self) -> Iterator[tuple[list[int], int, int]]:
        """Neighbours that are small enough to be updated together: their numbers, and where they start and end."""
        run: list[int] = []
        for index, (_, end) in enumerate(self._slots):
            if run and end - self._slots[run[0]][0] > PIECE:
                if len(run) > 1:
                    yield run, self._slots[run[0]][0], self._slots[run[-1]][1]
                run = []
            run.append(index)
        if len(run) > 1:
            yield run, self._slots[run[0]][0], self._slots[run[-1]][1]

    def _view(self, buffer: Array, index: int) -> Array:
        """A parameter's stretch of a buffer, with the shape and type of the parameter and its order of dimensions."""
        start, stop = self._slots[index]
        array, order = self.params[index].array, self._orders[index]
        stretch = buffer[start:stop].view(array.dtype).reshape([array.shape[d] for d in order])
        return np.transpose(stretch, np.argsort(order)).view(np.ndarray)

    def _piece(self, start: int, stop: int, origin: int) -> Piece:
        param, *state = [buffer[start:stop].view(np.ndarray) for buffer in (self.param, *self.state)]
        work = [scratch[: stop - start] for scratch in self._scratch]
        return Piece(param, state, work, slice(start - origin, stop - origin))

    def pieces(self, index: int) -> list[Piece]:
        """One parameter alone, cut into parts that fit into the cache."""
        if index not in self._pieces:
            start, stop = self._slots[index]
            cuts = range(start, stop, PIECE)
            self._pieces[index] = [self._piece(cut, min(cut + PIECE, stop), start) for cut in cuts]
        return self._pieces[index]

    def gather(self, indices: list[int], grads: list[Any]) -> None:
        """Copy the gradients of a run of parameters side by side."""
        for index in indices:
            self._gradients[index][...] = grads[index].array

    def gradient(self, index: int, grad: Any) -> Array:
        """One parameter's gradient, flat: the same memory if it lies there as the parameter's elements do."""
        array = np.transpose(grad.array, self._orders[index])
        if array.flags.c_contiguous and array.dtype == self.params[index].array.dtype:
            return array.reshape(-1).view(self.dtype)
        self._gradients[index][...] = grad.array
        start, stop = self._slots[index]
        return self.grad[start:stop].view(np.ndarray)

    def coefficients(self, values: tuple[float, ...]) -> list[Array]:
        """Numbers as 0-d arrays of the parameters' type: NumPy multiplies by these twice as fast as by a float."""
        self._table[: len(values)] = values
        return self._coefficients[: len(values)]

    def common_scalars(self) -> dict[str, Any] | None:
        """The state numbers by name, if they are the same for all parameters."""
        common = {}
        for name, numbers in self.scalars.items():
            listed = numbers.tolist()
            if listed.count(listed[0]) != len(listed):
                return None
            common[name] = numbers[0]
        return common

    def intact(self) -> bool:
        """Whether the parameters and the state are still the tensors, with the memory, that this block updates."""
        if not all(map(is_, map(_array_of, self._watched), self._arrays)):
            return False
        try:
            return all(map(is_, chain.from_iterable(map(self._held, self._entries)), self._tensors))
        except KeyError:
            return False


class LoneBlock(Block):
    """A parameter that stays where it is, because others hold its memory too."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        param, *state = [as_real(array) for array in (self.param, *self.state)]
        work = [np.empty_like(param, order="K") for _ in range(SCRATCH)]
        self._whole = [Piece(param, state, work, ...)]
        self._holders = holders(self.params[0])

    def _place(self, states: int) -> None:
        self.param = self.params[0].array
        self.state = [np.zeros_like(self.param, order="K", subok=False) for _ in range(states)]
        self.runs, self.apart = [], [0]

    def _view(self, buffer: Array, index: int) -> Array:
        return buffer

    def pieces(self, index: int) -> list[Piece]:
        return self._whole

    def gradient(self, index: int, grad: Any) -> Array:
        return as_real(grad.array)

    def intact(self) -> bool:
        """Also whether nobody has let go of the memory since: then it may be moved after all."""
        return super().intact() and holders(self.params[0]) >= self._holders


class Plan:
    """How one parameter group is updated: its parameters in blocks.

    Args:
        group: the group, from the optimizer's `param_groups`.
        state: the optimizer's state.
        buffers, scalars, hidden: see `Block`.
        active: the ids of the parameters that ever had a gradient; those that have one now are added.

    Attributes:
        blocks: the active parameters. The others (frozen layers) are left alone.
        repeats: for each further time that a parameter is named in the group, its block and its place there.
    """

    def __init__(
        self,
        group: dict[str, Any],
        state: dict[Any, dict[str, Any]],
        buffers: dict[str, float],
        scalars: dict[str, float],
        hidden: bool,
        active: set[int],
    ) -> None:
        self.group = group
        self._params = list(group["params"])
        self._buffers = tuple(buffers)
        unique = list({id(p): p for p in self._params}.values())
        active.update(id(p) for p in unique if p._grad is not None)
        members = [p for p in unique if id(p) in active]
        self._idle = [p for p in unique if id(p) not in active]
        free: dict[np.dtype[Any], list[Any]] = {}
        batches: list[tuple[type[Block], list[Any]]] = []
        for p in members:
            if holders(p) == 0:
                free.setdefault(real_dtype(p.array.dtype), []).append(p)
            else:
                batches.append((LoneBlock, [p]))
        # By size, so that the small ones lie side by side and can be updated together.
        batches.extend((Block, sorted(params, key=lambda p: p.array.size)) for params in free.values())
        stateless = hidden and not buffers
        self.blocks = [
            kind(params, [{} if stateless else state[p] for p in params], buffers, scalars, hidden)
            for kind, params in batches
        ]
        place = {id(p): (block, index) for block in self.blocks for index, p in enumerate(block.params)}
        seen: set[int] = set()
        self.repeats = []
        for p in self._params:
            if id(p) in seen and id(p) in place:
                self.repeats.append(place[id(p)])
            seen.add(id(p))

    def intact(self, group: dict[str, Any], buffers: dict[str, float]) -> bool:
        """Whether the plan still says what is to be done for this group."""
        return (
            group is self.group
            and len(group["params"]) == len(self._params)
            and all(map(is_, group["params"], self._params))
            and tuple(buffers) == self._buffers
            and all(p._grad is None for p in self._idle)
            and all(block.intact() for block in self.blocks)
        )


def _getter(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """A function that takes these values from a dict, as a tuple."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda entry: tuple(entry[name] for name in names)


def _adopt(entry: dict[str, Any], name: str, view: Array, start: float) -> None:
    """Let a state tensor show this memory, with the value that it had, or make it with its first value.

    Raises:
        RuntimeError: the state has another shape than the parameter.
    """
    held = entry.get(name)
    if held is None:
        as_real(view)[...] = start
    else:
        array = np.asarray(getattr(held, "array", held))
        if array.shape != view.shape and (view.ndim or array.size != 1):
            raise RuntimeError(
                f"the optimizer's state {name!r} has shape {list(array.shape)}, but its parameter {list(view.shape)}: "
                "the parameter was exchanged, or the state is another model's. Make a new optimizer."
            )
        view[...] = array.reshape(view.shape)
    if isinstance(held, DifferentiableArray):
        held.array = view
    else:
        entry[name] = wrap(view)


def _scalar_dtype(entries: list[dict[str, Any]], names: Iterable[str]) -> np.dtype[Any]:
    """The type of the state numbers: that of a loaded state, else float32 as in PyTorch."""
    held = [entry[name] for entry in entries for name in names if entry.get(name) is not None]
    kinds = {tensor.array.dtype for tensor in held if isinstance(tensor, DifferentiableArray)}
    return kinds.pop() if len(kinds) == 1 else default_float()
