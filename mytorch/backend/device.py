"""Devices: where an array lives. Only `cpu` (NumPy) exists now; other arrays would bring their own namespace."""

from __future__ import annotations

from typing import Any

__all__ = ["device"]


class device:  # noqa: N801 - PyTorch's name
    """A place for tensors: `device("cpu")`, `device("cuda:0")`, `device("cuda", 0)`.

    Naming a device needs no hardware; putting a tensor on one that is not there raises RuntimeError (`require`).

    >>> device("cuda:1").index, device("cpu")
    (1, device(type='cpu'))
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | device | int, index: int | None = None) -> None:
        if isinstance(type, device):
            self.type, self.index = type.type, type.index
            return
        if isinstance(type, int):
            index, type = type, "cuda"
        if not isinstance(type, str):
            raise TypeError(f"device(): expected a name such as 'cpu' or 'cuda:0', got {type!r}")
        name, colon, number = type.partition(":")
        if name not in ("cpu", "cuda"):
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {type}")
        if colon:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        self.type, self.index = name, index

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")


def require(value: Any) -> device:
    """The device that `value` (a device, a name, or None for the CPU) names; RuntimeError if it is not there."""
    if value is None or value is CPU:
        return CPU
    wanted = device(value)
    if wanted.type != "cpu":
        raise RuntimeError(
            f"no tensor can be put on '{wanted}': this installation computes on the CPU only and "
            "mytorch.cuda.is_available() is False. Use device='cpu'."
        )
    return wanted
