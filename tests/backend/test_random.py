"""The random streams without PyTorch: against recorded figures, and properties that need no reference."""

from __future__ import annotations

import copy
import importlib.util
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytorch.backend import counts, random
from mytorch.backend.random import Generator

_PATH = Path(__file__).parents[1] / "golden" / "record_random.py"
_SPEC = importlib.util.spec_from_file_location("record_random", _PATH)
recorded = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(recorded)

seeds = st.integers(-(2**63), 2**64 - 1)
pieces = st.lists(st.integers(0, 700) | st.sampled_from([4095, 4096, 8192, 20000]), max_size=6)


@pytest.fixture(scope="module")
def golden():
    with np.load(recorded.GOLDEN) as arrays:
        return dict(arrays)


def seeded(seed=0):
    return Generator().manual_seed(seed)


def assert_close(ours, theirs, tolerance, what):
    __tracebackhide__ = True
    with np.errstate(invalid="ignore"):
        wrong = ~((ours == theirs) | (np.abs(ours - theirs) <= tolerance * np.maximum(1.0, np.abs(theirs))))
    assert not wrong.any(), f"{what}: {ours[wrong][:3]} where PyTorch has {theirs[wrong][:3]}"


# Against PyTorch's figures


@pytest.mark.parametrize("name", recorded.CASES)
def test_draws_are_pytorchs(golden, name):
    case = recorded.CASES[name]
    for seed, row in zip(recorded.SEEDS, golden[name], strict=True):
        position = 0
        for size in recorded.SIZES:
            generator = seeded(seed)
            values = recorded.sample(case.ours(generator, size))
            expected = row[position : position + len(values)]
            assert_close(values, expected, case.tolerance, f"{name}, seed {seed}, {size} values")
            position += len(values)
            assert random.randint(generator, 1, "int64", 0, 2**28 - 1)[0] == row[position], f"{name}: words consumed"
            position += 1
        assert position == len(row)


def test_states_are_pytorchs_bytes(golden):
    for seed, digests in zip(recorded.SEEDS, golden["states"], strict=True):
        for (words, normals), digest in zip(recorded.STATES, digests, strict=True):
            generator = seeded(seed)
            generator.words(words)
            random.normal(generator, normals, "float64")
            assert recorded.digest(generator.get_state()) == digest, (seed, words, normals)


# The stream


@given(seeds, pieces)
def test_words_do_not_depend_on_the_pieces(seed, sizes):
    whole = seeded(seed).words(sum(sizes))
    generator = seeded(seed)
    parts = [generator.words(size) for size in sizes]
    assert np.array_equal(whole, np.concatenate([np.zeros(0, np.uint32), *parts]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda g, n: random.uniform(g, n, "float32"),
        lambda g, n: random.uniform(g, n, "float64", -1.0, 3.0),
        lambda g, n: random.randint(g, n, "int64", -7, 10**9),
        lambda g, n: random.bernoulli(g, n, "float32", 0.4),
        lambda g, n: random.normal(g, n, "float32", contiguous=False),
    ],
    ids=["uniform32", "uniform64", "randint", "bernoulli", "normal"],
)
@settings(max_examples=30, deadline=None)
@given(seed=seeds, sizes=pieces)
def test_values_do_not_depend_on_the_pieces(draw, seed, sizes):
    whole = draw(seeded(seed), sum(sizes))
    generator = seeded(seed)
    parts = np.concatenate([np.zeros(0, whole.dtype), *[draw(generator, size) for size in sizes]])
    # A few normals take the C library's functions, many take NumPy's: equal but for the last bit.
    np.testing.assert_allclose(parts, whole, rtol=2e-7 if whole.dtype == np.float32 else 0)


@given(seeds, st.integers(0, 1300), st.integers(0, 20))
def test_a_state_continues_the_stream(seed, words, normals):
    generator = seeded(seed)
    generator.words(words)
    random.normal(generator, normals, "float64", contiguous=False)
    other = seeded(1)
    other.set_state(generator.get_state())
    assert other.initial_seed() == generator.initial_seed() == seed % 2**64
    assert (other.cached_normal is None) == (normals % 2 == 0)
    clones = [other, generator.clone_state(), copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))]
    expected = [random.normal(generator, 5, "float64"), generator.words(700), generator.get_state()]
    for clone in clones:
        values = [random.normal(clone, 5, "float64"), clone.words(700), clone.get_state()]
        assert all(np.array_equal(a, b) for a, b in zip(values, expected, strict=True))


def test_the_float_cache_of_a_state_survives():
    state = seeded().get_state()
    state[5048:5052] = np.frombuffer(np.float32(1.5).tobytes(), np.uint8)
    state[5052] = 1
    generator = Generator()
    generator.set_state(state)
    assert np.array_equal(generator.get_state(), state)
    assert not generator.manual_seed(0).get_state()[5040:].any()


def test_a_state_is_a_writable_copy():
    generator = seeded()
    generator.get_state()[:] = 0
    assert generator.initial_seed() == 0
    assert generator.words(1)[0] == 2357136044


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: state[:-1], RuntimeError, "5056 bytes, but got 5055"),
        (lambda state: state.astype(np.float32), TypeError, "uint8, but got float32"),
        (np.zeros_like, RuntimeError, "Invalid mt19937 state"),
        (
            lambda state: np.where(np.arange(5056) == 16, 7, state).astype(np.uint8),
            RuntimeError,
            "Invalid mt19937",
        ),
    ],
    ids=["size", "dtype", "zeros", "index"],
)
def test_bad_states(change, error, message):
    generator = seeded(3)
    with pytest.raises(error, match=message):
        generator.set_state(change(generator.get_state()))
    assert np.array_equal(generator.words(5), seeded(3).words(5))


# Seeds


def test_a_new_generator_has_pytorchs_seed():
    assert Generator().initial_seed() == 67280421310721
    assert str(Generator().device) == "cpu"
    assert "67280421310721" in repr(Generator())


@given(seeds)
def test_low_bits_choose_the_stream(seed):
    assert seeded(seed).initial_seed() == seed % 2**64
    assert np.array_equal(seeded(seed).words(3), seeded(seed % 2**32).words(3))


def test_manual_seed_forgets_the_cached_normal():
    generator = seeded()
    first = random.normal(generator, 1, "float64")
    assert np.array_equal(random.normal(generator.manual_seed(0), 1, "float64"), first)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed):
    with pytest.raises(ValueError, match=r"-2\*\*63 to 2\*\*64 - 1"):
        Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [1.5, "3", None])
def test_seed_of_another_type(seed):
    with pytest.raises(RuntimeError, match=f"integer, but got {type(seed).__name__}"):
        Generator().manual_seed(seed)


def test_a_device_that_is_not_there():
    with pytest.raises(RuntimeError, match="cuda"):
        Generator("cuda")


def test_the_default_generator():
    state = random.default_generator.get_state()
    try:
        assert random.manual_seed(7.0) is random.default_generator
        assert random.initial_seed() == 7
        assert random.seed() == random.initial_seed() != random.seed()
    finally:
        random.default_generator.set_state(state)


# Distributions


def test_integers_that_a_floating_type_skips_are_warned_of():
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-2048, 2048\]"):
        values = random.randint(seeded(), 1000, "float16", 0, 4096)
    assert values.max() <= 4094  # rounding does not lead out of the range
    with pytest.warns(UserWarning, match="from is out of bounds"):
        assert random.randint(seeded(), 1000, "float32", -(2**25) - 1, 0).min() >= -(2**25) - 1


def test_parts_of_complex_numbers_are_drawn_in_turn():
    values = random.uniform(seeded(), (2, 3), "complex64", -1.0, 1.0)
    assert np.array_equal(values.view(np.float32).reshape(-1), random.uniform(seeded(), 12, "float32", -1.0, 1.0))
    assert random.normal(seeded(), 10_000, "complex128").std() == pytest.approx(1, abs=0.02)


@given(seeds, st.lists(st.floats(0, 1e6), max_size=20))
def test_counts_are_whole_and_leave_the_stream_where_it_belongs(seed, rates):
    whole = counts.poisson(seeded(seed), np.array(rates))
    generator = seeded(seed)
    one_by_one = [counts.poisson(generator, np.array([rate]))[0] for rate in rates]
    assert whole.tolist() == one_by_one
    assert (whole >= 0).all()
    assert (whole == whole.round()).all()


@pytest.mark.parametrize("prob", [0.0, 0.003, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("count", [0, 7, 1000])
def test_moments_of_counts(count, prob):
    drawn = counts.binomial(seeded(), np.full(20_000, float(count)), np.full(20_000, prob))
    rates = counts.poisson(seeded(), np.full(20_000, count * prob))
    assert drawn.min() >= 0
    assert drawn.max() <= count
    for values, variance in ((drawn, count * prob * (1 - prob)), (rates, count * prob)):
        assert values.mean() == pytest.approx(count * prob, abs=4 * (variance / 20_000) ** 0.5)
        assert values.var() == pytest.approx(variance, rel=0.1)


def fused(value, scale, offset):
    return float(Fraction(float(value)) * Fraction(scale) + Fraction(offset))


# An offset some 16 digits below the product can only break a tie, and the error terms together do not hold that.
@given(seeds, st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3) | st.just(0.0), st.floats(1e-3, 1e3))
def test_float64_is_scaled_with_one_rounding(seed, low, width):
    high = low + width
    values = random.uniform(seeded(seed), 5, "float64", low, high)
    expected = [fused(value, high - low, low) for value in random.uniform(seeded(seed), 5, "float64")]
    assert values.tolist() == [low if value >= high else value for value in expected]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_uniform_stays_below_its_end(dtype):
    low, high = np.array([1.0, 1.0], dtype) + np.array([0.0, 4 * np.finfo(dtype).eps], dtype)
    values = random.uniform(seeded(), 1000, dtype, float(low), float(high))
    assert values.min() == low
    assert values.max() < high
    assert random.uniform(seeded(), 100000, dtype).max() < 1
    assert (random.uniform(seeded(), 9, dtype, 2.0, 2.0) == 2.0).all()


def test_a_uniform_over_nearly_all_numbers():
    values = random.uniform(seeded(), 1000, "float64", -8e307, 8e307)
    assert np.isfinite(values).all()
    assert (values / 1e308).std() == pytest.approx(1.6 / 12**0.5, rel=0.05)


@given(seeds, st.integers(0, 300))
def test_permutation_is_fisher_yates(seed, n):
    expected = list(range(n))
    for step, word in enumerate(seeded(seed).words(max(n - 1, 0)).tolist()):
        partner = step + word % (n - step)
        expected[step], expected[partner] = expected[partner], expected[step]
    assert random.permutation(seeded(seed), n).tolist() == expected


def test_permutation_of_many():
    order = random.permutation(seeded(), 100_000, "int32")
    assert order.dtype == np.int32
    assert np.array_equal(np.sort(order), np.arange(100_000))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), 7, (2, 3), (4, 5, 2)])
@pytest.mark.parametrize(
    "draw",
    [
        random.uniform,
        random.normal,
        random.exponential,
        random.cauchy,
        random.log_normal,
        random.random_full,
        lambda *args: random.bernoulli(*args, 0.5),
        lambda *args: random.dropout_mask(*args, 0.5),
        lambda *args: random.geometric(*args, 0.5),
        lambda *args: random.randint(*args, 0, 5),
    ],
)
def test_shapes(draw, shape):
    values = draw(seeded(), shape, "float32")
    assert isinstance(values, np.ndarray)
    assert values.shape == (shape if isinstance(shape, tuple) else (shape,))
    assert values.dtype == np.float32
    assert values.flags.writeable
    assert np.array_equal(values.reshape(-1), draw(seeded(), values.size, "float32"))


def test_dropout_keeps_the_mean_and_draws_nothing_at_its_ends():
    generator = seeded()
    assert (random.dropout_mask(generator, (2, 3), "float32", 0.0) == 1).all()
    assert (random.dropout_mask(generator, (2, 3), "float32", 1.0) == 0).all()
    assert np.array_equal(generator.get_state(), seeded().get_state())
    mask = random.dropout_mask(generator, 100_000, "float16", 0.3)
    assert set(np.unique(mask)) == {np.float16(0), np.float16(1 / 0.7)}
    assert mask.mean(dtype=np.float64) == pytest.approx(1, abs=0.01)


def test_dropout_is_bernoulli_of_what_is_kept():
    mask = random.dropout_mask(seeded(), 1000, "float64", 0.3)
    assert np.array_equal(mask, random.bernoulli(seeded(), 1000, "float64", 0.7) / 0.7)


def test_bernoulli_broadcasts_its_probabilities():
    values = random.bernoulli(seeded(), (4, 3), "int64", np.array([0.0, 0.5, 1.0]))
    assert values[:, 0].tolist() == [0] * 4
    assert values[:, 2].tolist() == [1] * 4


def test_normal_of_arrays_broadcasts():
    values = random.normal(seeded(), (2, 3), "float64", np.array([[10.0], [20.0]]), np.array([0.0, 0.0, 1e-9]))
    assert values.round(3).tolist() == [[10.0] * 3, [20.0] * 3]


def test_multinomial_takes_no_impossible_category():
    weights = np.array([[0.0, 1.0, 0.0, 3.0], [2.0, 0.0, 2.0, 0.0]])
    for replacement, count in ((False, 2), (True, 50)):
        picks = random.multinomial(seeded(), weights, count, replacement)
        assert picks.shape == (2, count)
        assert set(picks[0]) == {1, 3}
        assert set(picks[1]) == {0, 2}
    # Without replacement the impossible ones come last.
    assert sorted(random.multinomial(seeded(), weights[0], 4)[:2]) == [1, 3]


def test_multinomial_frequencies():
    picks = random.multinomial(seeded(), np.array([1.0, 2.0, 5.0], np.float32), 80_000, replacement=True)
    np.testing.assert_allclose(np.bincount(picks) / 10_000, [1, 2, 5], rtol=0.03)


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (lambda g: random.uniform(g, 2, "float32", 2, 1), RuntimeError, "from=2 > to=1"),
        (lambda g: random.uniform(g, 2, "float32", 0, 1e39), RuntimeError, "to is out of bounds for float32"),
        (lambda g: random.uniform(g, 2, "float64", float("nan"), 1), RuntimeError, "from is out of bounds for float64"),
        (lambda g: random.uniform(g, 2, "int64"), NotImplementedError, "not implemented for 'Long'"),
        (lambda g: random.uniform(g, 2, "float32", -3e38, 3e38), RuntimeError, "to=3e[+]38 and from=-3e[+]38"),
        (lambda g: random.normal(g, 2, "float32", 0, -1), RuntimeError, "found std -1"),
        (lambda g: random.normal(g, 2, "float32", 0.0, np.array([1.0, -2.0])), RuntimeError, "all elements of std"),
        (lambda g: random.normal(g, 2, "int8"), NotImplementedError, "not implemented for 'Char'"),
        (lambda g: random.log_normal(g, 2, "bool"), NotImplementedError, "not implemented for 'Bool'"),
        (lambda g: random.log_normal(g, 2, "float32", 0, 0), RuntimeError, "found std=0"),
        (lambda g: random.exponential(g, 2, "float32", 0), RuntimeError, "found lambda=0"),
        (lambda g: random.exponential(g, 2, "int32"), RuntimeError, "continuous .* you specified Int"),
        (lambda g: random.cauchy(g, 2, "int32"), RuntimeError, "continuous .* you specified Int"),
        (lambda g: random.cauchy(g, 2, "float32", 0, 0), RuntimeError, "found sigma=0"),
        (lambda g: random.geometric(g, 2, "float32", 1.0), RuntimeError, "got p=1.0"),
        (lambda g: random.bernoulli(g, 2, "float32", 1.5), RuntimeError, "got p=1.5"),
        (lambda g: random.bernoulli(g, 2, "float32", np.array([0.5, np.nan])), RuntimeError, "got p="),
        (lambda g: random.bernoulli(g, 2, "float32", np.array([0, 1])), NotImplementedError, "for 'Long'"),
        (lambda g: random.bernoulli(g, 2, "complex64", 0.5), NotImplementedError, "for 'ComplexFloat'"),
        (lambda g: random.geometric(g, 2, "bool", 0.5), NotImplementedError, "for 'Bool'"),
        (lambda g: random.random_full(g, 2, "complex64"), NotImplementedError, "for 'ComplexFloat'"),
        (lambda g: random.randint(g, 2, "complex64", 0, 2), RuntimeError, "only integral, floating-point and boolean"),
        (lambda g: random.dropout_mask(g, 2, "float32", -0.1), ValueError, "between 0 and 1, but got -0.1"),
        (lambda g: random.randint(g, 2, "int64", 3, 3), RuntimeError, "from=3 >= to=3"),
        (
            lambda g: random.randint(g, 2, "uint8", 0, 257),
            RuntimeError,
            "to - 1 is out of bounds for uint8",
        ),
        (lambda g: random.randint(g, 2, "bool", -1, 2), RuntimeError, "from is out of bounds for bool"),
        (lambda g: random.permutation(g, -1), RuntimeError, "negative dimension -1"),
        (lambda g: random.permutation(g, 300, "uint8"), RuntimeError, "greater than 256 for uint8"),
        (lambda g: random.permutation(g, 3, "bool"), NotImplementedError, "for 'Bool'"),
        (lambda g: random.permutation(g, 214_748_364), NotImplementedError, "limited to 214748363"),
        (lambda g: random.multinomial(g, np.ones((2, 2, 2)), 1), RuntimeError, "must be 1 or 2 dim, but has 3"),
        (
            lambda g: random.multinomial(g, np.ones(2, int), 1),
            RuntimeError,
            "floating-point dtypes for input, got: Long",
        ),
        (lambda g: random.multinomial(g, np.ones(2), 0), RuntimeError, "n_sample <= 0"),
        (lambda g: random.multinomial(g, np.ones(2), 3), RuntimeError, "without replacement: 3 > 2"),
        (lambda g: random.multinomial(g, np.array([1.0, -1.0]), 1), RuntimeError, "element < 0"),
        (lambda g: random.multinomial(g, np.array([1.0, np.inf]), 1), RuntimeError, "`inf`"),
        (
            lambda g: random.multinomial(g, np.zeros((1, 2)), 1, True),
            RuntimeError,
            "sum of probabilities <= 0",
        ),
    ],
)
def test_errors_name_the_value_and_draw_nothing(draw, error, message):
    generator = seeded()
    with pytest.raises(error, match=message):
        draw(generator)
    assert np.array_equal(generator.get_state(), seeded().get_state())
