"""NAdam: Adam that looks ahead along its average, as Nesterov's momentum does."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import (
    ElementwiseOptimizer,
    add_quotient,
    average,
    average_square,
    check_betas,
    check_rate,
    descent,
    require,
)
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class NAdam(ElementwiseOptimizer):
    """NAdam (Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016).

    With mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), M_t the product of mu_1 to mu_t, and m, v and v' as in
    `Adam`: p = p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v') + eps).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        betas: decay rates of the averages of the gradient and of its square.
        eps: keeps the divisor away from zero.
        weight_decay: factor of an L2 penalty.
        momentum_decay: how fast mu grows to beta1.
        decoupled_weight_decay: shrink the parameters by lr weight_decay instead of a penalty.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.NAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8944, 1.8944])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        require(eps >= 0.0, "epsilon value", eps)
        check_betas(betas)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        require(momentum_decay >= 0.0, "momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def scalars(self, group: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "mu_product": 1.0}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        step, lr, (beta1, beta2) = float(scalars["step"]), float(group["lr"]), group["betas"]
        weight_decay, momentum_decay = group["weight_decay"], group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
        scalars["mu_product"] *= mu
        product = float(scalars["mu_product"])
        return (
            *(weight_decay, 1 - lr * weight_decay),
            *(beta1, 1 - beta1, beta2, 1 - beta2),
            *(1 - beta2**step, group["eps"]),
            *(-lr * (1.0 - mu) / (1.0 - product), -lr * mu_next / (1.0 - product * mu_next)),
        )

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, shrink, beta1, rest1, beta2, rest2, correction, eps, for_grad, for_average = coefficients
        (exp_avg, exp_avg_sq), (_, root, scratch) = piece.state, piece.work
        if group["decoupled_weight_decay"] and group["weight_decay"] != 0:
            np.multiply(piece.param, shrink, piece.param)
        grad = descent(group, piece, grad, weight_decay)
        average(exp_avg, grad, beta1, rest1, scratch)
        average_square(exp_avg_sq, grad, beta2, rest2, scratch)
        np.sqrt(np.divide(exp_avg_sq, correction, root), root)
        np.add(root, eps, root)
        add_quotient(piece.param, for_grad, grad, root, scratch)
        add_quotient(piece.param, for_average, exp_avg, root, scratch)
