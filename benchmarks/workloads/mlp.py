"""Fully connected networks: Boston, the two-layer net of introductions to PyTorch, MNIST, and a very deep one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.by_hand import losses
from benchmarks.by_hand.network import Linear, Loss, Network
from benchmarks.by_hand.parameters import SGD, Adam, Parameters
from benchmarks.workload import SEED, Figures
from benchmarks.workloads.training import Batch, adam, cross_entropy, mean_square, sgd, training

BOSTON = (13, 32, 32, 32, 1)
TWO_LAYERS = (1000, 100, 10)
MNIST = (784, 256, 128, 10)
DEEP = (16,) * 1001


def layers(*widths: int) -> Callable[[Any], Any]:
    """Linear layers with ReLU in between."""

    def model(library: Any) -> Any:
        nn = library.nn
        modules = [m for inputs, outputs in pairwise(widths) for m in (nn.Linear(inputs, outputs), nn.ReLU())]
        return nn.Sequential(*modules[:-1])

    return model


def by_hand(loss: Loss, optimizer: Callable[[Parameters], Any]) -> Callable[[Figures], Network]:
    """The same training by hand."""

    def make(weights: Figures) -> Network:
        parameters = Parameters(weights)
        names = [name.removesuffix(".weight") for name in weights if name.endswith(".weight")]
        linear = [Linear(*parameters.of_layer(name), relu=name != names[-1], first=name == names[0]) for name in names]
        return Network(linear, loss, optimizer(parameters))

    return make


def sum_square(library: Any) -> Any:
    return library.nn.MSELoss(reduction="sum")


def vectors(rows: int, inputs: int, outputs: int) -> list[Batch]:
    """One batch of random inputs and targets."""
    values = np.random.default_rng(SEED)
    x, y = (values.standard_normal((rows, columns), dtype=np.float32) for columns in (inputs, outputs))
    return [(x, y)]


def pictures() -> list[Batch]:
    """Batches as they come from MNIST: rows of pixels between 0 and 1, and classes."""
    values = np.random.default_rng(SEED)
    return [(values.random((128, 784), dtype=np.float32), values.integers(0, 10, 128)) for _ in range(4)]


WORKLOADS = [
    training(
        "boston-mlp", "Boston MLP 13-32-32-32-1, 380 rows, Adam",
        layers(*BOSTON), mean_square, adam(1e-3), lambda: vectors(380, 13, 1),
        by_hand(losses.mean_square, lambda p: Adam(p, 1e-3)), goal=2.0, steps=100,
    ),
    training(
        "two-layer-adam", "two-layer net, 64 x 1000-100-10, Adam",
        layers(*TWO_LAYERS), sum_square, adam(1e-4), lambda: vectors(64, 1000, 10),
        by_hand(losses.sum_square, lambda p: Adam(p, 1e-4)), goal=1.4, steps=60,
    ),
    training(
        "two-layer-sgd", "two-layer net, 64 x 1000-100-10, SGD",
        layers(*TWO_LAYERS), sum_square, sgd(1e-4), lambda: vectors(64, 1000, 10),
        by_hand(losses.sum_square, lambda p: SGD(p, 1e-4)), goal=1.4, steps=60,
    ),
    training(
        "mnist-mlp", "MNIST MLP 784-256-128-10, batch 128, Adam",
        layers(*MNIST), cross_entropy, adam(1e-3), pictures,
        by_hand(losses.cross_entropy, lambda p: Adam(p, 1e-3)), goal=1.5, steps=20,
    ),
    training(
        "deep-mlp", "MLP of 1,000 layers of 16, batch 16, SGD",
        layers(*DEEP), mean_square, sgd(1e-3), lambda: vectors(16, 16, 16),
        by_hand(losses.mean_square, lambda p: SGD(p, 1e-3)), steps=2, unit="layer", per=1000,
    ),
]  # fmt: skip
