"""The generator of random words: the Mersenne Twister with PyTorch's seeding and PyTorch's own state layout.

`Generator` gives the same 32-bit words as `torch.Generator` on the CPU for the same seed, whatever the
sizes of the pieces in which they are asked for, and exchanges states with it. `mytorch.backend.random`
makes distributions of them.
"""

from __future__ import annotations

import operator
import os
from typing import Any, SupportsInt

import numpy as np
from numpy.typing import NDArray

from mytorch.backend.device import device, require

__all__ = ["Generator", "default_generator", "initial_seed", "manual_seed", "seed"]

_BLOCK = 624  # MT19937 makes its words in blocks of this many
_FRESH_SEED = 67280421310721  # where a new torch.Generator() starts
_FEW_WORDS = 4096  # below it `random_raw` is the faster source of words, from it on `randint`

# PyTorch's CPUGeneratorImplState as it lies in memory: 5056 bytes.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),  # words left in the block, plus one
        ("seeded", "<i4"),
        ("next", "<u8"),  # index of the next word in the block
        ("block", "<u8", _BLOCK),
        ("normal_x", "<f8"),  # zero
        ("normal_y", "<f8"),  # the cached second value of a Box-Muller pair
        ("normal_rho", "<f8"),  # zero
        ("normal_is_valid", "<i4"),
        ("padding", "V4"),
        ("float_normal", "<f4"),  # the same for float: no CPU kernel uses it, but it travels along
        ("float_normal_is_valid", "?"),
        ("end_padding", "V3"),
    ]
)


class Generator:
    """A stream of random numbers, word for word that of `torch.Generator` on the CPU.

    A new one starts from PyTorch's fixed seed 67280421310721, not from the clock.

    >>> generator = Generator().manual_seed(0)
    >>> [int(word) for word in generator.words(3)]
    [2357136044, 2546248239, 3071714933]
    """

    __slots__ = ("_cached_float_normal", "_seed", "_twister", "_words", "cached_normal", "device")

    def __init__(self, device: str | device | None = "cpu") -> None:
        self.device = require(device)
        self._twister = np.random.MT19937(0)
        self._words = np.random.RandomState(self._twister)
        self.manual_seed(_FRESH_SEED)

    def __repr__(self) -> str:
        return f"<mytorch.Generator device='{self.device}' initial_seed={self._seed}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), Generator.get_state(self))

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream from `seed` and return self.

        The seed may be any integer from -2**63 to 2**64 - 1; a negative one counts from 2**64. As in
        PyTorch only its low 32 bits choose the stream. Raises RuntimeError for a non-integer, ValueError
        outside the range.

        >>> Generator().manual_seed(-1).initial_seed() == 2**64 - 1
        True
        """
        try:
            value = operator.index(seed)
        except TypeError:
            raise RuntimeError(f"manual_seed expected an integer, but got {type(seed).__name__}") from None
        if not -(2**63) <= value < 2**64:
            raise ValueError(f"manual_seed expected a seed from -2**63 to 2**64 - 1, but got {value}")
        self._seed = value % 2**64
        self._words.seed(self._seed % 2**32)
        self.cached_normal: float | None = None
        self._cached_float_normal: float | None = None
        return self

    def seed(self) -> int:
        """Restart the stream from a 64-bit seed of the operating system and return that seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream was last started from."""
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """The whole state as 5056 bytes, the very bytes of `torch.Generator.get_state()`.

        >>> state = default_generator.get_state()
        >>> first = default_generator.words(2)
        >>> default_generator.set_state(state)
        >>> bool((default_generator.words(2) == first).all())
        True
        """
        twister: Any = self._twister.state["state"]
        block, position = twister["key"], int(twister["pos"])
        # A stream that was seeded and not used yet stands, like a used-up one, at the end of its block, but
        # PyTorch writes its index as 0. The block tells which it is: only seeding obeys this recurrence.
        first = int(block[0])
        unused = position == _BLOCK and int(block[1]) == (1812433253 * (first ^ first >> 30) + 1) % 2**32
        state = np.zeros((), _STATE)
        state["seed"] = self._seed
        state["left"] = _BLOCK + 1 - position
        state["seeded"] = 1
        state["next"] = 0 if unused else position
        state["block"] = block
        if self.cached_normal is not None:
            state["normal_is_valid"], state["normal_y"] = 1, self.cached_normal
        if self._cached_float_normal is not None:
            state["float_normal_is_valid"], state["float_normal"] = True, self._cached_float_normal
        return np.frombuffer(bytearray(state.tobytes()), np.uint8)

    def set_state(self, state: NDArray[Any]) -> None:
        """Continue from a state that `get_state` (ours or PyTorch's) returned.

        Raises TypeError unless it is an array of uint8, RuntimeError if it has another size or no valid
        MT19937 position.
        """
        state = np.asarray(state)
        if state.dtype != np.uint8:
            raise TypeError(f"RNG state must be an array of uint8, but got {state.dtype}")
        if state.size != _STATE.itemsize:
            raise RuntimeError(f"expected an RNG state of {_STATE.itemsize} bytes, but got {state.size}")
        fields = np.frombuffer(state.tobytes(), _STATE)[0]
        position = _BLOCK + 1 - int(fields["left"])
        unused = position == _BLOCK and fields["next"] == 0
        if fields["seeded"] != 1 or not 1 <= position <= _BLOCK or not (unused or fields["next"] == position):
            raise RuntimeError("Invalid mt19937 state: the bytes are not a state that get_state() returned")
        self._seed = int(fields["seed"])
        block = fields["block"].astype(np.uint32)
        self._twister.state = {"bit_generator": "MT19937", "state": {"key": block, "pos": position}}
        self.cached_normal = float(fields["normal_y"]) if fields["normal_is_valid"] else None
        self._cached_float_normal = float(fields["float_normal"]) if fields["float_normal_is_valid"] else None

    def clone_state(self) -> Generator:
        """A second generator that continues as this one will."""
        return _restored(type(self), Generator.get_state(self))

    def words(self, count: int) -> NDArray[np.unsignedinteger[Any]]:
        """The next `count` 32-bit words of the stream: uint64 if they are few, uint32 if they are many."""
        if count < _FEW_WORDS:
            return self._twister.random_raw(count)
        return self._words.randint(0, 2**32, count, np.uint32)

    def words64(self, count: int) -> NDArray[np.uint64]:
        """The next `count` 64-bit words: two 32-bit words each, the first one high."""
        pairs = self.words(2 * count).astype(np.uint64, copy=False)
        result: NDArray[np.uint64] = pairs[0::2] << np.uint64(32) | pairs[1::2]
        return result


def _restored(kind: type[Generator], state: NDArray[np.uint8]) -> Generator:
    generator = kind()
    Generator.set_state(generator, state)
    return generator


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: SupportsInt) -> Generator:
    """Restart the default stream from `seed` (see `Generator.manual_seed`) and return its generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Restart the default stream from a seed of the operating system and return that seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default stream was last started from."""
    return default_generator.initial_seed()
