"""Sequences of different lengths: padded to one tensor, or packed, time step by time step, without the padding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np

from mytorch.autograd.application import wrap
from mytorch.ops.shape import cat, stack
from mytorch.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any = None
    unsorted_indices: Any = None


class PackedSequence(_Fields):
    """Sequences, longest first, interleaved: all their first elements, then all their second ones ...

    - `data`: the elements, (sum of the lengths, ...).
    - `batch_sizes`: how many sequences are that long, for each time step; int64.
    - `sorted_indices`: where each of the sorted sequences stood in the batch, or None if that was in order.
    - `unsorted_indices`: the way back.
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Any) -> Self:
        return self if data is self.data else type(self)(data, *self[1:])

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same with its data in another type; see `Tensor.to`."""
        return self._with(self.data.to(*args, **kwargs))

    def cpu(self) -> Self:
        """Where it is already."""
        return self

    def float(self) -> Self:
        """The same with its data as float32."""
        return self._with(self.data.float())

    def double(self) -> Self:
        """The same with its data as float64."""
        return self._with(self.data.double())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return bool(self.data.is_cuda)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one.

    >>> import mytorch
    >>> invert_permutation(mytorch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else wrap(np.argsort(permutation.array))


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences of shape (length, ...) as one tensor (longest, number, ...), filled up with one value.

    Args:
        batch_first: (number, longest, ...) instead.
        padding_side: where the value is filled in, "right" or "left".

    >>> import mytorch
    >>> pad_sequence([mytorch.tensor([1, 2, 3]), mytorch.tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    given = list(sequences)
    if not given:
        raise RuntimeError("received an empty list of sequences")
    longest = max(s.array.shape[0] for s in given)
    rows = []
    for s in given:
        filling = s.new_full((longest - s.array.shape[0], *s.array.shape[1:]), padding_value)
        rows.append(s if not filling.array.shape[0] else cat([filling, s] if padding_side == "left" else [s, filling]))
    return stack(rows, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences that `pad_sequence` put together, given their lengths.

    >>> import mytorch
    >>> unpad_sequence(mytorch.tensor([[1, 2, 3], [4, 0, 0]]), mytorch.tensor([3, 1]), batch_first=True)
    [tensor([1, 2, 3]), tensor([4])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(length)] for row, length in zip(rows, lengths, strict=True)]


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences (longest, number, ...) without their padding.

    Args:
        lengths: of each sequence, a tensor or a list.
        batch_first: the input is (number, longest, ...).
        enforce_sorted: the sequences are in order, longest first; else they are sorted, and `sorted_indices` is kept.

    Raises:
        RuntimeError: they are not in order, a length is not positive, or there are not as many lengths as sequences.

    >>> import mytorch
    >>> packed = pack_padded_sequence(mytorch.tensor([[1, 2, 3], [4, 0, 0]]), [3, 1], batch_first=True)
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """
    sizes = np.asarray([int(n) for n in lengths], dtype=np.int64)
    steps_first = input.transpose(0, 1) if batch_first else input
    if sizes.size != steps_first.array.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {sizes.size} (batch_size="
            f"{steps_first.array.shape[1]})"
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
        steps_first = steps_first.index_select(1, wrap(order))
    elif (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if (sizes <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    still_there = np.arange(sizes[0])[:, None] < sizes  # (step, sequence)
    data = steps_first[: int(sizes[0])][wrap(still_there)]
    return PackedSequence(data, wrap(still_there.sum(1)), None if order is None else wrap(order))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The padded sequences, in the order they had before they were packed, and their lengths.

    Args:
        total_length: pad to this length instead of that of the longest.

    Raises:
        ValueError: `total_length` is less than that.

    >>> import mytorch
    >>> packed = pack_sequence([mytorch.tensor([4]), mytorch.tensor([1, 2])], enforce_sorted=False)
    >>> pad_packed_sequence(packed, batch_first=True)
    (tensor([[4, 0],
            [1, 2]]), tensor([1, 2]))
    """
    counts = sequence.batch_sizes.array
    steps = len(counts)
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got total_length"
                f"={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    lengths = (np.arange(counts[0]) < counts[:, None]).sum(0)
    still_there = np.arange(steps)[:, None] < lengths
    data = sequence.data
    padded = data.new_full((steps, int(counts[0]), *data.array.shape[1:]), padding_value)
    padded[wrap(still_there)] = data
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.array]
    return (padded.transpose(0, 1) if batch_first else padded), wrap(lengths)


def pack_sequence(sequences: Iterable[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences of shape (length, ...) packed; see `pack_padded_sequence`."""
    given = list(sequences)
    return pack_padded_sequence(pad_sequence(given), [s.array.shape[0] for s in given], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in the order they had."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
