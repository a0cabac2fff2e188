"""RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.optim.elementwise import (
    ElementwiseOptimizer,
    add_product,
    add_quotient,
    average,
    average_square,
    check_rate,
    descent,
    require,
)
from mytorch.optim.flat import Array, Piece
from mytorch.optim.optimizer import ParamsT
from mytorch.tensor import Tensor


class RMSprop(ElementwiseOptimizer):
    """RMSprop (Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012).

    v = alpha v + (1 - alpha) g^2, then p = p - lr g / (sqrt(v) + eps). With `centered` the variance v - mean(g)^2
    stands under the root (Graves, Generating Sequences With Recurrent Neural Networks, 2013, eq. 38 to 45).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with a group each.
        lr: learning rate.
        alpha: decay rate of the averages.
        eps: keeps the divisor away from zero.
        weight_decay: factor of an L2 penalty.
        momentum: part of the last step that is taken again.
        centered: divide by the standard deviation.
        maximize: go up instead of down.
        capturable, foreach: accepted and without effect; all parameters are updated together anyway.
        differentiable: not supported.

    Raises:
        ValueError: an option is out of range.

    >>> import mytorch
    >>> w = mytorch.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mytorch.optim.RMSprop([w], lr=0.01)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.detach()
    tensor([0.9000, 1.9000])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        require(eps >= 0.0, "epsilon value", eps)
        require(momentum >= 0.0, "momentum value", momentum)
        require(weight_decay >= 0.0, "weight_decay value", weight_decay)
        require(alpha >= 0.0, "alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        kept = {"square_avg": 0.0}
        if group["momentum"] > 0:
            kept["momentum_buffer"] = 0.0
        if group["centered"]:
            kept["grad_avg"] = 0.0
        return kept

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        scalars["step"] += 1
        alpha = group["alpha"]
        return group["weight_decay"], alpha, 1 - alpha, group["eps"], group["momentum"], -float(group["lr"])

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        weight_decay, alpha, rest, eps, momentum, minus_lr = coefficients
        square_avg, (_, root, scratch) = piece.state[0], piece.work
        grad = descent(group, piece, grad, weight_decay)
        average_square(square_avg, grad, alpha, rest, scratch)
        if group["centered"]:
            grad_avg = piece.state[-1]
            average(grad_avg, grad, alpha, rest, scratch)
            np.multiply(grad_avg, grad_avg, scratch)
            np.subtract(square_avg, scratch, root)
            np.sqrt(root, root)
        else:
            np.sqrt(square_avg, root)
        np.add(root, eps, root)
        if group["momentum"] > 0:
            velocity = piece.state[1]
            np.multiply(velocity, momentum, velocity)
            np.divide(grad, root, scratch)
            np.add(velocity, scratch, velocity)
            add_product(piece.param, velocity, minus_lr, scratch)
        else:
            add_quotient(piece.param, minus_lr, grad, root, scratch)
