"""Records what PyTorch's CPU generator draws, for tests without it: `python tests/golden/record_random.py`.

`CASES` says for each distribution how we and how PyTorch draw n values; the tests of `mytorch.backend.random`
and the comparison with the live PyTorch share it. `random.npz` holds a row a seed for each case: for each
size the values (a sample of long draws) and the next word, which shows how many words were consumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mytorch.backend import counts, random

GOLDEN = Path(__file__).with_name("random.npz")
SEEDS = (0, 1, 42, 2**31 - 1, 123456789012)
SIZES = (1, 2, 5, 15, 16, 17, 31, 32, 33, 100, 1000)
# (uniforms, normals) drawn before a state is recorded: none, within a block, a cached normal, at its end.
STATES = ((0, 0), (3, 0), (3, 1), (624, 0), (625, 3), (1200, 16), (0, 33))

EXACT = 0.0
# Parts of max(1, value), for other logarithms and sines. PyTorch with AVX2 and without it differ by 2e-6.
FLOAT32 = 3e-6
FLOAT64 = 4e-15


class Case(NamedTuple):
    ours: Callable[[random.Generator, int], Any]
    torch: Callable[[Any, Any, int], Any]
    tolerance: float


def weights(n: int) -> np.ndarray:
    """n weights that float16 holds exactly."""
    return (np.arange(n) % 7 + 1) / 8


def mixed(g: random.Generator, n: int) -> np.ndarray:
    draws = [
        random.normal(g, 1, "float32"),
        random.uniform(g, n, "float32"),
        random.normal(g, 2, "float64"),
        random.log_normal(g, n, "float64", 0.0, 0.5),
        random.normal(g, n, "float32"),
        random.permutation(g, n),
        random.normal(g, 3, "float64"),
        random.randint(g, n, "int64", -3, 9),
        random.normal(g, 1, "float64"),
    ]
    return np.concatenate([draw.astype(np.float64) for draw in draws])


def mixed_torch(torch: Any, g: Any, n: int) -> Any:
    draws = [
        torch.randn(1, generator=g),
        torch.rand(n, generator=g),
        torch.randn(2, generator=g, dtype=torch.float64),
        torch.empty(n, dtype=torch.float64).log_normal_(0.0, 0.5, generator=g),
        torch.randn(n, generator=g),
        torch.randperm(n, generator=g),
        torch.randn(3, generator=g, dtype=torch.float64),
        torch.randint(-3, 9, (n,), generator=g),
        torch.randn(1, generator=g, dtype=torch.float64),
    ]
    return torch.cat([draw.double() for draw in draws])


def _filled(dtype: str, method: str, *arguments: Any) -> Callable[[Any, Any, int], Any]:
    """PyTorch's `empty(n, dtype).method(*arguments)`."""
    return lambda torch, g, n: getattr(torch.empty(n, dtype=getattr(torch, dtype)), method)(*arguments, generator=g)


def _multinomial(dtype: str, rows: int, replacement: bool, one: bool) -> Case:
    def table(n: int) -> np.ndarray:
        return np.stack([np.roll(weights(n), row) for row in range(rows)]).astype(dtype)

    def ours(g: random.Generator, n: int) -> np.ndarray:
        return random.multinomial(g, table(n), 1 if one else n, replacement).reshape(-1)

    def theirs(torch: Any, g: Any, n: int) -> Any:
        return torch.multinomial(torch.from_numpy(table(n)), 1 if one else n, replacement, generator=g).reshape(-1)

    return Case(ours, theirs, EXACT)


def _cases() -> dict[str, Case]:
    cases = {
        "permutation": Case(random.permutation, lambda torch, g, n: torch.randperm(n, generator=g), EXACT),
        "mixed": Case(mixed, mixed_torch, FLOAT32),
        "normal of arrays": Case(
            lambda g, n: random.normal(g, n, "float32", weights(n), weights(n)),
            lambda torch, g, n: torch.normal(*[torch.from_numpy(weights(n)).float()] * 2, generator=g),
            FLOAT32,
        ),
        "normal with gaps": Case(
            lambda g, n: random.normal(g, n, "float64", 0.3, 0.7, contiguous=False),
            lambda torch, g, n: torch.empty(2 * n, dtype=torch.float64)[::2].normal_(0.3, 0.7, generator=g),
            FLOAT64,
        ),
        "poisson": Case(
            lambda g, n: counts.poisson(g, weights(n) * 40),
            lambda torch, g, n: torch.poisson(torch.from_numpy(weights(n) * 40), generator=g),
            EXACT,
        ),
        "binomial": Case(
            lambda g, n: counts.binomial(g, weights(n) * 80, weights(n)),
            lambda torch, g, n: torch.binomial(*[torch.from_numpy(weights(n) * k) for k in (80, 1)], generator=g),
            EXACT,
        ),
        "random_from": Case(
            lambda g, n: random.random_from(g, n, "int16", -9),
            lambda torch, g, n: torch.empty(n, dtype=torch.int16).random_(-9, None, generator=g),
            EXACT,
        ),
        "multinomial one": _multinomial("float32", 1, False, True),
        "multinomial one replaced": _multinomial("float64", 3, True, True),
        "multinomial all": _multinomial("float64", 1, False, False),
        "multinomial replaced float32": _multinomial("float32", 3, True, False),
        "multinomial replaced float64": _multinomial("float64", 1, True, False),
    }
    for dtype, tolerance in (("float16", 2e-3), ("float32", FLOAT32), ("float64", FLOAT64)):
        rounded = EXACT if dtype == "float32" else tolerance  # computed in float64: equal once rounded to float32
        cases |= {
            f"uniform {dtype}": Case(lambda g, n, d=dtype: random.uniform(g, n, d), _filled(dtype, "uniform_"), EXACT),
            f"uniform of range {dtype}": Case(
                lambda g, n, d=dtype: random.uniform(g, n, d, -0.277, 0.777),
                _filled(dtype, "uniform_", -0.277, 0.777),
                EXACT,
            ),
            f"normal {dtype}": Case(lambda g, n, d=dtype: random.normal(g, n, d), _filled(dtype, "normal_"), tolerance),
            f"normal of mean {dtype}": Case(
                lambda g, n, d=dtype: random.normal(g, n, d, 0.277, 0.777),
                _filled(dtype, "normal_", 0.277, 0.777),
                tolerance,
            ),
            f"bernoulli {dtype}": Case(
                lambda g, n, d=dtype: random.bernoulli(g, n, d, 0.3), _filled(dtype, "bernoulli_", 0.3), EXACT
            ),
            f"bernoulli of array {dtype}": Case(
                lambda g, n, d=dtype: random.bernoulli(g, n, d, weights(n).astype(d)),
                lambda torch, g, n, d=dtype: torch.bernoulli(torch.from_numpy(weights(n).astype(d)), generator=g),
                EXACT,
            ),
            f"exponential {dtype}": Case(
                lambda g, n, d=dtype: random.exponential(g, n, d, 2.5),
                _filled(dtype, "exponential_", 2.5),
                rounded,
            ),
            f"log_normal {dtype}": Case(
                lambda g, n, d=dtype: random.log_normal(g, n, d, 0.3, 0.7),
                _filled(dtype, "log_normal_", 0.3, 0.7),
                rounded,
            ),
            f"cauchy {dtype}": Case(
                lambda g, n, d=dtype: random.cauchy(g, n, d, 0.3, 0.7),
                _filled(dtype, "cauchy_", 0.3, 0.7),
                rounded,
            ),
            f"random_full {dtype}": Case(
                lambda g, n, d=dtype: random.random_full(g, n, d), _filled(dtype, "random_"), EXACT
            ),
        }
    for dtype in ("bool", "uint8", "int8", "int16", "int32", "int64"):
        cases[f"random_full {dtype}"] = Case(
            lambda g, n, d=dtype: random.random_full(g, n, d), _filled(dtype, "random_"), EXACT
        )
    for low, high, dtype in (
        (0, 10, "int64"),
        (-5, 100, "float32"),
        (-3, 2**28 - 4, "int32"),
        (-3, 2**28 - 3, "int32"),
        (-(2**63), 2**63 - 1, "int64"),
        (-(2**63), 5 - 2**63, "int64"),
    ):
        cases[f"randint {low} {high} {dtype}"] = Case(
            lambda g, n, d=dtype, low=low, high=high: random.randint(g, n, d, low, high),
            lambda torch, g, n, d=dtype, low=low, high=high: torch.randint(
                low, high, (n,), generator=g, dtype=getattr(torch, d)
            ),
            EXACT,
        )
    for dtype in ("int32", "float64"):
        cases[f"geometric {dtype}"] = Case(
            lambda g, n, d=dtype: random.geometric(g, n, d, 0.3), _filled(dtype, "geometric_", 0.3), EXACT
        )
    return cases


CASES = _cases()


def sample(values: np.ndarray) -> np.ndarray:
    """All of a short draw, every 1/20 of a long one."""
    values = values if values.dtype == np.int64 else values.astype(np.float64)
    return values if len(values) <= 99 else values[:: len(values) // 20]


def digest(state: np.ndarray) -> str:
    """A hash of a generator's state without the cached normal, whose last bits depend on the C library."""
    return hashlib.sha256(state[:5024].tobytes() + state[5032:].tobytes()).hexdigest()


def record(path: Path = GOLDEN) -> None:
    """Draw everything with the live PyTorch and write `random.npz`."""
    import torch

    drawn: dict[str, list[list[np.ndarray]]] = {}
    states: list[list[str]] = []
    for seed in SEEDS:
        generator = torch.Generator()
        for name, case in CASES.items():
            row = []
            for size in SIZES:
                generator.manual_seed(seed)
                row.append(sample(case.torch(torch, generator, size).numpy()))
                row.append(torch.randint(2**28 - 1, (1,), generator=generator).numpy().astype(row[-1].dtype))
            drawn.setdefault(name, []).append(row)
        states.append([])
        for words, normals in STATES:
            generator.manual_seed(seed)
            torch.rand(words, generator=generator)
            torch.randn(normals, generator=generator, dtype=torch.float64)
            states[-1].append(digest(generator.get_state().numpy()))
    arrays = {name: _compact(np.stack([np.concatenate(row) for row in rows])) for name, rows in drawn.items()}
    np.savez_compressed(path, states=np.array(states), **arrays)
    print(f"{path}: {len(arrays)} cases, {path.stat().st_size} bytes, from PyTorch {torch.__version__}")


def _compact(values: np.ndarray) -> np.ndarray:
    """The same values in the smallest type that holds them."""
    for dtype in (np.int32, np.int64, np.float32):
        with np.errstate(invalid="ignore", over="ignore"):
            if np.array_equal(values.astype(dtype), values):
                return values.astype(dtype)
    return values


if __name__ == "__main__":
    record()
