"""L-BFGS: a quasi-Newton method for smooth problems of moderate size, with all parameters as one vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from mytorch.autograd.application import as_raw, wrap
from mytorch.autograd.grad_mode import enable_grad
from mytorch.optim.elementwise import check_rate
from mytorch.optim.flat import Array, as_real
from mytorch.optim.line_search import strong_wolfe
from mytorch.optim.optimizer import Closure, Optimizer, ParamsT
from mytorch.tensor import Tensor


class LBFGS(Optimizer):
    """Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithms 7.4 and 7.5).

    One `step` makes up to `max_iter` iterations and calls the closure many times. Only one parameter group.

    Args:
        params: tensors, or `(name, tensor)` pairs.
        lr: length of the step along the direction; the first guess of the line search.
        max_iter: iterations in a step.
        max_eval: calls of the closure in a step, 1.25 `max_iter` if None.
        tolerance_grad: stop when no gradient is greater than this.
        tolerance_change: stop when neither the parameters nor the loss change by more than this.
        history_size: how many past steps describe the curvature.
        line_search_fn: None for steps of length `lr`, or "strong_wolfe".

    Raises:
        ValueError: a negative learning rate, or more than one group.

    >>> import mytorch
    >>> w = mytorch.tensor([4.0, -3.0], requires_grad=True)
    >>> optimizer = mytorch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((w - 1) ** 4).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(337., grad_fn=<SumBackward0>)
    >>> bool((abs(w - 1) < 0.1).all())
    True
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Any]:
        return self.param_groups[0]["params"]

    def step(self, closure: Closure) -> Any:  # type: ignore[override]
        """Make up to `max_iter` iterations; returns the loss before the first.

        Args:
            closure: zeroes the gradients, computes them anew and returns the loss.
        """
        group = self.param_groups[0]
        lr, max_iter, max_eval = float(group["lr"]), group["max_iter"], group["max_eval"]
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = evaluate()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if _greatest(grad) <= group["tolerance_grad"]:
            return first_loss

        memory = _Memory(state, group["history_size"])
        iteration = 0
        while iteration < max_iter:
            iteration += 1
            state["n_iter"] += 1
            direction = memory.direction(grad, first=state["n_iter"] == 1)
            memory.grad, previous_loss = grad, loss
            length = min(1.0, 1.0 / np.abs(grad).sum()) * lr if state["n_iter"] == 1 else lr
            memory.length = length
            slope = grad.dot(direction)
            if slope > -group["tolerance_change"]:
                break  # no way down

            calls = 0
            if group["line_search_fn"] is not None:
                start = [p.array.copy() for p in self._params]

                def probe(t: float, start: list[Array] = start, along: Array = direction) -> tuple[float, Array]:
                    self._add(t, along)
                    value = float(evaluate())
                    there = self._flat_grad()
                    for p, array in zip(self._params, start, strict=True):
                        np.copyto(p.array, array)
                    return value, there

                loss, grad, length, calls = strong_wolfe(
                    probe, length, direction, loss, grad, slope, max_probes=max_eval - evaluations
                )
                memory.length = length
                self._add(length, direction)
            else:
                self._add(length, direction)
                if iteration != max_iter:  # after the last iteration nobody asks for the loss
                    loss = float(evaluate())
                    grad = self._flat_grad()
                    calls = 1
            evaluations += calls
            state["func_evals"] += calls
            if (
                evaluations >= max_eval
                or _greatest(grad) <= group["tolerance_grad"]
                or _greatest(direction * length) <= group["tolerance_change"]
                or abs(loss - previous_loss) < group["tolerance_change"]
            ):
                break
        memory.store(state, previous_loss)
        return first_loss

    def _flat_grad(self) -> Array:
        """All gradients as one vector; zeros where there is none."""
        return np.concatenate(
            [as_real(np.zeros_like(p.array) if p._grad is None else p._grad.array).reshape(-1) for p in self._params]
        )

    def _add(self, length: float, direction: Array) -> None:
        """Move all parameters along a direction."""
        start = 0
        for p in self._params:
            values = as_real(p.array)
            values += length * direction[start : start + values.size].reshape(values.shape)
            start += values.size
            p.changed()


class _Memory:
    """The past steps, from which the inverse Hessian is approximated."""

    def __init__(self, state: dict[str, Any], size: int) -> None:
        self.size = size
        self.grad: Array | None = _raw(state.get("prev_flat_grad"))
        self.d: Array | None = _raw(state.get("d"))
        self.length: Any = _raw(state.get("t"))
        self.grad_changes: list[Array] = [_raw(x) for x in state.get("old_dirs") or []]
        self.steps: list[Array] = [_raw(x) for x in state.get("old_stps") or []]
        self.inverse_products: list[Any] = [_raw(x) for x in state.get("ro") or []]
        self.scale: Any = _raw(state.get("H_diag", 1))

    def direction(self, grad: Array, first: bool) -> Array:
        """Minus the inverse Hessian times the gradient."""
        if first or self.d is None or self.grad is None:
            self.d = -grad
            return self.d
        change, step = grad - self.grad, self.d * self.length
        product = change.dot(step)
        if product > 1e-10:  # positive curvature
            if len(self.steps) == self.size:
                for past in (self.grad_changes, self.steps, self.inverse_products):
                    past.pop(0)
            self.grad_changes.append(change)
            self.steps.append(step)
            self.inverse_products.append(1.0 / product)
            self.scale = product / change.dot(change)
        q = -grad
        history = list(zip(self.steps, self.grad_changes, self.inverse_products, strict=True))
        factors = []
        for s, y, rho in reversed(history):
            factor = s.dot(q) * rho
            q = q - factor * y
            factors.append(factor)
        r = q * self.scale
        for (s, y, rho), factor in zip(history, reversed(factors), strict=True):
            r = r + (factor - y.dot(r) * rho) * s
        self.d = r
        return r

    def store(self, state: dict[str, Any], previous_loss: float) -> None:
        """Put everything into the optimizer's state, under PyTorch's names."""
        state["d"], state["t"] = _tensor(self.d), float(self.length)
        state["old_dirs"] = [_tensor(x) for x in self.grad_changes]
        state["old_stps"] = [_tensor(x) for x in self.steps]
        state["ro"] = [_tensor(x) for x in self.inverse_products]
        state["H_diag"] = self.scale if isinstance(self.scale, int) else _tensor(self.scale)
        state["prev_flat_grad"], state["prev_loss"] = _tensor(self.grad), previous_loss


def _tensor(value: Any) -> Any:
    return wrap(as_raw(value))


def _raw(value: Any) -> Any:
    """The array of a tensor, a 0-d one as a NumPy scalar; anything else as it is."""
    return value.array[()] if isinstance(value, Tensor) else value


def _greatest(vector: Array) -> float:
    return float(np.abs(vector).max()) if vector.size else 0.0
