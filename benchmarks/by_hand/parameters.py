"""Parameters and their gradients in one buffer each, and the optimizers' steps on them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.workload import Array, Figures

PIECE = 32_768  # elements whose arrays stay in a core's cache during a step of Adam


class Parameter(NamedTuple):
    """Views into the two buffers."""

    value: Array
    grad: Array


class Parameters:
    """All parameters of a model, by name. `weights` gets views of them, so that it shows what they become."""

    def __init__(self, weights: Figures) -> None:
        self.values = np.concatenate([value.reshape(-1) for value in weights.values()])
        self.grads = np.zeros_like(self.values)
        self._by_name = {}
        start = 0
        for name, value in weights.items():
            part = slice(start, start := start + value.size)
            weights[name] = self.values[part].reshape(value.shape)
            self._by_name[name] = Parameter(weights[name], self.grads[part].reshape(value.shape))

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def of_layer(self, name: object) -> tuple[Parameter, Parameter]:
        """A layer's weight and bias."""
        return self[f"{name}.weight"], self[f"{name}.bias"]


class Adam:
    """Adam with the averages as sums, which spares two products: m / (1 - beta1) and v / (1 - beta2)."""

    def __init__(self, parameters: Parameters, lr: float, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr, self.beta1, self.beta2, self.steps = lr, beta1, beta2, 0
        p, g = parameters.values, parameters.grads
        m, v, work = np.zeros_like(p), np.zeros_like(p), np.empty_like(p[:PIECE])
        parts = [slice(i, i + PIECE) for i in range(0, len(p), PIECE)]
        self.pieces = [(p[s], g[s], m[s], v[s], work[: len(p[s])]) for s in parts]

    def step(self) -> None:
        self.steps += 1
        root = ((1 - self.beta2**self.steps) / (1 - self.beta2)) ** 0.5
        rate = np.float32(self.lr * (1 - self.beta1) / (1 - self.beta1**self.steps) * root)
        eps, beta1, beta2 = np.float32(1e-8 * root), np.float32(self.beta1), np.float32(self.beta2)
        for p, g, m, v, work in self.pieces:
            np.multiply(m, beta1, m)
            np.add(m, g, m)
            np.multiply(v, beta2, v)
            np.multiply(g, g, work)
            np.add(v, work, v)
            np.sqrt(v, work)
            np.add(work, eps, work)
            np.divide(m, work, work)
            np.multiply(work, rate, work)
            np.subtract(p, work, p)


class SGD:
    """Gradient descent, with momentum if wanted."""

    def __init__(self, parameters: Parameters, lr: float, momentum: float = 0.0) -> None:
        self.lr, self.momentum, self.parameters = np.float32(lr), np.float32(momentum), parameters
        self.velocity = np.zeros_like(parameters.values)
        self.work = np.empty_like(parameters.values)

    def step(self) -> None:
        change = self.parameters.grads
        if self.momentum:
            np.multiply(self.velocity, self.momentum, self.velocity)
            change = np.add(self.velocity, change, self.velocity)
        np.multiply(change, self.lr, self.work)
        np.subtract(self.parameters.values, self.work, self.parameters.values)
