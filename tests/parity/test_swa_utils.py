"""Averages of weights against the live PyTorch: a training with SWA, SWALR and batch norm, and every averaging function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import mytorch

AVERAGES = {
    "default": lambda utils: {},
    "swa": lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
    "swa multi": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    "ema": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.9)},
    "ema multi": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.3)},
    "own": lambda utils: {"avg_fn": lambda averaged, current, number: 0.5 * (averaged + current) / (number + 1)},
    "buffers": lambda utils: {"use_buffers": True},
    "ema of buffers": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9), "use_buffers": True},
}


def train(library: Any, average: Any, anneal: str) -> tuple[dict[str, np.ndarray], list[float]]:
    library.manual_seed(0)
    nn, utils = library.nn, library.optim.swa_utils
    model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 1))
    optimizer = library.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    averaged = utils.AveragedModel(model, **average(utils))
    schedule = utils.SWALR(optimizer, swa_lr=0.05, anneal_epochs=4, anneal_strategy=anneal)
    rows = np.random.default_rng(1).standard_normal((24, 4)).astype(np.float32)
    batches = [(library.tensor(part[:, :3]), library.tensor(part[:, 3:])) for part in np.split(rows, 3)]
    rates = []
    for _ in range(6):
        for inputs, targets in batches:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
        averaged.update_parameters(model)
        schedule.step()
        rates += schedule.get_last_lr()
    state = {name: tensor.numpy().copy() for name, tensor in averaged.state_dict().items()}
    utils.update_bn(batches, averaged)
    state |= {f"updated {name}": tensor.numpy() for name, tensor in averaged.state_dict().items()}
    return state, rates


@pytest.mark.parametrize("anneal", ["cos", "linear"])
@pytest.mark.parametrize("average", AVERAGES)
def test_training_with_averages(average, anneal):
    (ours, our_rates), (theirs, rates) = (train(library, AVERAGES[average], anneal) for library in (mytorch, torch))
    assert list(ours) == list(theirs)
    for name, array in theirs.items():
        assert ours[name].dtype == array.dtype
        np.testing.assert_allclose(ours[name], array, rtol=1e-4, atol=1e-6, err_msg=name)
    assert our_rates == pytest.approx(rates, rel=1e-12)


def test_public_names_and_signatures():
    import inspect

    ours, theirs = mytorch.optim.swa_utils, torch.optim.swa_utils
    assert sorted(ours.__all__) == sorted(theirs.__all__)
    for name in theirs.__all__:
        mine, other = (inspect.signature(getattr(utils, name)) for utils in (ours, theirs))
        assert [(p.name, p.default) for p in mine.parameters.values()] == [
            (p.name, p.default) for p in other.parameters.values()
        ]


def test_a_state_moves_across():
    averaged = torch.optim.swa_utils.AveragedModel(torch.nn.Linear(2, 1))
    averaged.update_parameters(torch.nn.Linear(2, 1))
    ours = mytorch.optim.swa_utils.AveragedModel(mytorch.nn.Linear(2, 1))
    ours.load_state_dict({name: mytorch.tensor(tensor.numpy()) for name, tensor in averaged.state_dict().items()})
    np.testing.assert_array_equal(ours.module.weight.array, averaged.module.weight.detach().numpy())
    assert ours.n_averaged.item() == 1
