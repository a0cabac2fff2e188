"""The streams of random numbers, their seeds and their states, which are tensors here as in PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.backend import generator as backend
from mytorch.backend.generator import default_generator, initial_seed, manual_seed, seed
from mytorch.tensor import Tensor

__all__ = [
    "Generator", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed",
    "set_rng_state",
]  # fmt: skip


class Generator(backend.Generator):
    """A stream of random numbers, word for word that of `torch.Generator` on the CPU.

    A new one starts from PyTorch's fixed seed 67280421310721, not from the clock.

    >>> import mytorch
    >>> g = Generator().manual_seed(0)
    >>> mytorch.rand(2, generator=g)
    tensor([0.4963, 0.7682])
    """

    __slots__ = ()

    def get_state(self) -> Any:
        """The whole state as a tensor of 5056 bytes, in PyTorch's own layout.

        >>> Generator().get_state().shape
        torch.Size([5056])
        """
        return wrap(super().get_state())

    def set_state(self, state: Any) -> None:
        """Continue from a state that `get_state` (ours or PyTorch's) returned.

        Raises:
            TypeError: it is no tensor of uint8.
            RuntimeError: it has another size, or is no state.
        """
        if not isinstance(state, Tensor):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}")
        if state.array.dtype != np.uint8:
            raise TypeError(f"RNG state must be a torch.ByteTensor, but is {state.dtype}")
        super().set_state(state.array)


# The backend, which knows no tensors, has made the default stream; from here on its states are tensors, too.
default_generator.__class__ = Generator
_default: Any = default_generator


def get_rng_state() -> Tensor:
    """The state of the default stream, as a tensor of bytes in PyTorch's own layout.

    >>> get_rng_state().shape
    torch.Size([5056])
    """
    state: Tensor = _default.get_state()
    return state


def set_rng_state(new_state: Tensor) -> None:
    """Put the default stream into a state that `get_rng_state` returned.

    >>> import mytorch
    >>> state = get_rng_state(); a = mytorch.rand(3); set_rng_state(state); bool((mytorch.rand(3) == a).all())
    True
    """
    _default.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """Let a block draw from the default stream without moving it on for what follows.

    Args:
        devices: GPUs whose streams to keep; there are none.
        enabled: False makes it do nothing.

    >>> import mytorch
    >>> _ = mytorch.manual_seed(0)
    >>> with fork_rng():
    ...     first = mytorch.rand(1)
    >>> bool(mytorch.rand(1) == first)
    True
    """
    if devices:
        raise RuntimeError("fork_rng(): there is no GPU, so there are no devices whose streams could be kept")
    state = _default.get_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            _default.set_state(state)
