"""Padding and packing of sequences of different lengths."""

from __future__ import annotations

import pytest

import mytorch as torch
from mytorch.nn.utils import rnn

A, B, C = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0]), torch.tensor([5.0, 6.0])


def test_padding():
    assert rnn.pad_sequence([A, B]).tolist() == [[1, 4], [2, 0], [3, 0]]
    assert rnn.pad_sequence([A, B], batch_first=True, padding_value=-1).tolist() == [[1, 2, 3], [4, -1, -1]]
    assert rnn.pad_sequence([A, B], True, padding_side="left").tolist() == [[1, 2, 3], [0, 0, 4]]
    assert rnn.pad_sequence([torch.ones(1, 2), torch.ones(3, 2)]).shape == (3, 2, 2)
    padded = rnn.pad_sequence([A, B, C])
    assert [s.tolist() for s in rnn.unpad_sequence(padded, torch.tensor([3, 1, 2]))] == [[1, 2, 3], [4], [5, 6]]


def test_packing():
    packed = rnn.pack_sequence([A, B, C], enforce_sorted=False)
    assert packed.data.tolist() == [1, 5, 4, 2, 6, 3]
    assert packed.batch_sizes.tolist() == [3, 2, 1]
    assert (packed.sorted_indices.tolist(), packed.unsorted_indices.tolist()) == ([0, 2, 1], [0, 2, 1])
    padded, lengths = rnn.pad_packed_sequence(packed, padding_value=9, total_length=4, batch_first=True)
    assert padded.tolist() == [[1, 2, 3, 9], [4, 9, 9, 9], [5, 6, 9, 9]]
    assert lengths.tolist() == [3, 1, 2]
    assert [s.tolist() for s in rnn.unpack_sequence(packed)] == [[1, 2, 3], [4], [5, 6]]
    in_order = rnn.pack_sequence([A, C, B])
    assert (in_order.sorted_indices, in_order.unsorted_indices) == (None, None)


def test_types_of_packed_sequences():
    packed = rnn.pack_sequence([A, B])
    assert packed.double().data.dtype == packed.to(torch.float64).data.dtype == torch.float64
    assert packed.float() is packed.cpu() is packed
    assert not packed.is_cuda


def test_gradients_flow_through():
    x = torch.arange(12.0).reshape(2, 3, 2).requires_grad_()
    packed = rnn.pack_padded_sequence(x, torch.tensor([1, 3]), batch_first=True, enforce_sorted=False)
    padded, _ = rnn.pad_packed_sequence(packed, batch_first=True)
    (padded * padded).sum().backward()
    assert x.grad.tolist() == [[[0, 2], [0, 0], [0, 0]], [[12, 14], [16, 18], [20, 22]]]


REFUSED = {
    "nothing": (lambda: rnn.pad_sequence([]), RuntimeError, "empty list"),
    "no sequence": (lambda: rnn.pad_sequence(3), RuntimeError, "Expected iterable"),
    "side": (lambda: rnn.pad_sequence([A], padding_side="up"), RuntimeError, "one of left or right, but got up"),
    "order": (lambda: rnn.pack_sequence([B, A]), RuntimeError, "must be sorted in decreasing order"),
    "length 0": (lambda: rnn.pack_padded_sequence(torch.ones(2, 1), [0]), RuntimeError, "greater than 0"),
    "lengths": (lambda: rnn.pack_padded_sequence(torch.ones(2, 2), [1]), RuntimeError, "equal to batch_size"),
    "total": (
        lambda: rnn.pad_packed_sequence(rnn.pack_sequence([A]), total_length=1),
        ValueError,
        "at least the length",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, error, match = REFUSED[name]
    with pytest.raises(error, match=match):
        call()
