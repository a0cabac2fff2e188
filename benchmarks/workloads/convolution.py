"""Convolutional networks: a small CNN, a pair of convolutions, LeNet-5, and a ResNet of three stages."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.by_hand import losses
from benchmarks.by_hand.network import (
    Conv,
    Flatten,
    FromChannelsFirst,
    Layer,
    Linear,
    MaxPool,
    Network,
    ReLU,
    ToChannelsFirst,
)
from benchmarks.by_hand.parameters import SGD, Adam, Parameters
from benchmarks.workload import SEED, Figures
from benchmarks.workloads.training import Batch, adam, cross_entropy, mean_square, sgd, training


def cnn(library: Any) -> Any:
    """Two convolutions 3x3 with max pooling, 1-16-32 channels, and a linear layer on 28x28."""
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 10),
    )  # fmt: skip


def conv_pair(library: Any) -> Any:
    """The module that introductions to nn.Module show: two convolutions 5x5, 1-20-20 channels."""
    nn = library.nn
    return nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.Conv2d(20, 20, 5), nn.ReLU())


def lenet(library: Any) -> Any:
    """LeNet-5 (LeCun et al., 1998) on 28x28, with ReLU and max pooling as it is built today."""
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def resnet(library: Any) -> Any:
    """A residual network as for CIFAR-10 (He et al., 2016), with one block in each of the stages of 16, 32, 64."""
    nn = library.nn

    def convolution(inputs: int, outputs: int, size: int, stride: int) -> list[Any]:
        conv = nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False)
        return [conv, nn.BatchNorm2d(outputs)]

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *convolution(inputs, outputs, 3, stride), nn.ReLU(), *convolution(outputs, outputs, 3, 1)
            )
            same = inputs == outputs and stride == 1
            self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(inputs, outputs, 1, stride))
            self.activation = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.activation(self.body(x) + self.shortcut(x))

    return nn.Sequential(
        *convolution(3, 16, 3, 1), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def cnn_by_hand(weights: Figures) -> Network:
    parameters = Parameters(weights)
    of = parameters.of_layer
    layers: list[Layer] = [
        FromChannelsFirst(), Conv(*of(0), padding=1, first=True), MaxPool(), Conv(*of(3), padding=1), MaxPool(),
        Flatten(), Linear(*of(7), relu=False),
    ]  # fmt: skip
    return Network(layers, losses.cross_entropy, Adam(parameters, lr=1e-3))


def conv_pair_by_hand(weights: Figures) -> Network:
    parameters = Parameters(weights)
    of = parameters.of_layer
    layers: list[Layer] = [
        FromChannelsFirst(), Conv(*of(0), first=True), ReLU(), Conv(*of(2)), ReLU(), ToChannelsFirst(),
    ]  # fmt: skip
    return Network(layers, losses.mean_square, SGD(parameters, lr=0.01, momentum=0.9))


def lenet_by_hand(weights: Figures) -> Network:
    parameters = Parameters(weights)
    of = parameters.of_layer
    layers: list[Layer] = [
        FromChannelsFirst(), Conv(*of(0), padding=2, first=True), MaxPool(), Conv(*of(3)), MaxPool(), Flatten(),
        Linear(*of(7), relu=True), Linear(*of(9), relu=True), Linear(*of(11), relu=False),
    ]  # fmt: skip
    return Network(layers, losses.cross_entropy, Adam(parameters, lr=1e-3))


def images(count: int, channels: int, size: int) -> list[Batch]:
    """Batches of 64 images with values of a normal distribution, and their classes."""
    values = np.random.default_rng(SEED)
    shape = (64, channels, size, size)
    return [(values.standard_normal(shape, dtype=np.float32), values.integers(0, 10, 64)) for _ in range(count)]


def pairs() -> list[Batch]:
    """Images, and targets of the shape of the second convolution's output."""
    values = np.random.default_rng(SEED)
    shapes = (64, 1, 28, 28), (64, 20, 20, 20)
    return [(values.random(shapes[0], np.float32), values.random(shapes[1], np.float32)) for _ in range(2)]


WORKLOADS = [
    training(
        "cnn", "CNN 1-16-32, 3x3, max pool, 64 of 28x28, Adam",
        cnn, cross_entropy, adam(1e-3), lambda: images(4, 1, 28), cnn_by_hand, goal=1.0, steps=8,
    ),
    training(
        "conv-pair", "Conv2d(1,20,5) - ReLU - Conv2d(20,20,5), 64 of 28x28",
        conv_pair, mean_square, sgd(0.01, momentum=0.9), pairs, conv_pair_by_hand, goal=1.0, steps=4,
    ),
    training(
        "lenet", "LeNet-5, 64 of 28x28, Adam",
        lenet, cross_entropy, adam(1e-3), lambda: images(4, 1, 28), lenet_by_hand, goal=0.8, steps=10,
    ),
    training(
        "resnet", "ResNet of 3 stages 16-32-64, 64 of 32x32, SGD",
        resnet, cross_entropy, sgd(0.01, momentum=0.9), lambda: images(2, 3, 32), goal=0.8, steps=2,
    ),
]  # fmt: skip
