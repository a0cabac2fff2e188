"""Random tensors against the live PyTorch: the same numbers from the same seed in every way to ask for them, as much of
the stream consumed, and the same kinds of errors."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch

import mytorch

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
SIZES = ((), (0,), (3,), (15,), (16,), (4, 5), (3, 0, 2), (257,))

# How the targets of fills and "like" tensors lie in memory.
LAYOUTS = {
    "rows": lambda T, dt: T.empty(5, 6, dtype=dt), "transposed": lambda T, dt: T.empty(6, 5, dtype=dt).t(), "with gaps": lambda T, dt: T.empty(5, 12, dtype=dt)[:, ::2],
    "gaps, transposed": lambda T, dt: T.empty(6, 10, dtype=dt)[:, ::2].t(), "three": lambda T, dt: T.empty(4, 3, 5, dtype=dt).permute(2, 0, 1), "ones": lambda T, dt: T.empty(4, 1, 5, dtype=dt).permute(2, 1, 0),
    "images": lambda T, dt: T.empty(2, 3, 4, 5, dtype=dt).to(memory_format=T.channels_last), "few": lambda T, dt: T.empty(2, 3, dtype=dt).t(), "nothing": lambda T, dt: T.empty(0, 3, dtype=dt).t(),
}  # fmt: skip

FILLS = """
uniform_(); uniform_(-2, 5); uniform_(to=3); uniform_(**{"from": -1}); normal_(); normal_(3, 0.1); normal_(mean=-1, std=4); log_normal_(); log_normal_(0, 0.5); exponential_(); exponential_(3); exponential_(lambd=0.5)
cauchy_(); cauchy_(1, 2); cauchy_(median=2); geometric_(0.3); geometric_(p=0.01); bernoulli_(); bernoulli_(0.2); bernoulli_(p=1.0); random_(); random_(7); random_(0, 100); random_(to=50); random_(-1, None); random_(**{"from": 1, "to": 9})
"""
FILLS = [fill.strip() for line in FILLS.strip().splitlines() for fill in line.split(";")]


def both(draw, seed=3):
    """What both libraries draw from one seed; the next numbers must agree, too."""
    found = []
    for library in (mytorch, torch):
        library.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append((draw(library), library.rand(3), library.randn(1)))
            except Exception as error:
                found.append(error)
    return found


def assert_same(found, exact=False):
    ours, theirs = found
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs), f"{ours!r} where PyTorch raises {theirs!r}"
        return
    if isinstance(ours, Exception):
        raise AssertionError(f"refused what PyTorch gives as {theirs[0]!r}") from ours
    a, b = ours[0], theirs[0]
    assert str(a.dtype) == str(b.dtype)
    assert tuple(a.shape) == tuple(b.shape)
    assert a.stride() == b.stride() or not b.numel()
    assert a.requires_grad == b.requires_grad
    tolerance = {torch.float16: 2e-3, torch.float32: 3e-6, torch.complex64: 3e-6}.get(b.dtype, 1e-13)
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
    assert ours[1].tolist() == theirs[1].tolist(), "another part of the stream was consumed"
    assert ours[2].item() == pytest.approx(theirs[2].item(), rel=1e-6)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool", "complex64", "complex128"])
@pytest.mark.parametrize("fill", FILLS)
def test_fills_in_all_layouts(fill, dtype):
    for name, make in LAYOUTS.items():
        if name == "nothing" and dtype not in FLOATS:
            continue  # PyTorch looks at the type only where there is something to draw
        found = both(lambda T: eval(f"x.{fill}", {"x": make(T, getattr(T, dtype))}))  # noqa: B023
        try:
            assert_same(found)
        except AssertionError as error:
            raise AssertionError(f"{fill} in {dtype}, {name}: {error}") from error


@pytest.mark.parametrize("dtype", FLOATS)
def test_bernoulli_with_probabilities_in_all_layouts(dtype):
    for make in LAYOUTS.values():
        shape = tuple(make(torch, torch.float32).shape)
        probabilities = np.linspace(0, 1, math.prod(shape)).astype(dtype).reshape(shape)

        def fill(T):
            return make(T, T.float32).bernoulli_(T.from_numpy(probabilities))  # noqa: B023

        def function(T):
            p = make(T, getattr(T, dtype)).copy_(T.from_numpy(probabilities))  # noqa: B023
            return T.bernoulli(p)

        def method(T):
            return make(T, getattr(T, dtype)).bernoulli(0.25)  # noqa: B023

        for draw in (fill, function, method):
            assert_same(both(draw))


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool", "complex64"])
@pytest.mark.parametrize(
    "call",
    ["rand_like(x)", "randn_like(x)", "randint_like(x, 7)", "randint_like(x, -3, 9)", "randint_like(x, low=1, high=2)"],
)
def test_like_in_all_layouts(call, dtype):
    for name, make in LAYOUTS.items():
        if name == "nothing" and dtype not in FLOATS:
            continue
        assert_same(both(lambda T: eval(f"T.{call}", {"T": T, "x": make(T, getattr(T, dtype))})))  # noqa: B023


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize("name", ["rand", "randn"])
def test_sizes(name, dtype, size):
    assert_same(both(lambda T: getattr(T, name)(size, dtype=getattr(T, dtype))))
    if dtype in FLOATS:
        assert_same(both(lambda T: getattr(T, name)(size=size, dtype=getattr(T, dtype), requires_grad=True)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "call",
    [
        "normal(2.0, 3.0, size, dtype=dtype)", "normal(full(1), 2.0)", "normal(-1.0, full(2))", "normal(full(1), full(2))", "poisson(full(2.5))", "poisson(full(250))",
        "binomial(full(25), full(0.25))", "binomial(full(80), full(0.75))", "bernoulli(full(0.3))",
    ],
)  # fmt: skip
def test_sizes_of_parameters(call, dtype, size):
    def draw(T):
        def full(value):
            return T.full(size, float(value), dtype=getattr(T, dtype))

        return eval(f"T.{call}", {"T": T, "full": full, "size": size, "dtype": getattr(T, dtype)})

    assert_same(both(draw))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(5))
def test_rates_and_probabilities_of_all_kinds(seed, dtype):
    rates = np.concatenate([np.linspace(0, 20, 100), [1e3, 1e5]]).astype(dtype)
    chances = np.concatenate([np.linspace(0, 1, 101), [math.nan]]).astype(dtype)
    trials = np.concatenate([np.arange(100.0), [1e4, 1e6]]).astype(dtype)
    assert_same(both(lambda T: T.poisson(T.from_numpy(rates)), seed))
    assert_same(both(lambda T: T.poisson(T.from_numpy(rates).view(6, 17).t()), seed))
    assert_same(both(lambda T: T.binomial(T.from_numpy(trials), T.from_numpy(chances)), seed))


CALLS = """
T.rand(2, generator=3); T.rand(); T.rand(2, dtype=T.int64); T.rand(-1); T.rand(size=(2,), requires_grad=True); T.rand(2, 3, layout=T.strided, pin_memory=False); T.randn(2, dtype=T.int64); T.randn(2, memory_format=T.contiguous_format)
T.rand(2, device="cpu"); T.rand((2, 3)); T.rand([2, 3]); T.rand(T.Size([4])); T.randn(20, requires_grad=True); T.rand(2, 3, generator=T.Generator().manual_seed(4)); T.randn(17, generator=T.Generator().manual_seed(4))
T.randint(5, 3, (2,)); T.randint(3); T.randint(3, (2,), dtype=T.bool); T.randint(0, 2, (2,), dtype=T.bool); T.randint(0, 2, (2,), dtype=T.complex64); T.randint(0, 300, (2,), dtype=T.uint8); T.randint(-1, 3, (2,), dtype=T.uint8)
T.randint(0, 2**12, (9,), dtype=T.float16); T.randint(3, 2); T.randint(3.5, (2,)); T.randint(0, 0, (2,)); T.randint(high=3, size=(2,)); T.randint(3, size=(2,)); T.randint(1, high=3, size=(2,)); T.randint(low=1, high=3, size=(2,))
T.randint(T.tensor(3), (2,)); T.randint(0, 3, (-2,)); T.randint(0, 3, (2,), requires_grad=True); T.randint(0, 2**24 + 2, (9,), dtype=T.float32); T.randint(0, 2**40, (5,)); T.randint(-(2**63), 2**63 - 1, (5,)); T.randint(0, 9, [3, 2])
T.randint(0, 9, (3,), dtype=T.float64, requires_grad=True); T.randint(2, 9, (3,), generator=T.Generator().manual_seed(1)); T.randint(0, 9, (2,), dtype=T.uint16); T.randint(-2051, 2053, (50,), dtype=T.float16)
T.randperm(-1); T.randperm(2.5); T.randperm(3, dtype=T.float32); T.randperm(300, dtype=T.uint8); T.randperm(300, dtype=T.int8); T.randperm(3000, dtype=T.float16); T.randperm(3, dtype=T.bool); T.randperm(3, dtype=T.complex64)
T.randperm(n=30, requires_grad=False); T.randperm(0); T.randperm(1); T.randperm(20, dtype=T.int16, generator=T.Generator().manual_seed(1))
T.bernoulli(T.tensor([2.0])); T.bernoulli(T.tensor([nan])); T.bernoulli(T.tensor([1])); T.bernoulli(T.tensor([1]), 0.5); T.bernoulli(T.ones(2), p=1.5); T.bernoulli(T.ones(9), 0.5); T.bernoulli(1); T.ones(2).bernoulli()
T.ones(2).bernoulli(0.0); T.ones(2).bernoulli_(2.0); T.ones(2).bernoulli_(nan); T.ones(2).bernoulli_(T.ones(3)); T.ones(2, 3).bernoulli_(T.tensor([0.1, 0.5, 0.9])); T.ones(2).bernoulli_(T.tensor(0.5, dtype=T.float64))
T.ones(2).bernoulli_(T.tensor([1, 0])); T.bernoulli(T.full((5,), 0.5, requires_grad=True)); T.bernoulli(T.full((5,), 0.5), generator=T.Generator().manual_seed(9)); T.ones(3, dtype=T.int64).bernoulli_(T.tensor(0.5))
T.multinomial(T.ones(3), 4); T.multinomial(T.ones(3), 0); T.multinomial(T.ones(3, 3, 3), 1); T.multinomial(T.ones(3, dtype=T.int64), 1); T.multinomial(T.tensor([-1.0, 1.0]), 1); T.multinomial(T.tensor([0.0, 0.0]), 1)
T.multinomial(T.tensor([nan, 0.0]), 1); T.multinomial(T.tensor([inf, 0.0]), 1); T.multinomial(T.tensor([0.0, 0.0]), 1, True); T.multinomial(T.tensor([0.0, 0.0]), 2, True); T.multinomial(T.tensor([[0.0, 0.0], [1, 1]]), 1)
T.multinomial(T.tensor([-1.0, 1.0]), 2, True); T.multinomial(T.tensor([0.0, 1.0]), 2); T.multinomial(T.ones(0), 1); T.multinomial(T.ones(0, 3), 1); T.multinomial(T.ones(0, 3), 2, True); T.multinomial(T.ones(3), 1.5)
T.multinomial(T.tensor(1.0), 1); T.multinomial(input=T.ones(3), num_samples=9, replacement=True); T.ones(4).multinomial(3); T.arange(1.0, 9).view(2, 4).t().multinomial(2); T.arange(1.0, 9, dtype=T.float64).view(2, 4).multinomial(3, True)
T.normal(0.0, 1.0); T.normal(0.0, 1.0, (2,)); T.normal(0, 1, (2,)); T.normal(mean=0.0, std=1.0, size=(2,), dtype=T.float64); T.normal(T.ones(2), T.ones(3)); T.normal(T.ones(2), T.ones(1)); T.normal(T.ones(2), T.ones(2, 2))
T.normal(T.ones(4), T.ones(2, 2)); T.normal(T.ones(2), -1.0); T.normal(T.ones(2), T.tensor([-1.0, 1])); T.normal(T.ones(2, dtype=T.int64), 1.0); T.normal(T.ones(2), T.ones(2, dtype=T.float64)); T.normal(T.ones(2, dtype=T.float64), T.ones(2))
T.normal(T.ones(2), T.ones(2, dtype=T.int64)); T.normal(0.0, T.ones(2, dtype=T.int64)); T.normal(0.0, T.ones(2, dtype=T.float64)); T.normal(0.0, -1.0, (2,)); T.normal(0.0, 1.0, (2,), dtype=T.int64); T.normal(std=T.ones(2))
T.normal(T.ones(2)); T.normal(T.ones(2), 1.0, (2,)); T.normal(0.0, 1.0, size=(2,), requires_grad=True); T.normal(0.0, T.ones(0)); T.normal(T.ones(2, requires_grad=True), T.ones(2)); T.normal(T.ones(4, 5).t(), 1.0); T.normal(0.0, 1.0, (2,), device="cpu")
T.normal(0.0, T.ones(20), generator=T.Generator().manual_seed(2)); T.normal(T.zeros(3), std=2); T.poisson(T.tensor([-1.0])); T.poisson(T.tensor([1])); T.poisson(T.tensor([nan])); T.poisson(T.ones(2, requires_grad=True))
T.poisson(T.ones(4), generator=T.Generator().manual_seed(2)); T.binomial(T.ones(2), T.ones(3) * 0.5); T.binomial(T.ones(2, 1) * 10, T.ones(3) * 0.5); T.binomial(T.ones(2), T.ones(2, dtype=T.float64) * 0.5)
T.binomial(T.tensor([-1.0]), T.tensor([0.5])); T.binomial(T.tensor([1.0]), T.tensor([1.5])); T.binomial(T.tensor([1.0]), T.tensor([nan])); T.binomial(T.tensor([1]), T.tensor([1])); T.binomial(T.ones(2, dtype=T.float16), T.ones(2, dtype=T.float16))
T.ones(2).random_(5, 3); T.ones(2).random_(0); T.ones(2).random_(-3); T.ones(2, dtype=T.uint8).random_(0, 300); T.ones(2, dtype=T.uint8).random_(-1, 3); T.ones(9, dtype=T.float16).random_(0, 4000); T.ones(2, dtype=T.bool).random_(0, 3)
T.ones(9).random_(0, 2**24 + 10); T.ones(9).random_(-(2**24) - 11, 10); T.ones(9).random_(3, 2**25 + 1); T.ones(2, dtype=T.int64).random_(2.5); T.ones(2, dtype=T.int64).random_(-5, None); T.ones(3, dtype=T.uint16).random_(0, 10)
T.ones(2).random_(1, 2, 3); T.ones(2).random_(**{"from": 2}); T.ones(2).uniform_(3, 1); T.ones(2).uniform_(0, inf); T.ones(2).uniform_(0, nan); T.ones(2).uniform_(-3e38, 3e38); T.ones(2, dtype=T.float16).uniform_(0, 1e6); T.ones(2).uniform_(2, to=2)
T.ones(2).uniform_(frm=1); T.ones(2).normal_(0, -1); T.ones(2).normal_(nan, 1); T.ones(2).normal_(1, nan); T.ones(2).normal_(mean=1, std=0); T.ones(2).exponential_(0); T.ones(2).exponential_(-1); T.ones(2).exponential_(inf)
T.ones(2).geometric_(0); T.ones(2).geometric_(1); T.ones(2).geometric_(); T.ones(2).cauchy_(0, -1); T.ones(2).cauchy_(0, 0); T.ones(2).log_normal_(0, -1); T.ones(2).log_normal_(0, 0)
T.ones(2).expand(2, 2).uniform_(); T.ones(1).expand(2, 2).normal_(); T.ones(2, requires_grad=True).uniform_(); T.rand_like(3); T.rand_like(T.ones(2, dtype=T.int64)); T.rand_like(T.ones(2, dtype=T.int64), dtype=T.float64)
T.randint_like(T.ones(2), 3.5); T.randint_like(T.ones(2), 3, 1); T.randint_like(T.ones(2), T.tensor(3)); T.randint_like(T.ones(2)); T.rand_like(T.ones(2), generator=T.Generator().manual_seed(1)); T.rand_like(T.ones(2), requires_grad=True)
T.randn_like(T.ones(2, 3, 4, 5), memory_format=T.channels_last); T.randn_like(T.ones(4, 5).t(), memory_format=T.contiguous_format); T.rand_like(T.ones(2, 3), memory_format=T.channels_last)
T.Generator().manual_seed(2**64); T.Generator().manual_seed("a"); T.Generator().manual_seed(1.5); T.manual_seed(2**64); T.Generator().set_state(T.ones(3)); T.Generator().set_state(T.ones(3, dtype=T.uint8)); T.Generator().set_state(3)
T.set_rng_state(T.ones(3)); T.Generator("cuda"); T.Generator("foo"); T.Generator().manual_seed(7).get_state(); T.get_rng_state(); T.random.get_rng_state(); T.rand(3, generator=T.Generator().manual_seed(7).clone_state())
"""
CALLS = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(";")]


@pytest.mark.parametrize("call", CALLS)
def test_same_outcome(call):
    assert_same(both(lambda T: eval(call, {"T": T, "inf": math.inf, "nan": math.nan})))


def test_gradients_of_what_is_drawn_are_zero():
    def gradients(T):
        mean, std = T.ones(3, requires_grad=True), T.ones(2, 3, requires_grad=True)
        p, rate = (T.full((3,), v, requires_grad=True) for v in (0.5, 4.0))
        drawn = T.normal(mean, std).sum() + T.bernoulli(p).sum() + T.poisson(rate).sum()
        drawn.backward()
        return T.cat([x.grad.reshape(-1) for x in (mean, std, p, rate)])

    assert_same(both(gradients))


def test_a_forked_stream_goes_on_as_if_nothing_had_been_drawn():
    def program(T):
        numbers = [T.rand(2)]
        with T.random.fork_rng():
            numbers += [T.randn(3), T.rand(1)]
            T.manual_seed(9)
            numbers.append(T.rand(2))
        numbers.append(T.rand(2))
        with T.random.fork_rng(enabled=False):
            numbers.append(T.rand(2))
        return T.cat([*numbers, T.rand(2)])

    assert_same(both(program))


def test_states_travel_between_the_libraries():
    mytorch.manual_seed(5)
    mytorch.randn(3)
    torch.set_rng_state(torch.from_numpy(mytorch.get_rng_state().numpy()))
    assert mytorch.rand(700).tolist() == torch.rand(700).tolist()
    generator = mytorch.Generator()
    generator.set_state(mytorch.from_numpy(torch.get_rng_state().numpy()))
    assert mytorch.rand(9, generator=generator).tolist() == torch.rand(9).tolist()
    assert mytorch.random.initial_seed() == torch.random.initial_seed() == generator.initial_seed()
