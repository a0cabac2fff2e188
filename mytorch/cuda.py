"""`torch.cuda`, as far as a program asks for it that also runs without a GPU: there is none here.

>>> import mytorch
>>> mytorch.device("cuda" if mytorch.cuda.is_available() else "cpu")
device(type='cpu')
"""

from __future__ import annotations

from mytorch.backend.device import require


def is_available() -> bool:
    """Whether tensors can be put on a GPU: no."""
    return False


def device_count() -> int:
    """How many GPUs tensors can be put on: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the streams of the GPU, of which there is none: nothing happens, as in PyTorch without a GPU."""


def manual_seed_all(seed: int) -> None:
    """Seed the streams of all GPUs, of which there are none: nothing happens."""


def empty_cache() -> None:
    """Give cached GPU memory back: nothing happens."""


def current_device() -> int:
    """The number of the current GPU.

    Raises:
        RuntimeError: always, since there is none.
    """
    return require("cuda").index or 0


def synchronize(device: object = None) -> None:
    """Wait for the GPU.

    Raises:
        RuntimeError: always, since there is none.
    """
    current_device()
