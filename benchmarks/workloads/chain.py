"""Chains of operations on 4x4, forward and backward: nothing but the engine's overhead, and how it grows with depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import SEED, Figures, Side, Steps, Workload

LENGTH = 300
LONG = 100_000
Chain = Callable[[Any, Any, int], Any]


def mixed(x: Any, w: Any, length: int) -> Any:
    """Products, sums, numbers as operands and both classic activations in turn."""
    y = x
    for _ in range(length // 6):
        y = y * w
        y = y.tanh()
        y = y + x
        y = y * 0.9
        y = y.sigmoid()
        y = y - w
    return y.sum()


def repeated(step: Callable[[Any, Any], Any]) -> Chain:
    """The chain that repeats one operation."""

    def chain(x: Any, w: Any, length: int) -> Any:
        y = x
        for _ in range(length):
            y = step(y, w)
        return y.sum()

    return chain


def values() -> tuple[Any, Any]:
    """The chain's start and the weight."""
    numbers = np.random.default_rng(SEED)
    return numbers.uniform(0.5, 1.5, (4, 4)).astype(np.float32), numbers.uniform(0.9, 1.1, (4, 4)).astype(np.float32)


def mixed_by_hand(x: Any, w: Any, length: int) -> tuple[Any, Any]:
    """The mixed chain's two gradients in plain NumPy."""
    tape, y = [], x
    nine_tenths, one = np.float32(0.9), np.float32(1)
    for _ in range(length // 6):
        before = y
        t = np.tanh(y * w)
        s = one / (one + np.exp(-((t + x) * nine_tenths)))
        tape.append((before, t, s))
        y = s - w
    g = np.ones_like(y)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for before, t, s in reversed(tape):
        dw -= g
        g = g * (one - s) * s * nine_tenths
        dx += g
        g = g * (one - t * t)
        dw += g * before
        g = g * w
    return dx + g, dw


def _workload(
    name: str, title: str, chain: Chain, length: int = LENGTH, goal: float | None = None, by_hand: Any = None
) -> Workload:
    repeats = max(1, 3000 // length)

    def build(library: Any) -> Side:
        x, w = (library.tensor(array, requires_grad=True) for array in values())

        def step() -> None:
            x.grad = w.grad = None
            chain(x, w, length).backward()

        def gradients() -> Figures:
            return {name: t.grad.numpy() for name, t in (("x", x), ("w", w)) if t.grad is not None}

        return Steps(step, gradients, 1, repeats)

    def build_by_hand() -> Side:
        found: Figures = {}
        x, w = values()

        def step() -> None:
            found["x"], found["w"] = by_hand(x, w, length)

        return Steps(step, lambda: found, 1, repeats)

    goals = {} if goal is None else {"time": goal}
    return Workload(name, title, build, build_by_hand if by_hand else None, goals, "op", length * repeats)


WORKLOADS = [
    _workload("chain", "chain of 300 ops on 4x4", mixed, goal=1.3, by_hand=mixed_by_hand),
    _workload("chain-add", "300 times y + w", repeated(lambda y, w: y + w)),
    _workload("chain-mul", "300 times y * w", repeated(lambda y, w: y * w)),
    _workload("chain-scale", "300 times y * 0.999", repeated(lambda y, w: y * 0.999)),
    _workload("chain-tanh", "300 times y.tanh()", repeated(lambda y, w: y.tanh())),
    _workload("chain-sigmoid", "300 times y.sigmoid()", repeated(lambda y, w: y.sigmoid())),
    _workload("chain-relu", "300 times y.relu()", repeated(lambda y, w: y.relu())),
    _workload("chain-100000", "chain of 100,000 ops on 4x4", mixed, length=LONG, by_hand=mixed_by_hand),
]
