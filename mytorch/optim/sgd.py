"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mytorch.optim.elementwise import ElementwiseOptimizer, add_product, check_rate, descent, require
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class SGD(ElementwiseOptimizer):
    """Gradient descent: b = momentum b + (1 - dampening) g, then p = p - lr b. The first b is g.

    With `nesterov` the step is g + momentum b (Sutskever et al., On the importance of initialization and momentum in
    deep learning, ICML 2013). Here the learning rate multiplies the velocity, there the gradient that enters it.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        momentum: part of the velocity that is kept, 0 for none.
        dampening: part of the gradient that does not enter the velocity.
        weight_decay: factor of an L2 penalty.
        nesterov: look ahead along the velocity.
        maximize: go up instead of down.
        foreach, fused: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.8000, 1.6000])
    """

    hidden: ClassVar[bool] = True

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        require(momentum >= 0.0, "momentum value", momentum)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        return {"momentum_buffer": 0.0} if group["momentum"] != 0 else {}

    def scalars(self, group: dict[str, Any]) -> dict[str, float]:
        return {"started": 0.0}  # whether there is a velocity

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        started = scalars["started"]
        scalars["started"] = 1.0
        momentum, fresh = float(group["momentum"]), 1 - float(group["dampening"])
        return float(group["weight_decay"]), started, momentum, fresh, -float(group["lr"])

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, started, momentum, fresh, minus_lr = coefficients
        grad = descent(group, piece, grad, weight_decay)
        if piece.state:
            velocity, scaled = piece.state[0], piece.work[1]
            if started:
                np.multiply(velocity, momentum, velocity)
                add_product(velocity, grad, fresh, scaled)
            else:
                np.copyto(velocity, grad)
            if group["nesterov"]:
                np.multiply(velocity, momentum, scaled)
                grad = np.add(grad, scaled, piece.work[0])
            else:
                grad = velocity
        add_product(piece.param, grad, minus_lr, piece.work[1])
