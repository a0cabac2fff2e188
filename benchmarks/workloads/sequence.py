"""Sequences: an LSTM and a transformer block."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.by_hand.recurrent import LastOutput
from benchmarks.by_hand.transformer import Block
from benchmarks.workload import SEED
from benchmarks.workloads.training import Batch, adam, cross_entropy, mean_square, sgd, training


def lstm(library: Any) -> Any:
    """An LSTM of 64 units over 32 inputs, and a linear layer on its last output."""
    nn = library.nn

    class LastOutput(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.LSTM(32, 64, batch_first=True)
            self.last = nn.Linear(64, 10)

        def forward(self, x: Any) -> Any:
            return self.last(self.recurrent(x)[0][:, -1])

    return LastOutput()


def transformer(library: Any) -> Any:
    """A block of a transformer's encoder: width 64, 4 heads, 256 wide in between."""
    return library.nn.TransformerEncoderLayer(64, 4, dim_feedforward=256, dropout=0.0, batch_first=True)


def sequences() -> list[Batch]:
    """Sequences of 100 vectors, and their classes."""
    values = np.random.default_rng(SEED)
    return [(values.standard_normal((32, 100, 32), dtype=np.float32), values.integers(0, 10, 32)) for _ in range(2)]


def tokens() -> list[Batch]:
    """Texts of 64 tokens' vectors, and targets of the same shape."""
    x, y, z = np.random.default_rng(SEED).standard_normal((3, 16, 64, 64), dtype=np.float32)
    return [(x, y), (y, z)]


WORKLOADS = [
    training(
        "lstm", "LSTM 64 hidden, 100 steps, batch 32, Adam",
        lstm, cross_entropy, adam(1e-3), sequences, LastOutput, goal=1.5, steps=4,
    ),
    training(
        "transformer", "transformer block, width 64, 4 heads, 16 x 64 tokens, SGD",
        transformer, mean_square, sgd(0.01, momentum=0.9), tokens, Block, goal=1.0, steps=8,
    ),
]  # fmt: skip
