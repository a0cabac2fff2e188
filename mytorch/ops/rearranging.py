"""Joining tensors of different ranks, broadcasting them to one shape, and turning them: put together from `shape`.

Joins and turns copy. `atleast_1d` and its kin, `broadcast_tensors` and `ravel` give views where they can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mytorch.autograd.application import convert, misfit, wrap, wrong_argument
from mytorch.autograd.array import DifferentiableArray
from mytorch.backend.dtypes import common_dtype
from mytorch.ops import padding, shape, triangle
from mytorch.ops.dims import as_shape

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors", "column_stack",
    "constant_pad_nd", "diagflat", "dstack", "fliplr", "flipud", "ravel", "rot90", "sum_to_size",
]  # fmt: skip

# --- at least so many dimensions ------------------------------------------------------------------------------------


def _each(name: str, function: Callable[[Any], Any], tensors: tuple[Any, ...]) -> Any:
    """A tensor for one tensor; a tuple for a sequence or for several arguments."""
    given = tensors[0] if len(tensors) == 1 else tensors
    if isinstance(given, DifferentiableArray):
        return function(given)
    if not isinstance(given, (tuple, list)):
        raise wrong_argument(name, given)
    return tuple([function(x) for x in _all_tensors(name, given)])


def _all_tensors(name: str, values: Any) -> list[Any]:
    """The tensors of a sequence; TypeError if it is none, or holds something else."""
    if not isinstance(values, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(values).__name__}"
        )
    for x in values:
        if not isinstance(x, DifferentiableArray):
            raise wrong_argument(name, x)
    return list(values)


def atleast_1d(*tensors: Any) -> Any:
    """Views with at least one dimension: a tensor for a tensor, a tuple for several.

    >>> import mytorch
    >>> mytorch.atleast_1d(mytorch.tensor(5))
    tensor([5])
    """
    return _each("atleast_1d", lambda x: x if x.array.ndim else shape.reshape(x, 1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Views with at least two dimensions; a vector becomes a row.

    >>> import mytorch
    >>> mytorch.atleast_2d(mytorch.tensor([1, 2]))
    tensor([[1, 2]])
    """

    def widened(x: Any) -> Any:
        if x.array.ndim == 1:
            return shape.unsqueeze(x, 0)
        return x if x.array.ndim else shape.reshape(x, 1, 1)

    return _each("atleast_2d", widened, tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Views with at least three dimensions: (n) becomes (1, n, 1), and (m, n) becomes (m, n, 1).

    >>> import mytorch
    >>> mytorch.atleast_3d(mytorch.zeros(4)).shape
    torch.Size([1, 4, 1])
    """

    def widened(x: Any) -> Any:
        if x.array.ndim == 2:
            return shape.unsqueeze(x, -1)
        if x.array.ndim == 1:
            return shape.unsqueeze(shape.unsqueeze(x, 0), -1)
        return x if x.array.ndim else shape.reshape(x, 1, 1, 1)

    return _each("atleast_3d", widened, tensors)


# --- joining --------------------------------------------------------------------------------------------------------


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined along the second dimension; numbers and vectors are columns.

    >>> import mytorch
    >>> mytorch.column_stack([mytorch.tensor([1, 2]), mytorch.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    parts = _some("column_stack", tensors)
    return shape.cat([shape.reshape(x, -1, 1) if x.array.ndim < 2 else x for x in parts], 1)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors joined along the third dimension, which those of fewer dimensions get first (see `atleast_3d`).

    >>> import mytorch
    >>> mytorch.dstack([mytorch.tensor([1, 2]), mytorch.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return shape.cat([atleast_3d(x) for x in _some("dstack", tensors)], 2)


def _some(name: str, tensors: Any) -> list[Any]:
    parts = _all_tensors(name, tensors)
    if not parts:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return parts


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices along its diagonal and zeros elsewhere; vectors are rows.

    Raises:
        RuntimeError: a tensor has more than two dimensions.

    >>> import mytorch
    >>> mytorch.block_diag(mytorch.tensor([[1], [2]]), mytorch.tensor([3, 4]))
    tensor([[1, 0, 0],
            [2, 0, 0],
            [0, 3, 4]])
    """
    given = _all_tensors("block_diag", tensors)
    for position, x in enumerate(given):
        if x.array.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {position} has "
                f"{x.array.ndim} dimensions"
            )
    common = common_dtype(*[x.array for x in given])
    blocks = [convert(atleast_2d(x), common) for x in given]
    columns, before, rows = sum(x.array.shape[1] for x in blocks), 0, []
    for x in blocks:
        after = columns - before - x.array.shape[1]
        rows.append(padding.pad(x, (before, after)))
        before += x.array.shape[1]
    return shape.cat(rows)


# --- broadcasting ---------------------------------------------------------------------------------------------------


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Views of all tensors in the shape to which they broadcast.

    Raises:
        RuntimeError: the shapes do not fit together.

    >>> import mytorch
    >>> [x.shape for x in mytorch.broadcast_tensors(mytorch.zeros(3), mytorch.zeros(2, 1))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    parts = _all_tensors("broadcast_tensors", given)
    common = _common_shape([x.array.shape for x in parts])
    return tuple([shape.expand(x, common) for x in parts])


def _common_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise misfit("broadcast_tensors", error, *[np.broadcast_to(0, s) for s in shapes]) from None


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape to which tensors of the given shapes broadcast; a number is a shape of one dimension.

    Raises:
        RuntimeError: the shapes do not fit together, or a size is negative.

    >>> import mytorch
    >>> mytorch.broadcast_shapes((2,), (3, 1), 1)
    torch.Size([3, 2])
    """
    wanted = [as_shape((s,)) for s in shapes]
    for sizes in wanted:
        if any(n < 0 for n in sizes):
            raise RuntimeError(f"Trying to create tensor with negative dimension ({min(sizes)}): ({min(sizes)})")
    try:
        common = np.broadcast_shapes(*wanted)
    except ValueError:
        raise RuntimeError(
            f"Shape mismatch: objects cannot be broadcast to a single shape: {', '.join(map(str, wanted))}"
        ) from None
    return wrap(np.broadcast_to(np.int8(0), common)).shape  # a Size: that class lives on a floor above this one


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """The sum over those dimensions that broadcasting a tensor of that size to this one's would repeat.

    Raises:
        RuntimeError: the size does not broadcast to the tensor's shape.

    >>> import mytorch
    >>> mytorch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    wanted, given = as_shape(size), input.array.shape
    extra = len(given) - len(wanted)
    if extra < 0 or any(n not in (1, m) for n, m in zip(wanted, given[extra:], strict=True)):
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(given)}.")
    if not wanted:
        return input.sum()
    summed = [d for d in range(len(given)) if d < extra or wanted[d - extra] != given[d]]
    return shape.reshape(input.sum(tuple(summed)), wanted) if summed else input


# --- turning, padding, flattening -----------------------------------------------------------------------------------


def fliplr(input: Tensor) -> Tensor:
    """A copy with the order of columns (the second dimension) reversed.

    >>> import mytorch
    >>> mytorch.fliplr(mytorch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return shape.flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """A copy with the order of rows (the first dimension) reversed.

    >>> import mytorch
    >>> mytorch.flipud(mytorch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if not input.array.ndim:
        raise RuntimeError("Input must be >= 1-d.")
    return shape.flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """A copy turned `k` times by 90 degrees in the plane of two dimensions, from the first towards the second.

    Raises:
        RuntimeError: `dims` are not two different ones, or one is out of range.

    >>> import mytorch
    >>> mytorch.rot90(mytorch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = input.array.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    for d in dims:
        if not -ndim <= d < ndim:
            raise RuntimeError(f"Rotation dim out of range, dim = {d}")
    first, second = (d % ndim for d in dims)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    turns = k % 4
    if turns == 0:
        return shape.clone(input)
    if turns == 2:
        return shape.flip(input, first, second)
    return shape.transpose(shape.flip(input, second if turns == 1 else first), first, second)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """A border of one value: `nn.functional.pad` in its mode "constant".

    >>> import mytorch
    >>> mytorch.constant_pad_nd(mytorch.tensor([1, 2]), (1, 0), 7)
    tensor([7, 1, 2])
    """
    return padding.pad(input, pad, "constant", value)


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of the tensor along a diagonal.

    >>> import mytorch
    >>> mytorch.diagflat(mytorch.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return triangle.diag(ravel(input), offset)


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view where that is possible.

    >>> import mytorch
    >>> mytorch.ravel(mytorch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return shape.reshape(input, -1)
