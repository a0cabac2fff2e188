"""Scales and their ticks: round numbers, as many digits as they need."""

from __future__ import annotations

import numpy as np

from mytorch.training.picture import Scale, loss_scale, span


def test_ticks_and_their_labels() -> None:
    assert span(np.array([0.0, 50.0]), 0.0).ticks() == [0, 10, 20, 30, 40, 50]
    assert Scale(0, 1).labels([0.0, 0.1, 0.2, 0.1 * 3]) == ["0", "0.1", "0.2", "0.3"]
    assert Scale(0, 1).labels([0.0, 250_000.0, 1_250_000.0]) == ["0", "0.25M", "1.25M"]
    assert Scale(0, 1).labels([-20_000.0, 0.0]) == ["\N{MINUS SIGN}20k", "0"]
    close = Scale(0, 1).labels([1e7 + 1, 1e7 + 2, 1e7 + 3])
    assert len(set(close)) == 3
    log = loss_scale([np.array([1e-3, 1.0])])
    assert log.log
    assert log.labels(log.ticks()) == ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1"]
    assert not loss_scale([np.array([0.1, 1.0])]).log
