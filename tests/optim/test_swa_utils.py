"""`optim.swa_utils`: averages of weights, of several kinds, and the statistics of batch norms that fit them."""

from __future__ import annotations

import numpy as np
import pytest

import mytorch
from mytorch import nn
from mytorch.optim import SGD, swa_utils
from mytorch.optim.swa_utils import SWALR, AveragedModel, update_bn


def linear(value: float) -> nn.Linear:
    model = nn.Linear(2, 1, bias=False)
    model.weight.data.fill_(value)
    return model


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 14 / 3),
        ({"avg_fn": swa_utils.get_swa_avg_fn()}, 14 / 3),
        ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, 14 / 3),
        ({"avg_fn": swa_utils.get_ema_avg_fn(0.75)}, 0.75 * (0.75 * 1 + 0.25 * 3) + 0.25 * 10),
        ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.75)}, 0.75 * (0.75 * 1 + 0.25 * 3) + 0.25 * 10),
        ({"avg_fn": lambda averaged, current, number: averaged + number * current}, 1 + 1 * 3 + 2 * 10),
    ],
)
def test_averages(options, expected):
    model = linear(1.0)
    averaged = AveragedModel(model, **options)
    for value in (1.0, 3.0, 10.0):
        model.weight.data.fill_(value)
        averaged.update_parameters(model)
    assert averaged.module.weight.array == pytest.approx(np.full((1, 2), expected))
    assert averaged.n_averaged.item() == 3
    assert model.weight.array.tolist() == [[10.0, 10.0]]
    assert averaged(mytorch.ones(1, 2)).item() == pytest.approx(2 * expected, rel=1e-6)


def test_it_begins_with_a_copy_that_does_not_follow_the_model():
    model = linear(1.0)
    averaged = AveragedModel(model)
    model.weight.data.fill_(2.0)
    assert averaged.module.weight.array.tolist() == [[1.0, 1.0]]
    averaged.update_parameters(model)
    assert averaged.module.weight.array.tolist() == [[2.0, 2.0]]


def test_buffers_are_copied_or_averaged():
    model = nn.BatchNorm1d(1)
    copies, means = AveragedModel(model), AveragedModel(model, use_buffers=True)
    for value in (1.0, 4.0):
        model.running_mean.fill_(value)
        model.num_batches_tracked.fill_(int(2 * value))
        copies.update_parameters(model)
        means.update_parameters(model)
    assert (copies.module.running_mean.item(), copies.module.num_batches_tracked.item()) == (4.0, 8)
    assert (means.module.running_mean.item(), means.module.num_batches_tracked.item()) == (2.5, 5)


def test_state_is_saved_and_loaded():
    model = linear(1.0)
    averaged = AveragedModel(model)
    averaged.update_parameters(model)
    assert list(averaged.state_dict()) == ["n_averaged", "module.weight"]
    other = AveragedModel(linear(7.0))
    other.load_state_dict(averaged.state_dict())
    model.weight.data.fill_(3.0)
    other.update_parameters(model)
    assert other.module.weight.array.tolist() == [[2.0, 2.0]]


def test_an_optimizer_trains_the_model_and_not_the_average():
    model = linear(1.0)
    averaged = AveragedModel(model)
    optimizer = SGD(model.parameters(), lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        model(mytorch.ones(1, 2)).sum().backward()
        optimizer.step()
        averaged.update_parameters(model)
    assert model.weight.array.tolist() == [[0.0, 0.0]]
    assert averaged.module.weight.array.tolist() == [[0.25, 0.25]]


def test_update_bn():
    model = nn.Sequential(nn.Dropout(0.0), nn.BatchNorm1d(1, momentum=0.3), nn.ReLU()).eval()
    model[1].running_mean.fill_(100.0)
    weights = [p.array.copy() for p in model.parameters()]
    batches = [
        (mytorch.tensor([[1.0], [3.0]]), "a target"),
        [mytorch.tensor([[4.0], [8.0]])],
        mytorch.tensor([[9.0], [9.0]]),
    ]
    update_bn(batches, model)
    assert model[1].running_mean.item() == pytest.approx((2 + 6 + 9) / 3)
    assert model[1].running_var.item() == pytest.approx((2 + 8 + 0) / 3, rel=1e-6)
    assert model[1].momentum == 0.3
    assert not model.training
    assert all((a == p.array).all() for a, p in zip(weights, model.parameters(), strict=True))


def test_update_bn_reads_nothing_for_a_model_without_batch_norm():
    def batches():
        raise AssertionError("was read")
        yield

    update_bn(batches(), nn.Linear(1, 1))


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 4])
def test_swalr_ends_at_its_rate(strategy, epochs):
    optimizer = SGD([{"params": [mytorch.ones(1, requires_grad=True)], "lr": 1.0}], lr=0.1)
    schedule = SWALR(optimizer, swa_lr=0.25, anneal_epochs=epochs, anneal_strategy=strategy)
    rates = schedule.get_last_lr()
    for _ in range(6):
        optimizer.step()
        schedule.step()
        rates += schedule.get_last_lr()
    assert rates[0] == (0.25 if epochs == 0 else 1.0)
    assert rates[epochs:] == pytest.approx([0.25] * (7 - epochs))
    assert rates == sorted(rates, reverse=True)


def test_mistakes():
    optimizer = SGD([mytorch.ones(1, requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match=r"Invalid decay value 1\.5"):
        swa_utils.get_ema_avg_fn(1.5)
    with pytest.raises(ValueError, match=r"Invalid decay value -0\.1"):
        swa_utils.get_ema_multi_avg_fn(-0.1)
    with pytest.raises(AssertionError, match="Only one of"):
        AveragedModel(linear(1.0), avg_fn=swa_utils.get_swa_avg_fn(), multi_avg_fn=swa_utils.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="anneal_strategy must be"):
        SWALR(optimizer, 0.1, anneal_strategy="sine")
    with pytest.raises(ValueError, match="anneal_epochs must be"):
        SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="swa_lr must have the same length"):
        SWALR(optimizer, [0.1, 0.2])
