"""Records data.json: in which order PyTorch's loader, samplers and random_split give the indices.

Run it with PyTorch installed: ``python tests/golden/record_data.py``. The same functions run on mytorch in
tests/data/test_loader.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SEEDS = (0, 1, 2**40 + 5)
LENGTHS = (1, 10, 47)


def loader_epochs(torch: Any, data: Any, seed: int, length: int, own_generator: bool) -> list[list[list[int]]]:
    """Three passes in batches of 4; the seed is for a generator of its own or for the default stream."""
    generator = torch.Generator().manual_seed(seed) if own_generator else None
    torch.manual_seed(seed)
    loader = data.DataLoader(data.TensorDataset(torch.arange(length)), 4, shuffle=True, generator=generator)
    return [[batch[0].tolist() for batch in loader] for _ in range(3)]


def samplers(torch: Any, data: Any, seed: int, length: int) -> list[list[int]]:
    """One pass of each sampler and a random split, one after another on the default stream."""
    torch.manual_seed(seed)
    weights = [1.0 / (1 + i) for i in range(length)]
    return [
        list(data.RandomSampler(range(length), num_samples=2 * length + 1)),
        list(data.RandomSampler(range(length), replacement=True, num_samples=40)),
        list(data.SubsetRandomSampler(range(100, 100 + length))),
        list(data.WeightedRandomSampler(weights, 20)),
        list(data.WeightedRandomSampler(weights, length, replacement=False)),
        [index for part in data.random_split(range(length), [0.5, 0.5]) for index in [*part.indices, -1]],
    ]


def record(torch: Any, data: Any) -> dict[str, Any]:
    """All of it, under keys that say what it is."""
    result: dict[str, Any] = {}
    for seed in SEEDS:
        for length in LENGTHS:
            for own in (False, True):
                result[f"loader seed={seed} length={length} own={own}"] = loader_epochs(torch, data, seed, length, own)
            result[f"samplers seed={seed} length={length}"] = samplers(torch, data, seed, length)
    return result


if __name__ == "__main__":
    import torch

    recorded = {"torch": torch.__version__, "orders": record(torch, torch.utils.data)}
    Path(__file__).with_name("data.json").write_text(json.dumps(recorded) + "\n")
