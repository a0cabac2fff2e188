"""Networks that are a row of layers, by hand: each layer has its forward and its backward written out.

Layers keep their result's array from step to step. Images are (batch, height, width, channels).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import as_strided

from benchmarks.by_hand.parameters import Parameter
from benchmarks.workload import Array

Loss = Callable[[Array, Array], tuple[float, Array]]


class Layer(Protocol):
    def forward(self, x: Array) -> Array: ...

    def backward(self, g: Any) -> Array | None:
        """The gradient of the input, after the parameters' gradients are in place; None if nobody needs it."""


class Network:
    """Layers, a loss and an optimizer: calling it is a training step."""

    def __init__(self, layers: Sequence[Layer], loss: Loss, optimizer: Any) -> None:
        self.layers, self.loss, self.optimizer = layers, loss, optimizer

    def __call__(self, x: Array, y: Array) -> float:
        out = x
        for layer in self.layers:
            out = layer.forward(out)
        g: Array | None
        value, g = self.loss(out, y)
        for layer in reversed(self.layers):
            g = layer.backward(g)
        self.optimizer.step()
        return value


class Linear:
    """x W^T + b, with ReLU after it if wanted."""

    def __init__(self, weight: Parameter, bias: Parameter, relu: bool, first: bool = False) -> None:
        self.weight, self.bias, self.relu, self.first = weight, bias, relu, first
        self.out = self.ones = self.mask = np.empty(0, np.float32)

    def forward(self, x: Array) -> Array:
        if len(self.out) != len(x):
            self.out = np.empty((len(x), len(self.bias.value)), np.float32)
            self.mask = np.empty(self.out.shape, bool)
            self.ones = np.ones(len(x), np.float32)
        self.x = x
        np.matmul(x, self.weight.value.T, out=self.out)
        np.add(self.out, self.bias.value, self.out)
        if self.relu:
            np.maximum(self.out, np.float32(0), out=self.out)
        return self.out

    def backward(self, g: Array) -> Array | None:
        if self.relu:
            np.multiply(g, np.greater(self.out, np.float32(0), self.mask), g)
        np.matmul(g.T, self.x, out=self.weight.grad)
        np.matmul(self.ones, g, out=self.bias.grad)
        return None if self.first else g @ self.weight.value


class Conv:
    """A square convolution, lowered along the width alone.

    The row (n, w) of `lowered` holds, for all heights, the K * C values that the kernel meets there. So the output's
    row of height h is one product with K neighbouring heights, which lie side by side: no copy of them is made.
    """

    def __init__(self, weight: Parameter, bias: Parameter, padding: int = 0, first: bool = False) -> None:
        self.weight, self.bias, self.padding, self.first = weight, bias, padding, first
        self.lowered = self.out = np.empty(0, np.float32)

    def forward(self, x: Array) -> Array:
        if self.padding:
            x = padded(x, self.padding)
        self.lowered = lower(x, self.weight.value.shape[2])
        self.out = correlate(self.lowered, self.weight.value.transpose(2, 3, 1, 0))
        np.add(self.out, self.bias.value, self.out)
        return self.out

    def backward(self, g: Array) -> Array | None:
        outputs, channels, size, _ = self.weight.value.shape
        n, height, width, _ = g.shape
        across = np.ascontiguousarray(g.transpose(0, 2, 1, 3)).reshape(n * width, height, outputs)
        self.bias.grad[:] = np.ones(n * width * height, np.float32) @ across.reshape(-1, outputs)
        kernel = np.zeros((size * size * channels, outputs), np.float32)
        rows, step = self.lowered.reshape(n * width, -1), size * channels
        for h in range(height):
            kernel += rows[:, h * step : (h + size) * step].T @ across[:, h]
        self.weight.grad[:] = kernel.reshape(size, size, channels, outputs).transpose(3, 2, 0, 1)
        if self.first:
            return None
        flipped = self.weight.value[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
        whole = correlate(lower(padded(g, size - 1), size), flipped)
        p = self.padding
        return whole[:, p : whole.shape[1] - p, p : whole.shape[2] - p]


def padded(x: Array, by: int) -> Array:
    """The images with zeros around them."""
    n, height, width, channels = x.shape
    result = np.zeros((n, height + 2 * by, width + 2 * by, channels), np.float32)
    result[:, by:-by, by:-by] = x
    return result


def lower(x: Array, size: int) -> Array:
    """(n, w, height, K, C): the values that a kernel of width K meets at each place w along the width."""
    n, height, width, channels = x.shape
    s = x.strides
    shape = n, width - size + 1, height, size, channels
    return np.ascontiguousarray(as_strided(x, shape, (s[0], s[2], s[1], s[2], s[3])))


def correlate(lowered: Array, kernel: Array) -> Array:
    """The convolution as (n, height, width, outputs), of what `lower` gave and a kernel (K, K, C, outputs)."""
    n, width, height, size, channels = lowered.shape
    outputs, step = kernel.shape[3], size * channels
    matrix, rows = np.ascontiguousarray(kernel).reshape(-1, outputs), lowered.reshape(n * width, -1)
    out = np.empty((n * width, height - size + 1, outputs), np.float32)
    for h in range(out.shape[1]):
        np.matmul(rows[:, h * step : (h + size) * step], matrix, out=out[:, h])
    return out.reshape(n, width, -1, outputs).transpose(0, 2, 1, 3)


class ReLU:
    def forward(self, x: Array) -> Array:
        self.out = np.maximum(x, np.float32(0), out=x)
        return self.out

    def backward(self, g: Array) -> Array:
        return np.multiply(g, self.out > 0, g)


class MaxPool:
    """The largest of 2x2, and ReLU after it: a quarter of the work that it would be before."""

    def forward(self, x: Array) -> Array:
        self.x, (_, height, width, _) = x, x.shape
        self.corners = [x[:, i : height - height % 2 : 2, j : width - width % 2 : 2] for i in (0, 1) for j in (0, 1)]
        a, b, c, d = self.corners
        self.out = np.maximum(a, b)
        np.maximum(self.out, c, out=self.out)
        np.maximum(self.out, d, out=self.out)
        self.largest = self.out.copy("K")
        return np.maximum(self.out, np.float32(0), out=self.out)

    def backward(self, g: Array) -> Array:
        g = g * (self.out > 0)
        result = np.zeros_like(self.x)
        _, height, width, _ = result.shape
        for number, corner in enumerate(self.corners):
            place = result[:, number // 2 : height - height % 2 : 2, number % 2 : width - width % 2 : 2]
            np.multiply(g, corner == self.largest, place)
        return result


class Flatten:
    """Images as rows, in the order of channels, height, width."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)).reshape(len(x), -1)

    def backward(self, g: Array) -> Array:
        n, height, width, channels = self.shape
        return g.reshape(n, channels, height, width).transpose(0, 2, 3, 1)


class FromChannelsFirst:
    """Images as they come, (batch, channels, height, width)."""

    def forward(self, x: Array) -> Array:
        return x.transpose(0, 2, 3, 1)

    def backward(self, g: Array | None) -> None:
        """Nobody needs the gradient of the images."""


class ToChannelsFirst:
    """Images as they are compared with a target, (batch, channels, height, width)."""

    def forward(self, x: Array) -> Array:
        return x.transpose(0, 3, 1, 2)

    def backward(self, g: Array) -> Array:
        return g.transpose(0, 2, 3, 1)
