"""Averaged SGD: gradient descent that also keeps the mean of the parameters it passed."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import ElementwiseOptimizer, add_product, check_rate, descent, require
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class ASGD(ElementwiseOptimizer):
    """Averaged SGD (Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992).

    p = (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr t)^alpha; after `t0` steps `state[p]["ax"]` is the
    mean of the parameters since then.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        lambd: how fast the parameters and the learning rate fall.
        alpha: power of the learning rate's fall.
        t0: the step with which averaging begins.
        weight_decay: factor of an L2 penalty.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.ASGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8000, 1.6000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"ax": 0.0}

    def scalars(self, group: dict[str, Any]) -> dict[str, float]:
        return {"step": 0.0, "eta": float(group["lr"]), "mu": 1.0}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        eta, mu = float(scalars["eta"]), float(scalars["mu"])
        scalars["step"] += 1
        step, lr, lambd = float(scalars["step"]), float(group["lr"]), group["lambd"]
        scalars["eta"] = lr / (1 + lambd * lr * step) ** group["alpha"]  # both for the next step
        scalars["mu"] = 1 / max(1, step - group["t0"])
        return group["weight_decay"], 1 - lambd * eta, -eta, mu

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, shrink, minus_eta, mu = coefficients
        param, mean, scratch = piece.param, piece.state[0], piece.work[1]
        grad = descent(group, piece, grad, weight_decay)
        np.multiply(param, shrink, param)
        add_product(param, grad, minus_eta, scratch)
        if mu == 1:
            np.copyto(mean, param)
        else:
            np.multiply(np.subtract(param, mean, scratch), mu, scratch)
            np.add(mean, scratch, mean)
