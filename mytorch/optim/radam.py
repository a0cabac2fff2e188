"""RAdam: Adam that does without the divisor until its average is long enough to be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import (
    ElementwiseOptimizer,
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


class RAdam(ElementwiseOptimizer):
    """RAdam (Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020, algorithm 2).

    With m' and v' as in `Adam` and the length of the average rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t),
    rho_inf = 2 / (1 - beta2) - 1: the step is lr m' while rho_t <= 5, and after that lr r_t m' / (sqrt(v') + eps),
    r_t^2 = (rho_t - 4)(rho_t - 2) rho_inf / ((rho_inf - 4)(rho_inf - 2) rho_t).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        betas: decay rates of the averages of the gradient and of its square.
        eps: keeps the divisor away from zero.
        weight_decay: factor of an L2 penalty.
        decoupled_weight_decay: shrink the parameters by lr weight_decay instead of a penalty.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.RAdam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8000, 1.6000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        step, lr, (beta1, beta2) = float(scalars["step"]), float(group["lr"]), group["betas"]
        weight_decay = group["weight_decay"]
        correction2 = 1 - beta2**step
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * step * beta2**step / correction2
        rectification = 0.0  # none
        if rho > 5.0:
            rectification = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
        return (
            *(weight_decay, 1 - lr * weight_decay),
            *(beta1, 1 - beta1, beta2, 1 - beta2),
            *(1 - beta1**step, lr, group["eps"], correction2**0.5, rectification),
        )

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, shrink, beta1, rest1, beta2, rest2, correction1, lr, eps, root2, rectification = coefficients
        (exp_avg, exp_avg_sq), (_, step, root) = piece.state, piece.work
        if group["decoupled_weight_decay"] and group["weight_decay"] != 0:
            np.multiply(piece.param, shrink, piece.param)
        grad = descent(group, piece, grad, weight_decay)
        average(exp_avg, grad, beta1, rest1, step)
        average_square(exp_avg_sq, grad, beta2, rest2, step)
        np.divide(exp_avg, correction1, step)
        np.multiply(step, lr, step)
        if rectification != 0:
            np.add(np.sqrt(exp_avg_sq, root), eps, root)
            np.divide(root2, root, root)
            np.multiply(step, root, step)
            np.multiply(step, rectification, step)
        np.subtract(piece.param, step, piece.param)
