"""Adam and AdamW: steps of a size that the gradients' own scale does not change."""

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


class Adam(ElementwiseOptimizer):
    """Adam (Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1).

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, then
    p = p - lr m' / (sqrt(v') + eps), where m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        betas: decay rates of the averages of the gradient and of its square.
        eps: keeps the divisor away from zero.
        weight_decay: factor of an L2 penalty (see `AdamW` for decay that is none).
        amsgrad: divide by the greatest v so far (Reddi et al., On the Convergence of Adam and Beyond, ICLR 2018).
        maximize: go up instead of down.
        foreach, capturable, fused: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.
        decoupled_weight_decay: shrink the parameters by lr weight_decay instead of a penalty.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000, 1.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
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
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        kept = {"exp_avg": 0.0, "exp_avg_sq": 0.0}
        return kept | {"max_exp_avg_sq": 0.0} if group["amsgrad"] else kept

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        step = float(scalars["step"])
        lr, beta1, beta2 = float(group["lr"]), float(group["betas"][0]), float(group["betas"][1])
        weight_decay = float(group["weight_decay"])
        step_size = lr / (1 - beta1**step)
        root_correction = (1 - beta2**step) ** 0.5
        return (
            *(weight_decay, 1 - lr * weight_decay),
            *(beta1, 1 - beta1, beta2, 1 - beta2),
            *(root_correction, group["eps"], -step_size),
        )

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, shrink, beta1, rest1, beta2, rest2, root_correction, eps, minus_step_size = coefficients
        param, (exp_avg, exp_avg_sq, *greatest), (_, root, quotient) = piece.param, piece.state, piece.work
        if group["decoupled_weight_decay"] and group["weight_decay"] != 0:
            np.multiply(param, shrink, param)
        grad = descent(group, piece, grad, weight_decay)
        average(exp_avg, grad, beta1, rest1, root)
        average_square(exp_avg_sq, grad, beta2, rest2, root)
        if greatest:
            exp_avg_sq = np.maximum(greatest[0], exp_avg_sq, out=greatest[0])
        np.sqrt(exp_avg_sq, root)
        np.divide(root, root_correction, root)
        np.add(root, eps, root)
        add_quotient(param, minus_step_size, exp_avg, root, quotient)


class AdamW(Adam):
    """Adam that shrinks the parameters by lr weight_decay in each step, instead of adding a penalty to the gradient.

    Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019. Arguments and errors as `Adam`'s.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8500, 1.8000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # also for a state that Adam saved
