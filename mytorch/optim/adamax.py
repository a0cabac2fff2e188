"""Adamax: Adam with the greatest recent gradient in place of the root mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import (
    ElementwiseOptimizer,
    add_quotient,
    average,
    check_betas,
    check_rate,
    descent,
    require,
)
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class Adamax(ElementwiseOptimizer):
    """Adamax (Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, section 7.1).

    m = beta1 m + (1 - beta1) g, u = max(beta2 u, |g| + eps), then p = p - lr / (1 - beta1^t) m / u.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        betas: decay rates of the average and of the maximum.
        eps: keeps the divisor away from zero.
        weight_decay: factor of an L2 penalty.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.Adamax([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000, 1.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        require(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_inf": 0.0}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        beta1, beta2 = group["betas"]
        lr = float(group["lr"]) / (1 - beta1 ** float(scalars["step"]))
        return group["weight_decay"], beta1, 1 - beta1, beta2, group["eps"], -lr

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, beta1, rest1, beta2, eps, minus_lr = coefficients
        (exp_avg, exp_inf), (_, scratch, _) = piece.state, piece.work
        grad = descent(group, piece, grad, weight_decay)
        average(exp_avg, grad, beta1, rest1, scratch)
        np.multiply(exp_inf, beta2, exp_inf)
        np.add(np.abs(grad, scratch), eps, scratch)
        np.maximum(exp_inf, scratch, out=exp_inf)
        add_quotient(piece.param, minus_lr, exp_avg, exp_inf, scratch)
