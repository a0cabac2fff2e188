"""Views by strides (`as_strided`, `unfold`), copies with a part replaced (`select_scatter` and its kin), and views that
take the place of the tensor itself (`t_`, `squeeze_`).

A view is made in the tensor's own memory. The gradient has memory of its own, in which `viewing.Geometry` finds the
elements again: those that several windows show get the sum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from mytorch.autograd.application import apply, convert, wrap
from mytorch.autograd.grad_mode import mode
from mytorch.autograd.primitive import TABLE
from mytorch.backend import storage
from mytorch.ops import indexing, pieces, shape, triangle
from mytorch.ops.dims import as_shape, normalize_dim
from mytorch.ops.variant import variant
from mytorch.ops.viewing import Geometry, show

if TYPE_CHECKING:
    from mytorch.tensor import Tensor

__all__ = [
    "as_strided", "as_strided_", "as_strided_scatter", "diagonal_scatter", "select_scatter", "slice_scatter",
    "slice_view", "squeeze_", "t_", "transpose_", "unfold", "unsqueeze_",
]  # fmt: skip

_unfold = variant(TABLE["part"], "unfold", "UnfoldBackward0")
_scatters = {
    name: variant(TABLE["replace_part"], name, "".join(word.capitalize() for word in name.split("_")) + "Backward0")
    for name in ("as_strided_scatter", "select_scatter", "slice_scatter", "diagonal_scatter")
}

# --- views ----------------------------------------------------------------------------------------------------------


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view of the tensor's memory by its geometry alone, whatever the tensor shows of it.

    Args:
        size: the shape of the view.
        stride: for each dimension, how many elements lie between neighbours in memory; 0 repeats one.
        storage_offset: where in memory the view begins, in elements; where the tensor does, if None.

    Raises:
        RuntimeError: the view would reach out of the memory.

    >>> import mytorch
    >>> mytorch.arange(5).as_strided((3, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3],
            [2, 3, 4]])
    """
    array = input.array
    start = storage.offset(array) if storage_offset is None else storage_offset
    return show(storage.as_strided(array, as_shape((size,)), as_shape((stride,)), start), input)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A view of the windows of `size` elements along a dimension, one every `step`; the window is the last dimension.

    Raises:
        RuntimeError: the window is larger than the dimension, or a number is out of range.

    >>> import mytorch
    >>> mytorch.arange(6).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    array = input.array
    axis = normalize_dim(dimension, array.ndim)
    sizes, steps = array.shape or (1,), storage.strides(array) or (1,)
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > sizes[axis]:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {sizes[axis]} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    count = (sizes[axis] - size) // step + 1
    if array.ndim:
        sizes, steps = (
            (*sizes[:axis], count, *sizes[axis + 1 :], size),
            (*steps[:axis], steps[axis] * step, *steps[axis + 1 :], steps[axis]),
        )
    else:
        sizes = (size,)
    return show(storage.as_strided(array, sizes, steps, storage.offset(array)), input, _unfold)


def slice_view(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A view of every `step`-th element from `start` up to `end` along a dimension, as `[start:end:step]` gives it.

    >>> import mytorch
    >>> slice_view(mytorch.arange(6), 0, 1, None, 2)
    tensor([1, 3, 5])
    """
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    axis = normalize_dim(dim, input.array.ndim)
    return indexing.getitem(input, (slice(None),) * axis + (slice(start, end, step),))


# --- copies with a part replaced ------------------------------------------------------------------------------------


def _scatter(name: str, input: Any, src: Any, view: Callable[[Any], Any]) -> Any:
    """A copy of `input` in which the part that `view` shows is `src`."""
    array = input.array
    whole = wrap(np.empty(array.shape, array.dtype) if storage.overlaps(array.shape, array.strides) else array)
    part = view(whole).array
    if part.shape != src.array.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.array.shape)}, "
            f"slice size = {list(part.shape)}"
        )
    return apply(_scatters[name], input, convert(src, array.dtype), geometry=Geometry.of(whole.array, part))


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of the tensor in which what `as_strided` shows is `src`.

    >>> import mytorch
    >>> mytorch.as_strided_scatter(mytorch.zeros(4), mytorch.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    return _scatter("as_strided_scatter", input, src, lambda x: as_strided(x, size, stride, storage_offset))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of the tensor in which what `select` shows is `src`.

    >>> import mytorch
    >>> mytorch.select_scatter(mytorch.zeros(2, 2), mytorch.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _scatter("select_scatter", input, src, lambda x: pieces.select(x, dim, index))


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of the tensor in which the slice `[start:end:step]` along `dim` is `src`.

    >>> import mytorch
    >>> mytorch.slice_scatter(mytorch.zeros(4), mytorch.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    return _scatter("slice_scatter", input, src, lambda x: slice_view(x, dim, start, end, step))


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of the tensor in which what `diagonal` shows is `src`.

    >>> import mytorch
    >>> mytorch.diagonal_scatter(mytorch.zeros(2, 2), mytorch.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _scatter("diagonal_scatter", input, src, lambda x: triangle.diagonal(x, offset, dim1, dim2))


# --- views that take the tensor's place -----------------------------------------------------------------------------

P = ParamSpec("P")


def _in_its_place(view: Callable[P, Any]) -> Callable[P, Any]:
    """The in-place member of a view's family: the tensor itself becomes the view. What else shows its memory does not
    change, but for the change counter.

    >>> import mytorch
    >>> mytorch.zeros(2, 3).t_().shape
    torch.Size([3, 2])
    """

    @functools.wraps(view)
    def become(*args: P.args, **kwargs: P.kwargs) -> Any:
        x: Any = args[0] if args else kwargs["input"]
        if mode.enabled and x.requires_grad and x.node is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        result = view(*args, **kwargs)
        x.array = result.array
        x.changed()
        if mode.enabled:
            x.node = result.node
        return x

    become.__name__ = become.__qualname__ = f"{view.__name__}_"
    become.__doc__ = f"`{view.__name__}` in place: the tensor itself becomes that view."
    return become


as_strided_ = _in_its_place(as_strided)
t_ = _in_its_place(shape.t)
transpose_ = _in_its_place(shape.transpose)
squeeze_ = _in_its_place(shape.squeeze)
unsqueeze_ = _in_its_place(shape.unsqueeze)
