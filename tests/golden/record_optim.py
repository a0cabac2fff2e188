"""Records PyTorch's optimizers and schedules, for tests without it: `python tests/golden/record_optim.py`.

`OPTIMIZERS` and `SCHEDULES` are the cases; the tests of `mytorch.optim` and the comparison with the live PyTorch share
them. `optim.npz` holds for each case of `OPTIMIZERS` the parameters after some of the steps of `descend`, and
for each of `SCHEDULES` the learning rate and the momentum of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_name("optim.npz")
STEPS = 300
RECORDED = (1, 2, 10, 100, 300)
SHAPES = ((4, 3), (4,), (), (2, 0), (5, 4, 2))

# name, class, options
OPTIMIZERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sgd", "SGD", {"lr": 0.05}),
    ("sgd-decay", "SGD", {"lr": 0.05, "weight_decay": 0.1}),
    ("sgd-momentum", "SGD", {"lr": 0.01, "momentum": 0.9}),
    ("sgd-dampening", "SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("sgd-nesterov", "SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("sgd-maximize", "SGD", {"lr": 0.001, "momentum": 0.5, "maximize": True, "weight_decay": 0.01}),
    ("adam", "Adam", {"lr": 0.01}),
    ("adam-decay", "Adam", {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-4}),
    ("adam-betas", "Adam", {"lr": 0.01, "betas": (0.4, 0.7)}),
    ("adam-no-memory", "Adam", {"lr": 0.01, "betas": (0.0, 0.0)}),
    ("adam-amsgrad", "Adam", {"lr": 0.02, "amsgrad": True}),
    ("adam-maximize", "Adam", {"lr": 0.01, "maximize": True, "weight_decay": 0.1, "amsgrad": True}),
    ("adam-decoupled", "Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("adamw", "AdamW", {"lr": 0.01}),
    ("adamw-amsgrad", "AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    ("adamw-no-decay", "AdamW", {"lr": 0.01, "weight_decay": 0}),
    ("rmsprop", "RMSprop", {}),
    ("rmsprop-momentum", "RMSprop", {"lr": 0.002, "momentum": 0.8, "weight_decay": 0.05}),
    ("rmsprop-centered", "RMSprop", {"centered": True, "alpha": 0.9}),
    ("rmsprop-all", "RMSprop", {"lr": 0.002, "momentum": 0.5, "centered": True, "maximize": True}),
    ("adagrad", "Adagrad", {"lr": 0.1}),
    ("adagrad-all", "Adagrad", {"lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("adagrad-maximize", "Adagrad", {"maximize": True}),
    ("adadelta", "Adadelta", {}),
    ("adadelta-all", "Adadelta", {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1, "eps": 1e-4, "maximize": True}),
    ("adamax", "Adamax", {"lr": 0.01}),
    ("adamax-all", "Adamax", {"lr": 0.01, "betas": (0.5, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("nadam", "NAdam", {"lr": 0.01}),
    ("nadam-decay", "NAdam", {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 0.01}),
    ("nadam-decoupled", "NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("radam", "RAdam", {"lr": 0.01}),
    ("radam-decay", "RAdam", {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.99)}),
    ("radam-decoupled", "RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("rprop", "Rprop", {}),
    ("rprop-all", "Rprop", {"lr": 0.1, "etas": (0.4, 1.3), "step_sizes": (1e-4, 0.5)}),
    ("asgd", "ASGD", {}),
    ("asgd-all", "ASGD", {"lr": 0.02, "lambd": 0.01, "alpha": 0.5, "t0": 20, "weight_decay": 0.1}),
    ("asgd-maximize", "ASGD", {"lr": 0.001, "maximize": True}),
)


def chained(module: Any, optimizer: Any) -> Any:
    """Three schedules at once."""
    parts = [
        module.LinearLR(optimizer, start_factor=0.2, total_iters=7),
        module.ExponentialLR(optimizer, gamma=0.95),
        module.MultiStepLR(optimizer, [5, 11], gamma=0.5),
    ]
    return module.ChainedScheduler(parts, optimizer)


def sequential(module: Any, optimizer: Any) -> Any:
    """Four schedules in turn."""
    parts = [
        module.ConstantLR(optimizer, 0.5, 3),
        module.PolynomialLR(optimizer, 8, 2.0),
        module.LinearLR(optimizer, 0.1, total_iters=5),
        module.CosineAnnealingLR(optimizer, 10, 0.01),
    ]
    return module.SequentialLR(optimizer, parts, milestones=[4, 9, 20])


# name, a function that makes the schedule from `lr_scheduler` and an optimizer, number of steps
SCHEDULES: tuple[tuple[str, Callable[[Any, Any], Any], int], ...] = (
    ("step", lambda m, o: m.StepLR(o, 3), 20),
    ("step-gamma", lambda m, o: m.StepLR(o, step_size=7, gamma=0.7), 40),
    ("multistep", lambda m, o: m.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3), 15),
    ("constant", lambda m, o: m.ConstantLR(o), 10),
    ("constant-long", lambda m, o: m.ConstantLR(o, factor=0.7, total_iters=12), 20),
    ("linear", lambda m, o: m.LinearLR(o), 10),
    ("linear-down", lambda m, o: m.LinearLR(o, start_factor=0.9, end_factor=0.0, total_iters=13), 20),
    ("exponential", lambda m, o: m.ExponentialLR(o, 0.93), 50),
    ("polynomial", lambda m, o: m.PolynomialLR(o), 10),
    ("polynomial-power", lambda m, o: m.PolynomialLR(o, total_iters=30, power=2.5), 40),
    ("cosine", lambda m, o: m.CosineAnnealingLR(o, T_max=10), 55),
    ("cosine-min", lambda m, o: m.CosineAnnealingLR(o, 7, eta_min=0.02), 60),
    ("restarts", lambda m, o: m.CosineAnnealingWarmRestarts(o, 5), 23),
    ("restarts-mult", lambda m, o: m.CosineAnnealingWarmRestarts(o, 3, T_mult=2, eta_min=0.001), 60),
    ("onecycle", lambda m, o: m.OneCycleLR(o, 0.3, total_steps=50), 49),
    ("onecycle-epochs", lambda m, o: m.OneCycleLR(o, 0.3, epochs=6, steps_per_epoch=7, pct_start=0.45), 41),
    ("onecycle-linear", lambda m, o: m.OneCycleLR(o, [0.3, 0.1], 33, anneal_strategy="linear", div_factor=10.0), 32),
    (
        "onecycle-three",
        lambda m, o: m.OneCycleLR(o, 1.0, 64, three_phase=True, base_momentum=0.7, final_div_factor=50.0),
        63,
    ),
    ("onecycle-no-momentum", lambda m, o: m.OneCycleLR(o, 0.3, total_steps=20, cycle_momentum=False), 19),
    ("cyclic", lambda m, o: m.CyclicLR(o, 0.01, 0.1, step_size_up=5), 40),
    ("cyclic-2", lambda m, o: m.CyclicLR(o, 0.01, [0.1, 0.2], 4, 7, mode="triangular2"), 50),
    ("cyclic-exp", lambda m, o: m.CyclicLR(o, 0.01, 0.1, 6, mode="exp_range", gamma=0.97), 50),
    ("cyclic-fn", lambda m, o: m.CyclicLR(o, 0.01, 0.1, 3, scale_fn=lambda x: 1 / (5 * x)), 30),
    ("lambda", lambda m, o: m.LambdaLR(o, lambda e: 0.95**e), 30),
    ("lambda-list", lambda m, o: m.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: e / 10]), 30),
    ("multiplicative", lambda m, o: m.MultiplicativeLR(o, lambda e: 0.9 if e % 2 else 1.1), 30),
    ("chained", chained, 30),
    ("sequential", sequential, 40),
)


def groups(library: Any, arrays: list[np.ndarray]) -> list[dict[str, Any]]:
    """The parameters as tensors of a library, in two groups, of which the second has a rate of its own."""
    tensors = [library.tensor(a, requires_grad=True) for a in arrays]
    return [{"params": tensors[:3]}, {"params": tensors[3:], "lr": 0.004}]


def arrays(dtype: str = "float32") -> list[np.ndarray]:
    """The parameters that all cases begin with."""
    generator = np.random.default_rng(7)
    return [generator.standard_normal(shape).astype(dtype) for shape in SHAPES]


def grads(dtype: str = "float32") -> Iterator[Callable[[int, np.ndarray], np.ndarray | None]]:
    """For each step, a function that gives the gradient of parameter i at a place: of a bowl, shaken. None at times."""
    generator = np.random.default_rng(11)
    steep = [np.exp(generator.standard_normal(shape)) for shape in SHAPES]
    while True:
        noise = [generator.standard_normal(shape) for shape in SHAPES]
        absent = generator.integers(0, 40)  # a parameter that has no gradient in this step, if there is that one

        def grad(i: int, place: np.ndarray, noise: Any = noise, absent: int = int(absent)) -> np.ndarray | None:
            return None if i == absent else (steep[i] * place + 0.3 * noise[i]).astype(dtype)

        yield grad


def descend(library: Any, optimizer: Any, steps: int, source: Iterator[Any], after: Any = None) -> None:
    """Steps with the gradients of `source`; `after(step)` is called after each."""
    params = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(1, steps + 1):
        grad = next(source)
        for i, p in enumerate(params):
            value = grad(i, p.detach().numpy())
            p.grad = None if value is None else library.tensor(value)
        optimizer.step()
        if after is not None:
            after(step)


def trajectory(library: Any, kind: str, options: dict[str, Any]) -> list[np.ndarray]:
    """All parameters, one after the other, at the steps that are recorded."""
    optimizer = getattr(library.optim, kind)(groups(library, arrays()), **options)
    params = [p for group in optimizer.param_groups for p in group["params"]]
    seen = []

    def look(step: int) -> None:
        if step in RECORDED:
            seen.append(np.concatenate([p.detach().numpy().reshape(-1) for p in params]))

    descend(library, optimizer, STEPS, grads(), look)
    return seen


def schedule(library: Any, make: Callable[[Any, Any], Any], steps: int, kind: str = "SGD") -> np.ndarray:
    """A row a step: the rates of two groups, and their momenta (or beta1)."""
    parameters = [library.tensor([1.0], requires_grad=True) for _ in range(2)]
    options = {"momentum": 0.9} if kind in ("SGD", "RMSprop") else {}
    optimizer = getattr(library.optim, kind)(
        [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.02}], lr=0.05, **options
    )
    scheduler = make(library.optim.lr_scheduler, optimizer)
    rows = []
    for step in range(steps + 1):
        if step:
            optimizer.step()
            scheduler.step()
        momenta = [g["momentum"] if "momentum" in g else g.get("betas", (0.0,))[0] for g in optimizer.param_groups]
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        rows.append([*(g["lr"] for g in optimizer.param_groups), *momenta])
    return np.array(rows)


if __name__ == "__main__":
    import torch

    recorded = {f"optimizer/{name}": np.array(trajectory(torch, kind, o)) for name, kind, o in OPTIMIZERS}
    recorded |= {f"schedule/{name}": schedule(torch, make, steps) for name, make, steps in SCHEDULES}
    np.savez_compressed(GOLDEN, **recorded)
