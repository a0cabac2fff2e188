"""Square brackets against NumPy, where the two agree, and the rules of PyTorch where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mytorch as torch

SHAPE = (3, 4, 2)
X = np.arange(24.0).reshape(SHAPE)

basic = arrays.basic_indices(SHAPE, allow_newaxis=True).filter(
    lambda index: all(
        not isinstance(i, slice) or i.step is None or i.step > 0
        for i in (index if isinstance(index, tuple) else (index,))
    )
)


@given(basic)
def test_basic_indices(index):
    np.testing.assert_array_equal(torch.tensor(X)[index].numpy(), X[index])


@given(arrays.integer_array_indices(SHAPE, result_shape=arrays.array_shapes(max_dims=2, min_side=0, max_side=3)))
def test_integer_arrays(index):
    x = torch.tensor(X, requires_grad=True)
    y = x[tuple(torch.tensor(i) for i in index)]
    np.testing.assert_array_equal(y.detach().numpy(), X[index])
    y.sum().backward()
    counts = np.zeros(SHAPE)
    np.add.at(counts, index, 1)
    np.testing.assert_array_equal(x.grad.numpy(), counts)


@given(arrays.arrays(bool, SHAPE) | arrays.arrays(bool, SHAPE[:2]) | arrays.arrays(bool, SHAPE[:1]))
def test_masks(mask):
    x = torch.tensor(X)
    np.testing.assert_array_equal(x[torch.tensor(mask)].numpy(), X[mask])
    expected = X.copy()
    expected[mask] = -1
    x[mask] = -1
    np.testing.assert_array_equal(x.numpy(), expected)


@given(basic, st.booleans())
def test_assigning_to_basic_indices(index, tensor):
    expected = X.copy()
    value = np.arange(float(expected[index].size)).reshape(expected[index].shape) if tensor else 7.0
    expected[index] = value
    x = torch.tensor(X)
    x[index] = torch.tensor(value)
    np.testing.assert_array_equal(x.numpy(), expected)


def test_a_number_beside_a_list_is_a_step_of_its_own():
    """NumPy counts the number among the lists, and moves the result's first dimension."""
    x = torch.tensor(X)
    assert x[0, :, [0, 1]].shape == (4, 2)
    assert X[0, :, [0, 1]].shape == (2, 4)
    assert x[torch.tensor(0), :, [0, 1]].shape == (4, 2)
    assert x[[0], :, [0, 1]].shape == (2, 4)


def test_the_adjoint_adds_up_what_was_picked_twice():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x[[0, 0, 1]].sum().backward()
    assert x.grad.tolist() == [2.0, 1.0]


def test_bytes_are_masks_and_other_types_are_refused():
    x = torch.tensor([1.0, 2.0])
    assert x[torch.tensor([0, 1], dtype=torch.uint8)].tolist() == [2.0]
    for index in (torch.tensor([0.0]), torch.tensor([0], dtype=torch.int8), 1.0, "a", [0.5], None.__class__):
        with pytest.raises(IndexError):
            x[index]


MESSAGES = [
    (5, "index 5 is out of bounds for dimension 0 with size 3"),
    ((0, -5), "index -5 is out of bounds for dimension 1 with size 4"),
    ([0, 7], "index 7 is out of bounds for dimension 0 with size 3"),
    ((0, 0, 0, 0), "too many indices for tensor of dimension 3"),
    (
        np.array([True, False]),
        r"The shape of the mask \[2\] at index 0 does not match the shape of the indexed tensor \[3, 4, 2\] at index 0",
    ),
    (
        (0, np.array([True])),
        r"mask \[1\] at index 0 does not match the shape of the indexed tensor \[3, 4, 2\] at index 1",
    ),
    ("a", "only integers, slices"),
]


@pytest.mark.parametrize(("index", "message"), MESSAGES)
def test_messages(index, message):
    with pytest.raises(IndexError, match=message):
        torch.tensor(X)[index]


def test_steps_must_be_positive():
    with pytest.raises(ValueError, match="step must be greater than zero"):
        torch.ones(3)[::-1]
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        torch.tensor(1.0)[0]


def test_a_list_of_lists_warns():
    with pytest.warns(UserWarning, match=r"x\[tuple\(seq\)\]"):
        found = torch.tensor(X)[[[0, 1], [1, 2]]]
    assert found.shape == (2, 2)


def test_assignment_checks_what_it_gets():
    x = torch.zeros(2, 3)
    with pytest.raises(
        RuntimeError,
        match=r"shape mismatch: value tensor of shape \[2\] cannot be broadcast to indexing result of shape \[3\]",
    ):
        x[0] = torch.ones(2)
    with pytest.raises(TypeError, match=r"can't assign a str to a torch.FloatTensor"):
        x[0] = "a"
    x[0] = np.ones(3)
    x[1, 0] = True
    x[:, 2:] = torch.tensor([[[5.0]]])
    assert x.tolist() == [[1.0, 1.0, 5.0], [1.0, 0.0, 5.0]]
    i = torch.zeros(2, dtype=torch.int64)
    i[0] = 1.7
    assert i.tolist() == [1, 0]


def test_gather_and_scatter_are_each_others_inverse():
    x = torch.tensor(X[0])
    order = x.argsort(0, descending=True)
    assert torch.zeros_like(x).scatter(0, order, x.gather(0, order)).equal(x)
    assert x.take_along_dim(order, 0).equal(x.gather(0, order))


def test_gather_checks():
    x = torch.zeros(2, 3)
    with pytest.raises(RuntimeError, match="index 3 is out of bounds for dimension 1 with size 3"):
        x.gather(1, torch.tensor([[3]]))
    with pytest.raises(RuntimeError, match="same number of dimensions"):
        x.gather(1, torch.tensor([0]))
    with pytest.raises(RuntimeError, match="int32/int64"):
        x.gather(1, torch.zeros(1, 1))


def test_sorting():
    x = torch.tensor([3.0, float("nan"), 1.0, 3.0])
    assert x.sort().indices.tolist() == [2, 0, 3, 1]
    assert x.sort(descending=True).indices.tolist() == [1, 0, 3, 2]
    assert x.topk(2).indices.tolist() == [1, 0]
    assert torch.tensor([4.0, 1.0, 3.0, 2.0]).median().item() == 2.0
    assert torch.tensor([2, 1, 2]).unique().tolist() == [1, 2]
    assert (
        repr(torch.tensor([2, 1]).sort()) == "torch.return_types.sort(\nvalues=tensor([1, 2]),\nindices=tensor([1, 0]))"
    )


def test_masks_with_values():
    x, mask = torch.tensor([[1.0, 2.0]]), torch.tensor([[True], [False]])
    assert x.masked_fill(mask, 9).tolist() == [[9.0, 9.0], [1.0, 2.0]]
    assert x.masked_select(mask).tolist() == [1.0, 2.0]
    with pytest.raises(RuntimeError, match="boolean masks"):
        x.masked_fill(torch.tensor([1]), 0)
    with pytest.raises(RuntimeError, match="0-dimensional value"):
        x.masked_fill(mask, torch.ones(1))


def test_scatter_with_what_is_there():
    x, index = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 0, 2])
    assert torch.scatter(x, 0, index, torch.tensor([10.0, 20.0, 30.0]), reduce="add").tolist() == [31.0, 2.0, 33.0]
    assert torch.scatter(x, 0, index, 2, reduce="multiply").tolist() == [4.0, 2.0, 6.0]
    with pytest.raises(RuntimeError, match="either add or multiply"):
        torch.scatter(x, 0, index, 2, reduce="mean")
    with pytest.raises(NotImplementedError, match="use scatter_reduce"):
        torch.scatter(x.requires_grad_(), 0, index, 2, reduce="add")


def test_tensors_without_dimensions():
    x, zero = torch.tensor(5.0), torch.tensor(0)
    assert torch.scatter(x, 0, zero, torch.tensor(7.0)).item() == 7
    assert torch.scatter_add(x, 0, zero, torch.tensor(7.0)).item() == 12
    assert torch.index_add(x, 0, zero.reshape(1), torch.tensor(7.0), alpha=-1).item() == -2
    with pytest.raises(IndexError, match="tensor has no dimensions"):
        torch.roll(x, 0, 0)


def test_indices_from_the_end_and_empty_ones():
    x = torch.tensor([[1, 2], [3, 4]])
    assert torch.take_along_dim(x, torch.tensor([[-1], [0]]), 1).tolist() == [[2], [3]]
    assert torch.gather(x, 0, torch.zeros((0,), dtype=torch.uint8)).shape == (0,)


def test_numbers_that_do_not_fit():
    x, mask = torch.tensor([1, 2], dtype=torch.uint8), torch.tensor([True, False])
    for value in (256, -1, float("nan"), 1j, torch.tensor(300.0)):
        with pytest.raises(RuntimeError, match="without overflow"):
            x.masked_fill(mask, value)
    assert x.masked_fill(mask, 3.6).tolist() == [3, 2]
