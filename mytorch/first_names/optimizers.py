"""`my.optimizers`: optimizers of `mytorch.optim` that can also be told to `update()`, as in the first MyTorch."""

from __future__ import annotations

from typing import Any

from mytorch import optim
from mytorch.optim.optimizer import Closure

__all__ = ["SGD", "Adam"]


class _Updates(optim.Optimizer):
    def update(self, closure: Closure | None = None) -> Any:
        """Another name for `step`."""
        return self.step(closure)


class Adam(_Updates, optim.Adam):
    """`optim.Adam` with `update()`.

    >>> import mytorch as my
    >>> w = my.Param(3.0)
    >>> optimizer = my.optimizers.Adam(params=[w], lr=0.5)
    >>> (w**2).backward()
    >>> optimizer.update()
    >>> w.data
    tensor(2.5000)
    """


class SGD(_Updates, optim.SGD):
    """`optim.SGD` with `update()`."""
