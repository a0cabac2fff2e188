"""Making tensors, without PyTorch: choice of types, ranges, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mytorch as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"), (1.5, "float32"), (True, "bool"), (1j, "complex64"), ([], "float32"), ([1, 2.5], "float32"), ([True, 2], "int64"), (np.float64(1), "float64"),
        (np.ones(2), "float64"), (np.ones(2, np.int16), "int16"), ([np.float32(1)], "float32"), (range(3), "int64"), ((1, 2), "int64"), ([[1], [2]], "int64"),
    ],
)  # fmt: skip
def test_types_are_chosen_as_by_pytorch(data, dtype):
    assert torch.tensor(data).dtype is getattr(torch, dtype)


def test_the_default_type_can_be_changed():
    torch.set_default_dtype(torch.float64)
    assert torch.get_default_dtype() is torch.float64
    for x in (
        torch.tensor(1.5),
        torch.zeros(2),
        torch.arange(0.5),
        torch.linspace(0, 1, 2),
        torch.eye(2),
        torch.rand(2),
        torch.full((1,), 0.5),
    ):
        assert x.dtype is torch.float64
    assert torch.tensor(1j).dtype is torch.complex128
    with pytest.raises(TypeError, match="only floating-point types"):
        torch.set_default_dtype(torch.int64)


def test_tensors_and_arrays_inside_sequences():
    assert torch.tensor([torch.tensor(1), torch.tensor(2.5)]).tolist() == [1.0, 2.5]
    assert torch.tensor([torch.ones(2), torch.zeros(2)]).shape == (2, 2)
    assert torch.tensor([np.ones(2), np.zeros(2)]).dtype is torch.float64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: torch.tensor("a"), TypeError, "expected numbers or nested sequences of numbers, got str: 'a'"),
        (lambda: torch.tensor([1, None]), TypeError, "expected numbers"),
        (lambda: torch.tensor([[1, 2], [3]]), ValueError, r"one length, but there are lengths \[1, 2\]"),
        (lambda: torch.tensor(2**64), RuntimeError, "does not fit into 64 bits"),
        (lambda: torch.tensor([300], dtype=torch.uint8), RuntimeError, "cannot be converted to type uint8 without overflow"),
        (lambda: torch.tensor([float("nan")], dtype=torch.int64), RuntimeError, "without overflow"),
        (lambda: torch.tensor(1, dtype="float32"), TypeError, "dtype must be a torch.dtype"),
        (lambda: torch.tensor(np.array(["a"])), TypeError, "can't convert a NumPy array of type <U1"),
        (lambda: torch.from_numpy([1]), TypeError, r"expected np.ndarray \(got list\)"),
        (lambda: torch.from_numpy(np.array([1], np.uint32)), TypeError, "The only supported types are: float16"),
        (lambda: torch.zeros(-1), RuntimeError, "negative dimension -1"),
        (lambda: torch.zeros(1.5), TypeError, "sizes as integers"),
        (lambda: torch.zeros(2, dtyp=torch.int64), TypeError, "unexpected keyword argument 'dtyp'"),
        (lambda: torch.arange(), TypeError, "takes an end"),
        (lambda: torch.arange(0, 3, 0), RuntimeError, "step must be nonzero"),
        (lambda: torch.arange(3, 0), RuntimeError, "inconsistent with step sign"),
        (lambda: torch.linspace(0, 1, -1), RuntimeError, "non-negative"),
        (lambda: torch.eye(-1), RuntimeError, "greater or equal to 0"),
        (lambda: torch.ones_like(3), TypeError, "must be Tensor, not int"),
        (lambda: torch.scalar_tensor("a"), TypeError, "must be Number"),
        (lambda: torch.full((2,), "a"), TypeError, "expected a number, got str"),
        (lambda: torch.ones(1, device="tpu"), RuntimeError, "device type at start of device string: tpu"),
        (lambda: torch.randint(5, 3, (2,)), RuntimeError, "to be less than"),
        (lambda: torch.randint(3), TypeError, "upper bound"),
        (lambda: torch.normal(0.0, 1.0), TypeError, "size is needed"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5))
def test_arange_of_integers_is_pythons_range(start, end, step):
    if step and (end - start) * step >= 0:
        assert torch.arange(start, end, step).tolist() == list(range(start, end, step))


@given(st.floats(-10, 10), st.floats(-10, 10), st.integers(0, 50))
def test_linspace_has_its_ends_and_equal_steps(start, end, steps):
    x = torch.linspace(start, end, steps, dtype=torch.float64)
    assert x.shape == (steps,)
    if steps > 1:
        assert (x[0].item(), x[-1].item()) == (start, end)
        np.testing.assert_allclose(np.diff(x.numpy()), (end - start) / (steps - 1), atol=1e-12)


def test_shapes_are_given_in_any_way():
    for x in (
        torch.zeros(2, 3),
        torch.zeros((2, 3)),
        torch.zeros([2, 3]),
        torch.zeros(torch.Size([2, 3])),
        torch.zeros(size=(2, 3)),
        torch.ones(np.int64(2), 3),
    ):
        assert x.shape == (2, 3)
    assert torch.zeros(()).shape == torch.tensor(0.0).shape == ()


def test_like():
    x = torch.tensor([[1, 2]])
    for make, value in ((torch.zeros_like, 0), (torch.ones_like, 1)):
        assert make(x).tolist() == [[value, value]]
        assert make(x, dtype=torch.float64, requires_grad=True).requires_grad
    assert torch.full_like(x, 3.7).tolist() == [[3, 3]]
    assert torch.empty_like(x).dtype is torch.int64
    for make in (torch.rand_like, torch.randn_like):
        assert make(torch.zeros(2, dtype=torch.float64)).dtype is torch.float64
    assert torch.randint_like(torch.zeros(3), 5, 6).tolist() == [5.0, 5.0, 5.0]


def test_random_tensors_repeat_with_the_seed():
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        draws.append(
            [
                torch.rand(3),
                torch.randn(20),
                torch.randint(10, (4,)),
                torch.randperm(5),
                torch.bernoulli(torch.full((5,), 0.5)),
                torch.multinomial(torch.ones(4), 2),
                torch.normal(torch.zeros(2), 1.0),
            ]
        )
    for a, b in zip(*draws, strict=True):
        assert a.equal(b)
    assert torch.initial_seed() == 5
    state = torch.get_rng_state()
    a = torch.rand(3)
    torch.set_rng_state(state)
    assert a.equal(torch.rand(3))
    assert torch.randint(low=2, high=3, size=(2,)).tolist() == [2, 2]


def test_requires_grad_from_the_start():
    for x in (
        torch.tensor([1.0], requires_grad=True),
        torch.zeros(1, requires_grad=True),
        torch.rand(1, requires_grad=True),
        torch.full((1,), 1.0, requires_grad=True),
        torch.eye(1, requires_grad=True),
    ):
        assert x.requires_grad
        assert x.is_leaf
