"""The step that all elementwise optimizers share: an optimizer says what it keeps and writes down its formula.

The formula is a function of arrays, and the same whether they hold one parameter or many side by side (see `flat`).
It works in place, in the parameters' own type, and in the order of operations of PyTorch's CPU optimizers, so that a
training goes the same way to the rounding of float32.
"""

from __future__ import annotations

from operator import is_
from typing import Any, ClassVar

import numpy as np

from mytorch.autograd.grad_mode import enable_grad
from mytorch.optim.flat import Array, Block, Piece, Plan
from mytorch.optim.optimizer import Closure, Optimizer, ParamsT
from mytorch.tensor import Tensor


class ElementwiseOptimizer(Optimizer):
    """Base of the optimizers whose formula treats every element of a parameter alike.

    A subclass defines `buffers` (its arrays), `advance` (its numbers) and `formula`. The state of a
    parameter holds the numbers named in `scalars`, 0-d tensors, and the arrays, of the parameter's shape.
    """

    hidden: ClassVar[bool] = False  # the numbers are not part of the state

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        if defaults["differentiable"]:
            raise NotImplementedError(
                f"{type(self).__name__}(differentiable=True) is not supported: a step writes to the parameters in "
                "place and is not recorded. Write the update with tensor operations to differentiate through it."
            )
        if defaults.get("fused") and defaults.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
        self._forget_plans()
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget_plans()

    def _forget_plans(self) -> None:
        self._plans: list[Plan] = []
        self._entries: list[Any] = []  # the values of `state` when the plans were made
        self._active: set[int] = set()  # the ids of the parameters that ever had a gradient

    # --- what an optimizer defines --------------------------------------------------------------------------------

    def buffers(self, group: dict[str, Any]) -> dict[str, float]:
        """The names of the arrays that the formula keeps for each parameter, and what they are filled with."""
        raise NotImplementedError

    def scalars(self, group: dict[str, Any]) -> dict[str, float]:
        """The names of the numbers that it keeps for each parameter, and what they start with."""
        return {"step": 0.0}

    def advance(self, group: dict[str, Any], scalars: dict[str, Any]) -> tuple[float, ...]:
        """Bring the numbers up to this step and return the formula's coefficients."""
        raise NotImplementedError

    def formula(self, group: dict[str, Any], coefficients: list[Array], piece: Piece, grad: Array) -> None:
        """The formula: change `piece.param` and `piece.state` in place.

        `grad` may be the tensor's own memory and must not be written to; `piece.work` holds scratch arrays.
        """
        raise NotImplementedError

    # --- the step -------------------------------------------------------------------------------------------------

    def step(self, closure: Closure | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: computes the gradients anew and returns the loss, which is then what `step` returns.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if not self._plans_hold():
            self._plans = []  # first: a plan that is still there would count as a holder of the memory
            self._plans = [
                Plan(group, self.state, self.buffers(group), self.scalars(group), self.hidden, self._active)
                for group in self.param_groups
            ]
            self._entries = list(self.state.values())
        for plan in self._plans:
            for block in plan.blocks:
                self._step_block(plan.group, block)
            for block, index in plan.repeats:
                self._step_parameter(plan.group, block, index)
        return loss

    def _plans_hold(self) -> bool:
        return (
            len(self._plans) == len(self.param_groups)
            and len(self._entries) == len(self.state)
            and all(map(is_, self.state.values(), self._entries))
            and all(
                plan.intact(group, self.buffers(group))
                for plan, group in zip(self._plans, self.param_groups, strict=True)
            )
        )

    def _step_block(self, group: dict[str, Any], block: Block) -> None:
        grads = [p._grad for p in block.params]
        scalars = block.common_scalars()
        missing = [grad for grad in grads if grad is None]
        if scalars is None or missing:
            for index in range(len(grads)):
                self._step_parameter(group, block, index)
            return
        coefficients = block.coefficients(self.advance(group, scalars))
        for name, number in scalars.items():
            block.scalars[name].fill(number)
        for indices, piece, gathered in block.runs:
            block.gather(indices, grads)
            self.formula(group, coefficients, piece, gathered)
        for index in block.apart:
            self._update_parameter(group, coefficients, block, index)
        for p in block.params:
            if p.version is None:
                p.version = [1]
            else:
                p.version[0] += 1

    def _step_parameter(self, group: dict[str, Any], block: Block, index: int) -> None:
        """One parameter, with numbers of its own; nothing if it has no gradient."""
        p = block.params[index]
        if p._grad is None:
            return
        scalars = {name: numbers[index] for name, numbers in block.scalars.items()}
        coefficients = block.coefficients(self.advance(group, scalars))
        for name, number in scalars.items():
            block.scalars[name][index] = number
        self._update_parameter(group, coefficients, block, index)
        p.changed()

    def _update_parameter(self, group: dict[str, Any], coefficients: list[Array], block: Block, index: int) -> None:
        grad = block.gradient(index, block.params[index]._grad)
        for piece in block.pieces(index):
            self.formula(group, coefficients, piece, grad[piece.part])


# --- parts of formulas ----------------------------------------------------------------------------------------------


def descent(group: dict[str, Any], piece: Piece, grad: Array, weight_decay: Array) -> Array:
    """The gradient to go down: negated for `maximize`, plus weight_decay * param. If it is new, it lies in work[0]."""
    work = piece.work
    if group["maximize"]:
        grad = np.negative(grad, work[0])
    if group["weight_decay"] != 0 and not group.get("decoupled_weight_decay"):
        np.multiply(piece.param, weight_decay, work[1])
        grad = np.add(grad, work[1], work[0])
    return grad


def average(mean: Array, new: Array, decay: Array, rest: Array, work: Array) -> None:
    """mean = decay * mean + rest * new, where decay + rest = 1; so that it is exact at both ends."""
    np.subtract(new, mean, work)
    if rest < 0.5:
        np.multiply(work, rest, work)
        np.add(mean, work, mean)  # mean + rest * (new - mean)
    else:
        np.multiply(work, decay, work)
        np.subtract(new, work, mean)  # new - decay * (new - mean)


def average_square(mean: Array, new: Array, decay: Array, rest: Array, work: Array) -> None:
    """mean = decay * mean + rest * new^2."""
    np.multiply(mean, decay, mean)
    np.multiply(new, rest, work)
    np.multiply(work, new, work)
    np.add(mean, work, mean)


def add_product(x: Array, a: Array, b: Array, work: Array) -> None:
    """x = x + a * b."""
    np.multiply(a, b, work)
    np.add(x, work, x)


def add_quotient(x: Array, factor: Array, a: Array, b: Array, work: Array) -> None:
    """x = x + factor * a / b."""
    np.multiply(a, factor, work)
    np.divide(work, b, work)
    np.add(x, work, x)


# --- checks of arguments --------------------------------------------------------------------------------------------


def check_rate(lr: float | Tensor) -> None:
    """A learning rate is a number, or a tensor with one element, and not negative."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    require(lr >= 0.0, "learning rate", lr)


def check_betas(betas: tuple[Any, Any]) -> None:
    """Decay rates lie in [0, 1)."""
    for index in (0, 1):
        require(0.0 <= betas[index] < 1.0, f"beta parameter at index {index}", betas[index])


def require(condition: Any, what: str, value: Any) -> None:
    """ValueError, in PyTorch's words, if an option has a value that makes no sense."""
    if not condition:
        raise ValueError(f"Invalid {what}: {value}")
