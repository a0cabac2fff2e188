"""Records what PyTorch prints for the programs in tests/seeds/programs: `python tests/golden/record_seeds.py`.

The programs are written once and handed the library as an argument. Those in the first MyTorch's names get
`first_names(torch)`, which gives PyTorch those names; tests/parity runs the same, live.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HERE = Path(__file__).parent
FIGURES = HERE / "seeds.json"
SEED = 2
ROUNDS = 3
STEPS = (0, 9, 99, 199)  # whose losses of the two-layer net are kept
BOSTON_STEPS = (50, 1000)


def program(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE.parent / "seeds" / "programs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def first_names(torch: Any) -> SimpleNamespace:
    """PyTorch under the first MyTorch's names, for lists of numbers and 0-d tensors and for arrays beside tensors."""

    class Module(torch.nn.Module):
        def __new__(cls, *args: Any) -> Any:
            self = object.__new__(cls)
            torch.nn.Module.__init__(self)
            return self

    class Linear(torch.nn.Linear):
        def forward(self, x: Any) -> Any:
            if isinstance(x, list):
                x = torch.stack([torch.as_tensor(value, dtype=torch.float32) for value in x])
            return super().forward(x)

    class Adam(torch.optim.Adam):
        def update(self) -> None:
            self.step()

    return SimpleNamespace(
        Param=lambda data: torch.nn.Parameter(torch.tensor(data, dtype=torch.float32)),
        layers=SimpleNamespace(Module=Module, Linear=Linear, ReLU=torch.nn.ReLU),
        optimizers=SimpleNamespace(Adam=Adam),
    )


def identity(torch: Any, seed: int, rounds: int) -> list[float]:
    identity, my = program("identity"), first_names(torch)
    torch.manual_seed(seed)
    return identity.train(my, identity.build(my), rounds)


def boston(torch: Any, seed: int, steps: int) -> list[float]:
    """The last loss and the mean absolute errors, in PyTorch's own terms: it refuses arrays beside such tensors."""
    train_x, train_y, test_x, test_y = program("boston").arrays()
    low_x, high_x, low_y, high_y = train_x.min(0), train_x.max(0), train_y.min(0), train_y.max(0)
    x = torch.tensor((train_x - low_x) / (high_x - low_x), dtype=torch.float32)
    y = torch.tensor((train_y - low_y) / (high_y - low_y), dtype=torch.float32)
    test = torch.tensor((test_x - low_x) / (high_x - low_x), dtype=torch.float32)
    nn = torch.nn
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        errors = [
            abs(model(rows).numpy() * (high_y - low_y) + low_y - true).mean()
            for rows, true in ((x, train_y), (test, test_y))
        ]
    return [loss.item(), *map(float, errors)]


def losses(torch: Any, function: Any, seed: int, *args: Any) -> list[float]:
    """A program's losses in either library, from the same seed."""
    torch.manual_seed(seed)
    return function(torch, *args)


def at(steps: tuple[int, ...], torch: Any, way: Any) -> dict[str, float]:
    """The two-layer net's losses at some steps."""
    seen = losses(torch, way, SEED, max(steps) + 1)
    return {str(step): seen[step] for step in steps}


def record() -> None:
    import torch

    figures = {
        "identity": identity(torch, SEED, ROUNDS),
        "boston": {str(steps): boston(torch, SEED, steps) for steps in BOSTON_STEPS},
        "two_layer_net": {name: at(STEPS, torch, way) for name, way in program("two_layer_net").WAYS.items()},
        "modules": {name: losses(torch, f, SEED) for name, f in program("modules").TRAININGS.items()},
    }
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    record()
