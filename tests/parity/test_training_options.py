"""Options of `train` against a training of the same settings that is written with the live PyTorch: the same losses."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import swa_utils

from mytorch.training.building.experiment import build
from mytorch.training.config.config import load_config
from mytorch.training.loop.loop import Training
from mytorch.training.loop.progress import Progress
from mytorch.training.runs.files import read_metrics
from mytorch.training.runs.run import Run

CONFIG = """\
name: options
seed: 3
dataset: {type: csv, path: data.csv, target: y, validation: {every: 4}, normalize: {inputs: standard, target: standard}, batch_size: 16, shuffle: false}
model: [{type: Linear, out_features: 12}, Tanh, {type: Linear, out_features: 1}]
loss: MSELoss
optimizer: {type: SGD, lr: 0.05, momentum: 0.9}
train: {epochs: 6}
"""
ROWS = 120  # 90 of them are trained on: six batches, the last of 10 rows
NORMED = "model.1=BatchNorm1d"


@pytest.fixture
def train(tmp_path) -> Callable[..., Any]:
    """Train the config with changes; gives the rows of metrics.csv and what a PyTorch training needs to start alike."""
    table = np.random.default_rng(0).standard_normal((ROWS, 5))
    table[:, 4] = np.sin(table[:, 0]) + table[:, 1] * table[:, 2] + 0.1 * table[:, 4]
    lines = ["a,b,c,d,y", *(",".join(map(str, row)) for row in table.round(4).tolist())]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "options.yaml").write_text(CONFIG)

    def run(*overrides: str) -> Any:
        experiment = build(load_config(tmp_path / "options.yaml", overrides))
        data, size = experiment.data, experiment.batch_size
        start = {name: torch.tensor(t.numpy().copy()) for name, t in experiment.model.state_dict().items()}
        middle = torch.nn.BatchNorm1d(12) if NORMED in overrides else torch.nn.Tanh()
        model = torch.nn.Sequential(torch.nn.Linear(4, 12), middle, torch.nn.Linear(12, 1))
        model.load_state_dict(start)
        tensors = {
            name: (torch.tensor(split.inputs), torch.tensor(split.targets)) for name, split in data.splits.items()
        }
        inputs, targets = tensors["train"]
        batches = list(zip(inputs.split(size), targets.split(size), strict=True))
        with Run.throwaway("options") as directory:
            summary = Training(experiment, directory).run(Progress(1, "quiet"))
            rows = read_metrics(directory.metrics)
        return SimpleNamespace(
            rows=rows, summary=summary, model=model, batches=batches, validation=tensors["validation"], epochs=len(rows)
        )

    return run


def torch_loss(model: Any, batch: Any) -> Any:
    return torch.nn.functional.mse_loss(model(batch[0]), batch[1])


def column(ours: Any, name: str) -> list[float]:
    return [row[name] for row in ours.rows]


def validation_loss(model: Any, ours: Any) -> float:
    model.eval()
    with torch.no_grad():
        loss = torch_loss(model, ours.validation).item()
    model.train()
    return loss


def torch_training(
    ours: Any,
    step: Callable[[Any], float],
    *,
    after_step: Callable[[], None] = lambda: None,
    after_epoch: Callable[[float], None] = lambda loss: None,
    optimizer: Any,
    scored: Callable[[], Any] | None = None,
) -> None:
    """Train as ours was trained, and compare the losses and the rates of all epochs."""
    rates, losses, validation_losses = [], [], []
    for _ in range(ours.epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        total = 0.0
        for batch in ours.batches:
            total += step(batch) * len(batch[0])
            after_step()
        losses.append(total / sum(len(inputs) for inputs, _ in ours.batches))
        model = ours.model if scored is None else scored()
        validation_losses.append(validation_loss(model, ours))
        after_epoch(validation_losses[-1])
    np.testing.assert_allclose(column(ours, "train_loss"), losses, rtol=1e-4)
    np.testing.assert_allclose(column(ours, "validation_loss"), validation_losses, rtol=1e-4)
    np.testing.assert_allclose(column(ours, "learning_rate"), rates, rtol=1e-6)


def stepper(ours: Any, optimizer: Any, clip: Callable[[Any], Any] = lambda parameters: None) -> Callable[[Any], float]:
    def step(batch: Any) -> float:
        optimizer.zero_grad()
        loss = torch_loss(ours.model, batch)
        loss.backward()
        clip(ours.model.parameters())
        optimizer.step()
        return loss.item()

    return step


def sgd(ours: Any) -> Any:
    return torch.optim.SGD(ours.model.parameters(), lr=0.05, momentum=0.9)


def test_clip_by_value_then_by_norm(train):
    ours = train("train.clip_grad_value=0.05", "train.clip_grad_norm=0.1")
    optimizer = sgd(ours)

    def clip(parameters: Any) -> None:
        parameters = list(parameters)
        torch.nn.utils.clip_grad_value_(parameters, 0.05)
        torch.nn.utils.clip_grad_norm_(parameters, 0.1)

    torch_training(ours, stepper(ours, optimizer, clip), optimizer=optimizer)


def test_reduce_on_plateau(train):
    plateau = {"factor": 0.5, "patience": 1, "threshold": 0.2}
    ours = train(f"scheduler={{type: ReduceLROnPlateau, {', '.join(f'{k}: {v}' for k, v in plateau.items())}}}")
    optimizer = sgd(ours)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **plateau)
    torch_training(ours, stepper(ours, optimizer), after_epoch=scheduler.step, optimizer=optimizer)
    assert column(ours, "learning_rate")[-1] < 0.05


@pytest.mark.parametrize(
    ("overrides", "warmup"), [(["train.warmup_steps=9"], 9), (["train.warmup_epochs=2"], 12)], ids=["steps", "epochs"]
)
def test_warm_up_is_linear_lr(train, overrides, warmup):
    ours = train(*overrides)
    optimizer = sgd(ours)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    torch_training(ours, stepper(ours, optimizer), after_step=scheduler.step, optimizer=optimizer)
    assert column(ours, "learning_rate")[0] == pytest.approx(0.05 / (warmup + 1))


def test_warm_up_in_front_of_a_schedule_by_epochs(train):
    ours = train("train.warmup_steps=9", "scheduler={type: ExponentialLR, gamma: 0.8}")
    optimizer = sgd(ours)
    schedulers = torch.optim.lr_scheduler
    warm_up = schedulers.LinearLR(optimizer, start_factor=1 / 10, total_iters=9)
    fall = schedulers.ExponentialLR(optimizer, gamma=0.8)
    torch_training(
        ours, stepper(ours, optimizer), after_step=warm_up.step, after_epoch=lambda _: fall.step(), optimizer=optimizer
    )


@pytest.mark.parametrize(("line_search", "clip"), [(None, 1e6), ("strong_wolfe", 1.0)])
def test_lbfgs(train, line_search, clip):
    """Four epochs: it makes differences of rounding grow quickly, those between PyTorch's float32 and float64 too."""
    options = {"lr": 0.5, "max_iter": 4, "history_size": 5}
    written = "".join(f", {key}: {value}" for key, value in options.items())
    written += f", line_search_fn: {line_search}" if line_search else ""
    ours = train(
        f"optimizer={{type: LBFGS{written}}}",
        f"train.clip_grad_norm={clip}",
        "dataset.batch_size=full",
        "train.epochs=4",
    )
    optimizer = torch.optim.LBFGS(ours.model.parameters(), line_search_fn=line_search, **options)

    def step(batch: Any) -> float:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = torch_loss(ours.model, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(ours.model.parameters(), clip)
            return loss

        return optimizer.step(closure).item()

    torch_training(ours, step, optimizer=optimizer)


def test_accumulation(train):
    """Groups of four batches of an epoch of six: the second has two, of 16 and 10 rows."""
    ours = train("train.accumulate=4")
    optimizer = sgd(ours)
    seen: list[Any] = []

    def step(batch: Any) -> float:
        number, first = len(seen) % 6, len(seen) // 6 * 6 + len(seen) % 6 // 4 * 4
        seen.append(batch)
        group = ours.batches[first % 6 : first % 6 + 4]
        if number % 4 == 0:
            optimizer.zero_grad()
        loss = torch_loss(ours.model, batch)
        (loss * len(batch[0]) / sum(len(inputs) for inputs, _ in group)).backward()
        if number in (3, 5):
            optimizer.step()
        return loss.item()

    torch_training(ours, step, optimizer=optimizer)
    assert ours.summary["steps"] == 2 * ours.epochs


def test_exponential_moving_average(train):
    ours = train("train.ema={decay: 0.9}")
    optimizer = sgd(ours)
    averaged = swa_utils.AveragedModel(ours.model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9))
    torch_training(
        ours, stepper(ours, optimizer), after_step=lambda: averaged.update_parameters(ours.model),
        optimizer=optimizer, scored=lambda: averaged,
    )  # fmt: skip


def test_stochastic_weight_averaging_with_batch_norm(train):
    ours = train(NORMED, "train.swa={start_epoch: 3, lr: 0.02}")
    optimizer = sgd(ours)
    averaged = swa_utils.AveragedModel(ours.model)
    epoch = 1

    def after_epoch(_: float) -> None:
        nonlocal epoch
        epoch += 1
        if epoch >= 3:
            optimizer.param_groups[0]["lr"] = 0.02

    def scored() -> Any:
        if epoch < 3:
            return ours.model
        averaged.update_parameters(ours.model)
        swa_utils.update_bn(ours.batches, averaged)
        return averaged

    torch_training(ours, stepper(ours, optimizer), after_epoch=after_epoch, optimizer=optimizer, scored=scored)
