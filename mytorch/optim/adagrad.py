"""Adagrad: steps divided by the root of the sum of all squared gradients so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.backend.dtypes import default_float
from mytorch.optim.elementwise import (
    ElementwiseOptimizer,
    add_product,
    add_quotient,
    check_rate,
    descent,
    require,
)
from mytorch.optim.flat import Array, Piece, as_real
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class Adagrad(ElementwiseOptimizer):
    """Adagrad (Duchi, Hazan and Singer, Adaptive Subgradient Methods, JMLR 12, 2011).

    s = s + g^2, then p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        lr_decay: how fast the learning rate falls.
        weight_decay: factor of an L2 penalty.
        initial_accumulator_value: the first s.
        eps: keeps the divisor away from zero.
        maximize: go up instead of down.
        foreach, fused: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.Adagrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000, 1.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        require(lr_decay >= 0.0, "lr_decay value", lr_decay)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        require(initial_accumulator_value >= 0.0, "initial_accumulator_value value", initial_accumulator_value)
        require(eps >= 0.0, "epsilon value", eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:  # PyTorch's Adagrad has its state from the start
            for p in group["params"]:
                total = np.empty_like(p.array)
                as_real(total)[...] = initial_accumulator_value
                self.state[p] = {"step": wrap(np.zeros((), default_float())), "sum": wrap(total)}

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"sum": self.defaults["initial_accumulator_value"]}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        lr = float(group["lr"]) / (1 + (float(scalars["step"]) - 1) * group["lr_decay"])
        return group["weight_decay"], group["eps"], -lr

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, eps, minus_lr = coefficients
        total, (_, root, scratch) = piece.state[0], piece.work
        grad = descent(group, piece, grad, weight_decay)
        add_product(total, grad, grad, scratch)
        np.sqrt(total, root)
        np.add(root, eps, root)
        add_quotient(piece.param, minus_lr, grad, root, scratch)
