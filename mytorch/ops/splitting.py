"""Taking a tensor apart along a dimension at given places, under NumPy's and PyTorch's older names.

The parts are views, as those of `split` and `chunk` in `mytorch.ops.pieces`, which this file is built on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mytorch.backend.dtypes import of
from mytorch.ops import pieces
from mytorch.ops.dims import normalize_dim

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "dsplit", "hsplit", "split_with_sizes", "tensor_split", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes",
    "vsplit",
]  # fmt: skip

Places = int | Sequence[int]


def tensor_split(
    input: Tensor, indices_or_sections: Any = None, dim: int = 0, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views of consecutive parts along `dim`.

    Args:
        indices_or_sections: how many parts of about equal size (the first ones may be larger by one), or the places to
            cut at; a tensor of int64 does for either. `indices` and `sections` are other names for it.

    Raises:
        RuntimeError: no tensor dimension to split, no positive number of parts, or places that are no int64 vector.

    >>> import mytorch
    >>> mytorch.tensor_split(mytorch.tensor([1, 2, 3]), 2), mytorch.tensor_split(mytorch.tensor([1, 2, 3]), (1,))
    ((tensor([1, 2]), tensor([3])), (tensor([1]), tensor([2, 3])))
    """
    if not input.array.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    axis = normalize_dim(dim, input.array.ndim)
    places: Any = next((p for p in (indices_or_sections, indices, sections) if p is not None), None)
    raw = getattr(places, "array", None)
    if raw is not None:
        if raw.dtype != "int64" or raw.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor "
                f"of long dtype, but got one of {raw.ndim} dimensions and {of(raw.dtype)}"
            )
        places = raw.tolist()
    size = input.array.shape[axis]
    if isinstance(places, int):
        if places <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {places}")
        small, larger = divmod(size, places)
        return pieces.split(input, [small + (i < larger) for i in range(places)], axis)
    if not isinstance(places, (tuple, list)):
        raise TypeError(
            "tensor_split(): argument 'indices_or_sections' must be int, tuple of ints or Tensor, not "
            f"{type(places).__name__}"
        )
    cuts = [slice(*pair).indices(size) for pair in zip([0, *places], [*places, size], strict=True)]
    return tuple([pieces.narrow(input, axis, start, max(stop - start, 0)) for start, stop, _ in cuts])


def hsplit(input: Tensor, indices_or_sections: Places) -> tuple[Tensor, ...]:
    """Views of parts along the second dimension, or along a vector's only one. See `tensor_split`.

    Raises:
        RuntimeError: the tensor is 0-d, or its size is no multiple of the number of parts.

    >>> import mytorch
    >>> mytorch.hsplit(mytorch.tensor([[1, 2, 3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_evenly("hsplit", input, indices_or_sections, 0 if input.array.ndim == 1 else 1, 1)


def vsplit(input: Tensor, indices_or_sections: Places) -> tuple[Tensor, ...]:
    """Views of parts along the first dimension of at least two. See `tensor_split`.

    Raises:
        RuntimeError: the tensor has too few dimensions, or its size is no multiple of the number of parts.

    >>> import mytorch
    >>> mytorch.vsplit(mytorch.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_evenly("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input: Tensor, indices_or_sections: Places) -> tuple[Tensor, ...]:
    """Views of parts along the third dimension. See `tensor_split`.

    Raises:
        RuntimeError: the tensor has too few dimensions, or its size is no multiple of the number of parts.

    >>> import mytorch
    >>> [part.shape for part in mytorch.dsplit(mytorch.zeros(1, 2, 5), (1, 3))]
    [torch.Size([1, 2, 1]), torch.Size([1, 2, 2]), torch.Size([1, 2, 2])]
    """
    return _split_evenly("dsplit", input, indices_or_sections, 2, 3)


def _split_evenly(name: str, input: Any, places: Any, axis: int, least: int) -> tuple[Any, ...]:
    """`tensor_split` with the check that all sections have one size."""
    shape = input.array.shape
    if len(shape) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension{'s'[: least - 1]}, but got a tensor with "
            f"{len(shape)} dimensions!"
        )
    if isinstance(places, int) and (places <= 0 or shape[axis] % places):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {axis}, but the size of the dimension {shape[axis]} is "
            f"not divisible by the split_size {places}!"
        )
    return tensor_split(input, places, axis)


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive parts of the given sizes along `dim`: `split` with a list.

    >>> import mytorch
    >>> mytorch.split_with_sizes(mytorch.tensor([1, 2, 3]), [1, 2])
    (tensor([1]), tensor([2, 3]))
    """
    return pieces.split(input, list(split_sizes), dim)


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`split` with one size. PyTorch does not count its parts as views of each other; here there is no difference.

    >>> import mytorch
    >>> mytorch.unsafe_split(mytorch.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    return pieces.split(input, split_size, dim)


def unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """`split_with_sizes`; see `unsafe_split`.

    >>> import mytorch
    >>> mytorch.unsafe_split_with_sizes(mytorch.tensor([1, 2, 3]), [1, 2])
    (tensor([1]), tensor([2, 3]))
    """
    return split_with_sizes(input, split_sizes, dim)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunk`; see `unsafe_split`.

    >>> import mytorch
    >>> mytorch.unsafe_chunk(mytorch.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    return pieces.chunk(input, chunks, dim)
