"""The random streams against the live PyTorch: the recorded cases at more sizes, and generator states."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from mytorch.backend import random

_PATH = Path(__file__).parents[1] / "golden" / "record_random.py"
_SPEC = importlib.util.spec_from_file_location("record_random", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

# Around the block of 16, the twister's block of 624, and the sizes at which our own code changes its ways.
SIZES = (
    *recorded.SIZES,
    3,
    14,
    18,
    47,
    48,
    311,
    312,
    313,
    623,
    624,
    625,
    2048,
    4095,
    4097,
    8191,
    8192,
    8193,
    20011,
)
SEEDS = (*recorded.SEEDS, -1, 2**32, 2**64 - 2)


@pytest.fixture
def pair():
    return random.Generator(), torch.Generator()


def same_state(ours, theirs):
    return np.array_equal(ours.get_state(), theirs.get_state().numpy())


@pytest.mark.parametrize("name", recorded.CASES)
@pytest.mark.parametrize("seed", SEEDS)
def test_draws(pair, name, seed):
    ours, theirs = pair
    case = recorded.CASES[name]
    for size in SIZES:
        if "multinomial" in name and size > 1000:
            continue
        ours.manual_seed(seed)
        theirs.manual_seed(seed)
        a, b = case.ours(ours, size), case.torch(torch, theirs, size).numpy()
        assert a.shape == b.shape
        a, b = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(invalid="ignore"):
            wrong = ~((a == b) | (np.abs(a - b) <= case.tolerance * np.maximum(1.0, np.abs(b))))
        assert not wrong.any(), f"{size} values: {a[wrong][:3]} where PyTorch has {b[wrong][:3]}"
        assert same_words(ours, theirs)


def same_words(ours, theirs):
    """Do both go on with the same words and agree about the presence of a cached normal?"""
    a, b = ours.get_state(), theirs.get_state().numpy()
    cache = slice(5024, 5032)  # the cached normal itself may differ in the last bits
    a[cache] = b[cache]
    return np.array_equal(a, b)


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("p", [0.1, 0.5, 1 / 3, 0.123456789])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dropout_and_bernoulli_do_not_depend_on_threads(pair, dtype, p, threads):
    ours, _ = pair
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(5)
        x = torch.ones(300, 700, dtype=getattr(torch, dtype))
        dropped = torch.nn.functional.dropout(x, p).numpy()
        drawn = torch.empty(300, 700, dtype=getattr(torch, dtype)).bernoulli_(p).numpy()
    finally:
        torch.set_num_threads(before)
    ours.manual_seed(5)
    assert np.array_equal(random.dropout_mask(ours, (300, 700), dtype, p), dropped)
    assert np.array_equal(random.bernoulli(ours, (300, 700), dtype, p), drawn)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_draws_nothing_at_its_ends(pair, p):
    torch.manual_seed(5)
    torch.nn.functional.dropout(torch.ones(8), p)
    assert same_state(pair[0].manual_seed(5), torch.random.default_generator)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("words", [0, 1, 623, 624, 625, 1247, 1248, 5000])
@pytest.mark.parametrize("normals", [0, 1, 2, 15])
def test_states_are_exchanged(pair, seed, words, normals):
    ours, theirs = pair
    theirs.manual_seed(seed)
    torch.rand(words, generator=theirs)
    torch.randn(normals, generator=theirs, dtype=torch.float64)
    ours.set_state(theirs.get_state().numpy())
    assert ours.initial_seed() == theirs.initial_seed()
    assert same_state(ours, theirs)
    back = torch.Generator()
    back.set_state(torch.from_numpy(ours.get_state()))
    assert same_state(ours, back)
    expected = torch.randn(3, generator=theirs, dtype=torch.float64).numpy()
    np.testing.assert_allclose(random.normal(ours, 3, "float64"), expected, rtol=recorded.FLOAT64)
    assert same_words(ours, theirs)


def test_a_new_generator(pair):
    assert same_state(*pair)
    assert torch.Generator().initial_seed() == random.Generator().initial_seed()


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_out_of_range_are_refused_by_both(pair, seed):
    for generator in pair:
        with pytest.raises(ValueError, match=r"seed from|Overflow when unpacking"):
            generator.manual_seed(seed)


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        *[(dtype, 1.0, 1.0001) for dtype in ("float16", "float32", "float64")],
        *[(dtype, 100.0, 101.0) for dtype in ("float16", "float32", "float64")],
        *[(dtype, 2.0, 2.0) for dtype in ("float16", "float32", "float64")],
        ("float32", -3e38, 0.0),
        ("float32", -1e-45, 1e-45),
        ("float64", -8e307, 8e307),
        ("float64", 1.0, 1.0 + 1e-15),
    ],
)
def test_uniform_at_the_edges(pair, dtype, low, high):
    ours, theirs = pair
    ours.manual_seed(3)
    theirs.manual_seed(3)
    expected = torch.empty(50_000, dtype=getattr(torch, dtype)).uniform_(low, high, generator=theirs).numpy()
    assert np.array_equal(random.uniform(ours, 50_000, dtype, low, high), expected)


@pytest.mark.parametrize("n", [50_000, 300_000])
def test_long_permutations(pair, n):
    ours, theirs = pair
    assert np.array_equal(random.permutation(ours, n), torch.randperm(n, generator=theirs).numpy())


def test_multinomial_of_many(pair):
    ours, theirs = pair
    weights = torch.rand(20_000, generator=torch.Generator().manual_seed(3))
    expected = torch.multinomial(weights, 50_000, True, generator=theirs).numpy()
    assert np.array_equal(random.multinomial(ours, weights.numpy(), 50_000, True), expected)
