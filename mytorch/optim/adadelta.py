"""Adadelta: steps in the parameters' own unit, from running averages of squared gradients and squared steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import (
    ElementwiseOptimizer,
    add_product,
    average_square,
    check_rate,
    descent,
    require,
)
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class Adadelta(ElementwiseOptimizer):
    """Adadelta (Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, algorithm 1).

    v = rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) g, u = rho u + (1 - rho) d^2, then p = p - lr d.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: factor of the step; 1 in the paper.
        rho: decay rate of the averages.
        eps: keeps the divisor away from zero and lets the first step begin.
        weight_decay: factor of an L2 penalty.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.Adadelta([w])
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9968, 1.9968])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        require(0.0 <= rho <= 1.0, "rho value", rho)
        require(eps >= 0.0, "epsilon value", eps)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"square_avg": 0.0, "acc_delta": 0.0}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        return group["weight_decay"], group["rho"], 1 - group["rho"], group["eps"], -float(group["lr"])

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, rho, rest, eps, minus_lr = coefficients
        (square_avg, acc_delta), (_, delta, root) = piece.state, piece.work
        grad = descent(group, piece, grad, weight_decay)
        average_square(square_avg, grad, rho, rest, root)
        np.sqrt(np.add(square_avg, eps, root), root)
        np.sqrt(np.add(acc_delta, eps, delta), delta)
        np.divide(delta, root, delta)
        np.multiply(delta, grad, delta)
        average_square(acc_delta, delta, rho, rest, root)
        add_product(piece.param, delta, minus_lr, root)
