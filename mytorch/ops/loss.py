"""Losses of predictions against numbers and classes: the fused ones as single nodes, each with its derivative below it.

Every function takes `reduction`: "mean" (the default), "sum", or "none" for a loss for each element. The older
arguments `size_average` and `reduce` are understood, with PyTorch's warning. In the table, `x` is the input, `y` the
target and `d` their difference.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.primitive import Primitive, apply, convert, namespace_of
from mytorch.backend.dtypes import common_dtype
from mytorch.ops.activation import log_softmax, logsigmoid

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "l1_loss", "mse_loss",
    "nll_loss", "smooth_l1_loss",
]  # fmt: skip

# --- losses of a difference -----------------------------------------------------------------------------------------


def _difference_loss(name: str, value: Callable[..., Any], slope: Callable[..., Any]) -> Primitive:
    """The loss `value(d)` with derivative `slope(d)`; both get `xp` and the loss's own parameter `size`."""

    def forward(xp: Any, x: Any, y: Any, reduction: str, size: float) -> Any:
        d = xp.subtract(x, y)
        return reduced(xp, value(xp, d, size), reduction), d

    def joint(xp: Any, g: Any, _out: Any, x: Any, y: Any, *, needs: Any, reduction: str, size: float, aux: Any) -> Any:
        d = x - y if aux is None else aux
        gx = slope(xp, d, size) * (g / d.size if reduction == "mean" and aux is not None else g)
        if reduction == "mean" and aux is None:
            gx = gx / d.numel()
        return gx if needs[0] else None, -gx if needs[1] else None

    return Primitive(name, forward, [None, None], joint=joint, aux=True)
