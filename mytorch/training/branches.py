"""Modules for models that are nearly a list of layers: a sum with what came in, and branches side by side.

Configs name them like any layer, `{type: Residual, layers: [...]}` and `{type: Parallel, branches: {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mytorch import nn
from mytorch.ops.shape import cat
from mytorch.tensor import Tensor

Join = Literal["cat", "add", "mul"]


class Residual(nn.Module):
    """The output of layers plus what came in: ``layers(x) + shortcut(x)``.

    Args:
        layers: what the input is sent through.
        shortcut: what is done to the input before it is added, such as a `Linear` where the layers change its size;
            None adds it as it is.

    Raises:
        RuntimeError: in the forward pass, if the two have different shapes.

    >>> import mytorch
    >>> block = Residual(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    >>> block(mytorch.zeros(2, 4)).shape
    torch.Size([2, 4])
    """

    def __init__(self, layers: nn.Sequential, shortcut: nn.Sequential | None = None) -> None:
        super().__init__()
        self.layers = layers
        self.shortcut: nn.Module = nn.Identity() if shortcut is None else shortcut

    def forward(self, input: Tensor) -> Tensor:
        output, kept = self.layers(input), self.shortcut(input)
        if output.shape != kept.shape:  # a sum would stretch (n, 1) to (n, 64) without a word
            raise RuntimeError(f"cannot add the shapes {tuple(output.shape)} and {tuple(kept.shape)}")
        return output + kept


class Parallel(nn.Module):
    """Branches that all get the same input, and whose outputs are joined.

    Args:
        branches: modules by name.
        join: ``cat`` puts the outputs one behind the other along `dim`; ``add`` sums them, and ``mul`` multiplies
            them, element by element.
        dim: the dimension for ``cat``: 1 is that of features or channels, -1 the last, 0 (the rows) cannot be joined.

    Raises:
        RuntimeError: in the forward pass, if the outputs do not fit each other, see `shape_of_join`.

    >>> import mytorch
    >>> both = Parallel({"deep": nn.Sequential(nn.Linear(3, 8), nn.Tanh()), "wide": nn.Linear(3, 2)})
    >>> both(mytorch.zeros(5, 3)).shape
    torch.Size([5, 10])
    """

    def __init__(self, branches: Mapping[str, nn.Module], join: Join = "cat", dim: int = 1) -> None:
        super().__init__()
        if not branches:
            raise ValueError("expected at least one branch, got none")
        if join not in ("cat", "add", "mul"):
            raise ValueError(f"join: expected cat, add or mul, got {join!r}")
        if dim == 0:
            raise ValueError("dim: 0 is the dimension of the rows, which stay what they are; features have dim: 1")
        self.branches = nn.ModuleDict(branches)
        self.join = join
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        outputs = [branch(input) for branch in self.branches.values()]
        try:
            shape_of_join([tuple(output.shape) for output in outputs], self.join, self.dim)
        except ValueError as error:
            raise RuntimeError(f"cannot join the branches {', '.join(self.branches)}: {error}") from None
        if self.join == "cat":
            return cat(outputs, self.dim)
        joined = outputs[0]
        for output in outputs[1:]:
            joined = joined + output if self.join == "add" else joined * output
        return joined

    def extra_repr(self) -> str:
        return f"join={self.join!r}, dim={self.dim}" if self.join == "cat" else f"join={self.join!r}"


def shape_of_join(shapes: list[tuple[int, ...]], join: Join, dim: int) -> tuple[int, ...]:
    """The shape that joining outputs of these shapes gives.

    ``cat`` wants equal sizes but along `dim`, ``add`` equal shapes, and ``mul`` equal sizes or 1, so that a branch may
    give one factor for a whole channel.

    Raises:
        ValueError: they do not fit; the message says what they should be.

    >>> shape_of_join([(2, 8, 5, 5), (2, 3, 5, 5)], "cat", 1), shape_of_join([(2, 8, 5, 5), (2, 8, 1, 1)], "mul", 1)
    ((2, 11, 5, 5), (2, 8, 5, 5))
    """
    first, count = shapes[0], len(shapes[0])
    if any(len(shape) != count for shape in shapes):
        raise ValueError(f"join: {join} needs outputs of equally many dimensions")
    if join == "cat":
        at = dim + count if dim < 0 else dim
        if not 0 < at < count:
            raise ValueError(f"join: cat needs a dimension of features, 1 to {count - 1}, not dim: {dim}")
        if len({(*shape[:at], *shape[at + 1 :]) for shape in shapes}) > 1:
            raise ValueError(f"join: cat needs equal sizes in all dimensions but {at}")
        return (*first[:at], sum(shape[at] for shape in shapes), *first[at + 1 :])
    if join == "add" and any(shape != first for shape in shapes):
        raise ValueError("join: add needs equal shapes")
    if any(len({*sizes} - {1}) > 1 for sizes in zip(*shapes, strict=True)):
        raise ValueError("join: mul needs equal sizes in each dimension, or 1")
    return tuple(0 if 0 in sizes else max(sizes) for sizes in zip(*shapes, strict=True))
