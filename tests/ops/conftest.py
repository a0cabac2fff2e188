"""Sample inputs for every entry of the table of primitives, collected from tests/ops/samples/*.py.

To add an entry `name`, put it into the dictionary that `samples(draw)` returns in any file there:

    "name": [draw(draw.normal(2, 3), draw.normal(3), axis=0), ...]

A sample is what `apply` gets: inputs (arrays from `draw`, numbers or None) and options. Float arrays are checked for
their gradients; integer and boolean arrays are handed on as they are. Keep sizes small (at most about 12 elements) and
values away from kinks and poles. `draw.unary()` and `draw.binary()` are ready-made lists for elementwise entries.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import mytorch
from mytorch.autograd.primitive import TABLE

SAMPLES = Path(__file__).with_name("samples")


class Sample(NamedTuple):
    inputs: tuple[Any, ...]
    options: dict[str, Any]


class Draw:
    """Makes samples: call it with the inputs and options of one application."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, *inputs: Any, **options: Any) -> Sample:
        return Sample(inputs, options)

    def normal(self, *shape: int) -> np.ndarray:
        """Normal numbers, all different and none nearer to 0 than 0.05."""
        x = self.random.standard_normal(shape)
        return np.asarray(x + np.copysign(0.05, x))

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        return np.asarray(self.random.uniform(low, high, shape))

    def index(self, *values: Any) -> np.ndarray:
        return np.array(values, dtype=np.int64)

    def unary(self, low: float = -2.0, high: float = 2.0) -> list[Sample]:
        """0-d, empty, vector and matrix, uniform between the limits (and not near 0, where many have a kink)."""
        return [self(self._apart(self.uniform(low, high, *shape))) for shape in ((), (0,), (3,), (2, 0), (2, 3))]

    def binary(self, low: float = -2.0, high: float = 2.0) -> list[Sample]:
        """Equal shapes, all ways of broadcasting, 0-d, empty, and a number on the right."""
        pairs = [((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2,)), ((2,), ()), ((), ())]
        pairs += [((0,), (0,)), ((2, 0), (1,)), ((1,), (2, 0))]
        made = [
            self(self._apart(self.uniform(low, high, *a)), self._apart(self.uniform(low, high, *b))) for a, b in pairs
        ]
        return [*made, self(self._apart(self.uniform(low, high, 2, 2)), (low + high) / 2 + 0.3)]

    @staticmethod
    def _apart(x: np.ndarray) -> np.ndarray:
        return np.asarray(x + np.where(np.abs(x) < 0.1, 0.2, 0.0))


def collect() -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for path in sorted(SAMPLES.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"samples_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, samples in module.samples(Draw()).items():
            assert name not in found, f"{path.name}: {name!r} has samples in another file already"
            found[name] = samples
    return found


@pytest.fixture(scope="session")
def table_samples():
    return collect()


def pytest_generate_tests(metafunc):
    """`entry` runs over all entries with a derivative; `entry_sample` over all their samples."""
    if not {"entry", "entry_sample"} & set(metafunc.fixturenames):
        return
    for module in pkgutil.walk_packages(mytorch.__path__, "mytorch."):
        if module.name.startswith(("mytorch.ops.", "mytorch.nn.", "mytorch.optim.")):
            importlib.import_module(module.name)
    entries = {name: p for name, p in TABLE.items() if p.joint is not None or any(p.vjps)}
    samples = collect()
    if "entry" in metafunc.fixturenames:
        metafunc.parametrize("entry", entries.values(), ids=entries)
        return
    cases = [(entries[name], sample) for name in entries for sample in samples.get(name, ())]
    ids = [f"{p.name}-{i}" for p in entries.values() for i, _ in enumerate(samples.get(p.name, ()))]
    metafunc.parametrize("entry_sample", cases, ids=ids)
