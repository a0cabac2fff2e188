"""What a range test suggests for losses whose answer is known, and when it suggests nothing."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest

from mytorch.training.inspection.lr_range import (
    Average,
    NoSuggestionError,
    RangeTest,
    Suggestion,
    geometric_rates,
    has_diverged,
    suggest_rate,
)

RATES = geometric_rates(1e-7, 10, 100)


def of_losses(losses, ended=None) -> RangeTest:
    """What a range test with these losses gives."""
    average = Average()
    losses = [float(loss) for loss in losses]
    return RangeTest(RATES[: len(losses)], losses, [average.add(loss) for loss in losses], ended)


def falling(at: float, noise: float = 0.0) -> np.ndarray:
    """Losses that fall from 2 to 1 around a rate, and rise tenfold at a thousand times that."""
    rates = np.array(RATES)
    clean = 1 + 1 / (1 + (rates / at) ** 1.5) + 10 / (1 + (1000 * at / rates) ** 4)
    return clean + noise * np.random.default_rng(0).standard_normal(len(rates))


@pytest.mark.parametrize("at", [1e-5, 1e-3])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_steepest_descent(at, noise) -> None:
    found = suggest_rate(of_losses(falling(at, noise)))
    assert at / 2 < found.rate < 4 * at  # the average lags a little behind
    assert 10 * at < found.lowest < 1000 * at


@pytest.mark.parametrize("shift", [-1.5, -10.0])
def test_losses_may_be_negative(shift) -> None:
    expected = suggest_rate(of_losses(falling(1e-3)))
    assert suggest_rate(of_losses(falling(1e-3) + shift)) == expected


def test_noise_alone_suggests_nothing() -> None:
    suggested = 0
    for seed in range(40):
        noise = 1 + 0.1 * np.random.default_rng(seed).standard_normal(100)
        with contextlib.suppress(NoSuggestionError):
            suggest_rate(of_losses(noise))
            suggested += 1
    assert suggested <= 3


def test_a_loss_that_only_rises() -> None:
    with pytest.raises(NoSuggestionError, match="--from begins with a smaller rate"):
        suggest_rate(of_losses(np.geomspace(1, 100, 60), "diverged"))


@pytest.mark.parametrize("ended", ["diverged", "not finite"])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_steps(count, ended) -> None:
    with pytest.raises(NoSuggestionError, match="every rate of the test is too large"):
        suggest_rate(of_losses(np.ones(count), ended))


def test_a_tenth_is_rounded() -> None:
    assert Suggestion(0.1, 0.31).tenth == 0.031


def test_divergence() -> None:
    assert has_diverged([2.0, 1.0, 4.1])
    assert not has_diverged([2.0, 1.0, 3.9])
    assert not has_diverged([1.0, 1e-9, 1e-7])  # four times nothing is nothing
    assert has_diverged([-1.0, -2.0, 5.0])
    assert not has_diverged([-1.0, -2.0, 0.0])
