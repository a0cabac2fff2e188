"""Training steps: forward, backward and the optimizer's step of a model, the same code for both libraries."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

import mytorch
from benchmarks.workload import SEED, Array, Figures, Side, Steps, Workload

Batch = tuple[Array, Array]
ByHand = Callable[[Array, Array], float]  # one step on a batch, returns the loss
WARM_UP = 5  # steps whose losses are compared, before any is timed


def training(
    name: str,
    title: str,
    model: Callable[[Any], Any],
    loss: Callable[[Any], Any],
    optimizer: Callable[[Any, Any], Any],
    batches: Callable[[], list[Batch]],
    by_hand: Callable[[Figures], ByHand] | None = None,
    *,
    steps: int,
    goal: float | None = None,
    unit: str = "step",
    per: int = 1,
) -> Workload:
    """The row of a model that is trained.

    Args:
        name, title: as in `Workload`.
        model: makes the model, from the library.
        loss: makes the loss function, from the library.
        optimizer: makes the optimizer, from the library and the parameters.
        batches: makes the inputs and targets; the steps go round them.
        by_hand: makes the same step by hand, from the initial weights; it replaces them by those that it changes.
        steps: how many steps one measurement takes.
        goal: the ratio to reach.
        unit, per: as in `Workload`, for one step.
    """

    def build(library: Any) -> Side:
        data = cycle([(library.tensor(x), library.tensor(y)) for x, y in batches()])
        library.manual_seed(SEED)
        net = model(library)
        criterion, update = loss(library), optimizer(library, net.parameters())

        def step() -> float:
            x, y = next(data)
            update.zero_grad()
            value = criterion(net(x), y)
            value.backward()
            update.step()
            return float(value.item())

        return Steps(step, lambda: weights_of(net), WARM_UP, steps)

    def build_by_hand() -> Side:
        assert by_hand is not None
        mytorch.manual_seed(SEED)
        weights = weights_of(model(mytorch))
        data, step = cycle(batches()), by_hand(weights)
        return Steps(lambda: step(*next(data)), lambda: weights, WARM_UP, steps)

    goals = {} if goal is None else {"time": goal}
    return Workload(name, title, build, build_by_hand if by_hand else None, goals, unit, steps * per)


def weights_of(model: Any) -> Figures:
    """Copies of the parameters, by name."""
    return {name: np.array(value.detach().numpy()) for name, value in model.named_parameters()}


def mean_square(library: Any) -> Any:
    return library.nn.MSELoss()


def cross_entropy(library: Any) -> Any:
    return library.nn.CrossEntropyLoss()


def adam(lr: float) -> Callable[[Any, Any], Any]:
    return lambda library, parameters: library.optim.Adam(parameters, lr=lr)


def sgd(lr: float, momentum: float = 0.0) -> Callable[[Any, Any], Any]:
    return lambda library, parameters: library.optim.SGD(parameters, lr=lr, momentum=momentum)
