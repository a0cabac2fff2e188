"""Rprop: only the signs of the gradient count, and each element has a step size of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import ElementwiseOptimizer, check_rate
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class Rprop(ElementwiseOptimizer):
    """Resilient backpropagation (Riedmiller and Braun, A direct adaptive method for faster backpropagation, 1993).

    The step size of an element grows by the factor etas[1] while its gradient keeps its sign, and falls by etas[0]
    when the sign changes; the element then rests for that step. It needs gradients of the whole data, not of batches.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: the first step size.
        etas: factors by which step sizes fall and grow.
        step_sizes: the smallest and the greatest step size.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.Rprop([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([ 0.9000, -1.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"prev": 0.0, "step_size": float(group["lr"])}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        return *group["etas"], *group["step_sizes"]

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        fall, grow, smallest, greatest = coefficients
        (previous, step_size), (_, factor, scratch) = piece.state, piece.work
        grad = np.negative(grad, piece.work[0]) if group["maximize"] else grad
        np.multiply(grad, previous, factor)
        same, turned = factor > 0, factor < 0
        np.copyto(factor, 1, where=factor == 0)
        np.copyto(factor, grow, where=same)
        np.copyto(factor, fall, where=turned)
        np.multiply(step_size, factor, step_size)
        np.clip(step_size, smallest, greatest, out=step_size)
        np.copyto(previous, grad)
        np.copyto(previous, 0, where=turned)
        np.multiply(np.sign(previous, scratch), step_size, scratch)
        np.subtract(piece.param, scratch, piece.param)
