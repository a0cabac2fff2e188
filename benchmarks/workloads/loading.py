"""Data loading: one epoch of `DataLoader` over a `TensorDataset`, shuffled."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import mytorch
from benchmarks.workload import SEED, Side, Steps, Workload

ROWS, BATCH = 60_000, 64


@cache
def table(columns: int) -> tuple[Any, Any]:
    """The inputs and the classes, made once."""
    values = np.random.default_rng(SEED)
    return values.random((ROWS, columns), dtype=np.float32), values.integers(0, 10, ROWS)


def _workload(name: str, columns: int) -> Workload:
    def build(library: Any) -> Side:
        data = library.utils.data
        x, y = (library.from_numpy(array) for array in table(columns))
        loader = data.DataLoader(data.TensorDataset(x, y), batch_size=BATCH, shuffle=True)
        library.manual_seed(SEED)
        last: dict[str, Any] = {}

        def epoch() -> None:
            for inputs, classes in loader:
                last["x"], last["y"] = inputs, classes

        # The last batch of an epoch comes out right only if the whole permutation does.
        return Steps(epoch, lambda: {name: tensor.numpy() for name, tensor in last.items()}, 1, 1)

    def by_hand() -> Side:
        x, y = table(columns)
        mytorch.manual_seed(SEED)
        last: dict[str, Any] = {}

        def draw() -> int:
            return int(mytorch.empty((), dtype=mytorch.int64).random_().item())

        def epoch() -> None:
            draw()  # as `DataLoader` does, for workers that may draw too
            order = mytorch.randperm(ROWS, generator=mytorch.Generator().manual_seed(draw())).numpy()
            for start in range(0, ROWS, BATCH):
                some = order[start : start + BATCH]
                last["x"], last["y"] = x[some], y[some]

        return Steps(epoch, lambda: last, 1, 1)

    return Workload(
        name, f"one epoch of DataLoader, {ROWS:,} x {columns}, batch {BATCH}, shuffled", build, by_hand,
        goals={"time": 3.0}, unit="epoch",
    )  # fmt: skip


WORKLOADS = [_workload("loading", 784), _workload("loading-narrow", 13)]
